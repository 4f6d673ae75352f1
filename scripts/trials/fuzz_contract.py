"""The contract of the served model: what an answer has to look like, and what must be in it."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from credit_model.reporting.openapi import openapi
from credit_model.scoring.reasons import FIELDS
from credit_model.scoring.scorer import (
    ANSWER,
    BALANCE_BASIS,
    BALANCE_COLUMN,
    GIVEN_ROWS,
    STATED,
    WHAT_WOULD_HELP,
)
from fuzz_decisions import CANARY, Asked, Decision, Expected
from fuzz_requests import Answers, Mlflows, Refused, Request
from openapi_schemas import Schemas

CLOSE = 1e-9
_CLOCKS_APART = timedelta(minutes=5)
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"
_NEVER = "1900-01-01T00:00:00.000000Z"
_FAULT = re.compile(r"(\w+): ([1-9]\d*) ([a-zA-Z' ]+)")
_INSIDES = re.compile(r'Traceback|File "|\.py\b|(?:/[\w.-]+){2,}|stack_trace')
_DECISIONS = {"approve", "review", "reject"}
_TARGETS = {"rfm_proxy", "same_window", "observed_default"}
_BASES = {BALANCE_COLUMN, STATED, GIVEN_ROWS}

Answer = Mapping[str, Any]
Alone = Callable[[Decision], Answer | None]


@dataclass(frozen=True)
class Reply:
    """What a server sent back; status 0 is no answer at all."""

    status: int
    body: str
    received: datetime


class Violation(NamedTuple):
    """What an answer broke: the law, what was expected and what was there."""

    law: str
    said: str


def violations(request: Request, reply: Reply, alone: Alone) -> list[Violation]:
    """Everything in a reply that breaks the contract.

    Args:
        request: what was sent, and what is expected.
        reply: what came back.
        alone: the answer to a valid decision that is sent alone; null if there is none.
    """
    expected = request.expected
    if refused_by_mlflow(request, reply):
        return []
    if isinstance(expected, Mlflows):
        return [_status(f"MLflow's own {expected.status} with {expected.says!r}", reply)]
    if isinstance(expected, Refused):
        return list(_of_refusal(expected, reply))
    return list(_of_answers(expected, reply, alone))


def refused_by_mlflow(request: Request, reply: Reply) -> bool:
    """Whether MLflow itself refused the request, for a reason that is known."""
    expected = request.expected
    if isinstance(expected, Mlflows):
        return reply.status == expected.status and expected.says in reply.body
    if isinstance(expected, Refused) or not expected.unless:
        return False
    return reply.status == 400 and bool(re.search(expected.unless, message_of(reply)))


def only_answer(reply: Reply) -> Answer | None:
    """The answer of a reply that has one and no other."""
    answers = _answers(reply)
    return answers[0] if isinstance(answers, list) and len(answers) == 1 else None


def versions(reply: Reply) -> set[str]:
    """The model versions that a reply names."""
    return set(re.findall(r'"model_version": "(\w+)"', reply.body))


def _of_refusal(expected: Refused, reply: Reply) -> Iterator[Violation]:
    if reply.status != 400:
        yield _status("400", reply)
        return
    message = message_of(reply)
    if not re.search(expected.says, message):
        yield Violation("sentence", f"expected one with {expected.says!r}, found {message[:300]!r}")
    if "\n" in message or len(message) > 300:
        yield Violation("sentence", f"expected one sentence, found {message[:300]!r}")
    yield from leaks(reply.body)


def _of_answers(expected: Answers, reply: Reply, alone: Alone) -> Iterator[Violation]:
    if reply.status != 200:
        yield _status("200", reply)
        yield from leaks(reply.body)
        return
    answers = _answers(reply)
    if isinstance(answers, str):
        yield Violation("JSON", f"expected a list of answers: {answers}")
        return
    if len(answers) != len(expected.asked):
        yield Violation("one answer each", f"expected {len(expected.asked)}, found {len(answers)}")
        return
    own = tuple(
        name for name in (WHAT_WOULD_HELP, BALANCE_BASIS) if any(name in answer for answer in answers)
    )
    for said in _schemas(own).faults("Answers", {"predictions": answers}):
        yield Violation("document", said)
    for place, (asked, answer) in enumerate(zip(expected.asked, answers, strict=True)):
        found = _of_answer(asked, answer, alone, reply.received if expected.now else None)
        yield from (Violation(law, f"answer {place}: {said}") for law, said in found)
    if expected.now and len({answer.get("as_of") for answer in answers}) > 1:
        yield Violation("echo", "expected one moment for the whole request")


def _of_answer(asked: Asked, answer: Answer, alone: Alone, now: datetime | None) -> Iterator[Violation]:
    ill_formed = list(_shape(answer))
    yield from ill_formed
    yield from leaks(json.dumps({name: cell for name, cell in answer.items() if name != "CustomerId"}))
    if ill_formed:
        return
    yield from _echo(asked.expected, answer, now)
    yield from _result(asked.expected, answer, alone)


@cache
def _schemas(own: tuple[str, ...]) -> Schemas:
    """The document's schemas for answers with these fields beside those of every model."""
    return Schemas(openapi((), ANSWER | dict.fromkeys(own, pl.String())))


