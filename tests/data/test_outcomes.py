"""Real outcomes: what is read, what is left out, what is refused."""

from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model.data.outcomes import counted, observed

DAY = timedelta(days=1)
AS_OF = datetime(2019, 3, 1, 12)
OUTCOMES = pl.DataFrame(
    {
        "CustomerId": ["a", "b", "a", "c"],
        "as_of": [AS_OF, AS_OF, AS_OF + DAY, AS_OF + 2 * DAY],
        "defaulted": [0, 1, None, 1],
        "loan_amount": [100.0, 50.0, 70.0, None],
    }
)

defaults = st.lists(st.sampled_from([0, 1, None]), min_size=1, max_size=8)


def table(defaulted: list[int | None]) -> pl.DataFrame:
    rows = range(len(defaulted))
    return pl.DataFrame(
        {
            "CustomerId": [f"c{row}" for row in rows],
            "as_of": [AS_OF + row * DAY for row in rows],
            "defaulted": pl.Series(defaulted, dtype=pl.Int64),
        }
    )


def test_outcomes_become_labels_in_order_and_the_indeterminate_are_counted_and_left_out() -> None:
    labels = observed(OUTCOMES, 30)
    expected = pl.DataFrame(
        {
            "CustomerId": ["a", "b", "c"],
            "as_of": [AS_OF, AS_OF, AS_OF + 2 * DAY],
            "loan_amount": [100.0, 50.0, None],
            "bad": pl.Series([0, 1, 1], dtype=pl.Int8),
            "known_at": [AS_OF + 30 * DAY, AS_OF + 30 * DAY, AS_OF + 32 * DAY],
        }
    )
    assert_frame_equal(labels.decisions, expected)
    assert labels.left_out == {"indeterminate": 1, "repeated": 0}
    assert (labels.target, labels.leaking) == ("observed_default", False)


@settings(deadline=None)
@given(
    defaults,
    st.sampled_from(
        [
            lambda value: value,
            lambda value: None if value is None else bool(value),
            lambda value: None if value is None else float(value),
            lambda value: float("nan") if value is None else float(value),
            lambda value: "" if value is None else f" {value} ",
            lambda value: "" if value is None else f"{value}.0",
            lambda value: None if value is None else f" {bool(value)}".upper(),
        ]
    ),
)
def test_defaulted_reads_alike_as_number_boolean_and_text(
    values: list[int | None], spelling: Callable[[int | None], object]
) -> None:
    plain = table(values)
    spelled = plain.with_columns(pl.Series("defaulted", [spelling(value) for value in values]))
    assert_frame_equal(observed(spelled, 30).decisions, observed(plain, 30).decisions)


def test_times_read_as_text_and_customers_as_numbers() -> None:
    texts = OUTCOMES.with_columns(
        pl.col("as_of").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), CustomerId=pl.Series([1, 2, 1, 3])
    )
    decisions = observed(texts, 30).decisions
    assert decisions["as_of"].equals(observed(OUTCOMES, 30).decisions["as_of"])
    assert decisions["CustomerId"].to_list() == ["1", "2", "3"]


def test_an_outcome_is_known_when_the_table_says_so_else_after_the_outcome_window() -> None:
    known = OUTCOMES.with_columns(
        outcome_known_at=pl.Series([AS_OF + 5 * DAY, None, None, AS_OF + 400 * DAY])
    )
    labels = observed(known, 30)
    assert labels.decisions["known_at"].to_list() == [AS_OF + 5 * DAY, AS_OF + 30 * DAY, AS_OF + 400 * DAY]
    assert "outcome_known_at" not in labels.decisions.columns


def test_a_decision_given_twice_counts_once_and_two_loans_at_one_moment_are_two() -> None:
    twice = observed(pl.concat([OUTCOMES, OUTCOMES.head(2)]), 30)
    assert_frame_equal(twice.decisions, observed(OUTCOMES, 30).decisions)
    assert twice.left_out == {"indeterminate": 1, "repeated": 2}
    other_loan = OUTCOMES.head(1).with_columns(defaulted=pl.lit(1, pl.Int64), loan_amount=pl.lit(1.0))
    assert observed(pl.concat([OUTCOMES, other_loan]), 30).decisions["bad"].to_list() == [0, 1, 1, 1]


