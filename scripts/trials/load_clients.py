"""Clients that ask a server side by side, compare each reply with the one that is known, and count."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from statistics import quantiles
from threading import Event, Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from load_requests import Known, Logged

RIGHT, WRONG, LOST = "right", "wrong", "lost"
_TIMEOUT = 60.0
_OF_A_CONNECTION = 10  # requests; new ones spread over the workers, those that have started meanwhile too
_PAUSE = 0.05  # before a lost request is sent again


class Asked(NamedTuple):
    """One request that was sent.

    Attributes:
        place: of the known request.
        begun: moment at which it was sent.
        ended: moment at which the reply was there, or the connection was lost.
        outcome: right, wrong or lost.
        said: what was wrong with the reply.
    """

    place: int
    begun: float
    ended: float
    outcome: str
    said: str = ""


@dataclass
class Load:
    """What clients have sent so far.

    Attributes:
        known: the requests.
        asked: everything that was sent, in no order.
    """

    known: Sequence[Known]
    asked: list[Asked] = field(default_factory=list)

    def of(self, *outcomes: str) -> list[Asked]:
        """What had one of these outcomes."""
        return [one for one in list(self.asked) if one.outcome in outcomes]

    def decisions(self, outcome: str) -> Counter[Logged]:
        """How often each decision had this outcome."""
        total = Counter[Logged]()
        for place, times in Counter(one.place for one in self.of(outcome)).items():
            for decision, count in self.known[place].decisions.items():
                total[decision] += count * times
        return total

    def summary(self) -> str:
        """The figures, and up to three wrong replies."""
        right, wrong, lost = self.of(RIGHT), self.of(WRONG), self.of(LOST)
        cuts = quantiles([1_000 * (one.ended - one.begun) for one in right], n=100, method="inclusive")
        seconds = max(one.ended for one in self.asked) - min(one.begun for one in self.asked)
        valid = sum(self.known[one.place].valid for one in right)
        lines = [
            f"{len(right) + len(wrong):,} replies in {seconds:.0f} s, {len(right) / seconds:.0f} right ones a second",
            f"right: {valid:,} of valid requests, {len(right) - valid:,} of refused ones; wrong: {len(wrong)}",
            f"lost with their connection: {len(lost)} {dict(Counter(one.said for one in lost)) if lost else ''}",
            f"time of a right reply: p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms",
        ]
        return "\n".join([*lines, *(f"wrong, request {one.place}: {one.said}" for one in wrong[:3])])


@contextmanager
def under_load(url: str, known: Sequence[Known], clients: int, seed: int = 1) -> Iterator[Load]:
    """Clients that ask without a pause, each by a connection of its own, until the block ends."""
    load, over = Load(known), Event()
    threads = [
        Thread(target=_ask, args=(urlsplit(url).netloc, load, over, Random(f"{seed}/client/{number}")))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ask(address: str, load: Load, over: Event, chance: Random) -> None:
    """One client: what is lost is sent again, as a client would, until it is answered."""
    while not over.is_set():
        connection = HTTPConnection(address, timeout=_TIMEOUT)
        for _ in range(_OF_A_CONNECTION):
            place = chance.randrange(len(load.known))
            while (asked := _sent(connection, place, load.known[place])).outcome == LOST:
                load.asked.append(asked)
                connection.close()
                if over.wait(_PAUSE):
                    return
            load.asked.append(asked)
            if over.is_set() or load.known[place].status >= 500:  # after its own 500 MLflow's server hangs up
                break
        connection.close()


def _sent(connection: HTTPConnection, place: int, known: Known) -> Asked:
    headers = {"Content-Type": known.made.content_type} if known.made.content_type else {}
    begun = time.monotonic()
    try:
        connection.request("POST", "/invocations", known.made.body, headers)
        response = connection.getresponse()
        status, body = response.status, response.read()
    except (OSError, HTTPException) as error:
        return Asked(place, begun, time.monotonic(), LOST, type(error).__name__)
    ended = time.monotonic()
    if (status, body) == (known.status, known.body):
        return Asked(place, begun, ended, RIGHT)
    return Asked(place, begun, ended, WRONG, _difference(status, body, known))


def _difference(status: int, body: bytes, known: Known) -> str:
    """Where a reply differs from the one that is known."""
    if status != known.status:
        return f"status {status}, not {known.status}: {body[:200]!r}"
    pairs = enumerate(zip(body, known.body, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), min(len(body), len(known.body)))
    start = max(0, place - 40)
    return f"{body[start : place + 40]!r}, not {known.body[start : place + 40]!r}"
