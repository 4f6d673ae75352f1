"""Reading of plain requests: one decision, with cells of JSON's types, and nothing missing, unreadable or repeated in them.

Any other request is left to ``serving.request`` and ``history``, which decide about missing, unreadable, conflicting and repeated
cells. A plain request is read here with the same result.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.data.decisions import OPENING_BALANCE, Attribute
from credit_model.data.transactions import COLUMNS, REQUIRED, SCHEMA
from credit_model.features.history import ORDER
from credit_model.serving.fast.cells import plain_numbers, plain_texts, plain_times
from credit_model.serving.fast.kernels import coded

if TYPE_CHECKING:
    import pandas as pd


_TIME = "TransactionStartTime"
_TEXTS = tuple(name for name in COLUMNS[1:] if isinstance(SCHEMA[name], pl.String))
_OPTIONAL_NUMBERS = ("FraudResult", "Balance")
_Rows = npt.NDArray[np.intp]
_Moments = npt.NDArray[np.datetime64]
_Texts = Sequence[str | None]
_Numbers = npt.NDArray[np.float64]
_Known = TypeVar("_Known")


@dataclass(frozen=True)
class Sight:
    """Which parts of a request a model reads.

    Attributes:
        history_days: length of the observation window in days.
        currency: the only currency allowed; None allows any one.
        attributes: the application attributes.
        inputs: the columns and attributes that are read.
    """

    history_days: int
    currency: str | None
    attributes: Sequence[Attribute]
    inputs: frozenset[str]

    @property
    def needs_opening(self) -> bool:
        """Whether the balance at the window's start is read."""
        return OPENING_BALANCE.name in self.inputs


@dataclass(frozen=True)
class Plain:
    """A plain request that was read.

    Attributes:
        customer: ``CustomerId``.
        as_of: the time of the decision, in UTC.
        count: number of transactions in the observation window, at least one.
        given: inputs of the program, by name.
        opening_stated: whether the decision states its ``opening_balance``, and the model reads it.
    """

    customer: str
    as_of: datetime
    count: int
    given: Mapping[str, Any]
    opening_stated: bool


class _NotPlainError(Exception):
    """The request takes the general path."""


def read_plain(table: "pd.DataFrame", as_of: datetime, sight: Sight) -> Plain | None:
    """Read a request, in either shape; None if it is not plain.

    Args:
        table: the request.
        as_of: the ``as_of`` of rows that give none, in UTC.
        sight: which parts of the request are read.
    """
    try:
        scalars, columns = _one_row(table) if len(table) == 1 else _many_rows(table, sight)
        moment = np.datetime64(as_of, "us")
        if "as_of" in scalars:
            moment = _plain(plain_times, [scalars["as_of"]])[0]
        (customer,) = _plain(plain_texts, [scalars.get("CustomerId")])
        if customer is None:
            return None
        stated = _stated_opening(scalars) if sight.needs_opening else None
        given = _given(columns, moment, sight, stated)
        given |= {a.name: _attribute(scalars, a) for a in sight.attributes}
        return Plain(customer, moment.item(), len(given[_TIME]), given, stated is not None)
    except _NotPlainError:
        return None


def _one_row(table: "pd.DataFrame") -> tuple[Mapping[str, Any], dict[str, list[Any]]]:
    cells = dict(zip(table.columns, table.to_numpy(dtype=object)[0], strict=True))
    columns = {name: cells[name] for name in COLUMNS[1:] if name in cells}
    _require(all(type(column) is list for column in columns.values()))
    return cells, columns


def _many_rows(table: "pd.DataFrame", sight: Sight) -> tuple[Mapping[str, Any], dict[str, list[Any]]]:
    named = {"CustomerId", "as_of", *(attribute.name for attribute in sight.attributes)}
    named |= {OPENING_BALANCE.name} if sight.needs_opening else set()
    cells = {name: _list(column) for name, column in table.items() if name in named or name in SCHEMA}
    scalars = {name: _only(cells.pop(name)) for name in named & cells.keys()}
    return scalars, cells


def _only(cells: list[Any]) -> Any:
    """The one value of a column that belongs to the decision."""
    _require(set(map(type, cells)) <= {str, int, float} and len(set(cells)) == 1)
    return cells[0]


def _list(column: "pd.Series") -> list[Any]:
    if column.dtype == "string":
        return list(column.array.__arrow_array__().to_pylist())
    return list(column.tolist())


