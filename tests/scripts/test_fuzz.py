"""Requests made from seeds: the served model keeps its contract, and the fuzzer sees where one does not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pytest

import fuzz_requests
import schemathesis_requests
from fuzz import Connections, Fuzzer, Outcome, Send, broken, table
from fuzz_bodies import readable
from fuzz_contract import Reply
from fuzz_decisions import CANARY
from fuzz_requests import Request
from processes import ROOT, TrainedModel, run, serving

pytestmark = pytest.mark.slow

SEED, REQUESTS = 1, 300
Answers = list[dict[str, Any]]


class Recorded:
    """A server's replies, each asked for once."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._replies: dict[tuple[bytes, str | None], Reply] = {}

    def __call__(self, body: bytes, content_type: str | None) -> Reply:
        if (body, content_type) not in self._replies:
            self._replies[body, content_type] = self._send(body, content_type)
        return self._replies[body, content_type]


@pytest.fixture(scope="module")
def address(trained_model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(trained_model, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def server(address: str) -> Recorded:
    return Recorded(Connections(address))


@pytest.fixture(scope="module")
def outcomes(server: Recorded) -> list[Outcome]:
    return Fuzzer(server, SEED).run(range(REQUESTS))


@pytest.fixture(scope="module")
def kept(outcomes: list[Outcome]) -> list[Request]:
    """The requests that broke nothing."""
    return [fuzz_requests.request(SEED, outcome.number) for outcome in outcomes if not outcome.violations]


def test_every_answer_keeps_the_contract(outcomes: list[Outcome]) -> None:
    assert broken(outcomes) == "no violation"


def test_every_kind_of_request_is_counted(outcomes: list[Outcome]) -> None:
    *_, last = table(outcomes).splitlines()
    assert last.startswith(f"| all | {REQUESTS} |")
    assert {outcome.kind for outcome in outcomes} == set(fuzz_requests.KINDS)


def test_a_request_is_made_from_its_seed_and_number_alone() -> None:
    forth = [fuzz_requests.request(SEED, number) for number in range(40)]
    back = [fuzz_requests.request(SEED, number) for number in reversed(range(40))]
    assert [made.body for made in forth] == [made.body for made in reversed(back)]
    assert fuzz_requests.request(SEED + 1, 0).body != forth[0].body


def cell(field: str, value: object) -> Callable[[Answers], None]:
    """A fault: the last answer says something else in one field."""
    return lambda answers: answers[-1].update({field: value})


def nearly(field: str, more: float) -> Callable[[Answers], None]:
    """A fault: a number of the last answer is a little more, where there is one."""
    return lambda answers: answers[-1].update({field: answers[-1][field] and answers[-1][field] + more})


PLANTED: dict[str, tuple[str, Callable[[Answers], object]]] = {
    "a row is dropped": ("one answer each", lambda answers: answers.pop()),
    "a row is answered twice": ("one answer each", lambda answers: answers.append(answers[0])),
    "answers in another order": ("echo", lambda answers: answers.reverse()),
    "another customer": ("echo", cell("CustomerId", "another")),
    "another moment": ("echo", cell("as_of", "2019-02-13T00:00:00.000002Z")),
    "a moment of another form": ("rules", cell("as_of", "2019-02-13")),
    "a neighbour changes a probability": ("alone", nearly("probability", -1e-7)),
    "a neighbour changes the reasons": ("alone", cell("reasons", [])),
    "a transaction counts that should not": ("count", nearly("transaction_count", 1)),
    "a probability is NaN": ("JSON", cell("probability", float("nan"))),
    "a probability above one": ("rules", nearly("probability", 1)),
    "a score without probability": ("rules", cell("probability", None)),
    "a rejection without prediction": ("rules", lambda a: a[-1].update(decision="reject", prediction=0.0)),
    "a balance from nowhere": ("rules", cell("balance_basis", "somewhere")),
    "a field too many": ("document", cell("income", 5)),
    "a field is missing": ("fields", lambda answers: answers[-1].pop("target")),
    "a number as text": ("types", cell("score", "500")),
    "a cell is repeated": ("leak", cell("risk_level", f"{CANARY} band")),
    "a path is told": ("leak", cell("risk_level", "/srv/model/scorer.json")),
    "an invalid decision is scored": ("status", lambda a: [one.update(scored(one)) for one in a]),
    "a message names nothing": ("message", lambda a: [one.update(unnamed(one)) for one in a]),
}


def scored(answer: dict[str, Any]) -> dict[str, Any]:
    known = {"probability": 0.5, "score": 500.0, "prediction": 1.0, "risk_level": "medium"}
    valid = {"status": "scored", "message": None, "transaction_count": 1}
    valid |= {"balance_basis": "given_rows"} if "balance_basis" in answer else {}
    return known | valid if answer["status"] == "invalid" else {}


def unnamed(answer: dict[str, Any]) -> dict[str, Any]:
    return {"message": "something is wrong"} if answer["status"] == "invalid" else {}


def laws(send: Send, kept: list[Request]) -> set[str]:
    """The laws that requests break once their replies come from elsewhere."""
    fuzzer = Fuzzer(send, SEED)
    outcomes = [fuzzer.outcome(made, send(made.body, made.content_type)) for made in kept]
    return {violation.law for outcome in outcomes for violation in outcome.violations}


@pytest.mark.parametrize(("law", "fault"), PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_found(
    law: str, fault: Callable[[Answers], object], server: Recorded, kept: list[Request]
) -> None:
    def faulty(body: bytes, content_type: str | None) -> Reply:
        reply = server(body, content_type)
        answers = json.loads(reply.body)["predictions"] if reply.status == 200 else []
        if len(answers) < 2:
            return reply
        fault(answers)
        return replace(reply, body=json.dumps({"predictions": answers}))

    assert law in laws(faulty, kept)


@pytest.mark.parametrize(
    ("status", "text", "law"),
    [
        (500, "Internal Server Error", "HTTP status"),
        (0, "ConnectionRefusedError", "HTTP status"),
        (400, '{"message": "no", "stack_trace": "Traceback (most recent call last)"}', "leak"),
        (400, f'{{"message": "cannot read {CANARY}-7"}}', "leak"),
        (400, '{"message": "no"}', "sentence"),
        (200, "[]", "JSON"),
    ],
)
def test_a_bad_reply_is_found(status: int, text: str, law: str, kept: list[Request]) -> None:
    reply = Reply(status, text, datetime.now(UTC))
    assert law in laws(lambda *_: reply, kept)


def test_requests_from_the_document_of_the_model(address: str, trained_model: TrainedModel) -> None:
    mlflow.set_tracking_uri(trained_model.tracking)
    own = Path(mlflow.artifacts.download_artifacts(f"{trained_model.uri}/artifacts/openapi.json"))
    with schemathesis_requests.neighbour(Connections(address)) as replies:
        outcomes = schemathesis_requests.Trial(address, json.loads(own.read_text()), SEED).run(100)
    assert schemathesis_requests.broken(outcomes, replies) == "no fault"
    assert len(replies) == 2
    assert schemathesis_requests.table(outcomes).splitlines()[-1].startswith("| all | 100 |")
    assert any(outcome.scored for outcome in outcomes)


def test_it_ends_where_the_server_does() -> None:
    gone = Reply(0, "ConnectionRefusedError", datetime.now(UTC))
    (outcome,) = Fuzzer(lambda *_: gone, SEED).run(range(REQUESTS))
    assert outcome.violations


def test_the_command(address: str, trained_model: TrainedModel, outcomes: list[Outcome]) -> None:
    """It says by its exit code whether all was well, and shows a request again."""
    script = [str(ROOT / "scripts" / "trials" / "fuzz.py"), "--url", address, "--seed", str(SEED)]
    done = run([*script, "--requests", "20"], trained_model.environment, ROOT)
    assert done.returncode == int(any(outcome.violations for outcome in outcomes[:20])), done.stderr
    assert "the server is alive" in done.stdout
    shown = run([*script, "--only", "0"], trained_model.environment, ROOT)
    made = fuzz_requests.request(SEED, 0)
    assert readable(made.body, made.content_type) in shown.stdout
