"""Faults of decisions: which field, what is wrong, how many cells; and the message that an answer gives of them."""

from collections.abc import Sequence

import polars as pl

DECISION_FAULTS: dict[str, pl.DataType] = {
    "decision": pl.UInt32(),
    "field": pl.String(),
    "problem": pl.String(),
    "count": pl.UInt32(),
}
NO_FAULTS = pl.DataFrame(schema=DECISION_FAULTS)


def together(faults: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join faults of several kinds into one frame with the columns of ``DECISION_FAULTS``."""
    filled = [some for some in faults if some.height]
    return pl.concat(filled) if filled else NO_FAULTS


def messages(faults: pl.DataFrame) -> pl.DataFrame:
    """One row per decision with faults: ``decision`` and ``message``, which names fields and counts, never a value."""
    return (
        faults.group_by("decision", "field", "problem")
        .agg(pl.col("count").max())  # of a decision and of its rows it may be the same cell
        .sort("decision", "field", "problem")
        .group_by("decision", maintain_order=True)
        .agg(message=pl.format("{}: {} {}", "field", "count", "problem").str.join("; "))
    )


def tally(rows: pl.DataFrame, field: str | None = None, problem: str | None = None) -> pl.DataFrame:
    """Count faulty rows per decision, field and problem.

    Args:
        rows: one row per faulty cell, with ``decision`` and, unless they are given, ``field`` and ``problem``.
        field: the field of all rows.
        problem: the problem of all rows.

    Returns:
        The counts, with the columns of ``DECISION_FAULTS``.
    """
    named = {"field": field, "problem": problem}
    rows = rows.with_columns(**{name: pl.lit(text) for name, text in named.items() if text is not None})
    return (
        rows.group_by("decision", "field", "problem")
        .agg(count=pl.len())
        .select(pl.col(name).cast(dtype) for name, dtype in DECISION_FAULTS.items())
    )
