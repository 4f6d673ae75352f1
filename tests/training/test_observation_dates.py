"""Rolling observation dates: as many as the span honestly allows."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.training.observation_dates import automatic_windows, observation_dates

DAY = timedelta(days=1)
FIRST, LAST = datetime(2018, 11, 15, 2, 18, 49), datetime(2019, 2, 13, 10, 1, 28)

spans = st.timedeltas(2 * DAY, 3000 * DAY)
windows = st.integers(1, 120)


def test_the_ninety_days_of_the_published_file_allow_one_training_observation_date_of_thirty_and_thirty() -> (
    None
):
    assert automatic_windows(FIRST, LAST) == (30, 30)
    plan = observation_dates(FIRST, LAST, 30, 30)
    assert plan.train == (LAST - 60 * DAY,)
    assert plan.test == LAST - 30 * DAY
    assert plan.all == (LAST - 60 * DAY, LAST - 30 * DAY)


def test_ten_months_allow_five_training_observation_dates() -> None:
    first, last = datetime(2018, 9, 21, 12, 17, 39), datetime(2019, 7, 17, 5, 34, 45)
    assert automatic_windows(first, last) == (90, 30)
    assert len(observation_dates(first, last, 90, 30).train) == 5


@given(spans)
def test_automatic_windows_always_leave_a_training_observation_date(span: timedelta) -> None:
    history_days, outcome_days = automatic_windows(FIRST, FIRST + span)
    assert observation_dates(FIRST, FIRST + span, history_days, outcome_days).train
    third = (span + DAY) / DAY / 3
    assert history_days <= min(third, 90)
    assert outcome_days <= min(third, 30)


@given(st.timedeltas(0 * DAY, 1000 * DAY), windows, windows, windows)
def test_every_observation_date_has_both_windows_and_no_further_one_would_fit(
    spare: timedelta, history_days: int, outcome_days: int, step_days: int
) -> None:
    last = FIRST + spare + (history_days + 2 * outcome_days - 1) * DAY
    plan = observation_dates(FIRST, last, history_days, outcome_days, step_days)
    assert plan.test + outcome_days * DAY == last
    assert list(plan.train) == sorted(plan.train)
    assert plan.train[-1] + outcome_days * DAY == plan.test
    assert {b - a for a, b in zip(plan.train, plan.train[1:], strict=False)} <= {step_days * DAY}
    earliest = plan.train[0] - history_days * DAY
    assert FIRST - DAY <= earliest < FIRST - DAY + step_days * DAY


@given(windows, windows, st.floats(0, 0.999))
def test_a_span_too_short_is_refused_with_what_it_needs(
    history_days: int, outcome_days: int, share: float
) -> None:
    needed = history_days + 2 * outcome_days - 1
    span = share * needed * DAY
    remedy = rf"no training observation date fits.* need {needed}; lower history_days or outcome_days, or give more"
    with pytest.raises(ValueError, match=remedy):
        observation_dates(FIRST, FIRST + span, history_days, outcome_days)


@given(spans, st.timedeltas(-3000 * DAY, 3000 * DAY))
def test_shifting_all_times_shifts_the_observation_dates(span: timedelta, shift: timedelta) -> None:
    days = automatic_windows(FIRST, FIRST + span)
    assert automatic_windows(FIRST + shift, FIRST + span + shift) == days
    moved = observation_dates(FIRST + shift, FIRST + span + shift, *days)
    assert moved.all == tuple(moment + shift for moment in observation_dates(FIRST, FIRST + span, *days).all)


def test_windows_below_one_day_and_spans_below_two_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"history_days=0, outcome_days=30, step_days=30: each must be 1 or more"
    ):
        observation_dates(FIRST, LAST, 0, 30)
    with pytest.raises(ValueError, match=r"span 1\.5 days .*need two at least; give more transactions"):
        automatic_windows(FIRST, FIRST + 1.5 * DAY)
