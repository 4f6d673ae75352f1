"""Strategy: what each cut-off approves, what becomes of it, what its errors cost; and the bands that reach a business target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, BoolArray, FloatArray
from credit_model.scoring.policy import Bands
from credit_model.settings.settings import Settings
from credit_model.training import evaluation
from credit_model.training.costs import approval_bands
from credit_model.training.dataset import Dataset
from credit_model.training.sample import Recipe
from credit_model.training.train import Trained

STEPS = 20
FEW = 0.01
BANDS, MET = "bands: ", "approve below"
NO_HISTORY = f"{BANDS}no decision has a transaction in its observation window, so that all go to review"


@dataclass(frozen=True)
class Target:
    """What the approve limit is to reach on the decisions with a history, out of fold.

    Attributes:
        name: ``approval_rate``, the share approved, or ``bad_rate``, the most bads among the approved.
        rate: between 0 and 1.
    """

    name: Literal["approval_rate", "bad_rate"]
    rate: float


def target_of(settings: Settings) -> Target | None:
    """The business target that the settings name, if any."""
    if settings.approval_rate is not None:
        return Target("approval_rate", settings.approval_rate)
    return None if settings.bad_rate is None else Target("bad_rate", settings.bad_rate)


def decided(dataset: Dataset, probability: FloatArray) -> BoolArray:
    """True for the decisions that the bands decide, shape (n,): with a probability and a history; all others are reviewed."""
    return dataset.active & ~np.isnan(probability)


def considered(dataset: Dataset, probability: FloatArray) -> BoolArray:
    """The decisions that a strategy is made on, shape (n,): those that the bands decide, or all with a probability if none."""
    rows = decided(dataset, probability)
    return rows if rows.any() else ~np.isnan(probability)


def decisions(dataset: Dataset, probability: FloatArray, bands: Bands) -> list[str]:
    """``approve``, ``review`` or ``reject`` for each decision, as the served model says it."""
    return [str(each) for each in bands.assign(np.where(dataset.active, probability, np.nan)).decision]


def strategy(bad: BadArray, probability: FloatArray, costs: tuple[float, float]) -> pl.DataFrame:
    """What approving below each cut-off, and rejecting the rest, leads to.

    Args:
        bad: 1 for bad, 0 for good, shape (n,).
        probability: of bad, shape (n,).
        costs: of a false negative (a bad approved) and of a false positive (a good rejected).

    Returns:
        A row for approving nobody, and for every twentieth of the decisions approved, or a little more where several have one
        probability: ``cut_off``, ``approval_rate``, ``bad_rate`` (among the approved; null where there are none), ``cost`` per
        decision, ``approved`` and ``bads_approved``.
    """
    cuts = _cuts(bad, probability)
    wanted = np.arange(1, STEPS + 1) / STEPS * len(bad)
    rows = np.unique(np.searchsorted(cuts["approved"].to_numpy(), wanted - 1e-9))
    table = cuts[np.append(0, rows)]
    refused = float((bad == 0).sum()) - (pl.col("approved") - pl.col("bads_approved"))
    cost = (pl.col("bads_approved") * costs[0] + refused * costs[1]) / len(bad)
    return table.select(
        "cut_off", "approval_rate", "bad_rate", cost.alias("cost"), "approved", "bads_approved"
    )


def _cuts(bad: BadArray, probability: FloatArray) -> pl.DataFrame:
    """Every cut-off that approves others than the next, ascending; the first approves nobody."""
    values, place = np.unique(probability, return_inverse=True)
    approved = np.append(0, np.cumsum(np.bincount(place)))
    bads = np.append(0, np.cumsum(np.bincount(place, bad)).astype(np.int64))
    cut = _between(values)
    table = pl.DataFrame({"cut_off": cut, "approved": approved, "bads_approved": bads})
    rate = pl.when(pl.col("approved") > 0).then(pl.col("bads_approved") / pl.col("approved"))
    return table.select(
        "cut_off",
        "approved",
        (pl.col("approved") / len(bad)).alias("approval_rate"),
        "bads_approved",
        rate.alias("bad_rate"),
    )


def _between(values: FloatArray) -> FloatArray:
    """A cut-off below every probability that occurs, ascending, and one above all of them."""
    ends = np.concatenate([[0.0], values, [1.0]])
    return np.asarray(np.maximum(ends[:-1] / 2 + ends[1:] / 2, np.nextafter(ends[:-1], 1)))


def nearest_cut_off(probability: FloatArray, count: int) -> float:
    """The probability below which to approve, so that about as many decisions are approved as asked for.

    Decisions of one probability are approved together or not at all. The number approved is as near to ``count`` as that
    allows; of two that are equally near it is the smaller.

    Args:
        probability: of bad, without NaN, shape (n,).
        count: of decisions to approve.
    """
    values, cases = np.unique(probability, return_counts=True)
    approved = np.append(0, np.cumsum(cases))
    return float(_between(values)[np.abs(approved - count).argmin()])


def approve_limit(bad: BadArray, probability: FloatArray, target: Target) -> float:
    """The probability below which to approve, so that the target is met on these decisions.

    With ``approval_rate`` the share approved is as near to it as the probabilities allow. With ``bad_rate`` as many as possible
    are approved, 20 at least, with no higher bad rate among them.

    Args:
        bad: 1 for bad, 0 for good, shape (n,).
        probability: of bad, shape (n,).
        target: what to reach.

    Raises:
        ValueError: no 20 decisions have so low a bad rate.
    """
    cuts = _cuts(bad, probability)[1:]
    if target.name == "approval_rate":
        return float(cuts["cut_off"][int((cuts["approval_rate"] - target.rate).abs().arg_min() or 0)])
    enough = cuts.filter(pl.col("approved") >= metrics.LEAST_CASES)
    met = enough.filter(pl.col("bad_rate") <= target.rate)
    if met.is_empty():
        raise ValueError(
            f"bad_rate: the lowest bad rate that approving {metrics.LEAST_CASES} decisions or more has out of fold is "
            f"{enough['bad_rate'].to_numpy().min():.2%}; give a bad_rate above it, or approval_rate"
        )
    return float(met["cut_off"][-1])


def with_target(trained: Trained, target: Target, recipe: Recipe) -> Trained:
    """The same model with bands that reach the target, and the figures that depend on its threshold.

    Raises:
        ValueError: the target cannot be reached.
    """
    dataset, probability = trained.dataset, trained.probability
    rows = considered(dataset, probability)
    bands = approval_bands(approve_limit(dataset.bad[rows], probability[rows], target))
    figures = evaluation.threshold_figures(dataset, bands, probability, trained.test_probability, recipe)
    return replace(
        trained,
        scorer=replace(trained.scorer, bands=bands),
        primary=replace(trained.primary, bands=bands),
        figures={**trained.figures, **figures},
    )


def lines(trained: Trained, settings: Settings) -> list[str]:
    """What the bands do that their owner may not expect: how a target is met, and bands that approve or reject nearly nobody."""
    dataset, bands, target = trained.dataset, trained.scorer.bands, target_of(settings)
    rows = decided(dataset, trained.probability)
    if not rows.any():
        return [NO_HISTORY]
    made = np.array(decisions(dataset, trained.probability, bands))[rows]
    told = [] if target is None else [_met(target, bands, dataset.bad[rows], made == "approve")]
    return told + [
        _scarce(decision, made, settings)
        for decision in ("approve", "reject")
        if decision in bands.decisions and (made == decision).sum() < FEW * len(made)
    ]


def _met(target: Target, bands: Bands, bad: BadArray, approved: BoolArray) -> str:
    rate = f"{bad[approved].mean():.1%}" if approved.any() else "none"
    return (
        f"{BANDS}{MET} a probability of {bands.limits[0]:.4f}, by {target.name}={target.rate:g}: {approved.mean():.1%} "
        f"of the decisions with a history are approved out of fold, and {rate} of the approved are bad"
    )


_DONE: Mapping[str, str] = {"approve": "approved", "reject": "rejected"}


def _scarce(decision: str, made: np.ndarray, settings: Settings) -> str:
    """One sentence on bands that approve or reject nobody, or fewer than 1 %, and the remedy."""
    count = int((made == decision).sum())
    who = "nobody is" if not count else f"only {count} of {len(made)} decisions with a history are"
    target = target_of(settings)
    ways = "approval_rate or bad_rate" if target is None else f"another {target.name}"
    remedy = f"give {ways}, the costs of your business, or bands"
    return f"{BANDS}{who} {_DONE[decision]} out of fold, with bands set {made_by(settings)}; if that is not meant, {remedy}"


def made_by(settings: Settings) -> str:
    """What the bands are set by, after the words "the bands are set"."""
    target = target_of(settings)
    if target is not None:
        return f"by {target.name}={target.rate:g}"
    if settings.bands is not None:
        return "as given"
    if settings.threshold is not None:
        return f"by the threshold {settings.threshold:g}"
    if settings.target != "observed":
        return "as the defaults of a proxy"
    return f"by costs of {settings.cost_false_negative:g} to {settings.cost_false_positive:g}"
