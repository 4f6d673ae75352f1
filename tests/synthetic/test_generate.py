"""Laws of the generator, its agreement with what is published, and what a model can learn from it."""

import os
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score
from xgboost import XGBClassifier

from credit_model.synthetic import generate
from credit_model.synthetic.constants import CUSTOMERS, START, TRANSACTIONS
from processes import ROOT, run

SEEDS = (42, 1, 2)
TIME, AMOUNT = pl.col("TransactionStartTime"), pl.col("Amount")
SCHEMA = {
    "TransactionId": pl.String,
    "BatchId": pl.String,
    "AccountId": pl.String,
    "SubscriptionId": pl.String,
    "CustomerId": pl.String,
    "CurrencyCode": pl.String,
    "CountryCode": pl.Int64,
    "ProviderId": pl.String,
    "ProductId": pl.String,
    "ProductCategory": pl.String,
    "ChannelId": pl.String,
    "Amount": pl.Float64,
    "Value": pl.Int64,
    "TransactionStartTime": pl.Datetime("us"),
    "PricingStrategy": pl.Int64,
    "FraudResult": pl.Int64,
}


@cache
def default(seed: int = 42) -> pl.DataFrame:
    return generate.transactions(seed=seed)


def python(command: list[str], **variables: str) -> str:
    done = run(command, os.environ | {"PYTHONPATH": str(ROOT)} | variables, ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(frame: pl.DataFrame, column: str = "CustomerId") -> pl.Series:
    return frame[column].str.extract(r"_(\d+)$").cast(pl.Int64)


def first_customers(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    return frame.filter(numbers(frame) <= count)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_default_set_has_the_published_size(seed: int) -> None:
    frame = default(seed)
    assert (frame.height, frame["CustomerId"].n_unique()) == (95_662, 3_742)
    assert frame.select(pl.struct("TransactionId").n_unique()).item() == frame.height


def test_the_columns_are_those_of_the_xente_file() -> None:
    frame = default()
    assert dict(frame.schema) == SCHEMA
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame["CurrencyCode"].unique().to_list() == ["UGX"]
    assert frame["CountryCode"].unique().to_list() == [256]
    for column in ("TransactionId", "BatchId", "AccountId", "SubscriptionId", "CustomerId"):
        assert frame[column].str.contains(rf"^{column}_\d+$").all()
    assert frame["TransactionStartTime"].is_sorted()
    assert frame.select((TIME.dt.microsecond() == 0).all()).item()


@given(st.integers(0, 2**63))
@settings(max_examples=2)
def test_one_seed_gives_one_result(seed: int) -> None:
    assert_frame_equal(generate.transactions(seed=seed), generate.transactions(seed=seed))
    assert not generate.transactions(seed=seed).equals(generate.transactions(seed=seed + 1))


def test_the_number_of_threads_changes_nothing() -> None:
    code = "from credit_model.synthetic import generate; print(*generate.transactions().hash_rows().to_list()[::97])"
    done = python(["-c", code], POLARS_MAX_THREADS="1" if pl.thread_pool_size() > 1 else "2")
    assert done.split() == [str(each) for each in default().hash_rows().to_list()[::97]]


@given(st.integers(1, CUSTOMERS))
@settings(max_examples=6)
def test_more_customers_change_nothing_of_the_earlier_ones(count: int) -> None:
    assert_frame_equal(generate.transactions(customers=count), first_customers(default(), count))
    assert_frame_equal(generate.truth(customers=count), generate.truth().head(count))


def test_a_block_is_the_same_whatever_comes_before_and_after_it() -> None:
    two, more = (list(generate.generate(CUSTOMERS + extra)) for extra in (CUSTOMERS, 25))
    assert_frame_equal(two[0], default())
    assert_frame_equal(more[1], first_customers(two[1], CUSTOMERS + 25))
    assert [frame.height for frame in two] == [TRANSACTIONS, TRANSACTIONS]
    whole = pl.concat(two)
    assert whole["CustomerId"].n_unique() == 2 * CUSTOMERS
    assert whole["TransactionId"].n_unique() == whole.height
    assert set(two[0]["BatchId"]).isdisjoint(two[1]["BatchId"])
    assert two[0]["Amount"].to_list() != two[1]["Amount"].to_list()


def test_memory_is_bounded_by_a_block() -> None:
    blocks = generate.generate(customers=4_000_000)
    first = next(blocks)
    assert first.height == TRANSACTIONS
    released = weakref.ref(first)
    del first
    assert next(blocks).height == TRANSACTIONS
    assert released() is None


@given(
    days=st.sampled_from([1, 2, 30, 90, 91, 200]),
    seed=st.integers(0, 1000),
    start=st.datetimes(datetime(2018, 1, 1), datetime(2026, 1, 1)),
)
@settings(max_examples=8)
def test_nobody_buys_before_the_first_purchase_or_after_the_drop_out(
    days: int, seed: int, start: datetime
) -> None:
    frame = generate.transactions(days=days, seed=seed, start=start)
    seen = frame.group_by("CustomerId").agg(first=TIME.min(), last=TIME.max())
    lives = generate.truth(days=days, seed=seed, start=start).join(seen, on="CustomerId", how="left")
    assert lives.height == CUSTOMERS
    assert lives["first"].equals(lives["first_purchase"])
    assert lives.select((pl.col("last") < pl.col("dropout")).all()).item()
    assert lives["first"].min() == start
    assert lives.select((pl.col("last") < start + timedelta(days=days)).all()).item()


def test_the_drop_out_is_near_the_last_transaction_of_those_who_buy_often() -> None:
    lives = generate.truth().join(
        default().group_by("CustomerId").agg(last=TIME.max(), rows=pl.len()), on="CustomerId"
    )
    left = lives.filter((pl.col("dropout") < START + timedelta(days=90)) & (pl.col("rows") >= 50))
    silence = (left["dropout"] - left["last"]).dt.total_seconds().to_numpy() / 86400
    assert left.height > 50
    assert 0 < np.median(silence) < 3


def test_the_drop_out_casts_a_shadow_on_tickets_and_refunds() -> None:
    lives = generate.truth().filter(
        (pl.col("dropout") < START + timedelta(days=90))
        & (pl.col("dropout") - pl.col("first_purchase") > timedelta(days=28))
    )
    days_left = (pl.col("dropout") - TIME).dt.total_seconds() / 86400
    tickets = (
        default()
        .join(lives, on="CustomerId")
        .group_by("CustomerId", near=days_left < 7)
        .agg(
            ticket=AMOUNT.filter((AMOUNT > 0) & (pl.col("FraudResult") == 0)).log().mean(),
            refunds=(pl.col("ChannelId") == "ChannelId_5").mean(),
        )
    )
    both = tickets.filter(pl.col("near")).join(tickets.filter(~pl.col("near")), on="CustomerId")
    fall = (both["ticket"] - both["ticket_right"]).drop_nulls().to_numpy()
    rise = (both["refunds"] - both["refunds_right"]).to_numpy()
    assert len(fall) > 100
    assert fall.mean() < -3 * fall.std() / len(fall) ** 0.5
    assert rise.mean() > 3 * rise.std() / len(rise) ** 0.5


@given(st.integers(-60, 400))
@settings(max_examples=3)
def test_whole_weeks_shift_the_times_and_nothing_else(weeks: int) -> None:
    shift = timedelta(weeks=weeks)
    later = generate.transactions(start=START + shift)
    assert_frame_equal(later, default().with_columns(TIME + shift))


def test_a_longer_window_has_more_rows_of_the_same_customers() -> None:
    heights = [generate.transactions(days=days).height for days in (30, 60, 90, 180, 270)]
    assert heights == sorted(heights)
    assert 1.5 < heights[3] / heights[2] < 2.1
    assert generate.transactions(days=270)["CustomerId"].n_unique() == CUSTOMERS


def test_columns_agree_with_each_other() -> None:
    frame = default()
    negative = frame["Amount"] < 0
    assert negative.equals(frame["ProviderId"] == "ProviderId_4", check_names=False)
    assert negative.equals(frame["ChannelId"].is_in(["ChannelId_2", "ChannelId_5"]), check_names=False)
    product = frame.group_by("ProductId").agg(
        pl.col("ProductCategory", "ProviderId", "PricingStrategy").n_unique()
    )
    assert product.drop("ProductId").max().row(0) == (1, 1, 1)
    bills = frame["ProductCategory"] == "utility_bill"
    plain = frame.filter(~bills & (frame["Amount"].abs() >= 100))
    assert plain.select(((AMOUNT.abs() - pl.col("Value")).abs() <= 0.5).all()).item()
    assert frame.filter(bills).select((pl.col("Value") > AMOUNT).all()).item()


def test_a_credit_follows_its_purchase_within_the_session_and_is_not_larger() -> None:
    frame = default().filter(numbers(default()) < CUSTOMERS)
    paired = frame.group_by("BatchId").agg(
        customers=pl.col("CustomerId").n_unique(),
        bought=AMOUNT.filter(AMOUNT > 0).sum(),
        credited=-AMOUNT.filter(AMOUNT < 0).sum(),
        rows=pl.len(),
        lag=TIME.filter(AMOUNT < 0).first() - TIME.filter(AMOUNT > 0).first(),
    )
    assert paired["customers"].max() == 1
    assert paired["rows"].max() == 2
    pairs = paired.filter(pl.col("rows") == 2)
    assert pairs.height > 30_000
    assert pairs.select((pl.col("credited") <= pl.col("bought")).all()).item()
    assert pairs.select((pl.col("lag") >= timedelta(0)).all()).item()
    assert pairs.select((pl.col("lag") < timedelta(hours=1)).all()).item()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_published_statistics_are_met_within_their_tolerances(seed: int) -> None:
    frame = default(seed)
    each = frame.group_by("CustomerId").len()["len"].to_numpy()
    shares = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    np.testing.assert_allclose(np.quantile(each, shares), (1, 2, 7, 20, 98, 4091), rtol=0.15)
    assert np.mean(each == 1) == pytest.approx(0.19, abs=0.025)
    amount, value = frame["Amount"].to_numpy(), frame["Value"].to_numpy()
    assert np.mean(amount < 0) == pytest.approx(0.3992, abs=0.015)
    np.testing.assert_allclose(np.quantile(amount, (0.25, 0.5, 0.75)), (-50, 1000, 2800), rtol=0.25)
    assert (amount.min(), amount.max()) == (-1_000_000, 9_880_000)
    assert amount.sum() == pytest.approx(642.6e6, rel=0.15)
    assert np.corrcoef(amount, value)[0, 1] == pytest.approx(0.9897, abs=0.01)
    assert frame["FraudResult"].sum() == 193
    frauds = frame.filter(pl.col("FraudResult") == 1)["Amount"].to_numpy()
    assert np.median(frauds) > 100 * np.median(amount)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_published_counts_are_met_within_their_tolerances(seed: int) -> None:
    frame = default(seed).with_columns(hour=TIME.dt.hour())
    checked = 0
    for line in readme_table()[2:]:
        name, published = (cell.strip() for cell in line.split("|")[1:3])
        column, _, value = name.partition(" ")
        if column not in ("ProductCategory", "ProviderId", "ChannelId", "PricingStrategy", "hour"):
            continue
        count = int(published.replace(",", ""))
        generated = frame.filter(pl.col(column).cast(pl.String) == value).height
        if count > 1_000:
            checked += 1
            assert generated == pytest.approx(count, rel=0.1 if count > 10_000 else 0.35), line
    assert checked == 16 + 18


def readme_table() -> list[str]:
    lines = (ROOT / "data" / "README.md").read_text().splitlines()
    begin = lines.index("| statistic | published | generated |")
    return lines[begin : begin + next(n for n, line in enumerate([*lines[begin:], ""]) if not line)]


def test_the_table_in_the_data_dictionary_is_what_the_script_prints() -> None:
    printed = python([str(ROOT / "scripts" / "benchmarks" / "synthetic_facts.py")]).splitlines()
    assert printed == readme_table(), (
        "put what scripts/benchmarks/synthetic_facts.py prints in data/README.md"
    )


def test_the_dictionary_describes_every_column() -> None:
    text = (ROOT / "data" / "README.md").read_text()
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == list(SCHEMA)


def test_the_sample_is_what_the_generator_writes() -> None:
    sample = pl.read_csv(ROOT / "data" / "sample.csv", try_parse_dates=True)
    made = generate.transactions(customers=70)
    assert sample.columns == made.columns
    times = sample["TransactionStartTime"].dt.replace_time_zone(None).cast(pl.Datetime("us"))
    assert_frame_equal(sample.with_columns(times), made)


def test_the_data_folder_stays_small() -> None:
    files = [path for path in (ROOT / "data").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000


@pytest.mark.parametrize("make", [generate.generate, generate.transactions, generate.truth])
@pytest.mark.parametrize(
    ("size", "named"), [((0,), "customers=0"), ((9, 0), "days=0"), ((9, 9, -1), "seed=-1")]
)
def test_impossible_sizes_are_refused_at_once(
    make: Callable[..., object], size: tuple[int, ...], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        make(*size)


def windowed(transactions: pl.DataFrame, day: int) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """A dozen plain features of the 30 days before an observation date, and silence in the 30 days after it."""
    as_of = START + timedelta(days=day)
    days = (as_of - TIME).dt.total_seconds() / 86400
    bought = AMOUNT.filter(AMOUNT > 0).log()
    recent = AMOUNT.filter((AMOUNT > 0) & (days < 10)).log().mean()
    category = pl.col("ProductCategory")
    features = (
        transactions.filter((as_of > TIME) & (days <= 30))
        .group_by("CustomerId", maintain_order=True)
        .agg(
            recency=days.min(),
            age=days.max(),
            frequency=pl.len(),
            active_days=TIME.dt.date().n_unique(),
            ticket=bought.mean(),
            spread=bought.std(),
            trend=recent - bought.mean(),
            credits=(AMOUNT < 0).mean(),
            refunds=(pl.col("ChannelId") == "ChannelId_5").sum(),
            airtime=(category == "airtime").mean(),
            bills=category.is_in(["utility_bill", "tv", "data_bundles"]).mean(),
            loans=(pl.col("ProviderId") == "ProviderId_5").mean(),
            products=pl.col("ProductId").n_unique(),
        )
    )
    after = transactions.filter((as_of <= TIME) & (days >= -30))["CustomerId"].unique()
    silent = (~features["CustomerId"].is_in(after.implode())).to_numpy()
    return features.drop("CustomerId").cast(pl.Float64), silent


@pytest.mark.parametrize("seed", SEEDS)
def test_transactions_tell_more_than_recency_frequency_and_age(seed: int) -> None:
    (before, gone), (then, left) = (windowed(default(seed), day) for day in (30, 60))

    def out_of_time(columns: list[str]) -> float:
        model = XGBClassifier(
            n_estimators=150, max_depth=3, learning_rate=0.05, min_child_weight=5, n_jobs=1, random_state=0
        )
        model.fit(before.select(columns).to_numpy(), gone)
        return float(roc_auc_score(left, model.predict_proba(then.select(columns).to_numpy())[:, 1]))

    recency = float(roc_auc_score(left, then["recency"]))
    counts = out_of_time(["recency", "age", "frequency", "active_days"])
    everything = out_of_time(then.columns)
    assert 0.35 < left.mean() < 0.6
    assert everything > recency + 0.03
    assert everything > counts + 0.01
    assert 0.85 < everything < 0.93
