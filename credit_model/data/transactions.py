"""The contract of transactions (columns, signs, units), and the reading of a table into a tidy frame and its faults.

``Amount`` is signed, in the currency's major unit: positive is a debit from the customer, negative a credit to them.
``Balance`` is the account's balance after the transaction, in the same unit and in the customer's favour.
Times are in UTC. A tidy frame has every column of ``SCHEMA`` and one row per row of its source, in the same order, with null
where a cell was missing or unreadable (a number of 2^53 or more in a text column keeps its text). Each cell that is unreadable,
or missing though required, is a fault.
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
    "Balance": pl.Float64(),
}
COLUMNS = tuple(SCHEMA)
ONLY_COMPARED = (
    "BatchId",
    "AccountId",
    "SubscriptionId",
)  # no feature reads them; copies that differ in them conflict

ROW_FAULTS: dict[str, pl.DataType] = {"row": pl.UInt32(), "field": pl.String(), "problem": pl.String()}

_UNKNOWN = {name: pl.Series(name, [None], dtype=dtype) for name, dtype in SCHEMA.items()}
_NO_FAULTS = pl.DataFrame(schema=ROW_FAULTS)


@dataclass(frozen=True)
class Tidy:
    """Transactions that were read.

    Attributes:
        frame: one row per transaction, with the columns of ``SCHEMA``, and any others that the caller added.
        faults: one row per faulty cell: ``row`` (row number in ``frame``, from 0), ``field``, and ``problem``
            (``missing`` or ``unreadable``).
    """

    frame: pl.DataFrame
    faults: pl.DataFrame


def tidy(columns: Mapping[str, Cells], height: int) -> Tidy:
    """Read a table of transactions, given column by column.

    Args:
        columns: cells by column name; columns outside the contract are ignored.
        height: number of rows.

    Returns:
        The tidy frame and its faults: required cells that are missing, and cells that cannot be read. ``Value`` is never
        negative, and is the absolute ``Amount`` where it is missing.
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
    """Read a Polars table of transactions with the contract's column names, as in ``tidy``.

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
    """The reader of a column of ``SCHEMA``: ``texts``, ``numbers`` or ``times``."""
    dtype = SCHEMA[name]
    return numbers if dtype == pl.Float64 else times if isinstance(dtype, pl.Datetime) else texts


def field_faults(field: str, missing: pl.Series, unreadable: pl.Series) -> list[pl.DataFrame]:
    """The faults of one column, as frames with the columns of ``ROW_FAULTS``; a missing cell is one in a required column only."""
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
