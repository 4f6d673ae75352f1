"""The transactions known at a decision: those in its observation window, once each, in one total order.

A transaction counts when its ``TransactionStartTime`` lies in ``[as_of - history_days, as_of)``: closed at the start, open at
the decision. The others are dropped first, so that they change neither a feature nor a fault. A time that cannot be read might
lie in the window, and is a fault. Where a feature needs the balance at the window's start, earlier transactions are added up to
it, and still change nothing else.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from credit_model.data.decisions import OPENING_BALANCE
from credit_model.data.faults import NO_FAULTS, tally, together
from credit_model.data.transactions import COLUMNS, ONLY_COMPARED, REQUIRED, Tidy

_TIME, _IDENTITY = "TransactionStartTime", ["decision", "TransactionId"]
_FIRST = ("decision", _TIME, "TransactionId", "Amount")
ORDER = (
    *_FIRST,
    *(name for name in COLUMNS if name not in {"CustomerId", *_FIRST, *ONLY_COMPARED}),
    *ONLY_COMPARED,
)

_SUMMED = (_TIME, "TransactionId", "Amount", "CurrencyCode")  # of a transaction before the window


@dataclass(frozen=True)
class History:
    """The transactions that count for each decision.

    Attributes:
        frame: one row per transaction in the observation window of a decision: the tidy columns, ``decision`` (row number
            of the decision, from 0) and ``as_of``; sorted by decision, then in the total order ``ORDER``. With
            ``opening_balance``, the balance at the window's start, where it was asked for.
        faults: one row per decision, field and problem, with the ``count`` of transactions at fault; a decision with any
            is invalid.

    Example:
        A second currency is never added up; it makes the decision invalid.

        >>> from datetime import datetime
        >>> from credit_model.data.transactions import tidy_table
        >>> paid = pl.DataFrame({"CustomerId": ["C-1", "C-1"], "TransactionStartTime": ["2019-01-20", "2019-01-21"],
        ...                      "Amount": [10, 20], "CurrencyCode": ["UGX", "KES"]})
        >>> decisions = pl.DataFrame({"CustomerId": ["C-1"], "as_of": [datetime(2019, 2, 1)]})
        >>> history(tidy_table(paid), decisions, history_days=30, currency="UGX").faults.row(0)
        (0, 'CurrencyCode', "not in the model's currency", 1)
    """

    frame: pl.DataFrame
    faults: pl.DataFrame


def history(
    transactions: Tidy,
    decisions: pl.DataFrame,
    history_days: int,
    currency: str | None = None,
    *,
    opening: bool = False,
) -> History:
    """Cut, check, deduplicate and sort the transactions of every decision.

    Args:
        transactions: tidy transactions; where their frame has a column ``decision``, each belongs to the decision of that
            row number, otherwise to every decision of its ``CustomerId``.
        decisions: ``CustomerId``, ``as_of`` (UTC) and, where decisions state it, ``opening_balance``, one row per decision.
        history_days: length of the observation window in days.
        currency: the only currency allowed; with None each decision may have any one currency.
        opening: whether the balance at the window's start is asked for, in the customer's favour: ``opening_balance`` where
            the decision states it, else minus the sum of the amounts before the window.

    Returns:
        The history. A transaction sent twice with the same content counts once; copies that conflict, a currency that is
        not allowed, and cells that are unreadable or missing though required are faults.

    Example:
        Thirty days before 1 February is 2 January: that day counts, 1 January and the day of the decision do not.

        >>> from datetime import datetime
        >>> from credit_model.data.transactions import tidy_table
        >>> times = ["2019-01-01", "2019-01-02", "2019-01-31", "2019-02-01"]
        >>> paid = pl.DataFrame({"CustomerId": "C-1", "TransactionStartTime": times, "Amount": [10, 20, 30, 40]})
        >>> decisions = pl.DataFrame({"CustomerId": ["C-1"], "as_of": [datetime(2019, 2, 1)]})
        >>> history(tidy_table(paid), decisions, history_days=30).frame["Amount"].to_list()
        [20.0, 30.0]
    """
    start = pl.col("as_of") - timedelta(days=history_days)
    inside = (pl.col(_TIME) < pl.col("as_of")) & (pl.col(_TIME) >= start)
    rows = _places(transactions.frame, decisions)
    frame = _taken(transactions.frame, rows.filter(inside))
    faults: list[pl.DataFrame] = []
    if transactions.faults.height:
        frame = frame.drop_nulls(REQUIRED)
        faulty = _places(transactions.frame, decisions, nulls_equal=True)
        faulty = faulty.filter(inside | pl.col(_TIME).is_null()).join(transactions.faults, on="row")
        faults.append(tally(faulty))
    faults.append(_currency_faults(frame, currency))
    frame, conflicts = _deduplicated(frame)
    faults.append(conflicts)
    frame = _sorted(frame)
    if opening:
        before = _taken(transactions.frame.select(_SUMMED), rows.filter(pl.col(_TIME) < start))
        earlier = _in_currency(before, frame, currency)
        frame = frame.with_columns(_openings(earlier, frame, decisions))
    return History(frame, together(faults))


def _places(
    transactions: pl.DataFrame, decisions: pl.DataFrame, *, nulls_equal: bool = False
) -> pl.DataFrame:
    """``row`` and time of the transactions beside the ``decision`` that each may count for, and its ``as_of``."""
    if "decision" in transactions.columns:
        rows = transactions.select("decision", _TIME).with_row_index("row")
        return rows.with_columns(decisions["as_of"].gather(rows["decision"]))
    moments = decisions.select("CustomerId", "as_of").with_row_index("decision")
    rows = transactions.select("CustomerId", _TIME).with_row_index("row")
    return rows.join(moments, on="CustomerId", nulls_equal=nulls_equal)


def _taken(transactions: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The transactions of ``places``, with the decision that each counts for."""
    return transactions[places["row"]].with_columns(places["decision"], places["as_of"])


