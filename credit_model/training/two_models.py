"""Two models, A and B, on the same decisions: what each would approve, what became of it, and in what they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, BoolArray, FloatArray
from credit_model.training.paired import Paired, paired
from credit_model.training.swap_set import SwapSet, swap_set, told

SIDES = ("A", "B")
MEASURES = {
    "roc_auc": "AUC",
    "ks": "KS",
    "brier": "Brier score",
    "calibration_in_the_large": "bads observed for each one expected",
}
NO_REASON = "none"
NO_OUTCOMES = "no outcomes are given, so that nothing is said of bad rates, AUC, calibration and cost: give --outcomes FILE"
_TOO_FEW = f"nothing is said of AUC, calibration and cost, for which {metrics.LEAST_CASES} of each are needed"


@dataclass(frozen=True)
class Comparison:
    """What two models make of the same n decisions.

    Attributes:
        answers: one row per decision: ``CustomerId``, ``as_of``, ``bad`` (null where not known), and of each of ``SIDES``, with
            its letter in front: ``status``, ``probability``, ``prediction``, ``decision`` and ``reasons`` (a list of codes).
        decided: the decisions that both models decide, shape (n,): those that both scored by a history; those that both gave
            a probability where there is none of these.
        costs: of a false negative and of a false positive.
        swap_set: of ``decided``, at the approval rate; None where no decision is.
        by_own_rate: whether the approval rate is that of A at its own threshold.
        statuses: a row for each pair of statuses that occurs, with the number of decisions.
        answered: the same of the decisions as the models would answer them: approve, review, reject.
        agreement: Spearman's rank correlation of the probabilities, over all decisions that have both; NaN without two.
        approvals: a row each for what A approves, what B approves, and all of ``decided``; columns as those of the swap set.
        reasons: of the decisions that both refuse: a row for each code that is a first reason of one; empty without any.
        changed_reasons: of the same decisions, how many have another first reason; and how many there are.
        measures: of the decisions with an outcome and both probabilities: by name; empty where not estimable.
        lacking: what could not be compared, in sentences.
    """

    answers: pl.DataFrame
    decided: BoolArray
    costs: tuple[float, float]
    swap_set: SwapSet | None
    by_own_rate: bool
    statuses: pl.DataFrame
    answered: pl.DataFrame
    agreement: float
    approvals: pl.DataFrame
    reasons: pl.DataFrame
    changed_reasons: tuple[int, int]
    measures: Mapping[str, Paired]
    lacking: tuple[str, ...]

    @property
    def known(self) -> BoolArray:
        """The decisions that measures are made of, shape (n,): their outcome is known, and both models gave a probability."""
        return known(self.answers)

    @property
    def with_outcomes(self) -> bool:
        """Whether any decision has an outcome."""
        return self.answers["bad"].null_count() < self.answers.height


def compared(
    answers: pl.DataFrame, costs: tuple[float, float], seed: int, rate: float | None = None
) -> Comparison:
    """Compare the answers of two models to the same decisions.

    Args:
        answers: as those of ``Comparison``.
        costs: of a false negative and of a false positive.
        seed: of the resampling.
        rate: share of the decisions to approve; None is that of A at its own threshold.
    """
    rows, swapped = decided(answers), swap_set_of(answers, rate=rate)
    pairs = answers.filter(pl.Series(rows))
    measures, lacking = _measures(answers, costs, seed, rows, swapped)
    return Comparison(
        answers,
        rows,
        costs,
        swapped,
        rate is None,
        _pairs(answers, "status"),
        _pairs(answers, "decision"),
        agreement(*(_probability(answers, side) for side in SIDES)),
        _approvals(pairs, swapped),
        *_reasons(pairs, swapped),
        measures,
        lacking,
    )


def known(answers: pl.DataFrame) -> BoolArray:
    """The answers whose outcome is known and which both models gave a probability, shape (n,)."""
    names = ["bad", *(f"{side} probability" for side in SIDES)]
    return np.asarray(answers.select(pl.all_horizontal(pl.col(names).is_not_null())).to_series())


def agreement(first: FloatArray, second: FloatArray) -> float:
    """Spearman's rank correlation of two probabilities, ties by their mean rank; NaN where one of them does not vary.

    Args:
        first: probabilities of one model, NaN where it has none, shape (n,).
        second: those of the other.
    """
    both = ~(np.isnan(first) | np.isnan(second))
    pair = pl.DataFrame({"first": first[both], "second": second[both]})
    if any(pair[name].n_unique() < 2 for name in pair.columns):
        return float("nan")
    return float(pair.select(pl.corr("first", "second", method="spearman")).item())


def _probability(answers: pl.DataFrame, side: str) -> FloatArray:
    return answers[f"{side} probability"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def decided(answers: pl.DataFrame, sides: tuple[str, str] = SIDES) -> BoolArray:
    """The decisions that both models decide, shape (n,), or else those that both gave a probability; see ``swap_set_of``."""
    first, second = (~np.isnan(_probability(answers, side)) for side in sides)
    scored = answers.select(pl.all_horizontal(pl.col(f"{side} status") == "scored" for side in sides))
    both: BoolArray = first & second & scored.to_series().to_numpy()
    return both if both.any() else first & second


def _outcomes(pairs: pl.DataFrame) -> FloatArray | None:
    """What became of decisions; None where nothing is known of any."""
    if pairs["bad"].null_count() == pairs.height:
        return None
    return pairs["bad"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def swap_set_of(
    answers: pl.DataFrame, sides: tuple[str, str] = SIDES, rate: float | None = None
) -> SwapSet | None:
    """The swap set of the answers that both models decide; None where there are none.

    Args:
        answers: as those of ``Comparison``, with ``status``, ``probability`` and ``prediction`` of each.
        sides: what is put before the fields of the first and of the second model.
        rate: share of the decisions to approve; None is that of the first model at its own threshold.
    """
    pairs = answers.filter(pl.Series(decided(answers, sides)))
    if not pairs.height:
        return None
    own = float((pairs[f"{sides[0]} prediction"] == 0).sum() / pairs.height)
    probabilities = _probability(pairs, sides[0]), _probability(pairs, sides[1])
    customers = pairs["CustomerId"].to_numpy()
    return swap_set(probabilities, own if rate is None else rate, customers, _outcomes(pairs))


def _approvals(pairs: pl.DataFrame, swapped: SwapSet | None) -> pl.DataFrame:
    if swapped is None:
        return pl.DataFrame()
    groups = {f"approved by {side}": rows for side, rows in zip(SIDES, swapped.approved, strict=True)}
    groups["all"] = np.ones(pairs.height, dtype=np.bool_)
    customers, bad = pairs["CustomerId"].to_numpy(), _outcomes(pairs)
    return pl.DataFrame([{"group": name, **told(rows, customers, bad)} for name, rows in groups.items()])


def _pairs(answers: pl.DataFrame, name: str) -> pl.DataFrame:
    """How often each pair of a field of both answers occurs."""
    both = [pl.col(f"{side} {name}").fill_null(NO_REASON).alias(side) for side in SIDES]
    return answers.select(both).group_by(SIDES).agg(decisions=pl.len()).sort(SIDES)


def _reasons(pairs: pl.DataFrame, swapped: SwapSet | None) -> tuple[pl.DataFrame, tuple[int, int]]:
    """First and all reasons that each model gives where both refuse, and how many first ones differ."""
    if swapped is None:
        return pl.DataFrame(), (0, 0)
    refused = pairs.filter(pl.Series(~swapped.approved[0] & ~swapped.approved[1]))
    first = {side: refused[f"{side} reasons"].list.first().fill_null(NO_REASON) for side in SIDES}
    table = pl.DataFrame({"reason": []}, schema={"reason": pl.String})
    for side in SIDES:
        every = refused.select(reason=f"{side} reasons").explode("reason").drop_nulls()
        for codes, column in ((first[side], f"{side} first"), (every["reason"], f"{side} any")):
            counts = codes.alias("reason").value_counts(name=column)
            table = table.join(counts, on="reason", how="full", coalesce=True)
    counts = table.with_columns(pl.exclude("reason").fill_null(0).cast(pl.Int64))
    change = (pl.col(f"{SIDES[1]} first") - pl.col(f"{SIDES[0]} first")).alias("change")
    ordered = counts.with_columns(change).sort(pl.col("change").abs(), "reason", descending=[True, False])
    return ordered, (int((first[SIDES[0]] != first[SIDES[1]]).sum()), refused.height)


def _measures(
    answers: pl.DataFrame,
    costs: tuple[float, float],
    seed: int,
    rows: BoolArray,
    swapped: SwapSet | None,
) -> tuple[dict[str, Paired], tuple[str, ...]]:
    """Paired measures of the decisions with an outcome; or why there are none."""
    if answers["bad"].null_count() == answers.height:
        return {}, (NO_OUTCOMES,)
    judged = known(answers)
    table = answers.filter(pl.Series(judged))
    bad = table["bad"].to_numpy().astype(np.int8)
    if not metrics.estimable(bad):
        counted = f"{int(bad.sum())} are bad and {int((1 - bad).sum())} good"
        return {}, (f"of the decisions with a known outcome {counted}: {_TOO_FEW}",)
    measured = partial(paired, bad=bad, customers=table["CustomerId"].to_numpy(), seed=seed)
    risks = [_probability(table, side) for side in SIDES]
    measures = {name: measured(getattr(metrics, name), risks=risks) for name in MEASURES}
    cost = partial(_cost, costs=costs)
    refused = [(table[f"{side} prediction"] == 1).to_numpy() for side in SIDES]
    measures["cost at its own threshold"] = measured(cost, risks=refused)
    if swapped is not None:
        measures |= _at_the_rate(answers, rows & judged, rows, swapped, costs, seed)
    return measures, ()


def _at_the_rate(
    answers: pl.DataFrame,
    judged: BoolArray,
    rows: BoolArray,
    swapped: SwapSet,
    costs: tuple[float, float],
    seed: int,
) -> dict[str, Paired]:
    """Cost and bad rate of what each approves at the approval rate."""
    table, among = answers.filter(pl.Series(judged)), judged[rows]
    bad, customers = table["bad"].to_numpy().astype(np.int8), table["CustomerId"].to_numpy()
    refused = [~approved[among] for approved in swapped.approved]
    measured = partial(paired, bad=bad, customers=customers, seed=seed, risks=refused)
    found = {"cost at the approval rate": measured(partial(_cost, costs=costs))}
    if all((~each).any() for each in refused):
        found["bad rate of the approved"] = measured(_bad_rate)
    return found


def _cost(bad: BadArray, refused: FloatArray, costs: tuple[float, float]) -> float:
    return metrics.expected_cost(bad, refused.astype(np.int8), *costs)


def _bad_rate(bad: BadArray, refused: FloatArray) -> float:
    approved = bad[refused == 0]
    return float(approved.mean()) if len(approved) else float("nan")
