"""Evaluation of scored decisions: every measure as a whole, by period, and stability over time."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.scoring.policy import Bands
from credit_model.training.dataset import Dataset
from credit_model.training.sample import Recipe

Rows = npt.NDArray[np.bool_]
MOST_PERIODS, LEAST_MONTHS, LEAST_WEEKS = 24, 3, 8
_THURSDAY = 3  # the first day of the epoch, counted from the Monday that begins its ISO week

RANKING = ("roc_auc", "gini", "ks", "pr_auc")


def measure(
    dataset: Dataset,
    probability: FloatArray,
    rows: Rows,
    bands: Bands,
    recipe: Recipe,
    ranked: FloatArray | None = None,
) -> dict[str, float]:
    """Every measure of some decisions, by name; only their counts where a class has fewer than 20 cases.

    Args:
        dataset: the decisions.
        probability: of bad, shape (n,).
        rows: true for the decisions to measure, shape (n,); their probability is not NaN.
        bands: whose threshold makes the predictions.
        recipe: costs of errors, and the seed of the resampling.
        ranked: the risk that the measures of ``RANKING`` use instead, shape (n,): calibrators that differ from fold to fold
            must not change a ranking.
    """
    plain = plain_measures(dataset, probability, rows, bands, recipe, ranked)
    if "roc_auc" not in plain:
        return plain
    bad, risk = dataset.bad[rows], probability[rows]
    order = risk if ranked is None else ranked[rows]
    intervals = plain
    for name in ("roc_auc", "ks", "brier", "calibration_in_the_large"):
        by = order if name in RANKING else risk
        low, high = metrics.interval(getattr(metrics, name), bad, by, dataset.customers[rows], recipe.seed)
        intervals |= {f"{name}_low": low, f"{name}_high": high}
    return intervals | _excess_cost_interval(bad, risk, dataset.customers[rows], bands, recipe)


def plain_measures(
    dataset: Dataset,
    probability: FloatArray,
    rows: Rows,
    bands: Bands,
    recipe: Recipe,
    ranked: FloatArray | None = None,
) -> dict[str, float]:
    """As ``measure``, without intervals."""
    bad, risk = dataset.bad[rows], probability[rows]
    order = risk if ranked is None else ranked[rows]
    counts = {"decisions": float(len(bad)), "bads": float(bad.sum())}
    if not metrics.estimable(bad):
        return counts
    measures = (*RANKING, "brier", "log_loss", "calibration_in_the_large")
    intercept, slope = metrics.calibration_line(bad, risk)
    return (
        counts
        | {"bad_rate": float(bad.mean())}
        | {name: getattr(metrics, name)(bad, order if name in RANKING else risk) for name in measures}
        | {"calibration_intercept": intercept, "calibration_slope": slope}
        | _of_predictions(bad, risk, bands, recipe)
    )


def _of_predictions(bad: BadArray, risk: FloatArray, bands: Bands, recipe: Recipe) -> dict[str, float]:
    """The measures that depend on the threshold."""
    prediction = (risk >= bands.threshold).astype(np.int8)
    return (
        metrics.classification(bad, prediction)
        | {name: float(count) for name, count in metrics.confusion(bad, prediction).items()}
        | {"expected_cost": metrics.expected_cost(bad, prediction, *recipe.costs)}
        | {"excess_cost": _excess_cost(bad, risk, bands.threshold, recipe.costs)}
    )


def _excess_cost_interval(
    bad: BadArray, risk: FloatArray, customers: npt.NDArray[np.object_], bands: Bands, recipe: Recipe
) -> dict[str, float]:
    excess = partial(_excess_cost, threshold=bands.threshold, costs=recipe.costs)
    low, high = metrics.interval(excess, bad, risk, customers, recipe.seed)
    return {"excess_cost_low": low, "excess_cost_high": high}


def _excess_cost(bad: BadArray, risk: FloatArray, threshold: float, costs: tuple[float, float]) -> float:
    """Cost of a decision by the prediction, less that of the better of approving everybody and rejecting everybody."""
    prediction = (risk >= threshold).astype(np.int8)
    rate = float(bad.mean())
    return metrics.expected_cost(bad, prediction, *costs) - min(rate * costs[0], (1 - rate) * costs[1])


def spread(probability: FloatArray) -> float:
    """How far the middle 98 % of probabilities are apart, as a multiple of their mean; 0 where all are the same."""
    low, high = np.quantile(probability, [0.01, 0.99])
    return float((high - low) / probability.mean())


def figures(
    dataset: Dataset,
    bands: Bands,
    probability: FloatArray,
    test_probability: FloatArray,
    recipe: Recipe,
    ranked: FloatArray | None = None,
) -> dict[str, float]:
    """Every measure out of fold (prefix ``grouped_``) and out of time (``test_``), of all decisions and of those with history.

    Args:
        dataset: the decisions.
        bands: whose threshold makes the predictions.
        probability: of bad, out of fold, shape (n,); NaN where a decision is not scored.
        test_probability: of bad, out of time, shape (n,); NaN outside the test part.
        recipe: costs of errors, and the seed of the resampling.
        ranked: risk out of fold for the measures of ``RANKING``, as in ``measure``.
    """
    measures: dict[str, float] = {}
    for prefix, judged, rows in _measured_parts(dataset, probability, test_probability):
        of = ranked if prefix.startswith("grouped") else None
        measured = measure(dataset, judged, rows, bands, recipe, of)
        measures |= {f"{prefix}_{key}": value for key, value in measured.items()}
    tested = test_probability[dataset.modelled & ~np.isnan(test_probability)]
    if len(tested):
        measures["test_spread"] = spread(tested)
    return measures | over_time(dataset, probability, probability if ranked is None else ranked)


def _measured_parts(
    dataset: Dataset, probability: FloatArray, test_probability: FloatArray
) -> Iterator[tuple[str, FloatArray, Rows]]:
    """Prefix, probability and decisions of each group of figures."""
    for name, judged in {"grouped": probability, "test": test_probability}.items():
        part = dataset.part("test") if name == "test" else np.ones(len(judged), dtype=np.bool_)
        for suffix, among in {"": part, "_with_history": part & dataset.active}.items():
            yield f"{name}{suffix}", judged, among & ~np.isnan(judged)


def threshold_figures(
    dataset: Dataset, bands: Bands, probability: FloatArray, test_probability: FloatArray, recipe: Recipe
) -> dict[str, float]:
    """Those of ``figures`` that depend on the threshold; arguments as there."""
    measures: dict[str, float] = {}
    for prefix, judged, rows in _measured_parts(dataset, probability, test_probability):
        bad, risk, customers = dataset.bad[rows], judged[rows], dataset.customers[rows]
        if metrics.estimable(bad):
            found = _of_predictions(bad, risk, bands, recipe)
            found |= _excess_cost_interval(bad, risk, customers, bands, recipe)
            measures |= {f"{prefix}_{key}": value for key, value in found.items()}
    return measures


def by_period(dataset: Dataset, probability: FloatArray, ranked: FloatArray | None = None) -> pl.DataFrame:
    """Calibration in the large and AUC by observation date, or where these are more than 24 by month, or by week.

    Weeks (ISO 8601, such as 2024-W05) are shown where the decisions span fewer than three months.

    Args:
        dataset: the decisions.
        probability: of bad, shape (n,); decisions where it is NaN are left out.
        ranked: the risk that the AUC uses, as in ``measure``.

    Returns:
        ``period``, ``decisions``, ``bads``, ``bad_rate``, ``mean_probability``, ``observed_to_expected`` and
        ``roc_auc`` (null where a class has fewer than 20 cases), in order of time.
    """
    rows = ~np.isnan(probability)
    moments = dataset.decisions["as_of"].filter(pl.Series(rows))
    period = moments.dt.strftime(_pattern(moments)).to_numpy()
    order = probability if ranked is None else ranked
    parts = dataset.bad[rows], probability[rows], order[rows]
    table = [_period(name, *(each[period == name] for each in parts)) for name in sorted(set(period))]
    return pl.DataFrame(table, schema_overrides={"roc_auc": pl.Float64})


def _pattern(moments: pl.Series) -> str:
    """The format of periods that are few, and several where the decisions allow it."""
    if moments.n_unique() <= MOST_PERIODS:
        return "%Y-%m-%d"
    return "%Y-%m" if moments.dt.strftime("%Y-%m").n_unique() >= LEAST_MONTHS else "%G-W%V"


def _period(name: str, bad: BadArray, risk: FloatArray, order: FloatArray) -> dict[str, object]:
    return {
        "period": name,
        "decisions": len(bad),
        "bads": int(bad.sum()),
        "bad_rate": float(bad.mean()),
        "mean_probability": float(risk.mean()),
        "observed_to_expected": metrics.calibration_in_the_large(bad, risk),
        "roc_auc": metrics.roc_auc(bad, order) if metrics.estimable(bad) else None,
    }


def over_time(dataset: Dataset, probability: FloatArray, ranked: FloatArray) -> dict[str, float]:
    """Drift of the probability from the training part to the test part, and Home Credit's stability by week.

    Both parts are judged out of fold by the same fits: two models differ without any drift.
    """
    scored = ~np.isnan(probability)
    bad = dataset.bad[scored]
    train, test = (dataset.part(name) & scored for name in ("train", "test"))
    measures: dict[str, float] = {}
    if train.any() and test.any():
        measures["test_score_psi"] = metrics.psi(probability[train], probability[test])
        measures["test_score_psi_limit"] = metrics.psi_limit(int(train.sum()), int(test.sum()))
    return measures | _by_week(dataset.decisions["as_of"].filter(pl.Series(scored)), bad, ranked[scored])


def _by_week(moments: pl.Series, bad: BadArray, ranked: FloatArray) -> dict[str, float]:
    """Stability over the ISO weeks with both classes, and how many these are; only their number where they are few."""
    week = ((moments.dt.epoch("d") + _THURSDAY) // 7).to_numpy()
    weeks = float(sum(len(np.unique(bad[week == number])) > 1 for number in np.unique(week)))
    told = {"grouped_stability_weeks": weeks}
    return told | (
        {"grouped_stability": metrics.stability(bad, ranked, week)} if weeks >= LEAST_WEEKS else {}
    )
