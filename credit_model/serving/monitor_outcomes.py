"""Performance: predictions against what became of the decisions, where their outcomes are known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.scoring.reference import Reference
from credit_model.scoring.scorer import Scorer
from credit_model.serving.monitor_figures import OBSERVED, overridden, row
from credit_model.serving.monitor_limits import Limits

AUC, CALIBRATION = "roc auc", "calibration"
LEAST_AUC, LEAST_CALIBRATION = 0.03, 0.2
ENOUGH = 100
NOT_ESTIMABLE = f"not estimable: fewer than {metrics.LEAST_CASES} of a class"
_SEED = 42
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Performance:
    """What outcomes tell.

    Attributes:
        figures: by name.
        rows: of the table ``WATCHED``; none where the model's label is not the outcomes'.
        sentences: for the reader.
    """

    figures: Figures
    rows: tuple[dict[str, object], ...] = ()
    sentences: tuple[str, ...] = ()


def performance(scorer: Scorer, reference: Reference, answers: pl.DataFrame, limits: Limits) -> Performance:
    """Performance of the scored decisions whose outcome is known.

    Args:
        scorer: the model.
        reference: that of the model.
        answers: ``monitor_decisions.ANSWERS``, with ``bad``.
        limits: of the window.
    """
    known = answers.filter(pl.col("bad").is_not_null())
    scored = known.filter(pl.col("probability").is_not_null())
    bad, risk = scored["bad"].to_numpy().astype(np.int8), scored["probability"].to_numpy()
    figures = {"outcomes": float(len(bad)), "bads": float(bad.sum())} | _overridden(known)
    proxy = scorer.target != OBSERVED
    if not metrics.estimable(bad):
        said = (
            _of_a_proxy(scorer.target, figures)
            if proxy
            else f"outcomes: {_counted(figures)}: {NOT_ESTIMABLE}"
        )
        return Performance(figures, (), (said,))
    customers = scored["customer"].fill_null("").to_numpy()
    low, high = metrics.interval(metrics.roc_auc, bad, risk, customers, _SEED)
    figures |= {
        "roc_auc": metrics.roc_auc(bad, risk),
        "roc_auc_low": low,
        "roc_auc_high": high,
        "ks": metrics.ks(bad, risk),
        "bad_rate": float(bad.mean()),
    }
    figures |= _by(scored, "risk_level") | _by(scored, "decision")
    if proxy:
        return Performance(figures, (), (_of_a_proxy(scorer.target, figures),))
    figures |= _calibration(bad, risk, customers) | _cost(bad, risk, scorer.bands.threshold, reference)
    figures["bad_rate_in_training"] = reference.bad_rate
    if reference.roc_auc is not None:
        figures["roc_auc_in_training"] = reference.roc_auc
    return Performance(figures, tuple(_watched(figures, reference, limits)))


def _calibration(bad: BadArray, risk: FloatArray, customers: np.ndarray) -> dict[str, float]:
    """Bads over those expected, with the interval that decisions of a customer, which go together, allow."""
    owner = np.unique(customers.astype(str), return_inverse=True)[1]
    excess = np.bincount(owner, weights=bad - risk)
    expected = float(risk.sum())
    centre, error = float(bad.sum()) / expected, float(np.sqrt((excess**2).sum())) / expected
    return {
        "observed_to_expected": centre,
        "observed_to_expected_low": max(centre - 1.96 * error, 0.0),
        "observed_to_expected_high": centre + 1.96 * error,
    }


def _cost(bad: BadArray, risk: FloatArray, threshold: float, reference: Reference) -> dict[str, float]:
    if reference.costs is None:
        return {}
    return {"cost": metrics.expected_cost(bad, (risk >= threshold).astype(np.int8), *reference.costs)}


def _watched(figures: Figures, reference: Reference, limits: Limits) -> list[dict[str, object]]:
    """The fall of the AUC, and how far the bads are from those expected; each beside what chance makes of it, then and now."""
    rows = []
    if reference.roc_auc is not None and reference.roc_auc_error is not None:
        error = (figures["roc_auc_high"] - figures["roc_auc_low"]) / (2 * 1.96)
        limit = max(LEAST_AUC, limits.deviations * float(np.hypot(error, reference.roc_auc_error)))
        fall = reference.roc_auc - figures["roc_auc"]
        rows.append(row(AUC, "fall", reference.roc_auc, figures["roc_auc"], fall, limit))
    ratio = figures["observed_to_expected"]
    error = (figures["observed_to_expected_high"] - ratio) / 1.96
    bads = reference.bad_rate * sum(reference.score.counts) * min(reference.independent or 1.0, 1.0)
    limit = max(LEAST_CALIBRATION, limits.deviations * float(np.hypot(error, 1 / np.sqrt(max(bads, 1.0)))))
    return [*rows, row(CALIBRATION, "observed to expected", 1.0, ratio, abs(ratio - 1), limit)]


def _by(scored: pl.DataFrame, column: str) -> dict[str, float]:
    """Bad rate and number of decisions, of each value of a column."""
    table = scored.drop_nulls(column).group_by(column).agg(pl.col("bad").mean(), count=pl.len()).sort(column)
    return {
        name: value
        for level, rate, count in table.iter_rows()
        for name, value in ((f"bad_rate_of_{level}", float(rate)), (f"outcomes_of_{level}", float(count)))
    }


def _overridden(known: pl.DataFrame) -> dict[str, float]:
    """What became of the decisions that people overrode, by what was decided before and after."""
    changed = known.filter(overridden(known))
    if not changed.height:
        return {}
    named = changed.with_columns(change=pl.format("{}_to_{}", "decision", "stands"))
    every = {
        "outcomes_of_overridden": float(changed.height),
        "bad_rate_of_overridden": float(changed["bad"].sum() / changed.height),
    }
    return every | _by(named, "change")


def _counted(figures: Figures) -> str:
    return f"{figures['outcomes']:.0f} known, {figures['bads']:.0f} bad"


def _of_a_proxy(target: str, figures: Figures) -> str:
    """Whether the proxy should be retired."""
    said = (
        f"the model's label is the proxy {target}, and its decisions have real outcomes: {_counted(figures)}"
    )
    if "roc_auc" in figures:
        low, high = figures["roc_auc_low"], figures["roc_auc_high"]
        chance = ", no better than chance" if low <= 0.5 else ""
        said += f"; on them its AUC is {figures['roc_auc']:.3f} ({low:.3f} to {high:.3f}){chance}"
    if min(figures["bads"], figures["outcomes"] - figures["bads"]) >= ENOUGH:
        return f"{said}; these are enough to train on, so the proxy should be retired: train with --outcomes FILE"
    return f"{said}; the proxy stays until {ENOUGH} decisions of each class have a real outcome"
