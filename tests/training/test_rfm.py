"""Recency, frequency and monetary value against a plain loop, and what must not change them."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model.data.transactions import SCHEMA, Tidy, tidy_table
from credit_model.training.rfm import outcome_rfm, rfm

AS_OF = datetime(2019, 1, 14, 10, 1, 28)
DAY = timedelta(days=1)
DAYS = 30

Row = dict[str, object]

row = st.fixed_dictionaries(
    {
        "CustomerId": st.sampled_from(["a", "b", "c"]),
        "TransactionStartTime": st.one_of(
            st.integers(-40 * 1440, 40 * 1440).map(lambda minutes: AS_OF + timedelta(minutes=minutes)),
            st.sampled_from([-DAYS, 0, DAYS]).map(lambda days: AS_OF + days * DAY),
        ),
        "Amount": st.one_of(st.integers(-5_000, 5_000).map(float), st.floats(-1e6, 1e6)),
    }
)
rows = st.lists(row, max_size=25)
DECISIONS = pl.DataFrame(
    {"CustomerId": ["b", "a", "silent", "a"], "as_of": [AS_OF, AS_OF, AS_OF, AS_OF + 7 * DAY]}
)


def table(transactions: list[Row]) -> Tidy:
    raw = [{"TransactionId": f"t{n}"} | transaction for n, transaction in enumerate(transactions)]
    schema = {
        name: SCHEMA[name] for name in ("TransactionId", "CustomerId", "TransactionStartTime", "Amount")
    }
    return tidy_table(pl.DataFrame(raw, schema=schema))


def by_loop(transactions: list[Row], customer: str, end: datetime) -> dict[str, float | None]:
    ago, amounts = [], []
    for each in transactions:
        moment, amount = each["TransactionStartTime"], each["Amount"]
        assert isinstance(moment, datetime)
        assert isinstance(amount, float)
        if each["CustomerId"] == customer and end - DAYS * DAY <= moment < end:
            ago.append((end - moment) / DAY)
            amounts.append(amount)
    return {
        "recency": min(ago, default=None),
        "tenure": max(ago, default=None),
        "frequency": len(ago),
        "active_days": len({int(days) for days in ago}),
        "monetary": sum(map(abs, amounts)),
        "net": sum(amounts),
    }


@settings(deadline=None, max_examples=40)
@given(rows)
def test_every_measure_is_what_a_loop_over_transactions_gives(transactions: list[Row]) -> None:
    loop = [by_loop(transactions, customer, moment) for customer, moment in DECISIONS.iter_rows()]
    expected = pl.DataFrame(loop, schema=dict.fromkeys(loop[0], pl.Float64))
    assert_frame_equal(rfm(table(transactions), DECISIONS, DAYS), expected, rel_tol=1e-12, abs_tol=1e-6)


@settings(deadline=None, max_examples=40)
@given(rows)
def test_the_outcome_window_starts_at_the_decision_and_is_measured_at_its_end(
    transactions: list[Row],
) -> None:
    loop = [
        by_loop(transactions, customer, moment + DAYS * DAY) for customer, moment in DECISIONS.iter_rows()
    ]
    expected = pl.DataFrame(loop, schema=dict.fromkeys(loop[0], pl.Float64))
    measured = outcome_rfm(table(transactions), DECISIONS, DAYS)
    assert_frame_equal(measured, expected, rel_tol=1e-12, abs_tol=1e-6)


@settings(deadline=None, max_examples=40)
@given(rows, st.integers(0, 1000))
def test_the_order_of_rows_changes_no_digit(transactions: list[Row], seed: int) -> None:
    frame = table(transactions).frame
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed)
    assert rfm(Tidy(shuffled, table([]).faults), DECISIONS, DAYS).equals(
        rfm(table(transactions), DECISIONS, DAYS)
    )


@settings(deadline=None, max_examples=40)
@given(rows, rows)
def test_transactions_outside_the_window_change_nothing(transactions: list[Row], others: list[Row]) -> None:
    decisions = DECISIONS.head(3)
    before = AS_OF - DAYS * DAY
    moments = ((each, each["TransactionStartTime"]) for each in others)
    outside = [
        each for each, moment in moments if isinstance(moment, datetime) and not before <= moment < AS_OF
    ]
    assert rfm(table(transactions + outside), decisions, DAYS).equals(
        rfm(table(transactions), decisions, DAYS)
    )


@settings(deadline=None, max_examples=40)
@given(rows, st.timedeltas(-1000 * DAY, 1000 * DAY))
def test_shifting_all_times_changes_nothing(transactions: list[Row], shift: timedelta) -> None:
    moment = pl.col("TransactionStartTime") + shift
    shifted = Tidy(table(transactions).frame.with_columns(moment), table([]).faults)
    later = DECISIONS.with_columns(pl.col("as_of") + shift)
    assert rfm(shifted, later, DAYS).equals(rfm(table(transactions), DECISIONS, DAYS))


@settings(deadline=None, max_examples=40)
@given(rows)
def test_a_transaction_sent_twice_counts_once(transactions: list[Row]) -> None:
    once = table(transactions)
    twice = Tidy(pl.concat([once.frame, once.frame]), once.faults)
    assert rfm(twice, DECISIONS, DAYS).equals(rfm(once, DECISIONS, DAYS))


@settings(deadline=None, max_examples=40)
@given(rows)
def test_a_customer_measures_the_same_alone_as_among_others(transactions: list[Row]) -> None:
    whole = rfm(table(transactions), DECISIONS, DAYS)
    for place in range(DECISIONS.height):
        alone = DECISIONS[place : place + 1]
        own = [each for each in transactions if each["CustomerId"] == alone["CustomerId"][0]]
        assert rfm(table(own), alone, DAYS).equals(whole[place : place + 1])


@settings(deadline=None)
@given(st.integers(1, 3999), st.sampled_from([0, 1, 43_200_000_000, 86_399_999_999]))
def test_the_whole_days_of_a_recency_are_exact(days: int, microseconds: int) -> None:
    moment = AS_OF - days * DAY - timedelta(microseconds=microseconds)
    bought: list[Row] = [{"CustomerId": "a", "TransactionStartTime": moment, "Amount": 1.0}]
    recency = rfm(table(bought), DECISIONS[1:2], 4000)["recency"][0]
    assert int(recency) == days
    assert recency == pytest.approx((AS_OF - moment) / DAY, rel=1e-15)