def _shape(answer: Answer) -> Iterator[Violation]:
    """Fields, types, and what one field says of another."""
    if answer.keys() - {BALANCE_BASIS, WHAT_WOULD_HELP} != ANSWER.keys():
        yield Violation("fields", f"expected {list(ANSWER)}, found {list(answer)}")
        return
    wrong = [name for name, kind in ANSWER.items() if not _is(answer[name], kind)]
    if wrong:
        yield Violation("types", f"of {', '.join(wrong)}")
        return
    broken = [rule for rule, holds in _RULES.items() if not holds(answer)]
    yield from (Violation("rules", f"expected {rule}, found {_brief(answer)}") for rule in broken)


def _is(cell: Any, kind: pl.DataType) -> bool:
    if isinstance(kind, pl.List):
        return isinstance(cell, list) and all(_is_reason(reason) for reason in cell)
    if isinstance(kind, pl.Float64):
        return cell is None or (isinstance(cell, float) and math.isfinite(cell))
    return isinstance(cell, int) if isinstance(kind, pl.Int64) else cell is None or isinstance(cell, str)


def _is_reason(reason: Any) -> bool:
    if not isinstance(reason, dict) or reason.keys() != set(FIELDS):
        return False
    texts = all(reason[name] is None or isinstance(reason[name], str) for name in FIELDS if name != "points")
    points = reason["points"] is None or isinstance(reason["points"], float)
    return (
        texts and points and bool(re.fullmatch(r"R\d\d(-.+)?", str(reason["code"]))) and bool(reason["text"])
    )


_RULES: dict[str, Callable[[Answer], bool]] = {
    "as_of to the microsecond, in UTC": lambda a: (
        a["as_of"] is None or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", a["as_of"]))
    ),
    "a known status": lambda a: a["status"] in {"scored", "no_history", "invalid"},
    "a probability from 0 to 1": lambda a: a["probability"] is None or 0 <= a["probability"] <= 1,
    "score, prediction and band with the probability": lambda a: (
        len({a[name] is None for name in ("probability", "score", "prediction", "risk_level")}) == 1
    ),
    "a probability where scored": lambda a: a["status"] != "scored" or a["probability"] is not None,
    "prediction 0 or 1": lambda a: a["prediction"] in {None, 0, 1},
    "a known decision": lambda a: a["decision"] in _DECISIONS,
    "approve with prediction 0": lambda a: a["decision"] != "approve" or a["prediction"] == 0,
    "reject with prediction 1": lambda a: a["decision"] != "reject" or a["prediction"] == 1,
    "review unless scored": lambda a: a["status"] == "scored" or a["decision"] == "review",
    "a message where invalid, and only there": lambda a: (
        (a["status"] == "invalid") == (a["message"] is not None)
    ),
    "nothing known where invalid": lambda a: (
        a["status"] != "invalid" or (a["probability"] is None and a["transaction_count"] == 0)
    ),
    "transactions where scored, and only there": lambda a: (
        (a["status"] == "scored") == (a["transaction_count"] > 0)
    ),
    "at most four reasons, each once": lambda a: (
        len(a["reasons"]) <= 4 and len({r["code"] for r in a["reasons"]}) == len(a["reasons"])
    ),
    "a balance from somewhere where scored, and only there": lambda a: (
        BALANCE_BASIS not in a or a[BALANCE_BASIS] in (_BASES if a["status"] == "scored" else {None})
    ),
    "a known target": lambda a: a["target"] in _TARGETS,
    "a version of 12 hex digits": lambda a: bool(re.fullmatch("[0-9a-f]{12}", a["model_version"])),
}


