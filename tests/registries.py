"""A store of models that a test leaves as it was."""

from pathlib import Path

from mlflow import MlflowClient

from credit_model.tracking.store import EXPERIMENT


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
