"""A store of models that a test leaves as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from credit_model.tracking.store import EXPERIMENT


@contextmanager
def clean_store(database: Path) -> Iterator[MlflowClient]:
    """A client of the store in a file, which is in use meanwhile, and holds no model before and after."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{database}")
    client = MlflowClient()
    with_ledgers(client, database.parent)
    yield client
    emptied(client)
    mlflow.set_tracking_uri(before)


def with_ledgers(client: MlflowClient, folder: Path) -> None:
    """Let the runs of ledgers keep their files in a folder, and not where the tests run."""
    if client.get_experiment_by_name(EXPERIMENT) is None:
        client.create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())


def emptied(client: MlflowClient) -> None:
    """Take away all models, and the runs of their ledgers."""
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    for run in client.search_runs([experiment.experiment_id]) if experiment else ():
        client.delete_run(run.info.run_id)
