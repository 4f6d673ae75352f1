"""A program says what Polars says, to the last bit."""

from datetime import datetime

import polars as pl
from hypothesis import given
from test_features import AS_OF, CATALOGUE, DECISIONS, tables

from credit_model.catalogue import Catalogue
from credit_model.decisions import Attribute
from credit_model.features import FeaturePlan
from credit_model.history import history
from credit_model.program import Program, translate
from credit_model.row_functions import Value, coded
from credit_model.transactions import tidy_table

ATTRIBUTES = (
    Attribute("loan_amount", "number"),
    Attribute("income", "number"),
    Attribute("hour", "category"),
)
EVERYTHING = Catalogue(60, CATALOGUE.levels, ATTRIBUTES)
APPLICATION = {"loan_amount": 500.0, "income": float("nan"), "hour": "late"}


def program(catalogue: Catalogue = EVERYTHING) -> Program:
    found = FeaturePlan(catalogue, tuple(catalogue.features)).program
    assert found is not None
    return found


def given_by(known: pl.DataFrame, moment: datetime) -> dict[str, object]:
    columns = {
        column.name: coded(column.to_list()) if column.dtype == pl.String else column.to_physical().to_numpy()
        for column in known
    }
    return columns | APPLICATION | {"as_of": (moment - datetime(1970, 1, 1)).total_seconds() * 1e6}


def without_nan(value: Value) -> Value:
    return None if value != value else value  # noqa: PLR0124, NaN is null


@given(raw=tables)
def test_every_feature_is_polars_own(raw: pl.DataFrame) -> None:
    plan = FeaturePlan(EVERYTHING, tuple(EVERYTHING.features))
    for place in range(DECISIONS.height):
        one = DECISIONS.slice(place, 1).with_columns(loan_amount=500.0, income=None, hour=pl.lit("late"))
        known = history(tidy_table(raw), one.cast({"income": pl.Float64}), EVERYTHING.history_days).frame
        if known.height:
            features = program().run(given_by(known, AS_OF))
            expected = plan.compute(known, one.cast({"income": pl.Float64})).row(0, named=True)
            assert {name: without_nan(value) for name, value in features.items()} == expected


def test_what_the_translation_does_not_know_is_left_to_polars() -> None:
    assert translate([], [pl.col("Amount").kurtosis().alias("kurtosis")], [pl.col("kurtosis")]) is None
    assert translate([], [pl.col("Amount").sum().alias("total")], [pl.col("total")]) is not None


def test_what_is_said_twice_is_computed_once() -> None:
    both = [pl.col("Amount").sum().alias("one"), (pl.col("Amount").sum() * 2.0).alias("two")]
    alone = translate([], both[:1], [pl.col("one")])
    found = translate([], both, [pl.col("one"), pl.col("two")])
    assert alone is not None
    assert found is not None
    assert len(found.steps) == len(alone.steps) + 1
