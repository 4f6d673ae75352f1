"""Files at the edge: CSV and Parquet tables in and out.

A table is one file, a folder of files (and of folders, as Spark leaves them) or a pattern such as
``2019-*.parquet``. CSV is read as text throughout, because guessed types damage data: the id ``00012`` is not
12. Empty cells are null.
"""

import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from credit_model import lists
from credit_model.spelling import suggest

Table = TypeVar("Table", pl.DataFrame, pl.LazyFrame)

_ENDINGS = {".csv": "CSV", ".csv.gz": "CSV", ".parquet": "Parquet"}
_REMEDIES = {
    "CSV": "it needs UTF-8 text, one header line, commas between cells, and no row longer than the header",
    "Parquet": "it may be cut short or of another format; write it again",
}
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def read(path: str) -> pl.DataFrame:
    """Read a table into memory.

    Raises:
        ValueError: the table is absent, cannot be read, or is of another kind.
    """
    with reading(path):
        return scan(path).collect()


def scan(path: str) -> pl.LazyFrame:
    """Open a table without reading its rows; collect it inside ``reading(path)``.

    Files of one table are matched by column name: one that lacks a column has nulls there.

    Raises:
        ValueError: the table is absent, its header cannot be read, or it is of another kind.
    """
    with reading(path):
        frame = pl.concat([_scan_file(file, path) for file in files(path)], how="diagonal_relaxed")
        frame.collect_schema()
    return frame


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what goes wrong while a table is read into one sentence that names it and repeats no cell."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as fault:
        kind = next((kind for ending, kind in _ENDINGS.items() if path.lower().endswith(ending)), "Parquet")
        remedy = "allow this user to read it" if isinstance(fault, PermissionError) else _REMEDIES[kind]
        raise ValueError(f"{path} cannot be read as {kind}: {remedy}") from fault


def rename(
    table: Table, columns: Mapping[str, str], needed: Collection[str] = (), source: str = "the table"
) -> Table:
    """Give a table's columns the names of the contract.

    A mapped column wins over one that already carries the contract's name; one that the table lacks is passed
    over, unless it is needed.

    Args:
        table: any table.
        columns: contract name -> the table's own name.
        needed: contract names that must be there afterwards.
        source: what to call the table in an error.

    Raises:
        ValueError: a needed column is absent.
    """
    found = table.collect_schema().names()
    mapped: dict[str, str] = {ours: theirs for ours, theirs in columns.items() if theirs in found}
    for ours in needed:
        if ours not in mapped and ours not in found:
            raise ValueError(_absence(ours, columns.get(ours), found, source))
    taken = {*mapped, *mapped.values()}
    kept = [name for name in found if name not in taken]
    return table.select(*(pl.col(theirs).alias(ours) for ours, theirs in mapped.items()), *kept)


def parse_columns(text: str) -> dict[str, str]:
    """Read ``CustomerId=client,Amount=value`` as contract name -> the table's own name.

    A pair with a comma in it is quoted as in CSV: ``"Amount=Amount, UGX",CustomerId=client``.

    Raises:
        ValueError: an item is no pair, or a name is mapped twice.
    """
    columns: dict[str, str] = {}
    for item in lists.split(text):
        ours, equals, theirs = (part.strip() for part in item.partition("="))
        if not (ours and equals and theirs):
            raise ValueError(f"{item!r} is not a pair; give name=yours, such as CustomerId=client")
        if ours in columns:
            raise ValueError(f"{ours} is mapped twice; name one column for it")
        columns[ours] = theirs
    return columns


def format_columns(columns: Mapping[str, str]) -> str:
    """The inverse of ``parse_columns``."""
    return lists.join(f"{ours}={theirs}" for ours, theirs in columns.items())


def write(table: pl.DataFrame, path: str) -> None:
    """Write a table as CSV or Parquet; nothing half-written ever stands under the final name.

    In CSV, times are ISO text in UTC and nested columns are JSON text.

    Raises:
        ValueError: the ending is neither ``.csv`` nor ``.parquet``, or the folder is absent.
    """
    write_frames([table], path)


