"""Send requests that schemathesis makes from a model's OpenAPI document, and hypothesis-made bodies, to a scoring server.

``python scripts/trials/schemathesis_requests.py --model models:/credit-risk@champion`` starts the stock server on a free port and
asks by the document that the model carries; ``--url`` asks one that runs, by ``--document``. Of 25 requests 12 are as the
document says, 6 of them with all times in one month, so that there is a history to score; 6 are against the document; 6 are JSON
of any kind under MLflow's keys, some of it cut short; 1 is what MLflow itself answers with a 500: without Content-Type, or nested
too deep. Meanwhile another customer is asked about again and again: their data may be in no answer but their own, which stays the
same.

Exit code 1 if a reply to any other is a 5xx, breaks the document, has NaN, a stack trace or a path, or tells of the other
customer, or if what the model itself refuses gets more than one sentence.
"""

import argparse
import json
import re
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from requests import RequestException
from schemathesis import Case, GenerationMode

from credit_model.data.transactions import COLUMNS, REQUIRED
from credit_model.tracking.model_folder import model_folder
from fuzz import Connections
from fuzz_bodies import JSON
from fuzz_contract import Reply, leaks, message_of
from openapi_schemas import Schemas
from stock_server import served

PUBLISHED = Path(__file__).parents[2] / "docs" / "openapi.json"
OWN = "MLflow's own"
SHARES = {"as the document says": 6, "of one month": 6, "against the document": 6, "any JSON": 6, OWN: 1}
DEEPEST = 100_000
_OURS = ("the request ", "the parameter as_of ", "rows of single transactions ")
_INSIDES = re.compile(r'Traceback \(most recent|"stack_trace"|site-packages|credit_model[/\\]|File \\?"')
NEIGHBOUR = secrets.token_hex(8)  # not in the code, from which hypothesis takes what it sends
_LONGEST_SENTENCE = 300
_PAUSE = 0.05
_MOMENT = "2019-02-13T00:00:00Z"

Document = dict[str, Any]
Send = Callable[[bytes, str | None], Reply]
Ask = Callable[[Any], Reply]


