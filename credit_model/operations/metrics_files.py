"""Reading logs of JSON lines on from where the last run stopped, through renaming, a new file each day, and removal."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from credit_model.serving.log_file import read_line

Entry = dict[str, Any]


@dataclass
class Position:
    """How far one file was read.

    Attributes:
        head: digest of the first line; with the inode it tells a file from another one that took its place.
        offset: bytes read, whole lines only.
        last: the latest time that a line of it gave.
    """

    head: str
    offset: int = 0
    last: str = ""


@dataclass
class Followed:
    """How far the files of one log were read.

    Attributes:
        files: by inode.
        gone: the latest time in a file that is there no more: lines up to then of a file that ``erase`` wrote again are counted.
    """

    files: dict[int, Position] = field(default_factory=dict)
    gone: str = ""

    def new(self, paths: Iterable[Path]) -> Iterator[Entry | None]:
        """The entries added since the last time, file by file; None for a line that is none of a log's."""
        present = {inode: (path, head) for path in paths for inode, head in _identity(path)}
        self._forget(present)
        for inode, (path, head) in present.items():
            known = inode in self.files
            position = self.files.setdefault(inode, Position(head))
            after = "" if known else self.gone
            for entry in _read(path, inode, position):
                if entry is None or entry["time"] > after:
                    yield entry

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"gone": self.gone, "files": {str(inode): asdict(one) for inode, one in self.files.items()}}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> "Followed":
        """From JSON values."""
        files = {int(inode): Position(**one) for inode, one in plain["files"].items()}
        return cls(files, plain["gone"])

    def _forget(self, present: dict[int, tuple[Path, str]]) -> None:
        for inode, position in list(self.files.items()):
            if inode not in present or present[inode][1] != position.head:
                self.gone = max(self.gone, position.last)
                del self.files[inode]


def _identity(path: Path) -> Iterator[tuple[int, str]]:
    """The inode and the digest of the first line; nothing of a file that has none yet, or was renamed meanwhile."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            if first.endswith(b"\n"):
                yield os.fstat(file.fileno()).st_ino, sha256(first).hexdigest()[:16]
    except FileNotFoundError:
        return


def _read(path: Path, inode: int, position: Position) -> Iterator[Entry | None]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino == inode:
                yield from _entries(file, position)
    except FileNotFoundError:
        return


def _entries(file: BinaryIO, position: Position) -> Iterator[Entry | None]:
    file.seek(position.offset)
    for text in file:
        if not text.endswith(b"\n"):  # somebody is writing it
            return
        position.offset += len(text)
        entry = read_line(text)
        if entry is not None:
            position.last = max(position.last, entry["time"])
        yield entry
