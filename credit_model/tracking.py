"""What MLflow keeps of a training and of an exploration."""

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mlflow
import pandas as pd
import polars as pl
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas

from credit_model import __version__, explore_page, pyfunc, registry, report, settings, store, workflow
from credit_model import explore as exploring
from credit_model.candidates import CrossValidation
from credit_model.documents import documents
from credit_model.exploration_notes import notes
from credit_model.model_document import Identity, model_document
from credit_model.paths import check_place
from credit_model.registry import CHALLENGER, CHAMPION
from credit_model.scoring import Scorer
from credit_model.settings import Settings
from credit_model.training import Trained
from credit_model.transactions import tidy_table
from credit_model.workflow import Outcome
from credit_model.writers import write_text

EXPERIMENT = "credit-risk"
_SERVED = ("mlflow-skinny", "cloudpickle", "numpy", "pandas", "polars", "pyarrow", "pyyaml")
_PACKAGE = Path(__file__).parent


def train(given: Settings) -> str:
    """Train, track and register a model; returns what to print.

    Raises:
        ValueError: the store does not take the run, or the data cannot be trained on; nothing is registered then and no
            alias moves.
    """
    with store.run(EXPERIMENT, settings.texts("train", given)):
        registry.check_writable(given.name)
        outcome = workflow.run(given)
        pictures = report.pictures(outcome.trained, outcome.sample.recipe.costs)
        with store.using(f"log the run and register {given.name}"):
            _log_run(outcome, pictures)
            registered = _log_model(given, outcome, pictures)
            _tag(given.name, registered, outcome)
            champion = registry.set_aliases(given.name, registered, passed=not outcome.failed_gates)
    return "\n".join([*outcome.summary, *_standing(given.name, registered, outcome, champion=champion)])


def explore(given: Settings) -> str:
    """Explore transactions; log the pictures and the page; returns what to print."""
    if given.output is not None and not given.output.endswith(".html"):
        raise ValueError(f"output: {given.output} is no page; name a file that ends in .html")
    if given.output is not None:
        check_place(given.output)
    with store.run(EXPERIMENT, settings.texts("explore", given)):
        table, outcomes = workflow.read(given)
        transactions = tidy_table(table)
        found = exploring.explore(transactions, outcomes, given.seed, table.columns)
        drawn = explore_page.pictures(found, transactions)
        page = explore_page.document(found, transactions, drawn)
        lines = notes(found)
        if given.output is not None:
            write_text(page, given.output)
            lines.append(f"page written to {given.output}")
        with store.using("log the run"):
            _log_exploration(page, drawn)
    return "\n".join([*lines, "page and pictures logged as an MLflow run: exploration.html"])


def _log_exploration(page: str, drawn: Mapping[str, Figure]) -> None:
    mlflow.log_text(page, "exploration.html")
    for name, figure in drawn.items():
        mlflow.log_figure(figure, f"pictures/{name}")


def _log_run(outcome: Outcome, pictures: Mapping[str, Figure]) -> None:
    trained = outcome.trained
    mlflow.log_params({f"used_{name}": value for name, value in outcome.used.items()})
    mlflow.log_metrics(dict(outcome.figures))
    _log_datasets(trained)
    for name, figure in pictures.items():
        mlflow.log_figure(figure, f"pictures/{name}")
    for name, text in documents(outcome).items():
        mlflow.log_text(text, name)
    for name, result in trained.comparison.items():
        _log_candidate(name, result, trained)


def _log_candidate(name: str, result: CrossValidation, trained: Trained) -> None:
    """A nested run of a candidate, and in it one of everything that a search tried."""
    with mlflow.start_run(run_name=name, nested=True):
        mlflow.log_params({"candidate": name, "chosen": name == trained.winner} | dict(result.parameters))
        mlflow.log_metrics({"cv_auc_mean": result.mean, "cv_auc_standard_error": result.standard_error})
        if name in trained.test_auc:
            mlflow.log_metric("test_auc", trained.test_auc[name])
        for fold, auc in enumerate(result.fold_auc):
            mlflow.log_metric("fold_auc", auc, step=fold)
        for number, trial in enumerate(trained.trials[name]):
            with mlflow.start_run(run_name=f"{name} {number}", nested=True):
                mlflow.log_params(dict(trial.parameters))
                mlflow.log_metrics({"cv_auc_mean": trial.mean, "cv_auc_standard_error": trial.standard_error})


