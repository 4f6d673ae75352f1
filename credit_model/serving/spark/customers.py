"""The work of Spark's Python workers: score rows that are sorted by customer, some customers at a time.

Spark sends this module to the workers by value, and the model beside it: of this package only what the model carries is
imported there. A row has the customer, and a transaction or a decision or neither.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

ROWS_AT_ONCE = 100_000
KEY, DOUBTFUL, PLACE = "customer of row", "doubtful customer", "place of decision"  # no attribute's name
TRANSACTION, DECISION = "transaction", "decision"


def scored(
    batches: Iterator[pa.RecordBatch],
    predict: Callable[..., pd.DataFrame],
    as_of: str | None,
    answer: Mapping[str, pl.DataType],
    schema: pa.Schema,
    *,
    as_text: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Score the rows of a partition.

    Args:
        batches: of a partition that holds its customers completely, sorted by customer.
        predict: of the loaded model.
        as_of: the time as of which every customer is scored; None where the rows hold decisions.
        answer: the types of the answer.
        schema: of the result: ``PLACE``, then the answer.
        as_text: whether the answer is written as in a CSV file.
    """
    for rows in complete(batches):
        asked = decisions(rows, as_of)
        if asked.height:
            answers = predict(_request(asked), params={"one_row_per_decision": True})
            table = pl.DataFrame([_typed(answers, name, dtype) for name, dtype in answer.items()])
            if as_text:
                table = table.select(_as_text(name, dtype) for name, dtype in answer.items())
            yield from table.insert_column(0, asked[PLACE]).to_arrow().cast(schema).to_batches()


def complete(batches: Iterator[pa.RecordBatch], rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pl.DataFrame]:
    """Rows of complete customers, about ``rows_at_once`` at a time; a customer with more comes in one frame."""
    held, limit = pl.DataFrame(), rows_at_once
    for batch in batches:
        held = pl.concat([held, pl.DataFrame(batch)]) if held.width else pl.DataFrame(batch)
        if held.height >= limit:
            unfinished = held[KEY].eq_missing(held[KEY].tail(1))
            if not unfinished.all():
                yield held.filter(~unfinished)
            held = held.filter(unfinished)
            limit = max(rows_at_once, 2 * held.height)
    if held.height:
        yield held


def decisions(rows: pl.DataFrame, as_of: str | None) -> pl.DataFrame:
    """One row per decision, with the customer's transactions in arrays; with ``as_of``, one decision of every customer."""
    keys = rows.group_by(KEY, maintain_order=True).agg(pl.col(DOUBTFUL).max())
    if as_of is None:
        asked = rows.filter(pl.col(DECISION).is_not_null()).select(KEY, DECISION).unnest(DECISION)
        asked = asked.join(keys, on=KEY, how="left", nulls_equal=True, maintain_order="left")
    else:
        asked = keys.with_columns(pl.lit(as_of).alias("as_of"), pl.col(KEY).alias(PLACE))
    mine = rows.filter(pl.col(TRANSACTION).is_not_null()).select(KEY, TRANSACTION).unnest(TRANSACTION)
    arrays = mine.group_by(KEY, maintain_order=True).agg(pl.all())
    names = [name for name in arrays.columns if name != KEY]
    table = asked.join(arrays, on=KEY, how="left", nulls_equal=True, maintain_order="left")
    return table.with_columns(pl.col(names).fill_null([]))


def _request(asked: pl.DataFrame) -> pd.DataFrame:
    """The request that the model reads; a number that cannot identify a customer stays a number, and is refused."""
    arrow = asked.drop(KEY, DOUBTFUL, PLACE).to_arrow(compat_level=pl.CompatLevel.oldest())
    cells: pd.DataFrame = arrow.to_pandas()
    customers = asked.select(KEY, DOUBTFUL).rows()
    cells["CustomerId"] = pd.Series(
        [key if number is None else number for key, number in customers], dtype=object
    )
    return cells


def _typed(answers: pd.DataFrame, name: str, dtype: pl.DataType) -> pl.Series:
    cells: list[Any] = answers[name].tolist() if name in answers else [None] * len(answers)
    return pl.Series(name, cells, dtype=dtype)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as ``score`` writes it into CSV."""
    column = pl.col(name)
    if not dtype.is_nested():
        return column.cast(pl.String)
    json = pl.struct(x=column).struct.json_encode().str.slice(len('{"x":')).str.head(-1)
    return pl.when(column.is_not_null()).then(json).alias(name)
