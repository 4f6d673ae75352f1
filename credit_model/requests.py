"""A scoring request in either shape -> tidy transactions, each tied to its decision.

One row per decision: the transactions' columns are parallel arrays. One row per transaction: the raw table as it is, grouped
by ``CustomerId`` and, where the column is present, ``as_of``, in order of first appearance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from credit_model.cells import Cells, Column, read, texts, times, unwrapped
from credit_model.decisions import Attribute, Decisions, read_decisions, reader_for, row_faults
from credit_model.history import together
from credit_model.transactions import COLUMNS, REQUIRED, Tidy, tidy

_ARRAYS = (list, tuple, np.ndarray)
_FIELDS = COLUMNS[1:]
_TIME = "TransactionStartTime"
_MISFIT = "array of another length than TransactionStartTime"


class UnreadableRequestError(ValueError):
    """No row can be read from the request; the message repeats nothing of it."""


@dataclass(frozen=True)
class Request:
    """Tidy transactions with a column ``decision``, and the decisions they belong to."""

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
        as_of: the moment of rows that give none.
        attributes: the model's application attributes.
        arrays_only: refuse one row per transaction.

    Raises:
        UnreadableRequestError: no rows, a required column absent, or raw rows where only arrays are allowed.
    """
    columns = {str(name): unwrapped(column) for name, column in table.items()}
    if not len(table):
        raise UnreadableRequestError("the request has no rows; send at least one")
    without_transactions = bool(attributes) and not {"TransactionStartTime", "Amount"} & columns.keys()
    absent = [name for name in REQUIRED if name not in columns]
    if absent and not (without_transactions and "CustomerId" in columns):
        raise UnreadableRequestError(f"the request lacks the required column {', '.join(absent)}; add it")
    if without_transactions or _holds_arrays(columns) or (arrays_only and _holds_nothing(columns)):
        return _one_row_per_decision(columns, len(table), as_of, attributes)
    if arrays_only:
        raise UnreadableRequestError(
            "rows of single transactions cannot be scored here, because a customer's rows may be split over batches; "
            "group them first: one row per customer, each column collected into an array"
        )
    return _one_row_per_transaction(columns, len(table), as_of, attributes)


def _holds_arrays(columns: Mapping[str, Column]) -> bool:
    required = (columns[name] for name in REQUIRED[1:] if isinstance(columns[name], list))
    return any(isinstance(cell, _ARRAYS) for column in required for cell in column)


def _holds_nothing(columns: Mapping[str, Column]) -> bool:
    return all(pd.isna(list(columns[name])).all() for name in REQUIRED[1:])


def _one_row_per_decision(
    columns: Mapping[str, Column], height: int, as_of: datetime, attributes: Sequence[Attribute]
) -> Request:
    decisions = read_decisions(columns, height, attributes, as_of)
    given = {name: columns[name] for name in _FIELDS if name in columns}
    arrays = {
        name: [cell if isinstance(cell, _ARRAYS) else None for cell in cells] for name, cells in given.items()
    }
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


def _misfits(given: Column, cells: Sequence[Any], sizes: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each problem that a column of arrays has, and where."""
    scalar = np.array([cell is None and bool(pd.notna(raw)) for cell, raw in zip(cells, given, strict=True)])
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
    heads = {
        name: _at(columns[name], first)
        for name in ("CustomerId", "as_of", *_names(attributes))
        if name in columns
    }
    decisions = read_decisions(heads, len(first), attributes, as_of)
    faults = [
        decisions.faults,
        *(_contradictions(columns, a, owner) for a in attributes if a.name in columns),
    ]
    return _request(columns, owner, Decisions(decisions.frame, together(faults)))


def _grouped(columns: Mapping[str, Column], height: int, as_of: datetime) -> tuple[np.ndarray, np.ndarray]:
    """The group of every row, numbered in order of first appearance, and the first row of every group."""
    customer, _, _ = read(columns["CustomerId"], texts)
    alone = _is_one(customer)
    if alone and "as_of" not in columns:
        return _one_group(height)
    moment, missing, unreadable = read(columns.get("as_of", [None] * height), times)
    if alone and _is_one(moment):
        return _one_group(height)
    moment = moment.zip_with(~missing, pl.Series([as_of], dtype=pl.Datetime("us")))
    keys = pl.DataFrame({"customer": customer, "as_of": moment, "unreadable": unreadable})
    groups = (
        keys.with_row_index("row").group_by("customer", "as_of", "unreadable", maintain_order=True).agg("row")
    )
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


def _contradictions(columns: Mapping[str, Column], attribute: Attribute, owner: np.ndarray) -> pl.DataFrame:
    values, _, _ = read(columns[attribute.name], reader_for(attribute))
    versions = pl.DataFrame({"owner": owner, "value": values}).unique().group_by("owner").len()
    return row_faults(
        attribute.name, "different values in one decision", versions.sort("owner")["len"].to_numpy() > 1
    )


def _names(attributes: Sequence[Attribute]) -> list[str]:
    return [attribute.name for attribute in attributes]


def _request(columns: Mapping[str, Cells], owner: np.ndarray, decisions: Decisions) -> Request:
    transactions = tidy(columns, len(owner))
    keyed = transactions.frame.hstack([pl.Series("decision", owner.astype(np.uint32))])
    return Request(Tidy(keyed, transactions.faults), decisions)
