"""A run of MLflow that stands for one thing for ever: found by a tag, begun once, and added to by many."""

from mlflow import MlflowClient
from mlflow.entities import Run

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
    if run is None:
        begun = MlflowClient().create_run(
            store.experiment_id(store.EXPERIMENT), tags={tag: value}, run_name=name
        )
        run = found(tag, value) or begun
        if run.info.run_id != begun.info.run_id:
            MlflowClient().set_terminated(begun.info.run_id)
    if run.info.status == "RUNNING":  # begun just now, or by a process that was killed
        MlflowClient().set_terminated(run.info.run_id)
    return run
