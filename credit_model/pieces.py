"""Transactions larger than memory -> pieces that each hold their customers completely."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from credit_model import tables
from credit_model.cells import read, texts
from credit_model.transactions import COLUMNS

ROWS_AT_ONCE = 4_000_000
_BATCH = 500_000


@dataclass(frozen=True)
class Pieces:
    """Transactions in pieces.

    Attributes:
        tables: one per piece, read when asked for.
        customers: every ``CustomerId`` as text, in order of first appearance.
    """

    tables: tuple[pl.LazyFrame, ...]
    customers: pl.Series

    def place(self, customers: pl.Series) -> pl.Series:
        """The piece of each customer."""
        return _place(customers, len(self.tables))


@contextmanager
def pieces(scanned: pl.LazyFrame, source: str, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[Pieces]:
    """Split transactions by a hash of the customer, on disk, where they are more than fit into memory at once.

    Args:
        scanned: transactions under the contract's names.
        source: what to call them in an error.
        rows_at_once: most rows of a piece, on average.
    """
    known = [name for name in scanned.collect_schema().names() if name in COLUMNS]
    scanned = scanned.select(known)
    with tables.reading(source):
        rows = scanned.select(pl.len()).collect().item()
    count = max(1, -(-rows // rows_at_once))
    if count == 1:
        yield _whole(scanned, source)
        return
    with TemporaryDirectory(prefix="credit_model_") as folder:
        with tables.reading(source):
            customers = _split(scanned, Path(folder), count)
        parts = (pl.scan_parquet(f"{folder}/{place}/*.parquet") for place in range(count))
        yield Pieces(tuple(parts), customers)


def _whole(scanned: pl.LazyFrame, source: str) -> Pieces:
    with tables.reading(source):
        table = scanned.collect()
    return Pieces((table.lazy(),), _customers(table).unique(maintain_order=True))


def _split(scanned: pl.LazyFrame, folder: Path, count: int) -> pl.Series:
    for place in range(count):
        (folder / str(place)).mkdir()
    seen = []
    for number, batch in enumerate(scanned.collect_batches(chunk_size=_BATCH, maintain_order=True)):
        customers = _customers(batch)
        seen.append(customers.unique(maintain_order=True))
        parts = batch.with_columns(piece=_place(customers, count)).partition_by(
            "piece", as_dict=True, include_key=False
        )
        for (place,), part in parts.items():
            part.write_parquet(folder / str(place) / f"{number:06}.parquet", compression="lz4")
    return pl.concat(seen).unique(maintain_order=True)


def _customers(table: pl.DataFrame) -> pl.Series:
    return read(table["CustomerId"], texts)[0].alias("CustomerId")


def _place(customers: pl.Series, count: int) -> pl.Series:
    return (customers.hash(seed=0) % count).fill_null(0)
