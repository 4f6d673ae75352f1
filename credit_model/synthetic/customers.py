"""A block of synthetic customers, with the properties that stay hidden from a model.

A block is one copy of the published population, drawn from its own stream of random numbers: it depends on
the seed and on its number, on no other block and not on how many there are.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from credit_model.arrays import FloatArray, IntArray
from credit_model.synthetic.constants import (
    CUSTOMERS,
    ESTABLISHED,
    ESTABLISHED_DAYS,
    HOURS,
    LOYALTY_SPREAD,
    OFFERS,
    SEGMENTS,
    SESSIONS_A_DAY_LIMIT,
    WEEKDAYS,
)

HOUR = 3600.0
DAY = 24 * HOUR
WEEK = 7 * DAY

_GOLDEN = (5**0.5 - 1) / 2
_HOURS = np.arange(7 * 24 + 1) * HOUR
_BUSY = np.concatenate([[0.0], np.outer(WEEKDAYS, HOURS).cumsum()]) * WEEK / np.outer(WEEKDAYS, HOURS).sum()
_OFFER_SHARES = np.array([offer.weights for offer in OFFERS]).T
_OFFER_EDGES = (_OFFER_SHARES.cumsum(axis=1) / _OFFER_SHARES.sum(axis=1, keepdims=True)).round(12)


@dataclass(frozen=True)
class Window:
    """The observed span, and its busy time: seconds that pass faster in the hours and days when people buy.

    A week is as long in busy time as on the clock; events spread evenly over it follow the hourly profile.
    """

    start: datetime
    days: int

    @property
    def last_session(self) -> float:
        """The last second, from the start, at which a session may open: sessions last less than an hour."""
        return self.days * DAY - HOUR

    @property
    def _since_monday(self) -> float:
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return self.start.weekday() * DAY + (self.start - midnight).total_seconds()

    def busy(self, seconds: FloatArray) -> FloatArray:
        """Busy time of clock time, in seconds from the start of the window."""
        weeks, rest = np.divmod(seconds + self._since_monday, WEEK)
        busy: FloatArray = weeks * WEEK + np.interp(rest, _HOURS, _BUSY)
        return busy

    def seconds(self, busy: FloatArray) -> FloatArray:
        """Clock time of busy time: the inverse of ``busy``."""
        weeks, rest = np.divmod(busy, WEEK)
        clock: FloatArray = weeks * WEEK + np.interp(rest, _BUSY, _HOURS)
        return clock - self._since_monday

    def between(self, first: FloatArray, last: FloatArray, share: FloatArray) -> FloatArray:
        """The clock time at a share, in [0, 1), of the busy time from ``first`` to ``last``."""
        begin, end = self.busy(first), self.busy(last)
        return np.clip(self.seconds(begin + share * (end - begin)), first, last)


@dataclass(frozen=True)
class Customers:
    """A block of customers; times are seconds from the start of the window.

    Attributes:
        segment: index into ``SEGMENTS``; the last customer of a block is the platform's float account.
        loyalty: standard normal; loyal customers stay longer.
        ticket: standard normal; a taste for high amounts.
        home: the offer that the customer mostly buys, as an index into ``OFFERS``.
        rate: sessions a day of busy time, before the block is brought to its size.
        first: first purchase.
        dropout: when the customer leaves for good, perhaps after the window.
    """

    segment: IntArray
    loyalty: FloatArray
    ticket: FloatArray
    home: IntArray
    rate: FloatArray
    first: FloatArray
    dropout: FloatArray


def segment_values(field: str) -> FloatArray:
    """One number per segment, in the order of ``SEGMENTS``."""
    return np.array([getattr(segment, field) for segment in SEGMENTS], dtype=np.float64)


def offers_at(segment: IntArray, share: FloatArray) -> IntArray:
    """The offer at a share, in [0, 1), of the weights of a segment."""
    edges = (_OFFER_EDGES + np.arange(len(SEGMENTS))[:, None]).ravel()
    drawn: IntArray = np.searchsorted(edges, segment + share, side="right") - segment * len(OFFERS)
    return drawn.clip(max=len(OFFERS) - 1)


def draw_customers(rng: np.random.Generator, window: Window) -> Customers:
    """Draw a block of customers: the ordinary ones, then the float account."""
    established = rng.random(CUSTOMERS) < ESTABLISHED
    segment = _segments(rng, established)
    loyalty, ticket, pace = rng.standard_normal((3, CUSTOMERS))
    lifetime = DAY * segment_values("lifetime")[segment] * np.exp(LOYALTY_SPREAD * loyalty)
    rate = segment_values("sessions")[segment] * np.exp(segment_values("spread")[segment] * pace)
    first = _arrivals(rng, established, window)
    stay = lifetime * rng.exponential(size=CUSTOMERS)
    return Customers(
        segment=segment,
        loyalty=loyalty,
        ticket=ticket,
        home=_homes(rng, segment, rate * np.minimum(stay, window.days * DAY)),
        rate=np.minimum(rate, SESSIONS_A_DAY_LIMIT),
        first=first,
        dropout=first + HOUR + stay,
    )


def truth_frame(customers: Customers, window: Window, identities: pl.Series) -> pl.DataFrame:
    """The hidden properties of each customer, one row per customer, with the columns of ``generate.truth``."""
    dropout = (customers.dropout * 1e6).astype(np.int64)
    return pl.DataFrame(
        {
            "CustomerId": identities,
            "segment": pl.Series([segment.name for segment in SEGMENTS]).gather(customers.segment),
            "loyalty": customers.loyalty,
            "sessions_per_day": customers.rate,
            "first_purchase": moments(window, (customers.first * 1e6).astype(np.int64)),
            "dropout": moments(window, dropout),
        }
    )


def moments(window: Window, microseconds: IntArray) -> pl.Series:
    """Microseconds from the start of the window as UTC datetimes."""
    origin = pl.Series([window.start], dtype=pl.Datetime("us")).cast(pl.Int64)[0]
    return pl.Series(microseconds + origin).cast(pl.Datetime("us"))


def _segments(rng: np.random.Generator, established: NDArray[np.bool_]) -> IntArray:
    draw = rng.random(CUSTOMERS)
    edges = [segment_values(field).cumsum() for field in ("newcomers", "established")]
    new, old = (np.searchsorted(edge, draw * edge[-1], side="right") for edge in edges)
    segment: IntArray = np.where(established, old, new)
    segment[-1] = len(SEGMENTS) - 1
    return segment


def _homes(rng: np.random.Generator, segment: IntArray, size: FloatArray) -> IntArray:
    """Home offers, taken in turn by size within a segment, so that no offer gets all the large customers."""
    share = np.empty(CUSTOMERS)
    share[np.lexsort((size, segment))] = (rng.random() + _GOLDEN * np.arange(CUSTOMERS)) % 1.0
    return offers_at(segment, share)


def _arrivals(rng: np.random.Generator, established: NDArray[np.bool_], window: Window) -> FloatArray:
    share = np.where(
        established, rng.exponential(ESTABLISHED_DAYS / window.days, CUSTOMERS), rng.random(CUSTOMERS)
    )
    share[-1] = 0.0
    zero = np.zeros(CUSTOMERS)
    return np.floor(window.between(zero, zero + window.last_session, np.minimum(share, 1.0)))
