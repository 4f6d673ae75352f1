"""A lock that one process of a machine holds, and that ends with it however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir


@contextmanager
def alone(what: str) -> Iterator[bool]:
    """Hold the lock of some work, if nobody does; yields whether this process holds it.

    The system lets go of it when the process ends, killed or not. The file stays.

    Args:
        what: the work, such as a name and the store that it is in; equal texts have one lock.
    """
    name = f"credit_model_{os.getuid()}_{sha256(what.encode()).hexdigest()[:16]}.lock"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(Path(gettempdir()) / name, flags, 0o600)
    try:
        yield _taken(lock)
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
