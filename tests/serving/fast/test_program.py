"""A program says what Polars says, to the last bit."""

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.transactions import tidy_table
from credit_model.features.expression import Expression, col, when
from credit_model.features.history import history
from credit_model.features.plan import FeaturePlan
from credit_model.serving.fast.kernels import coded
from credit_model.serving.fast.program import Program, translate
from programs import APPLICATION, COLUMN_PLAN, COLUMN_PROGRAM, EVERYTHING, PLAN, PROGRAM, without_nan
from raw_tables import AS_OF, DECISIONS, tables


def given_by(known: pl.DataFrame, moment: datetime) -> dict[str, object]:
    columns: dict[str, object] = {
        column.name: coded(column.to_list()) if column.dtype == pl.String else column.to_physical().to_numpy()
        for column in known
    }
    columns["opening_balance"] = known["opening_balance"][0]
    return columns | APPLICATION | {"as_of": (moment - datetime(1970, 1, 1)).total_seconds() * 1e6}


@pytest.mark.parametrize(("plan", "program"), [(PLAN, PROGRAM), (COLUMN_PLAN, COLUMN_PROGRAM)])
@given(raw=tables, every=st.integers(1, 3))
def test_every_feature_is_polars_own(
    plan: FeaturePlan, program: Program, raw: pl.DataFrame, every: int
) -> None:
    some = pl.int_range(pl.len()) % every == 0
    raw = raw.with_columns(Balance=pl.when(some).then(pl.col("Amount") / 3))
    for place in range(DECISIONS.height):
        one = DECISIONS.slice(place, 1).with_columns(loan_amount=500.0, income=None, hour=pl.lit("late"))
        one = one.cast({"income": pl.Float64})
        known = history(tidy_table(raw), one, EVERYTHING.history_days, opening=True).frame
        if known.height:
            features = program.run(given_by(known, AS_OF))
            expected = plan.compute(known, one).row(0, named=True)
            assert {name: without_nan(value) for name, value in features.items()} == expected


def test_any_method_of_polars_can_be_said_but_is_not_translated() -> None:
    kurtosis = Expression("kurtosis", (col("Amount"),))
    assert kurtosis.to_polars().meta.eq(pl.col("Amount").kurtosis())
    with pytest.raises(KeyError, match="kurtosis"):
        translate([], {"kurtosis": kurtosis}, {"kurtosis": col("kurtosis")})


def test_what_is_said_twice_is_computed_once() -> None:
    total = col("Amount").sum()
    alone = translate([], {"one": total}, {"one": col("one")})
    both = translate([], {"one": total, "two": total * 2.0}, {"one": col("one"), "two": col("two")})
    assert len(both.steps) == len(alone.steps) + 1


def test_constants_that_are_equal_but_not_the_same_stay_apart() -> None:
    features = {"whole": when(col("yes"), 1), "part": when(col("yes"), 1.0), "truth": when(col("yes"), True)}
    found = translate([], {}, features).run({"yes": True})
    assert [type(value) for value in found.values()] == [int, float, bool]
