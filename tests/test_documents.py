"""Every command of README.md and docs/, run as it stands in a copy of the project; only the port is a free one.

Blocks of ``bash``, then those of ``python``, one program a page, run in the order of the pages. Blocks of ``sh`` need what is not
here, or more time: ``STAND_INS`` names the test that stands in for each.
"""

import ast
import json
import os
import re
import shutil
import sys
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from credit_model.data.decisions import Attribute
from credit_model.data.transactions import REQUIRED
from credit_model.features.catalogue import Catalogue
from credit_model.features.topics import TOPICS
from credit_model.settings.settings import COMMANDS
from credit_model.synthetic import generate
from credit_model.training.language import read_language
from documents import anchors, blocks, command, every_block, links, pages
from processes import ROOT, execute, free_port

MOST_LINES = 150
SHOWN = {"json", "mermaid", "text"}
LINKING = (
    *pages(),
    ROOT / "CHANGELOG.md",
    ROOT / "data" / "README.md",
    ROOT / "tests" / "held" / "README.md",
)
STAND_INS = {
    "scripts/quickstart.py": "tests/test_documents.py::test_the_first_command_ends_in_a_decision",
    "mlflow run . -e train --env-manager uv": "tests/test_documents.py::test_train_under_uv",
    "outcomes=loans.csv": "tests/test_documents.py::test_your_own_data_with_real_outcomes",
    "mlflow models serve": "tests/test_documents.py::test_every_command_runs",
    "mlflow models predict": "tests/serving/test_server.py::test_mlflow_models_predict",
    "credit_model promote": "tests/test_mlproject.py::test_promote_is_bound_by_the_gates",
    "--customers_table": "tests/training/test_customer_table.py::test_the_command_writes_them_to_the_file_alone",
    "docker build": "tests/test_container.py::test_it_answers_as_the_loaded_model_does_and_writes_nothing",
    "score_spark": "tests/serving/spark/test_spark_job.py::"
    "test_the_answers_are_those_of_score_in_the_same_order_and_text",
    "--master 'local[*]'": "tests/scripts/test_spark_streaming.py::test_what_arrives_is_answered_once",
    "--master yarn --deploy-mode client": "tests/scripts/test_spark_streaming.py::test_what_arrives_is_answered_once",
    "export CREDIT_MODEL_DECISION_LOG": "tests/serving/test_decision_log.py::test_it_is_off_unless_it_is_switched_on",
    "import hmac": "tests/serving/test_decision_log.py::test_the_hash_is_that_of_the_document",
    "credit_model replay": "tests/serving/test_replay.py::"
    "test_the_command_replays_by_the_code_of_the_registered_version",
    "credit_model review": "tests/operations/test_decisions.py::"
    "test_the_letter_tells_the_decision_its_reasons_and_what_would_have_helped",
    "credit_model override": "tests/operations/test_decisions.py::test_an_override_is_a_line_against_its_decision",
    "credit_model erase": "tests/operations/test_decisions.py::"
    "test_an_erased_customer_is_in_no_file_and_others_are_untouched",
    "--features features": "tests/serving/spark/test_spark_features.py::"
    "test_a_model_from_features_on_spark_is_the_model_from_transactions",
}
RUN_ALONE = {
    "docs/python.md": "tests/test_python_document.py::test_the_examples_run_and_print_what_they_show"
}


def test_every_reason_is_published() -> None:
    answer = (ROOT / "docs" / "answer.md").read_text()
    assert all(re.search(rf"\| {code}\S* \| {re.escape(text)} \|", answer) for code, text in TOPICS.values())


def test_every_command_of_the_package_is_listed() -> None:
    assert all(f"| `{name}` | " in (ROOT / "README.md").read_text() for name in COMMANDS)


def test_the_map_shows_every_folder() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text()
    package = {path.name for path in (ROOT / "credit_model").iterdir()} - {
        "__init__.py",
        "__pycache__",
        "py.typed",
    }
    assert all(f"`{name}`" in page for name in package)


