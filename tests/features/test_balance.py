"""Balances count from the one at the window's start, which earlier transactions or the caller tell."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.history import History, history
from credit_model.features.plan import FeaturePlan, customer_features
from raw_tables import AS_OF, CATALOGUE, DECISIONS, tables

DAYS = CATALOGUE.history_days
START = AS_OF - timedelta(days=DAYS)
TIME = pl.col("TransactionStartTime")
BALANCES = [
    *("balance_now", "balance_mean", "balance_std", "balance_min", "balance_max", "balance_min_30d"),
    *("balance_mean_30d", "drawdown", "balance_now_to_inflow", "balance_mean_to_inflow"),
    *("balance_variation", "drawdown_share"),
]


def features(raw: pl.DataFrame, decisions: pl.DataFrame = DECISIONS) -> pl.DataFrame:
    return customer_features(tidy_table(raw), decisions, CATALOGUE)


def openings(raw: pl.DataFrame) -> list[float]:
    """Minus the amounts before the window, one after the other, in order of time and identity."""
    balances = []
    for customer in DECISIONS["CustomerId"]:
        mine = raw.filter((pl.col("CustomerId") == customer) & (TIME < START))
        balance = 0.0
        for amount in mine.sort("TransactionStartTime", "TransactionId")["Amount"]:
            balance += amount
        balances.append(0 - balance)
    return balances


def with_history(raw: pl.DataFrame, currency: str | None = None) -> History:
    return history(tidy_table(raw), DECISIONS, DAYS, currency, opening=True)


def older(raw: pl.DataFrame) -> pl.DataFrame:
    """The same transactions under other identities, all before the window."""
    names = pl.concat_str(pl.lit("o"), "TransactionId").alias("TransactionId")
    return raw.with_columns(TIME - timedelta(days=DAYS), names)


@given(raw=tables, more=tables)
def test_the_window_with_its_opening_balance_is_the_whole_history(
    raw: pl.DataFrame, more: pl.DataFrame
) -> None:
    everything = pl.concat([raw, older(more).select(raw.columns)])
    stated = DECISIONS.with_columns(opening_balance=pl.Series(openings(everything)))
    window = everything.filter(TIME >= START)
    assert features(window, stated).equals(features(everything))
    assert features(everything, stated).equals(features(everything))


def test_only_features_of_the_balance_need_an_opening() -> None:
    needed = [name for name in CATALOGUE.features if FeaturePlan(CATALOGUE, (name,)).needs_opening]
    assert sorted(needed) == sorted(BALANCES)
    assert all(FeaturePlan(CATALOGUE, (name,)).needs_balance for name in needed)


@given(raw=tables, more=tables, scale=st.sampled_from([1.0, -3.0]))
def test_where_the_model_has_the_column_the_balance_is_the_column(
    raw: pl.DataFrame, more: pl.DataFrame, scale: float
) -> None:
    catalogue = replace(CATALOGUE, balance_column=True)
    plan = FeaturePlan(catalogue, BALANCES)
    assert plan.needs_balance
    assert not plan.needs_opening
    given_rows = raw.with_columns(Balance=pl.col("Amount") * scale)
    found = customer_features(tidy_table(given_rows), DECISIONS, catalogue)
    earlier = older(more).select(raw.columns).with_columns(Balance=pl.lit(7.0))
    stated = DECISIONS.with_columns(opening_balance=pl.lit(1e6))
    again = customer_features(tidy_table(pl.concat([given_rows, earlier])), stated, catalogue)
    inside = given_rows.filter(TIME >= START).group_by("CustomerId").agg(pl.col("Balance").min())
    expected = DECISIONS.join(inside, on="CustomerId", how="left", maintain_order="left")["Balance"]
    assert found["balance_min"].equals(expected)
    assert again.equals(found)


def row(days_ago: float, amount: object, **more: object) -> dict[str, object]:
    return {"CustomerId": "a", "TransactionStartTime": AS_OF - timedelta(days_ago), "Amount": amount} | more


def opening(rows: list[dict[str, object]], currency: str | None = None) -> float:
    """Of the one decision that has a transaction in its window."""
    (found,) = with_history(pl.DataFrame(rows, strict=False), currency).frame["opening_balance"]
    return float(found)


def test_of_copies_before_the_window_the_first_counts_and_the_one_inside_there() -> None:
    now = row(1, 5.0, TransactionId="n")
    copies = [row(80, 1.0, TransactionId="x"), row(80, 1.0, TransactionId="x")]
    assert opening([now, *copies]) == -1
    conflicting = [row(80, 2.0, TransactionId="x"), row(80, 1.0, TransactionId="x")]
    assert opening([now, *conflicting]) == -1
    assert opening([now, *conflicting, row(90, 4.0, TransactionId="x")]) == -4
    assert opening([now, *copies, row(70, 3.0, TransactionId="n")]) == -1
    assert opening([now, *(row(80, 1.0, TransactionId=None) for _ in range(2))]) == -2


def test_what_cannot_be_read_or_is_of_another_currency_is_left_out() -> None:
    now = row(1, "5", CurrencyCode="UGX")
    earlier = [row(80, "1", CurrencyCode="UGX"), row(80, "x", CurrencyCode="UGX"), row(80, None)]
    foreign = row(80, "100", CurrencyCode="USD")
    assert opening([now, *earlier, foreign], "UGX") == -1
    assert opening([now, *earlier, foreign]) == -1
    assert opening([row(1, "5"), *earlier, foreign], "UGX") == -1


@pytest.mark.parametrize(
    "odd",
    [
        {"Amount": "x"},
        {"Amount": None},
        {"Value": "x"},
        {"CurrencyCode": "USD"},
        {"TransactionId": "n"},
        {"Balance": "x"},
    ],
)
def test_faults_before_the_window_are_no_faults(odd: dict[str, object]) -> None:
    given_rows = [row(1, "5", TransactionId="n", Value="5", CurrencyCode="UGX", Balance="1")]
    given_rows += [row(80, "7", TransactionId="o", Value="7", CurrencyCode="UGX", Balance="1") | odd]
    found = with_history(pl.DataFrame(given_rows), "UGX")
    assert found.faults.is_empty()
    assert found.frame.height == 1


def test_longer_histories_have_longer_windows() -> None:
    short, long = set(Catalogue(90).features), set(Catalogue(366).features)
    assert long - short >= {
        "balance_min_90d",
        "balance_mean_90d",
        "balance_min_180d",
        "balance_min_90d_to_inflow",
    }
    assert "balance_min_30d" in short
