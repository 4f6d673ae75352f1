"""What a model must beat: each baseline ranks as its theory says, in the decisions' order."""

from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from credit_model.data.decisions import Attribute
from credit_model.data.transactions import Tidy, tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.metrics import roc_auc
from credit_model.synthetic import generate
from credit_model.synthetic.constants import START
from credit_model.training.baselines import (
    Baseline,
    baselines,
    baselines_of,
    customer_base_risk,
    purchases,
    recency_risk,
)
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.rfm import outcome_rfm, rfm
from credit_model.training.sample import Recipe

AS_OF = datetime(2019, 1, 14)
DAYS, HORIZON = 60, 30


def bought(customer: str, days_ago: list[float]) -> pl.DataFrame:
    moments = [AS_OF - timedelta(days=days) for days in days_ago]
    return pl.DataFrame({"CustomerId": customer, "TransactionStartTime": moments, "Amount": 100.0})


def judged(customers: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"CustomerId": customers, "as_of": AS_OF}, schema_overrides={"as_of": pl.Datetime("us")}
    )


def market(seed: int) -> tuple[Tidy, pl.DataFrame]:
    """Customers who buy at their own pace, some of whom leave."""
    rng = np.random.default_rng(seed)
    tables = []
    for number, (pace, end) in enumerate(zip(rng.gamma(2, 4, 300), rng.uniform(-90, 50, 300), strict=True)):
        ago = DAYS * rng.random() - np.cumsum(rng.exponential(pace, 40))
        tables.append(bought(f"c{number}", ago[(ago > end) & (ago > -HORIZON)].tolist()))
    transactions = tidy_table(pl.concat(tables))
    known = rfm(transactions, judged([f"c{n}" for n in range(300)]), DAYS)["frequency"] > 0
    return transactions, judged([f"c{n}" for n in range(300)]).filter(known)


def test_recency_ranks_by_days_since_the_last_transaction_and_nobody_comes_last() -> None:
    transactions = tidy_table(pl.concat([bought("a", [3.5, 20]), bought("b", [50.0])]))
    measured = rfm(transactions, judged(["b", "none", "a"]), DAYS)
    assert recency_risk(measured, DAYS).tolist() == [50.0, 60.0, 3.5]


def test_purchases_of_one_day_are_one_purchase() -> None:
    transactions = tidy_table(
        pl.concat([bought("a", [9.9, 9.5, 9.1, 4.2, 2.0, 2.7]), bought("b", [7.3, 7.2])])
    )
    found = purchases(rfm(transactions, judged(["a", "b"]), DAYS))
    assert found.repeats.tolist() == [2, 0]
    assert found.last.tolist() == [7, 0]
    assert found.age.tolist() == [9, 7]


def test_the_customer_base_model_knows_who_will_be_silent() -> None:
    (learned, train), (transactions, decisions) = market(0), market(1)
    measured = rfm(transactions, decisions, DAYS)
    silent = (outcome_rfm(transactions, decisions, HORIZON)["frequency"] == 0).to_numpy().astype(np.int8)
    risk = customer_base_risk(rfm(learned, train, DAYS), measured, HORIZON)
    assert roc_auc(silent, risk) > max(0.8, roc_auc(silent, -measured["frequency"].to_numpy()))
    assert risk.mean() == pytest.approx(silent.mean(), abs=0.1)


def test_of_two_with_one_recency_the_customer_who_used_to_buy_often_is_the_riskier() -> None:
    learned, train = market(0)
    two = tidy_table(
        pl.concat([bought("often", [25.0 + n for n in range(20)]), bought("rare", [25.0, 45.0])])
    )
    often, rare = customer_base_risk(
        rfm(learned, train, DAYS), rfm(two, judged(["often", "rare"]), DAYS), HORIZON
    )
    assert often > rare


def test_risk_keeps_the_order_of_decisions_and_nobody_is_certain_to_be_silent() -> None:
    learned, train = market(0)
    known = rfm(learned, train, DAYS)
    decisions = pl.concat([train, judged(["none"])])
    risk = customer_base_risk(known, rfm(learned, decisions, DAYS), HORIZON)
    assert risk[-1] == 1
    assert (risk[:-1] < 1).all()
    backwards = customer_base_risk(known, rfm(learned, decisions.reverse(), DAYS), HORIZON)
    assert backwards[::-1].tolist() == risk.tolist()
    assert (
        customer_base_risk(known.reverse(), rfm(learned, decisions, DAYS), HORIZON).tolist() == risk.tolist()
    )


HISTORY, OUTCOME = 30, 20
TEST = START + timedelta(days=60)


@cache
def prepared() -> tuple[Tidy, Dataset, Recipe]:
    """Decisions at two observation dates, bad where no transaction followed."""
    known = tidy_table(generate.transactions(customers=500, days=90, seed=3))
    frame, recipe, parts = known.frame, Recipe(HISTORY, "rfm_proxy"), []
    for moment, part in ((TEST - timedelta(days=OUTCOME), "train"), (TEST, "test")):
        when = pl.col("TransactionStartTime")
        before = frame.filter((when >= moment - timedelta(days=HISTORY)) & (when < moment))
        after = frame.filter((when >= moment) & (when < moment + timedelta(days=OUTCOME)))
        people = before.select("CustomerId").unique(maintain_order=True)
        silent = ~pl.col("CustomerId").is_in(after["CustomerId"].unique().implode())
        parts.append(people.with_columns(as_of=pl.lit(moment), bad=silent.cast(pl.Int8), part=pl.lit(part)))
    return known, build_dataset(known, pl.concat(parts), recipe), recipe


