"""Splits: by time without foreknowledge, by customer without overlap, the same whatever the order of rows."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.training.splits import (
    by_observation_date,
    customer_folds,
    exclusions,
    out_of_customer,
    out_of_time,
)

DAY = timedelta(days=1)
START = datetime(2019, 1, 1)

decision = st.fixed_dictionaries(
    {
        "CustomerId": st.sampled_from([f"c{n}" for n in range(12)]),
        "as_of": st.integers(0, 100).map(lambda days: START + days * DAY),
        "bad": st.sampled_from([0, 0, 1, None]),
        "wait": st.integers(0, 40),
    }
)


def labelled(rows: list[dict[str, object]]) -> pl.DataFrame:
    schema: dict[str, Any] = {
        "CustomerId": pl.String,
        "as_of": pl.Datetime("us"),
        "bad": pl.Int8,
        "wait": pl.Int64,
    }
    known_at = pl.col("as_of") + pl.duration(days="wait")
    return pl.DataFrame(rows, schema=schema).with_columns(known_at=known_at).drop("wait")


decisions = st.lists(decision, min_size=1, max_size=30).map(labelled)
determinate = decisions.filter(lambda table: table["bad"].null_count() < table.height)


@given(decisions, st.integers(0, 100))
def test_what_trains_was_known_before_what_tests_was_decided(table: pl.DataFrame, days: int) -> None:
    start = START + days * DAY
    for row in by_observation_date(table, start).iter_rows(named=True):
        if row["bad"] is None or (row["as_of"] < start < row["known_at"]):
            assert row["part"] == "excluded"
        else:
            assert row["part"] == ("test" if row["as_of"] >= start else "train")


@given(decisions, st.integers(0, 100))
def test_exclusions_count_the_indeterminate_and_the_unknown_yet(table: pl.DataFrame, days: int) -> None:
    start = START + days * DAY
    undecided = table["bad"].null_count()
    early = table.drop_nulls("bad").filter((pl.col("as_of") < start) & (pl.col("known_at") > start)).height
    expected = {"indeterminate": undecided, "unknown yet": early}
    assert exclusions(by_observation_date(table, start)) == {reason: n for reason, n in expected.items() if n}


@given(decisions)
def test_the_test_part_is_the_last_thirty_per_cent_and_their_equals_in_time(table: pl.DataFrame) -> None:
    known = table.drop_nulls("bad")
    if known.is_empty():
        for split in (out_of_time, out_of_customer):
            with pytest.raises(ValueError, match="no decision has a known outcome; give outcomes"):
                split(table)
        return
    tested = out_of_time(table).filter(pl.col("part") == "test")
    first = tested["as_of"].min()
    later = known.filter(pl.col("as_of") > first).height
    assert later < max(round(0.3 * known.height), 1) <= tested.height
    assert tested.height == known.filter(pl.col("as_of") >= first).height


def test_decisions_of_one_moment_leave_nothing_to_train_on() -> None:
    rows = [{"CustomerId": f"c{n}", "as_of": START, "bad": n % 2, "wait": 30} for n in range(50)]
    assert out_of_time(labelled(rows))["part"].unique().to_list() == ["test"]


@given(determinate, st.integers(-5, 5))
def test_a_customer_is_never_on_both_sides(table: pl.DataFrame, seed: int) -> None:
    parted = out_of_customer(table, seed)
    sides = parted.filter(pl.col("part") != "excluded").group_by("CustomerId").agg(pl.col("part").n_unique())
    assert set(sides["part"]) <= {1}
    assert parted.filter(pl.col("part") == "excluded").equals(parted.filter(pl.col("bad").is_null()))
    assert parted.drop("part").equals(table)


def test_a_fifth_of_the_bad_customers_and_a_fifth_of_the_good_ones_test() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"CustomerId": f"c{n}", "as_of": START + int(day) * DAY, "bad": int(n < 50 and day > 30), "wait": 30}
        for n in range(350)
        for day in [*rng.integers(0, 100, 4).tolist(), 90]
    ]
    parted = out_of_customer(labelled(rows))
    customers = parted.group_by("CustomerId").agg(pl.col("bad").max(), pl.col("part").first())
    counts = dict(customers.filter(pl.col("part") == "test")["bad"].value_counts().iter_rows())
    assert counts == {1: 10, 0: 60}
    others = out_of_customer(labelled(rows), seed=43)
    assert not others.equals(parted)


@given(determinate, st.integers(0, 1000))
def test_the_order_of_rows_changes_no_part_and_no_fold(table: pl.DataFrame, seed: int) -> None:
    numbered = table.with_row_index("place")
    shuffled = numbered.sample(fraction=1.0, shuffle=True, seed=seed)
    assert out_of_customer(shuffled).sort("place").equals(out_of_customer(numbered))
    assert (
        by_observation_date(shuffled, START + 50 * DAY)
        .sort("place")
        .equals(by_observation_date(numbered, START + 50 * DAY))
    )
    folds = shuffled.with_columns(customer_folds(shuffled["CustomerId"])).sort("place")["fold"]
    assert folds.equals(customer_folds(table["CustomerId"]))


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=20), st.integers(2, 10), st.integers(-(2**64), 2**64))
def test_a_customers_fold_does_not_depend_on_the_others(names: list[str], folds: int, seed: int) -> None:
    together = customer_folds(pl.Series(names, dtype=pl.String), folds, seed)
    assert set(together) <= set(range(folds))
    alone = [customer_folds(pl.Series([name]), folds, seed)[0] for name in names]
    assert together.to_list() == alone


def test_folds_are_the_same_in_every_release_and_other_with_another_seed() -> None:
    customers = pl.Series([f"CustomerId_{n}" for n in range(1, 9)])
    assert customer_folds(customers, 5, 42).to_list() == [2, 1, 1, 1, 2, 1, 2, 3]
    assert customer_folds(customers, 5, 43).to_list() != customer_folds(customers, 5, 42).to_list()


def test_folds_are_about_equal() -> None:
    sizes = customer_folds(pl.Series([f"CustomerId_{n}" for n in range(5000)])).value_counts()["count"]
    assert sizes.min() > 900  # type: ignore[operator]
    assert sizes.max() < 1100  # type: ignore[operator]


def test_fewer_than_two_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="folds=1: out of customer needs 2 folds or more"):
        customer_folds(pl.Series(["a"]), 1)
