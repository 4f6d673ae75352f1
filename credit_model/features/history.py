"""The transactions known at a decision: those in its observation window, once each, in one total order.

A transaction counts when its ``TransactionStartTime`` lies in ``[as_of - history_days, as_of)``: closed at the start, open at
the decision. The others are dropped first, so that they change neither a feature nor a fault. A time that cannot be read might
lie in the window, and is a fault. Where a feature needs the balance at the window's start, earlier transactions are added up to
it, and still change nothing else.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
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
    columns: Collection[str] | None = None,
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
        columns: the columns of transactions that the frame is to have, each of which takes time; all where not given.

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
    known = transactions.frame
    rows = _places(known, decisions)
    places = rows.filter(inside)
    faults: list[pl.DataFrame] = []
    if transactions.faults.height:
        complete = known.select(pl.all_horizontal(pl.col(REQUIRED).is_not_null())).to_series()
        places = places.filter(complete.gather(places["row"]))
        faulty = _places(known, decisions, nulls_equal=True)
        faulty = faulty.filter(inside | pl.col(_TIME).is_null()).join(transactions.faults, on="row")
        faults.append(tally(faulty))
    faults.append(_currency_faults(known, places, currency))
    distinct = _all_different(known["TransactionId"])
    if not distinct:
        places, conflicts = _deduplicated(known, places)
        faults.append(conflicts)
    places = _sorted(places, lambda some: _taken(known, places[some]))
    read = [name for name in known.columns if columns is None or name in columns]
    frame = _taken(known.select(read), places)
    if opening:
        before = _taken(known.select(_SUMMED), rows.filter(pl.col(_TIME) < start))
        earlier = _in_currency(before, known, places, currency).drop_nulls("Amount")
        earlier = _sorted(earlier, earlier.__getitem__)
        if not distinct:
            earlier = _first_copies(earlier, _taken(known.select("TransactionId"), places))
        frame = frame.with_columns(_openings(earlier, decisions).gather(places["decision"]))
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


def _openings(earlier: pl.DataFrame, decisions: pl.DataFrame) -> pl.Series:
    """The balance of each decision at the window's start; amounts are added one after the other, in the total order.

    Rows that agree in decision, time, name and amount may change places: the sum is the same.
    """
    sums = earlier.group_by("decision", maintain_order=True).agg(pl.col("Amount").cum_sum().last())
    openings = pl.zeros(decisions.height, eager=True).scatter(sums["decision"], 0 - sums["Amount"])
    if OPENING_BALANCE.name in decisions.columns:
        stated = decisions[OPENING_BALANCE.name]
        openings = stated.zip_with(stated.is_not_null(), openings)
    return openings.alias(OPENING_BALANCE.name)


def _first_copies(earlier: pl.DataFrame, inside: pl.DataFrame) -> pl.DataFrame:
    """Sorted rows before the window without copies: the first one counts, or the one inside the window, there."""
    unnamed = pl.col("TransactionId").is_null()
    first = earlier.filter(unnamed | pl.struct(_IDENTITY).is_first_distinct())
    return first.join(inside.select(_IDENTITY), on=_IDENTITY, how="anti", maintain_order="left")


def _in_currency(
    earlier: pl.DataFrame, known: pl.DataFrame, places: pl.DataFrame, currency: str | None
) -> pl.DataFrame:
    """Rows before the window without those in another currency than the model's, or else than that of the window."""
    if _is_one_currency(earlier["CurrencyCode"], currency):
        return earlier
    inside = _taken(known.select("CurrencyCode"), places)
    own = inside.group_by("decision").agg(own=pl.col("CurrencyCode").drop_nulls().first())
    expected = pl.coalesce(pl.lit(currency, pl.String), "own")
    other = (pl.col("CurrencyCode") != expected).fill_null(value=False)
    return earlier.join(own, on="decision", how="left").filter(~other).drop("own")


def _is_one_currency(codes: pl.Series, currency: str | None) -> bool:
    """Whether nothing is known of any currency, or every cell is of the model's."""
    return codes.null_count() == len(codes) or (currency is not None and (codes == currency).all())


def _all_different(names: pl.Series) -> bool:
    """Whether no name occurs twice; where two names share a hash, which hardly happens, they only seem the same."""
    unknown = names.null_count()
    return names.hash().n_unique() - bool(unknown) == len(names) - unknown


def _deduplicated(known: pl.DataFrame, places: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    named = _taken(known.select("TransactionId"), places)
    repeated = named.select(
        pl.struct(_IDENTITY).is_duplicated() & pl.col("TransactionId").is_not_null()
    ).to_series()
    if not repeated.any():
        return places, NO_FAULTS
    copies = places.filter(repeated)
    contents = _taken(known, copies)
    versions = contents.with_columns(copies["row"]).unique(contents.columns)
    conflicts = versions.select(_IDENTITY).filter(pl.struct(_IDENTITY).is_duplicated()).unique()
    one_each = versions.unique(_IDENTITY, keep="any").select(places.columns)
    kept = pl.concat([places.filter(~repeated), one_each])
    return kept, tally(conflicts, "TransactionId", "with conflicting copies")


def _currency_faults(known: pl.DataFrame, places: pl.DataFrame, currency: str | None) -> pl.DataFrame:
    if _is_one_currency(known["CurrencyCode"], currency):
        return NO_FAULTS
    stated = _taken(known.select("CurrencyCode"), places).drop_nulls("CurrencyCode")
    if currency is not None:
        return tally(
            stated.filter(pl.col("CurrencyCode") != currency), "CurrencyCode", "not in the model's currency"
        )
    if stated["CurrencyCode"].n_unique() <= 1:
        return NO_FAULTS
    distinct = stated.select("decision", "CurrencyCode").unique()
    mixed = distinct.filter(pl.col("decision").is_duplicated())
    return tally(mixed, "CurrencyCode", "different currencies")


def _sorted(frame: pl.DataFrame, compared: Callable[[npt.NDArray[np.intp]], pl.DataFrame]) -> pl.DataFrame:
    """The total order; the many text columns, which ``compared`` gives of some rows, matter only where decision and time tie."""
    decision, moment = frame["decision"].to_numpy(), frame[_TIME].to_numpy().view(np.int64)
    order = _by_decision_and_time(decision, moment)
    same = (np.diff(decision[order]) == 0) & (np.diff(moment[order]) == 0)
    if same.any():
        tied = np.append(same, False) | np.append(False, same)
        rows = order[tied]
        contents = compared(rows)
        keys = [name for name in ORDER if name in contents.columns]
        order[tied] = rows[contents.select(pl.arg_sort_by(keys)).to_series().to_numpy()]
    ordered = frame if (np.diff(order) == 1).all() else frame[order]
    return ordered.with_columns(ordered["decision"].set_sorted())  # groups are then added up as slices


def _by_decision_and_time(
    decision: npt.NDArray[np.uint32], moment: npt.NDArray[np.int64]
) -> npt.NDArray[np.intp]:
    """Row numbers by decision, then time; of rows with both the same in any order. One number is sorted faster than two."""
    if not len(moment):
        return np.arange(0)
    first, last = int(moment.min()), int(moment.max())
    span = last - first + 1
    if (int(decision.max()) + 1) * span > np.iinfo(np.int64).max:
        return np.lexsort((moment, decision))
    return np.argsort(decision.astype(np.int64) * span + (moment - first))
