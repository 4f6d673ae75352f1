"""Tables of days past due: one of loans that go late, and drawn ones for laws."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
from hypothesis import strategies as st

START = datetime(2021, 1, 1, 10)
MONTHS = 20


def table_of(rows: Sequence[tuple[int, int, float]]) -> pl.DataFrame:
    """Of loan, day on book and days past due; loan k was decided about 17 k days after ``START``. The last of a day counts."""
    kept = {(loan, day): late for loan, day, late in rows}
    return pl.DataFrame(
        [
            (f"c{loan}", decided, decided.date() + timedelta(days=day), float(late))
            for (loan, day), late in kept.items()
            for decided in (START + timedelta(days=17 * loan),)
        ],
        schema={
            "CustomerId": pl.String,
            "as_of": pl.Datetime,
            "observed_at": pl.Date,
            "days_past_due": pl.Float64,
        },
        orient="row",
    )


drawn = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, 130), st.sampled_from([0, 1, 12, 29, 30, 45, 60, 89, 90, 130])
    ),
    min_size=1,
    max_size=40,
).map(table_of)


@cache
def late_loans(count: int = 400) -> pl.DataFrame:
    """Monthly rows of loans that go late at different rates, some of which were repaid or are lost sight of."""
    lot, rows = np.random.default_rng(4), []
    looks = [date(2021, 1, 31) + timedelta(days=30 * month) for month in range(MONTHS)]
    for loan in range(count):
        decided = START + timedelta(days=int(lot.integers(0, 30 * (MONTHS - 4))))
        late, rate, term = 0.0, lot.beta(1, 8), int(lot.integers(4, 14))
        seen = [look for look in looks if look >= decided.date()][: term if loan % 3 else MONTHS]
        repaid = seen[-1] if loan % 3 == 1 else None
        for look in seen:
            if late == 0:
                late = float(lot.integers(1, 30)) if lot.random() < rate else 0.0
            else:
                late = late + 30 if lot.random() < 0.6 + 0.2 * (late >= 60) else 0.0
            rows.append(
                (f"c{loan % (count * 3 // 4)}", f"l{loan}", decided, look, late, repaid, 100.0 + loan)
            )
    names = ["CustomerId", "LoanId", "as_of", "observed_at", "days_past_due", "repaid_at", "loan_amount"]
    return pl.DataFrame(rows, schema=names, orient="row")
