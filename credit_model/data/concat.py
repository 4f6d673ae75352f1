"""Several files as one table, matched by column name.

Where files give a column different types, these are made one where no value changes: whole numbers beside text (``7`` is the
id ``"7"``), whole beside decimal numbers, times with a zone beside times without (UTC), times beside ISO text. Anything else is
refused: the number 12.0 is not the id ``"12"``, and epoch seconds are not microseconds.
"""

from collections.abc import Mapping

import polars as pl

from credit_model.data.transactions import COLUMNS

_READ = {*COLUMNS, "as_of", "defaulted", "outcome_known_at"}
_WHOLE, _DECIMAL, _TRUTH = "whole numbers", "decimal numbers", "true and false"
_TEXT, _TIMES = "text", "times"
_TOGETHER = ({_WHOLE, _DECIMAL, _TRUTH}, {_WHOLE, _TEXT}, {_TIMES, _TEXT})


def union(frames: Mapping[str, pl.LazyFrame], source: str) -> pl.LazyFrame:
    """Join tables into one, in their order; a column that one of them lacks is null there.

    Args:
        frames: tables by file name.
        source: name of them together, for an error.

    Raises:
        ValueError: files hold a column in types that do not go together, or one of the contract in a type that is neither
            text, number nor time.
    """
    schemas = {file: frame.collect_schema() for file, frame in frames.items()}
    differing = [name for name in _names(schemas) if len(set(_types(schemas, name).values())) > 1]
    for name in differing:
        _check(name, _types(schemas, name), source)
    for file, schema in schemas.items():
        _check_readable(file, schema)
    alike = [
        frame.with_columns(_plain(name, schemas[file][name]) for name in differing if name in schemas[file])
        for file, frame in frames.items()
    ]
    return pl.concat(alike, how="diagonal_relaxed")


def gaps(frames: Mapping[str, pl.LazyFrame]) -> list[str]:
    """One sentence for each column that some files have and others lack."""
    schemas = {file: frame.collect_schema() for file, frame in frames.items()}
    lacking = {
        name: [file for file, schema in schemas.items() if name not in schema] for name in _names(schemas)
    }
    return [
        f"{name} is absent in {len(files)} of {len(frames)} files, and missing there (the first: {files[0]})"
        for name, files in lacking.items()
        if files
    ]


def _names(schemas: Mapping[str, pl.Schema]) -> list[str]:
    return list(dict.fromkeys(name for schema in schemas.values() for name in schema))


def _types(schemas: Mapping[str, pl.Schema], name: str) -> dict[str, pl.DataType]:
    """The type of a column by file; a column without any value has none."""
    types = {file: schema[name] for file, schema in schemas.items() if name in schema}
    return {file: dtype for file, dtype in types.items() if dtype != pl.Null}


def _check_readable(file: str, schema: pl.Schema) -> None:
    for name, dtype in schema.items():
        strange = dtype.is_nested() or isinstance(dtype, pl.Time | pl.Duration | pl.Object | pl.BaseExtension)
        if name in _READ and strange:
            raise ValueError(f"{file} holds {name} as {dtype}; write it as text, a number or a time")


def _check(name: str, types: Mapping[str, pl.DataType], source: str) -> None:
    kinds: dict[str, list[str]] = {}
    for file, dtype in types.items():
        kinds.setdefault(_kind(dtype), []).append(file)
    if len(kinds) == 1 or any(set(kinds) <= together for together in _TOGETHER):
        return
    counts = (f"{kind} in {len(files)} ({files[0]})" for kind, files in kinds.items())
    raise ValueError(
        f"the files of {source} hold {name} in types that do not go together: {', '.join(counts)}; "
        "write it in one type"
    )


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return _WHOLE
    if dtype.is_numeric():
        return _DECIMAL
    if dtype == pl.Boolean:
        return _TRUTH
    if isinstance(dtype, pl.Date | pl.Datetime):
        return _TIMES
    return _TEXT if isinstance(dtype, pl.String | pl.Categorical | pl.Enum) else str(dtype)


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column of a kind in the one type that its kind has beside others."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    target = {_TRUTH: pl.Int8(), _TEXT: pl.String(), _TIMES: pl.Datetime("us")}.get(_kind(dtype))
    return column if target is None else column.cast(target)
