"""The customers of the proxy label at a snapshot: recency, frequency and monetary value, cluster and label of each."""

from datetime import datetime, timedelta

import polars as pl

from credit_model.data.transactions import Tidy
from credit_model.training.observation_dates import observation_date_of
from credit_model.training.rfm import outcome_rfm
from credit_model.training.rfm_clusters import Labeller
from credit_model.training.rfm_proxy import population


def customer_table(
    transactions: Tidy, labeller: Labeller, history_days: int, snapshot: datetime | None = None
) -> pl.DataFrame:
    """Measure and label every customer over the performance window that ends at a snapshot.

    The customers and labels are those of decisions made when that window began: customers with a transaction in the
    observation window before it.

    Args:
        transactions: tidy transactions.
        labeller: the labeller of a training.
        history_days: length of that training's observation window in days.
        snapshot: end of the performance window; by default the last transaction.

    Returns:
        One row per customer, in order: ``CustomerId``, ``recency`` (days before the snapshot, the window's length for the
        silent), ``frequency`` (transactions), ``monetary`` (sum of ``Value`` in currency units), ``cluster`` (0 is the
        least engaged, 2 the most), ``is_high_risk`` (1 for cluster 0, else 0) and ``snapshot``.

    Raises:
        ValueError: the transactions do not cover the two windows.
    """
    moments, days = transactions.frame["TransactionStartTime"].drop_nulls(), labeller.outcome_days
    first, last = moments.min(), moments.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise ValueError("there are no transactions with a readable time to measure customers by")
    observation_date = observation_date_of(snapshot or last, first, last, history_days, days)
    decisions = population(transactions, observation_date, history_days)
    measured = outcome_rfm(transactions, decisions, days)
    return decisions.select(
        "CustomerId",
        measured["recency"].fill_null(days),
        measured["frequency"].cast(pl.Int64),
        measured["monetary"],
        labeller.cluster(measured, days),
        labeller.bad(measured, days).alias("is_high_risk"),
        snapshot=pl.col("as_of") + timedelta(days=days),
    )
