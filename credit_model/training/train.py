"""Fitting and comparing the candidates on labelled decisions; the result is the scorer and its figures. No file is touched."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import FloatArray
from credit_model.models.scorecard import Scorecard
from credit_model.scoring.scorer import Scorer
from credit_model.training import evaluation, segment_cards
from credit_model.training.calibration import cross_fitted, fit_calibrator
from credit_model.training.candidates import CrossValidation, choose, usual_candidate
from credit_model.training.cross_validation import (
    DEFAULT,
    FOLDS,
    POINTS,
    PRIMARY,
    Advance,
    Cases,
    best_parameters,
    check_learnable,
    compare,
    cross_validated,
    fit,
    names,
    paired_error,
    rarer,
    search,
)
from credit_model.training.dataset import Dataset
from credit_model.training.fit_reasons import fit_reasons
from credit_model.training.fit_reference import fit_reference
from credit_model.training.leaks import AttributeWeight, attribute_weights
from credit_model.training.sample import Recipe
from credit_model.training.segment_cards import SEGMENTED, SegmentCards, check_segment
from credit_model.training.yardstick import YARDSTICK, lift_over

LEAST_NO_HISTORY = 30
LEAST_EFFECT = 0.02


@dataclass(frozen=True)
class Trained:
    """The fitted scorer and the measures of its training.

    Attributes:
        scorer: the validated recipe, fitted again on every decision whose outcome is known.
        primary: the interpretable scorecard, fitted and calibrated on the same decisions.
        dataset: what they were fitted on.
        comparison: cross-validation of each candidate, on the training part where it has 20 cases of each class, else on
            all decisions.
        trials: cross-validation of every point that a search tried, by candidate; empty without a search.
        winner: name of the candidate that the scorer holds.
        choosable: whether the training part had 20 cases of each class, so that candidates were chosen on it alone.
        tested: what the test part is: ``out of time`` or ``out of customer``.
        attributes: how much the winner depends on each attribute.
        probability: of bad for each decision, out of fold (folds grouped by customer), shape (n,); the calibrator of a fold
            was fitted on the other folds.
        test_probability: of bad for the test part, by the recipe fitted on the training part alone, shape (n,); NaN
            elsewhere.
        test_auc: of the test part, by candidate, where the test part has 20 cases of each class.
        figures: measures by name, as ``evaluation.figures`` gives them, and those of the comparison.
        ranked: of bad, out of fold like ``probability``, but by the served calibrator alone, so that it ranks as the margins do.
        tests: as ``test_probability``, by candidate; empty where the training part has fewer than 5 cases of a class.
        segments: scorecards by segment beside the common one; None where no column of segments was named.
    """

    scorer: Scorer
    primary: Scorer
    dataset: Dataset
    comparison: Mapping[str, CrossValidation]
    trials: Mapping[str, tuple[CrossValidation, ...]]
    winner: str
    choosable: bool
    tested: str
    attributes: tuple[AttributeWeight, ...]
    probability: FloatArray
    test_probability: FloatArray
    test_auc: Mapping[str, float]
    figures: Mapping[str, float]
    ranked: FloatArray
    tests: Mapping[str, FloatArray]
    segments: SegmentCards | None = None

    @property
    def scorecard(self) -> Scorecard:
        """The classifier of the interpretable primary."""
        if not isinstance(self.primary.classifier, Scorecard):
            raise TypeError(f"the primary is a scorecard, not {type(self.primary.classifier).__name__}")
        return self.primary.classifier


def train(
    all_known: Dataset, train_only: Dataset, recipe: Recipe, advance: Advance = lambda _: None
) -> Trained:
    """Compare the candidates, validate the winner out of time, and fit it on every decision whose outcome is known.

    Args:
        all_known: every decision whose outcome is known.
        train_only: the same decisions, with levels and constant features learned from the training part alone.
        recipe: how to train.
        advance: called with a candidate's name after each of its folds.

    Raises:
        ValueError: fewer than 10 customers, or fewer than 5 decisions of a class, or a lender's reasons do not fit the features.
    """
    rows, early_rows = all_known.modelled, train_only.part("train") & train_only.modelled
    all_cases, train_cases = Cases.of(all_known, rows), Cases.of(train_only, early_rows)
    check_learnable(all_cases)
    recipe.language.check(all_known.catalogue, all_cases.table.columns)
    check_segment(recipe.segment, all_cases.table)
    choosable = metrics.estimable(train_cases.bad)
    compared = train_cases if choosable else all_cases
    trials = {name: search(name, compared, recipe, advance) for name in names(recipe)}
    chosen = {name: best_parameters(name, tried, recipe) for name, tried in trials.items()}
    if recipe.segment is not None:
        chosen[SEGMENTED] = {**chosen[PRIMARY], "segment": recipe.segment}
    comparison = {
        name: compare(name, compared, chosen[name], recipe, advance, recipe.seed) for name in trials
    }
    segments = _segments(comparison, compared, recipe)
    winner = _winner(comparison, train_cases, recipe, segments, choosable=choosable)
    best = comparison[winner]
    yardstick = comparison[YARDSTICK]
    fold = all_cases.fold(recipe.seed)
    final = {
        name: cross_validated(name, all_cases, chosen[name], fold, recipe, advance)
        for name in dict.fromkeys((winner, PRIMARY))
    }
    scorers = {name: _scorer(all_known, all_cases, name, result, recipe) for name, result in final.items()}
    scorer = scorers[winner]
    margin = final[winner].margin
    served = scorer.calibrator.probability(margin)
    crossed = cross_fitted(margin, all_cases.bad, fold, linear=winner in POINTS)
    ranked, probability = (
        _with_silent(all_known, scorer, _filled(rows, judged)) for judged in (served, crossed)
    )
    tests = _tests(train_only, train_cases, comparison, recipe) if rarer(train_cases.bad) >= FOLDS else {}
    test_probability = tests.get(winner, np.full(len(probability), np.nan))
    figures = evaluation.figures(all_known, scorer.bands, probability, test_probability, recipe, ranked)
    figures |= _of_the_choice(best, train_cases) | {"served_spread": evaluation.spread(served)}
    figures |= lift_over(yardstick.margin, best.margin, compared.bad, compared.customers, recipe.seed)
    return Trained(
        replace(scorer, reference=fit_reference(all_known, scorer, ranked, figures, recipe)),
        scorers[PRIMARY],
        all_known,
        comparison,
        trials,
        winner,
        choosable,
        recipe.tested,
        _attribute_weights(all_known, compared, best, recipe, advance),
        probability,
        test_probability,
        {name: auc for name, judged in tests.items() for auc in _auc(train_only, judged)},
        figures,
        ranked,
        tests,
        segments,
    )


def with_reference(trained: Trained, recipe: Recipe) -> Trained:
    """The same with the reference of its scorer fitted again, after what the scorer is served with has changed."""
    reference = fit_reference(trained.dataset, trained.scorer, trained.ranked, trained.figures, recipe)
    return replace(trained, scorer=replace(trained.scorer, reference=reference))


def _of_the_choice(best: CrossValidation, train_cases: Cases) -> dict[str, float]:
    """What the winner was chosen by, and how many cases of each class the training part has."""
    bads = float(train_cases.bad.sum())
    return {
        "cv_auc_mean": best.mean,
        "cv_auc_standard_error": best.standard_error,
        "train_bads": bads,
        "train_goods": len(train_cases.bad) - bads,
    }


def _segments(comparison: Mapping[str, CrossValidation], cases: Cases, recipe: Recipe) -> SegmentCards | None:
    if recipe.segment is None:
        return None
    return segment_cards.compared(
        recipe.segment, comparison, cases.table, cases.bad, cases.customers, recipe.seed
    )


def _winner(
    comparison: Mapping[str, CrossValidation],
    cases: Cases,
    recipe: Recipe,
    segments: SegmentCards | None,
    *,
    choosable: bool,
) -> str:
    """The candidate asked for; else the chosen one, or the default where the training part is too small to choose on it alone.

    Scorecards by segment only where they are kept, and then they stand for the scorecard that is asked for.
    """
    kept = segments is not None and segments.kept
    if recipe.candidate != "auto":
        return SEGMENTED if kept and recipe.candidate == PRIMARY else recipe.candidate
    if not choosable:
        return DEFAULT
    offered = {name: result for name, result in comparison.items() if kept or name != SEGMENTED}
    usual = usual_candidate(int(cases.bad.sum()))
    return choose(offered, usual, recipe.tolerance, paired_error(cases, recipe.seed))


def _attribute_weights(
    dataset: Dataset, cases: Cases, best: CrossValidation, recipe: Recipe, advance: Advance
) -> tuple[AttributeWeight, ...]:
    """What hangs on each attribute, by the winner fitted again without it on the folds of the comparison."""
    name, fold = best.candidate.name, cases.fold(recipe.seed)

    def refit(table: pl.DataFrame) -> FloatArray:
        fewer = replace(cases, table=table)
        return cross_validated(name, fewer, best.parameters, fold, recipe, advance).margin

    return attribute_weights(cases.table, cases.bad, best.margin, dataset.catalogue, refit)


def _scorer(
    dataset: Dataset,
    cases: Cases,
    name: str,
    result: CrossValidation,
    recipe: Recipe,
) -> Scorer:
    classifier = fit(name, cases, result.parameters, recipe)
    spread = float(np.std(classifier.margin(cases.table)))
    parts = dataset.decisions["part"].unique().to_list()
    goods = cases.table.filter(pl.Series(cases.bad == 0))
    told = (dataset.catalogue, classifier.inputs, goods, recipe.language, dataset.currency)
    return Scorer(
        catalogue=dataset.catalogue,
        classifier=classifier,
        calibrator=fit_calibrator(result.margin, cases.bad, linear=name in POINTS),
        scale=recipe.scale,
        bands=recipe.bands,
        reasons=fit_reasons(*told, LEAST_EFFECT * spread),
        target=recipe.target,
        currency=dataset.currency,
        no_history_probability=_no_history_probability(dataset, parts),
        columns=recipe.columns,
        formats=recipe.formats,
    )


def _no_history_probability(dataset: Dataset, parts: list[str]) -> float | None:
    """Bad rate of the decisions without history, smoothed by one case of each class; needs 30 of them."""
    silent = dataset.decisions["part"].is_in(parts).to_numpy() & ~dataset.modelled
    bads, cases = int(dataset.bad[silent].sum()), int(silent.sum())
    return (bads + 1) / (cases + 2) if cases >= LEAST_NO_HISTORY else None


def _tests(
    train_only: Dataset,
    train_cases: Cases,
    comparison: Mapping[str, CrossValidation],
    recipe: Recipe,
) -> dict[str, FloatArray]:
    """Probability of the test part by every candidate fitted on the training part alone; NaN elsewhere."""
    tests = {}
    judged = train_only.part("test") & train_only.modelled
    table = train_only.features.filter(pl.Series(judged))
    silent = _no_history_probability(train_only, ["train"])
    for name, compared in comparison.items():
        result = compared
        if len(compared.margin) != len(train_cases.bad):
            fold = train_cases.fold(recipe.seed)
            result = cross_validated(name, train_cases, compared.parameters, fold, recipe, lambda _: None)
        margin = fit(name, train_cases, compared.parameters, recipe).margin(table)
        calibrator = fit_calibrator(result.margin, train_cases.bad, linear=name in POINTS)
        probability = calibrator.probability(margin)
        filled = np.where(
            train_only.modelled, _filled(judged, probability), np.nan if silent is None else silent
        )
        tests[name] = np.where(train_only.part("test"), filled, np.nan)
    return tests


def _auc(train_only: Dataset, judged: FloatArray) -> list[float]:
    rows = ~np.isnan(judged)
    bad = train_only.bad[rows]
    return [metrics.roc_auc(bad, judged[rows])] if metrics.estimable(bad) else []


def _filled(rows: npt.NDArray[np.bool_], values: FloatArray) -> FloatArray:
    filled = np.full(len(rows), np.nan)
    filled[rows] = values
    return filled


def _with_silent(dataset: Dataset, scorer: Scorer, probability: FloatArray) -> FloatArray:
    silent = np.nan if scorer.no_history_probability is None else scorer.no_history_probability
    return np.where(dataset.modelled, probability, silent)
