"""Fitting a blend: two boosters, each weighted by what its margin says of cases that it has not seen."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import polars as pl

from credit_model.arrays import BadArray
from credit_model.models.blend import Blend
from credit_model.models.classifier import Classifier
from credit_model.scoring.calibrator import Calibrator
from credit_model.training.calibration import fit_calibrator
from credit_model.training.fit_trees import fit_untuned_xgboost, fit_xgboost

_FITS = {"plain_xgboost": fit_untuned_xgboost, "xgboost": fit_xgboost}


def fit_blend(
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],
    params: Mapping[str, Any],
    plain: Collection[str] = (),
) -> Blend:
    """The mean of two boosters on the scale of log-odds.

    One reads the features in ``plain`` alone, or all where none of those varies. Margins of each are brought to log-odds by
    Platt's sigmoid, fitted on one half of the cases by the fit on the other, so that both count alike however much they have
    learned by heart.
    """
    some = [name for name in table.columns if name in plain] or table.columns
    parts: list[Classifier] = []
    scales = []
    for name, offered in (("plain_xgboost", table.select(some)), ("xgboost", table)):
        parts.append(_FITS[name](offered, bad, seed, directions, params[name]))
        scales.append(_unseen_scale(name, offered, bad, seed, directions, params[name]))
    weights = tuple(scale.slope / len(parts) for scale in scales)
    return Blend(tuple(parts), weights, sum(scale.intercept for scale in scales) / len(parts))


def _unseen_scale(
    name: str,
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],
    params: Mapping[str, Any],
) -> Calibrator:
    """The sigmoid that brings margins of cases that a fit of the part has not seen to log-odds."""
    half = np.random.default_rng(seed).permutation(len(bad)) % 2 == 0
    unseen = np.empty(len(bad))
    for rows in (half, ~half):
        fitted = _FITS[name](table.filter(pl.Series(rows)), bad[rows], seed, directions, params)
        unseen[~rows] = fitted.margin(table.filter(pl.Series(~rows)))
    return fit_calibrator(unseen, bad, linear=True)
