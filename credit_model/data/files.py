"""Tables in CSV and Parquet files, read and written.

A table is one file, a folder of files (and of folders, as Spark writes them) or a pattern such as ``2019-*.parquet``. Cells of
CSV files are read as text, because guessed types damage data: the id ``00012`` is not 12. Empty cells are null. ``formats``
names date formats and decimal marks other than ISO-8601 and the point.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import polars as pl

from credit_model.data import csv_files
from credit_model.data.concat import gaps, union
from credit_model.data.formats import AS_READ, Formats, converted
from credit_model.data.frames import InMemory
from credit_model.data.paths import check_output, is_folder, kind_of, named
from credit_model.data.suggest import suggest
from credit_model.data.writers import whole, write_csv, write_folder, write_parquet

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

_LOG = logging.getLogger(__name__)
_AS_THEY_ARE: Mapping[str, str] = MappingProxyType({})
_PARQUET_REMEDY = "it may be cut short or of another format; write it again"


def read(
    path: str,
    columns: Mapping[str, str] = _AS_THEY_ARE,
    needed: Collection[str] = (),
    only: Collection[str] | None = None,
    formats: Formats = AS_READ,
) -> pl.DataFrame:
    """Read a table into memory; arguments as in ``scan``.

    Raises:
        ValueError: as in ``scan``, or a file cannot be read to its end.
    """
    with reading(path):
        return scan(path, columns, needed, only, formats).collect()


def scan(
    path: str,
    columns: Mapping[str, str] = _AS_THEY_ARE,
    needed: Collection[str] = (),
    only: Collection[str] | None = None,
    formats: Formats = AS_READ,
) -> pl.LazyFrame:
    """Open a table without reading it into memory; collect the result inside ``reading(path)``.

    The columns of each file are renamed as by ``rename``; files are then matched by column name. Where a file lacks a column
    that is not needed, its rows have null there, and a warning is logged. Columns in a format that ``formats`` names are read
    once, to check them.

    Args:
        path: a file, a folder or a pattern, or a table ``InMemory``.
        columns: contract name -> column name of the files.
        needed: contract names that every file must have.
        only: contract names to read; every column by default.
        formats: how times and numbers are written.

    Raises:
        ValueError: the table is absent, a header cannot be read, a needed column is absent, a cell is not in the format that
            ``formats`` names, or files hold a column in types that do not go together.
    """
    with reading(path):
        scanned = _scanned(path)
        _check_needed(scanned, columns, needed)
        renamed = {file: rename(frame, columns) for file, frame in scanned.items()}
        if only is not None:
            renamed = {file: _chosen(frame, only) for file, frame in renamed.items()}
        for text in gaps(renamed):
            _LOG.warning("warning: %s", text)
        return union(converted(renamed, formats), path)


def filled(table: pl.DataFrame, path: str) -> pl.DataFrame:
    """Return a table unchanged if it has rows.

    Raises:
        ValueError: it has no rows.
    """
    if table.is_empty():
        raise ValueError(f"{path} has a header and no rows; give a table with rows")
    return table


def place(path: str) -> Callable[[int], str]:
    """A function from a row number, from 0, to its name in an error: its file and its number there, from 1."""

    def where(row: int) -> str:
        for file, table in _scanned(path).items():
            height = int(table.select(pl.len()).collect().item())
            if row < height:
                return f"row {row + 1} of {file}"
            row -= height
        return f"a row of {path}"

    return where


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn an error of reading a table into one sentence that names the file and repeats no cell.

    Raises:
        ValueError: a file cannot be read.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as fault:
        if isinstance(path, InMemory):
            raise
        paths = files(path)
        faults = ((file, _fault(file)) for file in paths)
        broken, own = next(((file, own) for file, own in faults if own), (None, None))
        if broken is None and isinstance(fault, OSError):
            raise
        kind = kind_of(broken or paths[0])
        remedy = _remedy(broken or paths[0], own or fault)
        raise ValueError(f"{broken or path} cannot be read as {kind}: {remedy}") from fault


def rename(
    table: Frame, columns: Mapping[str, str], needed: Collection[str] = (), source: str = "the table"
) -> Frame:
    """Give a table's columns the names of the contract.

    A mapped column replaces one that has the contract's name already. A mapping of a column that the table lacks is ignored,
    unless the column is needed.

    Args:
        table: any table.
        columns: contract name -> column name of the table.
        needed: contract names that the result must have.
        source: name of the table in an error.

    Raises:
        ValueError: a needed column is absent.
    """
    names = table.collect_schema().names()
    absent = _absent(names, columns, needed)
    if absent is not None:
        raise ValueError(_absence(absent, columns.get(absent), names, source))
    mapped: dict[str, str] = {ours: theirs for ours, theirs in columns.items() if theirs in names}
    taken = {*mapped, *mapped.values()}
    kept = [name for name in names if name not in taken]
    return table.select(*(pl.col(theirs).alias(ours) for ours, theirs in mapped.items()), *kept)


def write(table: pl.DataFrame, path: str) -> None:
    """Write a table as CSV or Parquet, by the ending of the path; the file appears only once it is complete.

    In CSV, times are ISO-8601 text in UTC and nested columns are JSON text.

    Raises:
        ValueError: as in ``check_output``, or the disk is full.
    """
    write_frames([table], path)


def write_frames(frames: Iterable[pl.DataFrame], path: str) -> int:
    """Write frames of one schema into one table, one after the other; returns the number of rows.

    In a folder, each frame becomes a Parquet file.

    Raises:
        ValueError: as in ``check_output``, there is no frame, or the disk is full.
    """
    check_output(path)
    first = list(islice(pieces := iter(frames), 1))
    if not first:
        raise ValueError(f"there is nothing to write to {path}; give at least one frame")
    kind = "folder" if is_folder(path) else kind_of(Path(path))
    stream = {"folder": write_folder, "CSV": write_csv, "Parquet": write_parquet}[kind]
    with whole(path) as unfinished:
        return stream(chain(first, pieces), unfinished)


def files(path: str) -> list[Path]:
    """The files of a table, in order, as in ``paths.named``.

    Raises:
        ValueError: there are none, one is neither CSV nor Parquet, or there are files of both kinds.
    """
    paths = named(path)
    kinds = {kind_of(file) for file in paths}
    if len(kinds) > 1:
        raise ValueError(f"{path} holds both CSV and Parquet files; name one kind, such as *.parquet")
    return paths


def _scanned(path: str) -> dict[str, pl.LazyFrame]:
    """The tables of a path by file; a frame in memory is its own."""
    if isinstance(path, InMemory):
        return {path: path.table.lazy()}
    return {str(file): _scan_file(file, path) for file in files(path)}


def _scan_file(file: Path, path: str) -> pl.LazyFrame:
    if kind_of(file) == "Parquet":
        return pl.scan_parquet(file, hive_partitioning=str(file) != path, glob=False)
    return csv_files.scan(file)


def _fault(file: Path) -> Exception | None:
    """What goes wrong while a file is read to its end."""
    try:
        for _ in _scan_file(file, str(file)).collect_batches():
            pass
    except (pl.exceptions.PolarsError, OSError) as fault:
        return fault
    return None


def _remedy(file: Path, fault: Exception) -> str:
    if isinstance(fault, PermissionError):
        return "allow this user to read it"
    if kind_of(file) == "Parquet":
        return _PARQUET_REMEDY
    return csv_files.CUT if isinstance(fault, OSError) and csv_files.is_gzip(file) else csv_files.NEEDS


def _check_needed(
    scanned: Mapping[str, pl.LazyFrame], columns: Mapping[str, str], needed: Collection[str]
) -> None:
    found = {file: frame.collect_schema().names() for file, frame in scanned.items()}
    absent = {file: _absent(names, columns, needed) for file, names in found.items()}
    lacking = [(file, name) for file, name in absent.items() if name is not None]
    if lacking:
        file, name = lacking[0]
        count = [other for _, other in lacking].count(name)
        many = f"{count} of {len(found)} files (the first: {file})"
        raise ValueError(_absence(name, columns.get(name), found[file], file if len(found) == 1 else many))


def _chosen(frame: pl.LazyFrame, only: Collection[str]) -> pl.LazyFrame:
    return frame.select(name for name in frame.collect_schema().names() if name in only)


def _absent(names: Collection[str], columns: Mapping[str, str], needed: Collection[str]) -> str | None:
    """The first needed name that a table has neither under its own name nor mapped."""
    return next((name for name in needed if name not in names and columns.get(name) not in names), None)


def _absence(ours: str, theirs: str | None, names: list[str], source: str) -> str:
    if any(map(csv_files.is_value, names)):
        return (
            f"{source} lacks the column {theirs or ours}; its first line must hold the names of the columns"
        )
    if theirs is not None:
        return f"{source} lacks the column {theirs!r}, mapped to {ours}; {suggest(theirs, names)}"
    return f"{source} lacks the column {ours}; {suggest(ours, names)}, and say so: columns={ours}=yours"
