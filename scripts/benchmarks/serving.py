"""How fast the served model answers, against what the stock server costs by itself and against a bespoke service.

``python scripts/benchmarks/serving.py`` trains the default model in a temporary store, or takes one by ``--model``. Three
servers run at once, each with one worker, and are asked in turn: the model; the floor, a pyfunc with the same signature
that answers a constant frame of the same fields; the peer, FastAPI with a random forest on 26 features by pandas. Needs
the extra ``train``; the peer also fastapi and uvicorn, and is left out where they are absent.
"""

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PATIENCE = 180.0
AS_OF = datetime(2019, 2, 13, tzinfo=UTC)
CATEGORIES = ("airtime", "financial_services", "utility_bill", "data_bundles", "tv")
HEADERS = {"Content-Type": "application/json"}
CLOCKS = {"seconds": "%Y-%m-%dT%H:%M:%SZ", "days": "%Y-%m-%d"}
CASES = ((30, "seconds"), (1000, "seconds"), (1000, "days"))


@dataclass(frozen=True)
class Server:
    """A server that answers at a port; ``path`` is where it scores, ``session`` that of its processes."""

    name: str
    port: int
    path: str
    session: int


@dataclass(frozen=True)
class Figure:
    """What was measured of one server and one kind of request; times in milliseconds.

    Attributes:
        server: its name.
        transactions: in the request.
        shape: ``arrays`` or ``rows``.
        times: ``seconds``, or ``days`` where they have no time of day and the transactions no identity.
        p50: median time of an answer, one client.
        p99: 99th percentile of it.
        quartiles: first and third quartile of it.
        one: answers a second, one client.
        eight: answers a second, eight clients.
        ratio: p50 over the floor's.
        throughput: answers a second of eight clients over the floor's.
    """

    server: str
    transactions: int
    shape: str
    times: str
    p50: float
    p99: float
    quartiles: tuple[float, float]
    one: float
    eight: float
    ratio: float = float("nan")
    throughput: float = float("nan")


def main() -> int:
    """Measure, print a table in Markdown and write it as JSON."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        environment = environment_of(Path(folder), options.tracking)
        model = options.model or train(Path(folder), environment, options.candidate)
        floor = Path(folder) / "floor"
        _python([str(HERE / "constant_model.py"), model, str(floor)], environment, Path(folder))
        commands = {"model": stock(model), "floor": stock(str(floor))}
        starts: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(1 if options.quick else options.starts):
            for name, command in commands.items():
                starts[name].append(_start(name, command, environment, Path(folder)))
        if find_spec("fastapi") and find_spec("uvicorn"):
            commands["peer"] = [str(HERE / "peer.py")]
        servers = [
            running.enter_context(served(name, command, environment, Path(folder)))
            for name, command in commands.items()
        ]
        figures = list(_figures(servers, 20 if options.quick else options.requests))
    report = {"start_seconds": starts, "figures": [asdict(figure) for figure in figures]}
    options.output.write_text(json.dumps(report, indent=1))
    print(_markdown(figures, starts))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--model", help="URI of a registered model; trained in a temporary store if not given"
    )
    parser.add_argument("--tracking", help="the MLflow store of --model")
    parser.add_argument("--candidate", default="auto", help="what to train")
    parser.add_argument("--requests", type=int, default=300, help="requests of each kind to each server")
    parser.add_argument("--starts", type=int, default=3, help="starts of each server")
    parser.add_argument("--output", type=Path, default=Path("benchmark_serving.json"))
    parser.add_argument("--quick", action="store_true", help="a smoke test: few requests, one start")
    return parser.parse_args()


def environment_of(folder: Path, tracking: str | None) -> dict[str, str]:
    """The variables of processes that use a store; one in the folder if none is given."""
    store = tracking or f"sqlite:///{folder / 'mlflow.db'}"
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return os.environ | quiet | {"MLFLOW_TRACKING_URI": store, "PYTHONPATH": paths}


def _python(command: list[str], environment: Mapping[str, str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def train(folder: Path, environment: Mapping[str, str], candidate: str) -> str:
    """Train on synthetic data; returns the model's URI."""
    _python(["-m", "credit_model", "train", "--candidate", candidate], environment, folder)
    return "models:/credit-risk/1"


def stock(model: str) -> list[str]:
    """The stock server of a model, by one worker, as Python's arguments."""
    return ["-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1", "-m", model]


