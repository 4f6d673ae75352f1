"""A log of JSON lines that several processes write to: whole lines, files of bounded size, old files removed.

Every writer holds the same lock, a file beside the log, for the moment of its one write. So a writer that was killed, or that met
a full disk, leaves no broken line: the next one, or itself, takes away what is not whole. A file that is full is renamed with the
time: ``decisions.jsonl.20261122T011358000000Z``. A writer keeps both files open, for as long as their paths lead to them.
"""

import errno
import fcntl
import json
import os
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from shutil import copymode
from threading import Lock
from typing import Any

import orjson

FIRST = b'{"time":"'  # how every line begins; its time follows
_STAMP = "%Y%m%dT%H%M%S%fZ"
_BLOCK = 1 << 16
_ESCAPED = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=float)
_MODE = 0o600  # of new files: what they hold is of customers


def now_text() -> str:
    """Now in UTC, as lines of a log give their time."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def line(entry: dict[str, Any]) -> bytes:
    """An entry as one line of a log; its first field must be ``time``."""
    try:
        return orjson.dumps(entry, default=float, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # text that UTF-8 has no bytes for: half of a surrogate pair
        return _ESCAPED.encode(entry).encode() + b"\n"


@dataclass(frozen=True)
class LogFile:
    """A log and its renamed files.

    Attributes:
        path: the file that is written to.
        most_bytes: size that a file may reach; a single write that is larger has a file to itself.
        days: days that lines are kept, with a file for each day of writing; 0 keeps them, however old.
    """

    path: Path
    most_bytes: int = 100_000_000
    days: int = 0
    _turn: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def write(self, lines: bytes) -> None:
        """Add whole lines, in one write.

        Raises:
            OSError: they cannot be written; then none of them is in the file.
        """
        with self._turn:  # threads share the descriptors, which the lock of a file does not tell apart
            lock, _ = self._lock.opened()
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._add(lines)
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)

    @cached_property
    def _lock(self) -> "_Kept":
        return _Kept(Path(f"{self.path}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)

    @cached_property
    def _file(self) -> "_Kept":
        return _Kept(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def _add(self, lines: bytes) -> None:
        file, size = self._file.opened()
        if self._is_due(size, len(lines)):
            self._rename()
            file, size = self._file.opened()
        end, before = _whole(file, size)
        written = os.write(file, before + lines)
        if written < len(before) + len(lines):
            os.ftruncate(file, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    @contextmanager
    def locked(self, suffix: str = ".lock", *, create: bool = True) -> Iterator[None]:
        """Hold the lock of the log's writers, or another one beside the log."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        lock = os.open(f"{self.path}{suffix}", flags, _MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def renamed(self) -> list[Path]:
        """The renamed files, oldest first."""
        name = re.compile(re.escape(self.path.name) + r"\.\d{8}T\d{12}Z")
        return sorted(path for path in self.path.parent.iterdir() if name.fullmatch(path.name))

    def remove_old(self) -> None:
        """Remove renamed files of which every line is older than ``days``."""
        if not self.days:
            return
        oldest = (datetime.now(UTC) - timedelta(days=self.days)).strftime(_STAMP)
        for path in self.renamed():
            if path.name.rpartition(".")[2] < oldest:
                path.unlink(missing_ok=True)

    def _present(self) -> list[Path]:
        found = self.renamed() if self.path.parent.is_dir() else []
        found += [self.path] if self.path.exists() else []
        if not found:
            raise ValueError(f"there is no decision log {self.path}; check the path")
        return found

    def _is_due(self, size: int, more: int) -> bool:
        return size > 0 and (size + more > self.most_bytes or (self.days > 0 and self._is_of_another_day()))

    def _is_of_another_day(self) -> bool:
        with self.path.open("rb") as file:
            head = file.read(len(FIRST) + 10)
        return head[len(FIRST) :].decode("ascii", "replace") != f"{datetime.now(UTC):%Y-%m-%d}"

    def _rename(self) -> None:
        _mend(self.path)
        moment = datetime.now(UTC)
        while (target := self.path.with_name(f"{self.path.name}.{moment:{_STAMP}}")).exists():
            moment += timedelta(microseconds=1)
        self.path.rename(target)
        self.remove_old()

    def rewrite(self, keep: Callable[[bytes], bool]) -> tuple[int, int]:
        """Remove the lines that are not to be kept, from all files; returns how many lines, and of how many files.

        Writers wait for no more than a renaming: the file in use is renamed first, and renamed files are written by nobody.

        Raises:
            ValueError: there is no such log.
        """
        self._present()
        with self.locked(".erase.lock"):
            with self.locked():
                if self.path.exists() and self.path.stat().st_size:
                    self._rename()
            removed = [_rewrite(path, keep) for path in self.renamed()]
        return sum(removed), sum(count > 0 for count in removed)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every entry of all files, oldest file first; lines that are none of the log's are passed over.

        Raises:
            ValueError: there is no such log.
        """
        with ExitStack() as stack:
            for file in self._opened(stack):
                yield from filter(None, map(read_line, file))

    def _opened(self, stack: ExitStack) -> list[Any]:
        with ExitStack() as lock:
            with suppress(OSError):  # without a lock nobody has written here, or may
                lock.enter_context(self.locked(create=False))
            paths = self._present()
            return [stack.enter_context(path.open("rb")) for path in paths]


def read_line(text: bytes) -> dict[str, Any] | None:
    """The entry of a line; None where it is none of a log's."""
    if not text.startswith(FIRST):
        return None
    try:
        entry: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return entry


