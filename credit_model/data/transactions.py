"""The transaction contract: columns, signs, units; a table of any accepted shape -> one tidy frame and its faults.

``Amount`` is signed, in the currency's major unit: positive is a debit from the customer, negative a credit to them.
Times are UTC. A tidy frame has every column of ``SCHEMA``, one row per row of its source, in the same order, with null
where a cell was missing or unreadable; what may not be null is listed in the faults.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from credit_model.data.cells import Cells, Reader, numbers, read, texts, times

REQUIRED = ("CustomerId", "TransactionStartTime", "Amount")

SCHEMA: dict[str, pl.DataType] = {
    "CustomerId": pl.String(),
    "TransactionStartTime": pl.Datetime("us"),
    "TransactionId": pl.String(),
    "Amount": pl.Float64(),
    "Value": pl.Float64(),
    "CurrencyCode": pl.String(),
    "ProductCategory": pl.String(),
    "ProductId": pl.String(),
    "ProviderId": pl.String(),
    "ChannelId": pl.String(),
    "PricingStrategy": pl.String(),
    "CountryCode": pl.String(),
    "BatchId": pl.String(),
    "AccountId": pl.String(),
    "SubscriptionId": pl.String(),
    "FraudResult": pl.Float64(),
}
COLUMNS = tuple(SCHEMA)

ROW_FAULTS: dict[str, pl.DataType] = {"row": pl.UInt32(), "field": pl.String(), "problem": pl.String()}

_UNKNOWN = {name: pl.Series(name, [None], dtype=dtype) for name, dtype in SCHEMA.items()}
_NO_FAULTS = pl.DataFrame(schema=ROW_FAULTS)


@dataclass(frozen=True)
class Tidy:
    """A tidy frame and its faults.

    Attributes:
        frame: columns of ``SCHEMA``, and any others that the caller put beside them.
        faults: ``row`` (position in the frame), ``field``, ``problem`` (``missing`` or ``unreadable``).
    """

    frame: pl.DataFrame
    faults: pl.DataFrame


def tidy(columns: Mapping[str, Cells], height: int) -> Tidy:
    """Read a table of transactions, given column by column.

    Args:
        columns: cells by column name; columns outside the contract are ignored.
        height: number of rows.

    Returns:
        The tidy frame and its faults: a required cell that is missing, and any cell that cannot be read. ``Value``
        defaults to the absolute amount.
    """
    frame: dict[str, pl.Series] = {}
    faults = []
    for name in SCHEMA:
        if name not in columns:
            frame[name] = _UNKNOWN[name].new_from_index(0, height)
            continue
        values, missing, unreadable = read(columns[name], reader_of(name))
        frame[name] = values.alias(name)
        faults += field_faults(name, missing, unreadable)
    frame["Value"] = _value(frame["Value"], frame["Amount"])
    return Tidy(
        pl.DataFrame(list(frame.values())), pl.concat([_NO_FAULTS, *faults]) if faults else _NO_FAULTS
    )


def tidy_table(table: pl.DataFrame) -> Tidy:
    """Read a Polars table that has the required columns under their own names.

    Raises:
        ValueError: a required column is absent.
    """
    absent = [name for name in REQUIRED if name not in table.columns]
    if absent:
        raise ValueError(
            f"transactions lack {', '.join(absent)} (found: {', '.join(table.columns)}); "
            "name the columns that hold them, for example columns=CustomerId=client,TransactionStartTime=when"
        )
    return tidy({name: table[name] for name in table.columns}, table.height)


def reader_of(name: str) -> Reader:
    """The reader of a column's cells."""
    dtype = SCHEMA[name]
    return numbers if dtype == pl.Float64 else times if isinstance(dtype, pl.Datetime) else texts


def field_faults(field: str, missing: pl.Series, unreadable: pl.Series) -> list[pl.DataFrame]:
    """The faults of one column, as frames of ``ROW_FAULTS``; cells of optional columns may be missing."""
    places = {"unreadable": unreadable} | ({"missing": missing} if field in REQUIRED else {})
    return [
        pl.DataFrame({"row": mask.arg_true()}).with_columns(field=pl.lit(field), problem=pl.lit(problem))
        for problem, mask in places.items()
        if mask.any()
    ]


def _value(value: pl.Series, amount: pl.Series) -> pl.Series:
    if value.null_count() == len(value):
        return amount.abs().alias("Value")
    if value.null_count() == 0:
        return value.abs() if (value < 0).any() else value
    return value.abs().zip_with(value.is_not_null(), amount.abs()).alias("Value")
