"""Labels made from transactions: ``rfm_proxy``, and ``same_window`` for comparison; ``data.outcomes`` reads real outcomes.

Labelled decisions hold ``CustomerId``, ``as_of``, the attributes, ``bad`` (Int8: 1 is bad, 0 good) and ``known_at``, the time
from which the label was known: a model for decisions before that time must not be trained on it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from credit_model.data.outcomes import Labels
from credit_model.data.transactions import Tidy
from credit_model.training.observation_dates import ObservationDates
from credit_model.training.rfm import outcome_rfm, rfm
from credit_model.training.rfm_clusters import MINIMUM_SHARE, Labeller, fit_labeller, published_bad


@dataclass(frozen=True)
class Proxy:
    """The proxy label of every observation date's customers.

    Attributes:
        labels: the training observation dates' decisions, then the test observation date's.
        labeller: the labeller fitted on the training observation dates, or the one that was given.
        cohorts: one row per observation date: ``as_of``, ``customers``, ``bad_rate``, ``silent`` (share without a
            transaction in the performance window) and ``agreement`` (share who are bad and silent, or neither).
    """

    labels: Labels
    labeller: Labeller
    cohorts: pl.DataFrame

    @property
    def silent(self) -> float:
        """Share of all decisions without a transaction in their performance window."""
        return self._mean("silent")

    @property
    def agreement(self) -> float:
        """Share of all decisions that are bad and silent, or neither; from 0.99 the proxy means no more than silence."""
        return self._mean("agreement")

    def _mean(self, column: str) -> float:
        return float(np.average(self.cohorts[column], weights=self.cohorts["customers"]))


def population(transactions: Tidy, observation_date: datetime, history_days: int) -> pl.DataFrame:
    """The customers with a transaction in the observation window before a date, as decisions, sorted by ``CustomerId``."""
    moment = pl.lit(observation_date, pl.Datetime("us"))
    inside = pl.col("TransactionStartTime").is_between(
        observation_date - timedelta(days=history_days), observation_date, closed="left"
    )
    customers = (
        transactions.frame.filter(inside).select("CustomerId").drop_nulls().unique().sort("CustomerId")
    )
    return customers.with_columns(as_of=moment)


def rfm_proxy(
    transactions: Tidy,
    dates: ObservationDates,
    labeller: Labeller | None = None,
    seed: int = 42,
    minimum_share: float = MINIMUM_SHARE,
) -> Proxy:
    """Label the customers of every observation date by their engagement in the performance window after it.

    Args:
        transactions: tidy transactions.
        dates: the observation dates and the lengths of the windows.
        labeller: a fitted labeller; by default one is fitted on the training observation dates.
        seed: of the fit.
        minimum_share: smallest share of the customers that a cluster must have.

    Returns:
        The labels, known ``outcome_days`` after each observation date. Customers silent in the performance window are among
        them, with recency ``outcome_days`` and frequency and monetary 0. Transactions before an observation date determine
        who its customers are, and nothing else of its labels.

    Raises:
        ValueError: the labeller cannot be fitted, or was fitted on another ``outcome_days``.
    """
    days = dates.outcome_days
    judged = [
        population(transactions, observation_date, dates.history_days) for observation_date in dates.all
    ]
    measured = [outcome_rfm(transactions, decisions, days) for decisions in judged]
    if labeller is None:
        labeller = fit_labeller(pl.concat(measured[:-1]), days, seed, minimum_share)
    decisions, outcomes = pl.concat(judged), pl.concat(measured)
    known_at = pl.col("as_of") + timedelta(days=days)
    decisions = decisions.with_columns(bad=labeller.bad(outcomes, days), known_at=known_at)
    return Proxy(Labels(decisions, "rfm_proxy"), labeller, _cohorts(decisions, outcomes["frequency"] == 0))


def same_window(transactions: Tidy, decisions: pl.DataFrame, history_days: int) -> Labels:
    """Label decisions by the published recipe, from the observation window that their features are computed from.

    The label leaks into the features; it serves only to show what the usual recipe would have claimed.

    Args:
        transactions: tidy transactions.
        decisions: ``CustomerId`` and ``as_of``, clustered together whatever their ``as_of``; labels they have
            are replaced.
        history_days: length of the observation window in days.

    Raises:
        ValueError: fewer than three different customers.
    """
    bad = published_bad(rfm(transactions, decisions, history_days), history_days)
    return Labels(decisions.with_columns(bad, known_at="as_of"), "same_window", leaking=True)


def _cohorts(decisions: pl.DataFrame, silent: pl.Series) -> pl.DataFrame:
    bad = pl.col("bad") == 1
    return (
        decisions.with_columns(silent=silent)
        .group_by("as_of", maintain_order=True)
        .agg(
            customers=pl.len(),
            bad_rate=bad.mean(),
            agreement=(bad == pl.col("silent")).mean(),
            silent=pl.col("silent").mean(),
        )
        .select("as_of", "customers", "bad_rate", "silent", "agreement")
    )
