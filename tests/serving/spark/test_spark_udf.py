"""Spark answers what pandas does, and refuses what it would split."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import polars as pl
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from credit_model.serving.spark import rows as on_spark
from documents import blocks
from processes import TrainedModel

pytestmark = pytest.mark.slow

AS_OF = "2019-02-13T00:00:00Z"


@pytest.fixture(scope="module")
def session(trained_model: TrainedModel) -> Iterator[SparkSession]:
    os.environ["MLFLOW_TRACKING_URI"] = trained_model.tracking
    mlflow.set_tracking_uri(trained_model.tracking)
    builder = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", "3")
    builder = builder.config("spark.ui.enabled", "false").config(
        "spark.sql.session.timeZone", "Africa/Kampala"
    )
    session = builder.getOrCreate()
    yield session
    session.stop()
    del os.environ["MLFLOW_TRACKING_URI"]


@pytest.fixture(scope="module")
def raw(session: SparkSession, trained_model: TrainedModel) -> DataFrame:
    few = F.col("CustomerId").rlike("[05]$")
    return session.read.parquet(str(trained_model.transactions)).where(few).repartition(7)


def answered(rows: DataFrame, trained_model: TrainedModel) -> list[dict[str, Any]]:
    found = on_spark.answers(rows, trained_model.uri).orderBy("CustomerId").collect()
    return [row.asDict(recursive=True) for row in found]


def on_pandas(table: pd.DataFrame, trained_model: TrainedModel) -> list[dict[str, Any]]:
    loaded = mlflow.pyfunc.load_model(trained_model.uri)
    answers: pd.DataFrame = loaded.predict(table, params={"as_of": AS_OF}).sort_values("CustomerId")
    records: list[dict[str, Any]] = answers.to_dict(orient="records")  # type: ignore[assignment]
    return records


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name, value in other.items():
            near = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert one[name] == near, name


def test_spark_answers_as_pandas_does(raw: DataFrame, trained_model: TrainedModel) -> None:
    table = (
        pl.read_parquet(trained_model.transactions)
        .filter(pl.col("CustomerId").str.contains("[05]$"))
        .to_pandas()
    )
    assert_same(
        answered(on_spark.decision_rows(raw, as_of=AS_OF), trained_model), on_pandas(table, trained_model)
    )


def test_the_recipe_scores_in_sql(raw: DataFrame, trained_model: TrainedModel, tmp_path: Path) -> None:
    (text,) = [block.text for block in blocks("python") if "udf.register" in block.text]
    raw.write.parquet(str(tmp_path / "transactions.parquet"))
    program = text.replace('"transactions.parquet"', repr(str(tmp_path / "transactions.parquet")))
    names: dict[str, Any] = {}
    exec(program.replace("show(5)", "count()"), names)
    scored = names["scored"].select("CustomerId", "answer.score").orderBy("CustomerId").collect()
    expected = answered(on_spark.decision_rows(raw, as_of=AS_OF), trained_model)
    assert_same(
        [row.asDict() for row in scored],
        [{name: one[name] for name in ("CustomerId", "score")} for one in expected],
    )


def test_raw_rows_fail_the_job_and_say_how_to_group(raw: DataFrame, trained_model: TrainedModel) -> None:
    with pytest.raises(Exception, match="group them first: one row per customer"):
        on_spark.answers(
            raw.select("CustomerId", "TransactionStartTime", "Amount"), trained_model.uri
        ).collect()


def test_odd_types_nulls_and_customers_without_transactions(
    session: SparkSession, trained_model: TrainedModel
) -> None:
    when = datetime(2019, 2, 1, 10)
    rows = [
        (7.0, when, Decimal("5.50"), None),
        (7.0, when + timedelta(days=1), Decimal("2.00"), "tv"),
        (8.0, None, Decimal("1.00"), "tv"),
    ]
    schema = (
        "CustomerId double, TransactionStartTime timestamp_ntz, Amount decimal(10,2), ProductCategory string"
    )
    transactions = session.createDataFrame(rows, schema)
    decisions = session.createDataFrame(
        [("7", "2019-02-13"), ("8", None), ("9", "2019-02-13")], "CustomerId string, as_of string"
    )
    found = answered(on_spark.decision_rows(transactions, decisions, AS_OF), trained_model)
    assert [row["status"] for row in found] == ["scored", "invalid", "no_history"]
    assert [row["transaction_count"] for row in found] == [2, 0, 0]
    assert {row["as_of"] for row in found} == {"2019-02-13T00:00:00.000000Z"}
    flat = pd.DataFrame(
        {
            "CustomerId": [7, 7],
            "TransactionStartTime": ["2019-02-01T10:00", "2019-02-02T10:00"],
            "Amount": [5.5, 2],
            "ProductCategory": [None, "tv"],
        }
    )
    assert_same(found[:1], on_pandas(flat, trained_model))


def test_a_number_that_two_customers_could_share_is_no_identity(
    session: SparkSession, trained_model: TrainedModel
) -> None:
    """Not in the decisions, where it is invalid; not in the transactions, which no decision then sees."""
    shared, when = 2**53 + 1, "2019-02-01"
    columns = "CustomerId decimal(20,0), TransactionStartTime string, Amount double"
    transactions = session.createDataFrame([(Decimal(shared), when, 5.0), (Decimal(7), when, 5.0)], columns)
    everyone = answered(on_spark.decision_rows(transactions, as_of=AS_OF), trained_model)
    assert [(row["CustomerId"], row["status"], row["message"]) for row in everyone] == [
        ("7", "scored", None),
        (str(2**53), "invalid", "CustomerId: 1 unreadable"),
    ]
    asked = session.createDataFrame([("7",), (str(2**53),)], "CustomerId string")
    named = answered(on_spark.decision_rows(transactions, asked, AS_OF), trained_model)
    assert [row["status"] for row in named] == ["scored", "no_history"]


def test_a_customer_larger_than_a_batch(session: SparkSession, trained_model: TrainedModel) -> None:
    numbers = session.range(1_000_000)
    many = numbers.select(
        F.lit("whale").alias("CustomerId"),
        F.timestamp_seconds(F.lit(1548979200) + F.col("id")).alias("TransactionStartTime"),
        (F.col("id") % 900).cast("double").alias("Amount"),
    )
    found = answered(on_spark.decision_rows(many.repartition(5), as_of=AS_OF), trained_model)
    assert [row["transaction_count"] for row in found] == [1_000_000]


def test_a_decision_asked_twice_is_answered_twice_and_empty_partitions_are_none(
    session: SparkSession, raw: DataFrame, trained_model: TrainedModel
) -> None:
    latest = raw.groupBy("CustomerId").agg(F.max("TransactionStartTime").alias("latest"))
    known = [row["CustomerId"] for row in latest.orderBy(F.desc("latest")).limit(2).collect()]
    people = session.createDataFrame([(name,) for name in [*known, *known, "nobody"]], "CustomerId string")
    moment = F.timestamp_seconds(F.lit(datetime.fromisoformat(AS_OF).timestamp()))
    decisions = people.withColumn("as_of", moment).repartition(20)
    found = answered(on_spark.decision_rows(raw.repartition(40), decisions), trained_model)
    assert [row["CustomerId"] for row in found] == sorted([*known, *known, "nobody"])
    assert {row["as_of"] for row in found} == {"2019-02-13T00:00:00.000000Z"}
    for name in known:
        one, other = (row for row in found if row["CustomerId"] == name)
        assert one == other
        assert one["status"] == "scored"
