"""Tables that are given in Python: frames of pandas or Polars, or paths of files, as settings of a command take them."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import polars as pl

from credit_model.data.frames import InMemory, in_pandas, in_polars
from credit_model.settings.settings import Settings, resolve

if TYPE_CHECKING:
    import pandas as pd

File = str | Path
Table = Union[str, Path, pl.DataFrame, "pd.DataFrame"]
Moment = date | str
_TABLES = ("transactions", "decisions", "outcomes")


def settings(command: str, tables: Mapping[str, Table | None], parameters: Mapping[str, Any]) -> Settings:
    """The settings of a command, from tables and Python's own values.

    Args:
        command: its name.
        tables: by the name of their parameter.
        parameters: texts as the command line takes them, or Python's own values; None means unset.

    Raises:
        TypeError: a table is neither a frame nor a path.
        ValueError: a parameter is unknown, or its value cannot be read.
    """
    raw = {name: _raw(name, value) for name, value in parameters.items() if value is not None}
    raw |= {name: source(name, table) for name, table in tables.items() if table is not None}
    return resolve(command, raw)


def source(name: str, table: Table) -> str:
    """A path, or a frame under the name that errors call it."""
    if isinstance(table, str | Path):
        return str(table)
    what = f"the frame of {name}"
    return InMemory(what, in_polars(table, what))


def of_pandas(*tables: Table | None) -> bool:
    """Whether a frame of pandas is among tables, so that tables of pandas are wanted."""
    return any(not isinstance(table, str | Path | pl.DataFrame | None) for table in tables)


def wanted(table: pl.DataFrame, *, pandas: bool) -> Any:
    """A table as a frame of pandas, or as it is."""
    return in_pandas(table) if pandas else table


def _raw(name: str, value: Any) -> Any:
    """A value as a kind of parameter reads it: a text, a list of texts or a mapping."""
    if hasattr(value, "columns"):
        if name in _TABLES:
            return source(name, value)
        raise TypeError(f"{name} takes no frame; frames are taken as {', '.join(_TABLES)}")
    if isinstance(value, str | dict):
        return value
    if isinstance(value, list | tuple):
        return list(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
