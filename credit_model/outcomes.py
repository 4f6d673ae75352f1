"""Real outcomes: a table of what became of each decision -> labelled decisions."""

from datetime import timedelta

import polars as pl

from credit_model.cells import Cells, Reader, decoded, numbers, read, texts, times
from credit_model.labels import Labels

REQUIRED = ("CustomerId", "as_of", "defaulted")
KNOWN_AT = "outcome_known_at"
_WORDS = {"true": "1", "false": "0"}


def observed(outcomes: pl.DataFrame, outcome_days: int) -> Labels:
    """Read a table of real outcomes.

    Args:
        outcomes: ``CustomerId``, ``as_of`` and ``defaulted`` (1 or true, 0 or false, in numbers or text;
            missing is indeterminate), optionally ``outcome_known_at``; every other column is kept as it is.
            Cells of any kind that transactions may have.
        outcome_days: days after ``as_of`` at which an outcome without ``outcome_known_at`` was known.

    Returns:
        The labelled decisions in order, without indeterminate and repeated ones, which are counted. A row
        equal to another in all but its outcome is the same decision; rows that differ elsewhere (in the
        loan's number or amount) are decisions of their own.

    Raises:
        ValueError: a required column is absent, or cells of one cannot be used: the message names column and
            count.
    """
    absent = [name for name in REQUIRED if name not in outcomes.columns]
    if absent:
        raise ValueError(
            f"outcomes lack {', '.join(absent)} (found: {', '.join(outcomes.columns)}); "
            "name the columns that hold them, for example columns=CustomerId=client,defaulted=bad"
        )
    table = outcomes.with_columns(
        _whole("CustomerId", outcomes["CustomerId"], texts),
        _whole("as_of", outcomes["as_of"], times),
        bad=_bad(outcomes["defaulted"]),
        known_at=_known_at(outcomes),
    )
    table = table.with_columns(pl.col("known_at").fill_null(pl.col("as_of") + timedelta(days=outcome_days)))
    early = table.filter(pl.col("known_at") < pl.col("as_of")).height
    if early:
        raise ValueError(f"{KNOWN_AT}: {_times(early)} before as_of; an outcome is known after its decision")
    determinate = table.drop("defaulted", KNOWN_AT, strict=False).drop_nulls("bad")
    decisions = _distinct(determinate)
    left_out = {
        "indeterminate": table.height - determinate.height,
        "repeated": determinate.height - decisions.height,
    }
    return Labels(decisions, "observed_default", left_out=left_out)


def _bad(defaulted: pl.Series) -> pl.Series:
    defaulted = decoded(defaulted)
    if defaulted.dtype == pl.Boolean:
        defaulted = defaulted.cast(pl.Int8)
    if defaulted.dtype == pl.String:
        plain = defaulted.str.strip_chars().str.to_lowercase()
        defaulted = plain.replace(_WORDS)
    values, _, unreadable = read(defaulted, numbers)
    wrong = int((unreadable | ~values.is_in([0.0, 1.0]).fill_null(value=True)).sum())
    if wrong:
        raise ValueError(
            f"defaulted: {_times(wrong)} neither 0 nor 1; write 1 for a default, 0 for none, nothing for "
            "undecided"
        )
    return values.cast(pl.Int8)


def _known_at(outcomes: pl.DataFrame) -> pl.Series:
    if KNOWN_AT not in outcomes.columns:
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, outcomes.height)
    moments, _, unreadable = read(outcomes[KNOWN_AT], times)
    _refuse(KNOWN_AT, "unreadable", int(unreadable.sum()))
    return moments


def _whole(name: str, cells: Cells, reader: Reader) -> pl.Series:
    values, missing, unreadable = read(cells, reader)
    _refuse(name, "missing", int(missing.sum()))
    _refuse(name, "unreadable", int(unreadable.sum()))
    return values.alias(name)


def _refuse(name: str, problem: str, count: int) -> None:
    if count:
        raise ValueError(f"{name}: {_times(count)} {problem} in the outcomes; correct or remove those rows")


def _distinct(decisions: pl.DataFrame) -> pl.DataFrame:
    """One row per decision, its first, with the latest of the times its outcome was known at."""
    identity = [name for name in decisions.columns if name not in {"bad", "known_at"}]
    contradicted = decisions.filter(pl.col("bad").n_unique().over(identity) > 1).height
    if contradicted:
        raise ValueError(
            f"(CustomerId, as_of): {_times(contradicted)} repeated with a different defaulted; keep "
            "one row per decision, or a column that tells the decisions apart"
        )
    latest = decisions.with_columns(pl.col("known_at").max().over(identity))
    return latest.unique(identity, keep="first", maintain_order=True)


def _times(count: int) -> str:
    return f"{count} row is" if count == 1 else f"{count} rows are"
