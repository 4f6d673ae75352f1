"""How a model treats the groups of a population, in the terms of fairlearn (Bird et al., 2020).

Everything is a ratio of counts by group, outcome, decision and prediction; counting them once makes 500 resamples cheap.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray, IntArray

LEAST_GROUP = 20
SMALL = "(small groups)"
RATES = ("bad_rate", "approval_rate", "false_positive_rate", "false_negative_rate")
FOUR_FIFTHS = 0.8
EVEN = {
    "demographic_parity_difference": 0.0,
    "demographic_parity_ratio": 1.0,
    "equalized_odds_difference": 0.0,
}
_LEVEL = 0.95
_ROUNDING = 1e-9
_SHAPE = (-1, 2, 2, 2)  # group, bad, approved, prediction


@dataclass(frozen=True)
class Fairness:
    """How groups compare.

    Attributes:
        table: one row per group: ``group``, ``decisions``, ``bads``, ``observed_to_expected``, and with the ends of their
            95 % intervals (``_low``, ``_high``) ``RATES`` and ``roc_auc``; null where a group has too few cases.
        disparities: ``measure``, ``value``, ``low``, ``high``, ``chance``: ``demographic_parity_difference`` and
            ``demographic_parity_ratio`` of approval, ``equalized_odds_difference`` of the prediction; 0, 1 and 0 mean
            equal treatment. With groups assigned at random the interval excludes equal treatment in 5 % of the draws;
            ``chance`` is the share of random assignments that are as uneven. One that is not defined, such as the ratio
            where no decision is approved, is absent.
    """

    table: pl.DataFrame
    disparities: pl.DataFrame

    @property
    def four_fifths(self) -> bool | None:
        """Whether the lowest approval rate is at least four fifths of the highest; None where nobody is approved."""
        ratio = self.disparities.filter(pl.col("measure") == "demographic_parity_ratio")["value"]
        return bool(ratio.item() >= FOUR_FIFTHS) if len(ratio) else None


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
        seed: of the resampling and of the random assignments.
        times: number of resamples, and of random assignments.
    """
    names, place = np.unique(_pooled(group), return_inverse=True)
    cell = place * 8 + _cells(judged)
    draws = [np.ones(len(cell), dtype=np.intp), *metrics.draws(judged.customers, seed, times)]
    rates = [_rates(_counts(cell, drawn, len(names))) for drawn in draws]
    rows = [
        {"group": str(name)}
        | _whole(judged, place == number)
        | _intervals([{rate: each[rate][number] for rate in RATES} for each in rates])
        | _auc(judged, place == number, seed, times)
        for number, name in enumerate(names)
    ]
    return Fairness(_table(rows), disparities(group, judged, seed, times))


def disparities(group: pl.Series, judged: Judged, seed: int, times: int = 500) -> pl.DataFrame:
    """The disparities of ``Fairness``, with intervals from groups assigned at random.

    Args:
        group: text, one per decision.
        judged: the decisions.
        seed: of the random assignments.
        times: number of random assignments.
    """
    names, place = np.unique(_pooled(group), return_inverse=True)
    cells, once = _cells(judged), np.ones(len(place), dtype=np.intp)
    found, *random = (
        _disparities(_rates(_counts(drawn * 8 + cells, once, len(names))))
        for drawn in (place, *_shuffled(place, judged.customers, seed, times))
    )
    return _disparity_table(found, random)


def _cells(judged: Judged) -> IntArray:
    return (judged.bad * 4 + judged.approved * 2 + judged.prediction).astype(np.intp)


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


def _shuffled(
    place: IntArray, customers: npt.NDArray[np.object_], seed: int, times: int
) -> Iterator[IntArray]:
    """Groups assigned at random: every customer gets the groups of another customer."""
    _, owner, decisions = np.unique(customers.astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(owner, kind="stable")
    first = np.cumsum(decisions) - decisions
    position = np.empty(len(owner), dtype=np.intp)
    position[order] = np.arange(len(owner)) - first[owner[order]]
    random = np.random.default_rng(seed)
    for _ in range(times):
        other = random.permutation(len(decisions))[owner]
        yield place[order][first[other] + position % decisions[other]]


def _disparity_table(values: Mapping[str, float], random: list[dict[str, float]]) -> pl.DataFrame:
    """Each disparity with its interval, from the same disparity of groups assigned at random.

    The largest difference between groups is above 0 even where the groups mean nothing. The interval reaches as far from the
    disparity as 95 % of the random assignments lie from equal treatment.
    """
    rows = []
    for name, value in values.items():
        if np.isnan(value):
            continue
        distances = np.array([abs(one[name] - EVEN[name]) for one in random if not np.isnan(one[name])])
        reach = np.quantile(distances, _LEVEL, method="higher") + _ROUNDING if len(distances) else 1.0
        chance = (1 + (distances >= abs(value - EVEN[name]) - _ROUNDING).sum()) / (1 + len(distances))
        rows.append((name, value, max(value - reach, 0.0), min(value + reach, 1.0), float(chance)))
    schema: dict[str, type[pl.DataType]] = {"measure": pl.String}
    schema |= dict.fromkeys(("value", "low", "high", "chance"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _pooled(group: pl.Series) -> np.ndarray:
    texts = group.cast(pl.String).fill_null("(missing)").alias("group").to_frame()
    small = pl.len().over("group") < LEAST_GROUP
    pooled = texts.select(pl.when(small).then(pl.lit(SMALL)).otherwise("group").alias("group"))
    return pooled["group"].to_numpy()
