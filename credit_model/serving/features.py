"""Features of files: every feature of every decision, as a table to train from, to explore, or to score by exported SQL.

The table and the catalogue beside it are those that ``serving.spark.features.write`` leaves; the same code computes both.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from credit_model.data import files, formats
from credit_model.data.decisions import Attribute, learn_attributes
from credit_model.data.formats import AS_READ, Formats
from credit_model.data.partitions import ROWS_AT_ONCE
from credit_model.data.temporary import TemporaryTables
from credit_model.features import offline_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.history import history
from credit_model.features.plan import FeaturePlan
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs
from credit_model.serving.batch import PLACE, Piece, in_order, in_parts, in_pieces
from credit_model.serving.jobs import Job

_ROWS_AT_ONCE = 20_000  # decisions


@dataclass(frozen=True)
class AllFeatures:
    """Every feature of a catalogue, and how the files are written that they are computed from.

    Attributes:
        catalogue: how the features are defined.
        columns: contract name -> column name of the files.
        formats: how cells of the files are written.
    """

    catalogue: Catalogue
    columns: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = AS_READ

    @cached_property
    def plan(self) -> FeaturePlan:
        """The computation of all of them."""
        return FeaturePlan(self.catalogue, tuple(self.catalogue.features))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers that they read of a decision."""
        return tuple(scalar.name for scalar in self.plan.scalars if scalar.kind == "number")


def without_model(job: Job, history_days: int, attributes: Sequence[str] = ()) -> AllFeatures:
    """Every feature that needs no training: those of learned levels are left to a model's catalogue.

    Args:
        job: which files are read.
        history_days: length of the observation window in days.
        attributes: columns of the decisions that are features too.

    Raises:
        ValueError: the decisions cannot be read, or lack an attribute.
    """
    return AllFeatures(Catalogue(history_days, attributes=_attributes(job, attributes)))


def _attributes(job: Job, names: Sequence[str]) -> tuple[Attribute, ...]:
    if not names or job.decisions is None:
        return ()
    table = job.read_decisions(job.decisions, AllFeatures(Catalogue(1)), ("CustomerId",))
    pointed = formats.attributes(table, names, job.decimal, files.place(job.decisions))
    return learn_attributes(pointed, names)


def write(job: Job, asked: AllFeatures) -> str:
    """Write the table of a job, and its catalogue beside it; returns what to print.

    Raises:
        ValueError: a file cannot be read, or has no rows.
    """
    output = job.output or ""
    with tables(job, asked) as frames:
        rows = files.write_frames(frames, output)
    offline_table.write_catalogue(asked.catalogue, output)
    count = len(asked.catalogue.features)
    return f"{count} features of {rows} decisions written to {output}, their catalogue beside it"


@contextmanager
def tables(
    job: Job, asked: AllFeatures, rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[Iterator[pl.DataFrame]]:
    """Compute the table of a job, piece by piece, in frames of bounded size in the order of the decisions."""
    with TemporaryDirectory(prefix="credit_model_") as folder:
        kept = TemporaryTables(Path(folder))
        count, _ = in_pieces(job, asked, partial(_keep_piece, asked.plan, kept), rows_at_once)
        rows = in_order(kept.all(), PLACE, count, _ROWS_AT_ONCE)
        yield (frame.drop(PLACE) for frame in rows)


def _keep_piece(plan: FeaturePlan, kept: TemporaryTables, piece: Piece) -> None:
    """Keep the features of the decisions of a piece."""
    compute = partial(offline_table.of_history, plan=plan)
    days, opening = plan.catalogue.history_days, plan.needs_opening
    past = history(piece.transactions, piece.decisions.frame, days, opening=opening)
    parts = in_parts(past, piece.decisions, piece.threads, compute) or [compute(past, piece.decisions)]
    kept.add(piece.number, pl.concat(parts).with_columns(piece.places))


def of_model(job: Job, scorer: Scorer) -> str:
    """Write every feature of a model's catalogue; returns what to print.

    Raises:
        ValueError: a file cannot be read, or has no rows.
    """
    return write(job, AllFeatures(scorer.catalogue, scorer.columns, scorer.formats))


if __name__ == "__main__":
    sys.exit(jobs.run(of_model))
