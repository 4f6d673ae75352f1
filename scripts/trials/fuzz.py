"""Send requests made from seeds to a scoring server, and check every answer against the contract.

``python scripts/trials/fuzz.py --model models:/credit-risk@champion`` starts the stock server on a free port; ``--url`` asks
one that runs. The model's window must be at least 20 days long, and its currency UGX or any. Every request is made from the
seed and its number alone: ``--only NUMBER`` sends one again and shows it. Exit code 1 if any answer breaks the contract.
"""

import argparse
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

import fuzz_contract
from fuzz_bodies import readable
from fuzz_contract import Answer, Reply, Violation
from fuzz_decisions import Decision
from fuzz_requests import Request, alone, request
from stock_server import served

Send = Callable[[bytes, str | None], Reply]
_TIMEOUT = 60.0
_SHOWN = 12


@dataclass(frozen=True)
class Outcome:
    """What came of one request: its status, what its answer broke, and whether MLflow refused it for a known reason."""

    number: int
    kind: str
    mutations: tuple[str, ...]
    status: int
    versions: frozenset[str]
    violations: tuple[Violation, ...]
    refused_by_mlflow: bool


class Connections:
    """Asks a server; every thread keeps a connection of its own."""

    def __init__(self, url: str) -> None:
        """Of a server's address, such as ``http://127.0.0.1:5001``."""
        self._address = urlsplit(url).netloc
        self._own = threading.local()

    def __call__(self, body: bytes, content_type: str | None) -> Reply:
        """Post a body; once more where the server has closed the connection meanwhile."""
        headers = {"Content-Type": content_type} if content_type else {}
        for _ in range(2):
            try:
                return self._ask("POST", "/invocations", body, headers)
            except (OSError, HTTPException) as error:
                self._own.connection.close()
                reason = repr(error)
        return Reply(0, reason, datetime.now(UTC))

    def alive(self) -> bool:
        """Whether the server still answers its ping."""
        try:
            return self._ask("GET", "/ping", b"", {}).status == 200
        except (OSError, HTTPException):
            return False

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection(self._address, timeout=_TIMEOUT)
        self._own.connection.request(method, path, body, headers)
        response = self._own.connection.getresponse()
        return Reply(response.status, response.read().decode(errors="replace"), datetime.now(UTC))


class Fuzzer:
    """Sends the requests of one seed, and remembers the answers to valid decisions alone."""

    def __init__(self, send: Send, seed: int, attributes: tuple[str, ...] = ()) -> None:
        """Of a way to send, a seed and the names of the model's numeric attributes."""
        self._send, self.request = send, partial(request, seed, attributes=attributes)
        self._alone: dict[bytes, Answer | None] = {}

    def run(self, numbers: Sequence[int], threads: int = 4) -> list[Outcome]:
        """The outcomes of the requests of these numbers, in their order, up to the first that got no answer at all."""
        outcomes = []
        with ThreadPoolExecutor(threads) as pool:
            found = pool.map(self.ask, numbers)
            for outcome in tqdm(found, total=len(numbers), disable=None, unit=" requests"):
                outcomes.append(outcome)
                if not outcome.status:
                    pool.shutdown(cancel_futures=True)
                    break
        return outcomes

    def ask(self, number: int) -> Outcome:
        """The outcome of the request of this number."""
        return self.outcome(made := self.request(number), self._send(made.body, made.content_type))

    def outcome(self, made: Request, reply: Reply) -> Outcome:
        """The outcome of a request that got this reply."""
        return Outcome(
            number=made.number,
            kind=made.kind,
            mutations=made.mutations,
            status=reply.status,
            versions=frozenset(fuzz_contract.versions(reply)),
            violations=tuple(fuzz_contract.violations(made, reply, self._answer_alone)),
            refused_by_mlflow=fuzz_contract.refused_by_mlflow(made, reply),
        )

    def _answer_alone(self, decision: Decision) -> Answer | None:
        body = alone(decision)
        if body not in self._alone:
            self._alone[body] = fuzz_contract.only_answer(self._send(body, "application/json"))
        return self._alone[body]


