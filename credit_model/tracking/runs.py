"""MLflow runs of a training and of an exploration: what is logged in them."""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import polars as pl
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.digest_utils import compute_pandas_digest
from mlflow.data.pandas_dataset import from_pandas
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from credit_model.reporting.annex_iv import annex_iv
from credit_model.reporting.identity import Identity
from credit_model.reporting.model_document import model_document, nobody_decided
from credit_model.reporting.openapi import of_model
from credit_model.reporting.page import png
from credit_model.reporting.tables import documents, training_table
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs, pyfunc
from credit_model.settings.settings import Settings
from credit_model.tracking import described, integrity, provenance, training_tables
from credit_model.tracking.carried import carried_code
from credit_model.tracking.primary import PRIMARY_SCORECARD
from credit_model.tracking.registry import LEARNED_UNTIL
from credit_model.training.candidates import CrossValidation
from credit_model.training.cross_validation import PRIMARY
from credit_model.training.train import Trained
from credit_model.training.workflow import TrainingResult

_SERVED = ("mlflow-skinny", "cloudpickle", "numpy", "orjson", "pandas", "polars", "pyarrow", "pyyaml")


def log_exploration(page: str, drawn: Mapping[str, Figure]) -> None:
    """Log the page and the pictures of an exploration to the active run."""
    mlflow.log_text(page, "exploration.html")
    log_pictures(drawn)


def log_run(outcome: TrainingResult, pictures: Mapping[str, Figure]) -> None:
    """Log parameters, metrics, tables and pictures of a training to the active run, and each candidate to a child run."""
    trained = outcome.trained
    mlflow.log_params({f"used_{name}": value for name, value in outcome.used.items()})
    for part in described.headlines_first(outcome.figures):
        mlflow.log_metrics(part)
    _log_datasets(trained)
    log_pictures(pictures)
    for name, text in documents(outcome).items():
        mlflow.log_text(text, name)
    for name, cross_validation in trained.comparison.items():
        _log_candidate(name, cross_validation, trained, outcome.candidates[name])


