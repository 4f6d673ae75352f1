"""Frames of Polars or pandas, with cells of any kinds, as tables for the readers of files and cells."""

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from credit_model.data.cells import read, texts, unwrapped
from credit_model.data.transactions import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

AnyFrame = TypeVar("AnyFrame", pl.DataFrame, "pd.DataFrame")
_MIXED = {*COLUMNS, "as_of", "defaulted", "outcome_known_at"}  # their readers take cells of several kinds


class InMemory(str):
    """A table in memory, accepted wherever the path of a table is; its text is its name in errors.

    Attributes:
        table: the table.
    """

    table: pl.DataFrame

    def __new__(cls, name: str, table: pl.DataFrame) -> "InMemory":
        """Name a table."""
        frame = super().__new__(cls, name)
        frame.table = table
        return frame


def in_polars(frame: object, name: str) -> pl.DataFrame:
    """A frame of Polars or pandas as one of Polars, cell by cell; the index of a pandas frame is ignored.

    Args:
        frame: any frame.
        name: name of the frame in an error.

    Raises:
        TypeError: the frame is neither of Polars nor of pandas.
        ValueError: two columns have the same name.
    """
    import pandas as pd

    if isinstance(frame, pl.DataFrame):
        return frame
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{name} is a {type(frame).__name__}; give a DataFrame of pandas or Polars")
    names = [str(column) for column in frame.columns]
    repeated = [column for column, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{name} has several columns {repeated[0]}; rename or drop all but one")
    return pl.DataFrame(
        [_series(column, cells) for column, (_, cells) in zip(names, frame.items(), strict=True)]
    )


def in_pandas(table: pl.DataFrame) -> "pd.DataFrame":
    """A table of Polars as one of pandas; cells that are lists stay lists of Python's own."""
    plain = table.to_pandas()
    for name, kind in table.schema.items():
        if kind.is_nested():
            plain[name] = _listed(table[name])
    return plain


def _listed(cells: pl.Series) -> Any:
    import pandas as pd

    return pd.Series(cells.to_list(), dtype=object)


def _series(name: str, cells: "pd.Series") -> pl.Series:
    """Cells of one kind as their own type; mixed ones as objects where a reader may take them so, else as text."""
    column = unwrapped(cells)
    if isinstance(column, pl.Series):
        return column.alias(name)
    present = [None if missing else cell for cell, missing in zip(column, cells.isna(), strict=True)]
    if len(set(map(type, present)) - {type(None)}) <= 1:
        with suppress(TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            return pl.Series(name, present)
    return (
        pl.Series(name, present, dtype=pl.Object) if name in _MIXED else read(present, texts)[0].alias(name)
    )
