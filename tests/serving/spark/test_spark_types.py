"""Every column in every type that Parquet stores reaches the model through Spark as it is, or as a fault."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession

from arrow_types import GARBLED, READABLE, VALUES, with_columns
from credit_model.data.faults import together
from credit_model.data.transactions import COLUMNS, SCHEMA
from credit_model.features.history import history
from credit_model.serving.request import Request, read_request
from credit_model.serving.spark.rows import decision_rows

pytestmark = pytest.mark.slow

NOW = datetime(2019, 3, 1)
UNKNOWN_TO_SPARK = {"halffloat", "timestamp[ns]", "timestamp[ns, tz=UTC]"}
NO_TEXT = "bytes that are no text"  # as CustomerId they end the job


@pytest.fixture(scope="module")
def spark() -> SparkSession:
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    return builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()


def by_spark(spark: SparkSession, file: Path) -> Request:
    rows = decision_rows(spark.read.parquet(str(file)), as_of=NOW)
    return read_request(rows.toPandas(), NOW, arrays_only=True)


@pytest.mark.parametrize("dtype", READABLE)
def test_a_readable_type_is_read_as_it_is(spark: SparkSession, dtype: pl.DataType, tmp_path: Path) -> None:
    names = [name for name in COLUMNS if SCHEMA[name] == dtype]
    known = {kind: array for kind, array in READABLE[dtype].items() if kind not in UNKNOWN_TO_SPARK}
    for place, (kind, array) in enumerate(known.items()):
        file = tmp_path / f"{place}.parquet"
        pyarrow.parquet.write_table(with_columns(names, array), file)
        found = by_spark(spark, file).transactions
        assert found.faults.is_empty(), kind
        columns = found.frame.sort("Amount").select(names).to_dict(as_series=False)
        assert columns == dict.fromkeys(names, VALUES[dtype]), kind


@pytest.mark.parametrize("kind", GARBLED)
def test_text_that_is_no_identity_is_a_fault(spark: SparkSession, kind: str, tmp_path: Path) -> None:
    texts = [name for name in COLUMNS if SCHEMA[name] == pl.String()]
    for names in (texts[:1] if kind != NO_TEXT else [], texts[1:]):
        file = tmp_path / f"{len(names)}.parquet"
        pyarrow.parquet.write_table(with_columns(names, GARBLED[kind]), file)
        request = by_spark(spark, file)
        faults = history(request.transactions, request.decisions.frame, 60).faults
        found = set(
            together([request.decisions.faults, faults]).select("decision", "field", "problem").rows()
        )
        assert found >= {
            (row, name, "unreadable") for row in range(request.decisions.frame.height) for name in names
        }
