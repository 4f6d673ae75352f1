"""A frame of pandas as one of Polars: what its cells say, whatever types pandas keeps them in."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from credit_model.data import files
from credit_model.data.frames import InMemory, in_polars
from credit_model.data.transactions import REQUIRED, tidy_table

COLUMNS: dict[str, tuple[Any, list[Any], pl.DataType]] = {
    "text": (pd.Series(["a", None]), ["a", None], pl.String()),
    "objects": (pd.Series(["a", float("nan")], dtype=object), ["a", None], pl.String()),
    "numbers": (pd.Series([1.5, None]), [1.5, float("nan")], pl.Float64()),
    "nullable": (pd.array([1, None], dtype="Int64"), [1, None], pl.Int64()),
    "truth": (pd.Series([True, None], dtype=object), [True, None], pl.Boolean()),
    "decimals": (pd.Series([Decimal("1.5"), None], dtype=object), [Decimal("1.5"), None], pl.Decimal(38, 1)),
    "dates": (pd.Series([date(2019, 1, 1), None], dtype=object), [date(2019, 1, 1), None], pl.Date()),
    "times": (
        pd.Series([pd.Timestamp("2019-01-01", tz="UTC"), pd.NaT], dtype=object),
        [datetime(2019, 1, 1, tzinfo=UTC), None],
        pl.Datetime("us", "UTC"),
    ),
    "mixed": (pd.Series([1, "x"], dtype=object), ["1", "x"], pl.String()),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_keeps_its_cells(kind: str) -> None:
    cells, expected, dtype = COLUMNS[kind]
    found = in_polars(pd.DataFrame({7: cells}), "the frame")
    assert_frame_equal(found, pl.DataFrame({"7": pl.Series(expected, dtype=dtype)}))


def test_cells_of_several_kinds_in_a_column_of_the_contract_are_read_one_by_one() -> None:
    frame = pd.DataFrame(
        {
            "CustomerId": pd.Series([7, "7", 7.0], dtype=object),
            "TransactionStartTime": pd.Series([0, "1970-01-01", pd.Timestamp(0)], dtype=object),
            "Amount": pd.Series([5, "5", Decimal(5)], dtype=object),
        }
    )
    found = tidy_table(in_polars(frame, "the frame"))
    assert found.faults.is_empty()
    assert found.frame.select(REQUIRED).rows() == [("7", datetime(1970, 1, 1), 5.0)] * 3


def test_what_is_no_table_is_refused() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="the frame has several columns a; rename or drop all but one"):
        in_polars(twice, "the frame")
    with pytest.raises(TypeError, match="the frame is a dict; give a DataFrame of pandas or Polars"):
        in_polars({"a": [1]}, "the frame")


def test_a_frame_is_read_where_a_path_is() -> None:
    table = pl.DataFrame({"client": ["a", "b"], "Amount": ["1,5", "2"]})
    frame = InMemory("the frame of loans", table)
    renamed = table.rename({"client": "CustomerId"})
    assert_frame_equal(files.read(frame, {"CustomerId": "client"}), renamed, check_column_order=False)
    assert files.place(frame)(1) == "row 2 of the frame of loans"
    with pytest.raises(ValueError, match="the frame of loans lacks the column amount; did you mean Amount"):
        files.read(frame, needed=["amount"])
    with pytest.raises(ValueError, match="the frame of loans has a header and no rows"):
        files.filled(table.clear(), frame)
