"""The proxy label and its frozen labeller, and the published same-window label beside it."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from credit_model.data.transactions import Tidy, tidy_table
from credit_model.metrics import roc_auc
from credit_model.training.observation_dates import ObservationDates, observation_dates
from credit_model.training.rfm import outcome_rfm, rfm
from credit_model.training.rfm_clusters import Labeller, fit_labeller, least_engaged, published_bad
from credit_model.training.rfm_proxy import Proxy, population, rfm_proxy, same_window

DAY = timedelta(days=1)
FIRST = datetime(2018, 11, 15, 2, 18, 49)
LAST = FIRST + 90 * DAY


def purchases(customers: int = 120, seed: int = 0) -> Tidy:
    """Customers who buy at their own pace until they leave, over 90 days."""
    rng = np.random.default_rng(seed)
    counts = rng.geometric(0.06, customers).clip(1, 100)
    left = rng.uniform(5, 150, customers).clip(max=90)
    owner = np.repeat(np.arange(customers), counts)
    ago = rng.uniform(0, left[owner])
    ago[0] = 0.0
    moments = [FIRST + timedelta(days=float(days)) for days in ago]
    amounts = rng.lognormal(8, 1, len(owner)).round(2) * rng.choice([1, -1], len(owner), p=[0.7, 0.3])
    return tidy_table(
        pl.DataFrame(
            {
                "TransactionId": [f"t{n}" for n in range(len(owner))],
                "CustomerId": [f"c{n}" for n in owner],
                "TransactionStartTime": moments,
                "Amount": amounts,
            }
        )
    )


PURCHASES = purchases()
PLAN = observation_dates(FIRST, LAST, 30, 30)
PROXY = rfm_proxy(PURCHASES, PLAN)
TRAINING = pl.concat([outcome_rfm(PURCHASES, population(PURCHASES, PLAN.train[0], 30), 30)])


def changed(frame: pl.DataFrame) -> Tidy:
    return Tidy(frame, PURCHASES.faults)


def same(one: Proxy, other: Proxy) -> bool:
    return one.labels.decisions.equals(other.labels.decisions) and one.labeller == other.labeller


def test_the_population_of_an_observation_date_has_a_transaction_in_its_history_and_silent_customers_belong() -> (
    None
):
    frame, decisions = PURCHASES.frame, PROXY.labels.decisions
    moment = pl.col("TransactionStartTime")
    for observation_date in PLAN.all:
        known = frame.filter((moment >= observation_date - 30 * DAY) & (moment < observation_date))[
            "CustomerId"
        ]
        judged = decisions.filter(pl.col("as_of") == observation_date)["CustomerId"]
        assert judged.to_list() == sorted(set(known))
        buyers = frame.filter((moment >= observation_date) & (moment < observation_date + 30 * DAY))[
            "CustomerId"
        ]
        assert set(judged) - set(buyers)


def test_an_observation_date_judges_who_bought_at_its_windows_start_and_not_who_buys_at_that_moment() -> None:
    first = PURCHASES.frame.sort("TransactionStartTime").row(0, named=True)
    bought = PURCHASES.frame.filter(pl.col("TransactionId") == first["TransactionId"])
    start = first["TransactionStartTime"]
    assert population(changed(bought), start + 30 * DAY, 30)["CustomerId"].to_list() == [first["CustomerId"]]
    assert population(changed(bought), start + 30 * DAY + timedelta(microseconds=1), 30).is_empty()
    assert population(changed(bought), start, 30).is_empty()
    assert population(changed(bought), start + timedelta(microseconds=1), 30).height == 1


def test_labels_are_known_when_their_outcome_window_ends() -> None:
    decisions = PROXY.labels.decisions
    assert (decisions["known_at"] - decisions["as_of"]).unique().to_list() == [30 * DAY]
    assert decisions["bad"].dtype == pl.Int8
    assert set(decisions["bad"]) == {0, 1}
    assert (PROXY.labels.target, PROXY.labels.leaking) == ("rfm_proxy", False)


def test_the_bad_are_less_engaged_than_the_good_in_every_measure() -> None:
    bad = pl.Series(PROXY.labeller.bad(TRAINING, 30) == 1)
    recency = TRAINING["recency"].fill_null(30)
    assert recency.filter(bad).mean() > recency.filter(~bad).mean()  # type: ignore[operator]
    for name in ("frequency", "monetary"):
        assert TRAINING[name].filter(bad).mean() < TRAINING[name].filter(~bad).mean()  # type: ignore[operator]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_the_order_of_transactions_changes_nothing(seed: int) -> None:
    shuffled = changed(PURCHASES.frame.sample(fraction=1.0, shuffle=True, seed=seed))
    assert same(rfm_proxy(shuffled, PLAN), PROXY)


@settings(deadline=None, max_examples=15)
@given(st.timedeltas(-5000 * DAY, 5000 * DAY))
def test_shifting_all_times_changes_no_label(shift: timedelta) -> None:
    later = changed(PURCHASES.frame.with_columns(pl.col("TransactionStartTime") + shift))
    plan = replace(PLAN, train=tuple(moment + shift for moment in PLAN.train), test=PLAN.test + shift)
    shifted = rfm_proxy(later, plan)
    assert shifted.labels.decisions["bad"].equals(PROXY.labels.decisions["bad"])
    assert shifted.labeller == PROXY.labeller


def test_nothing_before_an_observation_date_or_after_its_outcome_has_a_part_in_its_labels() -> None:
    """Amounts before the observation date and after the window change; only who had a transaction stays."""
    plan = ObservationDates(30, 30, (LAST - 60 * DAY,), LAST - 31 * DAY)
    moment = pl.col("TransactionStartTime")
    outside = (moment < plan.train[0]) | (moment >= plan.test + 30 * DAY)
    frame = PURCHASES.frame
    rewritten = frame.with_columns(
        pl.when(outside).then(7.0).otherwise(pl.col("Amount", "Value")).name.keep()
    )
    assert not rewritten.equals(frame)
    repeated = frame.filter(moment < plan.train[0]).with_columns(
        TransactionId="again" + pl.col("TransactionId")
    )
    before = rfm_proxy(PURCHASES, plan)
    assert same(rfm_proxy(changed(pl.concat([rewritten, repeated])), plan), before)


def test_the_labeller_is_fitted_on_training_cutoffs_only() -> None:
    moment = pl.col("TransactionStartTime")
    louder = changed(PURCHASES.frame.filter((moment < PLAN.test) | (pl.col("CustomerId") == "c0")))
    other = rfm_proxy(louder, PLAN)
    assert other.labeller == PROXY.labeller == fit_labeller(TRAINING, 30)
    assert not other.labels.decisions.equals(PROXY.labels.decisions)


def test_a_frozen_labeller_gives_the_labels_it_gave() -> None:
    frozen = Labeller.from_dict(json.loads(json.dumps(PROXY.labeller.to_dict())))
    assert frozen == PROXY.labeller
    assert same(rfm_proxy(purchases(seed=0), PLAN, frozen), PROXY)
    assert rfm_proxy(purchases(seed=1), PLAN, frozen).labeller == frozen


def test_a_labeller_labels_only_windows_of_its_own_length() -> None:
    with pytest.raises(
        ValueError, match="fitted on performance windows of 30 days and cannot label windows of 29"
    ):
        rfm_proxy(PURCHASES, observation_dates(FIRST, LAST, 30, 29), PROXY.labeller)


@settings(deadline=None)
@given(st.permutations(range(3)), st.permutations(range(3)))
def test_which_cluster_is_bad_does_not_depend_on_its_number(order: list[int], other: list[int]) -> None:
    def numbered(places: list[int]) -> Labeller:
        return replace(PROXY.labeller, centroids=tuple(PROXY.labeller.centroids[place] for place in places))

    assert numbered(order).bad(TRAINING, 30).equals(numbered(other).bad(TRAINING, 30))
    assert order[numbered(order).high_risk] == PROXY.labeller.high_risk


def test_labels_and_shares_are_those_of_scikit_learn_on_the_same_points() -> None:
    values = TRAINING.select(pl.col("recency").fill_null(30), "frequency", "monetary").to_numpy()
    points = (np.log1p(values) - PROXY.labeller.centre) / PROXY.labeller.scale
    fitted = KMeans(3, n_init=20, random_state=1).fit(points)
    silent = TRAINING["frequency"].to_numpy() == 0
    high_risk = np.bincount(fitted.labels_[silent]).argmax()
    assert PROXY.labeller.bad(TRAINING, 30).to_list() == (fitted.labels_ == high_risk).astype(int).tolist()
    assert sorted(PROXY.labeller.shares) == pytest.approx(sorted(np.bincount(fitted.labels_) / len(points)))
    spreads = np.quantile(np.log1p(values), 0.95, axis=0) - np.quantile(np.log1p(values), 0.05, axis=0)
    assert PROXY.labeller.scale == pytest.approx(spreads)


def test_the_number_of_threads_changes_no_digit() -> None:
    rng = np.random.default_rng(5)
    many = pl.DataFrame({name: rng.lognormal(1, 1, 20_000) for name in ("recency", "frequency", "monetary")})
    fits = []
    for threads in (1, 4):
        with threadpool_limits(limits=threads):
            fits.append(fit_labeller(many, 365))
    assert fits[0] == fits[1]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_the_order_of_customers_changes_no_digit_of_the_labeller(seed: int) -> None:
    assert fit_labeller(TRAINING.sample(fraction=1.0, shuffle=True, seed=seed), 30) == PROXY.labeller


def test_clusters_come_least_engaged_first_with_their_shares() -> None:
    for seed in range(5):
        labeller = fit_labeller(TRAINING, 30, seed)
        assert labeller.high_risk == 0
        assert [unit["frequency"] for unit in labeller.centroids_in_units] == sorted(
            unit["frequency"] for unit in labeller.centroids_in_units
        )
        assert labeller.shares[0] == pytest.approx(labeller.bad(TRAINING, 30).mean())


def test_centroids_are_told_in_days_transactions_and_currency_units() -> None:
    labeller = replace(
        PROXY.labeller,
        centre=(0.0, 0.0, 0.0),
        scale=(1.0, 1.0, 1.0),
        centroids=((np.log(31), 0.0, -1e-17),) * 3,
    )
    unit = labeller.centroids_in_units[0]
    assert unit == pytest.approx({"recency": 30.0, "frequency": 0.0, "monetary": 0.0})
    assert f"{unit['monetary']:.1f}" == "0.0"


def test_a_cluster_of_a_handful_is_refused_and_so_are_customers_all_alike() -> None:
    with pytest.raises(
        ValueError, match=r"the smallest of 3 clusters holds .*less than 40.00%; change outcome_days"
    ):
        rfm_proxy(PURCHASES, PLAN, minimum_share=0.4)
    silent = pl.DataFrame({"recency": [None] * 50, "frequency": [0.0] * 50, "monetary": [0.0] * 50})
    with pytest.raises(ValueError, match="the 50 training customers do not differ enough"):
        fit_labeller(silent.cast({"recency": pl.Float64}), 30)


def test_cohorts_tell_the_rate_the_silent_and_the_agreement_of_every_observation_date() -> None:
    decisions, cohorts = PROXY.labels.decisions, PROXY.cohorts
    moment = pl.col("TransactionStartTime")
    agreements, silents = [], []
    for (observation_date,), rows in decisions.group_by("as_of", maintain_order=True):
        assert isinstance(observation_date, datetime)
        buyers = set(
            PURCHASES.frame.filter((moment >= observation_date) & (moment < observation_date + 30 * DAY))[
                "CustomerId"
            ]
        )
        silent = [customer not in buyers for customer in rows["CustomerId"]]
        agreement = [quiet == (bad == 1) for quiet, bad in zip(silent, rows["bad"], strict=True)]
        row = cohorts.filter(pl.col("as_of") == observation_date).drop("as_of").row(0, named=True)
        expected = {"customers": rows.height, "bad_rate": rows["bad"].mean()}
        expected |= {"silent": float(np.mean(silent)), "agreement": float(np.mean(agreement))}
        assert row == pytest.approx(expected)
        agreements += agreement
        silents += silent
    assert cohorts["as_of"].to_list() == list(PLAN.all)
    assert PROXY.agreement == pytest.approx(np.mean(agreements))
    assert PROXY.silent == pytest.approx(np.mean(silents))


def test_the_same_window_label_is_the_published_recipe_and_marked_as_leaking() -> None:
    decisions = population(PURCHASES, LAST, 90)
    labels = same_window(PURCHASES, decisions, 90)
    measured = rfm(PURCHASES, decisions, 90)
    points = StandardScaler().fit_transform(measured.select("recency", "frequency", "net").to_numpy())
    fitted = KMeans(3, random_state=42, n_init=10).fit(points)
    recency = measured["recency"].to_numpy()
    oldest = np.argmax([recency[fitted.labels_ == cluster].mean() for cluster in range(3)])
    assert labels.decisions["bad"].to_list() == (fitted.labels_ == oldest).astype(int).tolist()
    assert (labels.target, labels.leaking) == ("same_window", True)
    assert labels.decisions["known_at"].equals(decisions["as_of"])
    assert roc_auc(labels.decisions["bad"].to_numpy(), recency) > 0.97


def test_a_whale_with_a_great_negative_sum_is_never_the_least_engaged() -> None:
    centroids = np.array([[-0.7, 0.1, 0.0], [1.1, -0.2, 0.0], [-0.1, 40.0, -80.0]])
    assert least_engaged(centroids) == 1
    rng = np.random.default_rng(2)
    calm = pl.DataFrame(
        {
            "recency": rng.uniform(0, 90, 300),
            "frequency": rng.geometric(0.1, 300) * 1.0,
            "net": rng.normal(0, 1e4, 300),
        }
    )
    whale = pl.DataFrame({"recency": [1.0], "frequency": [4000.0], "net": [-1e9]})
    assert published_bad(pl.concat([calm, whale]), 90)[-1] == 0
