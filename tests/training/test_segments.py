"""Segments hold every decision once, and an input that tells a group is found."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.training.dataset import Dataset
from credit_model.training.segments import by_segment, inputs_telling

ROWS = 600
GROUP = "fairness_group region"


def dataset(attributes: tuple[Attribute, ...], **columns: Any) -> tuple[Dataset, np.ndarray]:
    random = np.random.default_rng(2)
    probability = random.beta(2, 5, ROWS)
    decisions = pl.DataFrame({"CustomerId": [str(n) for n in range(ROWS)], "as_of": datetime(2024, 1, 1)})
    decisions = decisions.with_columns(
        bad=pl.Series((random.random(ROWS) < probability).astype(np.int8)),
        part=pl.lit("train"),
        **{GROUP: pl.Series(np.array(["north", "south"])[np.arange(ROWS) % 2])},
    )
    features = pl.DataFrame({"transaction_count": random.poisson(8, ROWS).astype(float)} | columns)
    return Dataset(decisions, features, Catalogue(60, attributes=attributes), None, 0), probability


INCOME = np.random.default_rng(4).lognormal(7, 1, ROWS)
HOME = np.where(np.arange(ROWS) % 3 == 0, "rent", "own")


@pytest.mark.parametrize(
    ("attributes", "columns", "names"),
    [
        ((), {"tenure": INCOME}, ["region", "tenure", "transaction_count"]),
        (
            (Attribute("income", "number"), Attribute("home", "category")),
            {"income": pl.Series(INCOME).set(pl.Series(INCOME > 5000), None), "home": HOME},
            ["region", "income", "home"],
        ),
    ],
)
def test_every_segment_holds_every_decision_once(
    attributes: tuple[Attribute, ...], columns: dict[str, Any], names: list[str]
) -> None:
    data, probability = dataset(attributes, **columns)
    table = by_segment(data, probability)
    assert table["segment"].unique(maintain_order=True).to_list() == names
    whole = table.group_by("segment").agg(pl.col("decisions").sum(), pl.col("bads").sum())
    assert set(whole["decisions"]) == {ROWS}
    assert set(whole["bads"]) == {int(data.bad.sum())}
    for row in table.to_dicts():
        interval = binomtest(row["bads"], row["decisions"]).proportion_ci(method="wilson")
        assert (row["bad_rate_low"], row["bad_rate_high"]) == (interval.low, interval.high)


def test_terciles_are_thirds_in_order_and_decisions_without_probability_count_nowhere() -> None:
    data, probability = dataset((Attribute("income", "number"),), income=INCOME)
    gaps = np.where(np.arange(ROWS) < 100, np.nan, probability)
    table = by_segment(data, gaps).filter(pl.col("segment") == "income")
    assert table["decisions"].to_list() == pytest.approx([500 / 3] * 3, abs=1)
    assert [value.split()[0] for value in table["value"]] == ["up", "above", "above"]
    low, high = np.quantile(INCOME[100:], [1 / 3, 2 / 3])
    rows = (low < INCOME) & (high >= INCOME) & ~np.isnan(gaps)
    assert table["mean_probability"][1] == pytest.approx(probability[rows].mean())


@pytest.mark.parametrize(
    ("values", "tells"),
    [
        (np.array(["a", "b"])[np.arange(ROWS) % 2], True),
        (np.array(["a", "b", "c", "d"])[np.arange(ROWS) % 4], True),
        (HOME, False),
        (INCOME, False),  # every decision has a value of its own
        (np.full(ROWS, "a"), False),
    ],
)
def test_an_input_that_tells_the_group_is_named(values: Any, tells: bool) -> None:
    data, _ = dataset((), other=values)
    classifier = SimpleNamespace(inputs=("other", "transaction_count"))
    trained: Any = SimpleNamespace(dataset=data, scorer=SimpleNamespace(classifier=classifier))
    assert inputs_telling("region", trained) == (["other"] if tells else [])
