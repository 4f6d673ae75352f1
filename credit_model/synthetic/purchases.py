"""Purchases of the synthetic customers of a block: sessions, what is bought in them, whether a credit follows."""

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray, IntArray
from credit_model.synthetic.constants import (
    CASHBACK,
    CREDIT_LOYALTY,
    DAYS,
    FADE_DAYS,
    FADED_CREDIT,
    FIRST_MORE,
    FIRST_ROWS,
    FLOAT_TRANSACTIONS,
    MARGIN,
    OFFERS,
    OTHER_CHANNEL,
    OTHER_CHANNEL_FADED,
    PURCHASE_GAP_SECONDS,
    REFUND,
    REFUND_FADED,
    ROWS_A_SESSION,
    TRANSACTIONS,
)
from credit_model.synthetic.customers import DAY, HOUR, Customers, Window, offers_at, segment_values

NO_CREDIT, EARNED, REFUNDED = 0, 1, 2
OTHER_SALES_CHANNEL, CREDIT_CHANNEL, SALES_CHANNEL, REFUND_CHANNEL = 1, 2, 3, 5

_CREDITS = np.array([offer.credit for offer in OFFERS])


def block_size(customers: Customers, window: Window, usual: Customers) -> tuple[int, float]:
    """The number of rows of a block: the published number in the published span, in proportion in any other.

    Args:
        customers: the block, drawn for the window.
        window: the window to fill.
        usual: the same block, drawn for the published span.

    Returns:
        The number of rows, and the factor on the session rates that yields a few more.
    """
    expected = _expected_sessions(customers, window).sum()
    usually = _expected_sessions(usual, Window(window.start, DAYS)).sum()
    first_rows = FIRST_ROWS * len(customers.first)
    later_rows = TRANSACTIONS - FLOAT_TRANSACTIONS - first_rows
    rows = first_rows + _float_transactions(window) + later_rows * expected / usually
    return round(rows), MARGIN * later_rows / (ROWS_A_SESSION * usually)


def draw_purchases(
    rng: np.random.Generator, customers: Customers, window: Window, rows: int, pace: float
) -> pl.DataFrame:
    """The purchases of a block, as many as make the given number of rows with their credits.

    Returns:
        One row per purchase: ``customer`` (index into the block), ``seconds`` from the start of the window,
        ``closes`` (before which all of its session happens), ``fade`` (0 far from the drop-out, rising to 1
        at it), ``offer`` (index into ``OFFERS``), ``credit`` (what follows: ``NO_CREDIT``, ``EARNED`` or
        ``REFUNDED``) and ``channel``.
    """
    customer, opens, rank = _sessions(rng, customers, window, pace)
    session, seconds = _within_sessions(rng, customers, customer, opens)
    buyer = customer[session]
    fade = _fade(customers, buyer, seconds)
    segment = customers.segment[buyer]
    at_home = rng.random(len(buyer)) < segment_values("home")[segment]
    offer = np.where(at_home, customers.home[buyer], offers_at(segment, rng.random(len(buyer))))
    purchases = pl.DataFrame(
        {
            "customer": buyer,
            "seconds": seconds,
            "closes": opens[session] + HOUR,
            "fade": fade,
            "offer": offer,
            "credit": _credits(rng, customers, buyer, fade, offer),
            "channel": _channels(rng, offer, fade),
            "rank": rank[session],
        }
    )
    return _cut(purchases, rows)


def _expected_sessions(customers: Customers, window: Window) -> FloatArray:
    last = _last_session(customers, window)
    sessions = customers.rate * (window.busy(last) - window.busy(customers.first)) / DAY
    sessions[-1] = 0.0
    return sessions


def _last_session(customers: Customers, window: Window) -> FloatArray:
    return np.minimum(customers.dropout - HOUR, window.last_session)


def _float_transactions(window: Window) -> int:
    return max(1, round(FLOAT_TRANSACTIONS * window.days / DAYS))


def _sessions(
    rng: np.random.Generator, customers: Customers, window: Window, pace: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Customer, opening time and rank of each session; the first ones of the customers come first."""
    later = rng.poisson(pace * _expected_sessions(customers, window))
    later[-1] = _float_transactions(window) - 1
    everyone = np.arange(len(later))
    returning = np.repeat(everyone, later)
    opens = window.between(
        customers.first[returning], _last_session(customers, window)[returning], rng.random(len(returning))
    )
    rank = np.where(returning == everyone[-1], 0.0, rng.random(len(returning)))
    return (
        np.concatenate([everyone, returning]),
        np.concatenate([customers.first, opens]),
        np.concatenate([np.zeros(len(everyone)), rank]),
    )


def _within_sessions(
    rng: np.random.Generator, customers: Customers, customer: IntArray, opens: FloatArray
) -> tuple[IntArray, FloatArray]:
    """The session and the time of each purchase; the first purchase opens its session."""
    again = segment_values("again")[customers.segment[customer]]
    size = rng.geometric(1.0 - again)
    everyone = len(customers.first)
    single = rng.random(everyone) < segment_values("single")[customers.segment]
    size[:everyone] = np.where(single, 1, 2 + rng.poisson(FIRST_MORE, everyone))
    session = np.repeat(np.arange(len(size)), size)
    begins = size.cumsum() - size
    elapsed = rng.exponential(PURCHASE_GAP_SECONDS, len(session)).cumsum()
    elapsed -= elapsed[begins][session]
    return session, opens[session] + HOUR * -np.expm1(-elapsed / HOUR)


def _fade(customers: Customers, buyer: IntArray, seconds: FloatArray) -> FloatArray:
    dropout = customers.dropout[buyer]
    begins = np.maximum(customers.first[buyer], dropout - FADE_DAYS * DAY)
    return np.clip((seconds - begins) / (dropout - begins), 0.0, 1.0)


def _credits(
    rng: np.random.Generator, customers: Customers, buyer: IntArray, fade: FloatArray, offer: IntArray
) -> IntArray:
    favour = segment_values("credit")[customers.segment[buyer]] * (
        1 + CREDIT_LOYALTY * customers.loyalty[buyer]
    )
    earned = _CREDITS[offer] * favour * (1 - FADED_CREDIT * fade)
    refunded = np.where(offer == CASHBACK, 0.0, REFUND + (REFUND_FADED - REFUND) * fade)
    draw = rng.random(len(offer))
    return np.where(draw < refunded, REFUNDED, np.where(draw < refunded + earned, EARNED, NO_CREDIT))


def _channels(rng: np.random.Generator, offer: IntArray, fade: FloatArray) -> IntArray:
    other = rng.random(len(offer)) < OTHER_CHANNEL + OTHER_CHANNEL_FADED * fade
    return np.where(offer == CASHBACK, CREDIT_CHANNEL, np.where(other, OTHER_SALES_CHANNEL, SALES_CHANNEL))


def _cut(purchases: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Keep rank 0 and the next sessions that make the number of rows; the last credit may not fit."""
    credited = (pl.col("credit") != NO_CREDIT).cast(pl.Int64)
    before = (1 + credited).cum_sum() - 1 - credited
    always = pl.col("rank") == 0
    fits = always | (pl.col("before") + 1 < rows)
    return (
        purchases.sort("rank", maintain_order=True)
        .with_columns(before=before)
        .filter(always | (pl.col("before") < rows))
        .with_columns(credit=pl.when(fits).then("credit").otherwise(NO_CREDIT))
        .drop("rank", "before")
    )
