"""``score_spark``: Spark reads and writes all of it, and answers as ``score`` does."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from credit_model.data.files import read
from credit_model.data.transactions import COLUMNS
from credit_model.scoring.scorer import ANSWER
from credit_model.serving.spark import files
from credit_model.serving.spark.customer_rows import customer_rows
from credit_model.serving.spark.customers import DECISION, DOUBTFUL, KEY, PLACE, TRANSACTION
from credit_model.serving.spark.faults import explained
from credit_model.serving.spark.session import started
from processes import ROOT, TrainedModel, execute, run

pytestmark = pytest.mark.slow

AS_OF = datetime(2019, 2, 1)
NEEDED = ("CustomerId", "TransactionStartTime", "Amount")


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", "--master local[2] --conf spark.ui.enabled=false pyspark-shell")
        with started(None) as session:
            session.conf.set("spark.sql.shuffle.partitions", "3")
            yield session


def table(rows: int = 2, **more: list[Any]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {
        "CustomerId": [f"C{place}" for place in range(rows)],
        "TransactionStartTime": ["2019-01-10"] * rows,
        "Amount": [5.0] * rows,
    }
    return pl.DataFrame(columns | more)


def scan(session: SparkSession, path: Path | str) -> DataFrame:
    return files.scan(session, str(path), {}, NEEDED, COLUMNS)


def sentence(call: Callable[[], Any]) -> str:
    """What is said of bad input, by ourselves or for Spark."""
    with pytest.raises(Exception) as fault:  # noqa: PT011, of ours and of Spark's
        call()
    said = fault.value if isinstance(fault.value, ValueError) else explained(fault.value, Path("log"))
    assert isinstance(said, ValueError), said
    return str(said)


def score(command: str, model: TrainedModel, folder: Path, **given: str) -> tuple[int, str, str]:
    words = [word for name, text in given.items() for word in (f"--{name}", text)]
    environment = model.environment | {
        "PYTHONPATH": str(ROOT),
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.driver.maxResultSize=4m pyspark-shell",
    }
    done = run(["-m", "credit_model", command, "--model", model.uri, *words], environment, folder)
    return done.returncode, done.stdout, done.stderr


def test_the_answers_are_those_of_score_in_the_same_order_and_text(
    trained_model: TrainedModel, tmp_path: Path
) -> None:
    """Of more decisions than the driver may collect, in files whose sizes are not in the order of their names."""
    raw = pl.read_parquet(trained_model.transactions).rename({"CustomerId": "client"})
    (tmp_path / "in").mkdir()
    for place, part in enumerate((raw.head(4000), raw.tail(-4000))):
        part.write_parquet(tmp_path / "in" / f"{place}.parquet")
    people = raw["client"].unique().sort().to_list()
    names = [people[-1], "nobody", "=1+1", *people * 20, None]
    moments = [None if place % 3 else f"2019-02-{1 + place % 9:02}T10:00:00Z" for place in range(len(names))]
    stated = [None if place % 2 else place * 12.5 for place in range(len(names))]
    decisions = pl.DataFrame({"client": names, "as_of": moments, "opening_balance": stated})
    (tmp_path / "asked").mkdir()
    decisions.head(9).write_csv(tmp_path / "asked" / "1.csv")
    decisions.tail(-9).write_csv(tmp_path / "asked" / "2.csv")
    given = {
        "transactions": "in",
        "decisions": "asked",
        "columns": "CustomerId=client",
        "as_of": "2019-02-13",
    }
    ours = score("score", trained_model, tmp_path, output="score.csv", **given)
    spark = score("score_spark", trained_model, tmp_path, output="spark.csv", driver_memory="1g", **given)
    assert spark == (0, f"{len(names)} decisions written to spark.csv\n", ""), spark[2]
    assert ours[0] == 0
    assert_frame_equal(read(str(tmp_path / "spark.csv")), read(str(tmp_path / "score.csv")))
    assert (tmp_path / "spark.csv" / "_SUCCESS").exists()
    again = score("score_spark", trained_model, tmp_path, output="spark.csv", **given)
    assert again == (2, "", "credit_model: spark.csv exists already and is not empty; name a new folder\n")


def test_the_trial_of_scale_finds_equal_answers(trained_model: TrainedModel, tmp_path: Path) -> None:
    """One customer has far more transactions than an Arrow batch has rows, and all are too early for a warning's sake."""
    size = ["--customers", "200", "--transactions", "600", "--whale", "40000", "--driver-memory", "1g"]
    command = [str(ROOT / "scripts" / "trials" / "spark_scale.py"), "--model", trained_model.uri, *size]
    done = execute([sys.executable, *command], trained_model.environment, tmp_path)
    assert "equal; the driver took at most" in done.stdout, done.stderr
    assert done.returncode == 0


