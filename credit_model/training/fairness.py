"""How a model treats the groups of a population, in the terms of fairlearn (Bird et al., 2020).

Everything is a ratio of counts by group, outcome, decision and prediction; counting them once makes 500 resamples cheap.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray, IntArray

LEAST_GROUP = 20
SMALL = "(small groups)"
RATES = ("bad_rate", "approval_rate", "false_positive_rate", "false_negative_rate")
_SHAPE = (-1, 2, 2, 2)  # group, bad, approved, prediction


@dataclass(frozen=True)
class Fairness:
    """How groups compare.

    Attributes:
        table: one row per group: ``group``, ``decisions``, ``bads``, ``observed_to_expected``, and with the ends of their
            95 % intervals (``_low``, ``_high``) ``RATES`` and ``roc_auc``; null where a group has too few cases.
        disparities: ``measure``, ``value``, ``low``, ``high``: ``demographic_parity_difference`` and
            ``demographic_parity_ratio`` of approval, ``equalized_odds_difference`` of the prediction; 0, 1 and 0 mean
            equal treatment. One that is not defined, such as the ratio where no decision is approved, is absent.
    """

    table: pl.DataFrame
    disparities: pl.DataFrame


@dataclass(frozen=True)
class Judged:
    """Decisions with real or proxy outcomes, shape (n,) each.

    Attributes:
        customers: customer of each decision; intervals resample customers with all their decisions.
        bad: 1 for bad, 0 for good.
        probability: of bad.
        approved: true where the decision is ``approve``.
        prediction: 0 or 1 at the threshold.
    """

    customers: npt.NDArray[np.object_]
    bad: BadArray
    probability: FloatArray
    approved: npt.NDArray[np.bool_]
    prediction: npt.NDArray[np.int8]


def fairness(group: pl.Series, judged: Judged, seed: int, times: int = 500) -> Fairness:
    """Compare groups; those with fewer than 20 decisions are pooled, and decisions without a group form one.

    Args:
        group: text, one per decision; never a feature of the model.
        judged: the decisions.
        seed: of the resampling.
        times: number of resamples.
    """
    names, place = np.unique(_pooled(group), return_inverse=True)
    cell = (place * 8 + judged.bad * 4 + judged.approved * 2 + judged.prediction).astype(np.intp)
    once = np.ones(len(cell), dtype=np.intp)
    draws = [once, *metrics.draws(judged.customers, seed, times)]
    rates = [_rates(_counts(cell, drawn, len(names))) for drawn in draws]
    rows = [
        {"group": str(name)}
        | _whole(judged, place == number)
        | _intervals([{rate: each[rate][number] for rate in RATES} for each in rates])
        | _auc(judged, place == number, seed, times)
        for number, name in enumerate(names)
    ]
    return Fairness(_table(rows), _disparity_table([_disparities(each) for each in rates]))


def _counts(cell: IntArray, drawn: IntArray, groups: int) -> FloatArray:
    counts = np.bincount(cell, drawn.astype(np.float64), minlength=8 * groups).reshape(_SHAPE)
    return counts.astype(np.float64)


def _rates(counts: FloatArray) -> dict[str, FloatArray]:
    """Each rate of each group; NaN where its denominator is zero."""
    goods, bads = counts[:, 0].sum(axis=(1, 2)), counts[:, 1].sum(axis=(1, 2))
    approved, alarms = counts[:, :, 1].sum(axis=(1, 2)), counts[:, 0, :, 1].sum(axis=1)
    missed = counts[:, 1, :, 0].sum(axis=1)
    with np.errstate(invalid="ignore"):
        shares = (bads / (goods + bads), approved / (goods + bads), alarms / goods, missed / bads)
    return dict(zip(RATES, shares, strict=True))


def _disparities(rates: Mapping[str, FloatArray]) -> dict[str, float]:
    """NaN where not defined; a rate that a group does not have is no difference."""
    estimable = {name: values[~np.isnan(values)] for name, values in rates.items()}
    spread = {name: float(np.ptp(values)) if len(values) else np.nan for name, values in estimable.items()}
    approval = estimable["approval_rate"]
    return {
        "demographic_parity_difference": spread["approval_rate"],
        "demographic_parity_ratio": float(approval.min() / approval.max()) if approval.any() else np.nan,
        "equalized_odds_difference": float(
            np.fmax(spread["false_positive_rate"], spread["false_negative_rate"])
        ),
    }


def _whole(judged: Judged, inside: npt.NDArray[np.bool_]) -> dict[str, object]:
    bad, probability = judged.bad[inside], judged.probability[inside]
    return {
        "decisions": len(bad),
        "bads": int(bad.sum()),
        "observed_to_expected": metrics.calibration_in_the_large(bad, probability),
    }


def _intervals(drawn: list[dict[str, float]]) -> dict[str, object]:
    """The measures of all decisions, which come first, and the middle 95 % of the resamples'."""
    first, *others = drawn
    columns: dict[str, object] = {}
    for name, value in first.items():
        low, high = metrics.middle(other[name] for other in others)
        columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return columns


def _auc(judged: Judged, inside: npt.NDArray[np.bool_], seed: int, times: int) -> dict[str, object]:
    bad, probability = judged.bad[inside], judged.probability[inside]
    if not metrics.estimable(bad):
        return {"roc_auc": None, "roc_auc_low": None, "roc_auc_high": None}
    low, high = metrics.interval(metrics.roc_auc, bad, probability, judged.customers[inside], seed, times)
    return {"roc_auc": metrics.roc_auc(bad, probability), "roc_auc_low": low, "roc_auc_high": high}


def _table(rows: list[dict[str, object]]) -> pl.DataFrame:
    numbers = [name for name in rows[0] if name.startswith((*RATES, "roc_auc"))]
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(numbers, pl.Float64)).fill_nan(None)


def _disparity_table(drawn: list[dict[str, float]]) -> pl.DataFrame:
    """Each disparity with its reflected interval.

    The widest of differences grows when cases are drawn again, as it did when they were drawn first; the resamples' middle
    would miss the truth on that side, and what they lie beyond the figure is taken off it instead.
    """
    intervals = _intervals(drawn)
    rows = [(name, intervals[name], intervals[f"{name}_low"], intervals[f"{name}_high"]) for name in drawn[0]]
    table = pl.DataFrame(rows, schema=["measure", "value", "low", "high"], orient="row")
    reflected = {"low": 2 * pl.col("value") - pl.col("high"), "high": 2 * pl.col("value") - pl.col("low")}
    estimable = table.filter(pl.col("value").is_not_nan())
    return estimable.with_columns(end.clip(0, 1).alias(name) for name, end in reflected.items())


def _pooled(group: pl.Series) -> np.ndarray:
    texts = group.cast(pl.String).fill_null("(missing)").alias("group").to_frame()
    small = pl.len().over("group") < LEAST_GROUP
    pooled = texts.select(pl.when(small).then(pl.lit(SMALL)).otherwise("group").alias("group"))
    return pooled["group"].to_numpy()
