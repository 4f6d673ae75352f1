"""What the trial by the OpenAPI document calls a fault."""

import json
import re
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

import schemathesis_requests as trial
from credit_model.reporting.openapi import published
from fuzz_contract import Reply
from openapi_schemas import Schemas

SCHEMAS = Schemas(json.loads(published()))
REFUSED = {"error_code": "BAD_REQUEST", "message": "the request has no rows; send at least one"}


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, body if isinstance(body, str) else json.dumps(body), datetime.now(UTC))


def refused(message: str, **more: str) -> Reply:
    return reply(REFUSED | {"message": message} | more, 400)


@pytest.mark.parametrize(
    "sound",
    [
        reply({"predictions": []}),
        reply(REFUSED, 400),
        refused("Ensure that input is a valid JSON formatted string.\nInput: /a/path.py", sqlstate="KAM00"),
    ],
)
def test_a_sound_reply_has_none(sound: Reply) -> None:
    assert list(trial.faults(sound, SCHEMAS)) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (reply("Internal Server Error", 500), "status 500"),
        (reply("[]", 415), "status 415"),
        (reply('{"predictions": [{"score": NaN}]}'), "no JSON"),
        (reply({"predictions": [{"score": 500}]}), r"\$\.predictions\[0\]: "),
        (reply({"message": "no"}, 400), r"\$: "),
        (refused("the request is odd", stack_trace="Traceback (most recent call last)"), "insides: "),
        (refused("Encountered an error in lib/site-packages/polars"), "insides: site-packages"),
        (refused("the request names /srv/model/scorer.json"), "insides: "),
        (refused("the request is odd\nvery"), "more than one sentence"),
        (refused("the request " + "x" * 300), "more than one sentence"),
        (reply(f'{{"predictions": "{trial.NEIGHBOUR}"}}'), "another customer"),
    ],
)
def test_a_bad_reply_has_one(bad: Reply, said: str) -> None:
    assert any(re.search(said, fault) for fault in trial.faults(bad, SCHEMAS))


def test_mlflows_own_failure_tells_nothing() -> None:
    assert trial.is_mlflows(reply("Internal Server Error", 500))
    assert not trial.is_mlflows(reply("Internal Server Error: Traceback", 500))
    assert not trial.is_mlflows(refused("the request is odd"))


def test_another_customers_answers_stay_the_same() -> None:
    assert trial.broken([], Counter({"one": 3, "two": 3})) == "no fault"
    assert "3 different replies" in trial.broken([], Counter({"one": 3, "two": 2, "three": 1}))


def test_the_other_customer_is_asked_about_meanwhile() -> None:
    bodies, several = list[bytes](), threading.Event()

    def send(body: bytes, _: str | None) -> Reply:
        bodies.append(body)
        if len(bodies) == 4:
            several.set()
        return reply({"predictions": []})

    with trial.neighbour(send) as replies:
        assert several.wait(60)
    assert replies.total() == len(bodies)
    assert all(trial.NEIGHBOUR.encode() in body for body in bodies)
