"""What MLflow keeps of a training, what it must never hold, and what a failed training leaves alone."""

import html
import json
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import mlflow
import pandas as pd
import polars as pl
import polars.selectors as cs
import pytest
from mlflow import MlflowClient
from sklearn.metrics import brier_score_loss, roc_auc_score

from credit_model.data.iso_time import read_iso
from credit_model.reporting.openapi import of_model
from credit_model.scoring.scorer import Scorer
from credit_model.tracking import ledger
from credit_model.tracking.carried import CARRIED
from credit_model.training.candidates import CANDIDATES
from credit_model.training.validation import Validation
from processes import ROOT, TrainedModel, commanded

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(trained_model: TrainedModel) -> MlflowClient:
    mlflow.set_tracking_uri(trained_model.tracking)
    return MlflowClient(trained_model.tracking)


@pytest.fixture(scope="module")
def run_id(client: MlflowClient) -> str:
    found = client.get_model_version_by_alias("credit-risk", "champion").run_id
    assert found is not None
    return found


@pytest.fixture(scope="module")
def kept(run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the run and its model hold."""
    folder = tmp_path_factory.mktemp("kept")
    mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(folder / "run"))
    mlflow.artifacts.download_artifacts("models:/credit-risk@champion", dst_path=str(folder / "model"))
    return folder


def test_the_first_version_is_champion_only_if_its_gates_passed(
    client: MlflowClient, trained_model: TrainedModel
) -> None:
    tags = client.get_model_version("credit-risk", "1").tags
    told = trained_model.printed
    aliases = {"passed": "challenger and champion", "failed": "challenger"}[tags["gates"]]
    assert f"registered as credit-risk version 1, {aliases}: models:/credit-risk/1\n" in told
    assert "score --model models:/credit-risk/1 " in told
    assert len(tags["model_version"]) == 12
    assert tags["target"] == "rfm_proxy"
    assert "better than chance" not in tags["gates_failed"]
    assert "give cost_false_negative" in tags["gates_warned"]


def test_a_version_tells_until_when_it_learned(client: MlflowClient, kept: Path) -> None:
    """The served model is fitted on the test part too."""
    table = pl.read_parquet(kept / "run" / "training_table.parquet")
    told = read_iso(client.get_model_version("credit-risk", "1").tags["learned_until"])
    assert told == table["as_of"].max()


def test_the_order_that_measures_of_ranking_use_is_in_the_training_table(
    kept: Path, client: MlflowClient, run_id: str
) -> None:
    table = (
        pl.read_parquet(kept / "run" / "training_table.parquet")
        .drop_nulls("probability")
        .drop_nans("probability")
    )
    found = client.get_run(run_id).data.metrics
    assert found["grouped_roc_auc"] == pytest.approx(roc_auc_score(table["bad"], table["ranked"]))
    assert found["grouped_brier"] == pytest.approx(brier_score_loss(table["bad"], table["probability"]))


def test_a_first_champion_is_in_the_ledger_with_its_gates(client: MlflowClient) -> None:
    passed = client.get_model_version("credit-risk", "1").tags["gates"] == "passed"
    entries = [entry for entry in ledger.entries("credit-risk") if entry.action == ledger.TRAINING]
    told = [(entry.version, entry.former, entry.result) for entry in entries]
    assert told == [("1", None, "allowed"), ("1", None, "done")] * passed
    assert all(gate["sentence"] for entry in entries for gate in entry.gates)


def test_every_candidate_is_a_nested_run_with_its_folds(client: MlflowClient, run_id: str) -> None:
    experiment = client.get_run(run_id).info.experiment_id
    nested = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    by_name = {one.data.params["candidate"]: one for one in nested}
    assert set(by_name) == {name for name, candidate in CANDIDATES.items() if not candidate.on_request}
    for one in nested:
        folds = [metric.value for metric in client.get_metric_history(one.info.run_id, "fold_auc")]
        assert len(folds) >= 5
        assert sum(folds) / len(folds) == pytest.approx(one.data.metrics["cv_auc_mean"])
    assert sum(one.data.params["chosen"] == "True" for one in nested) == 1


def test_a_candidates_metrics_have_the_names_of_the_winners(
    kept: Path, client: MlflowClient, run_id: str
) -> None:
    run = client.get_run(run_id)
    compared = pl.read_csv(kept / "run" / "comparison.csv")
    test_auc = dict(compared.select("candidate", "auc_test").iter_rows())
    nested = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    winner = run.data.params["used_candidate"]
    for one in nested:
        own = {n: v for n, v in one.data.metrics.items() if n.startswith(("test_", "compared_"))}
        assert {"test_roc_auc", "test_brier", "test_expected_cost", "compared_roc_auc", "compared_ks"} <= set(
            own
        )
        assert set(own) <= set(run.data.metrics)
        assert own["test_decisions"] == run.data.metrics["test_decisions"]
        if one.data.params["candidate"] == winner:
            assert own.items() <= run.data.metrics.items()
            assert one.data.metrics["grouped_roc_auc"] == run.data.metrics["grouped_roc_auc"]
        else:
            assert own["test_roc_auc"] == pytest.approx(test_auc[one.data.params["candidate"]])


def test_the_primary_scorecard_beside_the_winner_answers(
    kept: Path, client: MlflowClient, run_id: str
) -> None:
    document = html.unescape((kept / "run" / "model_document.html").read_text())
    if client.get_run(run_id).data.params["used_candidate"] == "scorecard":
        assert "The scorecard is the winner" in document
        return
    (uri,) = set(re.findall(r"to load or serve: (models:/[\w-]+)", document))
    rows = pd.DataFrame({"CustomerId": ["a"], "TransactionStartTime": ["2019-01-20"], "Amount": [100.0]})
    folder = Path(mlflow.artifacts.download_artifacts(uri))
    scorer = Scorer.load(next(folder.rglob("scorer.json")).parent)
    assert scorer.classifier.kind == "scorecard"
    answer = mlflow.pyfunc.load_model(uri).predict(rows, params={"as_of": "2019-02-01T00:00:00Z"})
    assert answer["status"].to_list() == ["scored"]
    assert answer["model_version"].to_list() == [scorer.version]
    registered = client.search_model_versions("name = 'credit-risk'")
    assert uri not in {version.source for version in registered}


def test_annex_iv_lies_beside_the_document(kept: Path) -> None:
    plain = json.loads((kept / "run" / "annex_iv.json").read_text())
    assert list(plain["points"]) == [str(number) for number in range(1, 10)]


def test_the_openapi_document_of_the_run_is_that_of_the_model(kept: Path) -> None:
    described = (kept / "model" / "artifacts" / "openapi.json").read_text()
    assert described == of_model(Scorer.load(kept / "model" / "artifacts" / "scorer"))
    assert described == (kept / "run" / "openapi.json").read_text()


def test_the_tables_of_the_validation_are_kept_whole(kept: Path) -> None:
    folder = kept / "run" / "validation"
    assert {path.stem for path in folder.iterdir()} == {field.name for field in fields(Validation)}
    population = pl.read_csv(folder / "population.csv")
    training = pl.read_parquet(kept / "run" / "training_table.parquet")
    counts = dict(population.iter_rows())
    assert (
        counts["labelled decisions"] + counts["decisions whose transactions are at fault"] == training.height
    )


def test_what_is_kept(kept: Path, client: MlflowClient, run_id: str) -> None:
    names = {
        path.relative_to(kept / "run").as_posix() for path in (kept / "run").rglob("*") if path.is_file()
    }
    texts = {"summary.txt", "features.csv", "comparison.csv", "calibration_by_period.csv", "cost_curve.csv"}
    texts |= {"gates.csv"}
    card = {"scorecard/points.csv", "scorecard/points.html", "decisions_by_band.csv", "labeller.json"}
    pictures = {
        f"pictures/{name}.png" for name in ("01_candidates", "02_binnings", "03_roc", "14_contributions")
    }
    assert texts | card | pictures | {"model_document.html", "training_table.parquet"} <= names
    inputs = client.get_run(run_id).inputs
    assert inputs is not None
    datasets = {given.dataset.name for given in inputs.dataset_inputs}
    assert datasets == {"train", "test"}


def test_the_gates_are_kept_and_shown(kept: Path, trained_model: TrainedModel) -> None:
    table = pl.read_csv(kept / "run" / "gates.csv")
    assert set(table["state"]) <= {"passed", "failed", "warning", "not assessed"}
    document = html.unescape((kept / "run" / "model_document.html").read_text())
    for gate in table.to_dicts():
        assert f"gate {gate['gate']}: {gate['state']}: {gate['sentence']}\n" in trained_model.printed
        assert gate["sentence"] in document
    assert "plain_xgboost" in pl.read_csv(kept / "run" / "comparison.csv")["candidate"].to_list()


def test_the_model_carries_no_pickle_and_its_document(kept: Path) -> None:
    names = {path.name for path in (kept / "model").rglob("*") if path.is_file()}
    assert "model_document.html" in names
    assert not {name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))}
    requirements = next((kept / "model").rglob("requirements.txt")).read_text()
    assert all("==" in line for line in requirements.splitlines())
    assert not {"mlflow", "matplotlib", "lightgbm", "fairlearn", "scikit-learn"} & set(
        requirements.replace("==", "\n").split()
    )


def test_the_model_carries_the_code_that_it_serves_with_and_no_other(kept: Path) -> None:
    code = next((kept / "model").rglob("code")) / "credit_model"
    assert {path.name for path in code.iterdir()} - {"__pycache__"} == set(CARRIED)
    for path in (path for path in (ROOT / "credit_model").rglob("*.py") if "__pycache__" not in path.parts):
        inside = path.relative_to(ROOT / "credit_model")
        assert (code / inside).exists() == (inside.parts[0] in CARRIED), inside


def test_the_manifest_names_modules_that_the_model_carries(kept: Path) -> None:
    manifest = json.loads(next((kept / "model").rglob("manifest.json")).read_text())
    code = next((kept / "model").rglob("code"))
    for module in manifest["jobs"]["modules"].values():
        assert (code / f"{module.replace('.', '/')}.py").is_file()


def test_no_customer_is_named_anywhere(kept: Path, trained_model: TrainedModel) -> None:
    customers = pl.read_parquet(trained_model.transactions)["CustomerId"].unique().to_list()
    told = [name for name in customers if len(name) > len("CustomerId_12")]
    assert len(told) > 50
    for path in kept.rglob("*"):
        if path.suffix in {".csv", ".txt", ".json", ".html", ".yaml", ".yml"} or path.name == "MLmodel":
            text = path.read_text()
            assert not [name for name in told if name in text], path
    table = pl.read_parquet(next(kept.rglob("training_table.parquet")))
    assert "CustomerId" not in table.columns
    assert not set(table["customer_hash"]) & set(customers)


def test_no_row_of_a_customer_is_in_the_model(kept: Path) -> None:
    """Of a row's dozens of values that no other row has, some few may be limits of bins and trees; a row would be all."""
    table = pl.read_parquet(kept / "run" / "training_table.parquet")
    rows = table.select(cs.float() - cs.by_name("bad")).rows()
    counts = Counter(
        value for row in rows for value in {*row} if value is not None and value != round(value, 3)
    )
    own = [{value for value in row if counts.get(value) == 1} for row in rows]
    texts = [path.read_text(errors="replace") for path in (kept / "model").rglob("*") if path.is_file()]
    told = {float(number) for text in texts for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text)}
    assert len(told) > 50
    assert sum(map(len, own)) > 10 * len(rows)
    assert max(len(values & told) for values in own) <= 5
    assert not [name for name in table["customer_hash"] if any(name in text for text in texts)]


