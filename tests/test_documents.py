"""README.md and the pages of docs/ say what is so: their links, tables and blocks.

``test_document_commands`` and ``test_document_alone`` run blocks of ``bash`` and ``python``. Blocks of ``sh`` need what is not
here, or more time: ``STAND_INS`` names the test that stands in for each.
"""

import ast
import re
from pathlib import Path

import pytest

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.features.topics import TOPICS
from credit_model.settings.settings import COMMANDS, resolve
from credit_model.training.candidates import CANDIDATES
from credit_model.training.language import read_language
from credit_model.training.own_bins import read_bins
from credit_model.training.own_candidates import own_parameters, own_spaces
from credit_model.training.yardstick import YARDSTICK
from documents import PROGRAMS_RUN_ALONE, RUN_ALONE, anchors, blocks, every_block, links, pages
from processes import ROOT

MOST_LINES = 150
SHOWN = {"json", "mermaid", "sql", "text"}
LINKING = (
    *pages(),
    ROOT / "CHANGELOG.md",
    ROOT / "data" / "README.md",
    ROOT / "tests" / "held" / "README.md",
)
STAND_INS = {
    "scripts/quickstart.py": "tests/test_environments.py::test_the_first_command_ends_in_a_decision",
    "mlflow run . -e train --env-manager uv": "tests/test_environments.py::test_train_under_uv",
    "--bad_days": "tests/reporting/test_exploration.py::test_the_command_logs_the_page",
    "outcomes=loans.csv": "tests/test_document_alone.py::test_your_own_data_with_real_outcomes",
    "mlflow models serve -m models:/credit-risk@champion": "tests/test_document_commands.py::test_every_command_runs",
    "pip wheel --wheel-dir": "tests/test_workflows.py::test_the_wheel_has_the_package_and_its_version",
    "--no-index": "tests/scripts/test_offline.py::test_the_trial_carries_out_the_page_without_network",
    "mlflow models serve -m models:/credit-risk/1": "tests/scripts/test_offline.py::"
    "test_the_trial_carries_out_the_page_without_network",
    "mlflow models predict": "tests/serving/test_server.py::test_mlflow_models_predict",
    "credit_model promote": "tests/test_mlproject.py::test_promote_is_bound_by_the_gates",
    "--customers_table": "tests/training/test_customer_table.py::test_the_command_writes_them_to_the_file_alone",
    "docker build": "tests/test_container.py::test_it_answers_as_the_loaded_model_does_and_writes_nothing",
    "mlserver start": "tests/test_recipes.py::test_mlserver_answers_with_a_text_each",
    "bentoml serve": "tests/test_recipes.py::test_bentoml_answers_with_plain_values",
    "openssl req": "tests/deploy/test_stack.py::test_a_wrong_password_is_refused",
    "docker compose": "tests/deploy/test_stack.py::test_a_decision_is_that_of_the_model",
    "basic_auth.ini": "tests/tracking/test_tracking_server.py::test_its_champion_is_promoted_and_scored_with",
    "s3://credit": "tests/tracking/test_tracking_server.py::test_artifacts_in_an_s3_store",
    "MLFLOW_TRACKING_USERNAME": "tests/tracking/test_tracking_server.py::"
    "test_without_its_password_every_command_is_refused_in_one_sentence",
    "trials/trainings_at_once.py": "tests/tracking/test_store.py::"
    "test_two_first_runs_at_once_on_a_store_that_is_not_there",
    "credit_model metrics": "tests/operations/test_log_metrics.py::test_every_line_is_counted_once",
    "score_spark": "tests/serving/spark/test_spark_job.py::"
    "test_the_answers_are_those_of_score_in_the_same_order_and_text",
    "--master 'local[*]'": "tests/scripts/test_spark_streaming.py::test_what_arrives_is_answered_once",
    "--master yarn --deploy-mode client": "tests/scripts/test_spark_streaming.py::test_what_arrives_is_answered_once",
    "export CREDIT_MODEL_DECISION_LOG": "tests/serving/test_decision_log.py::test_it_is_off_unless_it_is_switched_on",
    "import hmac": "tests/serving/test_decision_log.py::test_the_hash_is_that_of_the_document",
    "monitor --log": "tests/operations/test_monitor_course.py::test_overrides_and_what_became_of_them",
    "credit_model retrain": "tests/operations/test_retrain.py::"
    "test_what_is_due_is_trained_as_the_champion_was_compared_and_recorded_once",
    "credit_model compare": "tests/operations/test_compare.py::"
    "test_two_versions_are_compared_on_a_page_in_tables_and_in_a_run",
    "credit_model replay": "tests/serving/test_replay.py::"
    "test_the_command_replays_by_the_code_of_the_registered_version",
    "credit_model review": "tests/operations/test_decisions.py::"
    "test_the_letter_tells_the_decision_its_reasons_and_what_would_have_helped",
    "credit_model override": "tests/operations/test_decisions.py::test_an_override_is_a_line_against_its_decision",
    "credit_model erase": "tests/operations/test_decisions.py::"
    "test_an_erased_customer_is_in_no_file_and_others_are_untouched",
    "openssl ecparam": "tests/tracking/test_signature.py::test_a_signed_model_is_verified_and_a_changed_one_refused",
    "model_signing sign": "tests/tracking/test_signature.py::test_a_signed_model_is_verified_and_a_changed_one_refused",
    "deploy/webhook.py": "tests/deploy/test_webhook.py::test_what_promote_makes_champion_restarts_the_server_once",
    "create_webhook": "tests/deploy/test_webhook.py::test_what_promote_makes_champion_restarts_the_server_once",
    "--history_days 60 --output": "tests/serving/test_feature_files.py::test_without_a_model_and_without_decisions",
    "--format dictionary": "tests/operations/test_export.py::test_the_dictionary_is_a_file",
    "--format sql": "tests/operations/test_export.py::test_a_model_scores_in_duckdb_and_its_primary_is_found",
    "--bins bins.yaml": "tests/training/test_own_bins.py::test_what_a_training_wrote_changes_nothing_when_handed_back",
    "--features features": "tests/serving/spark/test_spark_features.py::"
    "test_a_model_from_features_on_spark_is_the_model_from_transactions",
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
    for block in (each for each in blocks("yaml") if each.page == "docs/train.md"):
        (tmp_path / "own.yaml").write_text(block.text)
        language = read_language("en", str(tmp_path / "own.yaml"))
        language.check(Catalogue(30, {"ChannelId": ("web",)}, (Attribute("income", "number"),)), ["recency"])


def test_a_file_of_bins_is_read(tmp_path: Path) -> None:
    block, *_ = (each for each in blocks("yaml") if each.page == "docs/scorecard.md")
    (tmp_path / "bins.yaml").write_text(block.text)
    assert len(read_bins(str(tmp_path / "bins.yaml")).asked) == 5


def test_a_file_of_parameters_is_read(tmp_path: Path) -> None:
    *_, block = (each for each in blocks("yaml") if each.page == "docs/scorecard.md")
    (tmp_path / "run.yaml").write_text(block.text)
    found = resolve("train", {"config": str(tmp_path / "run.yaml")})
    assert set(own_parameters(found.candidates)) == {"xgboost", "scorecard", "blend"}
    assert set(own_spaces(found.search)) == {"xgboost"}


def test_the_page_names_every_parameter_of_every_candidate() -> None:
    page = (ROOT / "docs" / "scorecard.md").read_text()
    rows = {name: row for row in page.splitlines() for name in CANDIDATES if row.startswith(f"| `{name}` | ")}
    for name in {*CANDIDATES} - {YARDSTICK, "deep_xgboost", "lightgbm"}:
        assert all(f"`{key}`" in rows[name] for key in CANDIDATES[name].default_parameters), name
    assert all(f"`{key}`" in page for key in CANDIDATES[YARDSTICK].default_parameters)


def test_a_test_stands_in_for_every_command_that_is_not_run() -> None:
    used = []
    for block in blocks("sh"):
        stand_ins = [part for part in STAND_INS if part in block.text]
        assert len(stand_ins) == 1, f"{block.page}: name one test in STAND_INS for this block:\n{block.text}"
        used += stand_ins
    assert sorted(used) == sorted(STAND_INS)


@pytest.mark.parametrize(
    "test", sorted({*STAND_INS.values(), *RUN_ALONE.values(), *PROGRAMS_RUN_ALONE.values()})
)
def test_what_stands_in_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    functions = ast.parse((ROOT / path).read_text()).body
    assert name in {function.name for function in functions if isinstance(function, ast.FunctionDef)}
