"""Requests made from a seed and a number, and what is expected of their answers: the same ones every time."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

from fuzz_bodies import ENCODINGS, JSON, PARQUET, array_rows, json_body, parquet_body, parquet_types, raw_rows
from fuzz_decisions import CANARY, INVALID, MOMENTS, POOL, TIME, VALID, Asked, Decision, good
from fuzz_mutations import (
    ARRAY_FAULTS,
    FAULTS,
    HARMLESS,
    ODDITIES,
    TYPED_FAULTS,
    Mutation,
    bad_attributes,
)

_SURROGATE = r"can't encode character '\\ud800'"
_RAGGED = "array has an inhomogeneous shape"


@dataclass(frozen=True)
class Answers:
    """An answer to every decision, in this order; ``now`` where nothing says at which moment.

    Attributes:
        asked: the decisions.
        now: their moment is that of the request.
        unless: what MLflow's own refusal says, where it may refuse the request before the model sees it.
    """

    asked: tuple[Asked, ...]
    now: bool = False
    unless: str | None = None


@dataclass(frozen=True)
class Refused:
    """No row can be read: 400 and one sentence that has ``says`` in it."""

    says: str


@dataclass(frozen=True)
class Mlflows:
    """MLflow answers before the model is reached, with this status and ``says`` in the body."""

    status: int
    says: str


@dataclass(frozen=True)
class Request:
    """What is sent, and what has to come back.

    Attributes:
        number: with the seed, all that it is made from.
        kind: for the table of results.
        body: as it is sent.
        content_type: its header; null sends none.
        expected: of the answer.
        mutations: the names of all that was done to it.
    """

    number: int
    kind: str
    body: bytes
    content_type: str | None
    expected: Answers | Refused | Mlflows
    mutations: tuple[str, ...] = ()


def request(seed: int, number: int, attributes: tuple[str, ...] = ()) -> Request:
    """One of the requests of a seed.

    Args:
        seed: of all requests.
        number: which of them.
        attributes: names of the model's numeric attributes.
    """
    chance = Random(f"{seed}/request/{number}")
    source = _Source(seed, chance, attributes)
    (kind,) = chance.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    made = KINDS[kind][1](source)
    return replace(made, number=number, kind=kind)


def alone(decision: Decision) -> bytes:
    """The plainest request of one decision: one JSON record of arrays."""
    return json_body(array_rows([decision]), "dataframe_records")


@dataclass(frozen=True)
class _Source:
    seed: int
    chance: Random
    attributes: tuple[str, ...]

    def good(self, count: int) -> list[Asked]:
        """Different valid decisions; a few of them often share their moment."""
        places: Sequence[int] = range(POOL)
        if count < 8 and self.chance.random() < 0.4:
            places = places[self.chance.randrange(len(MOMENTS)) :: len(MOMENTS)]
        return [_good(self.seed, place, self.attributes) for place in self.chance.sample(places, count)]

    def harmless(self, asked: Asked, most: int) -> Asked:
        """With up to so many mutations that leave the answer as it was."""
        chosen = self.chance.sample(list(HARMLESS), self.chance.randint(0, most))
        for name in (name for name in HARMLESS if name in chosen):
            asked = self.mutated(asked, name, HARMLESS[name])
        return asked

    def spoilt(self, asked: Asked, mutations: Mapping[str, Mutation]) -> Asked:
        """With one of these mutations, if it applies."""
        name = self.chance.choice(list(mutations))
        return self.mutated(asked, name, mutations[name])

    def mutated(self, asked: Asked, name: str, mutation: Mutation) -> Asked:
        """With a mutation, if it applies."""
        changed = mutation(self.chance, asked)
        return asked if changed is None else replace(changed, mutations=(*asked.mutations, name))


_good = lru_cache(POOL)(good)


def _alone(source: _Source) -> Request:
    """One valid decision, mutated without harm."""
    return _sent(source, lambda _: [source.harmless(a, 3) for a in source.good(1)])


def _together(source: _Source) -> Request:
    """Several valid decisions, mutated without harm; a customer may be asked about twice."""

    def members(_: bool) -> list[Asked]:
        valid = source.good(source.chance.choice((2, 2, 3, 4, 6, 30)))
        found = [source.harmless(a, 2) for a in valid]
        twice = source.mutated(valid[0], "at_another_moment", HARMLESS["at_another_moment"])
        return [*found, twice] if source.chance.random() < 0.2 else found

    return _sent(source, members)


def _among(source: _Source) -> Request:
    """Valid decisions among decisions at fault, which have to be answered as if they were alone."""

    def members(arrays: bool) -> list[Asked]:
        bad = source.chance.choice((1, 1, 1, 2, 3))
        found = source.good(bad + source.chance.randint(1, 3))
        faults = FAULTS | ODDITIES | bad_attributes(source.attributes) | (ARRAY_FAULTS if arrays else {})
        if arrays and source.chance.random() < 0.1:
            faults = ARRAY_FAULTS
        return [source.spoilt(a, faults) for a in found[:bad]] + found[bad:]

    return _sent(source, members)


def _bad_alone(source: _Source) -> Request:
    """One decision at fault."""
    faults = FAULTS | ODDITIES | bad_attributes(source.attributes)
    return _sent(source, lambda _: [source.spoilt(a, faults) for a in source.good(1)])


def _sent(source: _Source, members: Callable[[bool], list[Asked]]) -> Request:
    """Decisions as JSON, in either shape, in any encoding, with the moment in any of its places."""
    arrays = source.chance.random() < 0.5
    asked = _distinct(members(arrays))
    source.chance.shuffle(asked)
    asked, params = _moments(source.chance, asked)
    records, asked = _records(source.chance, asked, arrays=arrays)
    if arrays and source.chance.random() < 0.3:
        params["one_row_per_decision"] = True
    encoding = source.chance.choice(ENCODINGS)
    unknown = {"asof": CANARY} if source.chance.random() < 0.5 else None
    body = json_body(records, encoding, params or unknown)
    unless = _SURROGATE if b"\\ud800" in body else None
    if encoding == "inputs" and any("unknown_columns" in a.mutations for a in asked):
        unless = _RAGGED  # MLflow makes arrays of the columns that the signature does not have
    return _request(body, JSON, Answers(tuple(asked), unless=unless), _mutations(asked))


def _records(chance: Random, asked: list[Asked], *, arrays: bool) -> tuple[list[dict[str, Any]], list[Asked]]:
    """A table, and the decisions in the order of their answers."""
    decisions = [a.decision for a in asked]
    if arrays:
        return array_rows(decisions), asked
    records, order = raw_rows(chance, decisions)
    return records, [asked[place] for place in order]


def _distinct(asked: list[Asked]) -> list[Asked]:
    """Without a second decision of the same name and moment; those whose name is not known count as one."""
    return list({(a.expected.customer, a.expected.customer and a.expected.as_of): a for a in asked}.values())


def _moments(chance: Random, asked: list[Asked]) -> tuple[list[Asked], dict[str, Any]]:
    """The moment in the rows, in the parameter where all share it, or in both: then the row's is the one that counts."""
    given = [a.decision.scalars["as_of"] for a in asked]
    if chance.random() < 0.5:
        return asked, {}
    moment = chance.choice([m for m in given if m in MOMENTS] or [MOMENTS[0]])
    omitted = [a if m != moment else _without_as_of(chance, a) for a, m in zip(asked, given, strict=True)]
    return omitted, {"as_of": moment.isoformat()}


