"""Days past due: a table of what was seen of loans after their decisions, and the outcomes that follow from it.

Time is counted in calendar days from the day of the decision, because a lender's tables are dated by the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from credit_model.data.cells import numbers, read, texts, times
from credit_model.data.formats import Place, refuse, row
from credit_model.data.outcomes import optional_times, whole_column

DAYS, SEEN_AT, REPAID_AT, LOAN = "days_past_due", "observed_at", "repaid_at", "LoanId"
PAST_DUE_COLUMNS = ("CustomerId", "as_of", SEEN_AT, DAYS)
IMMATURE, UNFOLLOWED = "immature", "not followed to the end of their window"


@dataclass(frozen=True)
class PastDue:
    """Loans, and what was seen of them.

    Attributes:
        loans: one row per loan, in order of time: ``CustomerId``, ``as_of``, ``LoanId`` where the table has it, and the
            columns that are the same in every row of a loan.
        rows: what was seen: ``loan`` (row of ``loans``), ``seen`` (date), ``day`` (days since the decision) and
            ``days_past_due``; a repayment is a row of 0 days.
        followed: for each loan the last day since its decision of which something is known, null where nothing is; a repaid
            loan is followed to the end of the table.
        repaid: whether each loan was repaid.
        end: the last date on which a loan was observed.
        changing: columns that differ between rows of a loan, and are left out.
        left_out: how many rows were left out, by reason.
    """

    loans: pl.DataFrame
    rows: pl.DataFrame
    followed: pl.Series
    repaid: pl.Series
    end: date
    changing: tuple[str, ...]
    left_out: Mapping[str, int]


def read_past_due(table: pl.DataFrame, place: Place = row) -> PastDue:
    """Read a table of days past due.

    Args:
        table: one row per loan and moment: ``CustomerId`` and ``as_of`` (the decision), ``observed_at``, ``days_past_due`` (0 or
            more; empty where the loan was not seen), optionally ``LoanId`` and ``repaid_at``, and columns of the application.
        place: from a row number to its name in an error.

    Returns:
        The loans in an order that does not depend on that of the rows.

    Raises:
        ValueError: a required column is absent, cells of one cannot be used (the message names column, count and the first
            row), or a loan has several days past due at one moment.
    """
    absent = [name for name in PAST_DUE_COLUMNS if name not in table.columns]
    if absent:
        raise ValueError(
            f"the table of days past due lacks {', '.join(absent)} (found: {', '.join(table.columns)}); name the columns that "
            f"hold them, for example columns={SEEN_AT}=snapshot,{DAYS}=dpd"
        )
    named = {name: whole_column(table[name], texts, place) for name in (LOAN,) if name in table.columns}
    typed = table.with_columns(
        whole_column(table["CustomerId"], texts, place),
        whole_column(table["as_of"], times, place),
        whole_column(table[SEEN_AT], times, place),
        _days(table[DAYS], place),
        optional_times(table, REPAID_AT, place).alias(REPAID_AT),
        *named.values(),
    )
    _check_order(typed, place)
    key = ["CustomerId", "as_of", *named]
    seen = typed.drop_nulls(DAYS)
    if seen.is_empty():
        raise ValueError(f"{DAYS}: no row has a number; give rows of loans that were seen")
    distinct = _distinct(seen, key)
    left_out = {"empty": typed.height - seen.height, "repeated": seen.height - distinct.height}
    return _loans(typed, distinct, key, left_out)


def outcomes(past_due: PastDue, bad_days: int, outcome_days: int) -> pl.DataFrame:
    """The table of outcomes, as ``outcomes.observed`` reads it: the loans with ``defaulted``, null where it is not known.

    A loan is bad where its days past due reached ``bad_days`` by the last day of its performance window, and good where they did
    not and it was seen in the window and followed to its end. Neither is known while the window is not over at the end
    of the table: the bads of such decisions show before their goods.

    Args:
        past_due: the loans.
        bad_days: days past due from which a loan is bad.
        outcome_days: length of the performance window in days.
    """
    states = state(past_due, bad_days, outcome_days)
    known = pl.when(states == "bad").then(1).when(states == "good").then(0)
    return past_due.loans.with_columns(known.cast(pl.Int8).alias("defaulted"))


def state(past_due: PastDue, bad_days: int, outcome_days: int) -> pl.Series:
    """What each loan is: ``bad``, ``good``, or why neither is known: ``IMMATURE`` or ``UNFOLLOWED``; arguments as there."""
    worst = past_due.rows.filter(pl.col("day") <= outcome_days).group_by("loan").agg(worst=pl.col(DAYS).max())
    numbered = past_due.loans.select("as_of").with_row_index("loan").with_columns(followed=past_due.followed)
    over = pl.col("as_of").dt.date() + pl.duration(days=outcome_days) <= past_due.end
    known = pl.col("worst").is_not_null() & (pl.col("followed") >= outcome_days)
    named = (
        pl.when(~over)
        .then(pl.lit(IMMATURE))
        .when(pl.col("worst") >= bad_days)
        .then(pl.lit("bad"))
        .when(known)
        .then(pl.lit("good"))
        .otherwise(pl.lit(UNFOLLOWED))
    )
    joined = numbered.join(worst, on="loan", how="left", maintain_order="left")
    return joined.select(named.alias("state")).to_series()


def first_days(past_due: PastDue, bad_days: int) -> pl.DataFrame:
    """When each loan was first seen at least so many days past due: ``loan``, ``day``, ``seen``; without the others."""
    reached = past_due.rows.filter(pl.col(DAYS) >= bad_days).sort("loan", "day", "seen")
    return reached.group_by("loan", maintain_order=True).agg(pl.col("day").first(), pl.col("seen").first())


def _days(cells: pl.Series, place: Place) -> pl.Series:
    values, _, unreadable = read(cells, numbers)
    remedy = "write days, 0 where the loan is not past due, nothing where it was not seen"
    refuse(DAYS, unreadable, "no numbers", remedy, place)
    refuse(
        DAYS,
        (values < 0).fill_null(value=False),
        "negative",
        "write 0 for a loan that is not past due",
        place,
    )
    return values.alias(DAYS)


def _check_order(typed: pl.DataFrame, place: Place) -> None:
    """Nothing is seen of a loan before the day of its decision."""
    decided = typed["as_of"].dt.date()
    for name, what in ((SEEN_AT, "observed"), (REPAID_AT, "repaid")):
        early = (typed[name].dt.date() < decided).fill_null(value=False)
        refuse(name, early, "before as_of", f"a loan is {what} after its decision", place)


def _distinct(seen: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """What was seen once per loan and moment."""
    moment = [*key, SEEN_AT]
    distinct = seen.unique([*moment, DAYS], maintain_order=True)
    again = distinct.height - distinct.unique(moment).height
    if again:
        count = f"{again} row is" if again == 1 else f"{again} rows are"
        raise ValueError(
            f"({', '.join(moment)}): {count} repeated with other {DAYS}; keep one row per loan and moment, or a column {LOAN} "
            "that tells the loans apart"
        )
    return distinct


def _loans(typed: pl.DataFrame, seen: pl.DataFrame, key: list[str], left_out: Mapping[str, int]) -> PastDue:
    others = [name for name in typed.columns if name not in {*key, SEEN_AT, DAYS, REPAID_AT}]
    grouped = typed.group_by(key).agg(pl.col(others).n_unique())
    changing = tuple(name for name in others if grouped[name].max() != 1)
    kept = [name for name in others if name not in changing]
    found = (
        typed.group_by(key).agg(pl.col(kept).first(), pl.col(REPAID_AT).max()).sort(key[1], key[0], *key[2:])
    )
    end = typed[SEEN_AT].dt.date().sort()[-1]
    numbered = found.select(*key, REPAID_AT).with_row_index("loan")
    rows = _rows(seen, numbered, key)
    repaid = found[REPAID_AT].is_not_null().alias("repaid")
    last = numbered.join(
        rows.group_by("loan").agg(pl.col("day").max()), on="loan", how="left", maintain_order="left"
    )
    to_end = (pl.lit(end) - pl.col("as_of").dt.date()).dt.total_days()
    followed = last.select(
        pl.when(pl.col(REPAID_AT).is_not_null()).then(to_end).otherwise("day").alias("followed")
    )
    return PastDue(found.select(*key, *kept), rows, followed.to_series(), repaid, end, changing, left_out)


def _rows(seen: pl.DataFrame, numbered: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """What was seen, and repayments, by loan and day."""
    looks = seen.select(*key, SEEN_AT, DAYS).join(numbered.drop(REPAID_AT), on=list(key))
    repayments = numbered.filter(pl.col(REPAID_AT).is_not_null()).rename({REPAID_AT: SEEN_AT})
    every = pl.concat([looks, repayments.with_columns(pl.lit(0.0).alias(DAYS))], how="diagonal")
    seen_on = pl.col(SEEN_AT).dt.date()
    dated = every.select(
        "loan",
        seen_on.alias("seen"),
        (seen_on - pl.col("as_of").dt.date()).dt.total_days().alias("day"),
        DAYS,
    )
    return dated.sort("loan", "day", DAYS)
