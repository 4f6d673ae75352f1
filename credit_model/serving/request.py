"""Reading of a request, in either of two shapes, into decisions and the tidy transactions of each.

One row per decision: the transactions' columns are parallel arrays. One row per transaction: the raw table as it is, grouped
by ``CustomerId`` and, where the column is present, ``as_of``, in order of first appearance. Each row is read by its own shape, so
that a customer's answer does not depend on the other rows of the request.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from credit_model.data.cells import Cells, Column, read, texts, times, unwrapped
from credit_model.data.decisions import (
    OPENING_BALANCE,
    Attribute,
    Decisions,
    read_decisions,
    reader_for,
    row_faults,
)
from credit_model.data.faults import together
from credit_model.data.transactions import COLUMNS, REQUIRED, Tidy, tidy

_FIELDS = COLUMNS[1:]
_TIME = "TransactionStartTime"
_KEYS = ["customer", "unknown", "as_of", "unreadable", "apart"]
_MISFIT = "array of another length than TransactionStartTime"


class UnreadableRequestError(ValueError):
    """No row can be read from the request; the message repeats no part of it."""


@dataclass(frozen=True)
class Request:
    """Tidy transactions with a column ``decision``, the number of their decision from 0, and the decisions."""

    transactions: Tidy
    decisions: Decisions


def read_request(
    table: pd.DataFrame,
    as_of: datetime,
    attributes: Sequence[Attribute] = (),
    *,
    arrays_only: bool = False,
) -> Request:
    """Read a request.

    Args:
        table: one row per decision or one row per transaction; columns outside the contract are ignored.
        as_of: the ``as_of`` of rows that give none, in UTC.
        attributes: the scalars that the model reads of a decision; with attributes of an application among them, a decision
            may come without transactions.
        arrays_only: refuse one row per transaction.

    Raises:
        UnreadableRequestError: no rows, a required column absent, or raw rows where only arrays are allowed.
    """
    columns, height = _unpacked({str(name): unwrapped(column) for name, column in table.items()}, len(table))
    if not columns.keys() & {*COLUMNS, *_names(attributes)}:
        raise UnreadableRequestError(
            f"the request has no rows with the columns {', '.join(REQUIRED)}; send them under these names"
        )
    if not height:
        raise UnreadableRequestError("the request has no rows; send at least one")
    application = any(attribute != OPENING_BALANCE for attribute in attributes)
    without_transactions = application and not {"TransactionStartTime", "Amount"} & columns.keys()
    absent = [name for name in REQUIRED if name not in columns]
    if absent and not (without_transactions and "CustomerId" in columns):
        raise UnreadableRequestError(f"the request lacks the required column {', '.join(absent)}; add it")
    if without_transactions:
        return _one_row_per_decision(columns, height, as_of, attributes)
    arrays = np.add(*(_arrays(columns[name]) for name in REQUIRED[1:]))
    raw = (arrays == 0) & ~_nothing(columns) if arrays_only or arrays.any() else np.True_
    if arrays_only and raw.any() and not arrays.any():
        raise UnreadableRequestError(
            "rows of single transactions cannot be scored here, because a customer's rows may be split over batches; "
            "group them first: one row per customer, each column collected into an array"
        )
    if arrays_only or not raw.any():
        return _one_row_per_decision(columns, height, as_of, attributes)
    if arrays.any():
        return _rows_of_both_kinds(columns, arrays == len(REQUIRED[1:]), as_of, attributes)
    return _one_row_per_transaction(columns, height, as_of, attributes)


def _unpacked(columns: dict[str, Column], height: int) -> tuple[Mapping[str, Column], int]:
    """The columns and their height; MLflow packs ``inputs`` that hold nothing but text into one row of whole columns."""
    first = [cells[0] for cells in columns.values()] if height == 1 else []
    if not first or not all(map(_is_array, first)) or len(set(map(len, first))) > 1:
        return columns, height
    return {name: list(cells[0]) for name, cells in columns.items()}, len(first[0])


def _is_array(cell: Any) -> bool:
    return isinstance(cell, list | tuple) or (isinstance(cell, np.ndarray) and cell.ndim > 0)


def _arrays(column: Column) -> np.ndarray:
    """1 where a column holds an array, 0 elsewhere; one of a known type holds none."""
    if isinstance(column, list):
        return np.array([_is_array(cell) for cell in column], dtype=np.int64)
    return np.zeros(len(column), dtype=np.int64)


def _nothing(columns: Mapping[str, Column]) -> np.ndarray:
    """Where a row has neither time nor amount, as a decision without transactions may come."""
    time, amount = (read(columns[name], texts)[1] for name in REQUIRED[1:])
    return (time & amount).to_numpy()


def _one_row_per_decision(
    columns: Mapping[str, Column], height: int, as_of: datetime, attributes: Sequence[Attribute]
) -> Request:
    decisions = read_decisions(columns, height, attributes, as_of)
    given = {name: columns[name] for name in _FIELDS if name in columns}
    arrays = {name: [cell if _is_array(cell) else None for cell in cells] for name, cells in given.items()}
    lengths = [0 if cell is None else len(cell) for cell in arrays.get(_TIME, [None] * height)]
    faults, misfits = [decisions.faults], np.zeros(height, dtype=np.bool_)
    for name, cells in arrays.items():
        if [-1 if cell is None else len(cell) for cell in cells] == lengths:
            continue
        for problem, places in _misfits(given[name], cells, np.array(lengths)):
            faults.append(row_faults(name, problem, places))
            misfits |= places
    sizes = np.where(misfits, 0, lengths)
    flat: dict[str, Cells] = {name: _flatten(cells, sizes) for name, cells in arrays.items()}
    owner = np.repeat(np.arange(height), sizes)
    flat["CustomerId"] = _owners(decisions.frame["CustomerId"], owner)
    return _request(flat, owner, Decisions(decisions.frame, together(faults)))


def _owners(customers: pl.Series, owner: np.ndarray) -> pl.Series:
    if len(customers) == 1 and not customers.null_count():
        return customers.new_from_index(0, len(owner))
    return customers.fill_null("").gather(owner)


def _misfits(column: Column, cells: Sequence[Any], sizes: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each problem that a column of arrays has, and where."""
    scalar = np.array([cell is None and bool(pd.notna(raw)) for cell, raw in zip(cells, column, strict=True)])
    if scalar.any():
        yield "not an array", scalar
    lengths = [size if cell is None else len(cell) for cell, size in zip(cells, sizes, strict=True)]
    if (misfit := np.array(lengths) != sizes).any():
        yield _MISFIT, misfit


