"""A run of MLflow that stands for one thing for ever: found by a tag, begun once, and added to by many."""

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from credit_model.tracking import store


def found(tag: str, value: str) -> Run | None:
    """The run of a thing; None before it is begun. Of two that were begun at once, the older one."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    if experiment is None:
        return None
    runs: list[Run] = client.search_runs(
        [experiment.experiment_id],
        f"tags.`{tag}` = '{value}'",
        max_results=1,
        order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
    )
    return runs[0] if runs else None


def opened(tag: str, value: str, name: str) -> Run:
    """The run of a thing, begun under a name where there is none."""
    run = found(tag, value)
    if run is not None:
        return run
    client = MlflowClient()
    begun = client.create_run(_experiment(), tags={tag: value}, run_name=name)
    client.set_terminated(begun.info.run_id)
    return found(tag, value) or begun


def _experiment() -> str:
    client = MlflowClient()
    try:
        return str(client.create_experiment(store.EXPERIMENT))
    except MlflowException:
        experiment = client.get_experiment_by_name(store.EXPERIMENT)
        if experiment is None:
            raise
        return str(experiment.experiment_id)
