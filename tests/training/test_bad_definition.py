"""Roll rates, vintages, maturity and cures are what SQL counts; what is not known yet is not counted."""

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from credit_model.data.past_due import PastDue, read_past_due
from credit_model.training.bad_definition import (
    BUCKETS,
    THRESHOLDS,
    bad_definition,
    choices,
    cures,
    maturity,
    roll_rates,
    rolled,
    vintages,
)
from past_due import drawn, late_loans, table_of

BUCKET = """case when {0} < 1 then '0' when {0} < 30 then '1-29' when {0} < 60 then '30-59' when {0} < 90 then '60-89'
            else '90+' end"""
SEEN = """
  with looks as (select * replace (observed_at::date as observed_at) from t), ends as (select max(observed_at) as e from looks),
  loans as (
    select CustomerId, LoanId, as_of, max(repaid_at)::date as repaid_at, max(observed_at) as last from looks group by all
  ), rows as (
    select l.CustomerId, l.LoanId, l.as_of::date as decided, observed_at as seen, days_past_due as late,
           observed_at - l.as_of::date as day from looks l
    union all
    select CustomerId, LoanId, as_of::date, repaid_at, 0, repaid_at - as_of::date from loans where repaid_at is not null
  ), known as (
    select LoanId, CustomerId, as_of::date as decided, repaid_at is not null as repaid,
           case when repaid_at is null then last else e end - as_of::date as followed from loans, ends
  )
"""


def sql(query: str, table: pl.DataFrame) -> pl.DataFrame:
    with duckdb.connect() as engine:
        engine.register("t", table.to_arrow())
        return pl.DataFrame(engine.sql(SEEN + query).pl())


def whole(table: pl.DataFrame) -> pl.DataFrame:
    """With the columns that drawn tables lack."""
    return table.with_columns(LoanId=pl.lit("l"), repaid_at=pl.lit(None, pl.Date))


def rolls_of(table: pl.DataFrame, window: int) -> pl.DataFrame:
    return sql(
        f"""
        , worst as (
          select CustomerId, LoanId, decided, greatest(ceil(day / {window}), 1) as w, max(late) as late from rows group by all
        ), pairs as (
          select a.late as a, coalesce(b.late, case when repaid then 0 end) as b
          from worst a join known k using (CustomerId, LoanId, decided)
          left join worst b on (a.CustomerId, a.LoanId, a.decided, a.w + 1) = (b.CustomerId, b.LoanId, b.decided, b.w)
          where (a.w + 1) * {window} <= followed
        )
        select {BUCKET.format("a")} as worst, {BUCKET.format("b")} as next, count(*) as pairs
        from pairs where b is not null group by all order by all
        """,
        table,
    )


def counted(rolls: pl.DataFrame) -> list[tuple[object, ...]]:
    return rolls.filter(pl.col("pairs") > 0).select("worst", "next", "pairs").sort("worst", "next").rows()


@pytest.mark.parametrize("window", [30, 90])
def test_roll_rates_are_those_of_sql(window: int) -> None:
    table = late_loans()
    rolls = roll_rates(read_past_due(table), window)
    assert counted(rolls) == rolls_of(table, window).rows() != []
    sums = rolls.group_by("worst").agg(pl.col("share").sum()).drop_nulls()
    assert sums["share"].round(9).eq(1).all()


@settings(max_examples=15, deadline=None)
@given(drawn)
def test_roll_rates_of_any_table_are_those_of_sql(table: pl.DataFrame) -> None:
    assert counted(roll_rates(read_past_due(table), 30)) == rolls_of(whole(table), 30).rows()


def test_a_roll_rate_is_the_share_that_got_worse_or_stayed_latest() -> None:
    rows = [(0, 20, 0), (0, 40, 15), (1, 20, 40), (1, 40, 0), (2, 20, 95), (2, 50, 120)]
    ends = [(loan, 60, 0) for loan in range(3)]
    rates = rolled(roll_rates(read_past_due(table_of([*rows, *ends])), 30))
    assert dict(rates.select("worst", "roll_rate").iter_rows()) == dict(
        zip(BUCKETS.values(), (1.0, None, 0.0, None, 1.0), strict=True)
    )


