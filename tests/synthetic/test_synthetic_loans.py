"""Laws of the loans that the generator writes beside transactions."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model import metrics
from credit_model.data.decisions import learn_attributes
from credit_model.data.outcomes import observed
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.synthetic.constants import CUSTOMERS, START
from credit_model.synthetic.loans import STATED
from credit_model.training.sample import observed_sample
from credit_model.training.splits import out_of_time

DAY = timedelta(days=1)
PAST = ["CustomerId", "as_of", *STATED, "defaulted", "outcome_known_at"]


@cache
def loans(customers: int = CUSTOMERS, days: int = 90, seed: int = 42) -> pl.DataFrame:
    return pl.concat(generate.loans(customers, days, seed))


@cache
def applications(customers: int = CUSTOMERS, days: int = 90, seed: int = 42) -> pl.DataFrame:
    return pl.concat(generate.applications(customers, days, seed))


def of_first(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    return frame.filter(pl.col("CustomerId").str.extract(r"_(\d+)$").cast(pl.Int64) <= count)


@given(st.integers(1, CUSTOMERS))
@settings(max_examples=5)
def test_more_customers_change_nothing_of_the_earlier_ones(count: int) -> None:
    for make in (loans, applications):
        assert_frame_equal(make.__wrapped__(count), of_first(make(), count))


def test_one_seed_gives_one_result_and_another_another() -> None:
    assert_frame_equal(loans.__wrapped__(300), loans(300))
    assert not loans(300, seed=1).equals(loans(300))


def test_blocks_have_people_of_their_own() -> None:
    first, second = generate.loans(2 * CUSTOMERS)
    assert_frame_equal(first, loans())
    assert set(first["CustomerId"]).isdisjoint(second["CustomerId"])


@pytest.mark.parametrize("make", [generate.loans, generate.applications])
@given(customers=st.sampled_from([1, 3, 40]), days=st.sampled_from([1, 2, 10, 400]), seed=st.integers(0, 99))
@settings(max_examples=8)
def test_any_size_can_be_generated(
    make: Callable[..., Iterator[pl.DataFrame]], customers: int, days: int, seed: int
) -> None:
    (frame,) = make(customers, days, seed)
    assert frame.columns == (PAST if make is generate.loans else PAST[:-2])
    assert frame.select("CustomerId", "as_of").null_count().sum_horizontal().item() == 0
    assert (frame["as_of"] >= START).all()
    assert (frame["as_of"] < START + days * DAY).all()


@pytest.mark.parametrize("make", [generate.loans, generate.applications])
def test_impossible_sizes_are_refused_at_once(make: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="customers=0 is too few"):
        make(0)


@pytest.mark.parametrize("days", [90, 365])
@pytest.mark.parametrize("seed", [42, 1])
def test_base_rate_strangers_repeats_and_undecided(days: int, seed: int) -> None:
    frame = loans(days=days, seed=seed)
    known = set(generate.truth(days=days, seed=seed)["CustomerId"])
    stranger = ~frame["CustomerId"].is_in(list(known))
    rates = [frame.filter(rows)["defaulted"].mean() for rows in (stranger, ~stranger)]
    assert 0.09 < frame["defaulted"].mean() < 0.14  # type: ignore[operator]
    assert rates[0] > rates[1] + 0.03  # type: ignore[operator]
    assert 0.05 < stranger.mean() < 0.25  # type: ignore[operator]
    assert frame["CustomerId"].value_counts()["count"].max() > 2  # type: ignore[operator]
    assert 0.01 < frame["defaulted"].null_count() / frame.height < 0.035
    assert frame["outcome_known_at"].is_null().equals(frame["defaulted"].is_null(), check_names=False)


def test_applications_come_after_every_past_loan() -> None:
    cut = START + 83 * DAY
    assert loans()["as_of"].max() < cut <= applications()["as_of"].min()  # type: ignore[operator]
    assert applications().height > 100
    assert applications().schema == loans().drop("defaulted", "outcome_known_at").schema


def test_outcomes_are_known_when_loans_are_due_and_a_split_by_time_finds_both_classes() -> None:
    decisions = observed(loans(), 30).decisions
    assert (decisions["known_at"] - decisions["as_of"]).unique().sort().to_list() == [
        7 * DAY,
        14 * DAY,
        30 * DAY,
    ]
    parted = out_of_time(decisions)
    for part in ("train", "test"):
        bad = parted.filter(pl.col("part") == part)["bad"]
        assert metrics.estimable(bad.to_numpy().astype(np.int8))
    assert {a.name: a.kind for a in learn_attributes(decisions, STATED)} == {
        name: "category" if name in {"home_ownership", "region"} else "number" for name in STATED
    }


def test_a_training_says_when_their_outcomes_were_known() -> None:
    """They span less than 90 days, where outcomes of which nothing is told are taken as known at once."""
    said = observed_sample(Settings(), loans()).lines[0]
    assert re.search(r"outcomes known after 1\d days on average", said)


def test_who_leaves_asks_too_much_or_is_seldom_seen_defaults_more_often() -> None:
    truth = generate.truth(days=365)
    frame = loans(days=365).drop_nulls("defaulted").join(truth, on="CustomerId", how="left")
    due = pl.col("outcome_known_at")
    risks = {
        "leaves": pl.col("dropout") < due,
        "asks for much": pl.col("loan_amount") > 0.5 * pl.col("income"),
        "seldom": pl.col("sessions_per_day") < pl.col("sessions_per_day").median(),
        "young": pl.col("age") < 25,
        "rents": pl.col("home_ownership") == "rent",
    }
    for name, risk in risks.items():
        rates = frame.group_by(risk.alias("risk")).agg(pl.col("defaulted").mean()).drop_nulls().sort("risk")
        assert rates["defaulted"][1] > 1.25 * rates["defaulted"][0], name