def _flatten(cells: Sequence[Any], sizes: np.ndarray) -> Cells:
    parts: list[Any] = [
        [None] * size if cell is None else cell for cell, size in zip(cells, sizes, strict=True) if size
    ]
    dtypes = {part.dtype if isinstance(part, np.ndarray) else None for part in parts}
    if len(dtypes) == 1 and not dtypes & {None, np.dtype(object)}:
        return np.concatenate(parts)
    return list(chain.from_iterable(parts))


def _one_row_per_transaction(
    columns: Mapping[str, Column], height: int, as_of: datetime, attributes: Sequence[Attribute]
) -> Request:
    owner, first = _grouped(columns, height, as_of)
    decisions = read_decisions(_heads(columns, first, attributes), len(first), attributes, as_of)
    faults = [decisions.faults, *_contradictions(columns, attributes, owner)]
    return _request(columns, owner, Decisions(decisions.frame, together(faults)))


def _rows_of_both_kinds(
    columns: Mapping[str, Column], whole: np.ndarray, as_of: datetime, attributes: Sequence[Attribute]
) -> Request:
    """A row whose time and amount are arrays is a decision of its own; the other rows are grouped, and become one each."""
    owner, first = _grouped(columns, len(whole), as_of, np.where(whole, np.arange(1, len(whole) + 1), 0))
    members = np.split(np.argsort(owner, kind="stable"), np.cumsum(np.bincount(owner))[:-1])
    fields = {name: list(columns[name]) for name in _FIELDS if name in columns}
    arrays: dict[str, Column] = {
        name: [cells[rows[0]] if whole[rows[0]] else [cells[row] for row in rows] for rows in members]
        for name, cells in fields.items()
    }
    request = _one_row_per_decision(
        _heads(columns, first, attributes) | arrays, len(first), as_of, attributes
    )
    faults = [request.decisions.faults, *_contradictions(columns, attributes, owner)]
    return Request(request.transactions, Decisions(request.decisions.frame, together(faults)))


def _heads(
    columns: Mapping[str, Column], first: np.ndarray, attributes: Sequence[Attribute]
) -> dict[str, Column]:
    """What belongs to the decision itself, from the first row of each."""
    names = ("CustomerId", "as_of", *_names(attributes))
    return {name: _at(columns[name], first) for name in names if name in columns}


def _grouped(
    columns: Mapping[str, Column], height: int, as_of: datetime, apart: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The group of every row, numbered in order of first appearance, and the first row of every group.

    Rows whose number in ``apart`` differs are never of one group.
    """
    customer, _, unknown = read(columns["CustomerId"], texts)
    alone = apart is None and _is_one(customer) and not unknown.any()
    if alone and "as_of" not in columns:
        return _one_group(height)
    moment, missing, unreadable = read(columns.get("as_of", [None] * height), times)
    if alone and _is_one(moment):
        return _one_group(height)
    moment = moment.zip_with(~missing, pl.Series([as_of], dtype=pl.Datetime("us")))
    apart = np.zeros(height) if apart is None else apart
    keys = pl.DataFrame([customer, unknown, moment, unreadable, pl.Series(apart)], _KEYS)
    groups = keys.with_row_index("row").group_by(_KEYS, maintain_order=True).agg("row")
    owner = groups.with_row_index("group").explode("row").sort("row")["group"]
    return owner.to_numpy().astype(np.int64), groups["row"].list.first().to_numpy()


def _at(column: Column, places: np.ndarray) -> Column:
    if len(places) == 1:
        return column[places[0] : places[0] + 1]
    return [column[place] for place in places] if isinstance(column, list) else column.gather(places)


def _is_one(series: pl.Series) -> bool:
    return not series.null_count() and series.n_unique() == 1


def _one_group(height: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(height, dtype=np.int64), np.zeros(1, dtype=np.int64)


def _contradictions(
    columns: Mapping[str, Column], attributes: Sequence[Attribute], owner: np.ndarray
) -> Iterator[pl.DataFrame]:
    """A fault for each attribute of which the rows of a decision give several values."""
    for attribute in attributes:
        if attribute.name in columns:
            values, _, _ = read(columns[attribute.name], reader_for(attribute))
            versions = pl.DataFrame({"owner": owner, "value": values}).unique().group_by("owner").len()
            several = versions.sort("owner")["len"].to_numpy() > 1
            yield row_faults(attribute.name, "different values in one decision", several)


def _names(attributes: Sequence[Attribute]) -> list[str]:
    return [attribute.name for attribute in attributes]


def _request(columns: Mapping[str, Cells], owner: np.ndarray, decisions: Decisions) -> Request:
    transactions = tidy(columns, len(owner))
    keyed = transactions.frame.hstack([pl.Series("decision", owner.astype(np.uint32))])
    return Request(Tidy(keyed, transactions.faults), decisions)
