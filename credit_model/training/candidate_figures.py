"""The measures of every candidate, by the names that those of the winner have."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BoolArray, FloatArray
from credit_model.training import evaluation
from credit_model.training.calibration import cross_fitted
from credit_model.training.candidates import CrossValidation
from credit_model.training.cross_validation import FOLDS, POINTS
from credit_model.training.sample import Recipe
from credit_model.training.splits import customer_folds
from credit_model.training.train import Trained


def candidate_figures(trained: Trained, recipe: Recipe) -> dict[str, dict[str, float]]:
    """For each candidate its measures out of fold on the decisions of the comparison (``compared_``) and on the test part.

    Those of the test part have the names and the decisions of the winner's in ``Trained.figures``; of their intervals, only the
    winner has others than that of the AUC. The winner has its
    ``grouped_`` ones too: out of fold on all decisions, which no other candidate is fitted on.
    """
    dataset = trained.dataset
    rows = dataset.modelled & dataset.part("train") if trained.choosable else dataset.modelled
    fold = customer_folds(pl.Series(dataset.customers[rows]), FOLDS, recipe.seed).to_numpy()
    figures = {
        name: _compared(result, rows, fold, trained, recipe) | _tested(name, trained, recipe)
        for name, result in trained.comparison.items()
    }
    figures[trained.winner] |= {
        n: v for n, v in trained.figures.items() if n.startswith(("grouped_", "test_"))
    }
    return {name: _finite(own) for name, own in figures.items()}


def _compared(
    result: CrossValidation,
    rows: BoolArray,
    fold: npt.NDArray[np.int64],
    trained: Trained,
    recipe: Recipe,
) -> dict[str, float]:
    """Out of fold on the decisions that the candidates were compared on; each fold's calibrator was fitted on the others."""
    dataset, linear = trained.dataset, result.candidate.name in POINTS
    probability = cross_fitted(result.margin, dataset.bad[rows], fold, linear=linear)
    whole, margins = (_whole(rows, each) for each in (probability, result.margin))
    found = evaluation.plain_measures(dataset, whole, rows, trained.scorer.bands, recipe, margins)
    return {f"compared_{key}": value for key, value in found.items()}


def _tested(name: str, trained: Trained, recipe: Recipe) -> dict[str, float]:
    dataset = trained.dataset
    if name not in trained.tests or name == trained.winner:
        return {}
    judged = trained.tests[name]
    rows = dataset.part("test") & ~np.isnan(judged)
    found = evaluation.plain_measures(dataset, judged, rows, trained.scorer.bands, recipe)
    if "roc_auc" in found:
        bad, people = dataset.bad[rows], dataset.customers[rows]
        low, high = metrics.interval(metrics.roc_auc, bad, judged[rows], people, recipe.seed)
        found |= {"roc_auc_low": low, "roc_auc_high": high}
    return {f"test_{key}": value for key, value in found.items()}


def _whole(rows: BoolArray, values: FloatArray) -> FloatArray:
    whole = np.full(len(rows), np.nan)
    whole[rows] = values
    return whole


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if np.isfinite(value)}
