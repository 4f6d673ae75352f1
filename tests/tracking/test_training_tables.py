"""Training tables whose customers cannot be found, or not all, are told as such."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import polars as pl
import pytest
from mlflow import MlflowClient

from credit_model.operations.erase import erase
from credit_model.serving.decision_log import KEY
from credit_model.tracking import training_tables
from credit_model.tracking.store import EXPERIMENT
from logged import HASH_KEY
from registries import clean_store


@pytest.fixture
def client(database: Path) -> Iterator[MlflowClient]:
    with clean_store(database) as client:
        mlflow.set_experiment(EXPERIMENT)
        yield client


def trained(key: str) -> str:
    """A run with a training table of two customers under a key, of which an empty one is none; its id."""
    with mlflow.start_run() as run:
        mlflow.log_param("used_candidate", "scorecard")
        training_tables.log(pl.DataFrame([training_tables.hashed(["C-1", "C-2"], {KEY: key})]))
    return str(run.info.run_id)


def table(client: MlflowClient, run: str) -> Path:
    return Path(client.get_run(run).info.artifact_uri.removeprefix("file://")) / training_tables.FILE


def test_every_table_is_searched_and_what_cannot_be_is_said(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of deleted runs too; one that a killed process left torn stops none of the others."""
    keys = (HASH_KEY, HASH_KEY, HASH_KEY, "another key of the tests", "")
    runs = [trained(key) for key in keys]
    client.delete_run(runs[1])
    torn = table(client, runs[2])
    torn.write_bytes(torn.read_bytes()[:100])
    monkeypatch.setenv(KEY, HASH_KEY)
    with pytest.raises(
        ValueError, match=r"^2 rows of the customer removed from 2 of 5 training tables"
    ) as said:
        erase(None, "C-1", None)
    assert "; 2 of these are hashed with another key or one that is forgotten: nobody is found" in str(
        said.value
    )
    assert f"; the table of run {runs[2]} cannot be read: delete its file training_table.parquet" in str(
        said.value
    )
    whole = [table(client, run) for run in (runs[0], runs[1], runs[3], runs[4])]
    assert [pl.read_parquet(path).height for path in whole] == [1, 1, 2, 2]
    assert HASH_KEY not in str(client.get_run(runs[0]).data.tags)