def _openings(earlier: pl.DataFrame, inside: pl.DataFrame, decisions: pl.DataFrame) -> pl.Series:
    """The balance at the window's start, for each row inside; amounts are added one after the other, in the total order.

    Rows that agree in decision, time, name and amount may change places: the sum is the same.
    """
    counted = _first_copies(_sorted(earlier.drop_nulls("Amount")), inside)
    sums = counted.group_by("decision", maintain_order=True).agg(pl.col("Amount").cum_sum().last())
    openings = pl.zeros(decisions.height, eager=True).scatter(sums["decision"], 0 - sums["Amount"])
    if OPENING_BALANCE.name in decisions.columns:
        stated = decisions[OPENING_BALANCE.name]
        openings = stated.zip_with(stated.is_not_null(), openings)
    return openings.gather(inside["decision"]).alias(OPENING_BALANCE.name)


def _first_copies(rows: pl.DataFrame, inside: pl.DataFrame) -> pl.DataFrame:
    """Sorted rows before the window without copies: the first one counts, or the one inside the window, there."""
    if _all_different(pl.concat([rows["TransactionId"], inside["TransactionId"]])):
        return rows
    unnamed = pl.col("TransactionId").is_null()
    first = rows.filter(unnamed | pl.struct(_IDENTITY).is_first_distinct())
    return first.join(inside.select(_IDENTITY), on=_IDENTITY, how="anti", maintain_order="left")


def _in_currency(earlier: pl.DataFrame, inside: pl.DataFrame, currency: str | None) -> pl.DataFrame:
    """Rows before the window without those in another currency than the model's, or else than that of the window."""
    codes = earlier["CurrencyCode"]
    if codes.null_count() == len(codes) or (currency is not None and (codes == currency).all()):
        return earlier
    own = inside.group_by("decision").agg(own=pl.col("CurrencyCode").drop_nulls().first())
    expected = pl.coalesce(pl.lit(currency, pl.String), "own")
    other = (pl.col("CurrencyCode") != expected).fill_null(value=False)
    return earlier.join(own, on="decision", how="left").filter(~other).drop("own")


def _all_different(names: pl.Series) -> bool:
    """Whether no name occurs twice; where two names share a hash, which hardly happens, they only seem the same."""
    unknown = names.null_count()
    return names.hash().n_unique() - bool(unknown) == len(names) - unknown


def _deduplicated(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if _all_different(frame["TransactionId"]):
        return frame, NO_FAULTS
    repeated = frame.select(
        pl.struct(_IDENTITY).is_duplicated() & pl.col("TransactionId").is_not_null()
    ).to_series()
    if not repeated.any():
        return frame, NO_FAULTS
    versions = frame.filter(repeated).unique()
    conflicts = versions.select(_IDENTITY).filter(pl.struct(_IDENTITY).is_duplicated()).unique()
    kept = pl.concat([frame.filter(~repeated), versions.unique(_IDENTITY, keep="any")])
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
        keys = [name for name in ORDER if name in frame.columns]
        order[tied] = rows[frame[rows].select(pl.arg_sort_by(keys)).to_series().to_numpy()]
    ordered = frame if (np.diff(order) == 1).all() else frame[order]
    return ordered.with_columns(ordered["decision"].set_sorted())  # groups are then added up as slices
