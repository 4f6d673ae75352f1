"""Transactions and decisions on Spark as one table of rows per customer, which ``customers.scored`` scores."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from credit_model.data.iso_time import EARLIEST
from credit_model.data.transactions import COLUMNS
from credit_model.serving.spark.cells import cell, doubtful, identity, may_be_inside, moment, quoted, span
from credit_model.serving.spark.customers import DECISION, DOUBTFUL, KEY, PLACE, TRANSACTION
from credit_model.serving.spark.rows import of_asked

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


_NO_TRANSACTION = "struct<TransactionStartTime: string, Amount: double>"


def customer_rows(
    transactions: "DataFrame | None",
    decisions: "DataFrame | None",
    as_of: datetime,
    history_days: int | None,
) -> "DataFrame":
    """The rows that ``customers.scored`` takes, in no order: decisions, and transactions that may lie in a window of one.

    Args:
        transactions: under the contract's names, or None.
        decisions: ``CustomerId``, ``PLACE`` and where they are there ``as_of`` and scalars; None: everyone at ``as_of``.
        as_of: the ``as_of`` of decisions that give none, in UTC.
        history_days: length of the observation window in days; None: rows before it are needed too.
    """
    rows = []
    if decisions is not None:
        rows.append(_of_decisions(decisions, as_of))
    if transactions is not None:
        seen = transactions if decisions is None else of_asked(transactions, decisions)
        mine = _of_transactions(seen, _window(decisions, as_of, history_days))
        rows.append(mine if decisions is None else mine.where(f"{TRANSACTION} is not null"))
    else:
        rows = [row.selectExpr("*", f"cast(null as {_NO_TRANSACTION}) as {TRANSACTION}") for row in rows]
    return rows[0] if len(rows) == 1 else rows[0].unionByName(rows[1], allowMissingColumns=True)


def _of_transactions(transactions: "DataFrame", window: tuple[datetime, datetime]) -> "DataFrame":
    """A row each; one that no decision sees is there for its customer alone."""
    from pyspark.sql import functions as F  # noqa: N812

    whole = F.struct(*(cell(transactions, name) for name in COLUMNS[1:] if name in transactions.columns))
    seen = F.when(may_be_inside(transactions, window), whole).alias(TRANSACTION)
    return transactions.select(*_customer(transactions), seen)


def _of_decisions(decisions: "DataFrame", default: datetime) -> "DataFrame":
    from pyspark.sql import functions as F  # noqa: N812

    own = [name for name in decisions.columns if name not in {"CustomerId", PLACE}]
    cells = decisions.select(*_customer(decisions), quoted(PLACE), *(cell(decisions, name) for name in own))
    attributes = [quoted(name) for name in own if name != "as_of"]
    whole = F.struct(quoted(PLACE), moment(cells, default), *attributes)
    return cells.select(quoted(KEY), quoted(DOUBTFUL), whole.alias(DECISION))


def _customer(table: "DataFrame") -> list["Column"]:
    return [identity(table).alias(KEY), doubtful(table).alias(DOUBTFUL)]


def _window(decisions: "DataFrame | None", as_of: datetime, days: int | None) -> tuple[datetime, datetime]:
    """The span of what decisions read: no transaction outside it matters."""
    first, last = (decisions is not None and span(decisions)) or (as_of, as_of)
    start = EARLIEST if days is None else min(first, as_of) - timedelta(days=days)
    return start, max(last, as_of)