def write_frames(frames: Iterable[pl.DataFrame], path: str) -> int:
    """Write frames of one schema one after the other; returns the number of rows.

    Raises:
        ValueError: as ``write``, or there is no frame.
    """
    check_output(path)
    first = list(islice(pieces := iter(frames), 1))
    if not first:
        raise ValueError(f"there is nothing to write to {path}; give at least one frame")
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    stream = _stream_csv if _kind(target) == "CSV" else _stream_parquet
    try:
        rows = stream(chain(first, pieces), unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def check_output(path: str) -> None:
    """Find out before the work whether its result can be written.

    Raises:
        ValueError: the ending is neither ``.csv`` nor ``.parquet``, or the folder is absent or not writable.
    """
    target = Path(path)
    if target.suffix.lower() not in {".csv", ".parquet"}:
        raise ValueError(f"{path} is neither CSV nor Parquet by its ending; name it .csv or .parquet")
    if target.is_dir():
        raise ValueError(f"{path} is a folder; name a file")
    if not target.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist; create it first")
    if not os.access(target.parent, os.W_OK):
        raise ValueError(f"the folder of {path} is not writable; choose another")


def files(path: str) -> list[Path]:
    """The files of a table, in order.

    Raises:
        ValueError: there are none, or of two kinds.
    """
    given = Path(path)
    if given.is_dir():
        inside = (file for ending in _ENDINGS for file in given.rglob(f"*{ending}"))
        found = [file for file in inside if not _hidden(file.relative_to(given))]
    elif given.is_file():
        found = [given]
    else:
        found = _matches(given) if any(mark in path for mark in "*?[") else []
    if not found:
        raise ValueError(f"{path} does not exist or holds no .csv or .parquet file; check the path")
    kinds = {_kind(file) for file in found}
    if len(kinds) > 1:
        raise ValueError(f"{path} holds both CSV and Parquet files; name one kind, such as *.parquet")
    return sorted(found)


def _matches(pattern: Path) -> list[Path]:
    return [
        file for file in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))) if file.is_file()
    ]


def _hidden(file: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.parts)


def _kind(file: Path) -> str:
    for ending, kind in _ENDINGS.items():
        if file.name.lower().endswith(ending):
            return kind
    raise ValueError(f"{file} is neither CSV nor Parquet by its ending; name it .csv or .parquet")


def _scan_file(file: Path, path: str) -> pl.LazyFrame:
    if _kind(file) == "Parquet":
        return pl.scan_parquet(file, hive_partitioning=Path(path).is_dir())
    frame = pl.scan_csv(file, infer_schema=False, null_values=[""])
    for name in frame.collect_schema().names():
        if "_duplicated_" in name:
            column = name.partition("_duplicated_")[0]
            raise ValueError(f"{file} has two columns named {column!r}; rename or remove one")
    return frame


def _absence(ours: str, theirs: str | None, found: list[str], source: str) -> str:
    if len(found) == 1 and ";" in found[0]:
        return f"{source} has semicolons between its cells; write it with commas"
    if theirs is not None:
        return f"{source} lacks the column {theirs!r}, mapped to {ours}; {suggest(theirs, found)}"
    return f"{source} lacks the column {ours}; {suggest(ours, found)}, and say so: columns={ours}=yours"


def _stream_csv(frames: Iterable[pl.DataFrame], path: Path) -> int:
    rows = 0
    with path.open("wb") as sink:
        for frame in frames:
            flat = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
            flat.write_csv(sink, include_header=sink.tell() == 0)
            rows += frame.height
    return rows


def _stream_parquet(frames: Iterable[pl.DataFrame], path: Path) -> int:
    import pyarrow.parquet

    rows, writer = 0, None
    try:
        for frame in frames:
            piece = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pyarrow.parquet.ParquetWriter(path, piece.schema, compression="zstd")
            writer.write_table(piece)
            rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return rows


def _as_text(name: str, dtype: Any) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.strftime(_TIME_FORMAT)
    if dtype.is_nested():
        json = pl.struct(x=column).struct.json_encode().str.slice(len('{"x":')).str.head(-1)
        return pl.when(column.is_not_null()).then(json).alias(name)
    return column
