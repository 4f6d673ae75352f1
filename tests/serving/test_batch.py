"""Files larger than memory are scored like small ones, and nothing half-done stands under the final name."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import mlflow
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data import files, temporary
from credit_model.data.formats import Formats
from credit_model.data.partitions import ROWS_AT_ONCE, pieces
from credit_model.data.transactions import tidy_table
from credit_model.scoring.scorer import Scorer
from credit_model.serving import batch
from credit_model.serving.jobs import Job, submit
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from processes import ROOT, TrainedModel

AS_OF = "2019-02-10T00:00:00"


def score_files(
    job: Job, scorer: Scorer, rows_at_once: int = ROWS_AT_ONCE
) -> tuple[pl.DataFrame, list[datetime]]:
    """The answers in order, and the times of the first and the last transaction."""
    with batch.scored(job, scorer, rows_at_once) as found:
        return pl.concat(found.in_order()), found.moments


@pytest.fixture(scope="module")
def scorer(trained_model: TrainedModel) -> Scorer:
    mlflow.set_tracking_uri(trained_model.tracking)
    folder = mlflow.artifacts.download_artifacts(trained_model.uri)
    return Scorer.load(Path(folder) / "artifacts" / "scorer")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("transactions")
    table = generate.transactions(customers=200, seed=3)
    odd = table.head(3).with_columns(CustomerId=pl.Series([None, "late", "late"]))
    whole = pl.concat([table, odd]).with_columns(pl.col("Amount").cast(pl.String))
    whole.head(2000).write_parquet(folder / "a.parquet")
    whole.slice(2000).with_columns(
        Amount=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("oops")).otherwise("Amount")
    ).write_parquet(folder / "b.parquet")
    return Job("", str(folder), None, None, {}, AS_OF, None)


@pytest.mark.parametrize("rows_at_once", [100, 1500])
@pytest.mark.parametrize("room", [0, 100_000, temporary.MOST_IN_MEMORY])
def test_pieces_change_no_answer(
    job: Job, scorer: Scorer, rows_at_once: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = score_files(job, scorer)
    monkeypatch.setattr(temporary, "MOST_IN_MEMORY", room)
    cut, _ = score_files(job, scorer, rows_at_once)
    assert cut.equals(whole)
    assert set(whole["status"]) == {"scored", "no_history", "invalid"}
    assert whole["CustomerId"].null_count() == 1


def test_decisions_keep_their_order_in_pieces(job: Job, scorer: Scorer, tmp_path: Path) -> None:
    moments = [datetime(2019, 2, 1) + timedelta(days=day % 9) for day in range(60)]
    people = [f"CustomerId_{number % 25}" if number % 7 else "nobody" for number in range(60)]
    asked = pl.DataFrame({"CustomerId": people, "as_of": moments})
    asked.write_parquet(tmp_path / "d.parquet")
    named = replace(job, decisions=str(tmp_path / "d.parquet"))
    whole, _ = score_files(named, scorer)
    cut, _ = score_files(named, scorer, 100)
    assert cut.equals(whole)
    assert cut["CustomerId"].to_list() == people
    assert cut["as_of"].to_list() == [f"{moment.isoformat()}.000000Z" for moment in moments]


@pytest.mark.parametrize("rows_at_once", [300, 10_000])
def test_rows_that_no_decision_can_see_are_left_out_unseen(
    job: Job, scorer: Scorer, tmp_path: Path, rows_at_once: int
) -> None:
    table = files.read(job.transactions or "")
    when = pl.col("TransactionStartTime").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    place = pl.int_range(pl.len())
    odd = pl.when(place == 5).then(pl.lit("soon")).when(place == 9).then(pl.lit("1850-01-01")).otherwise(when)
    table = table.with_columns(TransactionStartTime=odd)
    files.write(table, str(tmp_path / "t.csv"))
    people = table["CustomerId"].drop_nulls().unique(maintain_order=True)
    moments = pl.Series([datetime(2019, 1, 5), None, datetime(2019, 2, 1)]).gather(
        pl.int_range(len(people), eager=True) % 3
    )
    asked = pl.DataFrame({"CustomerId": people, "as_of": moments})
    asked.write_parquet(tmp_path / "d.parquet")
    named = replace(job, transactions=str(tmp_path / "t.csv"), decisions=str(tmp_path / "d.parquet"))
    found, span = score_files(named, scorer, rows_at_once)
    assert found.equals(batch.score_tables(scorer, tidy_table(table), asked, job.moment))
    assert {"scored", "invalid"} <= set(found["status"])
    assert span[0] < datetime(2018, 11, 16) < datetime(2019, 2, 12) < span[1]


def test_copies_that_differ_in_what_no_feature_reads_conflict_in_files_too(
    job: Job, scorer: Scorer, tmp_path: Path
) -> None:
    table = files.read(job.transactions or "").drop_nulls("CustomerId").tail(40)
    table = table.with_columns(
        CustomerId=pl.format("C-{}", pl.int_range(pl.len()) % 4), TransactionStartTime=datetime(2019, 2, 1)
    )
    twice = [
        table.filter(CustomerId="C-1").head(1).with_columns(AccountId=pl.lit("another")),
        table.filter(CustomerId="C-2").head(1).with_columns(BatchId=pl.lit("another")),
        table.filter(CustomerId="C-3").head(1),
    ]
    both = pl.concat([table, *twice])
    both.write_parquet(tmp_path / "t.parquet")
    found, _ = score_files(replace(job, transactions=str(tmp_path / "t.parquet")), scorer)
    people = both.select("CustomerId").unique(maintain_order=True)
    assert found.equals(batch.score_tables(scorer, tidy_table(both), people, job.moment))
    assert dict(found.select("CustomerId", "status").rows()) == {
        "C-0": "scored",
        "C-1": "invalid",
        "C-2": "invalid",
        "C-3": "scored",
    }


@given(
    parts=st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(-9, 9), max_size=5)), min_size=1),
    room=st.integers(0, 200),
)
def test_what_memory_has_no_room_for_is_kept_in_files(
    parts: list[tuple[int, list[int]]], room: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    kept = temporary.TemporaryTables(folder, room)
    for number, cells in parts:
        kept.add(number, pl.DataFrame({"cell": cells}, {"cell": pl.Int64}))
    for number in range(4):
        cells = [cell for each, part in parts if each == number for cell in part]
        rows = kept.table(number)
        assert (rows is None and not cells) or (
            rows is not None and rows.collect()["cell"].to_list() == cells
        )
    assert kept.all().collect().height == sum(len(part) for _, part in parts)
    assert any(folder.iterdir()) == (8 * kept.all().collect().height > room)


def test_answers_are_gathered_in_order_some_at_a_time(
    job: Job, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = score_files(job, scorer)
    monkeypatch.setattr(batch, "_ANSWERS_AT_ONCE", 70)
    monkeypatch.setattr(batch, "_FEWEST_AT_ONCE", 2)
    monkeypatch.setattr(batch, "_MOST_AT_ONCE", 9)
    with batch.scored(job, scorer, 500) as found:
        frames = list(found.in_order())
    assert [frame.height for frame in frames] == [70, 70, found.count - 140]
    assert pl.concat(frames).equals(whole)


def test_one_customer_fills_one_piece_of_many(job: Job, scorer: Scorer, tmp_path: Path) -> None:
    table = files.read(job.transactions or "").head(500).with_columns(CustomerId=pl.lit("one"))
    table.write_parquet(tmp_path / "t.parquet")
    found, _ = score_files(replace(job, transactions=str(tmp_path / "t.parquet")), scorer, 100)
    assert found["CustomerId"].to_list() == ["one"]


def test_a_customer_is_whole_in_one_piece(job: Job, scorer: Scorer) -> None:
    with pieces(job.scan_transactions(scorer), "t", 300) as found:
        files = [table.collect() for table in found.tables]
        place = {name: found.place(pl.Series([name]))[0] for name in found.customers.drop_nulls()}
    assert len(files) > 5
    for number, table in enumerate(files):
        assert {place[name] for name in table["CustomerId"].drop_nulls()} <= {number}
    assert sum(table.height for table in files) == generate.transactions(customers=200, seed=3).height + 3


def test_more_than_half_without_history_is_said_with_the_dates(job: Job, scorer: Scorer) -> None:
    answer, moments = score_files(replace(job, as_of="2035-01-01"), scorer)
    warning = batch.warning(answer, moments)
    assert warning is not None
    silent = (answer["status"] == "no_history").sum()
    assert f"{silent} of {answer.height} decisions have no history" in warning
    assert "2018-11-15" in warning
    assert "2035-01-01" in warning
    assert "there are no transactions" in (batch.warning(answer, []) or "")
    assert batch.warning(*score_files(job, scorer)) is None


def test_the_models_own_column_names_are_applied(job: Job, scorer: Scorer, tmp_path: Path) -> None:
    table = pl.read_parquet(f"{job.transactions}/*.parquet")
    table.rename({"CustomerId": "client", "Amount": "sum"}).write_parquet(tmp_path / "t.parquet")
    foreign = replace(job, transactions=str(tmp_path / "t.parquet"))
    knowing = replace(scorer, columns={"CustomerId": "client", "Amount": "sum"})
    expected, _ = score_files(job, scorer)
    assert score_files(foreign, knowing)[0].equals(expected)
    told = replace(foreign, columns={"CustomerId": "client", "Amount": "sum"})
    assert score_files(told, scorer)[0].equals(expected)
    table.drop("ProductCategory").write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="lacks the column 'categ', mapped to ProductCategory"):
        score_files(replace(foreign, columns={"ProductCategory": "categ"}), scorer)


WRITTEN = Formats("%d.%m.%Y %H:%M:%S.%f", "comma")


def as_a_bank_writes(table: pl.DataFrame) -> pl.DataFrame:
    """Transactions with dates in days first and with a decimal comma."""
    return table.with_columns(
        pl.col("TransactionStartTime").dt.strftime("%d.%m.%Y %H:%M:%S.%6f"),
        pl.col("Amount", "Value").cast(pl.String).str.replace(".", ",", literal=True),
    )


def test_the_models_own_formats_are_applied_and_an_order_goes_before_them(
    job: Job, scorer: Scorer, tmp_path: Path
) -> None:
    table = generate.transactions(customers=30, seed=3)
    plain, foreign = tmp_path / "p.parquet", tmp_path / "f.csv"
    table.write_parquet(plain)
    as_a_bank_writes(table).write_csv(foreign, separator=";")
    asked = pl.DataFrame({"CustomerId": table["CustomerId"].unique(maintain_order=True)})
    files.write(asked.with_columns(as_of=pl.lit("10.02.2019 00:00:00.000000")), str(tmp_path / "d.csv"))
    expected, _ = score_files(replace(job, transactions=str(plain)), scorer)
    told = replace(job, transactions=str(foreign), date_format=WRITTEN.date_format, decimal="comma")
    knowing = replace(scorer, formats=WRITTEN)
    for order, by in ((told, scorer), (replace(job, transactions=str(foreign)), knowing)):
        assert score_files(order, by, 500)[0].equals(expected)
        assert score_files(replace(order, decisions=str(tmp_path / "d.csv")), by)[0].equals(expected)
    iso = replace(job, transactions=str(plain), date_format="iso", decimal="point")
    assert score_files(iso, knowing)[0].equals(expected)


def test_what_seems_written_otherwise_is_told_with_the_remedy(
    job: Job, scorer: Scorer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = as_a_bank_writes(generate.transactions(customers=5, seed=3))
    table.with_columns(Amount=pl.lit("7,5")).write_csv(tmp_path / "t.csv", separator=";")
    answer, _ = score_files(replace(job, transactions=str(tmp_path / "t.csv")), scorer)
    assert set(answer["status"]) == {"invalid"}
    assert f"Amount: {table.height} rows are written with a decimal comma" in caplog.text
    assert f"(the first: row 1 of {tmp_path}/t.csv); say decimal=comma" in caplog.text
    assert f"TransactionStartTime: {table.height} rows are unreadable as ISO-8601" in caplog.text
    assert "7,5" not in caplog.text


def test_a_table_without_rows_is_refused_but_nobody_needs_a_history(
    job: Job, scorer: Scorer, tmp_path: Path
) -> None:
    empty, nobody, somebody = (tmp_path / name for name in ("t.csv", "n.csv", "s.csv"))
    empty.write_text("CustomerId,TransactionStartTime,Amount\n")
    nobody.write_text("CustomerId,as_of\n")
    somebody.write_text("CustomerId,as_of\na,2019-02-01\n")
    silent = replace(job, transactions=str(empty))
    with pytest.raises(ValueError, match=r"t\.csv has a header and no rows"):
        score_files(silent, scorer)
    with pytest.raises(ValueError, match=r"n\.csv has a header and no rows"):
        score_files(replace(silent, decisions=str(nobody)), scorer)
    assert score_files(replace(silent, decisions=str(somebody)), scorer)[0]["status"].to_list() == [
        "no_history"
    ]


_OLDER = """
import json, sys
from dataclasses import dataclass
@dataclass
class Order:
    scorer: str; transactions: str; decisions: str; outcomes: str; columns: dict; as_of: str; output: str
