"""Synthetic transactions, from customers who buy until they drop out.

The process is buy-till-you-die (Schmittlein, Morrison and Colombo, Management Science 33, 1987) with
sessions: a customer arrives, opens sessions at a rate of their own, buys once or more in each, and leaves for
good at an unobserved drop-out time. Beyond that model, the drop-out depends on a latent segment and on
loyalty, which show in what is bought, at what price and with how many credits, and it announces itself: before it,
amounts shrink and refunds become more frequent.

Rows come in blocks of ``CUSTOMERS`` customers, each with the published number of transactions: memory is
bounded by a block however many customers there are, and more customers leave the earlier ones unchanged.
"""

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import polars as pl

from credit_model.arrays import IntArray
from credit_model.synthetic.amounts import credits_of, price
from credit_model.synthetic.constants import CUSTOMERS, DAYS, OFFERS, START, TRANSACTIONS
from credit_model.synthetic.customers import Window, draw_customers, moments, truth_frame
from credit_model.synthetic.loans import STATED, draw_loans, draw_people
from credit_model.synthetic.purchases import block_size, draw_purchases


def generate(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> Iterator[pl.DataFrame]:
    """Generate raw transactions, block by block.

    Args:
        customers: number of customers; each block of 3,742 has 95,662 rows over 90 days.
        days: length of the window from ``start``, in days.
        seed: the same arguments and seed give the same rows.
        start: start of the window, in UTC.

    Returns:
        Frames with the 16 columns of the Xente file, each of whole customers, in order of time.

    Raises:
        ValueError: fewer than one customer, less than one day, or a negative seed.
    """
    window = Window(start, days)
    return (_transactions(seed, block, window, wanted) for block, wanted in _blocks(customers, days, seed))


def transactions(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> pl.DataFrame:
    """All rows of ``generate`` in one frame in memory, in order of time; arguments and errors as there."""
    return pl.concat(generate(customers, days, seed, start)).sort("TransactionStartTime", maintain_order=True)


def truth(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> pl.DataFrame:
    """The hidden properties of each customer of ``generate`` with the same arguments.

    Returns:
        One row per customer: ``CustomerId``, ``segment``, ``loyalty`` (standard normal; the loyal stay
        longer), ``sessions_per_day``, ``first_purchase`` and ``dropout`` (no transaction is later; it may lie
        after the window).

    Raises:
        ValueError: fewer than one customer, less than one day, or a negative seed.
    """
    window = Window(start, days)
    return pl.concat(_truth(seed, block, window, wanted) for block, wanted in _blocks(customers, days, seed))


def loans(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> Iterator[pl.DataFrame]:
    """Past loans of the customers of ``generate`` with the same arguments, and of people without transactions.

    Returns:
        Frames, block by block, each in order of time: ``CustomerId``, ``as_of``, ``STATED``, ``defaulted`` (0, 1, null
        where undecided) and ``outcome_known_at`` (when the loan was due, perhaps after the window).

    Raises:
        ValueError: fewer than one customer, less than one day, or a negative seed.
    """
    window = Window(start, days)
    return (_past(seed, block, window, wanted) for block, wanted in _blocks(customers, days, seed))


def applications(
    customers: int = CUSTOMERS, days: int = DAYS, seed: int = 42, start: datetime = START
) -> Iterator[pl.DataFrame]:
    """Applications for new loans after those of ``loans``: in the last week, or last tenth of a window under ten weeks.

    Returns:
        Frames, block by block, each in order of time: ``CustomerId``, ``as_of`` and ``STATED``.

    Raises:
        ValueError: fewer than one customer, less than one day, or a negative seed.
    """
    window = Window(start, days)
    return (
        _asked(seed, block, window, wanted).filter("new").select("CustomerId", "as_of", *STATED)
        for block, wanted in _blocks(customers, days, seed)
    )


def _blocks(customers: int, days: int, seed: int) -> list[tuple[int, int]]:
    """Number of each block, and how many of its customers are wanted."""
    for name, value, least in (("customers", customers, 1), ("days", days, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name}={value} is too few; give {least} or more")
    starts = range(0, customers, CUSTOMERS)
    return [(block, min(CUSTOMERS, customers - first)) for block, first in enumerate(starts)]


def _stream(seed: int, block: int, part: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block, part)))


def _numbered(name: str, numbers: IntArray) -> pl.Series:
    return pl.select(pl.format(f"{name}_{{}}", pl.Series(numbers))).to_series()


def _identities(block: int, customer: IntArray) -> pl.Series:
    return _numbered("CustomerId", customer + block * CUSTOMERS + 1)


def _truth(seed: int, block: int, window: Window, wanted: int) -> pl.DataFrame:
    customers = draw_customers(_stream(seed, block, 0), window)
    return truth_frame(customers, window, _identities(block, np.arange(CUSTOMERS))).head(wanted)


def _transactions(seed: int, block: int, window: Window, wanted: int) -> pl.DataFrame:
    """The rows of the first customers of a block."""
    usual = draw_customers(_stream(seed, block, 0), Window(window.start, DAYS))
    customers = draw_customers(_stream(seed, block, 0), window)
    rng = _stream(seed, block, 1)
    rows, pace = block_size(customers, window, usual)
    purchases = price(rng, customers, draw_purchases(rng, customers, window, rows, pace))
    number = 1 + block * TRANSACTIONS * math.ceil(window.days / DAYS)
    purchases = purchases.with_columns(batch=number + rng.permutation(purchases.height))
    credits = credits_of(rng, purchases)
    coded = pl.concat([purchases.with_columns(platform=False), credits.with_columns(platform=True)])
    numbered = coded.with_columns(transaction=number + rng.permutation(coded.height))
    mine = numbered.filter(pl.col("customer") < wanted)
    return _decode(mine.sort("seconds", maintain_order=True), block, window)


def _past(seed: int, block: int, window: Window, wanted: int) -> pl.DataFrame:
    due = pl.col("as_of") + pl.duration(days="loan_days")
    return (
        _asked(seed, block, window, wanted)
        .filter(~pl.col("new"))
        .with_columns(outcome_known_at=pl.when(pl.col("defaulted").is_not_null()).then(due))
        .select("CustomerId", "as_of", *STATED, "defaulted", "outcome_known_at")
    )


def _asked(seed: int, block: int, window: Window, wanted: int) -> pl.DataFrame:
    """Every loan that the first customers of a block, and as many strangers, ask for."""
    rng = _stream(seed, block, 2)
    people = draw_people(rng, draw_customers(_stream(seed, block, 0), window))
    drawn = draw_loans(rng, people, window).filter(pl.col("person") % CUSTOMERS < wanted)
    person, microseconds = drawn["person"].to_numpy(), (drawn["seconds"] * 1e6).cast(pl.Int64).to_numpy()
    strangers = _numbered("Applicant", person % CUSTOMERS + block * CUSTOMERS + 1)
    named = _identities(block, person).zip_with(drawn["person"] < CUSTOMERS, strangers)
    return drawn.with_columns(CustomerId=named, as_of=moments(window, microseconds))


def _decode(rows: pl.DataFrame, block: int, window: Window) -> pl.DataFrame:
    """The 16 columns of coded rows; credits are booked on the platform's own account, number 0."""
    customer = rows["customer"].to_numpy()
    account = np.where(rows["platform"].to_numpy(), 0, customer + block * CUSTOMERS + 1)
    seconds = np.floor(rows["seconds"].to_numpy()).astype(np.int64)
    return pl.DataFrame(
        {
            "TransactionId": _numbered("TransactionId", rows["transaction"].to_numpy()),
            "BatchId": _numbered("BatchId", rows["batch"].to_numpy()),
            "AccountId": _numbered("AccountId", account),
            "SubscriptionId": _numbered("SubscriptionId", account),
            "CustomerId": _identities(block, customer),
            "CurrencyCode": pl.repeat("UGX", rows.height, eager=True),
            "CountryCode": pl.repeat(256, rows.height, dtype=pl.Int64, eager=True),
            "ProviderId": _offered("provider", rows["offer"]),
            "ProductId": _offered("product", rows["offer"]),
            "ProductCategory": _offered("category", rows["offer"]),
            "ChannelId": _numbered("ChannelId", rows["channel"].to_numpy()),
            "Amount": rows["Amount"],
            "Value": rows["Value"],
            "TransactionStartTime": moments(window, seconds * 1_000_000),
            "PricingStrategy": _offered("pricing", rows["offer"]),
            "FraudResult": rows["FraudResult"],
        }
    )


def _offered(field: str, offer: pl.Series) -> pl.Series:
    return pl.Series([getattr(each, field) for each in OFFERS]).gather(offer)