def _without_as_of(chance: Random, asked: Asked) -> Asked:
    scalars = {name: cell for name, cell in asked.decision.scalars.items() if name != "as_of"}
    if chance.random() < 0.3:
        scalars["as_of"] = chance.choice((None, ""))
    return replace(asked, decision=replace(asked.decision, scalars=scalars))


def _parquet(source: _Source) -> Request:
    """Decisions as Parquet, at most one column of an unusual type, in either shape."""
    chance, arrays = source.chance, source.chance.random() < 0.5
    asked = source.good(chance.randint(1, 4))
    if len(asked) > 1 and chance.random() < 0.4:
        asked[0] = source.spoilt(asked[0], TYPED_FAULTS)
    elif chance.random() < 0.4:
        asked = [source.mutated(a, "shuffled", HARMLESS["shuffled"]) for a in asked]
    if chance.random() < 0.3:
        asked = [a for a in asked if str(a.expected.customer).isdigit()] or asked
    records, asked = _records(chance, asked, arrays=arrays)
    types = parquet_types(records)
    column = chance.choice(list(types))
    kind = chance.choice(types[column])
    if "binary" in str(kind) and column == "CustomerId":  # refused, all would be nobody
        records, asked = _records(chance, asked[:1], arrays=arrays)
    body = parquet_body(records, {name: kinds[0] for name, kinds in types.items()} | {column: kind})
    if "binary" in str(kind):
        asked = [_or_invalid(a, column) for a in asked]
    odd = () if kind == types[column][0] else (f"{column}: Parquet {kind}",)
    return _request(body, PARQUET, Answers(tuple(asked)), (*odd, *_mutations(asked)))


