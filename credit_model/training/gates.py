"""What speaks against a model: a label that leaks, a feature that copies it, or no gain over what is free."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.data.transactions import Tidy
from credit_model.training.baselines import customer_base_risk, recency_risk
from credit_model.training.dataset import Dataset
from credit_model.training.rfm import rfm
from credit_model.training.sample import Recipe

REFUSED_AUC, CHANCE = 0.98, 0.5


@dataclass(frozen=True)
class Baseline:
    """What needs no model, on the very decisions of the test part that the model judged.

    Attributes:
        name: ``recency`` or ``customer_base`` (MBG/NBD).
        roc_auc: its own.
        lift: AUC of the model less that of the baseline: the 95 % interval of the difference, customers resampled.
    """

    name: str
    roc_auc: float
    lift: tuple[float, float]


def baselines(
    transactions: Tidy, dataset: Dataset, probability: FloatArray, recipe: Recipe, outcome_days: int
) -> tuple[Baseline, ...]:
    """Recency alone and MBG/NBD, on the judged decisions of the test part; none where it is too small to say.

    Args:
        transactions: tidy transactions.
        dataset: features and labels.
        probability: of the test part, NaN elsewhere.
        recipe: how the model was trained.
        outcome_days: how far MBG/NBD looks ahead.
    """
    measured = rfm(transactions, dataset.decisions, recipe.history_days)
    return baselines_of(measured, dataset, probability, recipe, outcome_days)


def baselines_of(
    measured: pl.DataFrame, dataset: Dataset, probability: FloatArray, recipe: Recipe, outcome_days: int
) -> tuple[Baseline, ...]:
    """As ``baselines``, from what ``rfm`` gives for the prepared decisions over the observation window."""
    history = (dataset.features["transaction_count"] > 0).to_numpy()
    test = ~np.isnan(probability) & history
    if not metrics.estimable(dataset.bad[test]):
        return ()
    train = dataset.part("train") & history
    seen, judged = measured.filter(pl.Series(train)), measured.filter(pl.Series(test))
    risks = {
        "recency": recency_risk(judged, recipe.history_days),
        "customer_base": customer_base_risk(seen if train.any() else judged, judged, outcome_days),
    }
    bad, people = dataset.bad[test], dataset.customers[test]
    return tuple(
        Baseline(
            name,
            metrics.roc_auc(bad, risk),
            metrics.paired_interval(metrics.roc_auc, bad, (probability[test], risk), people, recipe.seed),
        )
        for name, risk in risks.items()
    )


def copies(features: pl.DataFrame, bad: BadArray) -> dict[str, float]:
    """The features that alone rank the label almost perfectly, either way round, with their AUC: look there for a leak.

    A text is ranked by the bad rate of its levels, those of fewer than 20 decisions taken together. What is missing may
    tell the label too: it is put at either end, and left out. With fewer than 20 of a class nothing can be said, and
    nothing is named.
    """
    if not metrics.estimable(bad):
        return {}
    separations = {name: _separation(_as_risk(features[name], bad), bad) for name in features.columns}
    return {name: auc for name, auc in separations.items() if auc > REFUSED_AUC}


def failed(
    target: str,
    figures: Mapping[str, float],
    found: Mapping[str, float],
    beaten: tuple[Baseline, ...],
) -> list[str]:
    """Why a model must not be promoted; empty where nothing speaks against it.

    Args:
        target: what is predicted.
        figures: of the evaluation.
        found: what ``copies`` gives.
        beaten: what ``baselines`` gives.
    """
    reasons = []
    if target == "same_window":
        reasons.append("the label is made of the features' own window")
    reasons += [
        f"the feature {name} alone gives AUC {auc:.3f}: it copies the label" for name, auc in found.items()
    ]
    auc = figures.get("test_roc_auc")
    if auc is None:
        return [*reasons, "the test part has fewer than 20 of a class: not estimable"]
    if auc > REFUSED_AUC:
        reasons.append(f"test AUC {auc:.3f} is too good to be honest: look for a leak")
    if figures["test_roc_auc_low"] <= CHANCE:
        reasons.append(f"test AUC {auc:.3f} is not clearly better than chance")
    reasons += [
        f"not clearly better than {baseline.name.replace('_', ' ')} alone on the test part"
        for baseline in beaten
        if not baseline.lift[0] > 0
    ]
    return reasons


def _separation(risk: FloatArray, bad: BadArray) -> float:
    """The best AUC of a risk that is NaN where it is unknown, either way round."""
    told = ~np.isnan(risk)
    aucs = [metrics.roc_auc(bad, np.where(told, risk, end)) for end in (-np.inf, np.inf)]
    if metrics.estimable(bad[told]):
        aucs.append(metrics.roc_auc(bad[told], risk[told]))
    return max(max(auc, 1 - auc) for auc in aucs)


def _as_risk(values: pl.Series, bad: BadArray) -> FloatArray:
    if values.dtype != pl.String:
        return values.cast(pl.Float64).to_numpy()
    level, rare = pl.col("level"), pl.len().over("level") < metrics.LEAST_CASES
    table = pl.DataFrame({"level": values, "bad": bad}).with_columns(pooled=pl.when(~rare).then(level))
    rate = pl.col("bad").mean().over("pooled", level.is_null())
    return table.select(pl.when(level.is_not_null()).then(rate)).to_series().to_numpy()