def test_the_readme_is_read_at_once_and_leads_to_every_page() -> None:
    readme = ROOT / "README.md"
    assert len(readme.read_text().splitlines()) <= MOST_LINES
    linked = {ROOT / path for path, _ in links(readme)}
    assert set((ROOT / "docs").glob("*.md")) <= linked


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_is_broken(page: Path) -> None:
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_every_block_is_run_or_shown() -> None:
    assert {block.language for block in every_block()} <= {"bash", "python", "sh", "yaml", *SHOWN}


def test_a_file_of_sentences_is_read(tmp_path: Path) -> None:
    for block in blocks("yaml"):
        (tmp_path / "own.yaml").write_text(block.text)
        language = read_language("en", str(tmp_path / "own.yaml"))
        language.check(Catalogue(30, {"ChannelId": ("web",)}, (Attribute("income", "number"),)), ["recency"])


def test_a_test_stands_in_for_every_command_that_is_not_run() -> None:
    used = []
    for block in blocks("sh"):
        stand_ins = [part for part in STAND_INS if part in block.text]
        assert len(stand_ins) == 1, f"{block.page}: name one test in STAND_INS for this block:\n{block.text}"
        used += stand_ins
    assert sorted(used) == sorted(STAND_INS)


@pytest.mark.parametrize("test", sorted({*STAND_INS.values(), *RUN_ALONE.values()}))
def test_what_stands_in_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    functions = ast.parse((ROOT / path).read_text()).body
    assert name in {function.name for function in functions if isinstance(function, ast.FunctionDef)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cloned(tmp_path_factory.mktemp("clone") / "project")


def cloned(folder: Path) -> Path:
    """A copy of what git would clone, without what a desk leaves in the folder."""
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


@pytest.mark.slow
def test_every_command_runs(project: Path, environment: dict[str, str]) -> None:
    script = "\n".join(
        [
            "set -euo pipefail",
            "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT",
            *(f"echo '--- {block.page}'\n{block.text}" for block in blocks("bash")),
        ]
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
    for block in blocks("json"):
        assert set(json.loads(block.text)["predictions"][0]) == set(rows[0]), block.page
    assert "CustomerId" in (project / "answers.csv").read_text().splitlines()[0]
    for page, several in groupby(blocks("python"), attrgetter("page")):
        if page in RUN_ALONE:
            continue
        program = "\n".join(block.text for block in several)
        ran = execute([sys.executable, "-c", program], environment, project, 600)
        assert ran.returncode == 0, f"{page}: {ran.stderr}"


@pytest.mark.slow
def test_the_first_command_ends_in_a_decision(environment: dict[str, str], tmp_path: Path) -> None:
    """From the bare interpreter: the environment, training, serving, one scored request.

    One candidate is trained; ``test_every_command_runs`` trains them all, on the same transactions.
    """
    project = cloned(tmp_path / "project")
    entries = (project / "MLproject").read_text()
    unset = 'candidate: { type: string, default: "" }'
    assert unset in entries
    (project / "MLproject").write_text(
        entries.replace(unset, "candidate: { type: string, default: scorecard }")
    )
    first = [sys.executable, "scripts/quickstart.py", "--venv", str(tmp_path / "venv")]
    done = execute(first, environment, project)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout[done.stdout.rindex('{\n  "predictions"') :])["predictions"]
    assert [one["status"] for one in answer] == ["scored"]


@pytest.mark.slow
def test_your_own_data_with_real_outcomes(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """The command that names files of the reader's own, with such files."""
    table = generate.transactions(customers=300, seed=4).select(*REQUIRED, "ProductCategory")
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
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    script = f"{command('outcomes=loans.csv').strip()} -P candidate=scorecard"
    done = execute(["bash", "-ec", script], environment | store, project)
    assert done.returncode == 0, done.stderr
    assert "label: observed defaults" in done.stdout + done.stderr


@pytest.mark.slow
def test_train_under_uv(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """``mlflow run`` makes its own environment from conda.yaml."""
    small = tmp_path / "small.parquet"
    generate.transactions(customers=300).write_parquet(small)
    script = f"{command('--env-manager uv').strip()} -P transactions={small} -P candidate=scorecard"
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    done = execute(["bash", "-ec", script], environment | store, project)
    assert done.returncode == 0, done.stderr
    assert "registered as credit-risk version 1" in done.stdout + done.stderr
