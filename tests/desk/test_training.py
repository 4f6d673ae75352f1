"""Training and exploring from frames: what the commands do from files, and nothing kept unless it is asked for."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime
from html import escape
from pathlib import Path

import mlflow
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import credit_model
import loans
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
    from_files = credit_model.explore(tmp_path / "t.parquet", str(tmp_path / "o.csv"), bad_values="yes")
    assert same(credit_model.explore(RAW, outcomes, bad_values=["yes"]), from_files)
    assert same(credit_model.explore(RAW.to_pandas(), outcomes.to_pandas(), bad_values=("yes",)), from_files)
    assert from_files.outcomes["bads"].sum() > 0


def test_values_of_python_are_the_texts_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("credit_model.training.workflow.run", seen.append)
    outcomes = loans.outcomes()
    credit_model.train(
        RAW, outcomes, attributes=["income"], columns={"Amount": "paid"}, history_days=60, threshold=0.25
    )
    credit_model.train(
        RAW, outcomes, attributes="income", columns="Amount=paid", history_days="60", threshold="0.25"
    )
    assert seen[0] == seen[1]
    assert (seen[0].attributes, seen[0].columns, seen[0].target) == (
        ("income",),
        {"Amount": "paid"},
        "observed",
    )
    assert (seen[0].history_days, seen[0].threshold) == (60, 0.25)
    credit_model.train(history_days=None)
    assert seen[2] == Settings()


def test_what_cannot_be_done_is_told() -> None:
    with pytest.raises(TypeError, match="the frame of transactions is a list; give a DataFrame of pandas or"):
        credit_model.explore([1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="train takes no parameter 'histry_days'; did you mean history_days"):
        credit_model.train(RAW, histry_days=30)
    with pytest.raises(ValueError, match=r"output: only the command writes files; use \.page\.save"):
        credit_model.explore(RAW, output="page.html")
    with pytest.raises(ValueError, match="customers_table: only the command writes files"):
        credit_model.train(RAW, customers_table="c.csv", snapshot=datetime(2019, 2, 1))
    with pytest.raises(ValueError, match="the frame of transactions has a header and no rows"):
        credit_model.train(RAW.clear())
    with pytest.raises(
        ValueError, match=r"defaulted: 500 rows .* \(the first: row 1 of the frame of outcomes\)"
    ):
        credit_model.explore(RAW, loans.outcomes().with_columns(defaulted=pl.lit("perhaps")))
    mixed = RAW.to_pandas().astype({"Amount": object})
    mixed.loc[0, "Amount"] = "5"
    with pytest.raises(
        ValueError, match="the frame of transactions holds Amount as Object; write it as text, a"
    ):
        credit_model.train(mixed)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[credit_model.Training]:
    """A training of the desk, kept in a store of its own, while that store is in use."""
    folder = tmp_path_factory.mktemp("desk")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    raw = generate.transactions(customers=250, seed=6).to_pandas()
    with at_desk(store, folder):
        yield credit_model.train(raw, track=True, candidate="scorecard", name="desk")


@pytest.mark.slow
def test_a_tracked_training_is_that_of_the_command(tracked: credit_model.Training) -> None:
    assert "registered as desk version 1, challenger" in "\n".join(tracked.summary)
    client = mlflow.MlflowClient()
    kept = client.get_run(client.get_model_version("desk", "1").run_id or "")
    assert kept.data.params["setting_transactions"] == "the frame of transactions"
    assert kept.data.params["used_candidate"] == "scorecard"
    assert {name: kept.data.metrics[name] for name in tracked.metrics} == pytest.approx(dict(tracked.metrics))
    document = mlflow.artifacts.load_text(f"{kept.info.artifact_uri}/model_document.html")
    assert tracked.document.html == document
    logged = pl.read_parquet(
        mlflow.artifacts.download_artifacts(f"{kept.info.artifact_uri}/training_table.parquet")
    )
    assert isinstance(tracked.table, pd.DataFrame)
    mine = pl.from_pandas(tracked.table).drop("CustomerId", "as_of")
    assert_frame_equal(mine, logged.drop("customer_hash", "as_of").fill_nan(None), check_dtypes=False)
    assert tracked.table["CustomerId"].str.startswith("CustomerId_").all()


@pytest.mark.slow
def test_a_training_is_at_hand_whether_it_was_tracked_or_not(
    tracked: credit_model.Training, tmp_path: Path
) -> None:
    alone = credit_model.Training(replace(tracked.result, registered=None), tracked.settings, False)
    assert (tracked.registered, alone.registered) == ("models:/desk/1", None)
    with tracked.model as registered, alone.model as mine:
        assert registered.name == "models:/desk/1"
        answers = [one.score(RAW, as_of="2019-02-10").drop("model_version") for one in (registered, mine)]
        assert_frame_equal(*answers)
        pages = (alone.document.html.replace(mine.version, registered.version), tracked.document.html)
        assert len({re.sub("The package's git commit is .*?[.] ", "", page) for page in pages}) == 1
        place = mine._folder
        assert place.is_dir()
    assert not place.exists()
    alone.document.save(tmp_path / "document.html")
    assert (tmp_path / "document.html").read_text() == alone.document.html
    assert f'<iframe srcdoc="{escape(alone.document.html[:40])}' in alone._repr_html_()
    assert isinstance(alone.comparison, pl.DataFrame)
    assert alone.comparison.filter("chosen")["candidate"].to_list() == ["scorecard"]
    assert isinstance(tracked.gates, pd.DataFrame)
    assert set(tracked.gates[tracked.gates["state"] == "failed"]["sentence"]) == set(tracked.failed_gates)


def test_what_is_explored_has_the_page_of_the_command() -> None:
    found = credit_model.explore(RAW)
    assert found.quality["column"].to_list()[0] == "CustomerId"
    assert "<h1>" in found.page.html
    assert "data:image/png" in found.page.html
    assert found._repr_html_() == found.page._repr_html_()
