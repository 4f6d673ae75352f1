"""Fitting a blend: a booster and a forest, each weighted by what its margin says of cases that it has not seen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.models.blend import Blend
from credit_model.models.classifier import Classifier
from credit_model.training.calibration import fit_calibrator
from credit_model.training.fit_trees import fit_forest, fit_xgboost

_FITS = {"xgboost": fit_xgboost, "forest": fit_forest}


def fit_blend(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> Blend:
    """The mean of a booster and a forest on the scale of log-odds.

    Margins of each are brought to log-odds by the slope of Platt's sigmoid, fitted on one half of the cases by the fit on the
    other, so that both count alike however much they have learned by heart.
    """
    half = np.random.default_rng(seed).permutation(len(bad)) % 2 == 0
    parts: list[Classifier] = []
    weights = []
    for name, fit in _FITS.items():
        unseen = np.empty(len(bad))
        for rows in (half, ~half):
            fitted = fit(table.filter(pl.Series(rows)), bad[rows], seed, directions, params[name])
            unseen[~rows] = fitted.margin(table.filter(pl.Series(~rows)))
        weights.append(_slope(unseen, bad) / len(_FITS))
        parts.append(fit(table, bad, seed, directions, params[name]))
    return Blend(tuple(parts), tuple(weights))


def _slope(margin: FloatArray, bad: BadArray) -> float:
    return fit_calibrator(margin, bad, linear=True).slope
