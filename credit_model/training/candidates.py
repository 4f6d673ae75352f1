"""The candidate classifiers, their parameters, and how they are compared.

Cross-validation is grouped by customer. The candidate for so many bads wins (``usual_candidate``), unless another is clearly
better, or a simpler one loses no more than a tolerance, each with 95 % confidence: the highest of several means is mostly luck
where cases are few, and the more candidates there are, the more one of them must gain. The error of a few folds is luck too,
so that these errors are made by resampling customers.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.metrics import ks, pr_auc, roc_auc
from credit_model.models.classifier import Classifier
from credit_model.settings.kinds import Search
from credit_model.training.fit_blend import SHALLOW, fit_blend
from credit_model.training.fit_linear import fit_logistic, fit_scorecard
from credit_model.training.fit_trees import fit_forest, fit_lightgbm, fit_plain_xgboost, fit_tree, fit_xgboost

Fit = Callable[..., Classifier]  # of a table, bad, seed, directions and parameters
Advance = Callable[[], object]

BLEND, DEEP = "blend", "deep_xgboost"
DEEP_FROM = 2_000  # bads: fewer do not tell what three features together mean
_METRICS = {"roc_auc": roc_auc, "pr_auc": pr_auc, "ks": ks}
DOUBT = 0.05  # 95 % confidence, on one side


@dataclass(frozen=True)
class Candidate:
    """A way to fit a classifier.

    Attributes:
        name: value of the parameter ``candidate``.
        rank: lower is simpler: fewer splits or weights for a reader to follow; equal where nobody can follow any of them.
        fit: from table, bad, seed, directions and parameters to a classifier.
        default_parameters: the parameters that it is fitted with by default.
        space: for some of them, the values that a search tries.
        on_request: whether it is compared only where the parameter ``candidate`` names it.
        plain: whether it is offered the plain features alone.
        plain_part: whether a part of it is; its ``fit`` then also takes their names.
        binned: whether its ``fit`` also takes the bins that a person decided.
    """

    name: str
    rank: int
    fit: Fit
    default_parameters: Mapping[str, Any]
    space: Mapping[str, Sequence[Any]]
    on_request: bool = False
    plain: bool = False
    plain_part: bool = False
    binned: bool = False


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold margins of every case, and the AUC of every fold that has both classes.

    Attributes:
        candidate: what was fitted.
        parameters: what it was fitted with.
        margin: of every case, by the fit that had not seen it, in log-odds; shape (n,).
        fold_auc: one per fold with both classes; of another ``metric`` where a search compares by that.
        metric: the function of ``metrics`` that gave them.
    """

    candidate: Candidate
    parameters: Mapping[str, Any]
    margin: FloatArray
    fold_auc: tuple[float, ...]
    metric: str = "roc_auc"

    def by(self, metric: str, bad: BadArray, fold: npt.NDArray[np.int64]) -> "CrossValidation":
        """The same, with every fold measured by another metric."""
        parts = [
            rows for rows in (fold == each for each in np.unique(fold)) if 0 < bad[rows].sum() < rows.sum()
        ]
        found = tuple(_METRICS[metric](bad[rows], self.margin[rows]) for rows in parts)
        return replace(self, fold_auc=found, metric=metric)

    @property
    def figure(self) -> str:
        """The metric in the names of figures: ``auc`` where it is the usual one."""
        return "auc" if self.metric == "roc_auc" else self.metric

    @property
    def mean(self) -> float:
        """Mean AUC of the folds."""
        return float(np.mean(self.fold_auc))

    @property
    def standard_error(self) -> float:
        """Standard error of the mean."""
        return float(np.std(self.fold_auc, ddof=1) / np.sqrt(len(self.fold_auc)))

    def loss_to(self, other: "CrossValidation") -> tuple[float, float]:
        """Mean AUC lost to another candidate on the same folds, and the standard error of that difference."""
        lost = np.array(other.fold_auc) - np.array(self.fold_auc)
        return float(lost.mean()), float(lost.std(ddof=1) / np.sqrt(len(lost)))


