"""What can be learned from: the window, the faults, and what the training part alone may teach."""

from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from credit_model.data.decisions import Attribute
from credit_model.data.transactions import SCHEMA, Tidy, tidy_table
from credit_model.features.plan import FeaturePlan
from credit_model.synthetic import generate
from credit_model.synthetic.constants import START
from credit_model.training.dataset import Dataset, build_dataset, has_balances
from credit_model.training.sample import Recipe

HISTORY = 30
TRAIN, TEST = START + timedelta(days=35), START + timedelta(days=60)
RECIPE = Recipe(HISTORY, "observed_default")
WHEN = pl.col("TransactionStartTime")


@cache
def raw() -> pl.DataFrame:
    return generate.transactions(customers=120, days=70, seed=4)


def decisions() -> pl.DataFrame:
    people = raw()["CustomerId"].unique().sort()
    moments = {"train": TRAIN, "test": TEST}
    return pl.concat(
        pl.DataFrame({"CustomerId": people}).with_columns(
            as_of=pl.lit(moment), bad=(pl.int_range(pl.len()) % 3 == 0).cast(pl.Int8), part=pl.lit(part)
        )
        for part, moment in moments.items()
    )


def prepared(table: pl.DataFrame, *parts: str) -> Dataset:
    return build_dataset(tidy_table(table), decisions(), RECIPE, parts or ("train", "test"))


def copied(moment: datetime) -> pl.DataFrame:
    """One loud transaction of every customer at a moment."""
    rows = raw().unique("CustomerId", keep="first", maintain_order=True)
    return rows.with_columns(
        TransactionStartTime=pl.lit(moment),
        Amount=pl.lit(9e6),
        Value=pl.lit(9_000_000, pl.Int64),
        TransactionId=pl.col("TransactionId") + f" {moment}",
        ProductCategory=pl.lit("never seen"),
    )


@pytest.mark.parametrize(
    "moments",
    [
        [TEST, TEST + timedelta(microseconds=1), TEST + timedelta(days=9)],
        [TRAIN - timedelta(days=HISTORY, microseconds=1), TRAIN - timedelta(days=HISTORY + 400)],
    ],
    ids=["from the decision on", "older than the window"],
)
def test_what_lies_outside_the_window_teaches_nothing_but_balances(moments: list[datetime]) -> None:
    plain = prepared(raw())
    more = prepared(pl.concat([raw(), *map(copied, moments)]))
    outside = plain.decisions["as_of"] == (TEST if moments[0] >= TEST else TRAIN)
    needs = {n: FeaturePlan(plain.catalogue, (n,)).needs_opening for n in plain.features.columns}
    same = [name for name, opening in needs.items() if moments[0] >= TEST or not opening]
    assert_frame_equal(
        more.features.select(same).filter(outside),
        plain.features.select(same).filter(outside),
        check_exact=True,
    )


@pytest.mark.parametrize("moment", [TEST - timedelta(microseconds=1), TEST - timedelta(days=HISTORY)])
def test_the_first_and_the_last_moment_of_the_window_count(moment: datetime) -> None:
    plain, more = prepared(raw()), prepared(pl.concat([raw(), copied(moment)]))
    test = plain.part("test")
    grown = more.features["transaction_count"].to_numpy() - plain.features["transaction_count"].to_numpy()
    assert (grown[test] == 1).all()


@pytest.mark.parametrize(("missing", "learned"), [(5, True), (6, False), (100, False)])
def test_balances_are_the_column_where_nearly_every_transaction_has_it(
    missing: int, *, learned: bool
) -> None:
    cells = [None] * missing + [1.0] * (100 - missing)
    assert has_balances(pl.DataFrame({"Balance": cells}, {"Balance": pl.Float64})) == learned


def test_only_what_decisions_see_teaches_whether_balances_are_a_column() -> None:
    inside = WHEN.is_between(TRAIN - timedelta(days=HISTORY), TRAIN)
    known = raw().with_columns(Balance=pl.when(inside).then(5.0))
    assert not prepared(raw(), "train").catalogue.balance_column
    assert prepared(known, "train").catalogue.balance_column
    assert not prepared(known, "train", "test").catalogue.balance_column