def log_pictures(pictures: Mapping[str, Figure]) -> None:
    """Each with its number before its name, so that MLflow shows them in reading order."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, figure) in enumerate(pictures.items(), 1):
            (Path(folder) / f"{number:02}_{name}").write_bytes(png(figure))
        mlflow.log_artifacts(folder, "pictures")


def _log_candidate(
    name: str, result: CrossValidation, trained: Trained, figures: Mapping[str, float]
) -> None:
    """A child run of a candidate with its figures, and in it one of every point that a search tried."""
    with mlflow.start_run(run_name=name, nested=True):
        mlflow.log_params({"candidate": name, "chosen": name == trained.winner} | dict(result.parameters))
        mlflow.log_metrics({"cv_auc_mean": result.mean, "cv_auc_standard_error": result.standard_error})
        mlflow.log_metrics(dict(figures))
        for fold, auc in enumerate(result.fold_auc):
            mlflow.log_metric("fold_auc", auc, step=fold)
        for number, trial in enumerate(trained.trials[name]):
            with mlflow.start_run(run_name=f"{name} {number}", nested=True):
                mlflow.log_params(dict(trial.parameters))
                figure = f"cv_{trial.figure}"
                mlflow.log_metrics(
                    {f"{figure}_mean": trial.mean, f"{figure}_standard_error": trial.standard_error}
                )


def _log_datasets(trained: Trained) -> None:
    """The training table with its split and scores; keyed hashes stand for the customers."""
    hashed = training_tables.hashed(trained.dataset.customers, os.environ)
    table = training_table(trained, hashed)
    training_tables.log(table)
    for part in ("train", "test"):
        rows = table.filter(pl.col("part") == part).to_pandas()
        if len(rows):
            digest = compute_pandas_digest(rows.drop(columns=hashed.name))  # hashes differ by key
            mlflow.log_input(from_pandas(rows, name=part, targets="bad", digest=digest), context=part)


def log_model(settings: Settings, result: TrainingResult, pictures: Mapping[str, Figure]) -> int:
    """Log, register and tag the pyfunc model with its model document; returns the number of the registered version."""
    trained = result.trained
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "model_document.html"
        document.touch()
        code = str(carried_code(Path(folder)))
        primary = _log_primary(trained, Path(folder), code)
        described = Path(folder) / "openapi.json"
        described.write_text(of_model(trained.scorer), encoding="utf-8")
        mlflow.log_artifact(str(described))
        files = {
            "scorer": str(Path(folder) / "scorer"),
            "model_document": str(document),
            "openapi": str(described),
        }
        version, parts = _saved(trained.scorer, files, code)
        identity = provenance.identity(settings, version, primary)
        document.write_text(model_document(result, pictures, identity), encoding="utf-8")
        mlflow.log_artifact(str(document))
        mlflow.log_text(json.dumps(annex_iv(result, identity), indent=1), "annex_iv.json")
        info = mlflow.pyfunc.log_model(
            name="model",
            **parts,
            input_example=(input_example(trained.scorer), {"as_of": "2019-02-13T00:00:00Z"}),
            registered_model_name=settings.name,
        )
        hashes = {
            integrity.MANIFEST_TAG: integrity.digest(Path(files["scorer"]) / "manifest.json"),
            integrity.DOCUMENT_TAG: integrity.digest(document),
        }
    if info.signature is None:
        raise RuntimeError("MLflow kept no signature; the model would accept anything")
    registered = int(info.registered_model_version)
    _tag(settings.name, registered, version, result, hashes)
    _describe(settings, result, identity, registered)
    return registered


def _describe(settings: Settings, result: TrainingResult, identity: Identity, registered: int) -> None:
    """Say what the active run and the registered version are, on their pages."""
    client, run = MlflowClient(), mlflow.active_run()
    said = described.version_description(result, settings.name, registered)
    warned = [note.text for note in nobody_decided(result)]
    client.update_model_version(settings.name, str(registered), "\n\n".join([*warned, said]))
    if run is not None:
        mlflow.set_tags(described.tags(result, identity) | {MLFLOW_RUN_NOTE: described.description(result)})
        if described.nobody_named(run.info.run_name, "train", settings):
            client.update_run(run.info.run_id, name=f"{described.run_name(settings, result)} v{registered}")


def _saved(scorer: Scorer, files: Mapping[str, str], code: str) -> tuple[str, dict[str, Any]]:
    """Save a scorer with a manifest of all that its model will hold; returns the version, and what MLflow is told of the model.

    What MLflow writes beside the scorer, such as the requirements, is seen by letting it write the model once before.
    """
    parts: dict[str, Any] = {
        "python_model": pyfunc.__file__,
        "artifacts": dict(files),
        "code_paths": [code],
        "signature": pyfunc.signature(scorer),
        "pip_requirements": requirements(scorer),
        "model_config": pyfunc.MODEL_CONFIG,
    }
    scorer.save(Path(files["scorer"]), jobs.MANIFEST)
    with tempfile.TemporaryDirectory() as seen:
        with _without_example():
            mlflow.pyfunc.save_model(f"{seen}/model", **parts)
        beside = integrity.beside(Path(seen) / "model")
    return scorer.save(Path(files["scorer"]), jobs.MANIFEST, beside), parts


def _without_example() -> AbstractContextManager[object]:
    """MLflow warns of a model without an input example, which only the registered one needs."""
    return warnings.catch_warnings(action="ignore")


def _log_primary(trained: Trained, folder: Path, code: str) -> str | None:
    """Keep the primary scorecard as a model of the run, not registered; its URI, or None where it is the winner."""
    if trained.winner == PRIMARY:
        return None
    _, parts = _saved(trained.primary, {"scorer": str(folder / "primary" / "scorer")}, code)
    with _without_example():
        return str(mlflow.pyfunc.log_model(name=PRIMARY_SCORECARD, **parts).model_uri)


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
    """The requirements of serving, pinned to the installed versions: those of every model, and those of its classifier.

    Serving needs MLflow's small distribution only; the full one would also install libraries of training.
    """
    pinned = []
    for name in (*_SERVED, *scorer.classifier.requirements):
        try:
            pinned.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            pinned.append(name)
    return pinned


def _tag(name: str, registered: int, version: str, result: TrainingResult, hashes: Mapping[str, str]) -> None:
    client = MlflowClient()
    tags = {
        **hashes,
        "model_version": version,
        "target": result.trained.scorer.target,
        "candidate": result.used["candidate"],
        LEARNED_UNTIL: _learned_until(result),
        "gates": "failed" if result.failed_gates else "passed",
        "gates_failed": "; ".join(result.failed_gates) or "none",
        "gates_warned": "; ".join(result.warned_gates) or "none",
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, str(registered), key, value)


def _learned_until(result: TrainingResult) -> str:
    """``as_of`` of the latest decision that the served model was fitted on, the test part among them."""
    return str(result.trained.dataset.decisions["as_of"].dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ").max())
