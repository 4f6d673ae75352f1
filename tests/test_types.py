"""Every column in every type that Arrow, pandas and Polars store: read as it is, invalid, or refused; never null silently."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from credit_model import tables
from credit_model.cells import Cells
from credit_model.decisions import learn_attributes
from credit_model.outcomes import observed
from credit_model.pieces import pieces
from credit_model.requests import read_request
from credit_model.transactions import COLUMNS, FAULTS, REQUIRED, SCHEMA, Tidy, tidy, tidy_table

NOW = datetime(2019, 3, 1)
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


def by_polars(table: pa.Table, _: Path) -> Tidy:
    return tidy_table(pl.DataFrame(pl.from_arrow(table)))


def by_file(table: pa.Table, folder: Path) -> Tidy:
    pyarrow.parquet.write_table(table, folder / "t.parquet")
    with pieces(tables.scan(str(folder / "t.parquet"), needed=REQUIRED, only=COLUMNS), "t.parquet") as found:
        return tidy_table(pl.concat([piece.collect() for piece in found.tables]))


def by_folder(table: pa.Table, folder: Path) -> Tidy:
    """The same, in a file of its own for every row, larger than what is held in memory at once."""
    for row in range(table.num_rows):
        pyarrow.parquet.write_table(table.slice(row, 1), folder / f"{row}.parquet")
    with pieces(tables.scan(str(folder), needed=REQUIRED, only=COLUMNS), "folder", rows_at_once=1) as found:
        table_of_all = pl.concat([piece.collect() for piece in found.tables])
    return tidy_table(
        table_of_all.sort("Amount" if table_of_all["Amount"].dtype.is_numeric() else "CustomerId")
    )


def by_pandas(table: pa.Table, folder: Path) -> Tidy:
    """As the scoring server reads a Parquet body, or a notebook a file."""
    pyarrow.parquet.write_table(table, folder / "t.parquet")
    return read_request(pd.read_parquet(folder / "t.parquet"), NOW).transactions


def by_pandas_of_arrow(table: pa.Table, _: Path) -> Tidy:
    return read_request(table.to_pandas(types_mapper=pd.ArrowDtype), NOW).transactions


def by_arrays(table: pa.Table, _: Path) -> Tidy:
    """One row per decision, as Spark sends it; what is wrong with a decision's own cells is wrong with its one row."""
    flat = table.to_pandas()
    arrays = {name: [flat[name].to_numpy()[row : row + 1] for row in range(3)] for name in flat.columns}
    request = read_request(pd.DataFrame(arrays | {"CustomerId": flat["CustomerId"]}), NOW)
    own = request.decisions.faults.rename({"decision": "row"}).select(list(FAULTS))
    return Tidy(request.transactions.frame, pl.concat([own, request.transactions.faults]))


Door = Callable[[pa.Table, Path], Tidy]
DOORS: tuple[Door, ...] = (by_polars, by_file, by_folder, by_pandas, by_pandas_of_arrow, by_arrays)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", READABLE)
def test_a_readable_type_is_read_as_it_is(dtype: pl.DataType, door: Door, tmp_path: Path) -> None:
    names = [name for name in COLUMNS if SCHEMA[name] == dtype]
    for place, (kind, array) in enumerate(READABLE[dtype].items()):
        (folder := tmp_path / str(place)).mkdir()
        found = door(with_columns(names, array), folder)
        assert {name: found.frame[name].to_list() for name in names} == dict.fromkeys(names, VALUES[dtype]), (
            kind
        )
        assert found.faults.is_empty(), kind


@pytest.mark.parametrize("door", DOORS)
def test_text_that_is_no_identity_is_a_fault(door: Door, tmp_path: Path) -> None:
    names = [name for name in COLUMNS if SCHEMA[name] == pl.String()]
    for place, (kind, array) in enumerate(GARBLED.items()):
        (folder := tmp_path / str(place)).mkdir()
        found = door(with_columns(names, array), folder).faults.select("row", "field", "problem")
        assert set(found.rows()) == {(row, name, "unreadable") for row in range(3) for name in names}, kind


