"""What is predicted: ``rfm_proxy``, ``same_window`` and ``observed``, each as labelled decisions.

Labelled decisions hold ``CustomerId``, ``as_of``, the attributes, ``bad`` (Int8: 1 is bad) and ``known_at``,
the time from which the label was known: nothing may be trained on it for a decision made earlier.
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
        labeller: what was fitted on the training observation dates, or what was given.
        cohorts: one row per observation date: ``as_of``, ``customers``, ``bad_rate``, ``silent`` (share without any
            transaction in the performance window) and ``agreement`` (share whose label equals plain silence).
    """

    labels: Labels
    labeller: Labeller
    cohorts: pl.DataFrame

    @property
    def silent(self) -> float:
        """Share of all decisions that were silent in their performance window."""
        return self._mean("silent")

    @property
    def agreement(self) -> float:
        """Share of all decisions whose label equals plain silence; at 0.99 the proxy is silence."""
        return self._mean("agreement")

    def _mean(self, column: str) -> float:
        return float(np.average(self.cohorts[column], weights=self.cohorts["customers"]))


def population(transactions: Tidy, observation_date: datetime, history_days: int) -> pl.DataFrame:
    """The customers with a transaction in ``[observation date - history_days, observation date)``, in order, as decisions."""
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
        dates: the moments and the lengths of the windows.
        labeller: a frozen labeller; by default one is fitted on the training observation dates.
        seed: of the fit.
        minimum_share: what its smallest cluster must hold.

    Returns:
        The labels, known ``outcome_days`` after each observation date. Customers silent in the performance window are among
        them, with recency ``outcome_days`` and frequency and monetary 0. No transaction before an observation date has a
        part in its labels, beyond naming its customers.

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
    """Label decisions by the published recipe, from what their features see: leaking.

    For comparison only.

    Args:
        transactions: tidy transactions.
        decisions: ``CustomerId`` and ``as_of``, clustered together whatever their ``as_of``; labels they have
            are replaced.
        history_days: length of the window that ends at ``as_of``.

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