FAILURES = {
    "unreadable file": ("t.parquet", b"no parquet", "t.parquet cannot be read as Parquet"),
    "wrong columns": ("t.csv", b"who,when\na,2019-01-01\n", "lacks the column CustomerId"),
    "too few customers": (
        "t.csv",
        b"CustomerId,TransactionStartTime,Amount\n"
        + b"".join(b"a,2019-%02d-01,5\nb,2019-%02d-02,7\n" % (month, month) for month in range(1, 12)),
        "",
    ),
    "no time": (
        "t.csv",
        b"CustomerId,TransactionStartTime,Amount\na,never,5\n",
        "1 row is unreadable as ISO-8601",
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failed_training_registers_nothing_and_moves_no_alias(
    kind: str, trained_model: TrainedModel, client: MlflowClient, tmp_path: Path
) -> None:
    name, content, said = FAILURES[kind]
    (tmp_path / name).write_bytes(content)
    before = _registry(client)
    done = commanded(["train", "--transactions", name], trained_model.environment, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("credit_model: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert _registry(client) == before
    experiment = client.get_experiment_by_name("credit-risk")
    assert experiment is not None
    (last,) = client.search_runs([experiment.experiment_id], max_results=1)
    assert last.info.status == "FAILED"
    assert last.data.tags["mlflow.note.content"] in done.stderr


def test_one_class_of_outcomes_is_refused(
    trained_model: TrainedModel, client: MlflowClient, tmp_path: Path
) -> None:
    people = pl.read_parquet(trained_model.transactions)["CustomerId"].unique().sort().head(60)
    outcomes = pl.DataFrame({"CustomerId": people, "as_of": "2019-02-01", "defaulted": 0})
    outcomes.write_csv(tmp_path / "o.csv")
    before = _registry(client)
    words = ["train", "--transactions", str(trained_model.transactions), "--outcomes", "o.csv"]
    done = commanded(words, trained_model.environment, tmp_path)
    assert done.returncode == 2
    assert "credit_model: 0 bad and" in done.stderr
    assert "good decisions to train on are too few; give at least 5 of each" in done.stderr
    assert _registry(client) == before


def test_a_version_that_failed_its_gates_is_not_promoted(
    trained_model: TrainedModel, client: MlflowClient, tmp_path: Path
) -> None:
    version = client.get_model_version_by_alias("credit-risk", "challenger")
    gates = version.tags["gates"]
    client.set_model_version_tag("credit-risk", version.version, "gates", "failed")
    before = _registry(client)
    done = commanded(["promote"], trained_model.environment, tmp_path)
    client.set_model_version_tag("credit-risk", version.version, "gates", gates)
    assert done.returncode == 2
    assert "did not pass its gates" in done.stderr
    assert _registry(client) == before


def test_decisions_of_one_moment_train_and_are_not_estimable_out_of_time(
    trained_model: TrainedModel, client: MlflowClient, tmp_path: Path
) -> None:
    people = pl.read_parquet(trained_model.transactions)["CustomerId"].unique().sort().head(120)
    bad = pl.int_range(pl.len()) % 3 == 0
    table = people.to_frame().with_columns(as_of=pl.lit("2019-02-01"), defaulted=bad.cast(pl.Int8))
    table.write_csv(tmp_path / "o.csv")
    words = ["train", "--transactions", str(trained_model.transactions)]
    own = ["--outcomes", "o.csv", "--candidate", "scorecard", "--name", "one-moment"]
    done = commanded([*words, *own], trained_model.environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not estimable" in done.stdout
    assert client.get_model_version("one-moment", "1").tags["gates"] == "failed"
    assert set(client.get_registered_model("one-moment").aliases) == {"challenger"}


def test_a_leaking_label_makes_no_champion(
    trained_model: TrainedModel, client: MlflowClient, tmp_path: Path
) -> None:
    words = ["train", "--transactions", str(trained_model.transactions)]
    own = ["--label", "same_window", "--candidate", "scorecard", "--name", "leaking"]
    done = commanded([*words, *own], trained_model.environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(client.get_registered_model("leaking").aliases) == {"challenger"}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("models:/nobody@champion", "there is no model nobody in sqlite:"),
        ("no-such-folder", "there is no model no-such-folder: no such folder; name one, or an MLflow URI"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(
    model: str, said: str, trained_model: TrainedModel, tmp_path: Path
) -> None:
    words = ["score", "--transactions", str(trained_model.transactions)]
    own = ["--as_of", "2019-02-01", "--model", model, "--output", "a.csv"]
    done = commanded([*words, *own], trained_model.environment, tmp_path)
    assert done.returncode == 2
    assert f"credit_model: {said}" in done.stderr
    assert not (tmp_path / "a.csv").exists()


def _registry(client: MlflowClient) -> str:
    models = client.search_registered_models()
    return json.dumps(
        [[model.name, dict(model.aliases), len(client.search_model_versions())] for model in models]
    )


def test_the_pages_say_what_the_run_and_the_version_are(client: MlflowClient, run_id: str) -> None:
    run, version = client.get_run(run_id), client.get_model_version("credit-risk", "1")
    tags = run.data.tags
    assert run.info.run_name is not None
    assert run.info.run_name.split(" ")[1] == version.tags["candidate"] == tags["candidate"]
    assert tags["label"] == version.tags["target"]
    assert tags["gates"] == version.tags["gates"]
    auc = f"| AUC | {run.data.metrics['test_roc_auc']:.3f} |"
    assert auc in tags["mlflow.note.content"]
    assert auc in (version.description or "")
    assert "--model models:/credit-risk/1 " in (version.description or "")
