"""Gates that keep a model from promotion: a leaking label, a feature that copies it, or no gain over the baselines."""

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
    """A baseline on the same decisions of the test part as the model.

    Attributes:
        name: ``recency`` or ``customer_base`` (MBG/NBD).
        roc_auc: AUC of the baseline.
        lift: 95 % interval of the model's AUC less the baseline's, resampling customers.
    """

    name: str
    roc_auc: float
    lift: tuple[float, float]


def baselines(
    transactions: Tidy, dataset: Dataset, probability: FloatArray, recipe: Recipe, outcome_days: int
) -> tuple[Baseline, ...]:
    """Recency alone and MBG/NBD, on scored decisions of the test part with history; none where a class has fewer than 20.

    Args:
        transactions: tidy transactions.
        dataset: features and labels.
        probability: of bad, out of time, shape (n,); NaN outside the test part.
        recipe: how the model was trained.
        outcome_days: length of the performance window in days.
    """
    measured = rfm(transactions, dataset.decisions, recipe.history_days)
    return baselines_of(measured, dataset, probability, recipe, outcome_days)


def baselines_of(
    measured: pl.DataFrame, dataset: Dataset, probability: FloatArray, recipe: Recipe, outcome_days: int
) -> tuple[Baseline, ...]:
    """As ``baselines``, from what ``rfm`` gives for the dataset's decisions over the observation window."""
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
    """The features that alone rank the label almost perfectly, with their AUC; such a feature probably leaks the label.

    A feature is ranked ascending and descending, a categorical one by the bad rate of its levels, those with fewer than 20
    decisions pooled. Missing values may reveal the label too: they are ranked lowest, ranked highest, and left out; the largest
    AUC counts.

    Args:
        features: one row per decision.
        bad: 1 for bad, 0 for good, shape (n,).

    Returns:
        The AUC, above 0.98, by feature; empty where a class has fewer than 20 decisions.
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
    """The gates that a model failed, one sentence each; empty where it may be promoted.

    Args:
        target: what bad means: ``rfm_proxy``, ``same_window`` or ``observed_default``.
        figures: measures of the evaluation, by name.
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
    """The largest AUC of a risk, ranked ascending or descending; it is NaN where it is unknown."""
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
