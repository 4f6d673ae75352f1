"""The yardstick: what a plain, untuned booster ranks on the same cases; a model must not rank worse than that."""

import numpy as np
import numpy.typing as npt

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray

YARDSTICK = "plain_xgboost"


def lift_over(
    yardstick: FloatArray, margin: FloatArray, bad: BadArray, customers: npt.NDArray[np.object_], seed: int
) -> dict[str, float]:
    """AUC out of fold of a model less the yardstick's on the same cases, with its 95 % interval, customers resampled.

    Args:
        yardstick: its margins on the folds of the comparison, shape (n,).
        margin: the model's, on the same folds.
        bad: 0 or 1 per case.
        customers: of the cases.
        seed: of the resampling.
    """
    model, plain = (metrics.roc_auc(bad, each) for each in (margin, yardstick))
    low, high = metrics.paired_interval(metrics.roc_auc, bad, (margin, yardstick), customers, seed)
    return {
        "compared_roc_auc": model,
        "yardstick_roc_auc": plain,
        "lift_over_yardstick": model - plain,
        "lift_over_yardstick_low": low,
        "lift_over_yardstick_high": high,
    }