def _or_invalid(asked: Asked, column: str) -> Asked:
    """Bytes may be read as text or refused, but never be lost."""
    expected = asked.expected
    if expected.statuses == INVALID:
        return replace(
            asked, expected=replace(expected, faults=dict.fromkeys((*expected.faults, column)), named=False)
        )
    expected = replace(
        expected, statuses=VALID | INVALID, faults={column: None}, named=column != "CustomerId"
    )
    return replace(asked, expected=expected)


def _now(source: _Source) -> Request:
    """Nothing says at which moment: it is now, the same for all."""
    asked = [_without_as_of(source.chance, a) for a in source.good(source.chance.randint(1, 4))]
    asked = [replace(a, expected=replace(a.expected, like=None, count=None)) for a in asked]
    records, asked = _records(source.chance, asked, arrays=source.chance.random() < 0.5)
    params = source.chance.choice((None, {}, {"as_of": None}, {"asof": "2019-02-13"}))
    return _request(
        json_body(records, source.chance.choice(ENCODINGS), params), JSON, Answers(tuple(asked), now=True)
    )


def _refused(source: _Source) -> Request:
    """No row can be read from it."""
    decisions = [a.decision for a in source.good(source.chance.randint(1, 3))]
    name = source.chance.choice(list(_REFUSALS))
    records, params, says = _REFUSALS[name](source, decisions)
    encoding = source.chance.choice(ENCODINGS[: 3 if records else 2])
    return _request(json_body(records, encoding, params), JSON, Refused(says), (name,))


_Unreadable = tuple[list[dict[str, Any]], dict[str, Any] | None, str]


def _without_column(column: str) -> Callable[[_Source, Sequence[Decision]], _Unreadable]:
    def refusal(source: _Source, decisions: Sequence[Decision]) -> _Unreadable:
        records = _either_shape(source, decisions)
        without = [{name: cell for name, cell in record.items() if name != column} for record in records]
        return without, None, rf"required columns? {column};"

    return refusal


