"""The table of decisions: which customer is scored, as of which moment, with which application attributes.

A decision is a pair (``CustomerId``, ``as_of``) with the attributes of the application, one value each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from credit_model.data.cells import Cells, Reader, decoded, numbers, read, texts, times
from credit_model.data.faults import DECISION_FAULTS, NO_FAULTS, together
from credit_model.data.suggest import suggest
from credit_model.data.transactions import COLUMNS

_RESERVED = (
    "bad",
    "known_at",
    "part",
    "decision",
    "fairness_group",
    "defaulted",
    "opening_balance",
)  # columns of labelled decisions, and of the history before them
_KINDS: dict[str, pl.DataType] = {"number": pl.Float64(), "category": pl.String()}


@dataclass(frozen=True)
class Attribute:
    """An attribute of the application, such as the income stated.

    Attributes:
        name: name of its column.
        kind: ``number`` or ``category``.
    """

    name: str
    kind: str

    @property
    def dtype(self) -> pl.DataType:
        """The type of its column: Float64 or String."""
        return _KINDS[self.kind]


# No attribute of any model: it is read where features need the balance at the start of the observation window.
OPENING_BALANCE = Attribute("opening_balance", "number")


@dataclass(frozen=True)
class Decisions:
    """Decisions that were read.

    Attributes:
        frame: one row per decision, in the order given: ``CustomerId``, ``as_of`` (UTC) and the attributes; null where
            missing or unreadable, except that a ``CustomerId`` of 2^53 or more keeps its text.
        faults: what cannot be read, with the columns of ``DECISION_FAULTS``; a decision with any is invalid.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame


def read_decisions(
    columns: Mapping[str, Cells],
    height: int,
    attributes: Sequence[Attribute] = (),
    default_as_of: datetime | None = None,
) -> Decisions:
    """Read decisions, given column by column.

    Args:
        columns: cells by column name; an absent attribute is null for every decision.
        height: number of decisions.
        attributes: the attributes to read beside ``CustomerId`` and ``as_of``.
        default_as_of: the ``as_of`` of decisions that give none, in UTC.

    Returns:
        The decisions, with a fault where ``CustomerId`` or ``as_of`` is missing, or any of their cells unreadable.
    """
    customer, nobody, unknown = read(columns["CustomerId"], texts)
    moment, faults = _moments(columns, height, default_as_of)
    frame = {"CustomerId": customer, "as_of": moment}
    faults += [row_faults("CustomerId", "missing", nobody), row_faults("CustomerId", "unreadable", unknown)]
    for attribute in attributes:
        frame[attribute.name], bad = _read_attribute(columns, attribute, height)
        faults.append(row_faults(attribute.name, "unreadable", bad))
    return Decisions(pl.DataFrame(frame), together(faults))


def _moments(
    columns: Mapping[str, Cells], height: int, default: datetime | None
) -> tuple[pl.Series, list[pl.DataFrame]]:
    moments = pl.Series([default], dtype=pl.Datetime("us"))
    if "as_of" not in columns and default is not None:
        return moments.new_from_index(0, height), []
    moment, missing, unreadable = read(columns.get("as_of", [None] * height), times)
    faults = [row_faults("as_of", "unreadable", unreadable)]
    if default is None:
        return moment, [*faults, row_faults("as_of", "missing", missing)]
    return (moment.zip_with(~missing, moments) if missing.any() else moment), faults


def learn_attributes(table: pl.DataFrame, names: Sequence[str]) -> tuple[Attribute, ...]:
    """Determine the kind of each attribute from its column: a number where every cell that is not missing is one.

    A column with text that starts with a zero before another digit, as in ``00731``, holds codes: it is a category.

    Args:
        table: decisions.
        names: columns of the table to take as attributes.

    Raises:
        ValueError: a column is absent, has the name of a transaction's column, or has the name of another attribute; upper
            and lower case are the same, because Spark does not distinguish them.
    """
    taken = {name.lower() for name in (*COLUMNS, "as_of", *_RESERVED)}
    for place, name in enumerate(names):
        if name.lower() in taken:
            raise ValueError(
                f"attribute {name} is named like a transaction's column; rename it in the decisions table"
            )
        if name.lower() in {other.lower() for other in names[:place]}:
            raise ValueError(f"attribute {name} differs from another in case alone; rename one of them")
        if name not in table.columns:
            columns = [column for column in table.columns if column not in _RESERVED]
            raise ValueError(f"attribute {name} is not a column of the decisions; {suggest(name, columns)}")
    return tuple(Attribute(name, _kind(table[name])) for name in names)


def reader_for(attribute: Attribute) -> Reader:
    """The reader of an attribute's cells: ``numbers`` or ``texts``."""
    return numbers if attribute.kind == "number" else texts


def row_faults(field: str, problem: str, places: pl.Series | np.ndarray) -> pl.DataFrame:
    """One fault of a field for each decision where ``places``, shape (n,), is true; columns as in ``DECISION_FAULTS``."""
    if not places.any():
        return NO_FAULTS
    decision = np.flatnonzero(places).astype(np.uint32)
    constants = {"field": field, "problem": problem, "count": 1}
    return pl.DataFrame({"decision": decision}).select(
        "decision",
        *(pl.lit(value).alias(name).cast(DECISION_FAULTS[name]) for name, value in constants.items()),
    )


def _kind(cells: pl.Series) -> str:
    cells = decoded(cells)
    if cells.dtype == pl.String and cells.str.contains(r"^\s*0\d").any():
        return "category"
    values, _, unreadable = read(cells, numbers)
    return "number" if not unreadable.any() and values.null_count() < len(values) else "category"


def _read_attribute(
    columns: Mapping[str, Cells], attribute: Attribute, height: int
) -> tuple[pl.Series, pl.Series]:
    if attribute.name not in columns:
        unknown = pl.Series([None], dtype=attribute.dtype).new_from_index(0, height)
        return unknown, pl.Series([False]).new_from_index(0, height)
    values, _, unreadable = read(columns[attribute.name], reader_for(attribute))
    return values, unreadable
