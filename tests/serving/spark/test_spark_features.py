"""Tables on Spark: features are those of the package, for any types, partitions and skew; a model can be trained on them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs
import pytest
from polars.testing import assert_frame_equal
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

import loans
from credit_model.data.decisions import Attribute
from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.plan import customer_features
from credit_model.models.scorecard import Scorecard
from credit_model.reporting.export.sql import scorecard_sql
from credit_model.serving.batch import score_tables
from credit_model.serving.spark import features
from credit_model.serving.spark.rows import decision_rows, of_asked
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.training import workflow
from scorers import small_scorer

pytestmark = pytest.mark.slow

AS_OF = datetime(2019, 2, 1, 3, 4, 5, 678)
LEVELS = {"ProductCategory": ("airtime", "tv"), "ChannelId": ("ChannelId_3", "a.b, (x)=`1`")}
CATALOGUE = Catalogue(60, LEVELS, (Attribute("income", "number"), Attribute("home", "category")))
PLAIN, INCOME = Catalogue(60), Catalogue(60, {}, (Attribute("income", "number"),))
FIELDS = list(CATALOGUE.features)


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    """In a time zone whose clocks change: an instant must not move with them.

    Case does not tell names apart, Spark's own default, which an earlier session of the process may have changed.
    """
    builder = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", "3")
    builder = builder.config("spark.ui.enabled", "false").config("spark.driver.memory", "2g")
    builder = builder.config("spark.sql.caseSensitive", "false")
    session = builder.config("spark.sql.session.timeZone", "America/New_York").getOrCreate()
    yield session
    session.stop()


def collected(table: DataFrame) -> pl.DataFrame:
    return pl.DataFrame(table.toArrow()).sort("CustomerId", "as_of", nulls_last=True)


def on_spark(session: SparkSession, table: pl.DataFrame) -> DataFrame:
    """Moments without a zone are UTC to us, and local to Spark: say so."""
    instants = table.with_columns(cs.datetime().dt.replace_time_zone("UTC"))
    return session.createDataFrame(instants.to_arrow(compat_level=pl.CompatLevel.oldest()))


def asked(customers: list[str]) -> pl.DataFrame:
    """Two decisions of every customer, and one of a stranger; every third states nothing."""
    rows = [(customer, AS_OF - timedelta(days=age)) for customer in [*customers, "nobody"] for age in (0, 9)]
    table = pl.DataFrame(rows, schema=["CustomerId", "as_of"], orient="row").sort("CustomerId", "as_of")
    place = pl.int_range(pl.len())
    stated = place % 3 != 0
    return table.with_columns(
        income=pl.when(stated).then(place * 0.1),
        home=pl.when(stated).then(pl.lit("own")),
        Amount=pl.lit("a column of the decisions that is none of ours"),
    )


def test_the_features_are_those_of_the_package(session: SparkSession) -> None:
    raw = generate.transactions(customers=120, seed=3)
    decisions = asked(raw["CustomerId"].unique().to_list())
    found = features.customer_features(
        on_spark(session, raw).repartition(7), on_spark(session, decisions).repartition(5), CATALOGUE
    )
    table = collected(found)
    expected = customer_features(tidy_table(raw), decisions, CATALOGUE)
    assert_frame_equal(table.select(FIELDS), expected, rel_tol=1e-9, abs_tol=1e-9)
    assert table["CustomerId"].to_list() == decisions["CustomerId"].to_list()
    assert table["as_of"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ").to_list() == decisions["as_of"].to_list()
    silent = expected["transaction_count"] == 0
    assert 0 < silent.sum() < len(silent)
    assert table["status"].to_list() == ["no_history" if none else "computed" for none in silent]
    assert table["message"].null_count() == table.height
    assert set(table.filter(~silent)["CurrencyCode"]) == set(raw["CurrencyCode"])


WHEN = datetime(2019, 1, 10, 12, 0, 0, 250_000)
TYPES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "text": (
        "CustomerId string, TransactionStartTime string, Amount string, Value string",
        [("7", "2019-01-10T12:00:00.25Z", "5.50", "6"), ("7", "2019-01-11", "-2", None)],
    ),
    "numbers": (
        "CustomerId double, TransactionStartTime double, Amount decimal(12,2), Value int",
        [(7.0, 1547121600.25, Decimal("5.50"), 6), (7.0, 1547164800.0, Decimal("-2"), None)],
    ),
    "instants": (
        "CustomerId bigint, TransactionStartTime timestamp_ntz, Amount float, Value decimal(9,0)",
        [(7, WHEN, 5.5, Decimal(6)), (7, datetime(2019, 1, 11), -2.0, None)],
    ),
}


@pytest.mark.parametrize("kind", TYPES)
def test_columns_of_any_type_say_the_same(session: SparkSession, kind: str) -> None:
    schema, rows = TYPES[kind]
    decisions = session.createDataFrame([("7", "2019-02-01")], "CustomerId string, as_of string")
    found = collected(features.customer_features(session.createDataFrame(rows, schema), decisions, PLAIN))
    raw = pl.DataFrame(
        {
            "CustomerId": ["7", "7"],
            "TransactionStartTime": [WHEN, datetime(2019, 1, 11)],
            "Amount": [5.5, -2.0],
            "Value": [6.0, None],
        }
    )
    one = pl.DataFrame({"CustomerId": ["7"], "as_of": [datetime(2019, 2, 1)]})
    assert_frame_equal(found.select(list(PLAIN.features)), customer_features(tidy_table(raw), one, PLAIN))


CLOCK_CHANGE = datetime(2019, 3, 10, 2, 30)  # no clock of New York shows it
SECONDS = 1552185000
MOMENTS: dict[str, tuple[Any, str]] = {
    "string": ("2019-03-10T02:30:00Z", "2019-03-10T02:30:00.000000Z"),
    "timestamp_ntz": (CLOCK_CHANGE, "2019-03-10T02:30:00.000000Z"),
    "timestamp": (CLOCK_CHANGE, "2019-03-10T02:30:00.000000Z"),
    "bigint": (SECONDS, "2019-03-10T02:30:00.000000Z"),
    "double": (SECONDS + 0.25, "2019-03-10T02:30:00.250000Z"),
    "decimal(20,6)": (Decimal(SECONDS), "2019-03-10T02:30:00.000000Z"),
    "date": (date(2019, 3, 10), "2019-03-10T00:00:00.000000Z"),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_a_moment_of_any_type_is_the_same_in_any_time_zone(session: SparkSession, kind: str) -> None:
    cell, expected = MOMENTS[kind]
    if kind == "timestamp":
        decisions = session.createDataFrame([("7", SECONDS)], "CustomerId string, as_of bigint")
        decisions = decisions.withColumn("as_of", F.timestamp_seconds("as_of"))
    else:
        decisions = session.createDataFrame([("7", cell)], f"CustomerId string, as_of {kind}")
    transactions = session.createDataFrame(
        [("7", CLOCK_CHANGE - timedelta(hours=12), 5.0)],
        "CustomerId string, TransactionStartTime timestamp_ntz, Amount double",
    )
    (row,) = features.customer_features(transactions, decisions, PLAIN).collect()
    assert row["as_of"] == expected
    ago = datetime.fromisoformat(expected).replace(tzinfo=None) - (CLOCK_CHANGE - timedelta(hours=12))
    assert row["recency"] == pytest.approx(ago / timedelta(days=1), abs=1e-12)


def test_a_default_moment_stands_where_the_table_has_none(session: SparkSession) -> None:
    transactions = session.createDataFrame(
        [], "CustomerId string, TransactionStartTime string, Amount double"
    )
    rows = [("a", None), ("b", float("nan")), ("c", 7.0)]
    decisions = session.createDataFrame(rows, "CustomerId string, as_of double")
    for default in ("2019-03-10T05:30:00+03:00", CLOCK_CHANGE):
        found = decision_rows(transactions, decisions, default).orderBy("CustomerId").collect()
        assert [row["as_of"] for row in found] == [SECONDS, SECONDS, 7]
    with pytest.raises(ValueError, match="as_of is not a time; give ISO-8601 text"):
        decision_rows(transactions, decisions, "soon")


def test_the_transactions_of_those_asked_about_are_all_that_their_rows_need(session: SparkSession) -> None:
    schema = "CustomerId double, TransactionStartTime string, Amount double"
    rows = [(who, "2019-01-10", place) for place, who in enumerate([1.0, 2.0, 2.0, None, 3.0])]
    transactions = session.createDataFrame([(who, when, float(n)) for who, when, n in rows], schema)
    decisions = session.createDataFrame([("2",), (None,), ("2",), ("9",)], "CustomerId string")
    mine = of_asked(transactions, decisions)
    assert sorted(row["Amount"] for row in mine.collect()) == [1, 2, 3]
    few, every = (
        [(row["CustomerId"], row["as_of"], sorted(row["Amount"])) for row in rows.collect()]
        for rows in (decision_rows(known, decisions, AS_OF) for known in (mine, transactions))
    )
    assert [name for name, _, _ in few].count("2") == 2
    assert sorted(few, key=repr) == sorted(every, key=repr)


def test_what_is_at_fault_is_said_and_nothing_is_lost(session: SparkSession) -> None:
    day = "2019-01-10"
    rows = [
        ("amounts", day, "much", "UGX", "1"),
        ("amounts", day, None, "UGX", "2"),
        ("amounts", day, "5", "UGX", "3"),
        ("times", "soon", "5", "UGX", "1"),
        ("currencies", day, "5", "UGX", "1"),
        ("currencies", day, "5", "KES", "2"),
        ("copies", day, "5", "UGX", "1"),
        ("copies", day, "6", "UGX", "1"),
        ("fine", day, "5", "UGX", "1"),
        (None, day, "5", "UGX", "1"),
    ]
    names = ["CustomerId", "TransactionStartTime", "Amount", "CurrencyCode", "TransactionId"]
    transactions = session.createDataFrame(rows, ", ".join(f"{name} string" for name in names))
    late = "2019-02-01"
    expected = {
        ("amounts", late): "Amount: 1 missing; Amount: 1 unreadable",
        ("copies", late): "TransactionId: 1 with conflicting copies",
        ("currencies", late): "CurrencyCode: 2 different currencies",
        ("fine", "soon"): "as_of: 1 unreadable",
        ("times", late): "TransactionStartTime: 1 unreadable",
        ("unasked", None): "as_of: 1 missing",
        (None, late): "CustomerId: 1 missing",
        ("stated", late): "income: 1 unreadable",
        ("fine", late): None,
    }
    stated = [(*key, "much" if key[0] == "stated" else "5") for key in expected]
    decisions = session.createDataFrame(stated, "CustomerId string, as_of string, income string")
    found = collected(features.customer_features(transactions, decisions, INCOME))
    moment = pl.when(pl.col("as_of").is_not_null()).then(pl.lit(late))
    said = found.select("CustomerId", moment, "message").rows()
    readable = [(who, late if when == late else None, text) for (who, when), text in expected.items()]
    assert sorted(said, key=repr) == sorted(readable, key=repr)
    invalid = found.filter(pl.col("status") == "invalid")
    assert invalid.height == len(expected) - 1
    unknown = [name for name in INCOME.features if name != "income"]
    assert set(invalid.select(pl.sum_horizontal(pl.col(*unknown).is_not_null())).to_series()) == {0}
    assert invalid["income"].null_count() == 1


def test_a_decision_asked_twice_is_two_rows_and_empty_partitions_are_none(session: SparkSession) -> None:
    raw = generate.transactions(customers=3, seed=3)
    who = raw["CustomerId"].first()
    decisions = pl.DataFrame({"CustomerId": [who, who, "nobody"], "as_of": [AS_OF] * 3})
    transactions = on_spark(session, raw).repartition(40)
    found = features.customer_features(transactions, on_spark(session, decisions).repartition(20), PLAIN)
    table = collected(found)
    assert table["CustomerId"].to_list() == [who, who, "nobody"]
    assert table.slice(0, 1).equals(table.slice(1, 1))
    assert table["transaction_count"].to_list()[2] == 0
    expected = customer_features(tidy_table(raw), decisions, PLAIN)
    assert_frame_equal(table.select(list(PLAIN.features)), expected)
    none = on_spark(session, decisions.clear())
    assert features.customer_features(transactions, none, PLAIN).count() == 0


def test_one_customer_with_a_million_transactions(session: SparkSession) -> None:
    """The others are not lost beside it, and its sums are those of whole numbers: exact."""
    rows = 1_000_000
    numbers = session.range(rows + 100).withColumn("whale", F.col("id") < rows)
    transactions = numbers.select(
        F.when(F.col("whale"), "whale").otherwise(F.concat(F.lit("fish"), F.col("id"))).alias("CustomerId"),
        F.timestamp_seconds(F.lit(1546300800) + F.col("id") % rows).alias("TransactionStartTime"),
        (F.col("id") % 900).cast("double").alias("Amount"),
        F.element_at(F.array(F.lit("tv"), F.lit("airtime")), (F.col("id") % 2 + 1).cast("int")).alias(
            "ProductCategory"
        ),
    )
    decisions = transactions.select("CustomerId", F.lit("2019-02-01").alias("as_of")).distinct()
    found = features.customer_features(transactions, decisions, Catalogue(60, LEVELS))
    table = {row["CustomerId"]: row for row in found.collect()}
    assert len(table) == 101
    whale = table["whale"]
    assert whale["transaction_count"] == rows
    assert whale["total_transaction_amount"] == sum(number % 900 for number in range(rows))
    assert whale["share_ProductCategory_tv"] == 0.5
    assert {row["transaction_count"] for name, row in table.items() if name != "whale"} == {1}


def test_a_model_from_features_on_spark_is_the_model_from_transactions(
    session: SparkSession, tmp_path: Path
) -> None:
    raw, files = (
        loans.transactions().frame,
        {name: str(tmp_path / name) for name in ("t.parquet", "o.parquet")},
    )
    spoilt = (pl.col("CustomerId") == loans.outcomes()["CustomerId"][0]) & (pl.col("Value") > 0)
    raw = raw.with_columns(Value=pl.when(~spoilt).then("Value").otherwise(float("inf")))
    raw.write_parquet(files["t.parquet"])
    loans.outcomes().write_parquet(files["o.parquet"])
    given = Settings(outcomes=files["o.parquet"], candidate="scorecard")
    original = workflow.run(
        replace(
            given, transactions=files["t.parquet"], attributes=("income",), history_days=loans.HISTORY_DAYS
        )
    ).trained
    catalogue, path = original.dataset.catalogue, str(tmp_path / "features")
    decisions = on_spark(session, loans.outcomes()).repartition(3)
    found = features.customer_features(
        session.read.parquet(files["t.parquet"]).repartition(4), decisions, catalogue
    )
    features.write(found, path, catalogue)
    again = workflow.run(replace(given, features=path)).trained
    assert again.dataset.invalid == original.dataset.invalid > 0
    answers = [
        score_tables(trained.scorer, loans.transactions(), loans.outcomes(), loans.START).drop(
            "model_version"
        )
        for trained in (original, again)
    ]
    assert answers[0]["probability"].n_unique() > 20
    assert_frame_equal(answers[1], answers[0], rel_tol=1e-9, abs_tol=1e-9)
    assert again.scorer.catalogue == catalogue


def test_names_that_spark_does_not_tell_apart(session: SparkSession) -> None:
    transactions = session.createDataFrame(
        [], "CustomerId string, TransactionStartTime string, Amount double"
    )
    decisions = session.createDataFrame([], "CustomerId string, as_of string, status string")
    cases = Catalogue(60, {"ProductCategory": ("tv", "TV")})
    taken = Catalogue(60, {}, (Attribute("status", "category"),))
    with pytest.raises(ValueError, match=r"ProductCategory_tv, ProductCategory_TV.* set spark\.sql\.case"):
        features.customer_features(transactions, decisions, cases)
    with pytest.raises(ValueError, match="columns status, status apart; rename the attribute"):
        features.customer_features(transactions, decisions, taken)
    with pytest.raises(ValueError, match=r"decisions lack income \(found: CustomerId, as_of, status\)"):
        features.customer_features(transactions, decisions, INCOME)
    session.conf.set("spark.sql.caseSensitive", "true")
    try:
        assert features.customer_features(transactions, decisions, cases).count() == 0
    finally:
        session.conf.set("spark.sql.caseSensitive", "false")


def test_a_scorecard_as_sql_scores_as_the_model_does(session: SparkSession) -> None:
    """With levels whose letters Spark reads in a way of its own."""
    odd = pl.Series(["it's", "\\n ${x}", "tv"])
    raw = generate.transactions(customers=60, seed=5)
    raw = raw.with_columns(ProductCategory=odd.gather(pl.int_range(raw.height, eager=True) % 3))
    decisions = raw.select("CustomerId", as_of=pl.lit(AS_OF)).unique().sort("CustomerId")
    scorer = replace(small_scorer(), no_history_probability=0.3)
    card = scorer.classifier
    assert isinstance(card, Scorecard)
    levels = replace(card.binnings[3], levels=(("it's",), ("\\n ${x}",)))
    assert len(levels.evidence) == 4
    scorer = replace(scorer, classifier=replace(card, binnings=(*card.binnings[:3], levels)))
    found = features.customer_features(on_spark(session, raw), on_spark(session, decisions), scorer.catalogue)
    found.createOrReplaceTempView("features")
    scored = pl.DataFrame(session.sql(scorecard_sql(scorer, "spark")).toArrow()).sort("CustomerId")
    answer = score_tables(scorer, tidy_table(raw), decisions, AS_OF)
    columns = [
        "CustomerId",
        "as_of",
        "status",
        "probability",
        "score",
        "prediction",
        "risk_level",
        "decision",
    ]
    assert {"scored", "no_history"} == set(answer["status"])
    assert_frame_equal(scored.select(columns), answer.select(columns), rel_tol=1e-9, abs_tol=1e-9)
