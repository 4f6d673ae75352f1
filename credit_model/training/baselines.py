"""Baselines that a model must beat: recency, a customer-base model, any history, each attribute alone."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, BoolArray, FloatArray
from credit_model.data.transactions import Tidy
from credit_model.training.dataset import Dataset
from credit_model.training.mbg_nbd import Purchases, fit_mbg_nbd
from credit_model.training.monotone_binning import fit_binning
from credit_model.training.rfm import rfm
from credit_model.training.sample import Recipe

OWN = RECENCY, CUSTOMER_BASE, ANY_HISTORY = "recency", "customer_base", "any_history"


@dataclass(frozen=True)
class Baseline:
    """What needs no model, on decisions of the test part that the model judged too.

    Attributes:
        name: ``recency``, ``customer_base`` (MBG/NBD), ``any_history``, or an attribute.
        roc_auc: its own.
        lift: AUC of the model less that of the baseline: the 95 % interval of the difference, customers resampled.
        decisions: how many both were measured on.
    """

    name: str
    roc_auc: float
    lift: tuple[float, float]
    decisions: int

    @property
    def words(self) -> str:
        """Its name for a reader; an attribute is called what its column is."""
        return self.name.replace("_", " ") if self.name in OWN else self.name


def baselines(
    transactions: Tidy, dataset: Dataset, probability: FloatArray, recipe: Recipe, outcome_days: int
) -> tuple[Baseline, ...]:
    """Every baseline on the test part; none where it is too small to say.

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
    return (
        *_of_purchases(measured, dataset, probability, recipe, outcome_days),
        *_any_history(dataset, probability, recipe.seed),
        *_best_attribute(dataset, probability, recipe),
    )


def _of_purchases(
    measured: pl.DataFrame, dataset: Dataset, probability: FloatArray, recipe: Recipe, outcome_days: int
) -> tuple[Baseline, ...]:
    """Recency alone and MBG/NBD, where there is a history."""
    history = _history(dataset)
    test = ~np.isnan(probability) & history
    if not metrics.estimable(dataset.bad[test]):
        return ()
    train = dataset.part("train") & history
    seen, judged = measured.filter(pl.Series(train)), measured.filter(pl.Series(test))
    risks = {
        RECENCY: recency_risk(judged, recipe.history_days),
        CUSTOMER_BASE: customer_base_risk(seen if train.any() else judged, judged, outcome_days),
    }
    return tuple(
        _against(name, risk, dataset, test, probability[test], recipe.seed) for name, risk in risks.items()
    )


def _any_history(dataset: Dataset, probability: FloatArray, seed: int) -> tuple[Baseline, ...]:
    """Whether there is any history, on all decisions: those that the model leaves unjudged have the bad rate of training."""
    history, train, test = _history(dataset), dataset.part("train"), dataset.part("test")
    judged = test & ~np.isnan(probability)
    if not (judged.any() and metrics.estimable(dataset.bad[test])) or len(np.unique(history[test])) < 2:
        return ()
    seen, silent = dataset.bad[train & history], dataset.bad[train & ~history]
    safer = len(seen) > 0 and len(silent) > 0 and silent.mean() < seen.mean()
    risk = np.where(history[test] == safer, 1.0, 0.0)
    whole = np.where(np.isnan(probability[test]), dataset.bad[train].mean(), probability[test])
    return (_against(ANY_HISTORY, risk, dataset, test, whole, seed),)


def _best_attribute(dataset: Dataset, probability: FloatArray, recipe: Recipe) -> tuple[Baseline, ...]:
    """The attribute that ranks the test part best alone, by monotone bins of the training part."""
    names = [attribute.name for attribute in recipe.attributes if attribute.name in dataset.features.columns]
    train, test = dataset.part("train"), ~np.isnan(probability)
    if not names or not all(metrics.estimable(dataset.bad[rows]) for rows in (train, test)):
        return ()
    risks = {name: _alone(dataset.features[name], dataset.bad, train, test) for name in names}
    best = max(names, key=lambda name: metrics.roc_auc(dataset.bad[test], risks[name]))
    return (_against(best, risks[best], dataset, test, probability[test], recipe.seed),)


def _alone(values: pl.Series, bad: BadArray, train: BoolArray, test: BoolArray) -> FloatArray:
    return -fit_binning(values.filter(pl.Series(train)), bad[train]).woe(values.filter(pl.Series(test)))


def _against(
    name: str, risk: FloatArray, dataset: Dataset, rows: BoolArray, probability: FloatArray, seed: int
) -> Baseline:
    bad, people = dataset.bad[rows], dataset.customers[rows]
    lift = metrics.paired_interval(metrics.roc_auc, bad, (probability, risk), people, seed)
    return Baseline(name, metrics.roc_auc(bad, risk), lift, len(bad))


def _history(dataset: Dataset) -> BoolArray:
    return (dataset.features["transaction_count"] > 0).to_numpy()


def recency_risk(measured: pl.DataFrame, history_days: int) -> FloatArray:
    """Days since the last transaction: the longer, the riskier; shape (n,).

    Args:
        measured: what ``rfm`` gives over the observation window, one row per decision.
        history_days: length of that window in days; the recency of a decision without history.
    """
    return measured["recency"].fill_null(history_days).to_numpy()


def customer_base_risk(train: pl.DataFrame, measured: pl.DataFrame, outcome_days: int) -> FloatArray:
    """Probability of no transaction within ``outcome_days``, by MBG/NBD; shape (n,).

    A customer's life begins with the first transaction in the observation window. A decision without history has
    risk 1.

    Args:
        train: what ``rfm`` gives for the training decisions, whose purchases (not labels) the model is fitted
            on.
        measured: what ``rfm`` gives for the decisions to rank.
        outcome_days: length of the performance window in days.

    Raises:
        ValueError: no training decision has a transaction.
    """
    model = fit_mbg_nbd(purchases(train.filter(pl.col("frequency") > 0)))
    active = (measured["frequency"] > 0).to_numpy()
    risk = np.ones(measured.height)
    risk[active] = model.silent(purchases(measured.filter(active)), outcome_days)
    return risk


def purchases(measured: pl.DataFrame) -> Purchases:
    """Purchase days of decisions that all have a transaction: several purchases on one day count as one.

    The model assumes independent purchases; several of one session are not, and would look like a high rate.

    Args:
        measured: what ``rfm`` gives over the observation window, one row per decision.
    """
    last, first = (measured[name].floor().to_numpy() for name in ("recency", "tenure"))
    return Purchases(measured["active_days"].to_numpy() - 1, first - last, first)