def _echo(expected: Expected, answer: Answer, now: datetime | None) -> Iterator[Violation]:
    if expected.named and answer["CustomerId"] != expected.customer:
        yield Violation(
            "echo", f"expected CustomerId {expected.customer!r:.60}, found {answer['CustomerId']!r:.60}"
        )
    if now is not None:
        moment = datetime.strptime(answer["as_of"] or _NEVER, _MOMENT)
        if abs(moment.replace(tzinfo=UTC) - now) > _CLOCKS_APART:
            yield Violation("echo", f"expected as_of now, found {answer['as_of']}")
        return
    moment_text = None if expected.as_of is None else f"{expected.as_of:{_MOMENT}}"
    if answer["as_of"] != moment_text:
        yield Violation("echo", f"expected as_of {moment_text}, found {answer['as_of']}")


def _result(expected: Expected, answer: Answer, alone: Alone) -> Iterator[Violation]:
    if answer["status"] not in expected.statuses:
        yield Violation(
            "status", f"expected {' or '.join(sorted(expected.statuses))}, found {_brief(answer)}"
        )
        return
    if answer["status"] == "invalid":
        yield from _named(expected, answer["message"])
        return
    if expected.count is not None and answer["transaction_count"] != expected.count:
        yield Violation(
            "count", f"expected {expected.count} transactions, found {answer['transaction_count']}"
        )
    if expected.like is None:
        return
    reference = alone(expected.like)
    if reference is None:
        yield Violation("alone", "the decision alone got no answer")
        return
    different = [n for n in answer if not _same(answer[n], reference[n]) and n not in {"CustomerId", "as_of"}]
    if different:
        pairs = ", ".join(f"{name} {reference[name]!r:.80} now {answer[name]!r:.80}" for name in different)
        yield Violation("alone", f"differs from the same decision alone: {pairs}")


def _named(expected: Expected, message: str) -> Iterator[Violation]:
    parts = [_FAULT.fullmatch(part) for part in message.split("; ")]
    found = {part[1]: int(part[2]) for part in parts if part}
    known = {field: count for field, count in expected.faults.items() if count is not None}
    right = known.items() <= found.items() and found.keys() <= expected.faults.keys()
    if None in parts or not right:
        yield Violation("message", f"expected {dict(expected.faults)}, found {message[:200]!r}")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(one == other)


def leaks(text: str) -> Iterator[Violation]:
    """What a text tells that it must not: a cell of the requests of this trial, or the program's insides."""
    if CANARY in text:
        yield Violation("leak", f"a cell is repeated: {text[:300]!r}")
    if found := _INSIDES.search(text):
        yield Violation("leak", f"the program's insides: {text[max(0, found.start() - 60) :][:300]!r}")


def _answers(reply: Reply) -> list[Answer] | str:
    """The answers of a reply, or what is wrong with it."""
    try:
        answers = json.loads(reply.body, parse_constant=_no_constant)["predictions"]
    except (ValueError, KeyError, TypeError) as error:
        return repr(error)
    objects = isinstance(answers, list) and all(isinstance(answer, dict) for answer in answers)
    return answers if objects else "predictions is no list of objects"


def message_of(reply: Reply) -> str:
    """The message of MLflow's error; empty where there is none."""
    try:
        return str(json.loads(reply.body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _status(expected: str, reply: Reply) -> Violation:
    return Violation("HTTP status", f"expected {expected}, found {reply.status}: {reply.body[:200]!r}")


def _brief(answer: Answer) -> str:
    return json.dumps({name: cell for name, cell in answer.items() if name not in {"CustomerId", "reasons"}})[
        :400
    ]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