print(Order(**json.loads(sys.argv[1])).transactions)
"""


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (Settings(), None),
        (Settings(date_format="iso", decimal="point"), None),
        (Settings(decimal="comma"), "older than decimal and cannot honour it"),
        (
            Settings(date_format="%d.%m.%Y", bad_values=("yes",)),
            "older than date_format, bad_values and cannot",
        ),
    ],
)
def test_a_model_from_before_there_were_formats_gets_the_orders_that_it_knows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], said: Settings, refused: str | None
) -> None:
    scorer, code = tmp_path / "artifacts" / "scorer", tmp_path / "code" / "credit_model"
    for folder in (scorer, code):
        folder.mkdir(parents=True)
    for name in ("scorer.json", "manifest.json"):
        (scorer / name).write_text("{}")
    (code / "__init__.py").touch()
    (code / "batch.py").write_text(_OLDER)
    given = replace(said, model=str(tmp_path), transactions="t.csv")
    if refused is None:
        assert submit("score", given, tmp_path) == 0
        assert capfd.readouterr().out == "t.csv\n"
    else:
        with pytest.raises(ValueError, match=refused):
            submit("score", given, tmp_path)


_CHILD = """
import json, select, sys, tempfile
from credit_model.scoring import scorer
from credit_model.serving import jobs
scorer.Scorer.load = lambda _: None
def work(job, scorer):
    with tempfile.TemporaryDirectory(dir=job.output):
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            pass
sys.exit(jobs.run(work, [json.dumps({"scorer": "", "output": sys.argv[1]})]))
"""
_PARENT = """
import os, sys
from credit_model.serving.jobs import wait
exit(wait([sys.executable, *sys.argv[1:]], dict(os.environ)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_leaves_nothing_behind(sign: signal.Signals, tmp_path: Path) -> None:
    """The command and the process that works for it, interrupted while a temporary folder stands."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT, "-c", _CHILD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert list(tmp_path.iterdir())
    if sign == signal.SIGTERM:
        process.terminate()
    else:
        os.killpg(process.pid, sign)  # as a terminal does
    assert process.wait(timeout=120) != 0
    process.communicate()
    assert not list(tmp_path.iterdir())


def test_a_folder_is_a_model_without_mlflow(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FETCHED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path), "False"]


_FETCHED = """
import sys
from credit_model.tracking.model_folder import model_folder
print(model_folder(sys.argv[1]), 'mlflow' in sys.modules)
"""