@pytest.mark.parametrize("door", [by_polars, by_pandas, by_pandas_of_arrow])
def test_what_is_no_cell_is_a_fault(door: Door, tmp_path: Path) -> None:
    for place, (kind, array) in enumerate(NESTED.items()):
        # by pandas, a row whose time and amount are arrays is a decision of its own
        whole = kind in {"list", "map"} and door is not by_polars
        names = [name for name in COLUMNS if not whole or name not in REQUIRED[1:]]
        (folder := tmp_path / str(place)).mkdir()
        found = door(with_columns(names, array), folder).faults.select("row", "field", "problem")
        assert set(found.rows()) == {(row, name, "unreadable") for row in range(3) for name in names}, kind


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("kind", NESTED)
def test_a_file_that_holds_no_cells_is_refused(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"holds {name} as .*; write it as text, a number or a time"):
        by_file(with_columns([name], NESTED[kind]), tmp_path)


@pytest.mark.parametrize("kind", [*NUMBERS, *WORDS])
def test_outcomes_and_attributes_are_read_alike(kind: str) -> None:
    array = (NUMBERS | WORDS)[kind]
    ones = pa.concat_arrays([array[:1]] * 3)
    arrays = {"CustomerId": array, "as_of": DAYS, "defaulted": ones, "income": array}
    labelled = observed(pl.DataFrame(pl.from_arrow(pa.table(arrays))), 0).decisions
    assert labelled["CustomerId"].to_list() == VALUES[pl.String()]
    assert labelled["bad"].to_list() == [1, 1, 1]
    assert [attribute.kind for attribute in learn_attributes(labelled, ["income"])] == ["number"]


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(["1", "2", "3"], dtype="category"),
        pd.Series([1, 2, 3], dtype="category"),
        pd.Series([1, "2", 3.0], dtype=object).astype("category"),
        pd.Series(["1", "2", "3"], dtype=pd.StringDtype("python")),
        pd.Series(["1", "2", "3"], dtype="str"),
        pd.Series([1, 2, 3], dtype="UInt8"),
        pd.Series([1, 2, 3], dtype="Int16"),
        pd.Series([1, 2, 3], dtype="Sparse[int]"),
        pd.Series([1, 2, 3], dtype=np.longdouble),
        pd.Series(np.array([1, 2, 3], dtype=">i4")),
        pd.Series([b"1", "2", np.uint8(3)], dtype=object),
        pl.Series(["1", "2", "3"], dtype=pl.Enum(["1", "2", "3"])),
        pl.Series([1, 2, 3], dtype=pl.Int128),
        pl.Series([1, 2, 3], dtype=pl.UInt128),
    ],
)
def test_types_of_pandas_and_polars(cells: pd.Series | pl.Series) -> None:
    for name in ("CustomerId", "PricingStrategy", "Amount"):
        found = tidy({**CELLS, name: cells}, 3)
        assert found.frame[name].to_list() == VALUES[SCHEMA[name]]
        assert found.faults.is_empty()


@pytest.mark.parametrize(
    "cells",
    [
        np.array([1 + 2j] * 3),
        np.array([1, 2, 3], dtype="timedelta64[s]"),
        np.array([b"12"] * 3, dtype="V2"),
        pd.Series(pd.period_range("2019-01", periods=3, freq="M")),
        pd.Series(pd.interval_range(0, 3)),
        pl.Series([object()] * 3, dtype=pl.Object),
        ["\ud800"] * 3,
        ["\ud800", b"\xff", [1]],
        [{}, (), 10**400],
    ],
)
def test_types_that_hold_no_cells(cells: np.ndarray | pd.Series | pl.Series | list[object]) -> None:
    for name in COLUMNS:
        found = tidy({**CELLS, name: cells}, 3)
        assert found.faults.select("row", "field", "problem").rows() == [
            (r, name, "unreadable") for r in range(3)
        ]