_BOOSTED = {"trees": 400, "rate": 0.02, "depth": 2, "l2": 10.0, "leaf": 0.017, "columns": 0.15, "inputs": 60}
_DEEPER = _BOOSTED | {"rate": 0.04, "depth": 3, "l2": 80.0, "leaf": 0.005, "columns": 0.3, "inputs": 120}
_PLAIN = {"trees": 600, "rate": 0.02, "depth": 2, "l2": 10.0, "rows": 0.8, "columns": 0.3}
_FOREST = {"trees": 150, "depth": 6, "leaf": 0.004, "columns": 0.05, "inputs": 80}
_SHALLOW = _FOREST | {"depth": 3, "columns": 0.1, "inputs": 200}

CANDIDATES = {
    candidate.name: candidate
    for candidate in (
        Candidate(
            "scorecard",
            0,
            fit_scorecard,
            {"characteristics": 15, "correlation": 0.7, "c": 0.5},
            {"characteristics": (10, 15, 25), "correlation": (0.5, 0.7, 0.85), "c": (0.05, 0.5)},
            binned=True,
        ),
        Candidate(
            "logistic",
            1,
            fit_logistic,
            {"scaling": "normal", "c": None, "inputs": 60},
            {
                "scaling": ("normal", "standard", "robust", "minmax"),
                "c": (None, 0.0003, 0.003, 0.03),
            },
        ),
        Candidate(
            "tree",
            2,
            fit_tree,
            {"depth": 4, "leaf": 0.05},
            {"depth": (3, 4, 5, 6), "leaf": (0.02, 0.05, 0.1)},
        ),
        Candidate("plain_xgboost", 3, fit_plain_xgboost, _PLAIN, {}, plain=True),
        Candidate(
            "xgboost",
            4,
            fit_xgboost,
            _BOOSTED,
            {"depth": (1, 2, 3), "trees": (200, 400, 800), "l2": (10.0, 40.0)},
        ),
        Candidate(
            DEEP,
            4,
            fit_xgboost,
            _DEEPER,
            {"depth": (3, 4), "trees": (200, 400, 800), "l2": (20.0, 80.0)},
        ),
        Candidate(
            "forest",
            4,
            fit_forest,
            _FOREST,
            {"depth": (4, 6, 9), "leaf": (0.004, 0.01, 0.03), "columns": (0.05, 0.2)},
        ),
        Candidate(
            BLEND,
            4,
            fit_blend,
            {"plain_xgboost": _PLAIN, "xgboost": _BOOSTED | {"trees": 300, "depth": 3}, SHALLOW: _SHALLOW},
            {},
            plain_part=True,
        ),
        Candidate(
            "lightgbm",
            4,
            fit_lightgbm,
            _BOOSTED,
            {"depth": (1, 2, 3), "trees": (200, 400, 800), "l2": (10.0, 40.0)},
            on_request=True,
        ),
    )
}


def cross_validate(
    candidate: Candidate,
    table: pl.DataFrame,
    bad: BadArray,
    fold: npt.NDArray[np.int64],
    seed: int,
    directions: Mapping[str, int],
    parameters: Mapping[str, Any] | None = None,
    advance: Advance = lambda: None,
) -> CrossValidation:
    """Fit on all folds but one and score the one left out, for every fold; several folds at once, one thread each.

    Args:
        candidate: what to fit.
        table: feature table.
        bad: 0 or 1 per row.
        fold: fold of every row; a customer's rows share one.
        seed: of the fits.
        directions: +1 or -1 per feature whose effect on risk is known.
        parameters: of the candidate; its default parameters where not given.
        advance: called after every fold.

    Raises:
        ValueError: the cases outside some fold have only one class.
    """
    params = parameters or candidate.default_parameters
    left_out = [fold == number for number in np.unique(fold)]
    _check_classes(bad, left_out)

    def judged(test: npt.NDArray[np.bool_]) -> FloatArray:
        fitted = candidate.fit(table.filter(pl.Series(~test)), bad[~test], seed, directions, params)
        return fitted.margin(table.filter(pl.Series(test)))

    margin, scores = np.full(len(bad), np.nan), []
    with ThreadPoolExecutor(min(pl.thread_pool_size(), len(left_out))) as pool:
        for test, found in zip(left_out, pool.map(judged, left_out), strict=True):
            margin[test] = found
            if 0 < bad[test].sum() < test.sum():
                scores.append(roc_auc(bad[test], found))
            advance()
    return CrossValidation(candidate, params, margin, tuple(scores))


