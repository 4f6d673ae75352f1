"""The commands that make an environment of their own, in a copy of the project."""

import json
import sys
from pathlib import Path

import pytest

from clones import cloned, shell
from credit_model.synthetic import generate
from documents import command
from processes import execute

pytestmark = pytest.mark.slow


def test_the_first_command_ends_in_a_decision(tmp_path: Path) -> None:
    """From the bare interpreter: the environment, training, serving, one scored request.

    One candidate is trained; ``test_document_commands`` trains them all, on the same transactions.
    """
    project = cloned(tmp_path / "project")
    entries = (project / "MLproject").read_text()
    unset = 'candidate: { type: string, default: "" }'
    assert unset in entries
    (project / "MLproject").write_text(
        entries.replace(unset, "candidate: { type: string, default: xgboost }")
    )
    first = [sys.executable, "scripts/quickstart.py", "--venv", str(tmp_path / "venv")]
    done = execute(first, shell(), project)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout[done.stdout.rindex('{\n  "predictions"') :])["predictions"]
    assert [one["status"] for one in answer] == ["scored"]


def test_train_under_uv(tmp_path: Path) -> None:
    """``mlflow run`` makes its own environment from conda.yaml."""
    small = tmp_path / "small.parquet"
    generate.transactions(customers=300).write_parquet(small)
    script = f"{command('--env-manager uv').strip()} -P transactions={small} -P candidate=scorecard"
    done = execute(["bash", "-ec", script], shell(), cloned(tmp_path / "project"))
    assert done.returncode == 0, done.stderr
    assert "registered as credit-risk version 1" in done.stdout + done.stderr
