"""A lock that one process of a machine holds, and that ends with it however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def alone(what: str) -> Iterator[bool]:
    """Hold the lock of some work, if nobody does; yields whether this process holds it.

    The system lets go of it when the process ends, killed or not. The file stays.

    Args:
        what: the work, such as a name and the store that it is in; equal texts have one lock.
    """
    lock = os.open(_file(what), _FLAGS | os.O_CREAT, 0o600)
    try:
        yield _taken(lock)
    finally:
        os.close(lock)


@contextmanager
def in_turn(what: str) -> Iterator[None]:
    """Hold the lock of some work, from when nobody else does."""
    lock = os.open(_file(what), _FLAGS | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def abandoned(what: str) -> bool:
    """Whether a process of this machine and user held the lock, and ended without a ``forget``, such as one that was killed.

    Where no file is, nothing is known: the work is another machine's, another user's, or done.
    """
    with suppress(FileNotFoundError):
        lock = os.open(_file(what), _FLAGS)
        try:
            return _taken(lock)
        finally:
            os.close(lock)
    return False


def forget(what: str) -> None:
    """Take away the file of a lock, of work that nobody does again."""
    _file(what).unlink(missing_ok=True)


def _file(what: str) -> Path:
    name = f"credit_model_{os.getuid()}_{sha256(what.encode()).hexdigest()[:16]}.lock"
    return Path(gettempdir()) / name


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