FIRST, LAST = datetime(2019, 3, 10, 2, 30), datetime(2019, 3, 11)
UNREADABLE: dict[str, list[Any]] = {
    "string": ["soon", "2019-02-30T00:00:00Z"],
    "double": [float("nan"), 1e12],
}
TIMES: dict[str, Callable[[datetime], Any]] = {
    "string": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    "double": lambda moment: moment.replace(tzinfo=UTC).timestamp(),
    "bigint": lambda moment: int(moment.replace(tzinfo=UTC).timestamp()),
    "timestamp": lambda moment: moment.replace(tzinfo=UTC),
    "timestamp_ntz": lambda moment: moment,
    "date": lambda moment: moment.date(),
}


def amounts(rows: DataFrame) -> dict[str | None, list[float]]:
    """Those of the transactions of every customer that are seen."""
    grouped = rows.groupBy(f"`{KEY}`").agg(F.collect_list(f"{TRANSACTION}.Amount").alias("seen"))
    return {row[KEY]: sorted(row["seen"]) for row in grouped.collect()}


@pytest.mark.parametrize("kind", TIMES)
def test_a_window_loses_what_nobody_sees_and_nothing_else(session: SparkSession, kind: str) -> None:
    """No customer, no fault and nothing at the ends of the window is lost; not even where a decision is in another zone."""
    inside = [FIRST, LAST - timedelta(seconds=1)]
    cells = [TIMES[kind](moment) for moment in [*inside, FIRST - timedelta(days=9), LAST + timedelta(days=9)]]
    faults = [None, TIMES[kind](datetime(1850, 1, 1)), *UNREADABLE.get(kind, [])]
    rows = [*((cell, float(place)) for place, cell in enumerate(cells)), *((cell, -1.0) for cell in faults)]
    schema = f"CustomerId string, TransactionStartTime {kind}, Amount double"
    people = [("a", *row) for row in rows] + [("old", cells[2], 7.0), (None, cells[3], 8.0)]
    transactions = session.createDataFrame(people, schema)
    kept = [-1.0] * len(faults) + [0.0, 1.0]
    assert amounts(customer_rows(transactions, None, LAST, 1)) == {"a": kept, "old": [], None: []}
    without_end = {"a": sorted([*kept, 2.0]), "old": [7.0], None: []}
    assert amounts(customer_rows(transactions, None, LAST, None)) == without_end
    moments = [("a", "2019-03-11T23:30:00+23:30"), ("stranger", None), ("a", " 2019-03-11 ")]
    decisions = session.createDataFrame(moments, "CustomerId string, as_of string")
    decisions = decisions.withColumn(PLACE, F.lit(1))
    asked = customer_rows(transactions, decisions, LAST, 1)
    assert amounts(asked) == {"a": kept, "stranger": []}
    stated = {row[DECISION]["as_of"] for row in asked.collect() if row[DECISION]}
    assert stated == {"2019-03-11T23:30:00+23:30", "2019-03-11T00:00:00", " 2019-03-11 "}


