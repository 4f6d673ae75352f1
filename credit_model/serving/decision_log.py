"""The decision log: one JSON line for every decision of a loaded model, off unless it is switched on.

A line holds the answer, the features that it was made from and what each of them added to the score, so that ``serving.replay``
can make the answer again. It is the one place where values of customers are kept. It holds neither the customer's id, for which a
keyed hash stands, nor transactions. ``docs/decisions.md`` describes the lines.
"""

import fcntl
import hmac
import logging
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from credit_model.scoring.scorer import Scorer
from credit_model.serving.decided import Decided, plain
from credit_model.serving.log_file import LogFile, line, now_text

SWITCH = "CREDIT_MODEL_DECISION_LOG"
KEY = "CREDIT_MODEL_HASH_KEY"
MEGABYTES = "CREDIT_MODEL_DECISION_LOG_MEGABYTES"
DAYS = "CREDIT_MODEL_DECISION_LOG_DAYS"
DECISION = "decision"
PROBE = "probe"  # a decision that a health check asked for
HEALTH_CHECK = "health-check"  # its customer
_SHORTEST_KEY = 16
_LOG = logging.getLogger(__name__)


class Target(Protocol):
    """Where lines go."""

    def write(self, lines: bytes) -> None:
        """Add whole lines.

        Raises:
            OSError: they cannot be written.
        """


class StandardOutput:
    """Standard output, locked for the moment of writing, so that lines of several workers do not mix."""

    def write(self, lines: bytes) -> None:
        """Print whole lines."""
        file = _standard_output()
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            while lines:
                lines = lines[os.write(file, lines) :]
        finally:
            os.close(file)


def _standard_output() -> int:
    """Standard output, opened anew where that is possible: a lock excludes only those who opened a file on their own."""
    try:
        return os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return os.dup(1)


class DecisionLog:
    """The decision log of a loaded model."""

    def __init__(self, scorer: Scorer, target: Target, key: str) -> None:
        """Log a scorer's decisions; ``key`` is that of the customers' hashes."""
        self._scorer, self._target, self._hash = scorer, target, KeyedHash(key)
        self._fails = False

    def write(self, decisions: Iterable[Decided]) -> None:
        """Log decisions of one request, in one write.

        Nothing is raised: a decision that cannot be logged goes out all the same, and the first of them is warned of.
        """
        try:
            self._target.write(b"".join(map(self._line, decisions)))
            self._fails = False
        except Exception as error:  # noqa: BLE001, no request fails for its log
            if not self._fails:
                why = error.strerror if isinstance(error, OSError) else type(error).__name__
                _LOG.warning(
                    "decisions are not logged until this is mended, and answered all the same: %s", why
                )
            self._fails = True

    def _line(self, decided: Decided) -> bytes:
        name = decided.answer["CustomerId"]
        kind = PROBE if name == HEALTH_CHECK else DECISION
        head = {"time": now_text(), "kind": kind, "decision_id": str(uuid.uuid4())}
        customer = self._hash.of(name)
        days = self._scorer.catalogue.history_days
        return line(head | {"customer": customer, "history_days": days} | plain(self._scorer, decided))


class KeyedHash:
    """HMAC-SHA256 under one key, of which the part that is the key's own is computed once."""

    def __init__(self, key: str) -> None:
        """Hash under ``key``."""
        self._begun = hmac.new(key.encode(), digestmod="sha256")

    def of(self, customer: str | None) -> str | None:
        """The hash of a customer's id, 64 hex digits; the training table of a run has the first 16 of them."""
        if customer is None:
            return None
        own = self._begun.copy()
        own.update(customer.encode("utf-8", "surrogatepass"))
        return own.hexdigest()


def keyed_hash(customer: str | None, key: str) -> str | None:
    """The hash of one customer's id."""
    return KeyedHash(key).of(customer)


def hash_key(environment: Mapping[str, str], why: str) -> str:
    """The key of customers' hashes.

    Args:
        environment: environment variables of the process.
        why: what needs it, for the error.

    Raises:
        ValueError: it is unset or too short.
    """
    key = environment.get(KEY, "")
    if len(key) < _SHORTEST_KEY:
        raise ValueError(
            f"{why} needs the key of the customers' hashes, and {KEY} is unset or shorter than {_SHORTEST_KEY} characters; "
            "set it to a secret such as openssl rand -hex 32 prints, and keep it"
        )
    return key


def decision_log(scorer: Scorer, target: str | None, environment: Mapping[str, str]) -> DecisionLog | None:
    """The decision log of a loaded model; None where it is off.

    Args:
        scorer: the loaded scorer.
        target: a file, or ``-`` for standard output; where it is empty, the environment decides.
        environment: environment variables of the process.

    Raises:
        ValueError: the log is on and the key of the hashes is unset or too short, or a limit is no whole number.
    """
    chosen = target or environment.get(SWITCH)
    if not chosen:
        return None
    key = hash_key(environment, "the decision log")
    if chosen == "-":
        return DecisionLog(scorer, StandardOutput(), key)
    return DecisionLog(scorer, log_file(chosen, environment), key)


def log_file(path: str, environment: Mapping[str, str]) -> LogFile:
    """The log of a path, with the limits that the environment sets.

    Raises:
        ValueError: a limit is no whole number.
    """
    megabytes, days = _limit(environment, MEGABYTES, 100, 1), _limit(environment, DAYS, 0, 0)
    return LogFile(Path(path).resolve(), megabytes * 1_000_000, days)


def _limit(environment: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isdecimal() and text.isascii() and int(text) >= least):
        raise ValueError(f"{name} is {text!r}; set a whole number of at least {least}, or unset it")
    return int(text)