def _either_shape(source: _Source, decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    rows, _ = raw_rows(source.chance, decisions)
    return source.chance.choice((rows, array_rows(decisions)))


def _wrong_names(source: _Source, decisions: Sequence[Decision]) -> _Unreadable:
    records = [{f"{CANARY} {n}": c for n, c in record.items()} for record in _either_shape(source, decisions)]
    return records, None, rf"CustomerId\b.*{TIME}\b.*Amount\b"


def _no_rows(_: _Source, __: Sequence[Decision]) -> _Unreadable:
    return [], None, "no rows|CustomerId"


def _no_moment(source: _Source, decisions: Sequence[Decision]) -> _Unreadable:
    text = source.chance.choice(
        (CANARY, "", "2019-13-01", "1550000000", "1800-01-01", f"2019-02-13 {CANARY}")
    )
    return _either_shape(source, decisions), {"as_of": text}, "the parameter as_of is not a time"


def _ungrouped(source: _Source, decisions: Sequence[Decision]) -> _Unreadable:
    return raw_rows(source.chance, decisions)[0], {"one_row_per_decision": True}, "group them first"


_REFUSALS: dict[str, Callable[[_Source, Sequence[Decision]], _Unreadable]] = {
    **{f"without {column}": _without_column(column) for column in ("CustomerId", TIME, "Amount")},
    "all column names wrong": _wrong_names,
    "no rows": _no_rows,
    "as_of parameter no time": _no_moment,
    "raw rows where arrays are promised": _ungrouped,
}


def _mlflows(source: _Source) -> Request:
    """MLflow answers it before the model is reached: known, and none of the model's business."""
    records, _ = raw_rows(source.chance, [source.good(1)[0].decision])
    name = source.chance.choice(list(MLFLOWS))
    content_type, body, status, says = MLFLOWS[name]
    made = json_body(records, "dataframe_records", body) if isinstance(body, dict) else body(records)
    return _request(made, content_type, Mlflows(status, says), (name,))


def _json(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[list[dict[str, Any]]], bytes]:
    return lambda records: json.dumps(change(records), default=str).encode()


_Body = Callable[[list[dict[str, Any]]], bytes]
_DEEP = b'{"dataframe_records": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
MLFLOWS: dict[str, tuple[str | None, _Body | dict[str, Any], int, str]] = {
    "no Content-Type": (None, {}, 500, "Internal Server Error"),
    "nested 100,000 deep": (JSON, lambda _: _DEEP, 500, "Internal Server Error"),
    "a number of 5,000 digits": (
        JSON,
        lambda _: b'{"inputs": ' + b"9" * 5_000 + b"}",
        500,
        "Internal Server Error",
    ),
    "another charset": (f"{JSON}; charset=latin-1", {}, 415, "UTF-8"),
    "another type": ("text/plain", {}, 415, "only supports"),
    "CSV": ("text/csv", lambda _: b"CustomerId,Amount\na,1\n", 400, "inputs types are not DataType"),
    "as_of parameter a number": (JSON, {"as_of": 1_550_000_000}, 400, "Invalid parameters found"),
    "one_row_per_decision a text": (JSON, {"one_row_per_decision": CANARY}, 400, "Invalid parameters found"),
    "malformed JSON": (JSON, lambda _: b'{"dataframe_records": [{"CustomerId": ', 400, "valid JSON"),
    "not UTF-8": (JSON, lambda _: b'{"inputs": "\xff"}', 400, "valid JSON"),
    "no body": (JSON, lambda _: b"", 400, "valid JSON"),
    "a list": (JSON, _json(lambda records: records), 400, "Received a list"),
    "no table": (JSON, _json(lambda records: {"rows": records}), 400, "exactly one of the input fields"),
    "two tables": (
        JSON,
        _json(lambda records: {"dataframe_records": records, "inputs": {}}),
        400,
        "exactly one of the input fields",
    ),
    "records no list": (
        JSON,
        _json(lambda records: {"dataframe_records": records[0]}),
        400,
        "list of records",
    ),
    "null among records": (
        JSON,
        _json(lambda records: {"dataframe_records": [*records, None]}),
        400,
        "not a valid",
    ),
    "split without data": (
        JSON,
        _json(lambda records: {"dataframe_split": {"columns": list(records[0])}}),
        400,
        "'data'",
    ),
    "split with short rows": (
        JSON,
        _json(lambda records: {"dataframe_split": {"columns": list(records[0]), "data": [[1]]}}),
        400,
        "not a valid",
    ),
    "a column twice": (
        JSON,
        _json(
            lambda records: {
                "dataframe_split": {"columns": [*records[0], "Amount"], "data": [[*records[0].values(), 5]]}
            }
        ),
        400,
        "Failed to enforce schema",
    ),
    "inputs of different lengths": (
        JSON,
        _json(lambda _: {"inputs": {"Amount": [1], TIME: [1, 2]}}),
        400,
        "casting",
    ),
    "no Parquet": (PARQUET, lambda _: CANARY.encode(), 400, "Failed to parse"),
}


def _request(
    body: bytes,
    content_type: str | None,
    expected: Answers | Refused | Mlflows,
    mutations: Sequence[str] = (),
) -> Request:
    return Request(-1, "", body, content_type, expected, tuple(mutations))


def _mutations(asked: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for a in asked for name in a.mutations))


KINDS: dict[str, tuple[int, Callable[[_Source], Request]]] = {
    "valid, alone": (15, _alone),
    "valid, together": (20, _together),
    "valid among bad": (35, _among),
    "bad, alone": (6, _bad_alone),
    "Parquet": (12, _parquet),
    "no moment given": (2, _now),
    "no row readable": (5, _refused),
    "MLflow's own": (5, _mlflows),
}
