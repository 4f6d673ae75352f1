"""Recency, frequency and monetary value of a customer over one window, measured at its end.

The three measures of database marketing (Hughes, Strategic Database Marketing, 1994), with tenure and net
beside them. The same function measures what was known before a decision and, by ``outcome_rfm``, what
happened after it.
"""

from datetime import timedelta

import polars as pl

from credit_model.data.transactions import Tidy
from credit_model.features.history import history

_DAY = 86_400_000_000
_DAYS = 1 / _DAY  # multiplied, because Polars rounds a division by a constant by the length of the column


def rfm(transactions: Tidy, decisions: pl.DataFrame, days: int) -> pl.DataFrame:
    """Measure every decision over ``[as_of - days, as_of)``.

    Args:
        transactions: tidy transactions; one sent twice counts once.
        decisions: ``CustomerId`` and ``as_of``, one row per decision.
        days: length of the window in days, at least 1.

    Returns:
        One row per decision, in order, all Float64: ``recency`` and ``tenure`` (days from the last and from
        the first transaction to ``as_of``, null where there is none), ``frequency`` (transactions),
        ``active_days`` (days with a transaction, a day being 24 hours counted back from ``as_of``),
        ``monetary`` (sum of ``Value``) and ``net`` (sum of ``Amount``), both in currency units; the last four
        are 0 where there is none.
    """
    past = history(transactions, decisions, days).frame
    ago = (pl.col("as_of") - pl.col("TransactionStartTime")).dt.total_microseconds()
    measured = past.group_by("decision", maintain_order=True).agg(
        recency=ago.min(),
        tenure=ago.max(),
        frequency=pl.len().cast(pl.Float64),
        active_days=(ago // _DAY).n_unique().cast(pl.Float64),
        monetary=pl.col("Value").sum(),
        net=pl.col("Amount").sum(),
    )
    measured = measured.with_columns(pl.col("recency", "tenure") * _DAYS)
    rows = decisions.select("CustomerId").with_row_index("decision")
    table = rows.join(measured, on="decision", how="left", maintain_order="left").drop(
        "decision", "CustomerId"
    )
    return table.with_columns(pl.col("frequency", "active_days", "monetary", "net").fill_null(0.0))


def outcome_rfm(transactions: Tidy, decisions: pl.DataFrame, outcome_days: int) -> pl.DataFrame:
    """Measure every decision over its performance window, ``[as_of, as_of + outcome_days)``, at the end of that window."""
    ends = decisions.with_columns(as_of=pl.col("as_of") + timedelta(days=outcome_days))
    return rfm(transactions, ends, outcome_days)
