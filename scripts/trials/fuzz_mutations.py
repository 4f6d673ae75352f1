"""What can be done to a valid decision, and what each makes of its answer.

A mutation takes a source of chance and a decision, and gives the mutated decision with what is then expected of it, or
nothing where it does not apply. Harmless ones leave the answer as it was; faults make it invalid, and say what its message
must name; odd ones change it, but do not make it invalid.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from fuzz_decisions import CANARY, INVALID, MOMENTS, TIME, VALID, Asked, Decision

Mutation = Callable[[Random, Asked], Asked | None]

_OBJECT = {"deep": {CANARY: [CANARY, {"": None}]}}
_SURROGATE = f"{CANARY}\ud800"
_NESTED: Any = 0
for _ in range(60):
    _NESTED = [_NESTED, {CANARY: _NESTED}] if isinstance(_NESTED, int) else [_NESTED]

_MISSING: dict[str, Any] = {"null": None, "empty text": "", "NaN": math.nan}
_ODD: dict[str, Any] = {
    "words": f"{CANARY} words",
    "object": _OBJECT,
    "empty object": {},
    "list": [1, CANARY],
    "empty list": [],
    "deep list": _NESTED,
    "2^63": 2**63,
    "2^64": 2**64,
    "-2^63": -(2**63) - 1,
    "10^400": 10**400,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "Boolean": True,
    "lone surrogate": _SURROGATE,
    "NUL": f"\x00{CANARY}",
    "long text": CANARY * 1_000,
}
_NO_NUMBER = _ODD | {"1e16": 1e16, "hexadecimal": "0x10", "grouped digits": "1,000", "NaN text": "nan"}
_NO_TIME = _ODD | {
    "milliseconds": 1_550_000_000_000,
    "year 1800": "1800-01-01T00:00:00Z",
    "30 February": "2019-02-30",
    "hour 24": "2019-02-01T24:00:00Z",
    "day first": "13/02/2019",
    "offset of a day": "2019-02-01T00:00:00+24:00",
    "week date": "2019-W06-5",
}
_NAMELESS = {name: cell for name, cell in _ODD.items() if "list" in name or "object" in name}
_NO_IDENTITY = _NAMELESS | {"2^53": 2**53, "2^60": 2**60, "1e22": 1e22, "2^63": 2**63, "10^30": 10**30}


def shuffled(chance: Random, asked: Asked) -> Asked | None:
    """The transactions in another order."""
    rows = asked.decision.rows
    return _with_rows(asked, chance.sample(rows, len(rows))) if len(rows) > 1 else None


def repeated(chance: Random, asked: Asked) -> Asked | None:
    """Transactions that have an identity, sent again."""
    known = [row for row in asked.decision.rows if row.get("TransactionId")]
    copies = chance.choices(known, k=chance.randint(1, 3)) if known else []
    return _with_rows(asked, [*asked.decision.rows, *copies]) if copies else None


def later(chance: Random, asked: Asked) -> Asked | None:
    """Transactions at the moment of the decision and after it, some at fault."""
    moment = _moment(asked)
    ahead = [timedelta(0), timedelta(microseconds=1), timedelta(days=1), timedelta(days=20_000)]
    return _outside(chance, asked, [moment + chance.choice(ahead) for _ in range(chance.randint(1, 3))])


def ancient(chance: Random, asked: Asked) -> Asked | None:
    """Transactions older than any window, some at fault; none moves money, which would count for a balance."""
    changed = _outside(chance, asked, [datetime(chance.randint(1900, 1950), 1, 31, 23, 59, 59)])
    *inside, old = changed.decision.rows
    amount = 0 if isinstance(old["Amount"], int | float) else old["Amount"]
    return _with_rows(changed, [*inside, {**old, "Amount": amount}])


def _outside(chance: Random, asked: Asked, moments: list[datetime]) -> Asked:
    """A copy of the identity of one inside conflicts with nothing; neither does another currency."""
    spoilt: list[dict[str, Any]] = [
        {"Amount": CANARY},
        {"Amount": None},
        {"CurrencyCode": "XXX"},
        {"Value": {}},
        {"Amount": -7e9},
    ]
    rows = [dict(chance.choice(asked.decision.rows)) | chance.choice(spoilt) | {TIME: m} for m in moments]
    return _with_rows(asked, [*asked.decision.rows, *rows])


def times_spelled(chance: Random, asked: Asked) -> Asked | None:
    """Every time in another of its forms."""
    return _with_rows(asked, [{**row, TIME: spelled(chance, row[TIME])} for row in asked.decision.rows])


def as_of_spelled(chance: Random, asked: Asked) -> Asked | None:
    """The moment in another of its forms."""
    return (
        _with_scalar(asked, "as_of", spelled(chance, _moment(asked)))
        if "as_of" in asked.decision.scalars
        else None
    )


def numbers_spelled(chance: Random, asked: Asked) -> Asked | None:
    """Amounts as text with or without exponent, as floats, as whole numbers."""

    def number(cell: float) -> Any:
        forms = [repr(cell), f" {cell} ", f"{cell:e}", float(cell), f"+{cell}" if cell > 0 else cell]
        return chance.choice([*forms, int(cell)] if cell == int(cell) else forms)

    columns = ("Amount", "Value", "FraudResult")
    return _with_rows(asked, [_changed(row, columns, number) for row in asked.decision.rows])


def amounts_as_text(_: Random, asked: Asked) -> Asked | None:
    """Every number as text, so that whole requests may hold nothing else."""
    columns = ("Amount", "Value", "FraudResult", "PricingStrategy", "CountryCode")
    return _with_rows(asked, [_changed(row, columns, repr) for row in asked.decision.rows])


def codes_spelled(chance: Random, asked: Asked) -> Asked | None:
    """Whole numbers that stand for text, as text or floats."""
    forms: tuple[Callable[[Any], Any], ...] = (str, float, int)
    columns, rows = ("PricingStrategy", "CountryCode"), asked.decision.rows
    return _with_rows(asked, [_changed(row, columns, chance.choice(forms)) for row in rows])


def value_given(chance: Random, asked: Asked) -> Asked | None:
    """``Value`` where it was absent; its sign says nothing."""
    if any("Value" in row for row in asked.decision.rows):
        return None
    sign = chance.choice((1, -1))
    return _with_rows(asked, [{**row, "Value": sign * abs(row["Amount"])} for row in asked.decision.rows])


def nulls_written(chance: Random, asked: Asked) -> Asked | None:
    """Optional columns that were absent, with nothing in them."""
    nothing = chance.choice(list(_MISSING.values()))
    columns = dict.fromkeys(
        ("SubscriptionId", "BatchId", "ProviderId", "TransactionId", "CurrencyCode"), nothing
    )
    return _with_rows(asked, [{**columns, **row} for row in asked.decision.rows])


def nulls_omitted(_: Random, asked: Asked) -> Asked | None:
    """Cells with nothing in them left out of their rows."""
    return _with_rows(
        asked, [{k: v for k, v in row.items() if v not in (None, "")} for row in asked.decision.rows]
    )


def unknown_columns(chance: Random, asked: Asked) -> Asked | None:
    """Columns that the contract does not have, with anything in them."""
    names = chance.sample(("Note", "amount", "customerid", "", f"{CANARY} ñ", "decision", "row", "7"), 2)
    cells = [cell for name, cell in (_ODD | _MISSING).items() if name != "lone surrogate"]
    more = {name: chance.choice(cells) for name in names}
    return _with_rows(asked, [{**row, **more} for row in asked.decision.rows])


def customer_as_number(chance: Random, asked: Asked) -> Asked | None:
    """An identity that reads the same as a number or as a Boolean."""
    name = asked.expected.customer or ""
    if name == "true":
        return _with_scalar(asked, "CustomerId", True)
    if not name.replace(".", "").isdigit() or name.startswith("0"):
        return None
    forms = [float(name)] if "." in name else [int(name), float(name)]
    return _with_scalar(asked, "CustomerId", chance.choice(forms))


def at_another_moment(chance: Random, asked: Asked) -> Asked | None:
    """The same customer judged at another moment."""
    if "as_of" not in asked.decision.scalars:
        return None
    moment = chance.choice([other for other in MOMENTS if other != _moment(asked)])
    decision = replace(asked.decision, scalars={**asked.decision.scalars, "as_of": moment})
    expected = replace(asked.expected, as_of=moment, like=decision, count=None)
    return replace(asked, decision=decision, expected=expected)


# in the order in which they may follow one another: what is added first, how it is spelled last
HARMLESS: dict[str, Mutation] = {
    mutation.__name__: mutation
    for mutation in (
        *(at_another_moment, value_given, repeated, later, ancient, shuffled, customer_as_number),
        *(times_spelled, as_of_spelled, numbers_spelled, amounts_as_text, codes_spelled),
        *(nulls_written, nulls_omitted, unknown_columns),
    )
}


def conflicting(chance: Random, asked: Asked) -> Asked | None:
    """Another transaction under the identity of one."""
    row = dict(chance.choice(asked.decision.rows))
    if not row.get("TransactionId"):
        return None
    other = row | chance.choice([{"Amount": row["Amount"] + 1}, {"BatchId": "another"}])
    return invalid(_with_rows(asked, [*asked.decision.rows, other]), {"TransactionId": 1})


def two_currencies(chance: Random, asked: Asked) -> Asked | None:
    """Amounts in two currencies."""
    rows = asked.decision.rows
    codes = ["UGX", "KES", *(chance.choice(("UGX", "KES", None)) for _ in rows[2:])]
    mixed = [{**row, "CurrencyCode": code} for row, code in zip(rows, codes, strict=False)]
    return invalid(_with_rows(asked, mixed), {"CurrencyCode": None}) if len(rows) > 1 else None


def everything_null(_: Random, asked: Asked) -> Asked | None:
    """No cell holds anything."""
    scalars = {name: None for name in asked.decision.scalars if name != "as_of"} | _given_as_of(asked)
    rows = tuple(dict.fromkeys(row) for row in asked.decision.rows)
    changed = replace(asked, decision=Decision(scalars, rows))
    faults = {"CustomerId": None, TIME: len(rows), "Amount": len(rows)}
    return _renamed(invalid(changed, faults), None)


def ragged(chance: Random, asked: Asked) -> Asked | None:
    """One array longer or shorter than the others."""
    arrays = _arrays(asked)
    column = chance.choice([name for name in arrays if name != TIME])
    array = chance.choice((arrays[column][1:], [*arrays[column], *arrays[column]]))
    return invalid(_with_column(asked, column, array), {column: 1})


def times_ragged(_: Random, asked: Asked) -> Asked | None:
    """Fewer times than anything else."""
    arrays = _arrays(asked)
    return invalid(_with_column(asked, TIME, arrays[TIME][1:]), {name: 1 for name in arrays if name != TIME})


def scalar(chance: Random, asked: Asked) -> Asked | None:
    """A single cell where an array belongs."""
    arrays = _arrays(asked)
    column = chance.choice([name for name in arrays if name != TIME])
    return invalid(_with_column(asked, column, chance.choice((5, CANARY, True, _OBJECT))), {column: 1})


def no_transactions(chance: Random, asked: Asked) -> Asked | None:
    """Arrays with nothing in them, or none: a customer without history."""
    times, amounts = chance.choice((([], []), (None, None), ([], None)))
    arrays: dict[str, Any] = {TIME: times, "Amount": amounts}
    decision = replace(asked.decision, rows=(), columns=arrays)
    expected = replace(asked.expected, statuses=frozenset({"no_history"}), like=None, count=0)
    return replace(asked, decision=decision, expected=expected)


def invalid(asked: Asked, faults: Mapping[str, int | None]) -> Asked:
    """The decision is now at fault."""
    return replace(
        asked, expected=replace(asked.expected, statuses=INVALID, faults=faults, like=None, count=None)
    )


def _bad_cell(column: str, cell: Any) -> Mutation:
    """One transaction has a cell that makes its customer invalid.

    A list in the only row says nothing of the table's shape: it is left out.
    """

    def mutation(chance: Random, asked: Asked) -> Asked | None:
        if isinstance(cell, list) and len(asked.decision.rows) == 1:
            return None
        return invalid(_with_cell(chance, asked, column, cell), {column: 1})

    return mutation


def _odd_cell(column: str, cell: Any) -> Mutation:
    """One transaction has a cell of another kind where any text may stand: one that is no text makes its customer invalid."""

    def mutation(chance: Random, asked: Asked) -> Asked:
        changed = _with_cell(chance, asked, column, cell)
        if _is_no_text(cell):
            return invalid(changed, {column: 1})
        return replace(changed, expected=replace(asked.expected, like=None))

    return mutation


def _is_no_text(cell: Any) -> bool:
    untrusted = isinstance(cell, int | float) and abs(cell) >= 2**53
    return untrusted or isinstance(cell, list | dict) or cell == _SURROGATE


def _bad_as_of(cell: Any) -> Mutation:
    """The moment of the decision cannot be read."""

    def mutation(_: Random, asked: Asked) -> Asked | None:
        if "as_of" not in asked.decision.scalars:
            return None
        changed = invalid(_with_scalar(asked, "as_of", cell), {"as_of": 1})
        return replace(changed, expected=replace(changed.expected, as_of=None))

    return mutation


def _bad_customer(cell: Any, *, named: bool) -> Mutation:
    """Nobody can be named by this."""

    def mutation(_: Random, asked: Asked) -> Asked:
        changed = invalid(_with_scalar(asked, "CustomerId", cell), {"CustomerId": None})
        return _renamed(changed, None, named=named)

    return mutation


def _surrogate_customer(_: Random, asked: Asked) -> Asked:
    changed = invalid(_with_scalar(asked, "CustomerId", _SURROGATE), {"CustomerId": None})
    expected = replace(changed.expected, statuses=VALID | INVALID, named=False)
    return replace(changed, expected=expected)


def bad_attributes(names: tuple[str, ...]) -> dict[str, Mutation]:
    """Faults of numeric attributes."""

    def mutation(name: str, cell: Any) -> Mutation:
        return lambda _, asked: invalid(_with_scalar(asked, name, cell), {name: 1})

    return {f"{name}: {kind}": mutation(name, cell) for name in names for kind, cell in _NO_NUMBER.items()}


def spelled(chance: Random, moment: datetime) -> Any:
    """One of the forms in which a moment may be given."""
    zone = timezone(timedelta(minutes=chance.choice((0, 60, -570, 345, 1_439))))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone)  # noqa: UP017, beside other zones
    offset = local.strftime("%z")
    zones = [
        offset,
        f"{offset[:3]}:{offset[3:]}",
        f" {offset}",
        *([offset[:3]] if offset.endswith("00") else []),
    ]
    fraction = f"{moment:%f}"
    fractions = [f".{fraction}", f",{fraction}", f".{fraction}000", *([""] if fraction == "000000" else [])]
    tail = chance.choice(fractions)
    forms: list[Any] = [
        f"{local:%Y-%m-%d}{chance.choice('Tt ')}{local:%H:%M:%S}{tail}{chance.choice(zones)}",
        f"{moment:%Y-%m-%d}{chance.choice('Tt ')}{moment:%H:%M:%S}{tail}{chance.choice(('Z', 'z', ' Z', ''))}",
        f"  {moment:%Y-%m-%dT%H:%M:%S}{tail}Z ",
    ]
    seconds = (moment - datetime(1970, 1, 1)) / timedelta(seconds=1)
    whole = seconds == int(seconds)
    forms += [seconds, int(seconds)] if whole else [seconds]
    if moment.second == 0 and not moment.microsecond:
        forms.append(f"{moment:%Y-%m-%d %H:%M}{chance.choice(('Z', ''))}")
    if moment.time() == datetime.min.time():
        forms.append(f"{moment:%Y-%m-%d}")
    return chance.choice(forms)


def _moment(asked: Asked) -> datetime:
    moment = asked.expected.as_of
    assert moment is not None, "a decision whose moment is known"
    return moment


def _given_as_of(asked: Asked) -> dict[str, Any]:
    return {"as_of": asked.decision.scalars["as_of"]} if "as_of" in asked.decision.scalars else {}


def _arrays(asked: Asked) -> dict[str, list[Any]]:
    rows = asked.decision.rows
    return {name: [row.get(name) for row in rows] for name in rows[0]}


def _changed(
    row: Mapping[str, Any], columns: tuple[str, ...], change: Callable[[Any], Any]
) -> Mapping[str, Any]:
    return {**row, **{name: change(row[name]) for name in columns if isinstance(row.get(name), int | float)}}


def _with_rows(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Asked:
    return replace(asked, decision=replace(asked.decision, rows=tuple(rows)))


def _with_cell(chance: Random, asked: Asked, column: str, cell: Any) -> Asked:
    rows = list(asked.decision.rows)
    place = chance.randrange(len(rows))
    rows[place] = {**rows[place], column: cell}
    return _with_rows(asked, [{column: None, **row} for row in rows])


def _with_scalar(asked: Asked, name: str, cell: Any) -> Asked:
    return replace(asked, decision=replace(asked.decision, scalars={**asked.decision.scalars, name: cell}))


def _with_column(asked: Asked, name: str, cell: Any) -> Asked:
    return replace(asked, decision=replace(asked.decision, columns={name: cell}))


def _renamed(asked: Asked, customer: str | None, *, named: bool = True) -> Asked:
    return replace(asked, expected=replace(asked.expected, customer=customer, named=named))


_REQUIRED_CELLS = {
    f"{column}: {name}": (column, cell) for column in (TIME, "Amount") for name, cell in _MISSING.items()
}
_TIMES = {f"{TIME}: {name}": (TIME, cell) for name, cell in _NO_TIME.items()}
_NUMBERS = {
    f"{column}: {name}": (column, cell)
    for column in ("Amount", "Value", "FraudResult")
    for name, cell in _NO_NUMBER.items()
}
_IDENTITIES = {f"TransactionId: {name}": ("TransactionId", cell) for name, cell in _NO_IDENTITY.items()}
_TEXTS = {
    f"{column}: {name}": (column, cell)
    for column in ("ProductCategory", "BatchId", "PricingStrategy")
    for name, cell in (_ODD | _NO_IDENTITY).items()
}

TYPED_FAULTS: dict[str, Mutation] = {
    "conflicting": conflicting,
    "two_currencies": two_currencies,
    "CustomerId: null": _bad_customer(None, named=True),
    "Amount: null": _bad_cell("Amount", None),
    f"{TIME}: null": _bad_cell(TIME, None),
    "Amount: infinity": _bad_cell("Amount", math.inf),
}
FAULTS: dict[str, Mutation] = {
    **TYPED_FAULTS,
    "everything_null": everything_null,
    **{
        name: _bad_cell(*spoilt)
        for name, spoilt in (_REQUIRED_CELLS | _TIMES | _NUMBERS | _IDENTITIES).items()
    },
    **{f"as_of: {name}": _bad_as_of(cell) for name, cell in _NO_TIME.items()},
    **{
        f"CustomerId: {name}": _bad_customer(cell, named=True)
        for name, cell in (_MISSING | _NAMELESS).items()
    },
    **{
        f"CustomerId: {name}": _bad_customer(cell, named=False)
        for name, cell in _NO_IDENTITY.items()
        if name not in _NAMELESS
    },
}
ODDITIES: dict[str, Mutation] = {
    **{name: _odd_cell(*spoilt) for name, spoilt in _TEXTS.items()},
    "TransactionId: lone surrogate": _odd_cell("TransactionId", _SURROGATE),
    "CustomerId: lone surrogate": _surrogate_customer,
}
ARRAY_FAULTS: dict[str, Mutation] = {
    mutation.__name__: mutation for mutation in (ragged, times_ragged, scalar, no_transactions)
}
