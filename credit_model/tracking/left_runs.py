"""Runs that their process could not end, since it was killed or the store was gone: the next process to begin one ends them.

A tag of each run names a lock that its process holds as long as it lives, and whose file goes when the run has ended. Runs of
other machines and users, and those from before the machine lost its temporary files, are left as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from mlflow import MlflowClient
from mlflow.entities import Run

from credit_model.tracking import lock

PROCESS = "credit_model.process"
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"


@contextmanager
def process() -> Iterator[str]:
    """As long as it is open this process counts as alive; yields the value of the tag ``PROCESS`` for the run that it begins."""
    name = uuid4().hex
    with lock.alone(name):
        yield name


def end(experiment: str) -> None:
    """End the runs that nobody works on any more in an experiment, by its id; each after those below it."""
    running = MlflowClient().search_runs([experiment], "attributes.status = 'RUNNING'", max_results=1_000)
    for run in running:
        name = run.data.tags.get(PROCESS)
        if name and lock.abandoned(name):
            _end(run, running)
            lock.forget(name)


def _end(run: Run, running: list[Run]) -> None:
    for below in running:
        if below.data.tags.get(_PARENT) == run.info.run_id:
            _end(below, running)
    if _NOTE not in run.data.tags:
        MlflowClient().set_tag(run.info.run_id, _NOTE, "its process ended without ending it")
    MlflowClient().set_terminated(run.info.run_id, "FAILED")
