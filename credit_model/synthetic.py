"""Synthetic transactions, from customers who buy until they drop out.

The process is buy-till-you-die (Schmittlein, Morrison and Colombo, Management Science 33, 1987) with sessions: a
customer arrives, opens sessions at a rate of their own, buys once or more in each, and leaves for good at a drop-out
time that nobody sees. Beyond that model, the drop-out depends on a latent segment and on loyalty, which show in what is
bought, at what price and with how many credits, and it casts a shadow before it: tickets shrink, refunds multiply.

Rows come in blocks of ``CUSTOMERS`` customers, each with the published number of transactions, so that memory is
bounded by a block however many customers are asked for, and more customers change nothing of the earlier ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
    FADE,
    FADE_DAYS,
    FEE_RATE,
    FIRST_ROWS,
    FLOAT_TRANSACTIONS,
    FRAUD_AMOUNTS,
    FRAUD_RANKS,
    FRAUDS,
    HOME,
    LOYALTY,
    MARGIN,
    OFFERS,
    PHONE_CHANNEL,
    REFUND,
    REFUND_LIMIT,
    ROWS_A_SESSION,
    START,
    TRANSACTIONS,
)
from credit_model.synthetic_customers import (
    DAY,
    HOUR,
    Customers,
    FloatArray,
    IntArray,
    Window,
    draw_customers,
    moments,
    random_offers,
    segment_values,
    truth_frame,
)

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Purchases:
    """Purchases of a block, one element each.

    Attributes:
        customer: index into the block's customers.
        seconds: from the start of the window.
        rank: order in which sessions are kept when the block is cut to its size; 0 is always kept.
        fade: 0 for a customer far from the drop-out, rising to 1 at it.
        offer: index into ``OFFERS``.
        credit: one of ``_NONE``, ``_EARNED``, ``_REFUND``: what follows the purchase.
    """

    customer: IntArray
    seconds: FloatArray
    rank: FloatArray
    fade: FloatArray
    offer: IntArray
    credit: IntArray
