"""What a model must beat: each baseline ranks as its theory says, in the decisions' order."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from credit_model.data.transactions import Tidy, tidy_table
from credit_model.metrics import roc_auc
from credit_model.training.baselines import customer_base_risk, purchases, recency_risk
from credit_model.training.rfm import outcome_rfm, rfm

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
