"""Searching, comparing and fitting candidates, with folds grouped by customer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray
from credit_model.models.classifier import Classifier
from credit_model.training.candidates import (
    CANDIDATES,
    Candidate,
    CrossValidation,
    best_point,
    cross_validate,
    points,
)
from credit_model.training.dataset import Dataset
from credit_model.training.own_bins import OwnBins
from credit_model.training.own_candidates import asked_of
from credit_model.training.plain import plain_features
from credit_model.training.sample import Recipe
from credit_model.training.segment_cards import SEGMENTED, segmented
from credit_model.training.splits import customer_folds
from credit_model.training.yardstick import YARDSTICK

FOLDS = 5
FEW, REPEATS = 200, 3
RESAMPLES, INTERVAL = 200, 2 * 1.96  # a 95 % interval is so many standard errors wide
PRIMARY, DEFAULT = "scorecard", YARDSTICK
POINTS = frozenset({PRIMARY, SEGMENTED})  # whose calibration is linear in the margin, so that points add up

Advance = Callable[[str], object]
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Cases:
    """The cases that a classifier is fitted on.

    Attributes:
        table: features that vary among the cases, one row per case.
        bad: 1 for bad, 0 for good, shape (n,).
        customers: customer of each case, shape (n,).
        directions: +1 or -1 for each feature whose effect on risk is known.
        plain: names of the plain features.
    """

    table: pl.DataFrame
    bad: BadArray
    customers: npt.NDArray[np.object_]
    directions: Mapping[str, int]
    plain: frozenset[str]

    @classmethod
    def of(cls, dataset: Dataset, rows: npt.NDArray[np.bool_]) -> "Cases":
        """The cases of some rows of a dataset."""
        plain = plain_features(dataset.catalogue)
        return cls(dataset.table(rows), dataset.bad[rows], dataset.customers[rows], dataset.directions, plain)

    def offered(self, candidate: Candidate) -> pl.DataFrame:
        """The features that a candidate may read: all, or the plain ones where some of those vary."""
        plain = [name for name in self.table.columns if name in self.plain]
        return self.table.select(plain) if candidate.plain and plain else self.table

    def informed(self, candidate: Candidate, bins: OwnBins) -> Candidate:
        """A candidate whose ``fit`` knows what else it takes: the plain features, or the bins that a person decided."""
        told: dict[str, Any] = {"plain": self.plain} if candidate.plain_part else {}
        told |= {"bins": bins} if candidate.binned else {}
        return replace(candidate, fit=partial(candidate.fit, **told)) if told else candidate

    def fold(self, seed: int, folds: int = FOLDS) -> npt.NDArray[np.int64]:
        """The fold of each case, shape (n,); all cases of a customer share one."""
        return customer_folds(pl.Series(self.customers), folds, seed).to_numpy()


def names(recipe: Recipe) -> list[str]:
    """Names of the candidates to compare: all but those on request; or the requested one, the primary and the yardstick.

    With segments, also the scorecards by segment.
    """
    own = [SEGMENTED] if recipe.segment is not None else []
    if recipe.candidate != "auto":
        return list(dict.fromkeys((PRIMARY, *own, YARDSTICK, recipe.candidate)))
    return [*(name for name, candidate in CANDIDATES.items() if not candidate.on_request), *own]


def asked(name: str, recipe: Recipe) -> Candidate:
    """A candidate with the parameters and the search space that a person gave it; that of segments has those of the scorecard."""
    if name == SEGMENTED:
        return segmented(recipe.segment or "", asked(PRIMARY, recipe))
    return asked_of(CANDIDATES[name], recipe.parameters, recipe.spaces)


def search(name: str, cases: Cases, recipe: Recipe, advance: Advance) -> tuple[CrossValidation, ...]:
    """Cross-validation of every point that a search tries, on other folds than the comparison uses, so that it stays fair."""
    tried = points(asked(name, recipe), recipe.search, recipe.seed)
    if len(tried) == 1:
        return ()
    how = (recipe, advance, _seeds(cases, recipe.seed + 1), recipe.search.folds, recipe.search.metric)
    return tuple(repeated(name, cases, point, *how) for point in tried)


def compare(
    name: str, cases: Cases, parameters: Parameters, recipe: Recipe, advance: Advance, seed: int
) -> CrossValidation:
    """Cross-validation of a candidate, repeated on other folds where the rarer class has fewer than 200 cases."""
    return repeated(name, cases, parameters, recipe, advance, _seeds(cases, seed))


def _seeds(cases: Cases, seed: int) -> list[int]:
    return [seed + 10 * repeat for repeat in range(REPEATS if rarer(cases.bad) < FEW else 1)]


def repeated(
    name: str,
    cases: Cases,
    parameters: Parameters,
    recipe: Recipe,
    advance: Advance,
    seeds: Sequence[int],
    folds: int = FOLDS,
    metric: str = "roc_auc",
) -> CrossValidation:
    """Cross-validation of a candidate on the folds of each seed: the margins of the first, the metric of every fold of all."""
    results = []
    for fold in (cases.fold(seed, folds) for seed in seeds):
        result = cross_validated(name, cases, parameters, fold, recipe, advance)
        results.append(result if metric == result.metric else result.by(metric, cases.bad, fold))
    return replace(results[0], fold_auc=tuple(each for result in results for each in result.fold_auc))


def best_parameters(name: str, trials: tuple[CrossValidation, ...], recipe: Recipe) -> Parameters:
    """The parameters that a search chose, or the candidate's own where none was made."""
    return best_point(trials).parameters if trials else asked(name, recipe).default_parameters


def cross_validated(
    name: str,
    cases: Cases,
    parameters: Parameters,
    fold: npt.NDArray[np.int64],
    recipe: Recipe,
    advance: Advance,
) -> CrossValidation:
    """Cross-validation of a candidate on given folds, shape (n,)."""
    return cross_validate(
        cases.informed(asked(name, recipe), recipe.bins),
        cases.offered(asked(name, recipe)),
        cases.bad,
        fold,
        recipe.seed,
        cases.directions,
        parameters,
        lambda: advance(name),
    )


def paired_error(cases: Cases, seed: int) -> Callable[[CrossValidation, CrossValidation], float]:
    """What gives the standard error of the AUC out of fold of two candidates, one less the other, customers resampled."""

    def error(one: CrossValidation, other: CrossValidation) -> float:
        margins = (one.margin, other.margin)
        low, high = metrics.paired_interval(
            metrics.roc_auc, cases.bad, margins, cases.customers, seed, RESAMPLES
        )
        return (high - low) / INTERVAL

    return error


def fit(name: str, cases: Cases, parameters: Parameters, recipe: Recipe) -> Classifier:
    """Fit a candidate on cases."""
    candidate = cases.informed(asked(name, recipe), recipe.bins)
    return candidate.fit(cases.offered(candidate), cases.bad, recipe.seed, cases.directions, parameters)


def check_learnable(cases: Cases) -> None:
    """Refuse cases that are too few to learn from.

    Raises:
        ValueError: too few customers, or too few decisions of a class.
    """
    people, bad = len(set(cases.customers)), cases.bad
    if people < 2 * FOLDS:
        raise ValueError(f"{people} customers to train on are too few; give at least {2 * FOLDS}")
    if rarer(bad) < FOLDS:
        raise ValueError(
            f"{int(bad.sum())} bad and {int(len(bad) - bad.sum())} good decisions to train on are too few; "
            f"give at least {FOLDS} of each"
        )


def rarer(bad: BadArray) -> int:
    """Number of cases of the rarer class."""
    return min(int(bad.sum()), int(len(bad) - bad.sum()))