def on_test(risk: np.ndarray) -> tuple[Baseline, ...]:
    known, ready, recipe = prepared()
    return baselines(known, ready, np.where(ready.part("test"), risk, np.nan), recipe, OUTCOME)


def test_baselines_are_judged_on_the_decisions_that_the_model_judged() -> None:
    _, ready, _ = prepared()
    recency = ready.features["recency"].to_numpy()
    judged = ready.part("test") & (np.arange(len(recency)) % 3 > 0)
    found = on_test(np.where(judged, recency, np.nan))
    assert [baseline.name for baseline in found] == ["recency", "customer_base"]
    assert found[0].roc_auc == pytest.approx(roc_auc_score(ready.bad[judged], recency[judged]))
    assert found[0].lift == (0, 0)
    assert {baseline.decisions for baseline in found} == {int(judged.sum())}


def test_a_model_that_ranks_as_recency_does_has_no_lift_and_one_that_knows_more_has() -> None:
    _, ready, _ = prepared()
    recency = ready.features["recency"].to_numpy()
    assert on_test(1 / (1 + np.exp(-recency / 10)))[0].lift == (0, 0)
    better = on_test(recency + 60 * ready.bad * (np.arange(len(recency)) % 2))
    assert all(baseline.lift[0] > 0 for baseline in better)


def test_a_model_worse_than_the_baselines_has_a_lift_below_zero() -> None:
    _, ready, _ = prepared()
    for baseline in on_test(-ready.features["recency"].to_numpy()):
        assert baseline.roc_auc > 0.6
        assert baseline.lift[1] < 0


def test_too_few_to_say_is_no_baseline() -> None:
    _, ready, _ = prepared()
    bads = np.flatnonzero(ready.part("test") & (ready.bad == 1))
    for count, names in ((19, []), (20, ["recency", "customer_base"])):
        risk = np.where((ready.bad == 1) & ~np.isin(np.arange(len(ready.bad)), bads[:count]), np.nan, 0.5)
        assert [baseline.name for baseline in on_test(risk)] == names


def with_silent(silent: np.ndarray, bad: np.ndarray, **attributes: np.ndarray) -> tuple[Dataset, Recipe]:
    """Decisions, the first half of them to train on, with attributes if any."""
    rows = len(bad)
    decisions = pl.DataFrame(
        {
            "CustomerId": [f"c{row}" for row in range(rows)],
            "as_of": AS_OF,
            "bad": bad,
            "part": ["train"] * (rows // 2) + ["test"] * (rows - rows // 2),
        }
    )
    known = tuple(Attribute(name, "number") for name in attributes)
    features = pl.DataFrame({"transaction_count": np.where(silent, 0.0, 5.0), **attributes})
    recipe = Recipe(DAYS, "observed_default", known)
    return Dataset(decisions, features, Catalogue(DAYS, {}, known), None, 0), recipe


NOTHING = pl.DataFrame({"recency": [1.0], "tenure": [9.0], "frequency": [3.0], "active_days": [3.0]})


def found(dataset: Dataset, recipe: Recipe, probability: np.ndarray) -> dict[str, Baseline]:
    rows = len(probability)
    measured = pl.concat([NOTHING] * rows)
    judged = np.where(dataset.part("test"), probability, np.nan)
    return {each.name: each for each in baselines_of(measured, dataset, judged, recipe, HORIZON)}


@pytest.mark.parametrize("riskier", [True, False])
def test_whether_there_is_any_history_is_judged_on_all_decisions(riskier: bool) -> None:
    random = np.random.default_rng(4)
    bad = (random.random(1_200) < 0.3).astype(np.int8)
    silent = ((bad == 1) == riskier) ^ (random.random(1_200) < 0.05)
    probability = np.where(silent, np.nan, 0.2 + 0.1 * bad + random.normal(0, 0.05, 1_200))
    lone = found(*with_silent(silent, bad), probability)["any_history"]
    test = np.arange(1_200) >= 600
    expected = roc_auc(bad[test], np.where(silent == riskier, 1.0, 0.0)[test])
    assert lone.roc_auc == pytest.approx(expected)
    assert lone.roc_auc > 0.9
    assert lone.decisions == test.sum()
    assert lone.lift[1] < 0


def test_the_best_attribute_alone_is_a_baseline_of_applications() -> None:
    random = np.random.default_rng(5)
    bad = (random.random(1_200) < 0.3).astype(np.int8)
    strong, weak = (size * bad + random.normal(size=1_200) for size in (1.0, 0.2))
    given = with_silent(np.ones(1_200, dtype=bool), bad, weak=weak, strong=strong)
    assert found(*given, strong + random.normal(0, 0.1, 1_200))["strong"].lift[1] > 0
    assert set(found(*given, weak)) == {"strong"}
    assert found(*given, weak)["strong"].lift[1] < 0
    assert found(*given, strong + bad)["strong"].lift[0] > 0
