"""Load: clients ask the stock server side by side, good and bad requests mixed, with the decision log on.

``python scripts/trials/load.py --model models:/credit-risk@champion`` starts it with two workers on a free port and asks for ten
minutes by 16 clients. Every reply, those of refused requests included, is compared to the last byte with the one that the loaded
model gave in this process before. Requests that name no moment are left out, since their answers are of the present, and those
that MLflow refuses with a list in no order. After MLflow's own 500 a client connects anew, for the server hangs up.

Memory is that of all workers together, as it is in the machine (RSS), looked at every second. Warm-up is the first fifth of the
time; growth is from the median of the tenth that follows it to the median of the last tenth.

Exit code 1 if a valid request failed, a reply was wrong, memory grew by 5 % or more, or the log does not have every answered
decision once, and nothing else.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread

from load_clients import LOST, RIGHT, WRONG, Load, under_load
from load_log import read_log
from load_requests import known_requests, logging_to
from stock_server import Server, megabytes, running

MOST_GROWTH = 0.05
_WARM_UP, _PART = 0.2, 0.1
_BETWEEN_LOOKS = 1.0


@dataclass
class Memory:
    """What workers held, look by look.

    Attributes:
        megabytes: of every worker, by its process.
    """

    megabytes: list[dict[int, float]] = field(default_factory=list)

    def totals(self) -> list[float]:
        """Of all workers together."""
        return [sum(look.values()) for look in self.megabytes]

    def growth(self) -> float:
        """The growth after warm-up, as a share."""
        warm, last = self._parts(self.totals())
        return last / warm - 1

    def summary(self) -> str:
        """What it was after warm-up and at the end, together and by worker."""
        each = [self._parts([look[worker] for look in self.megabytes]) for worker in self.megabytes[0]]
        warm, last = self._parts(self.totals())
        workers = "; ".join(f"a worker {one:.1f} to {other:.1f}" for one, other in each)
        return (
            f"memory after warm-up {warm:.1f} MB, at the end {last:.1f} MB: {self.growth():+.2%} ({workers})"
        )

    @staticmethod
    def _parts(values: Sequence[float]) -> tuple[float, float]:
        start, width = int(_WARM_UP * len(values)), max(1, int(_PART * len(values)))
        return median(values[start : start + width]), median(values[-width:])


def main() -> int:
    """Load a server and print figures; returns the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped too
    known = known_requests(options.model, options.bodies, options.seed)
    print(f"{len(known)} known requests, {sum(one.valid for one in known)} of them valid", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "decisions.jsonl"
        with (
            running(options.model, options.workers, logging_to(log)) as server,
            under_load(server.url, known, options.clients, options.seed) as load,
            watched(server) as memory,
        ):
            time.sleep(60 * options.minutes)
            again = server.starts() - options.workers
        faults = [*failed(load), *broken(load, log), *grown(memory)]
        faults += [f"{again} workers ended and were started again"] if again else []
        print(load.summary(), memory.summary(), sep="\n")
    print("\n".join(faults) or "every bar is met")
    return int(bool(faults))


def failed(load: Load) -> Iterator[str]:
    """Whether a valid request got a wrong reply or none."""
    if count := sum(load.known[one.place].valid for one in load.of(WRONG, LOST)):
        yield f"{count} valid requests failed"


def broken(load: Load, path: Path) -> Iterator[str]:
    """What is wrong with the replies or with the decision log, whose size is printed."""
    log = read_log(path)
    print(f"decision log: {log.lines:,} lines in {log.files} files")
    if wrong := len(load.of(WRONG)):
        yield f"{wrong} wrong replies"
    yield from log.faults(load.decisions(RIGHT), load.decisions(LOST))


def grown(memory: Memory) -> Iterator[str]:
    """Whether memory grew too much."""
    if memory.growth() >= MOST_GROWTH:
        yield f"memory grew by {memory.growth():.2%}, not by less than {MOST_GROWTH:.0%}"


@contextmanager
def watched(server: Server) -> Iterator[Memory]:
    """The memory of a server's workers from now until the block ends."""
    memory, over, workers = Memory(), Event(), server.workers()

    def watch() -> None:
        while not over.wait(_BETWEEN_LOOKS):
            memory.megabytes.append({worker: megabytes(worker) for worker in workers})

    thread = Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def _options() -> argparse.Namespace:
    parser = load_parser(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=10, help="how long")
    return parser.parse_args()


def load_parser(about: str) -> argparse.ArgumentParser:
    """The options that every trial under load takes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True, help="a registered model's URI or a folder")
    parser.add_argument("--clients", type=int, default=16, help="connections at once")
    parser.add_argument("--workers", type=int, default=2, help="MLflow's own option; two or more")
    parser.add_argument("--bodies", type=int, default=500, help="different requests")
    parser.add_argument("--seed", type=int, default=1, help="what they are made from")
    return parser


if __name__ == "__main__":
    sys.exit(main())
