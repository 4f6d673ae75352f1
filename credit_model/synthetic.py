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

from credit_model.synthetic_amounts import CASHBACK, credits_of, price
from credit_model.synthetic_calibration import (
    CUSTOMERS,
    DAYS,
    OFFERS,
    OTHER_CHANNEL,
    OTHER_CHANNEL_FADED,
    START,
    TRANSACTIONS,
)
from credit_model.synthetic_customers import Customers, IntArray, Window, draw_customers, moments, truth_frame
from credit_model.synthetic_purchases import REFUNDED, block_size, draw_purchases


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


def truth(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> pl.DataFrame:
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
    """The rows of the first customers of a block."""
    customers = _customers(seed, block, window)
    rows, pace = block_size(customers, window, _customers(seed, block, Window(window.start, DAYS)))
    rng = _stream(seed, block, 1)
    purchases = price(rng, customers, draw_purchases(rng, customers, window, rows, pace))
    other = rng.random(purchases.height) < OTHER_CHANNEL + OTHER_CHANNEL_FADED * purchases["fade"].to_numpy()
    purchases = purchases.with_row_index("batch").with_columns(
        channel=np.select([purchases["offer"].to_numpy() == CASHBACK, other], [2, 1], 3), own=pl.lit(True)
    )
    credits = credits_of(rng, purchases).with_columns(
        channel=pl.when(pl.col("credit") == REFUNDED).then(5).otherwise(2).cast(pl.Int64), own=pl.lit(False)
    )
    coded = pl.concat([purchases, credits])
    first_number = block * TRANSACTIONS * -(-window.days // DAYS) + 1
    return _decoded(
        coded.with_columns(
            transaction=rng.permutation(coded.height) + first_number, batch=pl.col("batch") + first_number
        )
        .filter(pl.col("customer") < wanted)
        .sort("seconds", maintain_order=True),
        block,
        window,
    )


def _decoded(rows: pl.DataFrame, block: int, window: Window) -> pl.DataFrame:
    """The 16 columns of coded rows."""
    customer = rows["customer"].to_numpy() + block * CUSTOMERS + 1
    account = np.where(rows["own"].to_numpy(), customer, 0)
    named = {
        name: pl.Series([getattr(offer, name) for offer in OFFERS]).gather(rows["offer"])
        for name in ("product", "category", "provider", "pricing")
    }
    return pl.DataFrame(
        {
            "TransactionId": _numbered("TransactionId", rows["transaction"].to_numpy()),
            "BatchId": _numbered("BatchId", rows["batch"].to_numpy()),
            "AccountId": _numbered("AccountId", account),
            "SubscriptionId": _numbered("SubscriptionId", account),
            "CustomerId": _numbered("CustomerId", customer),
            "CurrencyCode": pl.repeat("UGX", rows.height, eager=True),
            "CountryCode": pl.repeat(256, rows.height, dtype=pl.Int64, eager=True),
            "ProviderId": named["provider"],
            "ProductId": named["product"],
            "ProductCategory": named["category"],
            "ChannelId": _numbered("ChannelId", rows["channel"].to_numpy()),
            "Amount": rows["Amount"],
            "Value": rows["Value"],
            "TransactionStartTime": moments(
                window, np.floor(rows["seconds"].to_numpy()).astype(np.int64) * 1_000_000
            ),
            "PricingStrategy": named["pricing"].cast(pl.Int64),
            "FraudResult": rows["FraudResult"],
        }
    )
