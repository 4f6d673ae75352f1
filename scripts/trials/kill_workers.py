"""Workers of the stock server are killed, one after the other, while clients ask, with the decision log on.

``python scripts/trials/kill_workers.py --model models:/credit-risk@champion`` starts it with two workers, asks as ``load.py``
does and kills one of them 50 times (SIGKILL), each time at a random moment once all of them run again. Requests whose connection
dies are counted apart and sent again, as a client would.

Exit code 1 if a reply is wrong, the log has a line that is not whole or lacks an answered decision, or has one that was neither
answered nor lost with its connection, or if the next right reply to a request that was sent after a kill takes longer than
``--seconds``.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from load import broken, load_parser
from load_clients import LOST, RIGHT, Load, under_load
from load_requests import known_requests, logging_to
from stock_server import Server, running

_BETWEEN_LOOKS = 0.1
_PATIENCE = 600.0


class Kill(NamedTuple):
    """What a kill did.

    Attributes:
        answered: seconds until the next right reply to a request that was sent after it.
        whole: seconds until as many workers ran as before.
        lost: requests that were lost with their connection.
    """

    answered: float
    whole: float
    lost: int


def main() -> int:
    """Kill workers and print figures; returns the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped too
    known, chance = known_requests(options.model, options.bodies, options.seed), Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "decisions.jsonl"
        with (
            running(options.model, options.workers, logging_to(log)) as server,
            under_load(server.url, known, options.clients, options.seed) as load,
        ):
            end, kills = time.monotonic() + 60 * options.minutes, list[Kill]()
            while len(kills) < options.kills and time.monotonic() < end:
                kills.append(_told(kill(server, load, chance)))
        faults = list(broken(load, log))
    print(load.summary(), summary(kills), sep="\n")
    if (slowest := max(one.answered for one in kills)) > options.seconds:
        faults.append(f"no right reply for {slowest:.1f} s after a kill, not within {options.seconds:g} s")
    if len(kills) < options.kills:
        faults.append(f"{len(kills)} kills in {options.minutes:g} minutes, not {options.kills}")
    print("\n".join(faults) or "every bar is met")
    return int(bool(faults))


def kill(server: Server, load: Load, chance: Random) -> Kill:
    """Kill one worker at a random moment of the next second, and wait until all run again.

    Raises:
        SystemExit: the server does not start another one.
    """
    time.sleep(chance.random())
    starts, before = server.starts(), len(load.asked)
    moment = time.monotonic()
    os.kill(chance.choice(sorted(server.workers())), signal.SIGKILL)
    _await(lambda: server.starts() > starts and _answered(load, before, moment) is not None)
    whole = time.monotonic() - moment
    lost = sum(one.outcome == LOST for one in load.asked[before:])
    return Kill((_answered(load, before, moment) or whole) - moment, whole, lost)


def _told(one: Kill) -> Kill:
    print(
        f"right again after {one.answered:.2f} s, a new worker after {one.whole:.1f} s, lost {one.lost}",
        flush=True,
    )
    return one


def _answered(load: Load, before: int, moment: float) -> float | None:
    """When the first right reply came to a request that was sent after a moment."""
    found = (one.ended for one in load.asked[before:] if one.outcome == RIGHT and one.begun > moment)
    return min(found, default=None)


def _await(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"no worker started within {_PATIENCE:.0f} s of a kill")
        time.sleep(_BETWEEN_LOOKS)


def summary(kills: list[Kill]) -> str:
    """How long the kills were felt: the median and the largest."""
    answered, whole = [one.answered for one in kills], [one.whole for one in kills]
    return (
        f"{len(kills)} kills, {sum(one.lost > 0 for one in kills)} of them with lost requests\n"
        f"from a kill to the next right reply: {median(answered):.2f} s, at most {max(answered):.2f} s\n"
        f"from a kill to a new worker: {median(whole):.1f} s, at most {max(whole):.1f} s"
    )


def _options() -> argparse.Namespace:
    parser = load_parser(__doc__ or "")
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--minutes", type=float, default=120, help="no kill after so many")
    parser.add_argument("--seconds", type=float, default=5, help="most until the next right reply")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