@contextmanager
def served(name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """A server in a process group of its own, once it has answered; stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "--port", str(port)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(name, port, "/score" if name == "peer" else "/invocations", process.pid)
    try:
        _wait(server, process, folder / f"{name}.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end, body = time.perf_counter() + PATIENCE, request_of(30, "rows")
    while time.perf_counter() < end:
        try:
            ask(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE), server, body)
        except ConnectionError:
            if process.poll() is not None:
                raise SystemExit(log.read_text()) from None
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{server.name} gave no answer in {PATIENCE:.0f} s")


def _start(name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> float:
    """Seconds from the start of the process to its first answer."""
    begin = time.perf_counter()
    with served(name, command, environment, folder):
        return time.perf_counter() - begin


def ask(connection: HTTPConnection, server: Server, body: bytes) -> None:
    """Ask a server once.

    Raises:
        SystemExit: it does not answer with a status of 200.
    """
    connection.request("POST", server.path, body, HEADERS)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{server.name}: {answer.status} {text[:300]!r}")


def request_of(transactions: int, shape: str, times: str = "seconds") -> bytes:
    """One customer's request, the same for every server."""
    chance, clock = random.Random(transactions), CLOCKS[times]
    moments = sorted(AS_OF - timedelta(seconds=chance.randrange(1, 30 * 86_400)) for _ in range(transactions))
    rows = [
        {
            "CustomerId": "C-1",
            "TransactionId": f"T-{place}",
            "BatchId": f"B-{place}",
            "AccountId": "A-1",
            "SubscriptionId": "S-1",
            "TransactionStartTime": moment.strftime(clock),
            "Amount": round(chance.lognormvariate(7, 1.5), 2) * chance.choice((1, 1, -1)),
            "CurrencyCode": "UGX",
            "CountryCode": 256,
            "ProductCategory": chance.choice(CATEGORIES),
            "ProductId": f"ProductId_{chance.randrange(1, 12)}",
            "ProviderId": f"ProviderId_{chance.randrange(1, 6)}",
            "ChannelId": f"ChannelId_{chance.randrange(1, 4)}",
            "PricingStrategy": chance.randrange(0, 4),
        }
        for place, moment in enumerate(moments)
    ]
    if times == "days":
        rows = [{n: cell for n, cell in row.items() if n != "TransactionId"} for row in rows]
    if shape == "arrays":
        rows = [{"CustomerId": "C-1"} | {n: [row[n] for row in rows] for n in rows[0] if n != "CustomerId"}]
    return json.dumps({"dataframe_records": rows, "params": {"as_of": AS_OF.isoformat()}}).encode()


def _figures(servers: list[Server], requests: int) -> Iterator[Figure]:
    for transactions, times in CASES:
        for shape in ("arrays", "rows"):
            body = request_of(transactions, shape, times)
            seconds = _in_turn(servers, body, requests)
            eight: dict[str, list[float]] = {s.name: [] for s in servers}
            for _ in range(3):
                for server in servers:
                    eight[server.name].append(_throughput(server, body, requests))
            found = [
                _figure(
                    (s.name, transactions, shape, times), seconds[s.name], statistics.median(eight[s.name])
                )
                for s in servers
            ]
            floor = next(figure for figure in found if figure.server == "floor")
            for figure in found:
                ratios = {"ratio": figure.p50 / floor.p50, "throughput": figure.eight / floor.eight}
                yield Figure(**(asdict(figure) | ratios))


def _figure(case: tuple[str, int, str, str], seconds: list[float], eight: float) -> Figure:
    cuts = [1000 * cut for cut in statistics.quantiles(seconds, n=100, method="inclusive")]
    return Figure(
        *(*case, cuts[49], cuts[98], (cuts[24], cuts[74])),
        1 / statistics.mean(seconds),
        eight,
    )


def _in_turn(servers: list[Server], body: bytes, requests: int) -> dict[str, list[float]]:
    """Seconds of every answer; each round asks every server once, so that all share the machine's moods."""
    connections = {s.name: HTTPConnection("127.0.0.1", s.port, timeout=PATIENCE) for s in servers}
    seconds: dict[str, list[float]] = {server.name: [] for server in servers}
    for turn in range(requests + 10):
        for server in servers:
            begin = time.perf_counter()
            ask(connections[server.name], server, body)
            if turn >= 10:
                seconds[server.name].append(time.perf_counter() - begin)
    return seconds


def _throughput(server: Server, body: bytes, requests: int, clients: int = 8) -> float:
    """Answers a second of eight clients that keep their connections and ask without a pause."""
    left, lock = iter(range(requests)), Lock()

    def client(_: int) -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        while True:
            with lock:
                if next(left, None) is None:
                    return
            ask(connection, server, body)

    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return requests / (time.perf_counter() - begin)


def _markdown(figures: list[Figure], starts: Mapping[str, list[float]]) -> str:
    lines = [
        "| server | transactions | shape | times | p50 ms (quartiles) | p99 ms | of floor | /s, 1 client | /s, 8 | of floor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.server} | {f.transactions} | {f.shape} | {f.times} | {f.p50:.2f} ({f.quartiles[0]:.2f}-{f.quartiles[1]:.2f}) "
        f"| {f.p99:.2f} | {f.ratio:.2f} | {f.one:.0f} | {f.eight:.0f} | {f.throughput:.2f} |"
        for f in figures
    ]
    medians = {name: statistics.median(seconds) for name, seconds in starts.items()}
    spread = {name: f"{min(seconds):.2f}-{max(seconds):.2f}" for name, seconds in starts.items()}
    lines += ["", *(f"start to first answer, {n}: {medians[n]:.2f} s ({spread[n]})" for n in medians)]
    return "\n".join([*lines, f"model over floor: {medians['model'] / medians['floor']:.2f}"])


if __name__ == "__main__":
    sys.exit(main())
