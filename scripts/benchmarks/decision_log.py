"""What the decision log costs a request, through the stock server: one with the log on against one with it off.

``python scripts/benchmarks/decision_log.py`` trains the default model in a temporary store, or takes one by ``--model``. Servers
of one worker each run at once: two without a log, one with it in a file, one on standard output. Each round asks every one of
them once for the same small decision, so that all share the machine's moods, in an order drawn for each round: a server that is
asked right after itself finds its memory in the processor's caches, and no place in the order may favour one. The ratio of the
medians is over the first server without a log; the second one says what two equal servers differ by. The spread is that of the
ratios of ten parts of the run. Beside it stands the processor time that a server takes for a request, which other work on the
machine changes less.

Exit code 1 if a log in a file costs more than 5 % of the median time.
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from random import Random

from measurement import processor_seconds
from serving import PATIENCE, Server, ask, environment_of, request_of, served, stock, train

MOST = 1.05
OFF, TWIN, FILE, OUTPUT = "off", "off, another server", "a file", "standard output"
TRANSACTIONS = 30
PARTS = 10
_WARM_UP = 20


def main() -> int:
    """Measure and print a table in Markdown; returns the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        environment = environment_of(folder, options.tracking)
        model = options.model or train(folder, environment, "auto")
        servers = {
            place: running.enter_context(served(place, stock(model), environment | switched, folder))
            for place, switched in _switches(folder).items()
        }
        ratios = {}
        for shape in ("arrays", "rows"):
            before = _processor(servers)
            seconds = in_turn(servers, request_of(TRANSACTIONS, shape), options.requests)
            after, asked = _processor(servers), options.requests + _WARM_UP
            costs = {place: (after[place] - before[place]) / asked for place in servers}
            ratios[shape] = _ratio(seconds[FILE], seconds[OFF])
            print("\n".join(_markdown(shape, seconds, costs)), flush=True)
    return int(max(ratios.values()) > MOST)


def _switches(folder: Path) -> dict[str, dict[str, str]]:
    """What each server has in its environment."""
    key = {"CREDIT_MODEL_HASH_KEY": "of no customer but the benchmark's"}
    on = {FILE: str(folder / "decisions.jsonl"), OUTPUT: "-"}
    off: dict[str, dict[str, str]] = {
        OFF: {"CREDIT_MODEL_DECISION_LOG": ""},
        TWIN: {"CREDIT_MODEL_DECISION_LOG": ""},
    }
    return off | {place: key | {"CREDIT_MODEL_DECISION_LOG": target} for place, target in on.items()}


def in_turn(servers: Mapping[str, Server], body: bytes, requests: int) -> dict[str, list[float]]:
    """Seconds of every answer, round by round."""
    connections = {
        place: HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE) for place, server in servers.items()
    }
    seconds: dict[str, list[float]] = {place: [] for place in servers}
    order = Random(0)
    for turn in range(requests + _WARM_UP):
        for place in order.sample(list(servers), len(servers)):
            begin = time.perf_counter()
            ask(connections[place], servers[place], body)
            if turn >= _WARM_UP:
                seconds[place].append(time.perf_counter() - begin)
    return seconds


def _processor(servers: Mapping[str, Server]) -> dict[str, float]:
    return {place: processor_seconds(server.session) for place, server in servers.items()}


def _ratio(found: Sequence[float], base: Sequence[float]) -> float:
    return statistics.median(found) / statistics.median(base)


def _spread(found: Sequence[float], base: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest ratio of the parts of a run."""
    parts = [_ratio(found[part::PARTS], base[part::PARTS]) for part in range(PARTS)]
    return min(parts), max(parts)


def _markdown(
    shape: str, seconds: Mapping[str, Sequence[float]], costs: Mapping[str, float]
) -> Iterator[str]:
    yield f"| {TRANSACTIONS} transactions, {shape} | p50 ms | over off | of ten parts | processor ms | over off |"
    yield "|---|---|---|---|---|---|"
    for place, found in seconds.items():
        least, most = _spread(found, seconds[OFF])
        times = f"{1_000 * statistics.median(found):.2f} | {_ratio(found, seconds[OFF]):.3f} | {least:.3f}-{most:.3f}"
        yield f"| {place} | {times} | {1_000 * costs[place]:.2f} | {costs[place] / costs[OFF]:.3f} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--model", help="URI of a registered model; trained in a temporary store if not given"
    )
    parser.add_argument("--tracking", help="the MLflow store of --model")
    parser.add_argument("--requests", type=int, default=2_000, help="requests of each shape to each server")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