def test_a_loan_that_is_lost_sight_of_makes_no_pair() -> None:
    followed = [(0, 20, 0), (0, 40, 0), (0, 60, 0)]
    assert roll_rates(read_past_due(table_of(followed)), 30)["pairs"].sum() == 1
    assert roll_rates(read_past_due(table_of(followed[:2])), 30)["pairs"].sum() == 0


def test_vintages_are_those_of_sql() -> None:
    table = late_loans()
    ours = vintages(read_past_due(table))
    for days in THRESHOLDS:
        theirs = sql(
            f"""
            , reached as (
              select CustomerId, LoanId, decided, min(seen) as seen from rows where late >= {days} group by all
            ), named as (
              select *, year(decided) || ' Q' || quarter(decided) as vintage from known
            ), vintages as (
              select vintage, count(*) as loans, date_diff('month', max(decided), (select e from ends)) as months
              from named group by vintage
            ), grid as (select vintage, loans, unnest(range(months + 1)) as month from vintages)
            select g.vintage, g.loans, {days} as days, g.month,
                   count(seen) filter (date_diff('month', decided, seen) <= g.month) / g.loans as share
            from grid g join named using (vintage) left join reached using (CustomerId, LoanId, decided)
            group by g.vintage, g.loans, g.month order by g.vintage, g.month
            """,
            table,
        )
        mine = ours.filter(days=days)
        assert_frame_equal(mine, theirs.cast(dict(mine.schema)))  # type: ignore[arg-type]
    assert ours.select(pl.col("share").diff().over("vintage", "days").fill_null(0).min()).item() >= 0


def test_maturity_choices_and_cures_count_the_same_bads() -> None:
    found = read_past_due(late_loans())
    table, curve = choices(found, (90, 180, 270)), maturity(found, 270)
    for days in THRESHOLDS:
        own = table.filter(bad_days=days)
        assert own["share_of_bads"].is_sorted()
        assert own["share_of_bads"][-1] == 1
        line = curve.filter(days=days)
        assert line["bads"][0] == own["bads"][-1] > 0
        for window, share in own.select("outcome_days", "share_of_bads").iter_rows():
            by = line.filter(pl.col("day") <= window)["share"]
            assert (by[-1] if len(by) else 0.0) == pytest.approx(share)
    assert table.select(
        pl.sum_horizontal("known", "immature", "not_followed")
    ).to_series().unique().to_list() == [400]


def test_a_cure_is_seen_at_0_within_the_window_and_counts_only_where_one_could_be() -> None:
    cured, late, again, young = (
        [(0, 30, 40), (0, 80, 0), (0, 95, 0)],
        [(1, 30, 40), (1, 95, 0)],
        [(2, 20, 0), (2, 30, 40), (2, 95, 60)],
        [(3, 30, 40), (3, 60, 0)],
    )
    table = cures(read_past_due(table_of([*cured, *late, *again, *young])), 60)
    assert table.row(0) == (30, 3, 1, pytest.approx(1 / 3))


@settings(max_examples=10, deadline=None)
@given(drawn)
def test_any_table_has_a_definition(table: pl.DataFrame) -> None:
    found = bad_definition(read_past_due(table))
    assert found.loans == table["CustomerId"].n_unique()
    assert found.choices["bads"].le(found.choices["known"]).all()
    assert found.cures["cured"].le(found.cures["reached"]).all()


def test_the_window_asked_for_is_that_of_the_rolls() -> None:
    found: PastDue = read_past_due(late_loans())
    assert bad_definition(found).window == 90
    asked = bad_definition(found, 77)
    assert (asked.window, 77 in asked.choices["outcome_days"]) == (77, True)
    assert_frame_equal(asked.rolls, roll_rates(found, 77))