def _given(
    columns: Mapping[str, list[Any]], moment: np.datetime64, sight: Sight, stated: float | None
) -> dict[str, Any]:
    _require(all(name in columns for name in REQUIRED[1:]) and len(set(map(len, columns.values()))) == 1)
    texts = {name: _plain(plain_texts, columns[name]) for name in _TEXTS if name in columns}
    _check_currency(texts.get("CurrencyCode", []), sight.currency)
    _check_identities(texts.get("TransactionId", []))
    moments = _plain(plain_times, columns[_TIME])
    start = moment - np.timedelta64(timedelta(days=sight.history_days))
    inside, clock, numbers = _inside(moments, start, moment), moments.view(np.int64), _numbers(columns)

    def in_order(rows: _Rows) -> _Rows:
        return _sorted(rows, chain([clock.__getitem__], _keys(columns.keys(), texts, numbers)))

    order = in_order(inside)
    given: dict[str, Any] = {name: numbers[name][order] for name in sight.inputs & numbers.keys()}
    given |= {_TIME: clock[order], "as_of": int(moment.astype(np.int64))}
    given["decision"] = np.zeros(len(order))
    if sight.needs_opening:
        (earlier,) = np.nonzero(moments < start)
        counted = _opening(numbers["Amount"], earlier, in_order) if stated is None else stated
        given[OPENING_BALANCE.name] = counted
    for name in sight.inputs & texts.keys():
        levels = coded(texts[name])
        given[name] = levels._replace(codes=levels.codes[order])
    absent = sight.inputs & SCHEMA.keys() - given.keys()
    return given | {name: coded([None] * len(order)) for name in absent}


def _numbers(columns: Mapping[str, list[Any]]) -> dict[str, _Numbers]:
    amount = _plain(plain_numbers, columns["Amount"])
    value = np.abs(_plain(plain_numbers, columns["Value"])) if "Value" in columns else np.abs(amount)
    others = {
        name: _plain(plain_numbers, columns[name]) if name in columns else np.full(len(amount), np.nan)
        for name in _OPTIONAL_NUMBERS
    }
    return {"Amount": amount, "Value": value} | others


def _opening(amount: _Numbers, earlier: _Rows, in_order: Callable[[_Rows], _Rows]) -> float:
    """The balance at the window's start: minus the amounts before it, one after the other, in their order."""
    return 0 - float(np.cumsum(amount[in_order(earlier)])[-1]) if len(earlier) else 0.0


def _stated_opening(scalars: Mapping[str, Any]) -> float | None:
    cell = scalars.get(OPENING_BALANCE.name)
    return None if cell is None else float(_plain(plain_numbers, [cell])[0])


def _inside(moments: _Moments, first: np.datetime64, end: np.datetime64) -> _Rows:
    (inside,) = np.nonzero((moments >= first) & (moments < end))
    _require(len(inside) > 0)
    return inside


def _check_identities(names: _Texts) -> None:
    """Of a transaction sent twice the copies must be compared."""
    _require(len(set(names)) + names.count(None) - (None in names) == len(names))


def _keys(
    names: Collection[str], texts: Mapping[str, _Texts], numbers: Mapping[str, _Numbers]
) -> Iterator[Callable[[_Rows], Any]]:
    """What the total order compares after the time, column by column: for some rows, numbers that sort as their cells do."""
    for name in ORDER[2:]:
        if name in texts:
            yield partial(_places, texts[name])
        elif name in names:
            yield numbers[name].__getitem__


def _places(texts: _Texts, rows: _Rows) -> npt.NDArray[np.intp]:
    """The place of each row's text among theirs, sorted, null first; Python sorts text as its bytes in UTF-8 do."""
    cells = [texts[row] for row in rows.tolist()]
    names = sorted(set(cells) - {None})
    place = {text: number for number, text in enumerate([None, *names])}
    return np.array([place[cell] for cell in cells])


def _sorted(rows: _Rows, keys: Iterable[Callable[[_Rows], Any]]) -> _Rows:
    """Rows in the order of the first key; the next ones order only those that the keys before them leave tied."""
    rows, tied, group = rows.copy(), np.arange(len(rows)), np.zeros(len(rows), dtype=np.intp)
    for key in keys:
        values = key(rows[tied])
        order = np.lexsort((values, group))
        rows[tied], values = rows[tied][order], values[order]
        new = np.append(True, (np.diff(group) != 0) | (np.diff(values) != 0))
        single = new & np.append(new[1:], True)
        tied, group = tied[~single], np.cumsum(new)[~single]
        if not len(tied):
            break
    return rows


def _check_currency(texts: _Texts, currency: str | None) -> None:
    codes = set(texts) - {None}
    _require(len(codes) <= 1 and (currency is None or codes <= {currency}))


def _attribute(scalars: Mapping[str, Any], attribute: Attribute) -> float | str | None:
    cells = [scalars.get(attribute.name)]
    return (
        float(_plain(plain_numbers, cells)[0])
        if attribute.kind == "number"
        else _plain(plain_texts, cells)[0]
    )


def _plain(read: Callable[[list[Any]], _Known | None], cells: list[Any]) -> _Known:
    values = read(cells)
    if values is None:
        raise _NotPlainError
    return values


def _require(fact: bool) -> None:
    if not fact:
        raise _NotPlainError
