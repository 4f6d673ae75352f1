"""The answers of models to the same decisions, each made in a process that runs the model's own code, and what became of them."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from credit_model.data import files
from credit_model.data.cells import read, times
from credit_model.data.outcomes import KNOWN_AT, OUTCOME_COLUMNS, observed
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs
from credit_model.serving.jobs import Job
from credit_model.settings.settings import Settings

IDENTITY = ("CustomerId", "as_of")
OWN = ("status", "probability", "prediction")


def answers(
    settings: Settings, folders: Mapping[str, Path], own: Sequence[str] = OWN, sides: Sequence[str] = ()
) -> pl.DataFrame:
    """The answers of several models to the same decisions, row by row.

    Args:
        settings: the files; without decisions, those of the outcomes, else every customer.
        folders: of each model, by what it is called in an error.
        own: the fields of the answers to take.
        sides: what is put before their names; what the models are called, where not given.

    Returns:
        One row per decision, in order: ``CustomerId``, ``as_of``, and the fields of each model.

    Raises:
        ValueError: a model cannot score the decisions, or they read them differently.
    """
    asked = replace(settings, as_of=settings.as_of or datetime.now(UTC).replace(tzinfo=None))
    made = [_asked(asked, folder, whose, own) for whose, folder in folders.items()]
    known = made[0].select(IDENTITY)
    if not all(known.equals(each.select(IDENTITY)) for each in made):
        raise ValueError(
            f"{' and '.join(folders)} read CustomerId or as_of of the decisions differently, as their trainings were told; "
            "say how the files are written: --columns, --date_format"
        )
    named = [
        each.select(pl.col(name).alias(f"{side} {name}") for name in own)
        for side, each in zip(sides or folders, made, strict=True)
    ]
    return pl.concat([known, *named], how="horizontal")


def _asked(settings: Settings, folder: Path, whose: str, own: Sequence[str]) -> pl.DataFrame:
    """The answers of one model."""
    decisions = settings.decisions or settings.outcomes
    with TemporaryDirectory(prefix="credit_model_") as place:
        output = f"{place}/answers.parquet"
        asked = replace(
            settings, decisions=decisions, outcomes=None, bad_values=(), output=output, model=whose
        )
        if jobs.submit("score", asked, folder, subprocess.DEVNULL):
            raise ValueError(
                f"{whose} could not score {decisions or settings.transactions}; see its message above"
            )
        made = pl.read_parquet(output, columns=[*IDENTITY, *own])
    return made.with_columns(read(made["as_of"], times)[0])


def labelled(settings: Settings, table: pl.DataFrame, scorer: Scorer) -> pl.DataFrame:
    """Answers with what became of the decisions in ``bad``, null where it is not known.

    Args:
        settings: the outcomes. Where they are the decisions, each row has its own; else they are found by customer and moment.
        table: what ``answers`` gives.
        scorer: how it was told that files are written counts where the settings do not say it.

    Raises:
        ValueError: the outcomes cannot be read, or none is of one of the decisions.
    """
    path = settings.outcomes
    if path is None:
        return table.with_columns(bad=pl.lit(None, pl.Int8))
    job = Job("", columns=settings.columns, date_format=settings.date_format, decimal=settings.decimal)
    became = job.read_decisions(path, scorer, OUTCOME_COLUMNS)
    if settings.decisions is None:
        return _row_by_row(settings, table, became)
    known = observed(became, 0, settings.bad_values, files.place(path)).decisions
    sure = known.group_by(IDENTITY).agg(pl.col("bad").first(), kinds=pl.col("bad").n_unique())
    joined = table.join(
        sure.filter(pl.col("kinds") == 1).drop("kinds"), on=IDENTITY, how="left", maintain_order="left"
    )
    if joined["bad"].null_count() == joined.height:
        raise ValueError(
            f"{path}: no outcome is of one of the decisions; their CustomerId and as_of must be those of {settings.decisions}"
        )
    return joined


def _row_by_row(settings: Settings, table: pl.DataFrame, became: pl.DataFrame) -> pl.DataFrame:
    """Each decision with the outcome of its own row; one that is repeated is there once."""
    where, place = files.place(settings.outcomes or ""), "row of the outcomes"
    observed(
        became, 0, settings.bad_values, where
    )  # refuses decisions that are repeated with another outcome
    same = [name for name in became.columns if name not in {"defaulted", KNOWN_AT}]
    rows = became.with_row_index(place)
    known = observed(rows, 0, settings.bad_values, where).decisions.select(place, "bad")
    every = rows.select(place, pl.struct(same).alias("decision")).join(
        known, on=place, how="left", maintain_order="left"
    )
    once = (
        every.sort("bad", nulls_last=True, maintain_order=True).unique("decision", keep="first").sort(place)
    )
    return table[once[place].to_list()].with_columns(once["bad"])
