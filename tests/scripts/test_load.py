"""Load: replies and logged decisions are compared with those known before, and the trial sees where they differ."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from kill_workers import kill
from load import Memory, failed, grown
from load_clients import LOST, RIGHT, WRONG, Asked, Load, under_load
from load_log import read_log
from load_requests import Known, known_requests, logged, logging_to
from processes import TrainedModel, at_desk
from stock_server import Server, running

REQUESTS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def known(trained_model: TrainedModel, folder: Path) -> list[Known]:
    with at_desk(trained_model.environment, folder):
        return known_requests(trained_model.uri, REQUESTS)


@pytest.fixture(scope="module")
def server(trained_model: TrainedModel, folder: Path) -> Iterator[Server]:
    with (
        at_desk(trained_model.environment, folder),
        running(trained_model.uri, 2, logging_to(folder / "decisions.jsonl")) as server,
    ):
        yield server


@pytest.mark.slow
def test_a_killed_worker_costs_no_right_answer_and_no_line(
    server: Server, known: list[Known], folder: Path
) -> None:
    first = next(place for place, one in enumerate(known) if one.valid)
    known = [*known, replace(known[first], body=known[first].body[:-1])]
    with under_load(server.url, known, clients=4) as load:
        gone = kill(server, load, Random(1))
    wrong = load.of(WRONG)
    assert {one.place for one in wrong} == {len(known) - 1}
    assert gone.answered <= gone.whole
    assert len(load.of(RIGHT)) > REQUESTS
    answered = load.decisions(RIGHT) + load.decisions(WRONG)
    assert list(read_log(folder / "decisions.jsonl").faults(answered, load.decisions(LOST))) == []


def test_known_requests_are_good_and_bad_ones(known: list[Known]) -> None:
    assert {one.status for one in known} >= {200, 400}
    assert all(bool(one.decisions) == one.valid for one in known)


ANSWER = {"CustomerId": "C-1", "status": "scored", "score": 500.25}


def line(number: int) -> str:
    customer, answer = logged(ANSWER)
    entry = {"time": "now", "kind": "decision", "decision_id": str(number), "customer": customer}
    rest = {"history_days": 30, "answer": json.loads(answer), "features": {}, "contributions": None}
    return f"{json.dumps(entry | rest)}\n"


LOGS: dict[str, tuple[str, list[str]]] = {
    "sound": (line(1) + line(2), []),
    "cut short": (line(1) + line(2) + line(3)[:-9], ["1 broken lines"]),
    "two lines in one": (line(1) + line(2)[:40] + line(3), ["1 broken lines", "1 answered decisions not"]),
    "an id twice": (line(1) + line(1), ["1 decision ids twice"]),
    "one is absent": (line(1), ["1 answered decisions not"]),
    "another score": (
        line(1) + line(2).replace("500.25", "500.5"),
        ["1 answered", "1 lines of what was neither"],
    ),
    "one that was lost": (line(1) + line(2) + line(3), []),
    "one too many": (line(1) + line(2) + line(3) + line(4), ["1 lines of what was neither"]),
}


@pytest.mark.parametrize(("text", "said"), LOGS.values(), ids=LOGS)
def test_a_log_is_held_against_the_answers(text: str, said: list[str], tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    log.with_name(f"{log.name}.20261122T011358000000Z").write_text(text[: len(line(1))])
    log.write_text(text[len(line(1)) :])
    log.with_name(f"{log.name}.lock").touch()
    faults = list(read_log(log).faults(Counter({logged(ANSWER): 2}), Counter({logged(ANSWER): 1})))
    assert len(faults) == len(said)
    assert all(fault.startswith(part) for fault, part in zip(faults, said, strict=True))


@pytest.mark.parametrize(("last", "faults"), [(104.0, 0), (106.0, 1), (90.0, 0)])
def test_memory_that_grows_after_warm_up(last: float, faults: int) -> None:
    memory = Memory([{1: 20.0, 2: 30.0}] * 20 + [{1: 50.0, 2: 50.0}] * 10 + [{1: last / 2, 2: last / 2}] * 70)
    assert len(list(grown(memory))) == faults


SPOILT: dict[str, Callable[[Known], Known]] = {
    "valid": lambda one: replace(one, status=200),
    "refused": lambda one: replace(one, status=400),
}


@pytest.mark.parametrize(
    ("kind", "outcome", "faults"), [("valid", LOST, 1), ("valid", RIGHT, 0), ("refused", WRONG, 0)]
)
def test_a_valid_request_that_fails(kind: str, outcome: str, faults: int, known: list[Known]) -> None:
    load = Load([SPOILT[kind](known[0])], [Asked(0, 0.0, 1.0, outcome)])
    assert len(list(failed(load))) == faults