class Outcome(NamedTuple):
    """What came of one request."""

    kind: str
    status: int
    refused_by_mlflow: bool
    scored: bool
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """A server, and the document that it is held against.

    Attributes:
        url: the server's address.
        document: the OpenAPI document as plain JSON values.
        seed: what the requests are made from.
    """

    url: str
    document: Document
    seed: int = 1

    def run(self, requests: int) -> list[Outcome]:
        """The outcomes of so many requests, shared out over the kinds."""
        makers = self._makers()
        shares = {kind: requests * share // sum(SHARES.values()) for kind, share in SHARES.items()}
        return [
            outcome for kind, count in shares.items() for outcome in self._of_kind(kind, *makers[kind], count)
        ]

    def _makers(self) -> dict[str, tuple[SearchStrategy[Any], Ask]]:
        send, document = Connections(self.url), _json_alone(self.document)
        makers: dict[str, tuple[SearchStrategy[Any], Ask]] = {
            "as the document says": (_cases(document).map(_rectangular), self._call),
            "of one month": (_cases(_of_one_month(document)).map(_rectangular), self._call),
            "against the document": (_cases(document, GenerationMode.NEGATIVE), self._call),
            "any JSON": (any_json(), lambda body: send(body, JSON)),
            OWN: (too_odd(), lambda made: send(*made)),
        }
        return makers

    def _call(self, case: Case[Any]) -> Reply:
        try:
            response = case.call(base_url=self.url, timeout=60)
        except RequestException as error:
            return Reply(0, type(error).__name__, datetime.now(UTC))
        return Reply(response.status_code, response.content.decode(errors="replace"), datetime.now(UTC))

    def _of_kind(self, kind: str, made: SearchStrategy[Any], ask: Ask, count: int) -> list[Outcome]:
        schemas, outcomes = Schemas(self.document), list[Outcome]()

        @seed(self.seed)
        @settings(
            max_examples=count,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(made)
        def once(request: Any) -> None:
            reply = ask(request)
            found = () if kind == OWN and is_mlflows(reply) else tuple(faults(reply, schemas))
            scored = '"status": "scored"' in reply.body
            outcomes.append(Outcome(kind, reply.status, refused_by_mlflow(reply), scored, found))

        if count:
            once()
        return outcomes


def faults(reply: Reply, schemas: Schemas) -> Iterator[str]:
    """What a reply breaks, whatever was asked; nothing of the request is repeated."""
    if NEIGHBOUR in reply.body:
        yield "it tells of another customer"
    if found := _INSIDES.search(reply.body):
        yield f"it tells of the program's insides: {found[0]}"
    if reply.status not in {200, 400}:
        yield f"status {reply.status}: {reply.body[:80]!r}"
        return
    try:
        plain = json.loads(reply.body, parse_constant=_no_constant)
    except ValueError as error:
        yield f"no JSON: {type(error).__name__}"
        return
    yield from schemas.faults("Answers" if reply.status == 200 else "Error", plain)
    if reply.status == 400 and not refused_by_mlflow(reply):
        yield from _of_sentence(message_of(reply))


def is_mlflows(reply: Reply) -> bool:
    """Whether a reply is the one that MLflow gives where it fails itself: it tells nothing."""
    return (reply.status, reply.body) == (500, "Internal Server Error")


def refused_by_mlflow(reply: Reply) -> bool:
    """Whether MLflow refused a request before the model saw it; its message may repeat the request."""
    return reply.status == 400 and not message_of(reply).startswith(_OURS)


def _of_sentence(message: str) -> Iterator[str]:
    if "\n" in message or len(message) > _LONGEST_SENTENCE:
        yield "the model refuses with more than one sentence"
    yield from (violation.said for violation in leaks(message))


def any_json() -> SearchStrategy[bytes]:
    """Bodies of JSON of any kind under MLflow's keys and the contract's columns, one in eight cut short."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(_MOMENT)
    cells = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=6)
    names = st.sampled_from((*COLUMNS, "as_of")) | st.text(max_size=8)
    rows = st.dictionaries(names, cells, max_size=6)
    wide = st.fixed_dictionaries(dict.fromkeys(REQUIRED, cells), optional={"as_of": cells})
    tables = st.one_of(
        st.lists(rows | wide, max_size=4).map(lambda made: {"dataframe_records": made}),
        st.fixed_dictionaries(
            {"columns": st.lists(names, max_size=4), "data": st.lists(st.lists(cells, max_size=4))}
        ).map(lambda made: {"dataframe_split": made}),
        (rows | wide).map(lambda made: {"inputs": made}),
        st.dictionaries(st.text(max_size=12), cells, max_size=3),
    )
    params = st.dictionaries(st.sampled_from(("as_of", "one_row_per_decision", "what_would_help")), cells)
    bodies = st.tuples(tables, st.none() | params).map(_encoded)
    return st.tuples(bodies, st.integers(0, 7), st.integers(1, 40)).map(
        lambda made: made[0] if made[1] else made[0][: -made[2]]
    )


def too_odd() -> SearchStrategy[tuple[bytes, str | None]]:
    """Bodies, with their Content-Type, that MLflow fails at: of no type, and nested too deep for Python's own reader."""
    untyped = any_json().map(lambda body: (body, None))
    depths = st.integers(DEEPEST // 2, DEEPEST)
    return untyped | depths.map(
        lambda deep: (b'{"dataframe_records": ' + b"[" * deep + b"]" * deep + b"}", JSON)
    )


def _encoded(made: tuple[Mapping[str, Any], Any]) -> bytes:
    table, params = made
    return json.dumps({**table, **({} if params is None else {"params": params})}).encode()


@contextmanager
def neighbour(send: Send) -> Iterator[Counter[str]]:
    """Ask about another customer, once well and once with bad data, again and again; yields how often each reply came."""
    good = {
        "CustomerId": NEIGHBOUR,
        "TransactionStartTime": "2019-02-01",
        "Amount": 5,
        "ProductCategory": NEIGHBOUR,
    }
    replies, over = Counter[str](), threading.Event()

    def keep_asking() -> None:
        while not over.wait(_PAUSE):
            for row in (good, good | {"Amount": NEIGHBOUR}):
                body = {"dataframe_records": [row], "params": {"as_of": _MOMENT}}
                replies[send(json.dumps(body).encode(), JSON).body] += 1

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        yield replies
    finally:
        over.set()
        thread.join()


def table(outcomes: Sequence[Outcome]) -> str:
    """How many requests of each kind there were, with which statuses, and how many replies were at fault."""
    statuses = sorted({outcome.status for outcome in outcomes})
    head = ["kind", "requests", *map(str, statuses), "with a score", "refused by MLflow", "at fault"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for kind in (*SHARES, "all"):
        own = [outcome for outcome in outcomes if kind in {outcome.kind, "all"}]
        counts = Counter(outcome.status for outcome in own)
        cells = [len(own), *(counts[status] for status in statuses)]
        cells += [
            sum(o.scored for o in own),
            sum(o.refused_by_mlflow for o in own),
            sum(bool(o.faults) for o in own),
        ]
        lines.append(f"| {kind} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def broken(outcomes: Sequence[Outcome], replies: Counter[str]) -> str:
    """The faults, how often each was found; and whether the other customer's two replies stayed the same."""
    counts = Counter(f"{outcome.kind}: {fault}" for outcome in outcomes for fault in outcome.faults)
    if len(replies) > 2:
        counts[f"the other customer got {len(replies)} different replies, not 2"] += 1
    return "\n".join(f"{count} x {fault}" for fault, count in counts.most_common()) or "no fault"


def main() -> int:
    """Ask a server, print what came of it; returns the exit code."""
    options = _options()
    path = model_folder(options.model) / "artifacts" / "openapi.json" if options.model else options.document
    document = json.loads(path.read_text(encoding="utf-8"))
    with served(options.model) if options.model else nullcontext(options.url) as url:
        connections = Connections(url)
        with neighbour(connections) as replies:
            outcomes = Trial(url, document, options.seed).run(options.requests)
        alive = connections.alive()
    said = broken(outcomes, replies)
    print(table(outcomes), said, f"the server is {'alive' if alive else 'GONE'}", sep="\n\n")
    print(f"the other customer was asked about {replies.total():,} times")
    return int(said != "no fault" or not alive)


def _json_alone(document: Document) -> Document:
    """The document without what schemathesis cannot make: Parquet."""
    own = deepcopy(document)
    body = own["paths"]["/invocations"]["post"]["requestBody"]
    body["content"] = {JSON: body["content"][JSON]}
    return own


def _of_one_month(document: Document) -> Document:
    """The document with all times in one month, the moment of decision after it, and cells that are easily read."""
    own = deepcopy(document)
    schemas = own["components"]["schemas"]
    schemas["Time"] = {"type": "string", "pattern": "^2019-02-(0[1-9]|1[0-9]|2[0-8])T1[0-9]:[0-5][0-9]:00Z$"}
    schemas["Text"] = {"type": "string", "minLength": 1}
    schemas["Number"] = {"type": "number", "minimum": -1e6, "maximum": 1e6}
    for kind in ("Transaction", "Decision"):
        del schemas[kind]["properties"]["CurrencyCode"]  # two of one customer are invalid
    for name in REQUIRED[1:]:
        schemas["Decision"]["properties"][name]["minItems"] = 1
    schemas["Parameters"]["properties"]["as_of"] = {"const": "2019-03-01"}
    schemas["Parameters"]["required"] = ["as_of"]
    return own


def _cases(document: Document, mode: GenerationMode = GenerationMode.POSITIVE) -> SearchStrategy[Case[Any]]:
    operation = schemathesis.openapi.from_dict(document)["/invocations"]["POST"]
    made: SearchStrategy[Case[Any]] = operation.as_strategy(generation_mode=mode)
    return made


def _rectangular(case: Case[Any]) -> Case[Any]:
    """With rows, columns and arrays of one length, which a schema cannot ask for."""
    body: Any = case.body
    for row in body.get("dataframe_records", ()):
        row.update(_as_long({name: cell for name, cell in row.items() if name in COLUMNS}))
    if (split := body.get("dataframe_split")) is not None:
        width = len(split["columns"])
        split["data"] = [(row + [None] * width)[:width] for row in split["data"]]
        split.pop("index", None)
    if (columns := body.get("inputs")) is not None:
        columns.update(_as_long(columns))
    return case


def _as_long(cells: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The arrays, each cut to the length of the shortest."""
    arrays = {name: cell for name, cell in cells.items() if isinstance(cell, list)}
    length = min(map(len, arrays.values()), default=0)
    return {name: cell[:length] for name, cell in arrays.items()}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--url", help="a running server, such as http://127.0.0.1:5001")
    server.add_argument("--model", help="a registered model's URI or a folder, to serve on a free port")
    parser.add_argument("--document", type=Path, default=PUBLISHED, help="the document for --url")
    parser.add_argument("--requests", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="what they are made from")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