def _log_datasets(trained: Trained) -> None:
    """The training table with its split and scores; keyed hashes stand for the customers."""
    prepared = trained.prepared
    key = os.environ.get("CREDIT_MODEL_HASH_KEY", "").encode() or secrets.token_bytes(32)
    hashed = [
        hmac.new(key, str(name).encode(), hashlib.sha256).hexdigest()[:16] for name in prepared.customers
    ]
    decisions = prepared.decisions.select(
        pl.Series("customer_hash", hashed), "as_of", pl.col("bad").cast(pl.Float64), "part"
    )
    table = decisions.hstack(
        prepared.features.rename(
            {n: f"feature_{n}" for n in ("bad", "part") if n in prepared.features.columns}
        )
    )
    table = table.with_columns(
        pl.Series("probability", trained.probability), pl.Series("test_probability", trained.test_probability)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training_table.parquet"
        table.write_parquet(path)
        mlflow.log_artifact(str(path))
    for part in ("train", "test"):
        rows = table.filter(pl.col("part") == part).to_pandas()
        if len(rows):
            mlflow.log_input(from_pandas(rows, name=part, targets="bad"), context=part)


def _log_model(given: Settings, outcome: Outcome, pictures: Mapping[str, Figure]) -> int:
    """Log and register the pyfunc model with its document; returns its version."""
    trained = outcome.trained
    with tempfile.TemporaryDirectory() as folder:
        scorer, document = Path(folder) / "scorer", Path(folder) / "model_document.html"
        identity = Identity(given.name, trained.scorer.save(scorer), __version__, _given(given))
        document.write_text(model_document(outcome, pictures, identity), encoding="utf-8")
        mlflow.log_artifact(str(document))
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(_PACKAGE / "pyfunc.py"),
            artifacts={"scorer": str(scorer), "model_document": str(document)},
            code_paths=[str(_PACKAGE)],
            signature=pyfunc.signature(trained.scorer.catalogue.attributes),
            input_example=(input_example(trained.scorer), {"as_of": "2019-02-13T00:00:00Z"}),
            pip_requirements=requirements(trained.scorer),
            registered_model_name=given.name,
        )
    if info.signature is None:
        raise RuntimeError("MLflow kept no signature; the model would accept anything")
    return int(info.registered_model_version)


def _given(given: Settings) -> dict[str, str]:
    """The parameters that differ from their defaults, as texts."""
    defaults = settings.texts("train", Settings())
    return {name: text for name, text in settings.texts("train", given).items() if text != defaults[name]}


def input_example(scorer: Scorer) -> pd.DataFrame:
    """Two invented customers in the raw-row shape, without nulls."""
    rows = [
        {"CustomerId": customer, "TransactionStartTime": f"2019-02-{day:02}T10:00:00Z", "Amount": amount}
        for customer, day, amount in (("A-1", 1, 1000.0), ("A-1", 8, -50.0), ("A-2", 5, 2500.0))
    ]
    example = pd.DataFrame(rows)
    for attribute in scorer.catalogue.attributes:
        example[attribute.name] = 1000.0 if attribute.kind == "number" else "unknown"
    return example


def requirements(scorer: Scorer) -> list[str]:
    """What serving installs: the installed versions of what is imported, and of what the winner needs.

    MLflow's small distribution serves; the full one brings libraries of training beside it.
    """
    pinned = []
    for name in (*_SERVED, *scorer.classifier.requirements):
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            pinned.append(name)
    return pinned


def _tag(name: str, registered: int, outcome: Outcome) -> None:
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        identity = outcome.trained.scorer.save(Path(folder))
    tags = {
        "model_version": identity,
        "target": outcome.trained.scorer.target,
        "candidate": outcome.used["candidate"],
        "gates": "failed" if outcome.failed_gates else "passed",
        "gates_failed": "; ".join(outcome.failed_gates) or "none",
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, str(registered), key, value)


def _standing(name: str, registered: int, outcome: Outcome, *, champion: bool) -> list[str]:
    """What the new version is, and what to do next."""
    uri = f"models:/{name}/{registered}"
    aliases = f"{CHALLENGER} and {CHAMPION}" if champion else CHALLENGER
    score = f"python -m credit_model score --model {uri} --transactions FILE --output FILE"
    lines = [f"registered as {name} version {registered}, {aliases}: {uri}"]
    if outcome.failed_gates:
        return [
            *lines,
            f"gates failed: {'; '.join(outcome.failed_gates)}",
            f"so it does not become {CHAMPION}; to try it all the same: {score}",
        ]
    if champion:
        return [*lines, f"gates passed; to score with it: {score}"]
    promote = f"python -m credit_model promote --name {name} --version {registered}"
    return [*lines, f"gates passed; to try it: {score}", f"to make it the {CHAMPION}: {promote}"]
