"""Cells in a format that the user must name, such as a decimal comma: reported with the first row and the remedy.

A format is never guessed.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from credit_model.data.cells import read, times
from credit_model.data.formats import (
    MOMENTS,
    NUMBERS,
    SAY_COMMA,
    SAY_DATE_FORMAT,
    Place,
    commas,
    refuse,
    told,
)

_LOG = logging.getLogger(__name__)
_TIME = "TransactionStartTime"
_TIMES = ("unreadable as ISO-8601 times", SAY_DATE_FORMAT)
_COMMAS = ("written with a decimal comma, and unreadable so", SAY_COMMA)


def refuse_doubtful(transactions: pl.DataFrame, decimal: str | None, place: Place) -> None:
    """Refuse transactions whose times or amounts are certainly in another format than the one they are read in.

    Args:
        transactions: a table with the contract's column names.
        decimal: the decimal mark that the user named, or None.
        place: from a row number to its name in an error.

    Raises:
        ValueError: none of the times can be read, or an amount has a decimal comma and no decimal mark was named.
    """
    moments, _, unreadable = read(transactions[_TIME], times)
    if moments.null_count() == len(moments):
        refuse(_TIME, unreadable, *_TIMES, place)
    if decimal is None:
        for name in (name for name in NUMBERS if name in transactions.columns):
            refuse(name, commas(transactions[name]), *_COMMAS, place)


def warn(decisions: pl.DataFrame, numbers: Iterable[str], place: Place) -> None:
    """Warn of decisions with an ``as_of`` or a number in another format than it is read in; each is answered as invalid."""
    doubts = Doubts()
    if "as_of" in decisions.columns:
        doubts.see("as_of", read(decisions["as_of"], times)[2])
    for name in (name for name in numbers if name in decisions.columns):
        doubts.see(name, commas(decisions[name]))
    doubts.warn(place)


@dataclass
class Doubts:
    """Doubtful cells of a table that is read part by part.

    Attributes:
        found: by column, the number of doubtful cells and the first row with one, from 0.
    """

    found: dict[str, tuple[int, int]] = field(default_factory=dict)

    def see(self, name: str, doubtful: pl.Series, before: int = 0) -> None:
        """Count the doubtful cells of one column of a part, which has ``before`` rows before it."""
        if doubtful.any():
            count, first = self.found.get(name, (0, before + (doubtful.arg_max() or 0)))
            self.found[name] = count + int(doubtful.sum()), first

    def see_transactions(self, part: pl.DataFrame, unreadable: pl.Series, before: int) -> None:
        """Count the doubtful cells of a part of transactions; ``unreadable`` is true where a time could not be read."""
        self.see(_TIME, unreadable, before)
        for name in (name for name in NUMBERS if name in part.columns):
            self.see(name, commas(part[name]), before)

    def warn(self, place: Place) -> None:
        """Log a warning of one sentence for each column with doubtful cells."""
        for name, (count, first) in self.found.items():
            problem, remedy = _TIMES if name in MOMENTS else _COMMAS
            _LOG.warning("warning: %s", told(name, count, problem, remedy, place(first)))
