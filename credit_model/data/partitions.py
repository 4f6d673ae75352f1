"""Transactions larger than memory, split into pieces; all transactions of a customer are in one piece."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from credit_model.data import files
from credit_model.data.cells import read, texts, times
from credit_model.data.doubts import Doubts
from credit_model.data.transactions import COLUMNS

ROWS_AT_ONCE = 1_000_000
_BATCH = 500_000


@dataclass(frozen=True)
class Pieces:
    """Transactions in pieces.

    Attributes:
        tables: one lazy table per piece.
        customers: every ``CustomerId`` as text, once, in order of first appearance.
        span: times of the first and the last transaction, in UTC; None where there is none.
    """

    tables: tuple[pl.LazyFrame, ...]
    customers: pl.Series
    span: tuple[datetime | None, datetime | None]

    def place(self, customers: pl.Series) -> pl.Series:
        """The number of the piece of each customer, from 0; one per row of ``customers``."""
        return _place(customers, len(self.tables))


@contextmanager
def pieces(
    scanned: pl.LazyFrame,
    source: str,
    rows_at_once: int = ROWS_AT_ONCE,
    window: tuple[datetime, datetime] | None = None,
) -> Iterator[Pieces]:
    """Split transactions by a hash of the customer; pieces are kept on disk, unless all rows fit into one.

    Args:
        scanned: transactions with the contract's column names.
        source: name of the transactions in an error.
        rows_at_once: largest number of rows per piece, on average.
        window: keep only transactions in ``[start, end)``, and those whose time cannot be read.

    Yields:
        The pieces; their files are removed at the end of the context.

    Raises:
        ValueError: a file cannot be read.
    """
    columns = [name for name in scanned.collect_schema().names() if name in COLUMNS]
    with TemporaryDirectory(prefix="credit_model_") as folder:
        with files.reading(source), ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            doubts = Doubts()
            store = _Store(scanned.select(columns), Path(folder), rows_at_once, pool)
            split = _split(store, window, doubts)
            doubts.warn(files.place(source))
        yield split


@dataclass
class _Store:
    """Transactions in memory; once they are too many, in files by piece, written while the next are read."""

    scanned: pl.LazyFrame
    folder: Path
    rows_at_once: int
    pool: ThreadPoolExecutor
    writing: list[Future[None]] = field(default_factory=list)
    held: list[pl.DataFrame] = field(default_factory=list)
    written: int = 0

    def add(self, batch: pl.DataFrame) -> None:
        self.held.append(batch)
        if sum(each.height for each in self.held) > self.rows_at_once:
            self._write()

    def tables(self) -> tuple[pl.LazyFrame, ...]:
        if not self.written:
            return (self._together().lazy(),)
        self._write()
        self._wait()
        return tuple(self._table(piece) for piece in range(self._count))

    @cached_property
    def _count(self) -> int:
        rows = int(self.scanned.select(pl.len()).collect().item())
        return -(-rows // self.rows_at_once)

    def _together(self) -> pl.DataFrame:
        table = pl.concat([pl.DataFrame(schema=self.scanned.collect_schema()), *self.held])
        self.held.clear()
        return table

    def _write(self) -> None:
        table = self._together()
        place = _place(_customers(table), self._count)
        self._wait()
        self.writing += [
            self.pool.submit(
                self._keep, table, place == piece, self.folder / f"{piece}-{self.written}.parquet"
            )
            for piece in range(self._count)
        ]
        self.written += 1

    def _wait(self) -> None:
        for each in self.writing:
            each.result()
        self.writing.clear()

    @staticmethod
    def _keep(table: pl.DataFrame, mine: pl.Series, path: Path) -> None:
        table.filter(mine).write_parquet(path, compression="lz4", statistics=False)

    def _table(self, piece: int) -> pl.LazyFrame:
        files = list(self.folder.glob(f"{piece}-*.parquet"))
        return (
            pl.scan_parquet(files, glob=False)
            if files
            else pl.LazyFrame(schema=self.scanned.collect_schema())
        )


def _split(store: _Store, window: tuple[datetime, datetime] | None, doubts: Doubts) -> Pieces:
    seen, spans = [pl.Series("CustomerId", [], pl.String)], [pl.Series([], dtype=pl.Datetime("us"))]
    rows = 0
    for batch in store.scanned.collect_batches(chunk_size=_BATCH, maintain_order=True):
        moments, _, unreadable = read(batch["TransactionStartTime"], times)
        doubts.see_transactions(batch, unreadable, rows)
        rows += batch.height
        seen.append(_customers(batch).unique(maintain_order=True))
        spans.append(_ends(moments))
        inside = (
            pl.lit(True) if window is None else moments.is_between(*window, closed="left").fill_null(True)
        )
        store.add(batch.filter(inside))
    first, last = _ends(pl.concat(spans))
    return Pieces(store.tables(), pl.concat(seen).unique(maintain_order=True), (first, last))


def _ends(moments: pl.Series) -> pl.Series:
    return pl.Series([moments.min(), moments.max()], dtype=pl.Datetime("us"))


def _customers(table: pl.DataFrame) -> pl.Series:
    return read(table["CustomerId"], texts)[0].alias("CustomerId")


def _place(customers: pl.Series, count: int) -> pl.Series:
    return (customers.hash(seed=0) % count).fill_null(0)
