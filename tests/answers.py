"""Asking a server, and comparing what it answers."""

import json
import urllib.error
import urllib.request
from typing import Any

import pandas as pd
import pytest

AS_OF = "2019-02-13T00:00:00Z"
Answers = list[dict[str, Any]]


def ask(server: str, body: object, kind: str = "application/json") -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/invocations", data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


def assert_same(found: Answers, expected: Answers) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name, value in other.items():
            near = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert one[name] == near, name


def records(table: pd.DataFrame) -> Answers:
    plain: Answers = json.loads(table.to_json(orient="records"))
    return plain
