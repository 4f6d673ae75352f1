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
from credit_model.data.temporary import TemporaryTables
from credit_model.data.transactions import COLUMNS, ONLY_COMPARED

ROWS_AT_ONCE = 1_000_000
_BATCH = 500_000
_MOST_SHORT = 10**12  # texts of twelve characters take the least room


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
    """Split transactions by a hash of the customer, unless all rows fit into one piece; what memory has no room for is on disk.

    Args:
        scanned: transactions with the contract's column names.
        source: name of the transactions in an error.
        rows_at_once: largest number of rows per piece, on average.
        window: keep only transactions in ``[start, end)``, and those whose time cannot be read.

    Yields:
        The pieces; their files, if any, are removed at the end of the context.

    Raises:
        ValueError: a file cannot be read.
    """
    with TemporaryDirectory(prefix="credit_model_") as folder:
        with files.reading(source), ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            doubts = Doubts()
            store = _Store(_narrow(scanned), TemporaryTables(Path(folder)), rows_at_once, pool)
            split = _split(store, window, doubts)
            doubts.warn(files.place(source))
        yield split


@dataclass
class _Store:
    """Transactions as they are read; once they are too many for one piece, by piece, split while the next are read."""

    scanned: pl.LazyFrame
    kept: TemporaryTables
    rows_at_once: int
    pool: ThreadPoolExecutor
    splitting: list[Future[None]] = field(default_factory=list)
    held: list[pl.DataFrame] = field(default_factory=list)
    is_split: bool = False

    def add(self, batch: pl.DataFrame) -> None:
        self.held.append(batch)
        if sum(each.height for each in self.held) > self.rows_at_once:
            self._divide()

    def tables(self) -> tuple[pl.LazyFrame, ...]:
        if not self.is_split:
            return (self._together().lazy(),)
        self._divide()
        self._wait()
        return tuple(self._piece(number) for number in range(self._count))

    @cached_property
    def _count(self) -> int:
        rows = int(self.scanned.select(pl.len()).collect().item())
        return -(-rows // self.rows_at_once)

    def _together(self) -> pl.DataFrame:
        table = pl.concat([pl.DataFrame(schema=self.scanned.collect_schema()), *self.held])
        self.held.clear()
        return table

    def _divide(self) -> None:
        table = self._together()
        place = _place(_customers(table), self._count)
        self._wait()
        self.splitting += [
            self.pool.submit(self._keep, piece, table, place == piece) for piece in range(self._count)
        ]
        self.is_split = True

    def _wait(self) -> None:
        for each in self.splitting:
            each.result()
        self.splitting.clear()

    def _keep(self, piece: int, table: pl.DataFrame, mine: pl.Series) -> None:
        self.kept.add(piece, table.filter(mine))

    def _piece(self, number: int) -> pl.LazyFrame:
        rows = self.kept.table(number)
        return pl.LazyFrame(schema=self.scanned.collect_schema()) if rows is None else rows


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


def _narrow(scanned: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of the contract, with one number in place of the texts that are only compared: equal for equal ones."""
    types = {name: dtype for name, dtype in scanned.collect_schema().items() if name in COLUMNS}
    compared = [name for name in ONLY_COMPARED if types.get(name) == pl.String]
    if not compared:
        return scanned.select(*types)
    cells = (pl.when(pl.col(name) != "").then(pl.col(name)) for name in compared)
    number = (pl.struct(*cells).hash(seed=0) % _MOST_SHORT).cast(pl.Int64)
    return scanned.select(*(name for name in types if name not in compared), number.alias(compared[0]))


def _ends(moments: pl.Series) -> pl.Series:
    return pl.Series([moments.min(), moments.max()], dtype=pl.Datetime("us"))


def _customers(table: pl.DataFrame) -> pl.Series:
    return read(table["CustomerId"], texts)[0].alias("CustomerId")


def _place(customers: pl.Series, count: int) -> pl.Series:
    return (customers.hash(seed=0) % count).fill_null(0)