def main() -> int:
    """Fuzz a server, print what came of it; returns the exit code."""
    options = _options()
    with served(options.model) if options.model else nullcontext(options.url) as url:
        connections = Connections(url)
        fuzzer = Fuzzer(connections, options.seed, tuple(filter(None, options.attributes.split(","))))
        if options.only is not None:
            return _show(fuzzer, connections, options.only)
        outcomes = fuzzer.run(range(options.requests), options.threads)
        alive = connections.alive()
        print(table(outcomes), broken(outcomes), sep="\n\n")
        _write(outcomes, options.output)
        versions = frozenset[str]().union(*(outcome.versions for outcome in outcomes))
        print(f"model versions: {', '.join(sorted(versions))}; the server is {'alive' if alive else 'GONE'}")
    return int(not alive or len(versions) > 1 or any(outcome.violations for outcome in outcomes))


def table(outcomes: Sequence[Outcome]) -> str:
    """How many requests of each kind there were, with which statuses, and how many broke the contract."""
    statuses = sorted({outcome.status for outcome in outcomes})
    head = ["kind", "requests", *map(str, statuses), "refused by MLflow", "violated"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for kind in [*sorted({outcome.kind for outcome in outcomes}), "all"]:
        own = [outcome for outcome in outcomes if kind in {outcome.kind, "all"}]
        counts = Counter(outcome.status for outcome in own)
        cells = [len(own), *(counts[status] for status in statuses)]
        cells += [sum(o.refused_by_mlflow for o in own), sum(bool(o.violations) for o in own)]
        lines.append(f"| {kind} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def broken(outcomes: Sequence[Outcome]) -> str:
    """The violations by law and by what was done to the requests: how often, their first numbers, and one of them."""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    single = [outcome for outcome in outcomes if len(outcome.mutations) == 1]
    culprits = Counter((o.mutations[0], law) for o in single for law in {v.law for v in o.violations})
    for outcome in outcomes:
        for law in dict.fromkeys(violation.law for violation in outcome.violations):
            said = next(violation.said for violation in outcome.violations if violation.law == law)
            groups.setdefault((_blamed(outcome, law, culprits), law), []).append((outcome.number, said))
    lines = [
        f"{len(found)} x {law}, of {blamed}: --only {' '.join(str(number) for number, _ in found[:_SHOWN])}"
        f"{' …' if len(found) > _SHOWN else ''}\n    {found[0][1]}"
        for (blamed, law), found in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]
    return "\n".join(lines) or "no violation"


def _blamed(outcome: Outcome, law: str, culprits: Counter[tuple[str, str]]) -> str:
    """Of several mutations the one that most often breaks this law by itself, if there is one."""
    suspects = [name for name in outcome.mutations if culprits[name, law]] or [" + ".join(outcome.mutations)]
    return max(suspects, key=lambda name: culprits[name, law]) or outcome.kind


def _show(fuzzer: Fuzzer, send: Send, number: int) -> int:
    made = fuzzer.request(number)
    reply = send(made.body, made.content_type)
    outcome = fuzzer.outcome(made, reply)
    print(f"{made.kind}: {', '.join(made.mutations)}", made.content_type, sep="\n")
    print(readable(made.body, made.content_type), reply.status, reply.body, sep="\n")
    print(*(f"{law}: {said}" for law, said in outcome.violations), sep="\n")
    return int(bool(outcome.violations))


def _write(outcomes: Sequence[Outcome], path: Path | None) -> None:
    lines = [
        json.dumps(
            {"number": o.number, "kind": o.kind, "mutations": o.mutations, "law": v.law, "said": v.said}
        )
        for o in outcomes
        for v in o.violations
    ]
    if path:
        path.write_text("".join(f"{line}\n" for line in lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--url", help="a running server, such as http://127.0.0.1:5001")
    server.add_argument("--model", help="a registered model's URI or a folder, to serve on a free port")
    parser.add_argument("--requests", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="what they are made from")
    parser.add_argument(
        "--only", type=int, metavar="NUMBER", help="send this one and show it with its answer"
    )
    parser.add_argument("--threads", type=int, default=4, help="connections at once")
    parser.add_argument(
        "--attributes", default="", help="the model's numeric attributes, separated by commas"
    )
    parser.add_argument("--output", type=Path, help="file for every violation, a line of JSON each")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