def test_of_a_repeated_decision_the_latest_time_at_which_it_was_known_counts() -> None:
    twice = pl.concat([OUTCOMES.head(1)] * 2).with_columns(
        outcome_known_at=pl.Series([AS_OF + 9 * DAY, AS_OF + 60 * DAY])
    )
    assert observed(twice, 30).decisions["known_at"].to_list() == [AS_OF + 60 * DAY]


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        (
            OUTCOMES.drop("defaulted"),
            r"outcomes lack defaulted \(found: CustomerId, as_of, loan_amount\); name",
        ),
        (
            OUTCOMES.with_columns(defaulted=pl.Series([0, 2, -1, 1])),
            r"defaulted: 2 rows are neither 0 nor 1 \(the first: row 2\); write 1 .* bad_values=yes,charged off",
        ),
        (
            OUTCOMES.with_columns(defaulted=pl.Series(["0", "paid", "", "1"])),
            r"defaulted: 1 row is neither 0 nor 1",
        ),
        (
            OUTCOMES.with_columns(defaulted=pl.Series([0.0, 0.5, 1.0, 1.0])),
            r"defaulted: 1 row is neither 0 nor 1",
        ),
        (OUTCOMES.with_columns(as_of=pl.Series(["x", "y", "2019-03-01", ""])), r"as_of: 1 row is missing"),
        (
            OUTCOMES.with_columns(as_of=pl.Series(["x", "y", "2019-03-01", "z"])),
            r"as_of: 3 rows are unreadable .* as ISO-8601 times .* \(the first: row 1\); .* date_format=%d",
        ),
        (OUTCOMES.with_columns(CustomerId=pl.Series(["a", None, "a", "c"])), r"CustomerId: 1 row is missing"),
        (
            OUTCOMES.with_columns(outcome_known_at=pl.Series(["soon"] * 4)),
            r"outcome_known_at: 4 rows are unreadable",
        ),
        (
            OUTCOMES.with_columns(outcome_known_at=pl.col("as_of") - DAY),
            r"outcome_known_at: 4 rows are before as_of \(the first: row 1\); an outcome is known after its decision",
        ),
        (
            pl.concat([OUTCOMES, OUTCOMES.head(1).with_columns(defaulted=pl.lit(1, pl.Int64))]),
            r"\(CustomerId, as_of\): 2 rows are repeated with a different defaulted; keep one row",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_column_and_count(outcomes: pl.DataFrame, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        observed(outcomes, 30)


def worded(words: list[object]) -> pl.DataFrame:
    return OUTCOMES.with_columns(defaulted=pl.Series(words))


def test_named_values_are_bad_and_every_other_one_is_good() -> None:
    spelled = worded([" Charged OFF ", "paid", "", "YES"])
    labels = observed(spelled, 30, ("yes", "charged off"))
    assert labels.decisions["bad"].to_list() == [1, 0, 1]
    assert labels.left_out["indeterminate"] == 1
    assert counted(spelled["defaulted"], ("yes", "charged off")) == {"yes": 1, "charged off": 1}
    assert observed(worded([3, 2, None, 1]), 30, ("2", "3")).decisions["bad"].to_list() == [1, 1, 0]
    assert observed(worded([True, False, None, True]), 30, ("true",)).decisions["bad"].to_list() == [1, 0, 1]


def test_named_values_none_of_which_occurs_are_refused() -> None:
    cells = worded(["charged off", "secret", None, "yes"])
    with pytest.raises(
        ValueError, match="bad_values: 'charged of' occurs in no row of defaulted; check"
    ) as fault:
        observed(cells, 30, ("charged of",))
    assert "secret" not in str(fault.value)
    assert counted(cells["defaulted"], ("yes", "charged of")) == {"yes": 1, "charged of": 0}


def test_a_row_is_named_by_its_file() -> None:
    late = OUTCOMES.with_columns(as_of=pl.Series(["2019-03-01", "2019-03-01", "x", "2019-03-01"]))
    with pytest.raises(ValueError, match=r"as_of: 1 row is unreadable .*\(the first: cell of row 2\)"):
        observed(late, 30, place=lambda number: f"cell of row {number}")


@settings(deadline=None)
@given(defaults, st.integers(0, 1000))
def test_the_order_of_rows_changes_no_label(values: list[int | None], seed: int) -> None:
    plain = table(values)
    shuffled = plain.sample(fraction=1.0, shuffle=True, seed=seed)
    assert_frame_equal(observed(shuffled, 30).decisions.sort("as_of"), observed(plain, 30).decisions)


def test_columns_of_any_name_are_kept() -> None:
    named = OUTCOMES.with_columns(outcomes=pl.lit("x"), part=pl.lit(1))
    assert observed(named, 30).decisions.select("outcomes", "part").row(0) == ("x", 1)
