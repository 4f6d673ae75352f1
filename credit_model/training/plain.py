"""The plain features: those that a first model would have.

With few bads, hundreds of features that overlap hide the few that matter; a candidate that is offered these alone is then the
better one, and always the clearer one.
"""

from collections.abc import Iterator

from credit_model.features.aggregates import WINDOWS
from credit_model.features.catalogue import Catalogue

_TRANSACTIONS = (
    *("transaction_count", "recency", "tenure", "monetary", "gap_mean", "gap_std"),
    *(f"{statistic}_transaction_amount" for statistic in ("total", "avg", "std", "min", "max")),
    *(f"balance_{statistic}" for statistic in ("now", "mean", "std", "min", "max")),
)
_IN_WINDOWS = ("count", "debit", "credit", "net", "balance_min", "balance_mean")
_COLUMNS = ("ProductCategory", "ChannelId")
_OVER_ATTRIBUTES = ("balance_now", "turnover")


def plain_features(catalogue: Catalogue) -> frozenset[str]:
    """Names of a catalogue's plain features.

    They are recency, frequency and amounts, the balance, windows of 7 to 180 days, how much and how lately each frequent
    ``ProductCategory`` and ``ChannelId`` occurs, the application's attributes with what was spent and is left over each, and
    the ratios that the training was told.
    """
    return frozenset(_names(catalogue)) & catalogue.features.keys()


def _names(catalogue: Catalogue) -> Iterator[str]:
    yield from _TRANSACTIONS
    yield from (f"{measure}_{days}d" for measure in _IN_WINDOWS for days in WINDOWS)
    for column in _COLUMNS:
        for level in catalogue.levels.get(column, ()):
            yield from (f"{measure}_{column}_{level}" for measure in ("share", "recency"))
    for attribute in catalogue.attributes:
        yield attribute.name
        yield from (f"{measure}_to_{attribute.name}" for measure in _OVER_ATTRIBUTES)
    yield from (f"{upper}_to_{lower}" for upper, lower in catalogue.ratios)
