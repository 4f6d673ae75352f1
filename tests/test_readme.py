"""Every command of README.md, run as it stands in a copy of the project; only the port is a free one."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT

from credit_model.reasons import CATALOGUE

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


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


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_every_command_runs(project: Path, environment: dict[str, str]) -> None:
    script = "\n".join(
        ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", *blocks("bash")]
    )
    done = subprocess.run(
        ["bash", "-c", script.replace("5001", free_port())],
        env=environment,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.JSONDecoder()
    answers = [
        found.raw_decode(done.stdout, at.start())[0]["predictions"]
        for at in re.finditer(r'\{"predictions"', done.stdout)
    ]
    rows, arrays = answers
    assert rows == arrays
    assert rows[0]["status"] == "scored"
    shown = json.loads(blocks("json")[0])["predictions"][0]
    assert set(shown) == set(rows[0])
    assert "CustomerId" in (project / "answers.csv").read_text().splitlines()[0]
    for program in blocks("python"):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ran.returncode == 0, ran.stderr


def test_train_under_uv(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """``mlflow run`` makes its own environment from conda.yaml."""
    command = [sys.executable, "-m", "mlflow", "run", str(project), "-e", "train", "--env-manager", "uv"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "credit_model",
            "generate",
            "--customers",
            "300",
            "--output",
            str(tmp_path / "small.parquet"),
        ],
        env=environment,
        cwd=project,
        check=True,
        timeout=300,
    )
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    done = subprocess.run(
        [*command, "-P", f"transactions={tmp_path / 'small.parquet'}"],
        env=environment | store,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert "registered as credit-risk version 1" in done.stdout + done.stderr