def test_columns_of_parquet_s_other_types_are_read_for_what_they_say(
    session: SparkSession, tmp_path: Path
) -> None:
    columns = {
        "CustomerId": pa.array([2**53 + 1, 7], pa.uint64()),
        "TransactionStartTime": pa.array([b"2019-01-10", b"\xff"]),
        "Amount": pa.array([1, 2], pa.uint16()),
        "ProductCategory": pa.array(["tv", "airtime"]).dictionary_encode(),
        "ProviderId": pa.array([b"\xff", "Zoë".encode()]),
        "PricingStrategy": pa.array([1, None], pa.int8()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    rows = customer_rows(scan(session, tmp_path / "t.parquet").drop(PLACE), None, AS_OF, 60)
    found = {row[KEY]: (row[DOUBTFUL], row[TRANSACTION].asDict()) for row in rows.collect()}
    other = {"TransactionStartTime": b"\xff", "Amount": 2, "ProductCategory": "airtime"}
    assert found["7"] == (None, other | {"ProviderId": "Zoë".encode(), "PricingStrategy": None})
    (doubtful,) = (cells for key, cells in found.items() if key != "7")
    assert doubtful[0] == 2**53
    assert doubtful[1]["TransactionStartTime"] == b"2019-01-10"
    assert doubtful[1]["ProviderId"] == b"\xff"
    kinds = dict(rows.select(f"{TRANSACTION}.*").dtypes)
    assert kinds["Amount"] == kinds["PricingStrategy"] == "bigint"


def test_an_identity_that_is_no_text_is_refused(session: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table(CustomerId=[b"a", b"\xff"]).write_parquet(path)
    bad = scan(session, path).drop(PLACE)
    said = sentence(customer_rows(bad, None, AS_OF, 60).collect)
    assert said == "CustomerId holds bytes that are no UTF-8 text; write it as text"
    table(CustomerId=[{"a": 1}, {"a": 2}]).write_parquet(path)
    said = sentence(lambda: customer_rows(scan(session, path).drop(PLACE), None, AS_OF, 60))
    assert said == "CustomerId is of the type struct; make it text or a number"


@pytest.mark.parametrize("name", ["x[1].csv", "y{a,b}.csv", "z*.csv", "a b?.csv"])
def test_a_file_of_just_this_name_is_meant_itself(session: SparkSession, tmp_path: Path, name: str) -> None:
    table(1).write_csv(tmp_path / name)
    for other in ("x1.csv", "ya.csv", "zz.csv", "a bc.csv"):
        table(3).write_csv(tmp_path / other)
    assert scan(session, tmp_path / name).count() == 1
    assert scan(session, f"file://{tmp_path / name}").count() == 1


def test_a_folder_and_a_pattern_name_files_in_folders_inside_too(
    session: SparkSession, tmp_path: Path
) -> None:
    for name in ("in/1.csv", "in/deep/2.CSV", "in/_old/3.csv", "parts/CurrencyCode=007/1.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        frame = table(2, Amount=['5,"\n5"', "6"])
        (frame.write_parquet if name.endswith("parquet") else frame.write_csv)(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("none of ours")
    assert (
        sorted(row["Amount"] for row in scan(session, tmp_path / "in").collect())
        == ['5,"\n5"'] * 2 + ["6"] * 2
    )
    assert scan(session, f"{tmp_path}/i*/*.csv").count() == 2
    assert {row["CurrencyCode"] for row in scan(session, tmp_path / "parts").collect()} == {"007"}


def written(folder: Path, **files: pl.DataFrame | str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        if isinstance(content, str):
            path.write_text(content)
        else:
            (content.write_parquet if name.endswith("parquet") else content.write_csv)(path)
    return folder


UNREADABLE_FILES: list[tuple[dict[str, pl.DataFrame | str], str]] = [
    ({}, "{0} holds no .csv, .csv.gz or .parquet file; check the path"),
    ({"1_csv": table(), "2_parquet": table()}, "{0} holds both CSV and Parquet files; name one kind"),
    ({"1_parquet": "no Parquet"}, "file:{0}/1.parquet cannot be read as Parquet: it may be cut short"),
    (
        {"1_parquet": table(), "2_parquet": table(Amount=["5", "6"])},
        "the files of a table hold Amount as DOUBLE and as STRING; write it in one type",
    ),
    ({"1_csv": table(), "2_csv": table().select(NEEDED[::-1])}, "cannot be read as CSV: it needs the header"),
    ({"1_csv": "CustomerId,TransactionStartTime,Amount\na,2019-01-10,5,6\n"}, "cannot be read as CSV"),
    ({"1_csv": "CustomerId,Amount,Amount\na,1,2\n"}, "{0} has two columns named 'Amount'; rename"),
    ({"1_csv": "CustomerId;when;Amount\na;2019-01-10;5\n"}, "{0} lacks the column TransactionStartTime"),
    ({"1_csv": "CustomerId,when,Amount\na,2019-01-10,5\n"}, "{0} lacks the column TransactionStartTime"),
]


@pytest.mark.parametrize(("files", "said"), UNREADABLE_FILES)
def test_what_cannot_be_read_is_said_in_one_sentence(
    session: SparkSession, tmp_path: Path, files: dict[str, pl.DataFrame | str], said: str
) -> None:
    written(tmp_path, **files)
    assert said.format(tmp_path) in sentence(lambda: scan(session, tmp_path).collect())


def test_what_is_not_there_is_said(session: SparkSession, tmp_path: Path) -> None:
    assert (
        sentence(lambda: scan(session, tmp_path / "t.csv"))
        == f"file:{tmp_path}/t.csv does not exist; check the path"
    )
    assert "Spark knows no such files" in sentence(lambda: scan(session, "s3a://bucket/t.csv"))


@pytest.mark.parametrize(
    ("output", "source"),
    [
        ("a/t.parquet", "a/t.parquet"),
        ("a/out/", "a"),
        ("a/out.csv", "file://{0}/a/"),
        ("file://{0}/a/b/c.parquet", "*/b"),
        ("s3a://b/t/new/", "s3a://b/t"),
    ],
)
def test_an_output_in_an_input_is_refused(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    output, source = output.format(tmp_path), source.format(tmp_path)
    with pytest.raises(ValueError, match="is or lies in the input"):
        files.check_output(session, output, [None, source])


def test_an_output_is_a_new_folder_of_a_known_kind(session: SparkSession, tmp_path: Path) -> None:
    files.check_output(session, f"{tmp_path}/out.csv", [f"{tmp_path}/*.csv.gz", f"{tmp_path}/out"])
    (tmp_path / "left[1].csv" / "_temporary").mkdir(parents=True)
    files.check_output(session, f"{tmp_path}/left[1].csv", [])
    (tmp_path / "left[1].csv" / "part.csv").write_text("a\n")
    with pytest.raises(ValueError, match="exists already and is not empty; name a new folder"):
        files.check_output(session, f"{tmp_path}/left[1].csv", [])
    with pytest.raises(ValueError, match="neither CSV nor Parquet by its ending"):
        files.check_output(session, f"{tmp_path}/out", [])


def test_a_table_without_rows_is_written_with_its_header(session: SparkSession, tmp_path: Path) -> None:
    schema = ", ".join(f"{name} string" for name in ANSWER)
    for name in ("none.csv", "none/"):
        files.write(session.createDataFrame([], schema), f"{tmp_path}/{name}")
        assert read(f"{tmp_path}/{name}").shape == (0, len(ANSWER))
