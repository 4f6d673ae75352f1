"""Valid decisions made from a seed, and what is known of a decision's answer before it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

CANARY = "canary"
TIME = "TransactionStartTime"
POOL = 120
MOMENTS = (
    datetime(2019, 2, 13),
    datetime(2019, 2, 13, 0, 0, 0, 1),
    datetime(2019, 2, 28, 23, 59, 59, 999_999),
    datetime(2020, 2, 29, 12),
    datetime(2019, 3, 31, 1, 30),
    datetime(1999, 12, 31, 7, 5, 9, 250_000),
)
_DAYS = 20
_CATEGORIES = (
    "airtime",
    "financial_services",
    "utility_bill",
    "data_bundles",
    "tv",
    "never seen before",
    None,
)

VALID = frozenset({"scored", "no_history"})
INVALID = frozenset({"invalid"})


@dataclass(frozen=True)
class Decision:
    """A decision as it is sent.

    Attributes:
        scalars: ``CustomerId``, where given ``as_of``, and attributes; a datetime stands for its ISO-8601 text.
        rows: its transactions, cells by column.
        columns: what stands in the place of an array, where rows become parallel arrays.
    """

    scalars: Mapping[str, Any]
    rows: tuple[Mapping[str, Any], ...]
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What is known of an answer.

    Attributes:
        customer: the echoed ``CustomerId``.
        as_of: the echoed moment; null where the one given cannot be read.
        statuses: the statuses allowed.
        faults: what a message has to name, and how often; with a null count what it may name, any number of times.
        like: where the answer is valid, it is the answer to this decision alone.
        count: where the answer is valid, its ``transaction_count``.
        named: whether ``customer`` is known.
    """

    customer: str | None
    as_of: datetime | None
    statuses: frozenset[str] = VALID
    faults: Mapping[str, int | None] = field(default_factory=dict)
    like: Decision | None = None
    count: int | None = None
    named: bool = True


@dataclass(frozen=True)
class Asked:
    """A decision, what is expected of its answer, and what was done to it."""

    decision: Decision
    expected: Expected
    mutations: tuple[str, ...] = ()


def good(seed: int, index: int, attributes: tuple[str, ...] = ()) -> Asked:
    """A valid decision; those whose index differs by ``len(MOMENTS)`` share their moment.

    Args:
        seed: of all decisions.
        index: which of them, from 0 to ``POOL - 1``.
        attributes: names of the model's numeric attributes.
    """
    chance = Random(f"{seed}/decision/{index}")
    moment, customer = MOMENTS[index % len(MOMENTS)], _name(index)
    rows = _rows(chance, moment, f"{index}")
    scalars = {"CustomerId": customer, "as_of": moment}
    scalars |= {name: chance.choice((0, 12.5, 80_000)) for name in attributes}
    decision = Decision(scalars, rows)
    return Asked(decision, Expected(customer, moment, like=decision, count=len(rows)))


def _name(index: int) -> str:
    """Text that no other index has; some of it could be sent as a number or a Boolean."""
    special = {0: "true", 1: f"{CANARY}-" + "x" * 5_000, 2: f"{CANARY} \x00\n\t", 3: f"{CANARY}\U0001f600"}
    forms = (
        f"{CANARY}-{index}",
        f"{1000 + index}",
        f"{1000 + index}.5",
        f" Žofie ñ {CANARY} {index} ",
        f"00{index}",
    )
    return special.get(index, forms[index % len(forms)])


def _rows(chance: Random, moment: datetime, name: str) -> tuple[Mapping[str, Any], ...]:
    """One to forty transactions in the twenty days before a moment, all with the same columns."""
    height = chance.choice((1, 2, 3, 5, 8, 12, 40))
    step = chance.choice((timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)))
    columns = [column for column in ("TransactionId", "Value", *_OPTIONAL) if chance.random() < 0.6]
    return tuple(_row(chance, moment, step, columns, f"T{name}-{place}") for place in range(height))


def _row(
    chance: Random, moment: datetime, step: timedelta, columns: list[str], name: str
) -> Mapping[str, Any]:
    steps = timedelta(days=_DAYS) // step
    before = chance.choice((1, chance.randint(1, steps)))
    amount = chance.choice((chance.randint(-5_000, 20_000), chance.randint(-400, 4_000) / 4))
    row: dict[str, Any] = {TIME: moment - before * step, "Amount": amount}
    for column in columns:
        cells = {"TransactionId": (name,), "Value": (abs(amount), -abs(amount), None)} | _OPTIONAL
        row[column] = chance.choice(cells[column])
    return row


_OPTIONAL: dict[str, tuple[Any, ...]] = {
    "ProductCategory": _CATEGORIES,
    "ChannelId": ("ChannelId_2", "ChannelId_3", ""),
    "ProductId": ("ProductId_3", "ProductId_10"),
    "ProviderId": ("ProviderId_4", None),
    "PricingStrategy": (0, 2, 4),
    "CurrencyCode": ("UGX", None),
    "CountryCode": (256,),
    "AccountId": ("A-1", "A-2"),
    "BatchId": ("B-1", "B-2", None),
    "FraudResult": (0, 1, None),
}
