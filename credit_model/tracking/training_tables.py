"""The training tables of runs: what MLflow holds of single customers, by keyed hashes of their ids, and how one is taken out.

A table is hashed with ``CREDIT_MODEL_HASH_KEY``, or with a random key that is forgotten. A tag of the run tells which, by a hash
that the key makes of a fixed text and from which the key does not follow.
"""

import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
import polars as pl
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from credit_model.serving.decision_log import KEY, keyed_hash

FILE, CUSTOMER = "training_table.parquet", "customer_hash"
_DIGITS = 16
_KEY_TAG, _FORGOTTEN = "credit_model.hash_key", "forgotten"
_TRAININGS = "params.used_candidate LIKE '%'"


@dataclass(frozen=True)
class Erased:
    """What came of an erasure.

    Attributes:
        rows: that were removed.
        tables: that they were removed from.
        searched: tables that were searched.
        unknown: of these, those in which nobody can find a customer by this key: its own was another, or is forgotten.
        unreadable: ids of the runs whose table cannot be read.
    """

    rows: int = 0
    tables: int = 0
    searched: int = 0
    unknown: int = 0
    unreadable: tuple[str, ...] = ()


def hashed(customers: Iterable[object], environment: Mapping[str, str]) -> pl.Series:
    """The column that stands for the customers of a table; the active run is told the key's tag."""
    given = environment.get(KEY)
    key = given or secrets.token_hex(32)
    mlflow.set_tag(_KEY_TAG, _key_tag(given) if given else _FORGOTTEN)
    return pl.Series(CUSTOMER, [(keyed_hash(str(one), key) or "")[:_DIGITS] for one in customers], pl.String)


def log(table: pl.DataFrame) -> None:
    """Log a table to the active run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        table.write_parquet(path)
        mlflow.log_artifact(str(path))


def erase(whom: str, key: str | None) -> Erased:
    """Remove the rows of a customer from the training table of every run of the store, deleted runs too.

    Args:
        whom: the hash of the customer, 64 hex digits.
        key: that it was made with, where it is known.
    """
    rows, tables, searched, unknown = 0, 0, 0, 0
    unreadable: list[str] = []
    for run in _trainings():
        searched += 1
        try:
            removed = _without(run.info.run_id, whom)
        except pl.exceptions.PolarsError:
            unreadable.append(run.info.run_id)
            continue
        rows, tables = rows + removed, tables + (removed > 0)
        unknown += removed == 0 and not _is_of(run, key)
    return Erased(rows, tables, searched, unknown, tuple(unreadable))


def _trainings() -> Iterator[Run]:
    """The runs that have a training table."""
    client = MlflowClient()
    experiments = [one.experiment_id for one in client.search_experiments(view_type=ViewType.ALL)]
    found = mlflow.search_runs(
        experiments, _TRAININGS, run_view_type=ViewType.ALL, max_results=1_000_000, output_format="list"
    )
    for run in found:
        if any(file.path == FILE for file in client.list_artifacts(run.info.run_id)):
            yield run


def _without(run_id: str, whom: str) -> int:
    """Remove a customer's rows from the table of a run; returns how many there were."""
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(run_id, FILE, folder))
        table = pl.read_parquet(path)
        kept = table.filter(pl.col(CUSTOMER) != whom[:_DIGITS])
        if kept.height < table.height:
            kept.write_parquet(path)
            client.log_artifact(run_id, str(path))
    return table.height - kept.height


def _is_of(run: Run, key: str | None) -> bool:
    """Whether a customer could be found in a run's table; of runs without the tag, and without the key, nobody knows."""
    tag = run.data.tags.get(_KEY_TAG)
    return tag != _FORGOTTEN and (None in (tag, key) or tag == _key_tag(key or ""))


def _key_tag(key: str) -> str:
    return (keyed_hash(_KEY_TAG, key) or "")[:_DIGITS]
