"""The constants of the synthetic generator: who buys what, how often, for how much, and when they leave.

They were fitted to published aggregates of the Xente transaction file; no row of it is here. Shares and
weights are relative to their neighbours, rates are a day, durations are in days unless a name says otherwise.
"""

from dataclasses import dataclass
from datetime import datetime

# The published file: its span, its size, and its one account that books nothing but credits.
START = datetime(2018, 11, 15, 2, 18, 49)
DAYS = 90
CUSTOMERS = 3742
TRANSACTIONS = 95662
FRAUDS = 193
FLOAT_TRANSACTIONS = 4091

# Arrival and pace. Established customers are those from before the window; they show up in its first days.
ESTABLISHED = 0.105
ESTABLISHED_DAYS = 1.2
LOYALTY_SPREAD = 0.9
SESSIONS_A_DAY_LIMIT = 9.0
FIRST_MORE = 1.4  # purchases of a first session beyond two, where it is not a single one
PURCHASE_GAP_SECONDS = 90.0

# How many rows these make, and how many more are drawn than kept.
FIRST_ROWS = 3.85
ROWS_A_SESSION = 2.35
MARGIN = 1.1

# What changes in the last days before the drop-out.
FADE_DAYS = 14.0
FADED_TICKET = 1.5
FADED_CREDIT = 0.5
REFUND = 0.01
REFUND_FADED = 0.15
OTHER_CHANNEL = 0.006
OTHER_CHANNEL_FADED = 0.07

# Amounts: personal taste, credits as shares of the purchase, fees on bills, frauds on few exposed customers.
TICKET_SPREAD = 0.7
CREDIT_LOYALTY = 0.15
CREDIT_DELAY_SECONDS = 25.0
CASHBACK_RATES = (0.02, 0.05, 0.10)
CASHBACK_WEIGHTS = (0.28, 0.67, 0.05)
CASHBACK_LIMIT = 100_000.0
ADVANCE_RATE = 0.5
ADVANCE_LIMIT = 10_000.0
REFUND_LIMIT = 1_000_000.0
FEE_RATE = 0.09
EXPOSURE_SPREAD = 3.2
REFUNDED_FRAUD = 2.5  # how much likelier a purchase that is refunded is a fraud
FRAUD_RANKS = (0.0, 0.05, 0.20, 0.40, 0.60, 0.75, 0.90, 0.97, 1.0)
FRAUD_AMOUNTS = (1e3, 6e4, 2e5, 5e5, 9.5e5, 2.4e6, 4.8e6, 6e6, 9.88e6)

# Transactions by hour of the day, and days of the week from Monday.
HOURS = (
    168, 176, 289, 714, 2329, 4161, 5325, 5723, 5639, 5443, 5986, 6226,
    5262, 5224, 5179, 6285, 7306, 7291, 6332, 5132, 3026, 1479, 683, 284,
)  # fmt: skip
WEEKDAYS = (1.0, 1.05, 1.05, 1.05, 1.3, 0.75, 0.7)


@dataclass(frozen=True)
class Segment:
    """A latent kind of customer.

    Attributes:
        newcomers: share among the customers who arrive during the window.
        established: share among those who were customers before it.
        lifetime: mean time from the first purchase to the drop-out, for a customer of average loyalty.
        sessions: median number of sessions a day, before a block is brought to its size.
        spread: standard deviation of the logarithm of that number between customers.
        single: share of first sessions that are one purchase.
        again: probability that a session goes on after a purchase.
        home: share of purchases that are of the customer's home offer.
        credit: factor on the probability that a purchase earns a credit.
        ticket: shift of the amounts, in logits of their rank on the price ladder.
    """

    name: str
    newcomers: float
    established: float
    lifetime: float
    sessions: float
    spread: float
    single: float
    again: float
    home: float
    credit: float
    ticket: float


