"""Days past due become outcomes: what is bad, what is good, what is not known yet, what is refused."""

from datetime import date, datetime, timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model.data.outcomes import observed
from credit_model.data.past_due import IMMATURE, UNFOLLOWED, outcomes, read_past_due, state
from past_due import drawn, late_loans, table_of

WINDOW = 60


def states(rows: list[tuple[int, int, float]], bad_days: int = 30, window: int = WINDOW) -> list[str]:
    return state(read_past_due(table_of(rows)), bad_days, window).to_list()


def test_bad_is_who_reaches_the_days_within_the_window_its_last_day_included() -> None:
    assert states([(0, 60, 30), (0, 61, 0)]) == ["bad"]
    assert states([(0, 60, 29), (0, 61, 30)]) == ["good"]
    assert states([(0, 20, 35), (0, 40, 0), (0, 70, 0)]) == ["bad"]


def test_a_loan_that_was_not_followed_to_the_end_of_its_window_is_not_good() -> None:
    followed, left, unseen = [(0, 30, 0), (0, 90, 0)], [(1, 30, 0)], [(2, 70, 0)]
    assert states([*followed, *left, *unseen]) == ["good", UNFOLLOWED, UNFOLLOWED]
    assert states([*followed, (1, 30, 40)])[1] == "bad"


def test_a_decision_whose_window_is_not_over_is_not_known_even_if_it_is_bad_already() -> None:
    assert states([(0, 60, 0), (1, 35, 31)]) == ["good", IMMATURE]
    assert states([(0, 60, 0), (0, 77, 0), (1, 35, 31)]) == ["good", "bad"]


def test_a_repaid_loan_owes_nothing_for_the_rest_of_its_window() -> None:
    rows = table_of([(0, 30, 0), (1, 90, 0), (1, 20, 0)])
    repaid = rows.with_columns(repaid_at=pl.when(CustomerId="c0").then(pl.lit("2021-01-31")))
    assert state(read_past_due(rows), 30, WINDOW).to_list() == [UNFOLLOWED, "good"]
    assert state(read_past_due(repaid), 30, WINDOW).to_list() == ["good", "good"]


def test_outcomes_of_days_past_due_are_read_like_any_others() -> None:
    found = read_past_due(late_loans())
    labels = observed(outcomes(found, 90, 180), 180)
    counts = state(found, 90, 180).value_counts().rows()
    assert dict(counts)["bad"] == labels.decisions["bad"].sum() > 0
    assert labels.left_out["indeterminate"] == dict(counts)[IMMATURE] + dict(counts)[UNFOLLOWED]
    assert (labels.decisions["known_at"] - labels.decisions["as_of"]).unique().to_list() == [
        timedelta(days=180)
    ]
    assert labels.decisions["loan_amount"].n_unique() == labels.decisions.height
    assert "repaid_at" not in labels.decisions.columns


@settings(max_examples=40, deadline=None)
@given(drawn, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(table: pl.DataFrame, lot: Random) -> None:
    order = list(range(table.height))
    lot.shuffle(order)
    found, shuffled = read_past_due(table), read_past_due(table[order])
    assert_frame_equal(outcomes(shuffled, 30, WINDOW), outcomes(found, 30, WINDOW))
    assert_frame_equal(shuffled.rows, found.rows)


@settings(max_examples=40, deadline=None)
@given(drawn, st.integers(1, 120), st.integers(1, 120))
def test_more_bad_days_never_add_bads(table: pl.DataFrame, one: int, other: int) -> None:
    found, (few, many) = read_past_due(table), sorted((one, other))
    late, later = (state(found, days, 120) == "bad" for days in (few, many))
    assert not (later & ~late).any()


@settings(max_examples=40, deadline=None)
@given(drawn, drawn)
def test_what_comes_after_the_window_changes_no_known_outcome(
    table: pl.DataFrame, more: pl.DataFrame
) -> None:
    """Once every window is over; a later row can only make known what was not."""
    over = pl.DataFrame({"CustomerId": ["last"], "as_of": table["as_of"].min(), "days_past_due": 0.0})
    over = over.with_columns(observed_at=pl.lit(date(2022, 1, 1)))
    after = more.with_columns(pl.col("observed_at") + timedelta(days=WINDOW + 131)).filter(
        pl.col("CustomerId").is_in(table["CustomerId"].implode())
    )
    whole = pl.concat([table, over.select(table.columns)])
    before = read_past_due(whole)
    joined = read_past_due(
        pl.concat([whole, after]).unique(["CustomerId", "as_of", "observed_at"], keep="first")
    )
    known, now = (state(found, 30, WINDOW) for found in (before, joined))
    settled = known.is_in(["bad", "good"])
    assert known.filter(settled).to_list() == now.filter(settled).to_list()
    assert "bad" not in now.filter(~settled).to_list()


def test_columns_that_change_within_a_loan_are_left_out_and_named() -> None:
    rows = late_loans().with_columns(balance=pl.col("days_past_due") * 2)
    found = read_past_due(rows)
    assert found.changing == ("balance",)
    assert "balance" not in found.loans.columns


def test_two_loans_of_one_moment_are_told_apart_by_their_number() -> None:
    rows = table_of([(0, 30, 0), (0, 70, 0)])
    both = pl.concat(
        [rows.with_columns(LoanId=pl.lit("a")), rows.with_columns(LoanId=pl.lit("b"), days_past_due=40.0)]
    )
    assert state(read_past_due(both), 30, WINDOW).to_list() == ["good", "bad"]
    with pytest.raises(ValueError, match=r"2 rows are repeated with other days_past_due; keep .* LoanId"):
        read_past_due(both.drop("LoanId"))


def test_what_is_sent_twice_or_was_not_seen_counts_once_or_not() -> None:
    rows = table_of([(0, 30, 0), (0, 70, 40)])
    twice = pl.concat(
        [rows, rows, rows.with_columns(pl.lit(date(2021, 2, 2)).alias("observed_at"), days_past_due=None)]
    )
    found = read_past_due(twice)
    assert found.left_out == {"empty": 2, "repeated": 2}
    assert_frame_equal(found.rows, read_past_due(rows).rows)


ROWS = table_of([(0, 30, 0), (0, 70, 40), (1, 5, 0)])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            ROWS.drop("observed_at"),
            r"lacks observed_at \(found: CustomerId, as_of, days_past_due\); name the columns",
        ),
        (
            ROWS.with_columns(days_past_due=pl.Series([0, -3, -1])),
            r"days_past_due: 2 rows are negative \(the first: row 2\); write 0 for a loan",
        ),
        (
            ROWS.with_columns(days_past_due=pl.Series(["0", "late", "1"])),
            r"days_past_due: 1 row is no numbers \(the first: row 2\); write days",
        ),
        (
            ROWS.with_columns(observed_at=pl.lit(datetime(2021, 1, 2))),
            r"observed_at: 1 row is before as_of \(the first: row 3\); a loan is observed after its decision",
        ),
        (
            ROWS.with_columns(repaid_at=pl.lit("2020-12-31")),
            r"repaid_at: 3 rows are before as_of \(the first: row 1\); a loan is repaid after its decision",
        ),
        (ROWS.with_columns(observed_at=None), "observed_at: 3 rows are missing in the outcomes"),
        (
            ROWS.with_columns(days_past_due=None),
            "days_past_due: no row has a number; give rows of loans that were seen",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(table: pl.DataFrame, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_past_due(table)
