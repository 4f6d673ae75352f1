"""Decisions -> tables in either shape -> bodies of requests in every encoding that the model takes."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fuzz_decisions import TIME, Decision

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
ENCODINGS = ("dataframe_records", "dataframe_split", "inputs")

Records = list[dict[str, Any]]


def raw_rows(chance: Random, decisions: Sequence[Decision]) -> tuple[Records, list[int]]:
    """One row per transaction, in any order; also the decisions in order of first appearance."""
    owned = [
        (owner, {**decision.scalars, **row})
        for owner, decision in enumerate(decisions)
        for row in decision.rows
    ]
    if chance.random() < 0.7:
        chance.shuffle(owned)
    return [row for _, row in owned], list(dict.fromkeys(owner for owner, _ in owned))


def array_rows(decisions: Sequence[Decision]) -> Records:
    """One row per decision, its transactions as parallel arrays."""
    return [
        {
            **decision.scalars,
            **{name: [row.get(name) for row in decision.rows] for name in _names(decision.rows)},
            **decision.columns,
        }
        for decision in decisions
    ]


def json_body(records: Records, encoding: str, params: Mapping[str, Any] | None = None) -> bytes:
    """A table as JSON; a cell that a record lacks is null where the encoding needs one."""
    names = _names(records)
    tables: dict[str, Callable[[], Any]] = {
        "dataframe_records": lambda: records,
        "dataframe_split": lambda: {
            "columns": names,
            "data": [[record.get(name) for name in names] for record in records],
        },
        "inputs": lambda: {name: [record.get(name) for record in records] for name in names},
    }
    body = {encoding: tables[encoding]()} | ({} if params is None else {"params": params})
    return json.dumps(body, default=datetime.isoformat).encode()


def parquet_body(records: Records, types: Mapping[str, pa.DataType]) -> bytes:
    """A table as Parquet, its columns of these types; those of arrays hold lists of them."""
    columns = {name: [record.get(name) for record in records] for name in _names(records)}
    table = pa.table({name: _array(cells, types[name]) for name, cells in columns.items()})
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


def parquet_types(records: Records) -> dict[str, list[pa.DataType]]:
    """Of every column the Arrow types that hold all its cells without loss, the usual one first."""
    return {
        name: list(_types(name, _flat(record.get(name) for record in records))) for name in _names(records)
    }


def readable(body: bytes, content_type: str | None) -> str:
    """A body as text: a table of Parquet as its types and rows."""
    if content_type != PARQUET:
        return body.decode(errors="replace")
    table = pq.read_table(io.BytesIO(body))
    return f"{table.schema.remove_metadata()}\n{table.to_pylist()}"


def _names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _flat(cells: Iterator[Any]) -> list[Any]:
    nested = (cell if isinstance(cell, list) else [cell] for cell in cells)
    return [cell for inner in nested for cell in inner if cell is not None]


def _types(name: str, cells: list[Any]) -> Iterator[pa.DataType]:
    if name in {TIME, "as_of"}:
        yield from _types_of_times(cells)
    elif name in {"Amount", "Value", "FraudResult"}:
        yield from _types_of_numbers(cells)
    else:
        yield from _types_of_texts(cells)


def _types_of_times(moments: list[datetime]) -> Iterator[pa.DataType]:
    yield from (
        pa.timestamp("us"),
        pa.timestamp("us", "UTC"),
        pa.timestamp("ns"),
        pa.string(),
        pa.large_string(),
    )
    yield pa.timestamp("us", "Africa/Kampala")
    if all(moment.microsecond % 1_000 == 0 for moment in moments):
        yield pa.timestamp("ms")
    if all(moment.microsecond == 0 for moment in moments):
        yield from (pa.timestamp("s"), pa.int64(), pa.float64(), pa.uint32())
    if all(moment.time() == datetime.min.time() for moment in moments):
        yield from (pa.date32(), pa.date64())


def _types_of_numbers(cells: list[float]) -> Iterator[pa.DataType]:
    finite = all(abs(cell) < 2**20 for cell in cells)
    yield from (pa.float64(), pa.string(), *([pa.float32(), pa.decimal128(20, 2)] if finite else []))
    if finite and all(cell == int(cell) for cell in cells):
        yield from _whole(cells)


def _types_of_texts(cells: list[Any]) -> Iterator[pa.DataType]:
    dictionary = pa.dictionary(pa.int32(), pa.string())
    yield from (pa.string(), pa.large_string(), dictionary, pa.binary(), pa.large_binary())
    texts = list(map(str, cells))
    if texts and all(text.isdigit() and text == str(int(text)) for text in texts):
        whole = list(_whole([int(text) for text in texts]))
        yield from (pa.float64(), *whole, *(pa.dictionary(pa.int32(), kind) for kind in whole))


def _whole(cells: Sequence[float]) -> Iterator[pa.DataType]:
    least, most = min(cells, default=0), max(cells, default=0)
    for bits in (8, 16, 32, 64):
        signed, unsigned = getattr(pa, f"int{bits}")(), getattr(pa, f"uint{bits}")()
        yield from [signed] if -(2 ** (bits - 1)) <= least and most < 2 ** (bits - 1) else []
        yield from [unsigned] if least >= 0 and most < 2**bits else []


def _array(cells: list[Any], kind: pa.DataType) -> pa.Array:
    if not any(isinstance(cell, list) for cell in cells):
        return pa.array([_cell(cell, kind) for cell in cells], kind)
    lists = [None if cell is None else [_cell(inner, kind) for inner in cell] for cell in cells]
    return pa.array(lists, pa.list_(kind))


def _cell(cell: Any, kind: pa.DataType) -> Any:
    """A cell as pyarrow takes it for a type."""
    if isinstance(cell, datetime):
        return _time_cell(cell, kind)
    return None if cell is None else _form(kind)(cell)


def _form(kind: pa.DataType) -> Callable[[Any], Any]:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return lambda cell: str(cell).encode()
    if pa.types.is_decimal(kind):
        return Decimal
    if pa.types.is_integer(kind):
        return int
    return float if pa.types.is_floating(kind) else str


def _time_cell(moment: datetime, kind: pa.DataType) -> Any:
    aware = moment.replace(tzinfo=UTC)
    if pa.types.is_timestamp(kind):
        return aware if kind.tz else moment
    if pa.types.is_date(kind):
        return moment.date()
    if pa.types.is_integer(kind):
        return int(aware.timestamp())
    return aware.timestamp() if pa.types.is_floating(kind) else moment.isoformat()
