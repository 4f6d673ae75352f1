"""The MLflow run of a comparison of two models: its name, tags, description, metrics, tables and pictures."""

from collections.abc import Mapping

import mlflow
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from credit_model.reporting import comparison_tables
from credit_model.reporting.comparison_tables import Sides
from credit_model.settings.settings import Settings
from credit_model.tracking import provenance
from credit_model.tracking.described import data_hash, nobody_named
from credit_model.tracking.runs import log_pictures
from credit_model.training.two_models import SIDES, Comparison


def log(
    settings: Settings,
    sides: Sides,
    comparison: Comparison,
    files: Mapping[str, str],
    pictures: Mapping[str, Figure],
) -> None:
    """Log a comparison to the active run, and say on its page what it is."""
    mlflow.log_metrics(comparison_tables.figures(comparison))
    for name, text in files.items():
        mlflow.log_text(text, name)
    log_pictures(pictures)
    mlflow.set_tags(_tags(settings, sides) | {MLFLOW_RUN_NOTE: _description(sides, comparison)})
    run = mlflow.active_run()
    if run is not None and nobody_named(run.info.run_name, "compare", settings):
        MlflowClient().update_run(run.info.run_id, name=_name(sides, comparison))


def _name(sides: Sides, comparison: Comparison) -> str:
    """Who is compared, and the day of the latest decision: ``compare credit-risk v2, credit-risk v3 2017-07-30``."""
    latest = str(comparison.answers["as_of"].dt.to_string("%Y-%m-%d").max())
    return f"compare {', '.join(sides.names)} {latest}"


def _tags(settings: Settings, sides: Sides) -> dict[str, str]:
    """Tags to find the run by: the models, whether outcomes were given, and ``data_hash`` of the files."""
    named = {f"model_{side}": name for side, name in zip(SIDES, sides.names, strict=True)}
    outcomes = "none" if settings.outcomes is None else "given"
    return named | {"outcomes": outcomes, "data_hash": data_hash(provenance.file_hashes(settings))}


def _description(sides: Sides, comparison: Comparison) -> str:
    """Who is compared and what was found, in Markdown."""
    head = f"**A** {sides.names[0]}, **B** {sides.names[1]}"
    said = [*sides.notes, *comparison_tables.sentences(comparison)]
    return "\n".join([head, "", *(f"- {sentence}" for sentence in said)])
