"""Training and exploring from frames: what the commands do from files, and nothing kept unless it is asked for."""

from dataclasses import fields
from datetime import datetime
from pathlib import Path

import mlflow
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import credit_model
import loans
from credit_model import notebook
from credit_model.reporting.exploration.analysis import Exploration
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from processes import at_desk

RAW = generate.transactions(customers=60, seed=5)


def same(left: Exploration, right: Exploration) -> bool:
    for known in fields(Exploration):
        mine, other = getattr(left, known.name), getattr(right, known.name)
        if isinstance(mine, pl.DataFrame):
            assert_frame_equal(mine, other)
        else:
            assert mine == other
    return True


def test_a_frame_is_explored_as_its_file_is(tmp_path: Path) -> None:
    outcomes = loans.outcomes().with_columns(
        defaulted=pl.col("defaulted").replace_strict({0: "no", 1: "yes"})
    )
    RAW.write_parquet(tmp_path / "t.parquet")
    outcomes.write_csv(tmp_path / "o.csv")
    from_files = notebook.explore(tmp_path / "t.parquet", str(tmp_path / "o.csv"), bad_values="yes")
    assert same(notebook.explore(RAW, outcomes, bad_values=["yes"]), from_files)
    assert same(notebook.explore(RAW.to_pandas(), outcomes.to_pandas(), bad_values=("yes",)), from_files)
    assert from_files.outcomes["bads"].sum() > 0


def test_values_of_python_are_the_texts_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("credit_model.training.workflow.run", seen.append)
    outcomes = loans.outcomes()
    notebook.train(
        RAW, outcomes, attributes=["income"], columns={"Amount": "paid"}, history_days=60, threshold=0.25
    )
    notebook.train(
        RAW, outcomes, attributes="income", columns="Amount=paid", history_days="60", threshold="0.25"
    )
    assert seen[0] == seen[1]
    assert (seen[0].attributes, seen[0].columns, seen[0].target) == (
        ("income",),
        {"Amount": "paid"},
        "observed",
    )
    assert (seen[0].history_days, seen[0].threshold) == (60, 0.25)
    notebook.train(history_days=None)
    assert seen[2] == Settings()


def test_what_cannot_be_done_is_told() -> None:
    with pytest.raises(TypeError, match="the frame of transactions is a list; give a DataFrame of pandas or"):
        notebook.explore([1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="train takes no parameter 'histry_days'; did you mean history_days"):
        notebook.train(RAW, histry_days=30)
    with pytest.raises(
        ValueError, match="output: only the command writes files; python -m credit_model explore"
    ):
        notebook.explore(RAW, output="page.html")
    with pytest.raises(ValueError, match="customers_table: only the command writes files"):
        notebook.train(RAW, customers_table="c.csv", snapshot=datetime(2019, 2, 1))
    with pytest.raises(ValueError, match="the frame of transactions has a header and no rows"):
        notebook.train(RAW.clear())
    with pytest.raises(
        ValueError, match=r"defaulted: 500 rows .* \(the first: row 1 of the frame of outcomes\)"
    ):
        notebook.explore(RAW, loans.outcomes().with_columns(defaulted=pl.lit("perhaps")))
    mixed = RAW.to_pandas().astype({"Amount": object})
    mixed.loc[0, "Amount"] = "5"
    with pytest.raises(
        ValueError, match="the frame of transactions holds Amount as Object; write it as text, a"
    ):
        notebook.train(mixed)


@pytest.mark.slow
def test_a_tracked_training_is_that_of_the_command(tmp_path: Path) -> None:
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    raw = generate.transactions(customers=250, seed=6)
    with at_desk(store, tmp_path):
        result = credit_model.train(raw, track=True, candidate="scorecard", name="desk")
    assert "registered as desk version 1, challenger" in "\n".join(result.summary)
    client = mlflow.MlflowClient(store["MLFLOW_TRACKING_URI"])
    kept = client.get_run(client.get_model_version("desk", "1").run_id or "")
    assert kept.data.params["setting_transactions"] == "the frame of transactions"
    assert kept.data.params["used_candidate"] == "scorecard"
