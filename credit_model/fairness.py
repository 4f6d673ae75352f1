"""How a model treats the groups of a population, in the terms of fairlearn (Bird et al., 2020)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.metrics import BadArray, FloatArray

LEAST_GROUP = 20
SMALL = "(small groups)"


@dataclass(frozen=True)
class Fairness:
    """What a validator asks about groups.

    Attributes:
        table: one row per group: ``group``, ``decisions``, ``bads``, ``bad_rate``, ``approval_rate``,
            ``false_positive_rate``, ``false_negative_rate``, ``observed_to_expected``, ``roc_auc``; null where a group
            is too small to say.
        disparities: ``demographic_parity_difference``, ``demographic_parity_ratio`` and ``equalized_odds_difference``
            of being approved; 0, 1 and 0 are even. One that is not defined, as the ratio where nobody is approved, is
            absent.
    """

    table: pl.DataFrame
    disparities: dict[str, float]


def fairness(
    group: pl.Series, bad: BadArray, probability: FloatArray, approved: np.ndarray, prediction: np.ndarray
) -> Fairness:
    """Compare groups; those with fewer than 20 decisions are pooled, and a missing group is one of its own.

    Args:
        group: text, one per decision; never a feature of the model.
        bad: 0 or 1 per decision.
        probability: of bad.
        approved: true where the decision is ``approve``.
        prediction: 0 or 1 at the threshold.
    """
    from fairlearn.metrics import MetricFrame

    names = _pooled(group)
    rates = {"false_positive_rate": _false_positive_rate, "false_negative_rate": _false_negative_rate}
    frame = MetricFrame(metrics=rates, y_true=bad, y_pred=prediction, sensitive_features=names)
    rows = []
    for name, row in sorted(frame.by_group.to_dict(orient="index").items()):
        inside = names == name
        few = not metrics.estimable(bad[inside])
        rows.append(
            {
                "group": str(name),
                "decisions": int(inside.sum()),
                "bads": int(bad[inside].sum()),
                "bad_rate": float(bad[inside].mean()),
                "approval_rate": float(approved[inside].mean()),
                **{key: None if np.isnan(value) else float(value) for key, value in row.items()},
                "observed_to_expected": metrics.calibration_in_the_large(bad[inside], probability[inside]),
                "roc_auc": None if few else metrics.roc_auc(bad[inside], probability[inside]),
            }
        )
    return Fairness(pl.DataFrame(rows), _disparities(names, bad, approved, frame))


def _disparities(names: np.ndarray, bad: BadArray, approved: np.ndarray, frame: Any) -> dict[str, float]:
    """Those that are defined; a rate that a group does not have is no difference."""
    from fairlearn import metrics as fairlearn_metrics

    parity = {"y_true": bad, "y_pred": approved.astype(np.int8), "sensitive_features": names}
    found = {
        "demographic_parity_difference": fairlearn_metrics.demographic_parity_difference(**parity),
        "demographic_parity_ratio": fairlearn_metrics.demographic_parity_ratio(**parity),
        "equalized_odds_difference": frame.difference(method="between_groups").max(),
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _pooled(group: pl.Series) -> np.ndarray:
    texts = group.cast(pl.String).fill_null("(missing)").alias("group").to_frame()
    small = pl.len().over("group") < LEAST_GROUP
    return texts.select(pl.when(small).then(pl.lit(SMALL)).otherwise("group").alias("group"))[
        "group"
    ].to_numpy()


def _false_positive_rate(bad: np.ndarray, prediction: np.ndarray) -> float:
    goods = np.asarray(bad) == 0
    return float(np.asarray(prediction)[goods].mean()) if goods.any() else float("nan")


def _false_negative_rate(bad: np.ndarray, prediction: np.ndarray) -> float:
    bads = np.asarray(bad) == 1
    return float(1 - np.asarray(prediction)[bads].mean()) if bads.any() else float("nan")