def test_the_test_part_teaches_neither_levels_nor_which_features_vary() -> None:
    after = raw().with_columns(
        ProductCategory=pl.when(WHEN > TRAIN).then(pl.lit("fashion of the day")).otherwise("ProductCategory")
    )
    plain, changed = prepared(raw(), "train"), prepared(after, "train")
    assert changed.catalogue == plain.catalogue
    assert changed.features.columns == plain.features.columns
    train = pl.Series(plain.part("train"))
    assert_frame_equal(changed.features.filter(train), plain.features.filter(train), check_exact=True)
    told = prepared(after, "train", "test").catalogue.levels["ProductCategory"]
    assert "fashion of the day" in told
    assert "fashion of the day" not in changed.catalogue.levels["ProductCategory"]


def test_decisions_keep_their_order_and_their_labels() -> None:
    mixed = decisions().sample(fraction=1, shuffle=True, seed=5)
    found = build_dataset(tidy_table(raw()), mixed, RECIPE)
    assert_frame_equal(found.decisions, mixed)
    assert found.bad.tolist() == mixed["bad"].to_list()
    assert found.customers.tolist() == mixed["CustomerId"].to_list()
    straight = prepared(raw())
    back = pl.concat([mixed, found.features], how="horizontal").sort("as_of", "CustomerId")
    assert_frame_equal(back.select(straight.features.columns), straight.features, check_exact=True)


def test_what_is_constant_while_learning_is_no_feature_and_the_count_always_is() -> None:
    found = prepared(raw())
    assert "transaction_count" in found.features.columns
    assert all(found.features[name].n_unique() > 1 for name in found.features.columns)
    train = found.part("train")
    assert all(found.table(train)[name].n_unique() > 1 for name in found.table(train).columns)
    assert found.table(train).height == train.sum()


def test_decisions_whose_transactions_are_at_fault_are_left_out_and_counted() -> None:
    first, second = raw()["CustomerId"].unique().sort().head(2)
    broken = raw().with_columns(pl.col("TransactionStartTime").cast(pl.String))
    rows = (
        broken.filter(pl.col("CustomerId") == first)
        .head(1)
        .with_columns(TransactionStartTime=pl.lit("no time"), TransactionId=pl.lit("broken"))
    )
    doubled = broken.filter(WHEN.str.to_datetime().is_between(TRAIN - timedelta(days=HISTORY), TRAIN))
    doubled = doubled.filter(pl.col("CustomerId") == second).head(1).with_columns(pl.col("Amount") + 1)
    found = prepared(pl.concat([broken, rows, doubled]))
    left = decisions().filter(
        (pl.col("CustomerId") == first) | ((pl.col("CustomerId") == second) & (pl.col("as_of") == TRAIN))
    )
    assert doubled.height == 1
    assert found.invalid == left.height == 3
    assert found.features.height == found.decisions.height == decisions().height - 3
    assert_frame_equal(
        found.decisions, decisions().join(left, on=["CustomerId", "as_of"], how="anti", maintain_order="left")
    )


def test_two_currencies_and_unknown_features_are_refused() -> None:
    mixed = raw().with_columns(
        CurrencyCode=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("USD")).otherwise("CurrencyCode")
    )
    with pytest.raises(ValueError, match="CurrencyCode: the transactions hold 2 currencies"):
        prepared(mixed)
    with pytest.raises(ValueError, match="there is no feature moonphase to include"):
        build_dataset(tidy_table(raw()), decisions(), Recipe(HISTORY, "rfm_proxy", include=("moonphase",)))
    assert prepared(raw()).currency == "UGX"


def test_a_feature_off_by_default_is_there_when_it_is_asked_for() -> None:
    known = tidy_table(raw())
    assert "transaction_day" not in build_dataset(known, decisions(), RECIPE).features.columns
    asked = Recipe(HISTORY, "rfm_proxy", include=("transaction_day",))
    assert "transaction_day" in build_dataset(known, decisions(), asked).features.columns


@pytest.mark.parametrize("attributes", [(), (Attribute("age", "number"),)])
def test_without_history_only_attributes_can_be_judged(attributes: tuple[Attribute, ...]) -> None:
    nobody: Tidy = tidy_table(pl.DataFrame(schema=SCHEMA))
    table = decisions().with_columns(age=pl.int_range(pl.len()).cast(pl.Float64))
    found = build_dataset(nobody, table, Recipe(HISTORY, "observed_default", attributes=attributes))
    assert found.modelled.tolist() == [bool(attributes)] * table.height
    assert found.features.columns == [*(attribute.name for attribute in attributes), "transaction_count"]
    assert found.currency is None


def test_the_parts_are_those_of_the_decisions() -> None:
    found = prepared(raw())
    assert np.array_equal(found.part("train"), ~found.part("test"))
    assert found.part("train").sum() == raw()["CustomerId"].n_unique()
