"""``compare``: two models on the same decisions, on one page, in tables, and in an MLflow run where a model is named in MLflow.

Each model answers in a process with its own code. Two folders are compared without any store, unless ``mlflow run`` began a run.
"""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from credit_model.data.iso_time import read_iso
from credit_model.data.writers import write_text
from credit_model.operations import side_by_side
from credit_model.reporting import comparison_page, comparison_tables
from credit_model.reporting.comparison_tables import Sides
from credit_model.scoring.scorer import Scorer
from credit_model.serving.monitor_figures import OBSERVED
from credit_model.settings.settings import Settings, texts
from credit_model.tracking import comparisons, described, registry, store
from credit_model.tracking.model_folder import verified_folder
from credit_model.tracking.registry import LEARNED_UNTIL
from credit_model.training.outcome_table import plain_outcomes
from credit_model.training.two_models import SIDES, Comparison, compared

OWN = (*side_by_side.OWN, "decision", "reasons")


@dataclass(frozen=True)
class _Side:
    """One of the two models.

    Attributes:
        name: as a reader knows it: ``credit-risk v3``, or the folder.
        folder: of its files.
        scorer: what it answers with.
        learned_until: the latest decision that it was fitted on; None where that is not known.
    """

    name: str
    folder: Path
    scorer: Scorer
    learned_until: datetime | None


def compare(settings: Settings) -> str:
    """Compare two models on the same decisions; returns what to print.

    Raises:
        ValueError: a model is not there, cannot score the decisions, or a file cannot be read or written.
    """
    tracked = any(_in_mlflow(model) for model in settings.models) or "MLFLOW_RUN_ID" in os.environ
    run = (
        store.run(store.EXPERIMENT, texts("compare", settings), described.begun("compare", settings))
        if tracked
        else nullcontext()
    )
    with run:
        sides, comparison = _made(settings)
        page, drawn = comparison_page.page_of(sides, comparison)
        files = comparison_tables.files(sides, comparison) | {"comparison.html": page}
        if settings.output is not None:
            _write(files, Path(settings.output))
        if tracked:
            with store.using("log the run"):
                comparisons.log(settings, sides, comparison, files, drawn)
    said = [*sides.said, *comparison_tables.sentences(comparison)]
    if settings.output is not None:
        said.append(f"{', '.join(files)} written to {settings.output}")
    return "\n".join(
        [*said, *(["logged as an MLflow run, with the page comparison.html"] if tracked else [])]
    )


def _made(settings: Settings) -> tuple[Sides, Comparison]:
    pair = [_side(model) for model in settings.models]
    folders = dict(zip(settings.models, (side.folder for side in pair), strict=True))
    with plain_outcomes(settings) as plain:
        answers = side_by_side.answers(plain, folders, OWN, SIDES)
        codes = [_codes(answers[f"{side} reasons"]).alias(f"{side} reasons") for side in SIDES]
        table = side_by_side.labelled(plain, answers.with_columns(codes), pair[0].scorer)
    costs, of_costs = _costs(pair)
    comparison = compared(table, costs, settings.seed, settings.approval_rate)
    notes = (*of_costs, *_targets(pair), *_unseen(pair, comparison))
    first, second = (side.name for side in pair)
    return Sides((first, second), notes), comparison


def _side(model: str) -> _Side:
    folder = verified_folder(model)
    scorer = Scorer.load(folder / "artifacts" / "scorer")
    version = registry.named(model) if _in_mlflow(model) else None
    if version is None:
        return _Side(model, folder, scorer, None)
    learned = read_iso(version.tags.get(LEARNED_UNTIL, ""))
    return _Side(f"{version.name} v{version.version}", folder, scorer, learned)


def _in_mlflow(model: str) -> bool:
    return ":/" in model and not Path(model).is_dir()


def _codes(reasons: pl.Series) -> pl.Series:
    """The codes of lists of reasons, in order."""
    return reasons.list.eval(pl.element().struct.field("code"))


def _costs(pair: list[_Side]) -> tuple[tuple[float, float], tuple[str, ...]]:
    """The costs of errors that A was trained with, or else the default ones; and a sentence where those of B are others."""
    default = Settings()
    usual = default.cost_false_negative, default.cost_false_positive
    first, second = (
        usual if side.scorer.reference is None else side.scorer.reference.costs or usual for side in pair
    )
    if first == second:
        return first, ()
    said = (
        f"A was trained with costs of {first[0]:g} to {first[1]:g} and B with {second[0]:g} to {second[1]:g}; "
        "costs here are by those of A"
    )
    return first, (said,)


def _targets(pair: list[_Side]) -> tuple[str, ...]:
    """A sentence where the models do not predict the same, or no real outcome."""
    first, second = (side.scorer.target for side in pair)
    if first != second:
        return (f"A predicts {first} and B {second}, so that their probabilities do not mean the same",)
    return () if first == OBSERVED else (f"both models predict the proxy {first}, and no observed default",)


def _unseen(pair: list[_Side], comparison: Comparison) -> tuple[str, ...]:
    """A sentence on outcomes that a model may have been fitted on."""
    if not comparison.with_outcomes:
        return ()
    flatter = "figures with outcomes flatter a model that was fitted on these decisions"
    vague = [letter for letter, side in zip(SIDES, pair, strict=True) if side.learned_until is None]
    if vague:
        return (f"until when {' and '.join(vague)} learned is not known: {flatter}",)
    last = max(side.learned_until for side in pair if side.learned_until is not None)
    known = comparison.answers.filter(pl.col("bad").is_not_null())["as_of"]
    seen = int(np.count_nonzero(known <= last))
    if not seen:
        return ()
    said = f"{seen:,} of the {len(known):,} outcomes are of decisions up to {last:%Y-%m-%d}, the last that either was fitted on"
    return (f"{said}: {flatter}; give outcomes of later decisions alone",)


def _write(files: dict[str, str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        write_text(text, str(folder / name))
