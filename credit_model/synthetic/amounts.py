"""Amounts of the purchases of a synthetic block, which of them are frauds, and the credits that follow."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from credit_model.arrays import FloatArray, IntArray
from credit_model.synthetic.constants import (
    ADVANCE,
    ADVANCE_LIMIT,
    ADVANCE_RATE,
    CASHBACK,
    CASHBACK_LIMIT,
    CASHBACK_RATES,
    CASHBACK_WEIGHTS,
    CREDIT_DELAY_SECONDS,
    EXPOSURE_SPREAD,
    FADED_TICKET,
    FEE_RATE,
    FRAUD_AMOUNTS,
    FRAUD_RANKS,
    FRAUDS,
    LOAN,
    OFFERS,
    REFUND_LIMIT,
    REFUNDED_FRAUD,
    TICKET_SPREAD,
    TRANSACTIONS,
)
from credit_model.synthetic.customers import Customers, segment_values
from credit_model.synthetic.purchases import CREDIT_CHANNEL, NO_CREDIT, REFUND_CHANNEL, REFUNDED

_LADDERS = [np.array(offer.ladder).T for offer in OFFERS]
_STEPS = np.concatenate([amounts for amounts, _ in _LADDERS])
_EDGES = np.concatenate([np.round(w.cumsum() / w.sum(), 12) + i for i, (_, w) in enumerate(_LADDERS)])
_FRAUD_WEIGHTS = np.array([offer.fraud for offer in OFFERS])
_FEES = np.array([FEE_RATE if offer.category == "utility_bill" else 0.0 for offer in OFFERS])


def price(rng: np.random.Generator, customers: Customers, purchases: pl.DataFrame) -> pl.DataFrame:
    """Add ``Amount`` and ``Value``, in currency units, and ``FraudResult``; amounts of the float account are negative."""
    customer, offer, fade = (purchases[name].to_numpy() for name in ("customer", "offer", "fade"))
    taste = segment_values("ticket")[customers.segment[customer]] + TICKET_SPREAD * customers.ticket[customer]
    amount = _ladder_amounts(offer, rng.logistic(size=len(offer)) + taste - FADED_TICKET * fade)
    rows = len(offer) + purchases["credit"].ne(NO_CREDIT).sum()
    weight = _FRAUD_WEIGHTS[offer] * np.where(purchases["credit"] == REFUNDED, REFUNDED_FRAUD, 1.0)
    fraud = _frauds(rng, customer, weight, round(FRAUDS * rows / TRANSACTIONS))
    amount[fraud] = _fraud_amounts(rng, len(fraud))
    return purchases.with_columns(
        Amount=np.where(offer == CASHBACK, -amount, amount),
        Value=(amount * (1.0 + _FEES[offer])).round().astype(np.int64),
        FraudResult=np.bincount(fraud, minlength=len(offer)),
    )


def credits_of(rng: np.random.Generator, purchases: pl.DataFrame) -> pl.DataFrame:
    """The credits that follow priced purchases, in the same columns, each before its session closes."""
    credited = purchases.filter(pl.col("credit") != NO_CREDIT)
    offer = credited["offer"].to_numpy()
    refunded = credited["credit"].to_numpy() == REFUNDED
    amount = _credit_amounts(rng, credited["Amount"].to_numpy(), offer, refunded)
    left = (credited["closes"] - credited["seconds"]).to_numpy()
    delay = left * -np.expm1(-rng.exponential(CREDIT_DELAY_SECONDS, len(left)) / left)
    return credited.with_columns(
        seconds=credited["seconds"].to_numpy() + delay,
        offer=np.where((offer == LOAN) & ~refunded, ADVANCE, CASHBACK),
        channel=np.where(refunded, REFUND_CHANNEL, CREDIT_CHANNEL),
        Amount=-amount,
        Value=amount.round().astype(np.int64),
        FraudResult=np.zeros(len(amount), dtype=np.int64),
    )


def _credit_amounts(
    rng: np.random.Generator, spent: FloatArray, offer: IntArray, refunded: NDArray[np.bool_]
) -> FloatArray:
    rate = rng.choice(CASHBACK_RATES, size=len(spent), p=CASHBACK_WEIGHTS)
    advance = ADVANCE_RATE * np.minimum(spent, ADVANCE_LIMIT)
    earned = np.where(offer == LOAN, advance, rate * np.minimum(spent, CASHBACK_LIMIT))
    return np.where(refunded, np.minimum(spent, REFUND_LIMIT), earned)


def _ladder_amounts(offer: IntArray, logit: FloatArray) -> FloatArray:
    """The step of each offer's price ladder at a rank given in logits."""
    rank = np.clip(1.0 / (1.0 + np.exp(-logit)), 0.0, 1.0 - 1e-9)
    return _STEPS[np.searchsorted(_EDGES, offer + rank, side="right")]


def _frauds(rng: np.random.Generator, customer: IntArray, weight: FloatArray, count: int) -> IntArray:
    """Positions of the frauds: few customers are exposed to them."""
    exposure = np.exp(EXPOSURE_SPREAD * rng.standard_normal(customer.max() + 1))[customer]
    race = rng.exponential(size=len(customer)) / (exposure * weight + 1e-12)
    return np.sort(np.argsort(race, kind="stable")[:count])


def _fraud_amounts(rng: np.random.Generator, count: int) -> FloatArray:
    """Amounts at equal steps of rank, in random order: their sum hardly moves."""
    logs = np.interp(np.linspace(0.0, 1.0, count), FRAUD_RANKS, np.log(FRAUD_AMOUNTS))
    return rng.permutation(np.exp(logs).round(-3))
