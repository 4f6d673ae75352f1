"""Every entry point of MLproject, run by ``mlflow run`` in this environment."""

import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from credit_model.serving.decision_log import KEY
from logged import AS_OF, HASH_KEY, SCORED, entries
from processes import ROOT, TrainedModel, run

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(trained_model: TrainedModel) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{trained_model.environment['PATH']}"
    return trained_model.environment | {"PATH": path}


def entry(entry_point: str, environment: dict[str, str], folder: Path, **given: object) -> str:
    parameters = [word for key, value in given.items() for word in ("-P", f"{key}={value}")]
    done = run(
        ["-m", "mlflow", "run", str(ROOT), "-e", entry_point, "--env-manager", "local", *parameters],
        environment,
        folder,
    )
    return f"{done.returncode} {done.stdout} {done.stderr}"


def test_generate_and_explore(environment: dict[str, str], tmp_path: Path) -> None:
    output, truth = tmp_path / "t.csv", tmp_path / "truth.csv"
    said = entry("generate", environment, tmp_path, customers=50, days=60, output=output, truth=truth)
    assert said.startswith("0 ")
    assert output.exists()
    assert truth.exists()
    page = tmp_path / "page.html"
    said = entry("explore", environment, tmp_path, transactions=output, output=page)
    assert said.startswith("0 ")
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("command", ["score", "score_spark", "monitor"])
def test_what_asks_a_model(
    command: str, trained_model: TrainedModel, environment: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    said = entry(
        command,
        environment,
        tmp_path,
        transactions=trained_model.transactions,
        model=trained_model.uri,
        as_of="2019-01-20T00:00:00Z",
        output=output,
    )
    assert said.startswith("0 ")
    assert output.exists()


def test_promote_is_bound_by_the_gates(environment: dict[str, str], tmp_path: Path) -> None:
    said = entry("promote", environment, tmp_path, name="credit-risk", version="1")
    assert "is the champion" in said or "did not pass its gates" in said
    assert "has no version 99" in entry("promote", environment, tmp_path, name="credit-risk", version="99")
    assert "approves version 1 of credit-risk" in entry("approve", environment, tmp_path, version="1")


def test_what_is_done_with_logged_decisions(
    trained_model: TrainedModel, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    keyed = environment | {KEY: HASH_KEY}
    said = [
        entry("replay", keyed, tmp_path, log=log, decision=decision, model=trained_model.uri),
        entry("review", keyed, tmp_path, log=log, decision=decision, output=pages),
        entry("override", keyed, tmp_path, log=log, decision=decision, **person),
        entry("erase", keyed, tmp_path, log=log, customer=SCORED["CustomerId"]),
    ]
    assert [text[:2] for text in said] == ["0 "] * 4, said
    assert (pages / "letter.html").exists()
    assert entries(log) == []
