"""A logged decision is made again to the last digit, and one that was changed is found."""

import json
from pathlib import Path
from typing import Any

import mlflow
import polars as pl
import pytest

from credit_model.scoring.scorer import WHAT_WOULD_HELP, Scorer
from credit_model.serving.decision_log import KEY
from credit_model.serving.fast.answer import SWITCH as FAST
from credit_model.serving.jobs import submit
from credit_model.serving.replay import Replay
from credit_model.settings.settings import Settings
from logged import EVERY, HASH_KEY, RISKY, Entries, ask, entries, loaded
from processes import TrainedModel
from scorers import small_scorer


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, HASH_KEY)


@pytest.fixture(params=["0", "1"])
def logged(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Replay, Entries]:
    """Decisions of one request and of many, by the long way and by the fast one."""
    monkeypatch.setenv(FAST, request.param)
    model = loaded(small_scorer(), tmp_path / "model", tmp_path / "log")
    for decision in EVERY:
        ask(model, decision)
    ask(model, *EVERY)
    ask(model, RISKY, **{WHAT_WOULD_HELP: True})
    return Replay(model.scorer), entries(tmp_path / "log")


def test_every_decision_is_made_again_alike(logged: tuple[Replay, Entries]) -> None:
    replay, lines = logged
    assert len(lines) == 2 * len(EVERY) + 1
    assert [replay.different(entry) for entry in lines] == [[]] * len(lines)


def test_an_invalid_one_keeps_its_message(logged: tuple[Replay, Entries]) -> None:
    replay, lines = logged
    invalid = [entry for entry in lines if entry["answer"]["status"] == "invalid"]
    assert {replay.again(entry)["answer"]["message"] for entry in invalid} == {
        invalid[0]["answer"]["message"]
    }
    assert invalid[0]["answer"]["message"]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("answer", "probability"),
        ("answer", "score"),
        ("contributions", "recency"),
        ("contributions", "(start)"),
    ],
)
def test_a_last_digit_that_differs_is_named(logged: tuple[Replay, Entries], part: str, name: str) -> None:
    replay, lines = logged
    changed = json.loads(json.dumps(lines[0]))
    changed[part][name] += abs(changed[part][name]) * 2**-52
    assert replay.different(changed) == [name]


def test_a_feature_that_was_changed_shows_in_the_answer(logged: tuple[Replay, Entries]) -> None:
    replay, lines = logged
    changed = lines[0] | {"features": lines[0]["features"] | {"recency": 29.0}}
    assert "probability" in replay.different(changed)


@pytest.fixture(scope="module")
def folder(trained_model: TrainedModel) -> Path:
    mlflow.set_tracking_uri(trained_model.tracking)
    return Path(mlflow.artifacts.download_artifacts(trained_model.uri))


@pytest.fixture
def served(trained_model: TrainedModel, folder: Path, tmp_path: Path) -> Path:
    """The log of a registered model, switched on by ``model_config``: 40 decisions at once, and one alone."""
    log = tmp_path / "decisions.jsonl"
    model = mlflow.pyfunc.load_model(str(folder), model_config={"decision_log": str(log)})
    table = pl.read_parquet(trained_model.transactions)
    few = table.filter(pl.col("CustomerId").is_in(table["CustomerId"].unique().sort().head(40).implode()))
    for rows in (few, few.filter(pl.col("CustomerId") == few["CustomerId"][0])):
        model.predict(rows.with_columns(as_of=pl.lit("2019-02-10T00:00:00Z")).to_pandas())
    return log


def rewritten(log: Path, change: dict[str, Any]) -> str:
    """Change the first decision's answer; returns its id."""
    first, *others = log.read_text().splitlines()
    entry = json.loads(first)
    entry["answer"] |= change
    log.write_text("\n".join([json.dumps(entry, separators=(",", ":")), *others, ""]))
    return str(entry["decision_id"])


def test_the_command_replays_by_the_code_of_the_registered_version(
    served: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert submit("replay", Settings(log=str(served)), folder) == 0
    version = Scorer.load(folder / "artifacts" / "scorer").version
    assert capfd.readouterr().out == f"41 decisions made again by version {version}, 41 equal\n"
    changed = rewritten(served, {"risk_level": "none"})
    assert submit("replay", Settings(log=str(served)), folder) == 3
    said = capfd.readouterr().out
    assert f"decision {changed} differs in risk_level\n" in said
    assert said.endswith("40 equal\n")


@pytest.mark.parametrize(
    ("change", "decision", "said"),
    [
        ({}, "none", "there is no decision none; check the id and the file"),
        ({"model_version": "other"}, None, "1 of other versions; name the model that made it"),
    ],
)
def test_what_cannot_be_replayed_is_said(
    change: dict[str, Any],
    decision: str | None,
    said: str,
    served: Path,
    folder: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    asked = rewritten(served, change)
    assert submit("replay", Settings(log=str(served), decision=decision or asked), folder) == 2
    assert said in capfd.readouterr().err
