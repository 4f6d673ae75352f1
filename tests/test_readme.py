"""Every command of README.md, run as it stands in a copy of the project; only the port is a free one."""

import json
import os
import re
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from credit_model.scoring.reasons import CATALOGUE
from credit_model.synthetic import generate
from documents import blocks
from processes import ROOT, execute, free_port

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text()


def test_every_reason_is_published() -> None:
    assert all(f"| {code} | {text} |" in README for code, text in CATALOGUE.values())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git would clone, without what a desk leaves in the folder."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "mlruns", "mlartifacts", "*.db", "tests", "*.egg-info"
    )
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """A shell in which this Python's environment is active."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("MLFLOW_", "PYTEST_", "PYTHONPATH"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def test_every_command_runs(project: Path, environment: dict[str, str]) -> None:
    script = "\n".join(
        ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *blocks(README, "bash")]
    )
    done = execute(["bash", "-c", script.replace("5001", str(free_port()))], environment, project)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.JSONDecoder()
    answers = [
        found.raw_decode(done.stdout, at.start())[0]["predictions"]
        for at in re.finditer(r'\{"predictions"', done.stdout)
    ]
    rows, arrays = answers
    assert rows == arrays
    assert rows[0]["status"] == "scored"
    shown = json.loads(blocks(README, "json")[0])["predictions"][0]
    assert set(shown) == set(rows[0])
    assert "CustomerId" in (project / "answers.csv").read_text().splitlines()[0]
    for program in blocks(README, "python"):
        ran = execute([sys.executable, "-c", program], environment, project, 600)
        assert ran.returncode == 0, ran.stderr


def test_the_first_command_ends_in_a_decision(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """From the bare interpreter: the environment, training, serving, one scored request."""
    command = [sys.executable, "scripts/quickstart.py", "--venv", str(tmp_path / "venv")]
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    done = execute(command, environment | store, project)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout[done.stdout.rindex('{\n  "predictions"') :])["predictions"]
    assert [one["status"] for one in answer] == ["scored"]


def test_your_own_data_with_real_outcomes(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """The command that names files of the reader's own, with such files."""
    table = generate.transactions(customers=300, seed=4)
    table.write_csv(project / "mine.csv")
    people = table["CustomerId"].unique().sort()
    lot = np.random.default_rng(1)
    moments = [datetime(2019, 1, 10) + timedelta(days=int(day)) for day in lot.integers(0, 30, len(people))]
    loans = pl.DataFrame({"CustomerId": people, "as_of": moments}).with_columns(
        defaulted=pl.Series(lot.integers(0, 5, len(people)) == 0),
        loan_amount=pl.Series(lot.integers(1, 9, len(people)) * 1000),
        income=pl.Series(lot.lognormal(10, 1, len(people))),
    )
    loans.write_csv(project / "loans.csv")
    (script,) = (block for block in blocks(README, "sh") if "loans.csv" in block)
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    done = execute(["bash", "-ec", script], environment | store, project)
    assert done.returncode == 0, done.stderr
    assert "label: observed defaults" in done.stdout + done.stderr


def test_train_under_uv(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """``mlflow run`` makes its own environment from conda.yaml."""
    small = str(tmp_path / "small.parquet")
    generate = [sys.executable, "-m", "credit_model", "generate", "--customers", "300", "--output", small]
    made = execute(generate, environment, project, 300)
    assert made.returncode == 0, made.stderr
    command = [sys.executable, "-m", "mlflow", "run", str(project), "-e", "train", "--env-manager", "uv"]
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    done = execute([*command, "-P", f"transactions={small}"], environment | store, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "registered as credit-risk version 1" in done.stdout + done.stderr
