"""Training and exploring in a notebook, from frames of pandas or Polars or paths of files to Python objects.

What the commands write to files, and what ``explore`` keeps in MLflow, is left to the commands.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import polars as pl

from credit_model.data.frames import InMemory, in_polars
from credit_model.data.transactions import tidy_table
from credit_model.reporting.exploration import analysis
from credit_model.reporting.exploration.analysis import Exploration
from credit_model.settings.settings import Settings, resolve
from credit_model.training import workflow
from credit_model.training.workflow import TrainingResult

if TYPE_CHECKING:
    import pandas as pd

Table = Union[str, Path, pl.DataFrame, "pd.DataFrame"]


def train(
    transactions: Table | None = None,
    outcomes: Table | None = None,
    *,
    track: bool = False,
    **parameters: Any,
) -> TrainingResult:
    """Train a model as the command ``train`` does.

    Args:
        transactions: a frame, or the path of a file, a folder or a pattern; synthetic ones where neither they nor outcomes
            are given.
        outcomes: real outcomes: ``CustomerId``, ``as_of``, ``defaulted`` and attributes, or days past due with ``bad_days``;
            without them the label is a proxy.
        track: keep the run in MLflow and register the model, as the command does; else nothing is kept.
        **parameters: those of ``python -m credit_model train --help``: texts as there, or Python's own values, such as
            ``history_days=60``, ``attributes=["income"]``, ``columns={"Amount": "value"}``.

    Returns:
        What the training leaves: ``summary`` (lines to print), ``figures`` (metrics by name), ``failed_gates``,
        ``trained.scorer`` (the model), ``trained.comparison`` (the candidates) and more.

    Raises:
        TypeError: a table is neither a frame nor a path.
        ValueError: a parameter or the data cannot be read, or cannot be trained on.
    """
    settings = _settings("train", transactions, outcomes, parameters)
    if not track:
        return workflow.run(settings)
    from credit_model.tracking.environment import mlflow_defaults

    os.environ.update(mlflow_defaults(Path.cwd(), os.environ))
    from credit_model.operations.train import tracked

    return tracked(settings)


def explore(
    transactions: Table | None = None, outcomes: Table | None = None, **parameters: Any
) -> Exploration:
    """Describe transactions, and real outcomes, as the command ``explore`` does.

    Args:
        transactions: a frame, or the path of a file, a folder or a pattern; synthetic ones where neither they nor outcomes
            are given.
        outcomes: real outcomes: ``CustomerId``, ``as_of``, ``defaulted``; or days past due: ``CustomerId``, ``as_of``,
            ``observed_at``, ``days_past_due``.
        **parameters: those of ``python -m credit_model explore --help``, but ``output``.

    Returns:
        Small Polars tables: ``quality``, ``amounts``, ``levels``, ``days``, ``customers`` and others; of days past due
            ``bad_definition``, with ``rolls``, ``vintages``, ``choices`` and others.

    Raises:
        TypeError: a table is neither a frame nor a path.
        ValueError: a parameter or the data cannot be read.
    """
    settings = _settings("explore", transactions, outcomes, parameters)
    asked = workflow.read(settings)
    return analysis.explored(asked, tidy_table(asked.transactions), settings)


def _settings(
    command: str, transactions: Table | None, outcomes: Table | None, parameters: Mapping[str, Any]
) -> Settings:
    tables = {"transactions": transactions, "outcomes": outcomes}
    raw = {name: _raw(value) for name, value in parameters.items() if value is not None}
    raw |= {name: _source(name, table) for name, table in tables.items() if table is not None}
    settings = resolve(command, raw)
    for name in ("output", "customers_table"):
        if getattr(settings, name) is not None:
            raise ValueError(f"{name}: only the command writes files; python -m credit_model {command} does")
    return settings


def _source(name: str, table: Table) -> str:
    """A path, or a frame under the name that errors call it."""
    if isinstance(table, str | Path):
        return str(table)
    what = f"the frame of {name}"
    return InMemory(what, in_polars(table, what))


def _raw(value: Any) -> Any:
    """A value as a kind of parameter reads it: a text, a list of texts or a mapping."""
    if isinstance(value, str | dict):
        return value
    if isinstance(value, list | tuple):
        return list(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
