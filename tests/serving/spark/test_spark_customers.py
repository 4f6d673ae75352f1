"""What Spark's Python workers do, without Spark: rows sorted by customer are answered as ``score`` answers them."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from credit_model.scoring.scorer import ANSWER
from credit_model.serving.spark.customers import (
    DECISION,
    DOUBTFUL,
    KEY,
    PLACE,
    TRANSACTION,
    complete,
    decisions,
    scored,
)

KEYS = {KEY: pl.String, DOUBTFUL: pl.Float64}
PAID = pl.Struct({"Amount": pl.Float64, "TransactionStartTime": pl.String})


def rows_of(customers: list[str | None], **more: list[Any]) -> pl.DataFrame:
    amounts = [
        {"Amount": float(place), "TransactionStartTime": "2019-01-10"} for place in range(len(customers))
    ]
    columns: dict[str, list[Any]] = {KEY: customers, DOUBTFUL: [None] * len(customers), TRANSACTION: amounts}
    return pl.DataFrame(columns | more, schema_overrides=KEYS | {TRANSACTION: PAID})


def batches(rows: pl.DataFrame, size: int) -> Iterator[pa.RecordBatch]:
    for part in rows.iter_slices(size):
        yield from part.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("at_once", [1, 4, 1000])
def test_a_customer_is_never_split_however_the_batches_fall(size: int, at_once: int) -> None:
    customers = [None] * 5 + ["a"] + ["b"] * 20 + ["c", "d", "e", "e"]
    rows = rows_of(customers)
    parts = list(complete(batches(rows, size), at_once))
    seen = [set(part[KEY]) for part in parts]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 6
    assert_frame_equal(pl.concat(parts), rows)


def test_at_a_moment_everybody_is_asked_about_even_who_has_nothing_to_see() -> None:
    rows = rows_of(["a", "a", "b"]).with_columns(pl.when(pl.col(KEY) == "a").then(TRANSACTION))
    asked = decisions(rows, "2019-02-01")
    assert asked.select(KEY, "as_of", PLACE, "Amount").rows() == [
        ("a", "2019-02-01", "a", [0.0, 1.0]),
        ("b", "2019-02-01", "b", []),
    ]


def test_decisions_are_those_asked_for_and_a_doubtful_transaction_makes_its_customer_doubtful() -> None:
    whole = {"Amount": 5.0, "TransactionStartTime": "2019-01-10"}
    rows = rows_of(
        ["a", "a", "a", "b", "c"],
        **{  # type: ignore[arg-type]
            DOUBTFUL: [None, None, 2.0**53, None, None],
            TRANSACTION: [None, None, whole, whole, None],
            DECISION: [
                {PLACE: 2, "as_of": "x"},
                {PLACE: 1, "as_of": "y"},
                None,
                None,
                {PLACE: 3, "as_of": None},
            ],
        },
    )
    asked = decisions(rows, None)
    assert asked.select(KEY, PLACE, "as_of", DOUBTFUL, "Amount").rows() == [
        ("a", 2, "x", 2.0**53, [5.0]),
        ("a", 1, "y", 2.0**53, [5.0]),
        ("c", 3, None, None, []),
    ]


def test_an_answer_is_written_as_score_writes_it() -> None:
    told = {"feature": "recency", "value": None, "typical": "1 to 9 days", "points": 1.5}
    reasons = [{"code": "R01", "text": 'Your "é" differs,\nthey say.'} | told | {"more": 1}]
    cells = {
        "status": "scored",
        "probability": 1e-5,
        "score": 12345678.0,
        "transaction_count": 1,
        "reasons": reasons,
    }

    def predict(request: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
        assert params == {"one_row_per_decision": True}
        answer = [{"CustomerId": str(each)} | cells for each in request["CustomerId"]]
        return pd.DataFrame(answer, dtype=object)

    schema = pa.schema([(PLACE, pa.string()), *((name, pa.string()) for name in ANSWER)])
    rows = rows_of(["b", "c"]).with_columns(pl.Series(DOUBTFUL, [None, 2.0**60]))
    found = pa.Table.from_batches(
        scored(batches(rows, 1), predict, "2019-02-01", dict(ANSWER), schema, as_text=True)
    )
    assert found.schema == schema
    row = found.to_pylist()[0]
    assert {name for name, cell in row.items() if cell is not None} == {PLACE, "CustomerId", *cells}
    more = '"feature":"recency","value":null,"typical":"1 to 9 days","points":1.5'
    assert row["reasons"] == '[{"code":"R01","text":"Your \\"é\\" differs,\\nthey say.",' + more + "}]"
    assert (row["probability"], row["score"], row["transaction_count"]) == ("0.00001", "12345678.0", "1")
