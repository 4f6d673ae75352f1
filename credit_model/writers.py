"""Frames of one schema -> a CSV file, a Parquet file or a folder of these, one frame in memory at a time."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"


def write_csv(frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write frames as one CSV file: times as ISO text in UTC, nested columns as JSON; returns the number of rows."""
    rows = 0
    with path.open("wb") as sink:
        for frame in frames:
            flat = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
            flat.write_csv(sink, include_header=sink.tell() == 0)
            rows += frame.height
    return rows


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
    """Write each frame as a Parquet file of a new folder; returns the number of rows."""
    path.mkdir()
    parts = (path / f"part-{number:05}.parquet" for number in count())
    return sum(write_parquet([frame], part) for frame, part in zip(frames, parts, strict=False))


def _as_text(name: str, dtype: Any) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.strftime(_TIME_FORMAT)
    if dtype.is_nested():
        json = pl.struct(x=column).struct.json_encode().str.slice(len('{"x":')).str.head(-1)
        return pl.when(column.is_not_null()).then(json).alias(name)
    return column
