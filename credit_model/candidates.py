"""The competing classifiers: how each is fitted, and how they are compared.

Cross-validation is grouped by customer. The simplest candidate within one standard error of the best wins (Breiman et al.,
Classification and Regression Trees, 1984).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.classifiers import BoostedTrees, Classifier, FloatArray, Scorecard, encode
from credit_model.metrics import BadArray, roc_auc
from credit_model.woe import Binning, fit_binnings

Fit = Callable[[pl.DataFrame, BadArray, int, Mapping[str, int]], Classifier]

LEAST_INFORMATION = 0.02
MOST_CORRELATION = 0.7
MOST_CHARACTERISTICS = 15
LEAST_LEAF = 0.017


@dataclass(frozen=True)
class Candidate:
    """A way to fit a classifier; a lower rank is simpler."""

    name: str
    rank: int
    fit: Fit


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold margins of every case, and the AUC of every fold that has both classes."""

    candidate: Candidate
    margin: FloatArray
    fold_auc: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean AUC of the folds."""
        return float(np.mean(self.fold_auc))

    @property
    def standard_error(self) -> float:
        """Standard error of the mean."""
        return float(np.std(self.fold_auc, ddof=1) / np.sqrt(len(self.fold_auc)))


def fit_scorecard(table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int]) -> Scorecard:
    """WoE logistic regression on the informative, little correlated features whose weights have the right sign."""
    from sklearn.linear_model import LogisticRegression

    binnings = _characteristics(table, fit_binnings(table, bad, directions))
    while True:
        evidence = _evidence(table, binnings)
        fitted = LogisticRegression(C=0.5, max_iter=1000, random_state=seed).fit(-evidence, bad)
        weights = fitted.coef_[0]
        if len(binnings) == 1 or (weights > 0).all():
            break
        binnings = [b for b, weight in zip(binnings, weights, strict=True) if weight > 0] or binnings[:1]
    weights = np.maximum(weights, 0.0)
    return Scorecard(tuple(binnings), tuple(weights.tolist()), float(fitted.intercept_[0]))


def fit_xgboost(table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int]) -> BoostedTrees:
    """Shallow, slow, strongly regularised boosted trees, monotone where the direction is known.

    The least weight of a leaf is a share of all the information in the labels, so that few bads still allow a split.
    """
    import xgboost

    inputs = tuple(table.columns)
    levels = {name: _levels(table[name]) for name in inputs if table[name].dtype == pl.String}
    codes = {name: {level: float(code) for code, level in enumerate(known)} for name, known in levels.items()}
    matrix = xgboost.DMatrix(encode(table, inputs, codes), label=bad)
    rate = float(bad.mean())
    parameters = {
        "objective": "binary:logistic",
        "max_depth": 2,
        "eta": 0.02,
        "subsample": 0.5,
        "colsample_bytree": 0.15,
        "min_child_weight": max(0.5, LEAST_LEAF * len(bad) * rate * (1 - rate)),
        "lambda": 10.0,
        "seed": seed,
        "nthread": 1,  # more threads would add in another order
        "tree_method": "hist",
        "monotone_constraints": tuple(directions.get(name, 0) for name in inputs),
    }
    return BoostedTrees(inputs, levels, xgboost.train(parameters, matrix, num_boost_round=400))


CANDIDATES = {
    candidate.name: candidate
    for candidate in (Candidate("scorecard", 0, fit_scorecard), Candidate("xgboost", 1, fit_xgboost))
}


def cross_validate(
    candidate: Candidate,
    table: pl.DataFrame,
    bad: BadArray,
    fold: npt.NDArray[np.int64],
    seed: int,
    directions: Mapping[str, int],
    advance: Callable[[], object] = lambda: None,
) -> CrossValidation:
    """Fit on all folds but one, judge the one left out, for every fold.

    Args:
        candidate: what to fit.
        table: feature table.
        bad: 0 or 1 per row.
        fold: fold of every row; a customer's rows share one.
        seed: of the fits.
        directions: +1 or -1 per feature whose effect on risk is known.
        advance: called after every fold.
    """
    margin, scores = np.full(len(bad), np.nan), []
    for held_out in np.unique(fold):
        test = fold == held_out
        fitted = candidate.fit(table.filter(pl.Series(~test)), bad[~test], seed, directions)
        margin[test] = fitted.margin(table.filter(pl.Series(test)))
        if 0 < bad[test].sum() < test.sum():
            scores.append(roc_auc(bad[test], margin[test]))
        advance()
    return CrossValidation(candidate, margin, tuple(scores))


def choose(results: Mapping[str, CrossValidation]) -> str:
    """Name of the simplest candidate within one standard error of the best."""
    best = max(results.values(), key=lambda result: result.mean)
    good = [result for result in results.values() if result.mean >= best.mean - best.standard_error]
    return min(good, key=lambda result: result.candidate.rank).candidate.name


def _characteristics(table: pl.DataFrame, binnings: Mapping[str, Binning]) -> list[Binning]:
    informative = [b for b in binnings.values() if b.information_value >= LEAST_INFORMATION]
    ranked = sorted(informative or binnings.values(), key=lambda b: (-b.information_value, b.feature))
    chosen: list[Binning] = []
    columns: list[FloatArray] = []
    for binning in ranked:
        column = binning.woe(table[binning.feature])
        column = (column - column.mean()) / (column.std() or 1.0)
        if all(abs(float((column * other).mean())) <= MOST_CORRELATION for other in columns):
            chosen.append(binning)
            columns.append(column)
        if len(chosen) == MOST_CHARACTERISTICS:
            break
    return chosen


def _evidence(table: pl.DataFrame, binnings: list[Binning]) -> FloatArray:
    return np.stack([binning.woe(table[binning.feature]) for binning in binnings], axis=1)


def _levels(column: pl.Series) -> tuple[str, ...]:
    """Levels by frequency, then name."""
    counts = column.drop_nulls().value_counts().sort(["count", column.name], descending=[True, False])
    return tuple(counts[column.name].to_list())
