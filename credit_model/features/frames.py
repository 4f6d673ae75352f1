"""Features in a notebook, from frames of pandas or Polars to a frame of the same kind."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import polars as pl

from credit_model.data.cells import read, texts, times
from credit_model.data.decisions import Decisions, read_decisions
from credit_model.data.files import rename
from credit_model.data.frames import AnyFrame, in_pandas, in_polars
from credit_model.data.transactions import REQUIRED, tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.offline_table import computed
from credit_model.features.plan import FeaturePlan

_TRANSACTIONS, _DECISIONS = "the frame of transactions", "the frame of decisions"
_AS_THEY_ARE: Mapping[str, str] = MappingProxyType({})


def customer_features(
    transactions: AnyFrame,
    decisions: AnyFrame | None = None,
    *,
    as_of: datetime | str | None = None,
    history_days: int = 90,
    catalogue: Catalogue | None = None,
    columns: Mapping[str, str] = _AS_THEY_ARE,
) -> AnyFrame:
    """Compute every feature of every decision, as training and serving do.

    Only transactions in the observation window, ``[as_of - history_days, as_of)``, count; earlier ones are added up to the
    balance at its start, unless a decision states that as ``opening_balance``. Faulty cells raise nothing: a decision
    that cannot be computed keeps its row, with ``status`` ``invalid`` and a ``message``.

    Args:
        transactions: raw transactions: ``CustomerId``, ``TransactionStartTime`` (UTC where it says no zone), ``Amount`` (positive
            is a debit from the customer, negative a credit to them) and the optional columns of the contract; others are
            ignored.
        decisions: ``CustomerId``, ``as_of``, the catalogue's attributes and ``opening_balance``, where stated; without it, one
            decision for every customer of the transactions, sorted by ``CustomerId``.
        as_of: the ``as_of`` of decisions that give none, a datetime or ISO-8601 text; without it they are invalid.
        history_days: length of the observation window in days, where no catalogue is given.
        catalogue: how the features are defined, such as that of a trained model: ``result.trained.scorer.catalogue``; by
            default every feature that needs no training.
        columns: contract name -> column name of the frames.

    Returns:
        One row per decision, in order: ``CustomerId``; ``as_of`` as text, in UTC; ``status`` (``computed``, ``no_history``
        or ``invalid``); ``message``, null or what is wrong, naming field and count; ``CurrencyCode``; the features. Those
        of an invalid decision are null, except its attributes. A frame of pandas has the index of ``decisions``.

    Raises:
        TypeError: an argument is not a frame of pandas or Polars.
        ValueError: a column is absent, ``as_of`` cannot be read as a time, ``history_days`` is below 1, or there are neither
            decisions nor ``as_of``.

    Example:
        >>> paid = pl.DataFrame({"CustomerId": ["C-1", "C-1", "C-2"], "Amount": [1000, -50, 200],
        ...                      "TransactionStartTime": ["2019-01-20", "2019-01-30", "2018-06-01"]})
        >>> table = customer_features(paid, as_of="2019-02-01", history_days=30)
        >>> table.select("CustomerId", "status", "transaction_count", "recency").rows()
        [('C-1', 'computed', 2.0, 2.0), ('C-2', 'no_history', 0.0, None)]
    """
    catalogue = Catalogue(history_days) if catalogue is None else catalogue
    if catalogue.history_days < 1:
        raise ValueError(f"history_days: {catalogue.history_days} is not a number of days; give at least 1")
    if decisions is None and as_of is None:
        raise ValueError(
            "there is no moment to compute features at; give decisions, or as_of for one of every customer"
        )
    raw = rename(in_polars(transactions, _TRANSACTIONS), columns, REQUIRED, _TRANSACTIONS)
    whom = _everybody(raw) if decisions is None else in_polars(decisions, _DECISIONS)
    plan = FeaturePlan(catalogue, tuple(catalogue.features))
    table = computed(tidy_table(raw), _asked(whom, plan, _moment(as_of), columns), plan)
    return _like(transactions, table) if decisions is None else _like(decisions, table, indexed=True)


def _like(frame: AnyFrame, table: pl.DataFrame, *, indexed: bool = False) -> AnyFrame:
    """A table as a frame of the kind of another, of pandas with its index where they have the same rows."""
    if isinstance(frame, pl.DataFrame):
        return table
    plain = in_pandas(table)
    return plain.set_index(frame.index) if indexed else plain


def _everybody(transactions: pl.DataFrame) -> pl.DataFrame:
    return read(transactions["CustomerId"], texts)[0].unique().sort().to_frame("CustomerId")


def _asked(
    decisions: pl.DataFrame, plan: FeaturePlan, as_of: datetime | None, columns: Mapping[str, str]
) -> Decisions:
    attributes = [attribute.name for attribute in plan.catalogue.attributes]
    needed = ["CustomerId", *(["as_of"] if as_of is None else []), *attributes]
    table = rename(decisions, columns, needed, _DECISIONS)
    cells = {name: table[name] for name in table.columns}
    return read_decisions(cells, table.height, plan.scalars, as_of)


def _moment(as_of: datetime | str | None) -> datetime | None:
    """The moment as a datetime in UTC, without a zone."""
    if as_of is None:
        return None
    moment: datetime | None = read([as_of], times)[0].item()
    if moment is None:
        raise ValueError(
            "as_of is not a time; give a datetime, or ISO-8601 text such as 2019-02-13T00:00:00Z"
        )
    return moment
