"""Rolling observation dates: past moments whose customers are labelled by what they did afterwards.

Each has a full observation window (history) before it and a full performance window (outcome) after it. The latest is the test
observation date; the outcomes of every training observation date were known by then. The first transaction stands for its whole
day: an observation window that begins up to one day before it is still full.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_OUTCOME, LONGEST_HISTORY = 30, 90
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class ObservationDates:
    """The observation dates to train on and the one to test at, in UTC.

    Attributes:
        history_days: length of the observation window before each date, in days.
        outcome_days: length of the performance window after it, in days.
        train: training observation dates, earliest first, at least one.
        test: the test observation date.
    """

    history_days: int
    outcome_days: int
    train: tuple[datetime, ...]
    test: datetime

    @property
    def all(self) -> tuple[datetime, ...]:
        """Training observation dates, then the test observation date."""
        return (*self.train, self.test)


def automatic_windows(first: datetime, last: datetime) -> tuple[int, int]:
    """Choose ``(history_days, outcome_days)`` for transactions between two times.

    A third of the span each, the outcome at most 30 days and the history at most 90: a month is a lender's
    reporting period, and what a longer span has to spare is worth more as further training observation dates than as a
    longer window. 90 days give 30 and 30 with one training observation date, ten months 90 and 30 with five. There is
    always a training observation date.

    Raises:
        ValueError: the span is shorter than two days.
    """
    third = (last - first + _DAY) // timedelta(days=3)
    if third < 1:
        raise ValueError(
            f"the transactions span {_days(last - first)} days ({first} to {last}): "
            "history, outcome and test need two at least; give more transactions"
        )
    return min(third, LONGEST_HISTORY), min(third, LONGEST_OUTCOME)


def observation_dates(
    first: datetime, last: datetime, history_days: int, outcome_days: int, step_days: int | None = None
) -> ObservationDates:
    """Every observation date whose two windows lie inside the span of the transactions.

    The test observation date is ``last - outcome_days``. Training observation dates step back from ``test - outcome_days`` (so
    that their performance window ends by the test observation date) while a full observation window fits.

    Args:
        first: time of the first transaction.
        last: time of the last one.
        history_days: length of the observation window in days, at least 1.
        outcome_days: length of the performance window in days, at least 1.
        step_days: days between training observation dates, at least 1; by default ``outcome_days``, so that their
            performance windows do not overlap.

    Raises:
        ValueError: a length is below 1, or no training observation date fits.
    """
    step_days = outcome_days if step_days is None else step_days
    if min(history_days, outcome_days, step_days) < 1:
        raise ValueError(
            f"history_days={history_days}, outcome_days={outcome_days}, step_days={step_days}: "
            "each must be 1 or more"
        )
    outcome, step = timedelta(days=outcome_days), timedelta(days=step_days)
    room = last - 2 * outcome - timedelta(days=history_days) - first + _DAY
    if room < timedelta(0):
        raise ValueError(
            f"no training observation date fits: the transactions span {_days(last - first)} days ({first} to {last}), "
            f"but a history of {history_days} days and two performance windows of {outcome_days} (training, then "
            f"test) need {history_days + 2 * outcome_days - 1}; lower history_days or outcome_days, or give "
            "more transactions"
        )
    latest = last - 2 * outcome
    train = tuple(latest - back * step for back in range(room // step, -1, -1))
    return ObservationDates(history_days, outcome_days, train, last - outcome)


def observation_date_of(
    snapshot: datetime, first: datetime, last: datetime, history_days: int, outcome_days: int
) -> datetime:
    """The observation date whose performance window ends at a snapshot.

    The last transaction stands for its day as the first one does: a window may end up to one day after it.

    Args:
        snapshot: end of the performance window.
        first: time of the first transaction.
        last: time of the last one.
        history_days: length of the observation window.
        outcome_days: length of the performance window.

    Raises:
        ValueError: the transactions do not cover both windows.
    """
    earliest, latest = first - _DAY + timedelta(days=history_days + outcome_days), last + _DAY
    if not earliest <= snapshot <= latest:
        whole = (earliest + timedelta(microseconds=999_999)).replace(microsecond=0)
        raise ValueError(
            f"snapshot: the transactions run from {first} to {last}, and a history of {history_days} days and an outcome "
            f"of {outcome_days} must lie within them; give a time from {whole:%Y-%m-%dT%H:%M:%S} to "
            f"{latest:%Y-%m-%dT%H:%M:%S}"
        )
    return snapshot - timedelta(days=outcome_days)


def _days(span: timedelta) -> str:
    return f"{span / _DAY:.1f}"