SEGMENTS = (
    Segment("trier", 0.295, 0.02, 0.2, 0.05, 0.35, 0.83, 0.40, 0.95, 0.25, 0.3),
    Segment("borrower", 0.24, 0.15, 12.5, 0.13, 0.85, 0.02, 0.27, 0.80, 0.9, 0.2),
    Segment("regular", 0.255, 0.42, 170.0, 0.135, 0.95, 0.42, 0.28, 0.92, 0.9, 0.0),
    Segment("biller", 0.175, 0.22, 275.0, 0.35, 0.66, 0.24, 0.42, 0.88, 1.0, 0.2),
    Segment("agent", 0.03, 0.19, 64.0, 1.55, 1.0, 0.09, 0.23, 0.60, 1.1, -0.3),
    Segment("float", 0.0, 0.0, 1e4, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
)

# Prices of an offer in UGX, ascending, with the weight of each.
Ladder = tuple[tuple[float, float], ...]

AIRTIME: Ladder = (
    (200, 0.3), (500, 13.7), (600, 1.0), (700, 0.6), (800, 0.5), (900, 0.8), (1000, 42.0), (1100, 0.7),
    (1200, 1.2), (1300, 0.5), (1400, 0.4), (1500, 3.9), (1800, 0.9), (2000, 12.0), (2500, 1.6), (3000, 3.8),
    (3500, 1.5), (4000, 2.0), (4500, 0.4), (5000, 7.2), (6000, 0.8), (7000, 0.5), (8000, 0.4), (9000, 0.4),
    (10000, 3.0), (15000, 0.5), (20000, 0.6), (50000, 0.2), (100000, 0.05),
)  # fmt: skip
MONEY: Ladder = (
    (500, 1.5), (1000, 4.0), (2000, 3.0), (5000, 13.0), (6000, 2.5), (10000, 55.0), (11000, 4.0),
    (12000, 2.0), (15000, 2.5), (20000, 5.0), (30000, 2.0), (50000, 2.0), (80000, 0.8), (100000, 0.8),
    (160000, 0.5), (200000, 0.5), (300000, 0.2), (500000, 0.12), (1000000, 0.08), (2000000, 0.03),
)  # fmt: skip
BILL: Ladder = (
    (2000, 6.0), (5000, 14.0), (10000, 22.0), (12000, 6.0), (15000, 8.0), (20000, 16.0), (30000, 10.0),
    (50000, 10.0), (80000, 4.0), (100000, 2.5), (200000, 1.0), (500000, 0.2),
)  # fmt: skip
BUNDLE: Ladder = (
    (500, 12.0), (1000, 32.0), (2000, 20.0), (5000, 16.0), (10000, 8.0), (20000, 6.0), (35000, 6.0),
)  # fmt: skip
TELEVISION: Ladder = (
    (3500, 18.0), (4000, 8.0), (11000, 34.0), (15000, 8.0), (20000, 12.0), (39000, 12.0), (80000, 8.0),
)  # fmt: skip
TICKET: Ladder = (
    (15000, 20.0), (20000, 20.0), (50000, 20.0), (100000, 18.0), (200000, 14.0), (500000, 6.0),
    (1000000, 2.0),
)  # fmt: skip
FLOAT: Ladder = (
    (5000, 2.0), (10000, 7.0), (15000, 7.5), (20000, 6.0), (25000, 48.0), (30000, 18.5), (35000, 2.0),
    (40000, 4.5), (50000, 3.5), (60000, 0.5), (100000, 0.4), (200000, 0.1),
)  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """Something that can be bought, or a credit that can be booked.

    Attributes:
        ladder: prices and their weights.
        credit: probability that a purchase earns a credit a few seconds later.
        fraud: weight in the draw of frauds.
        weights: how much each segment buys of it, in the order of ``SEGMENTS``.
    """

    product: str
    category: str
    provider: str
    pricing: int
    ladder: Ladder
    credit: float
    fraud: float
    weights: tuple[float, ...]


OFFERS = (
    Offer("ProductId_10", "airtime", "ProviderId_6", 2, AIRTIME, 0.57, 0.3, (12, 9.8, 36, 22, 31, 0)),
    Offer("ProductId_3", "airtime", "ProviderId_6", 2, AIRTIME, 0.57, 0.3, (14, 13, 36, 26, 42, 0)),
    Offer("ProductId_4", "airtime", "ProviderId_5", 2, AIRTIME, 0.57, 0.3, (3.5, 2.9, 4.5, 4.1, 4.8, 0)),
    Offer("ProductId_1", "airtime", "ProviderId_3", 2, AIRTIME, 0.57, 1.0, (29, 10, 5, 3, 7.5, 0)),
    Offer("ProductId_5", "airtime", "ProviderId_1", 2, AIRTIME, 0.57, 0.3, (0.4, 0.4, 0.7, 2.1, 0.4, 0)),
    Offer(
        "ProductId_15", "financial_services", "ProviderId_5", 4, MONEY, 0.72, 5.0, (7.8, 43, 9.7, 12, 11, 0)
    ),
    Offer(
        "ProductId_13", "financial_services", "ProviderId_5", 2, MONEY, 0.58, 20.0, (24, 15, 3.8, 9.8, 2.9, 0)
    ),
    Offer(
        "ProductId_22",
        "financial_services",
        "ProviderId_1",
        2,
        MONEY,
        0.58,
        20.0,
        (4.8, 2.1, 0.5, 1.7, 0.3, 0),
    ),
    Offer("ProductId_21", "utility_bill", "ProviderId_1", 1, BILL, 0.58, 3.0, (0.8, 0.9, 1.2, 6.6, 0.4, 0)),
    Offer("ProductId_19", "data_bundles", "ProviderId_6", 2, BUNDLE, 0.58, 0.0, (0.8, 0.9, 0.8, 2.4, 0.9, 0)),
    Offer("ProductId_2", "data_bundles", "ProviderId_1", 2, BUNDLE, 0.58, 0.0, (0.8, 0.9, 0.8, 3.3, 0.4, 0)),
    Offer("ProductId_11", "tv", "ProviderId_1", 2, TELEVISION, 0.58, 0.0, (0.8, 0.8, 0.9, 4.9, 0.4, 0)),
    Offer("ProductId_8", "ticket", "ProviderId_1", 0, TICKET, 0.58, 0.0, (1.1, 0.35, 0.22, 0.6, 0.02, 0)),
    Offer("ProductId_24", "movies", "ProviderId_1", 0, TICKET, 0.58, 0.0, (1.0, 0.32, 0.20, 0.42, 0.015, 0)),
    Offer("ProductId_20", "transport", "ProviderId_2", 2, TICKET, 0.58, 5.0, (0.14, 0.05, 0.02, 0.09, 0, 0)),
    Offer("ProductId_9", "other", "ProviderId_2", 2, BUNDLE, 0.58, 0.0, (0.02, 0.01, 0.006, 0.006, 0, 0)),
    Offer("ProductId_6", "financial_services", "ProviderId_4", 2, FLOAT, 0.0, 0.0, (0, 0, 0, 0, 0, 1)),
    Offer("ProductId_14", "airtime", "ProviderId_4", 4, AIRTIME, 0.0, 0.0, (0, 0, 0, 0, 0, 0)),
)

PRODUCTS = tuple(offer.product for offer in OFFERS)
LOAN = PRODUCTS.index("ProductId_15")  # its credit is an advance, half of it
CASHBACK = PRODUCTS.index("ProductId_6")
ADVANCE = PRODUCTS.index("ProductId_14")