def _check_classes(bad: BadArray, left_out: Sequence[npt.NDArray[np.bool_]]) -> None:
    if any(len(np.unique(bad[~test])) < 2 for test in left_out):
        raise ValueError(
            f"all {int(bad.sum())} bad of {len(bad)} decisions, or all good ones, are of so few customers that "
            "these cannot be told apart; give outcomes of more customers"
        )


def points(candidate: Candidate, search: Search, seed: int) -> list[dict[str, Any]]:
    """The parameters that a search tries, those of the candidate first.

    Args:
        candidate: whose space is searched.
        search: which of its points are tried.
        seed: of the draw.
    """
    grid = [
        {**candidate.default_parameters, **dict(zip(candidate.space, values, strict=True))}
        for values in product(*candidate.space.values())
    ]
    others = [point for point in grid if point != candidate.default_parameters]
    if search.method == "random" and len(others) >= search.trials:
        others = Random(f"{seed} {candidate.name}").sample(others, search.trials - 1)
    return [dict(candidate.default_parameters), *(others if search.method != "none" else [])]


def best_point(trials: Sequence[CrossValidation]) -> CrossValidation:
    """The trial that a search chooses: that of the default parameters, the first, unless the best beats it significantly.

    That means by more than the standard error of their difference: of a dozen trials on few cases, the highest mean is
    mostly chance.
    """
    best = max(trials, key=lambda trial: trial.mean)
    return trials[0] if _as_good(trials[0], best) else best


def usual_candidate(bads: float) -> str:
    """What is served unless the comparison says otherwise, by the number of bads to learn from."""
    return DEEP if bads >= DEEP_FROM else BLEND


def choose(
    results: Mapping[str, CrossValidation],
    usual: str,
    tolerance: float,
    error: Callable[[CrossValidation, CrossValidation], float],
) -> str:
    """Name of the candidate to serve: the usual one, unless another is clearly better or a simpler one is as good.

    Clearly better is one that gains, as good a simpler one whose loss is within the tolerance, each with 95 % confidence,
    one-sided; the one that gains is the best of many, so that its confidence is that of all of them together (Bonferroni).

    Args:
        results: of every candidate, on the same folds.
        usual: the name of the usual one; the best stands for it where it was not compared.
        tolerance: the most AUC that a simpler candidate may lose.
        error: the standard error of the difference between two candidates.
    """
    best = max(results.values(), key=lambda result: result.mean)
    first = results.get(usual, best)
    others = max(len(results) - 1, 1)
    served = best if first.loss_to(best)[0] > _errors(others) * error(first, best) else first
    simpler = [each for each in results.values() if each.candidate.rank < served.candidate.rank]
    good = [
        each for each in simpler if each.loss_to(served)[0] + _errors(1) * error(each, served) <= tolerance
    ]
    return min([*good, served], key=lambda result: result.candidate.rank).candidate.name


def _errors(looks: int) -> float:
    """Standard errors by which the best of so many differences must be above 0."""
    return NormalDist().inv_cdf(1 - DOUBT / looks)


def _as_good(result: CrossValidation, best: CrossValidation) -> bool:
    loss, error = result.loss_to(best)
    return loss <= error
