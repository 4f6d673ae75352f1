"""Requests of every kind with the replies that they must get, computed in this process before a server is asked."""

import asyncio
import hmac
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import mlflow
import pandas as pd

from fuzz_requests import Answers, Mlflows, Request, request

_LOG, _KEY = "CREDIT_MODEL_DECISION_LOG", "CREDIT_MODEL_HASH_KEY"
_SECRET = "of no customer but the trial's"
NAMES_A_SET = "exactly one of the input fields"
Logged = tuple[str | None, str]


@dataclass(frozen=True)
class Known:
    """A request and its reply.

    Attributes:
        made: the request.
        status: of the reply.
        body: of the reply, to the last digit.
        decisions: what the decision log must have of it: hash of the customer, and the answer without the id.
    """

    made: Request
    status: int
    body: bytes
    decisions: Counter[Logged]

    @property
    def valid(self) -> bool:
        """Whether it is answered, bad decisions among good ones included, and not refused."""
        return self.status == 200


def logging_to(log: Path) -> dict[str, str]:
    """The variables that switch a decision log on."""
    return {_LOG: str(log), _KEY: _SECRET}


def known_requests(model: str, count: int, seed: int = 1) -> list[Known]:
    """Requests of every kind of ``fuzz_requests`` that gets the same reply every time, each with it, from the loaded model.

    Nothing of ``credit_model`` may have been imported before: the loaded model brings its own code.

    Args:
        model: a registered model's URI or a folder.
        count: how many; fewer come back, without those that are about the present, and those that MLflow refuses with the
            names of a set, whose order differs from process to process.
        seed: what they are made from.
    """
    from mlflow.pyfunc import scoring_server

    with mock.patch.dict(os.environ):
        os.environ.pop(_LOG, None)
        app = scoring_server.init(mlflow.pyfunc.load_model(model))
        logging.disable()  # MLflow warns of requests that are bad on purpose
        try:
            with pd.option_context("future.infer_string", False):  # as a model sets it in a server
                return [_known(app, made) for made in _repeatable(count, seed)]
        finally:
            logging.disable(logging.NOTSET)


def _repeatable(count: int, seed: int) -> Iterator[Request]:
    for number in range(count):
        made = request(seed, number)
        if isinstance(made.expected, Answers) and made.expected.now:
            continue
        if isinstance(made.expected, Mlflows) and made.expected.says == NAMES_A_SET:
            continue
        yield made


def _known(app: Any, made: Request) -> Known:
    status, body = asyncio.run(_reply(app, made))
    answers = json.loads(body)["predictions"] if status == 200 else []
    return Known(made, status, body, Counter(map(logged, answers)))


async def _reply(app: Any, made: Request) -> tuple[int, bytes]:
    """What the application answers; it raises what it answers with a status of 500."""
    sent: list[Mapping[str, Any]] = []
    given = asyncio.Queue[Mapping[str, Any]]()
    given.put_nowait({"type": "http.request", "body": made.body, "more_body": False})

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    kind = [(b"content-type", made.content_type.encode())] if made.content_type else []
    scope = {"type": "http", "method": "POST", "path": "/invocations", "query_string": b"", "headers": kind}
    with suppress(Exception):
        await app(scope, given.get, send)
    return sent[0]["status"], b"".join(part.get("body", b"") for part in sent)


def logged(answer: Mapping[str, Any]) -> Logged:
    """What the decision log must say of an answer."""
    rest = dict(answer)
    customer = rest.pop("CustomerId")
    return None if customer is None else _hash(customer), json.dumps(rest, sort_keys=True)


def _hash(customer: str) -> str:
    return hmac.digest(_SECRET.encode(), customer.encode("utf-8", "surrogatepass"), "sha256").hex()
