"""What the columns of transactions hold: nulls, unreadable cells, constants, repeated transactions."""

from collections.abc import Collection

import polars as pl

from credit_model.transactions import COLUMNS, SCHEMA, Tidy


def quality(transactions: Tidy, present: Collection[str]) -> pl.DataFrame:
    """One row per column that the files have: nulls, unreadable and distinct values, whether it is constant."""
    frame, faults = transactions.frame, transactions.faults
    unreadable = dict(faults.filter(pl.col("problem") == "unreadable")["field"].value_counts().iter_rows())
    rows = []
    for name in (known for known in COLUMNS if known in present):
        column = frame[name]
        distinct = column.drop_nulls().n_unique()
        rows.append(
            {
                "column": name,
                "type": _kind(SCHEMA[name]),
                "null": column.null_count(),
                "null_share": column.null_count() / frame.height,
                "unreadable": int(unreadable.get(name, 0)),
                "distinct": distinct,
                "constant": distinct == 1,
            }
        )
    return pl.DataFrame(rows)


def duplicates(frame: pl.DataFrame) -> pl.DataFrame:
    """Transactions that came again under their ``TransactionId``: with the same content, with another."""
    named = frame.filter(pl.col("TransactionId").is_not_null())
    identity = ["CustomerId", "TransactionId"]
    versions = named.unique()
    conflicts = versions.height - versions.select(identity).unique().height
    rows = {
        "sent more than once, same content": named.height - versions.height,
        "same id, other content": conflicts,
    }
    return pl.DataFrame({"duplicates": list(rows), "transactions": list(rows.values())})


def _kind(dtype: pl.DataType) -> str:
    return "time" if dtype.is_temporal() else "number" if dtype.is_numeric() else "text"
