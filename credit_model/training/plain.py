"""The plain features: those that a first model would have.

With few bads, hundreds of features that overlap hide the few that matter; a candidate that is offered these alone is then the
better one, and always the clearer one.
"""

from collections.abc import Iterator

from credit_model.features.aggregates import NET_WINDOWS, RECENT_DAYS
from credit_model.features.catalogue import Catalogue
from credit_model.features.learned import AVERAGED

_TRANSACTIONS = (
    *("transaction_count", "recency", "tenure", "gap_mean", "gap_std"),
    *(f"{statistic}_transaction_amount" for statistic in ("total", "avg", "std", "min", "max")),
    *(f"balance_{statistic}" for statistic in ("now", "mean", "std", "min", "max")),
)
_IN_WINDOWS = ("count", "net", "gross", "balance_min")
_BY_LEVEL = ("share", "average_value", "recency")


def plain_features(catalogue: Catalogue) -> frozenset[str]:
    """Names of a catalogue's plain features.

    They are recency, frequency and amounts, the balance, windows of 30 to 180 days, how often, how lately and for how much each
    frequent ``ProductCategory`` and ``ChannelId`` occurs, the application's attributes, the balance and the turnover of at most
    90 days over each, and the ratios that the training was told.
    """
    return frozenset(_names(catalogue)) & catalogue.features.keys()


def _names(catalogue: Catalogue) -> Iterator[str]:
    yield from _TRANSACTIONS
    yield from (f"{measure}_{days}d" for measure in _IN_WINDOWS for days in NET_WINDOWS)
    for column in AVERAGED:
        for level in catalogue.levels.get(column, ()):
            yield from (f"{measure}_{column}_{level}" for measure in _BY_LEVEL)
    spent = f"gross_{RECENT_DAYS}d" if catalogue.history_days > RECENT_DAYS else "turnover"
    for attribute in catalogue.attributes:
        yield attribute.name
        yield from (f"{measure}_to_{attribute.name}" for measure in ("balance_now", spent))
    yield from (f"{upper}_to_{lower}" for upper, lower in catalogue.ratios)
