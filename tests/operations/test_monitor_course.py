"""Monitoring from a decision log, and the course of a registered version over time."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from credit_model.operations.monitor import monitor
from credit_model.operations.override import override
from credit_model.serving import jobs
from credit_model.serving.decision_log import KEY, keyed_hash
from credit_model.serving.jobs import Finding
from credit_model.serving.log_file import LogFile, line
from credit_model.settings.settings import Settings
from credit_model.tracking import monitoring, registry
from loans import outcomes
from logged import HASH_KEY, ask, entries, loaded
from processes import ROOT
from registries import clean_store
from watched import random_half, requests, watched_scorer


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The lines of a log of requests like the training's, and of requests with five days of the past."""
    folder = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, HASH_KEY)
        for name, days in (("usual", 60), ("short", 5)):
            ask(loaded(watched_scorer(), folder / "model", folder / name), *requests(days))
    own = {"model_version": watched_scorer().save(folder / "own", jobs.MANIFEST)}
    return {
        name: [entry | {"answer": entry["answer"] | own} for entry in entries(folder / name)]
        for name in ("usual", "short")
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of the model, as far as monitoring reads it."""
    watched_scorer().save(tmp_path / "model" / "artifacts" / "scorer", jobs.MANIFEST)
    (tmp_path / "model" / "code").mkdir()
    (tmp_path / "model" / "code" / "credit_model").symlink_to(ROOT / "credit_model")
    return tmp_path / "model"


def log_of(folder: Path, lines: list[dict[str, Any]], days: int = 0) -> str:
    """A log of lines, as if they had been written some days later."""
    path = folder / "decisions.jsonl"
    for entry in lines:
        moment = datetime.fromisoformat(entry["time"]) + timedelta(days=days)
        LogFile(path).write(line(entry | {"time": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"}))
    return str(path)


def alarms(said: str) -> set[str]:
    named = re.match(r"alarm: (.*?) \(", said)
    return set(named[1].split(", ")) if named else set()


def test_a_log_like_the_training_is_quiet(
    kept: dict[str, list[dict[str, Any]]], model: Path, tmp_path: Path
) -> None:
    said = monitor(Settings(model=str(model), log=log_of(tmp_path, kept["usual"])))
    assert not isinstance(said, Finding)
    assert said.startswith("no alarm")
    assert f"compared: {len(kept['usual'])} of" in said or "invalid: 0" in said
    assert "overridden rate: 0" in said


def test_a_caller_who_sends_five_days_is_found(
    kept: dict[str, list[dict[str, Any]]], model: Path, tmp_path: Path
) -> None:
    said = monitor(Settings(model=str(model), log=log_of(tmp_path, kept["short"])))
    assert isinstance(said, Finding)
    assert "history reach" in alarms(said)
    assert re.search(r"histories: in training \d+% reached back \d+ days or more; now 0%", said)


def test_overrides_and_what_became_of_them(
    kept: dict[str, list[dict[str, Any]]], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, HASH_KEY)
    path = log_of(tmp_path, kept["usual"])
    for entry in kept["usual"][::2]:
        to = "review" if entry["answer"]["decision"] != "review" else "approve"
        override(path, entry["decision_id"], "A. Person", to, "a better view")
    outcomes().write_parquet(tmp_path / "o.parquet")
    said = monitor(Settings(model=str(model), log=path, outcomes=str(tmp_path / "o.parquet")))
    assert alarms(said) == {"overridden"}
    assert f"outcomes of overridden: {len(kept['usual'][::2])}" in said
    assert "bad rate of overridden:" in said
    assert "observed to expected:" in said


def test_outcomes_beside_a_log_need_its_key(
    kept: dict[str, list[dict[str, Any]]], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    outcomes().write_parquet(tmp_path / "o.parquet")
    path = log_of(tmp_path, kept["usual"][:9])
    with pytest.raises(
        ValueError, match="outcomes beside a decision log needs the key of the customers' hashes"
    ):
        monitor(Settings(model=str(model), log=path, outcomes=str(tmp_path / "o.parquet")))


def test_other_versions_and_copies_are_left_out(
    kept: dict[str, list[dict[str, Any]]], model: Path, tmp_path: Path
) -> None:
    lines = random_half(kept["usual"], 1)
    other = [entry | {"answer": entry["answer"] | {"model_version": "another"}} for entry in lines[:7]]
    path = log_of(tmp_path, [*lines, *other, *lines])
    said = monitor(Settings(model=str(model), log=path))
    assert f"of {len(lines)} decisions with" in said
    assert "decisions of other versions, left out: 7" in said
    Path(path).unlink()
    with pytest.raises(
        ValueError, match=r"no decision is of the version .*, 7 are of others; name the model"
    ):
        monitor(Settings(model=str(model), log=log_of(tmp_path, other)))


def test_several_logs_are_one_window(
    kept: dict[str, list[dict[str, Any]]], model: Path, tmp_path: Path
) -> None:
    for name, lines in (("a", kept["usual"][::2]), ("b", kept["usual"][1::2])):
        (tmp_path / name).mkdir()
        Path(log_of(tmp_path / name, lines)).rename(tmp_path / f"{name}.jsonl")
    said = monitor(Settings(model=str(model), log=str(tmp_path / "*.jsonl")))
    assert f"of {len(kept['usual'])} decisions with" in said
    with pytest.raises(ValueError, match=r"there is no decision log .*; check the pattern"):
        monitor(Settings(model=str(model), log=str(tmp_path / "*.absent")))


@pytest.fixture
def client(database: Path, model: Path) -> Iterator[MlflowClient]:
    """A client of a store that holds the model as version 1 of m."""
    with clean_store(database) as client:
        client.create_registered_model("m")
        client.create_model_version("m", model.as_uri())
        yield client


def test_the_course_of_a_version_is_kept_once_a_window(
    client: MlflowClient, kept: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    settings = Settings(model="models:/m/1", log=log_of(tmp_path, kept["usual"]), window_days=2)
    first, again = monitor(settings), monitor(settings)
    assert "recorded in the run monitoring of m v1 (" in first
    assert "recorded before, in the run monitoring of m v1; nothing has changed" in again
    page = tmp_path / "page.html"
    later = replace(settings, log=log_of(tmp_path, kept["short"], days=30), page=str(page))
    assert "history reach" in alarms(monitor(later))
    version = registry.version_of("m", "1")
    windows = monitoring.windows(version)
    assert [bool(window.alarms) for window in windows] == [False, True]
    experiment = client.get_experiment_by_name("credit-risk")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`credit_model.monitoring_of` = 'm/1'")
    for key in ("score/psi", "score/psi_limit", "history reach/psi", "decisions", "approve_rate", "alarms"):
        course = client.get_metric_history(run.info.run_id, key)
        assert [each.step for each in course] == [round(each.timestamp / 1000 - 0.5) for each in course]
        assert len(course) == 2, key
    assert run.data.tags["mlflow.runName"] == "monitoring of m v1"
    kept_page = Path(client.download_artifacts(run.info.run_id, monitoring.PAGE, str(tmp_path))).read_text()
    assert kept_page == page.read_text()
    assert kept_page.count("<img ") == 7
    assert "history reach" in kept_page


def test_outcomes_that_come_later_are_added_to_their_window(
    client: MlflowClient,
    kept: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY, HASH_KEY)
    settings = Settings(model="models:/m/1", log=log_of(tmp_path, kept["usual"]))
    monitor(settings)
    outcomes().write_parquet(tmp_path / "o.parquet")
    said = monitor(replace(settings, outcomes=str(tmp_path / "o.parquet")))
    assert "recorded in the run" in said
    (window,) = monitoring.windows(registry.version_of("m", "1"))
    assert "roc_auc" in window.figures
    experiment = client.get_experiment_by_name("credit-risk")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`credit_model.monitoring_of` = 'm/1'")
    assert len(client.get_metric_history(run.info.run_id, "decisions")) == 1


def test_the_log_s_customers_are_those_of_the_outcomes(kept: dict[str, list[dict[str, Any]]]) -> None:
    hashes = {keyed_hash(name, HASH_KEY) for name in outcomes()["CustomerId"].to_list()}
    assert {entry["customer"] for entry in kept["usual"]} == hashes


def test_a_name_that_mlflow_refuses_is_told_apart() -> None:
    assert monitoring.key_of("score/psi") == "score/psi"
    assert monitoring.key_of("a:b/psi") != monitoring.key_of("a;b/psi")
