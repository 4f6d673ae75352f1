"""The same three transactions in every type that Arrow stores."""

from datetime import datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from credit_model.data.cells import Cells

DAYS = [datetime(2019, 2, 1), datetime(2019, 2, 2), datetime(2019, 2, 3)]
PLAIN = pa.table({"CustomerId": ["a", "b", "c"], "TransactionStartTime": DAYS, "Amount": [1.0, 2.0, 3.0]})
CELLS: dict[str, Cells] = {name: PLAIN[name].to_pylist() for name in PLAIN.column_names}
VALUES: dict[pl.DataType, list[object]] = {
    pl.String(): ["1", "2", "3"],
    pl.Float64(): [1.0, 2.0, 3.0],
    pl.Datetime("us"): list(DAYS),
}
UNTRUSTED = 2**53


def numbers(kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(1), Decimal(2), Decimal(3)], kind)
    return pa.array([1, 2, 3], pa.uint8()).cast(kind)


def words(kind: pa.DataType, cells: tuple[str, str, str] = ("1", "2", "3")) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return words(kind.value_type, cells).dictionary_encode().cast(kind)
    binary = pa.types.is_fixed_size_binary(kind)
    return pa.array([cell.encode() for cell in cells] if binary else cells).cast(kind)


def times(kind: pa.DataType) -> pa.Array:
    return pa.array(DAYS, pa.timestamp("us")).cast(kind)


NUMBERS = {
    str(kind): numbers(kind)
    for kind in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
        *(pa.decimal32(5, 2), pa.decimal64(10, 2), pa.decimal128(20, 4), pa.decimal128(38, 0)),
    )
}
WORDS = {
    str(kind): words(kind)
    for kind in (
        *(pa.string(), pa.large_string(), pa.string_view()),
        *(pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(1)),
        *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.binary())),
    )
}
TIMES = {
    str(kind): times(kind)
    for kind in (
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp(unit, "UTC") for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp("us", "Africa/Kampala"), pa.date32(), pa.date64()),
    )
}
ISO = ("2019-02-01", "2019-02-02", "2019-02-03")
TIMES_AS_WORDS = {
    f"{name} of times": words(array.type, ISO)
    for name, array in WORDS.items()
    if name != "fixed_size_binary[1]"
}
READABLE: dict[pl.DataType, dict[str, pa.Array]] = {
    pl.String(): {**NUMBERS, **WORDS},
    pl.Float64(): {**NUMBERS, **WORDS},
    pl.Datetime("us"): {**TIMES, **TIMES_AS_WORDS},
}
GARBLED = {
    "bytes that are no text": pa.array([b"\xff", b"\xfe", b"\xfd"]),
    "numbers that are no identity": pa.array([UNTRUSTED, UNTRUSTED + 1, 2**60], pa.int64()),
    "unsigned numbers that are no identity": pa.array([UNTRUSTED, 2**63, 2**64 - 1], pa.uint64()),
    "numbers with a fraction that are no identity": pa.array([2.0**53, 2.0**60, 1e300]),
}
NESTED = {
    "list": pa.array([["x"]] * 3),
    "struct": pa.array([{"x": 1}] * 3),
    "map": pa.array([[("x", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    "time of day": pa.array([time(1)] * 3),
    "duration": pa.array([timedelta(1)] * 3),
}


def with_columns(names: list[str], array: pa.Array) -> pa.Table:
    """The plain table with one array in place of some of its columns, or beside them."""
    rest = {name: PLAIN[name] for name in PLAIN.column_names if name not in names}
    return pa.table(rest | dict.fromkeys(names, array))
