"""Fits the reference of a model: what monitoring compares with, from the decisions of its training."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import FloatArray
from credit_model.scoring.policy import DECISIONS
from credit_model.scoring.reference import SCORE, Counts, Distribution, Reference, fit_distribution
from credit_model.scoring.scorer import REACH, Scorer
from credit_model.training.dataset import Dataset
from credit_model.training.sample import Recipe

_WIDER = 1.05


def fit_reference(
    dataset: Dataset, scorer: Scorer, out_of_fold: FloatArray, figures: Mapping[str, float], recipe: Recipe
) -> Reference:
    """The reference of a fitted scorer.

    Args:
        dataset: what it was fitted on.
        scorer: with the bands that it is served with.
        out_of_fold: probability of bad by fits that had not seen the customer, through the served calibrator, shape (n,); NaN
            where a decision has none.
        figures: of the training; the AUC out of time, or else out of fold, is among them where it could be estimated.
        recipe: how it was trained.
    """
    rows = dataset.modelled
    features = dataset.features.filter(pl.Series(rows))
    own = scorer.scale.score(scorer.calibrator.probability(scorer.classifier.margin(features)))
    score = fit_distribution(pl.Series(SCORE, _as_of_others(own, scorer.scale.score(out_of_fold[rows]))))
    part = next((part for part in ("test", "grouped") if f"{part}_roc_auc" in figures), None)
    judged = dataset.active & ~np.isnan(out_of_fold)
    return Reference(
        inputs={name: fit_distribution(features[name]) for name in scorer.classifier.inputs},
        score=score,
        no_history_share=float((~dataset.active).mean()),
        bad_rate=float(dataset.bad.mean()),
        roc_auc=None if part is None else figures[f"{part}_roc_auc"],
        roc_auc_error=None if part is None else _error(figures, part),
        reach=_of_active(dataset, REACH),
        transactions=_of_active(dataset, "transaction_count"),
        decisions=_decisions(scorer, out_of_fold[judged]),
        invalid_share=dataset.invalid / (dataset.invalid + dataset.decisions.height),
        independent=metrics.independent(dataset.customers),
        estimated_roc_auc=metrics.expected_roc_auc(out_of_fold[~np.isnan(out_of_fold)]),
        bads_by_score=_bads_by_score(dataset, scorer, score, out_of_fold),
        costs=recipe.costs,
    )


def _as_of_others(own: FloatArray, out_of_fold: FloatArray) -> FloatArray:
    """The scores that customers get whom the model has not seen.

    They are the model's own of its training decisions, as a rule. A classifier that is fitted closely scores those further
    apart than others; then they are the scores out of fold. Those of a scorecard or a tree with few different scores are always
    its own, because the few of a fold's other model would differ from them without any drift.
    """
    known = out_of_fold[~np.isnan(out_of_fold)]
    few = len(np.unique(own)) <= len(own) / 2
    return own if few or not len(known) or own.std() <= _WIDER * known.std() else known


def _of_active(dataset: Dataset, name: str) -> Distribution | None:
    if name not in dataset.features.columns or not dataset.active.any():
        return None
    return fit_distribution(dataset.features[name].filter(pl.Series(dataset.active)))


def _decisions(scorer: Scorer, probability: FloatArray) -> Distribution:
    made = scorer.bands.assign(probability).decision
    counts = [made.count(decision) for decision in DECISIONS]
    return Distribution((), DECISIONS, (*counts, 0, 0))


def _error(figures: Mapping[str, float], part: str) -> float | None:
    """The standard error that the 95 % interval of the AUC stands for."""
    ends = [figures.get(f"{part}_roc_auc_{end}") for end in ("low", "high")]
    return None if ends[0] is None or ends[1] is None else (ends[1] - ends[0]) / (2 * 1.96)


def _bads_by_score(
    dataset: Dataset, scorer: Scorer, score: Distribution, out_of_fold: FloatArray
) -> tuple[tuple[int, int], ...]:
    """Decisions and bads per bin of the score, by the score out of fold."""
    known = dataset.modelled & ~np.isnan(out_of_fold)
    points, bad = scorer.scale.score(out_of_fold[known]), dataset.bad[known]

    def counted(values: FloatArray) -> Counts:
        return score.count(pl.Series(values))

    return tuple(zip(counted(points).tolist(), counted(points[bad == 1]).tolist(), strict=True))