class _Kept:
    """A file that stays open for as long as its path leads to it."""

    def __init__(self, path: Path, flags: int) -> None:
        self._path, self._flags = path, flags
        self._file, self._which = -1, (0, 0, 0)
        self._close: Callable[[], object] = lambda: None

    def opened(self) -> tuple[int, int]:
        """Its descriptor and its size; opened anew where it was renamed or removed, and in a process that was forked."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return self._open()
        return (self._file, found.st_size) if _which(found) == self._which else self._open()

    def _open(self) -> tuple[int, int]:
        self._which = (0, 0, 0)  # whatever happens, the descriptor that is closed here is used no more
        self._close()
        self._file = os.open(self._path, self._flags, _MODE)
        self._close = weakref.finalize(self, os.close, self._file)
        found = os.fstat(self._file)
        self._which = _which(found)
        return self._file, found.st_size


def _which(found: os.stat_result) -> tuple[int, int, int]:
    """Tells a file from every other one, and a process from the one that it was forked from."""
    return found.st_dev, found.st_ino, os.getpid()


def _mend(path: Path) -> None:
    """Take away what a killed writer left."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        _whole(file, os.fstat(file).st_size)
    finally:
        os.close(file)


def _whole(file: int, end: int) -> tuple[int, bytes]:
    """The end of the last whole line, and what must be written before the next; what a killed writer left is taken away."""
    if not end or os.pread(file, 1, end - 1) == b"\n":
        return end, b""
    start = _last_line(file, end)
    if os.pread(file, len(FIRST), start) != FIRST[: end - start]:
        return end, b"\n"  # not of this log: left as it is
    os.ftruncate(file, start)
    return start, b""


def _last_line(file: int, end: int) -> int:
    """Where the last line starts."""
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)


def _rewrite(path: Path, keep: Callable[[bytes], bool]) -> int:
    """Remove lines from a file that nobody writes to; returns how many."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    removed = 0
    try:
        with path.open("rb") as source, open(unfinished, "wb", opener=_private) as target:
            for text in source:
                kept = keep(text)
                removed += not kept
                target.write(text if kept else b"")
            target.flush()
            os.fsync(target.fileno())
        if removed:
            copymode(path, unfinished)
            unfinished.replace(path)
    except FileNotFoundError:  # too old, and removed meanwhile
        return 0
    finally:
        unfinished.unlink(missing_ok=True)
    return removed
