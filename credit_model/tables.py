"""Files at the edge: CSV and Parquet tables in and out."""

import difflib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

_READERS = {".csv": "CSV", ".parquet": "Parquet"}
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def read(path: str) -> pl.DataFrame:
    """Read a CSV or Parquet file, or all such files of a folder or pattern.

    CSV columns are read as text, so that an id such as 00012 survives; empty cells are null.

    Raises:
        ValueError: the file is absent, cannot be read, or is of another kind.
    """
    files = _files(path)
    try:
        return pl.concat([_read_one(file) for file in files], how="diagonal_relaxed")
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise ValueError(
            f"{path} cannot be read ({type(fault).__name__}); check that it is a {_kinds()} table"
        ) from None


def rename(table: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Give a table's columns the names of the contract.

    Args:
        table: any table.
        columns: contract name -> the table's name; names that the table lacks altogether are an error only where
            nothing carries the contract name either.

    Raises:
        ValueError: a named column is absent.
    """
    present = {theirs: ours for ours, theirs in columns.items() if theirs in table.columns}
    for ours, theirs in columns.items():
        if theirs not in table.columns and ours not in table.columns and ours in {"CustomerId"}:
            near = difflib.get_close_matches(theirs, table.columns, n=1)
            hint = f"did you mean {near[0]}?" if near else f"found: {', '.join(table.columns)}"
            raise ValueError(f"the column {theirs}, named for {ours}, is not in the table; {hint}")
    return table.drop(
        [ours for ours in present.values() if ours in table.columns and ours not in present]
    ).rename(present)


def parse_columns(text: str) -> dict[str, str]:
    """Read ``CustomerId=client,Amount=value`` as contract name -> file's name.

    Raises:
        ValueError: an item without an equals sign.
    """
    pairs = [item.strip() for item in text.split(",") if item.strip()]
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"columns: {pair!r} names no pair; give name=yours, such as CustomerId=client")
    return {ours.strip(): theirs.strip() for ours, theirs in (pair.split("=", 1) for pair in pairs)}


def write(table: pl.DataFrame, path: str) -> None:
    """Write a table as CSV or Parquet; nothing half-written ever stands under the final name."""
    write_frames([table], path)


def write_frames(frames: Iterable[pl.DataFrame], path: str) -> int:
    """Write frames of one schema one after the other, holding one at a time; returns the number of rows.

    Raises:
        ValueError: the path is neither CSV nor Parquet, or its folder is absent.
    """
    target = Path(path)
    _kind(target)
    if not target.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist; create it first")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        rows = _stream(frames, Path(name), csv=_kind(target) == "CSV")
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    return rows


def _stream(frames: Iterable[pl.DataFrame], path: Path, *, csv: bool) -> int:
    writer, rows = None, 0
    try:
        for frame in frames:
            piece = (_flat(frame) if csv else frame).to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                kind = pa.csv.CSVWriter if csv else pa.parquet.ParquetWriter
                writer = kind(str(path), piece.schema)
            writer.write_table(piece)
            rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return rows


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Times as ISO text, nested columns as JSON text."""
    columns = []
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Datetime):
            columns.append(pl.col(name).dt.strftime(_TIME_FORMAT))
        elif dtype.is_nested():
            columns.append(
                pl.struct(name).struct.json_encode().str.slice(len(name) + 4).str.head(-1).alias(name)
            )
    return frame.with_columns(columns)


def _files(path: str) -> list[Path]:
    given = Path(path)
    if given.is_dir():
        found = [file for kind in _READERS for file in given.glob(f"*{kind}")]
    elif any(mark in path for mark in "*?["):
        found = list(Path(given.anchor or ".").glob(path.removeprefix(given.anchor)))
    else:
        found = [given] if given.is_file() else []
    if not found:
        raise ValueError(f"{path} does not exist or holds no {_kinds()} file; check the path")
    return sorted(found)


def _read_one(file: Path) -> pl.DataFrame:
    if _kind(file) == "Parquet":
        return pl.read_parquet(file)
    return pl.read_csv(file, infer_schema=False, missing_utf8_is_empty_string=False)


def _kind(file: Path) -> str:
    kind = _READERS.get(file.suffix.lower())
    if kind is None:
        raise ValueError(f"{file} is neither CSV nor Parquet by its ending; name it .csv or .parquet")
    return kind


def _kinds() -> str:
    return " or ".join(_READERS.values())
