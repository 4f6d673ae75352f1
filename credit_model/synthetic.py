"""Synthetic transactions, from customers who buy until they drop out.

The process is buy-till-you-die (Schmittlein, Morrison and Colombo, Management Science 33, 1987) with sessions: a
customer arrives, opens sessions at a rate of their own, buys once or more in each, and leaves for good at a drop-out
time that nobody sees. Beyond that model, the drop-out depends on a latent segment and on loyalty, which show in what is
bought, at what price and with how many credits, and it casts a shadow before it: tickets shrink, refunds multiply.

Rows come in blocks of ``CUSTOMERS`` customers, each with the published number of transactions, so that memory is
bounded by a block however many customers are asked for, and asking for more changes nothing of the earlier ones.
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import polars as pl

from credit_model.synthetic_calibration import (
    ADVANCE,
    ADVANCE_LIMIT,
    ADVANCE_RATE,
    CASHBACK,
    CASHBACK_LIMIT,
    CASHBACK_RATES,
    CASHBACK_WEIGHTS,
    CUSTOMERS,
    DAYS,
    EXPOSURE_SPREAD,
    FADED_TICKET,
    FEE_RATE,
    FRAUD_AMOUNTS,
    FRAUD_RANKS,
    FRAUDS,
    OFFERS,
    OTHER_CHANNEL,
    OTHER_CHANNEL_FADED,
    REFUND_LIMIT,
    START,
    TICKET_SPREAD,
    TRANSACTIONS,
)
from credit_model.synthetic_customers import (
    Customers,
    FloatArray,
    IntArray,
    Window,
    draw_customers,
    moments,
    segment_values,
    truth_frame,
)
from credit_model.synthetic_purchases import EARNED, NO_CREDIT, REFUNDED, block_size, draw_purchases

_LADDERS = [np.array(offer.ladder).T for offer in OFFERS]
_AMOUNTS = np.concatenate([amounts for amounts, _ in _LADDERS])
_AMOUNT_EDGES = np.concatenate([(w.cumsum() / w.sum()).round(12) + i for i, (_, w) in enumerate(_LADDERS)])
_CHANNELS = ("ChannelId_3", "ChannelId_1", "ChannelId_2", "ChannelId_5")
_SHOP, _OTHER, _CREDIT, _REFUND = range(4)


def generate(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> Iterator[pl.DataFrame]:
    """Generate raw transactions, block by block.

    Args:
        customers: number of customers; each block of 3,742 has 95,662 rows over 90 days.
        days: length of the window from ``start``.
        seed: one seed, one result.
        start: first moment, UTC.

    Yields:
        Frames with the 16 columns of the Xente file, each of whole customers, in order of time.

    Raises:
        ValueError: fewer than one customer, or less than one day.
    """
    for block, wanted in _blocks(customers, days):
        yield _transactions(seed, block, Window(start, days), wanted)


def transactions(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> pl.DataFrame:
    """All the rows of ``generate`` in one frame, in order of time; ``generate`` is for more than memory holds."""
    return pl.concat(generate(customers, days, seed, start)).sort("TransactionStartTime", maintain_order=True)


def truth(customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START) -> pl.DataFrame:
    """What the process knows of each customer of ``generate`` with the same arguments.

    Returns:
        One row per customer: ``CustomerId``, ``segment``, ``loyalty`` (standard normal), ``sessions_per_day``,
        ``first_purchase`` and ``dropout`` (no transaction is later; it may lie after the window).

    Raises:
        ValueError: fewer than one customer, or less than one day.
    """
    window = Window(start, days)
    return pl.concat(
        truth_frame(_customers(seed, block, window), window, _identities(block)).head(wanted)
        for block, wanted in _blocks(customers, days)
    )


def _blocks(customers: int, days: int) -> Iterator[tuple[int, int]]:
    """Number of each block, and how many of its customers are wanted."""
    if customers < 1 or days < 1:
        raise ValueError(f"customers={customers} and days={days}; both must be at least 1")
    for block in range(-(-customers // CUSTOMERS)):
        yield block, min(CUSTOMERS, customers - block * CUSTOMERS)


def _customers(seed: int, block: int, window: Window) -> Customers:
    return draw_customers(_stream(seed, block, 0), window)


def _stream(seed: int, block: int, part: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block, part)))


def _identities(block: int) -> pl.Series:
    return _numbered("CustomerId", np.arange(CUSTOMERS) + block * CUSTOMERS + 1)


def _numbered(name: str, numbers: IntArray) -> pl.Series:
    return pl.select(pl.format(f"{name}_{{}}", pl.Series(numbers))).to_series().alias(name)


def _transactions(seed: int, block: int, window: Window, wanted: int) -> pl.DataFrame:
    customers = _customers(seed, block, window)
    rows, pace = block_size(customers, window, _customers(seed, block, Window(window.start, DAYS)))
    rng = _stream(seed, block, 1)
    purchases = draw_purchases(rng, customers, window, rows, pace)
    coded = _with_credits(rng, _priced(rng, customers, purchases))
    first_number = block * TRANSACTIONS * -(-window.days // DAYS) + 1
    numbered = coded.with_columns(
        transaction=rng.permutation(coded.height) + first_number, batch=pl.col("purchase") + first_number
    )
    mine = numbered.filter(pl.col("customer") < wanted)
    return _decoded(mine, block, window)


def _priced(rng: np.random.Generator, customers: Customers, purchases: pl.DataFrame) -> pl.DataFrame:
    """Add ``amount`` (positive), ``fraud`` and ``channel`` to purchases."""
    customer, offer, fade = (purchases[name].to_numpy() for name in ("customer", "offer", "fade"))
    taste = segment_values("ticket")[customers.segment[customer]] - FADED_TICKET * fade
    taste += TICKET_SPREAD * customers.ticket[customer]
    amount = _ladder_amounts(offer, rng.logistic(size=len(offer)) + taste)
    fraud = _frauds(rng, customer, offer)
    amount[fraud] = _fraud_amounts(rng, len(fraud))
    other = rng.random(len(offer)) < OTHER_CHANNEL + OTHER_CHANNEL_FADED * fade
    return purchases.with_columns(
        purchase=pl.int_range(pl.len()),
        amount=amount,
        fraud=np.isin(np.arange(len(offer)), fraud),
        channel=np.where(offer == CASHBACK, _CREDIT, np.where(other, _OTHER, _SHOP)),
    )


def _ladder_amounts(offer: IntArray, taste: FloatArray) -> FloatArray:
    """The step of each offer's price ladder at a rank given in logits."""
    rank = np.clip(1.0 / (1.0 + np.exp(-taste)), 0.0, 1.0 - 1e-9)
    return _AMOUNTS[np.searchsorted(_AMOUNT_EDGES, offer + rank, side="right")]


def _frauds(rng: np.random.Generator, customer: IntArray, offer: IntArray) -> IntArray:
    """Positions of the fraudulent purchases: the published share, on few exposed customers, mostly on money."""
    exposure = np.exp(EXPOSURE_SPREAD * rng.standard_normal(CUSTOMERS))[customer]
    weights = exposure * _FRAUD_WEIGHTS[offer]
    race = rng.exponential(size=len(customer)) / np.maximum(weights, 1e-12)
    return np.sort(np.argsort(race, kind="stable")[: round(FRAUDS * len(customer) / _PURCHASES)])
