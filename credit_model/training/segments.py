"""Calibration by segment: whether the probability is right for parts of the population, not only on average."""

from itertools import pairwise

import numpy as np
import polars as pl
from scipy.stats import binomtest

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.training.dataset import Dataset
from credit_model.training.sample import groups
from credit_model.training.train import Trained

MISSING, OTHER = "(missing)", "(others)"
MOST_LEVELS, MOST_ATTRIBUTES, PARTS = 6, 5, 3
WITHOUT_ATTRIBUTES = ("tenure", "transaction_count")
COLUMNS = {
    "segment": pl.String(),
    "value": pl.String(),
    "decisions": pl.Int64(),
    "bads": pl.Int64(),
    "bad_rate": pl.Float64(),
    "bad_rate_low": pl.Float64(),
    "bad_rate_high": pl.Float64(),
    "mean_probability": pl.Float64(),
    "observed_to_expected": pl.Float64(),
}


def by_segment(dataset: Dataset, probability: FloatArray) -> pl.DataFrame:
    """Bad rate against mean probability, by group, by attribute, or by history.

    Segments are the values of each column of groups, and the terciles or levels of up to five attributes; without
    attributes the terciles of the history's length (``tenure``) and of its number of transactions.

    Args:
        dataset: the decisions.
        probability: of bad, shape (n,); decisions where it is NaN are left out.

    Returns:
        One row per value of a segment, with the columns of ``COLUMNS``; the interval of the bad rate is Wilson's, 95 %.
    """
    rows = ~np.isnan(probability)
    bad, risk = dataset.bad[rows], probability[rows]
    table = [
        _row(name, value, bad[members.to_numpy()], risk[members.to_numpy()])
        for name, values in _segments(dataset, pl.Series(rows)).items()
        for value, members in _members(values).items()
    ]
    return pl.DataFrame(table, schema=COLUMNS, orient="row")


def inputs_telling(column: str, trained: Trained) -> list[str]:
    """Inputs of the model whose value tells a group of every decision, though not every decision has a value of its own.

    Args:
        column: name of the column of groups.
        trained: the model.
    """
    group, features = groups(trained.dataset.decisions)[column], trained.dataset.features
    return [name for name in trained.scorer.classifier.inputs if _tells(features[name], group)]


def _tells(values: pl.Series, group: pl.Series) -> bool:
    pairs = pl.DataFrame({"value": values, "group": group})
    distinct = values.n_unique()
    return distinct <= len(values) // 2 and group.n_unique() > 1 and pairs.n_unique() == distinct


def _segments(dataset: Dataset, rows: pl.Series) -> dict[str, pl.Series]:
    features, attributes = dataset.features, dataset.catalogue.attributes
    names = [a.name for a in attributes if a.name in features.columns][:MOST_ATTRIBUTES]
    names = names or [name for name in WITHOUT_ATTRIBUTES if name in features.columns]
    segments = groups(dataset.decisions) | {name: features[name] for name in names}
    return {name: values.filter(rows) for name, values in segments.items()}


def _members(values: pl.Series) -> dict[str, pl.Series]:
    """For each value or tercile, in order, which cases have it; those without any come last."""
    if values.dtype == pl.String:
        texts = _levels(values)
        names = sorted(texts.drop_nulls().unique().to_list(), key=lambda name: (name == OTHER, name))
    else:
        texts, names = _terciles(values.cast(pl.Float64))
    members = {name: (texts == name).fill_null(value=False) for name in names}
    there = {name: inside for name, inside in members.items() if inside.any()}
    return there | ({MISSING: texts.is_null()} if texts.null_count() else {})


def _levels(values: pl.Series) -> pl.Series:
    """The most frequent levels; the others as one."""
    counts = values.drop_nulls().value_counts().sort(["count", values.name], descending=[True, False])
    frequent = counts.filter(pl.col("count") >= metrics.LEAST_CASES)[values.name].head(MOST_LEVELS)
    kept = values.is_in(frequent.implode())
    return values.to_frame("v").select(
        pl.when(pl.col("v").is_null() | kept).then("v").otherwise(pl.lit(OTHER))
    )["v"]


def _terciles(values: pl.Series) -> tuple[pl.Series, list[str]]:
    """The range of the third that each number lies in, and the ranges from the lowest numbers up."""
    numbers = values.drop_nulls().to_numpy()
    edges = np.unique(np.quantile(numbers, [1 / PARTS, 2 / PARTS])) if len(numbers) else np.zeros(0)
    bounds = [f"{edge:.6g}" for edge in edges]
    between = [f"above {low} to {high}" for low, high in pairwise(bounds)]
    names = [f"up to {bounds[0]}", *between, f"above {bounds[-1]}"] if bounds else ["any"]
    places = np.searchsorted(edges, values.fill_null(0.0).to_numpy(), side="left").tolist()
    texts = pl.Series([names[place] for place in places], dtype=pl.String)
    return texts.set(values.is_null(), None), names


def _row(segment: str, value: str, bad: BadArray, risk: FloatArray) -> tuple[object, ...]:
    bads, cases = int(bad.sum()), len(bad)
    rate = binomtest(bads, cases).proportion_ci(method="wilson")
    ratio = metrics.calibration_in_the_large(bad, risk)
    return segment, value, cases, bads, bads / cases, rate.low, rate.high, float(risk.mean()), ratio
