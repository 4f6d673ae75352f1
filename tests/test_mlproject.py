"""Every entry point of MLproject, run by ``mlflow run`` in this environment."""

import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.cli import cli

from credit_model.serving.decision_log import KEY
from logged import AS_OF, HASH_KEY, SCORED, entries
from processes import ROOT, TrainedModel

pytestmark = pytest.mark.slow

Entry = Callable[..., str]


@pytest.fixture
def entry(
    trained_model: TrainedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Entry:
    """Runs an entry point with its parameters by the command line of MLflow, in this process; returns its exit code and what
    it said.
    """
    programs = {"PATH": f"{Path(sys.executable).parent}:{trained_model.environment['PATH']}"}
    for name, value in (trained_model.environment | programs).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(trained_model.tracking)

    def entry(entry_point: str, **given: object) -> str:
        parameters = [word for key, value in given.items() for word in ("-P", f"{key}={value}")]
        words = ["run", str(ROOT), "-e", entry_point, "--env-manager", "local", "--experiment-id", "0"]
        try:
            code = cli.main([*words, *parameters], standalone_mode=False) or 0
        except SystemExit as end:
            code = end.code
        return " ".join([str(code), *capfd.readouterr()])

    return entry


def test_generate_and_explore(entry: Entry, tmp_path: Path) -> None:
    output, truth = tmp_path / "t.csv", tmp_path / "truth.csv"
    said = entry("generate", customers=50, days=60, output=output, truth=truth)
    assert said.startswith("0 ")
    assert output.exists()
    assert truth.exists()
    page = tmp_path / "page.html"
    said = entry("explore", transactions=output, output=page)
    assert said.startswith("0 ")
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("command", ["features", "score", "score_spark", "monitor"])
def test_what_asks_a_model(command: str, trained_model: TrainedModel, entry: Entry, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    said = entry(
        command,
        transactions=trained_model.transactions,
        model=trained_model.uri,
        as_of="2019-01-20T00:00:00Z",
        output=output,
    )
    assert said.startswith("0 ")
    assert output.exists()


def test_promote_is_bound_by_the_gates(entry: Entry) -> None:
    said = entry("promote", name="credit-risk", version="1")
    assert "is the champion" in said or "did not pass its gates" in said
    assert "has no version 99" in entry("promote", name="credit-risk", version="99")
    assert "approves version 1 of credit-risk" in entry("approve", version="1")


def test_what_is_done_with_logged_decisions(
    trained_model: TrainedModel, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, HASH_KEY)
    log, pages = tmp_path / "decisions.jsonl", tmp_path / "pages"
    mlflow.set_tracking_uri(trained_model.tracking)
    model = mlflow.pyfunc.load_model(trained_model.uri, model_config={"decision_log": str(log)})
    model.predict(pd.DataFrame([SCORED]), AS_OF)
    decision = entries(log)[0]["decision_id"]
    person = {"who": "A. Person", "to": "approve", "reason": "a payslip"}
    if entries(log)[0]["answer"]["decision"] == "approve":
        person["to"] = "reject"
    said = [
        entry("replay", log=log, decision=decision, model=trained_model.uri),
        entry("review", log=log, decision=decision, output=pages),
        entry("override", log=log, decision=decision, **person),
        entry("metrics", log=log, output=tmp_path / "credit.prom"),
        entry("erase", log=log, customer=SCORED["CustomerId"]),
    ]
    assert [text[:2] for text in said] == ["0 "] * 5, said
    assert "credit_overrides_total{" in (tmp_path / "credit.prom").read_text()
    assert (pages / "letter.html").exists()
    assert entries(log) == []
