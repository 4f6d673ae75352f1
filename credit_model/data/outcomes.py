"""Real outcomes: from a table that says which decisions defaulted to labelled decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from credit_model.data.cells import Reader, decoded, numbers, read, texts, times
from credit_model.data.formats import SAY_DATE_FORMAT, Place, refuse, row


@dataclass(frozen=True)
class Labels:
    """Labelled decisions and how they came about.

    Attributes:
        decisions: one row per decision: ``CustomerId``, ``as_of``, ``bad`` (1 is bad, 0 good) and ``known_at``, from which
            the label was known, and the table's other columns.
        target: what ``bad`` means: ``rfm_proxy``, ``same_window`` or ``observed_default``.
        leaking: true where the label is made from transactions of the observation window, so that an AUC means nothing.
        left_out: how many decisions were left out, by reason.
    """

    decisions: pl.DataFrame
    target: str
    leaking: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)


OUTCOME_COLUMNS = ("CustomerId", "as_of", "defaulted")
KNOWN_AT, APPROVED = "outcome_known_at", "approved"
_WORDS = {"true": "1", "false": "0"}
_CORRECT = "correct or remove those rows"
_UNREADABLE_TIMES = (
    "unreadable in the outcomes as ISO-8601 times such as 2019-02-13",
    f"{_CORRECT}, or {SAY_DATE_FORMAT}",
)


def observed(
    outcomes: pl.DataFrame, outcome_days: int, bad_values: Sequence[str] = (), place: Place = row
) -> Labels:
    """Read a table of real outcomes.

    Args:
        outcomes: ``CustomerId``, ``as_of`` and ``defaulted`` (1 or true, 0 or false, in numbers or text;
            missing is indeterminate), optionally ``outcome_known_at``; every other column is kept as it is.
            Cells may be of any kind that transactions may have.
        outcome_days: length of the performance window in days: an outcome without ``outcome_known_at`` was known so long
            after ``as_of``.
        bad_values: values of ``defaulted``, in upper or lower case, that mean bad, while every other one means good; without
            any, 1 is bad and 0 is good.
        place: from a row number to its name in an error.

    Returns:
        The labelled decisions in order, without indeterminate and repeated ones, which are counted. Rows that are
        equal in all but ``defaulted`` and ``outcome_known_at`` are one decision; rows that differ elsewhere, such as in the
        loan's number or amount, are several.

    Raises:
        ValueError: a required column is absent, cells of one cannot be used (the message names column, count and the first
            row), rows of one decision differ in ``defaulted``, or none of ``bad_values`` occurs.
    """
    absent = [name for name in OUTCOME_COLUMNS if name not in outcomes.columns]
    if absent:
        raise ValueError(
            f"outcomes lack {', '.join(absent)} (found: {', '.join(outcomes.columns)}); "
            "name the columns that hold them, for example columns=CustomerId=client,defaulted=bad"
        )
    table = outcomes.with_columns(
        whole_column(outcomes["CustomerId"], texts, place),
        whole_column(outcomes["as_of"], times, place),
        bad=_named_bad(outcomes["defaulted"], bad_values)
        if bad_values
        else _bad(outcomes["defaulted"], place),
        known_at=optional_times(outcomes, KNOWN_AT, place),
    )
    table = table.with_columns(pl.col("known_at").fill_null(pl.col("as_of") + timedelta(days=outcome_days)))
    early = table["known_at"] < table["as_of"]
    refuse(KNOWN_AT, early, "before as_of", "an outcome is known after its decision", place)
    determinate = table.drop("defaulted", KNOWN_AT, strict=False).drop_nulls("bad")
    decisions = _distinct(determinate)
    left_out = {
        "indeterminate": table.height - determinate.height,
        "repeated": determinate.height - decisions.height,
    }
    return Labels(decisions, "observed_default", left_out=left_out)


def declined(outcomes: pl.DataFrame, place: Place = row) -> pl.Series:
    """Which rows are of declined applicants, by the column ``approved``: 0 or false; none where the table lacks it.

    Args:
        outcomes: as in ``observed``.
        place: from a row number to its name in an error.

    Raises:
        ValueError: a cell of ``approved`` is neither 1 nor 0, or a declined applicant has an outcome.
    """
    if APPROVED not in outcomes.columns:
        return pl.Series([False]).new_from_index(0, outcomes.height)
    remedy = "write 1 for approved, 0 for declined, nothing where it is not known, or rename what means something else"
    turned_down = (_flags(outcomes[APPROVED], remedy, place) == 0).fill_null(value=False)
    told = ~read(outcomes["defaulted"], texts)[1]
    refuse(
        APPROVED,
        turned_down & told,
        "of declined applicants and have an outcome",
        "nobody knows what would have become of them: leave defaulted empty, or write 1 for who got the loan",
        place,
    )
    return turned_down


def counted(defaulted: pl.Series, bad_values: Sequence[str]) -> dict[str, int]:
    """How many cells hold each of the values that mean bad; case and spaces around them are ignored.

    Raises:
        ValueError: none of them occurs.
    """
    written = _lowered(defaulted)
    counts = {value: int((written == value.strip().lower()).sum()) for value in bad_values}
    if counts and not any(counts.values()):
        names = ", ".join(map(repr, counts))
        raise ValueError(
            f"bad_values: {names} occurs in no row of defaulted; check the spelling, or leave it out"
        )
    return counts


def _named_bad(defaulted: pl.Series, bad_values: Sequence[str]) -> pl.Series:
    return (
        _lowered(defaulted).is_in([value.lower() for value in counted(defaulted, bad_values)]).cast(pl.Int8)
    )


def _lowered(defaulted: pl.Series) -> pl.Series:
    plain = read(defaulted, texts)[0].str.strip_chars().str.to_lowercase()
    return plain.set(plain == "", None)


def _bad(defaulted: pl.Series, place: Place) -> pl.Series:
    remedy = "write 1 for a default, 0 for none, nothing for undecided, or say which values are bad: bad_values=yes,charged off"
    return _flags(defaulted, remedy, place)


def _flags(cells: pl.Series, remedy: str, place: Place) -> pl.Series:
    """1 or 0, in numbers or words; null where missing."""
    name, cells = cells.name, decoded(cells)
    if cells.dtype == pl.Boolean:
        cells = cells.cast(pl.Int8)
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars().str.to_lowercase().replace(_WORDS)
    values, _, unreadable = read(cells, numbers)
    wrong = unreadable | ~values.is_in([0.0, 1.0]).fill_null(value=True)
    refuse(name, wrong, "neither 0 nor 1", remedy, place)
    return values.cast(pl.Int8)


def optional_times(table: pl.DataFrame, name: str, place: Place) -> pl.Series:
    """The times of a column, null where they are missing; all null where the table lacks it.

    Raises:
        ValueError: a cell cannot be read.
    """
    if name not in table.columns:
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, table.height)
    moments, _, unreadable = read(table[name], times)
    refuse(name, unreadable, *_UNREADABLE_TIMES, place)
    return moments


def whole_column(cells: pl.Series, reader: Reader, place: Place) -> pl.Series:
    """A column whose every cell must be there, read.

    Raises:
        ValueError: a cell is missing or cannot be read.
    """
    values, missing, unreadable = read(cells, reader)
    refuse(cells.name, missing, "missing in the outcomes", _CORRECT, place)
    problem = _UNREADABLE_TIMES if reader is times else ("unreadable in the outcomes", _CORRECT)
    refuse(cells.name, unreadable, *problem, place)
    return values.alias(cells.name)


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
