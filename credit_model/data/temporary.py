"""Tables kept for the time of a job: in memory while they are small, in files beyond that."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import polars as pl

MOST_IN_MEMORY = 1_000_000_000  # bytes
_GROUP = 20_000  # rows that are read together from a file


@dataclass
class TemporaryTables:
    """Tables by number, added part by part, from several threads.

    Attributes:
        folder: where the files are written that memory has no room for; whoever made it removes it.
        room: bytes that may still be kept in memory.
    """

    folder: Path
    room: int = field(default_factory=lambda: MOST_IN_MEMORY)
    _parts: dict[int, list[pl.LazyFrame]] = field(default_factory=lambda: defaultdict(list))
    _lock: Lock = field(default_factory=Lock)

    def add(self, number: int, part: pl.DataFrame) -> None:
        """Add rows to a table."""
        with self._lock:
            self.room -= int(part.estimated_size())
            place, fits = len(self._parts[number]), self.room >= 0
            self._parts[number].append(part.lazy())
        if not fits:
            path = self.folder / f"{number:06}-{place:06}.parquet"
            part.write_parquet(path, compression="lz4", row_group_size=_GROUP)
            self._parts[number][place] = pl.scan_parquet(path, glob=False)

    def table(self, number: int) -> pl.LazyFrame | None:
        """All rows of a table; None where none was added."""
        parts = self._parts.get(number)
        return pl.concat(parts) if parts else None

    def all(self) -> pl.LazyFrame:
        """All rows of all tables, table by table."""
        return pl.concat(part for number in sorted(self._parts) for part in self._parts[number])
