"""Every column in every type that Arrow, pandas and Polars store: read as it is, invalid, or refused; never null silently."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from arrow_types import CELLS, DAYS, GARBLED, NESTED, NUMBERS, READABLE, VALUES, WORDS, with_columns
from credit_model.data import files
from credit_model.data.decisions import learn_attributes
from credit_model.data.outcomes import observed
from credit_model.data.partitions import pieces
from credit_model.data.transactions import (
    COLUMNS,
    ONLY_COMPARED,
    REQUIRED,
    ROW_FAULTS,
    SCHEMA,
    Tidy,
    tidy,
    tidy_table,
)
from credit_model.serving.request import read_request

NOW = datetime(2019, 3, 1)


def by_polars(table: pa.Table, _: Path) -> Tidy:
    return tidy_table(pl.DataFrame(pl.from_arrow(table)))


def by_file(table: pa.Table, folder: Path) -> Tidy:
    pyarrow.parquet.write_table(table, folder / "t.parquet")
    with pieces(files.scan(str(folder / "t.parquet"), needed=REQUIRED, only=COLUMNS), "t.parquet") as found:
        return tidy_table(pl.concat([piece.collect() for piece in found.tables]))


def by_folder(table: pa.Table, folder: Path) -> Tidy:
    """The same, in a file of its own for every row, larger than what is held in memory at once."""
    for row in range(table.num_rows):
        pyarrow.parquet.write_table(table.slice(row, 1), folder / f"{row}.parquet")
    with pieces(files.scan(str(folder), needed=REQUIRED, only=COLUMNS), "folder", rows_at_once=1) as found:
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
    own = request.decisions.faults.rename({"decision": "row"}).select(list(ROW_FAULTS))
    return Tidy(request.transactions.frame, pl.concat([own, request.transactions.faults]))


Door = Callable[[pa.Table, Path], Tidy]
DOORS: tuple[Door, ...] = (by_polars, by_file, by_folder, by_pandas, by_pandas_of_arrow, by_arrays)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", READABLE)
def test_a_readable_type_is_read_as_it_is(dtype: pl.DataType, door: Door, tmp_path: Path) -> None:
    hidden = ONLY_COMPARED if door in (by_file, by_folder) else ()  # one number stands for these texts
    names = [name for name in COLUMNS if SCHEMA[name] == dtype and name not in hidden]
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
