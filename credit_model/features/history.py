"""What was known at a decision: its transactions inside the window, once each, in one total order.

Only transactions with ``TransactionStartTime`` in ``[as_of - history_days, as_of)`` count. Anything outside is cut first, so
that it can change nothing: neither a sum nor a customer's faults. A time that cannot be read may lie inside, and counts
as a fault.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from credit_model.data.faults import NO_FAULTS, tally, together
from credit_model.data.transactions import COLUMNS, REQUIRED, Tidy

_TIME = "TransactionStartTime"
ORDER = (
    "decision",
    _TIME,
    "TransactionId",
    "Amount",
    *(c for c in COLUMNS if c not in {"CustomerId", _TIME, "TransactionId", "Amount"}),
)


@dataclass(frozen=True)
class History:
    """The transactions that count for each decision.

    Attributes:
        frame: tidy transactions with ``decision`` (row number of the decision) and ``as_of``, sorted.
        faults: ``decision``, ``field``, ``problem``, ``count``: why a customer is invalid.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame


def history(
    transactions: Tidy, decisions: pl.DataFrame, history_days: int, currency: str | None = None
) -> History:
    """Cut, check, deduplicate and sort the transactions of every decision.

    Args:
        transactions: tidy transactions; where their frame has a column ``decision`` it says whose they are, otherwise
            ``CustomerId`` does.
        decisions: ``CustomerId`` and ``as_of``, one row per decision.
        history_days: length of the window, in days.
        currency: the only currency allowed; None allows any one per customer.

    Returns:
        The history: a transaction sent twice counts once; copies that conflict, a second currency and unreadable
        fields are faults.
    """
    window = timedelta(days=history_days)
    inside = (pl.col(_TIME) < pl.col("as_of")) & (pl.col(_TIME) >= pl.col("as_of") - window)
    frame = _with_moments(transactions.frame, decisions).filter(inside)
    faults: list[pl.DataFrame] = []
    if transactions.faults.height:
        frame = frame.drop_nulls(REQUIRED)
        faulty = transactions.frame.with_row_index("row").join(transactions.faults, on="row")
        faulty = _with_moments(faulty, decisions, nulls_equal=True)
        faults.append(tally(faulty.filter(inside | pl.col(_TIME).is_null())))
    faults.append(_currency_faults(frame, currency))
    frame, conflicts = _deduplicated(frame)
    faults.append(conflicts)
    return History(_sorted(frame), together(faults))


def _with_moments(
    transactions: pl.DataFrame, decisions: pl.DataFrame, *, nulls_equal: bool = False
) -> pl.DataFrame:
    """Transactions beside the decisions that they may count for: ``decision`` and ``as_of``."""
    if "decision" in transactions.columns:
        as_of = decisions["as_of"]
        if decisions.height == 1:
            return transactions.with_columns(as_of.new_from_index(0, transactions.height))
        return transactions.with_columns(as_of.gather(transactions["decision"]))
    moments = decisions.select("CustomerId", "as_of").with_row_index("decision")
    return transactions.join(moments, on="CustomerId", nulls_equal=nulls_equal)


def _deduplicated(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    named = frame["TransactionId"]
    unknown = named.null_count()
    if named.n_unique() - bool(unknown) == len(named) - unknown:
        return frame, NO_FAULTS
    identity = ["decision", "TransactionId"]
    repeated = frame.select(
        pl.struct(identity).is_duplicated() & pl.col("TransactionId").is_not_null()
    ).to_series()
    if not repeated.any():
        return frame, NO_FAULTS
    versions = frame.filter(repeated).unique()
    conflicts = versions.select(identity).filter(pl.struct(identity).is_duplicated()).unique()
    kept = pl.concat([frame.filter(~repeated), versions.unique(identity, keep="any")])
    return kept, tally(conflicts, "TransactionId", "with conflicting copies")


def _currency_faults(frame: pl.DataFrame, currency: str | None) -> pl.DataFrame:
    codes = frame["CurrencyCode"]
    if codes.null_count() == frame.height or (currency is not None and (codes == currency).all()):
        return NO_FAULTS
    if currency is None and codes.n_unique() == 1:
        return NO_FAULTS
    stated = frame.filter(pl.col("CurrencyCode").is_not_null()).select("decision", "CurrencyCode")
    if currency is not None:
        return tally(
            stated.filter(pl.col("CurrencyCode") != currency), "CurrencyCode", "not in the model's currency"
        )
    distinct = stated.unique()
    mixed = distinct.filter(pl.col("decision").is_duplicated())
    return tally(mixed, "CurrencyCode", "different currencies")


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """The total order; its many text columns are compared only where decision and time leave a tie."""
    decision, moment = frame["decision"].to_numpy(), frame[_TIME].to_numpy().view(np.int64)
    order = np.lexsort((moment, decision))
    same = (np.diff(decision[order]) == 0) & (np.diff(moment[order]) == 0)
    if same.any():
        tied = np.append(same, False) | np.append(False, same)
        rows = order[tied]
        order[tied] = rows[frame[rows].select(pl.arg_sort_by(ORDER)).to_series().to_numpy()]
    ordered = frame if (np.diff(order) == 1).all() else frame[order]
    return ordered.with_columns(ordered["decision"].set_sorted())  # groups are then added up as slices
