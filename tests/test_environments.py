"""The commands that make an environment of their own, in a copy of the project.

What they train is small: ``test_document_commands`` trains all candidates on the transactions that they would take.
"""

import json
import sys
from pathlib import Path

import pytest

from clones import cloned, shell
from credit_model.synthetic import generate
from documents import command
from processes import execute

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of transactions."""
    path = tmp_path_factory.mktemp("small") / "small.parquet"
    generate.transactions(customers=300).write_parquet(path)
    return path


def test_the_first_command_ends_in_a_decision(small: Path, tmp_path: Path) -> None:
    """From the bare interpreter: the environment, training, serving, one scored request."""
    project = cloned(tmp_path / "project")
    entries = (project / "MLproject").read_text()
    head, train = entries.split("  train: &train\n")
    for name, chosen in (("transactions", small), ("candidate", "scorecard")):
        unset = f'{name}: {{ type: string, default: "" }}'
        assert unset in train
        train = train.replace(unset, f"{name}: {{ type: string, default: {chosen} }}", 1)
    (project / "MLproject").write_text(f"{head}  train: &train\n{train}")
    first = [sys.executable, "scripts/quickstart.py", "--venv", str(tmp_path / "venv")]
    done = execute(first, shell(), project)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout[done.stdout.rindex('{\n  "predictions"') :])["predictions"]
    assert [one["status"] for one in answer] == ["scored"]


def test_train_under_uv(small: Path, tmp_path: Path) -> None:
    """``mlflow run`` makes its own environment from conda.yaml."""
    script = f"{command('--env-manager uv').strip()} -P transactions={small} -P candidate=scorecard"
    done = execute(["bash", "-ec", script], shell(), cloned(tmp_path / "project"))
    assert done.returncode == 0, done.stderr
    assert "registered as credit-risk version 1" in done.stdout + done.stderr
