"""The yardstick: one plain boosted model over every feature, untuned; a model must not rank worse than it does.

It is fitted on the folds of the candidates, compared and shown, and never served.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.models.xgboost_trees import Trees
from credit_model.training.candidates import Candidate
from credit_model.training.fit_trees import grow


def fit_yardstick(
    table: pl.DataFrame, bad: BadArray, seed: int, _directions: Mapping[str, int], params: Mapping[str, Any]
) -> Trees:
    """Boosted trees of a table as it is: no choice of inputs, no direction, no search; a level is its rank by frequency."""
    parameters = {
        "max_depth": params["depth"],
        "eta": params["rate"],
        "subsample": params["rows"],
        "colsample_bytree": params["columns"],
        "lambda": params["l2"],
    }
    return grow(table, bad, seed, {}, parameters, params["trees"])


YARDSTICK = Candidate(
    "yardstick",
    9,
    fit_yardstick,
    {"trees": 400, "depth": 3, "rate": 0.02, "rows": 0.8, "columns": 0.3, "l2": 10.0},
    {},
    on_request=True,
)


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
