"""The streaming example: what has arrived is answered as pandas answers it, and nothing twice."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import polars as pl
import pytest

from documents import command
from processes import ROOT, TrainedModel, execute

pytestmark = pytest.mark.slow

AS_OF = "2019-02-13T00:00:00Z"
COMMAND = command("'local[*]' scripts/stream_scoring.py")


@pytest.fixture
def folder(trained_model: TrainedModel, tmp_path: Path) -> Path:
    """Where the page's command is given: the scripts, transactions, and a folder for decisions."""
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    (tmp_path / "transactions.parquet").symlink_to(trained_model.transactions)
    (tmp_path / "asked").mkdir()
    return tmp_path


def stream(folder: Path, trained_model: TrainedModel, more: str = "") -> str:
    """Run the command of docs/spark.md; returns what it printed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": programs, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable}
    done = execute(["bash", "-ec", COMMAND.rstrip() + more], trained_model.environment | own, folder, 600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrive(folder: Path, name: str, customers: list[str]) -> None:
    lines = [json.dumps({"CustomerId": customer, "as_of": AS_OF}) for customer in customers]
    (folder / "asked" / name).write_text("\n".join(lines) + "\n")


def answered(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(f"{folder}/answers/batch=*/*.parquet").sort("CustomerId")


def on_pandas(rows: pd.DataFrame, trained_model: TrainedModel) -> list[dict[str, Any]]:
    mlflow.set_tracking_uri(trained_model.tracking)
    answers = mlflow.pyfunc.load_model(trained_model.uri).predict(rows, params={"as_of": AS_OF})
    found: list[dict[str, Any]] = answers.sort_values("CustomerId").to_dict(orient="records")
    return found


def assert_same(found: pl.DataFrame, expected: list[dict[str, Any]]) -> None:
    assert found["CustomerId"].to_list() == [answer["CustomerId"] for answer in expected]
    for one, other in zip(found.to_dicts(), expected, strict=True):
        for name, value in other.items():
            near = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert one[name] == near, name


def test_what_arrives_is_answered_once(trained_model: TrainedModel, folder: Path) -> None:
    raw = pl.read_parquet(trained_model.transactions)
    people = raw["CustomerId"].unique().sort().head(12).to_list()
    arrive(folder, "first.json", people[:4])
    arrive(folder, "second.json", people[4:8])
    assert "8 decisions answered in answers" in stream(folder, trained_model)
    assert answered(folder).height == 8
    for commit in ("0", ".0.crc"):  # as if the answers were written and the power then failed
        (folder / "answers" / "_checkpoint" / "commits" / commit).unlink()
    arrive(folder, "third.json", people[8:])
    stream(folder, trained_model)
    mine = raw.filter(pl.col("CustomerId").is_in(people)).to_pandas()
    assert_same(answered(folder), on_pandas(mine, trained_model))


def test_decisions_that_bring_their_transactions(trained_model: TrainedModel, folder: Path) -> None:
    raw = pl.read_parquet(trained_model.transactions).select("CustomerId", "TransactionStartTime", "Amount")
    few = raw.filter(pl.col("CustomerId").str.ends_with("7"))
    times = pl.col("TransactionStartTime").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    arrays = few.with_columns(times).group_by("CustomerId").agg("TransactionStartTime", "Amount")
    arrays.with_columns(as_of=pl.lit(AS_OF)).write_parquet(folder / "asked" / "one.parquet")
    kinds = "CustomerId string, as_of string, TransactionStartTime array<string>, Amount array<double>"
    stream(folder, trained_model, f" --transactions '' --format parquet --schema '{kinds}'")
    assert_same(answered(folder), on_pandas(few.to_pandas(), trained_model))
