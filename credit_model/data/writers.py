"""Frames of one schema, written to a CSV file, a Parquet file or a folder of Parquet files, one frame in memory at a time."""

import io
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any

import polars as pl

from credit_model.data.paths import final

_DISK_FULL = "No space left on device"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"
FORMULA = r"^[=+\-@\t\r]"
NUMBER = r"^[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?$"


@contextmanager
def whole(path: str) -> Iterator[Path]:
    """Give a temporary path to write to; it is moved to ``path`` at the end of the context, or removed after an error.

    Where ``path`` is a link, the link stays and its target is replaced.

    Raises:
        ValueError: the disk is full.
    """
    target = final(path)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        yield unfinished
        unfinished.replace(target)
    except (OSError, pl.exceptions.PolarsError) as fault:
        if _DISK_FULL not in str(fault):
            raise
        raise ValueError(
            f"{path} cannot be written: the disk is full; free some space, or write to another place"
        ) from None
    finally:
        _remove(unfinished)


def write_text(text: str, path: str) -> None:
    """Write a text in UTF-8; the file appears only once it is complete."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def csv_text(table: pl.DataFrame) -> str:
    """A table as CSV text, as ``write_csv`` writes it."""
    sink = io.BytesIO()
    _write_csv([table], sink)
    return sink.getvalue().decode()


def write_csv(frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write frames as one CSV file; returns the number of rows.

    Times are ISO-8601 text in UTC and nested columns are JSON. Text that a spreadsheet would evaluate as a formula gets an
    apostrophe in front, except numbers with a sign, which are harmless.
    """
    with path.open("wb") as sink:
        return _write_csv(frames, sink)


def write_parquet(frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write frames as one Parquet file; returns the number of rows."""
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


def write_folder(frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write each frame as one Parquet file in a new folder; returns the number of rows."""
    path.mkdir()
    parts = (path / f"part-{number:05}.parquet" for number in count())
    return sum(write_parquet([frame], part) for frame, part in zip(frames, parts, strict=False))


def _write_csv(frames: Iterable[pl.DataFrame], sink: IO[bytes]) -> int:
    rows = 0
    for frame in frames:
        flat = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
        flat.write_csv(sink, include_header=sink.tell() == 0)
        rows += frame.height
    return rows


def _as_text(name: str, dtype: Any) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.strftime(_TIME_FORMAT)
    if dtype.is_nested():
        json = pl.struct(x=column).struct.json_encode().str.slice(len('{"x":')).str.head(-1)
        return pl.when(column.is_not_null()).then(json).alias(name)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return _harmless(column.cast(pl.String)).alias(name)
    return column


def _harmless(text: pl.Expr) -> pl.Expr:
    run = text.str.contains(FORMULA) & ~text.str.contains(NUMBER)
    return pl.when(run).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
