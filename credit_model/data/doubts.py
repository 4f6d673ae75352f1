"""Cells that would be read if the user said how they are written: told with the first row and the remedy, never guessed."""

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
    """Refuse transactions that are surely written otherwise than they are read.

    Args:
        transactions: under the contract's names.
        decimal: what is said of the decimal mark, or None.
        place: row -> what to call it in an error.

    Raises:
        ValueError: none of the times can be read, or an amount has a decimal comma of which nothing is said.
    """
    moments, _, unreadable = read(transactions[_TIME], times)
    if moments.null_count() == len(moments):
        refuse(_TIME, unreadable, *_TIMES, place)
    if decimal is None:
        for name in (name for name in NUMBERS if name in transactions.columns):
            refuse(name, commas(transactions[name]), *_COMMAS, place)


def warn(decisions: pl.DataFrame, numbers: Iterable[str], place: Place) -> None:
    """Warn of decisions whose ``as_of`` or numbers are written otherwise than they are read; each is answered as invalid."""
    doubts = Doubts()
    if "as_of" in decisions.columns:
        doubts.see("as_of", read(decisions["as_of"], times)[2])
    for name in (name for name in numbers if name in decisions.columns):
        doubts.see(name, commas(decisions[name]))
    doubts.warn(place)


@dataclass
class Doubts:
    """Doubtful cells of a table that is seen part by part.

    Attributes:
        found: by column, how many there are and the first row.
    """

    found: dict[str, tuple[int, int]] = field(default_factory=dict)

    def see(self, name: str, doubtful: pl.Series, before: int = 0) -> None:
        """Count the cells of a part that comes after so many rows."""
        if doubtful.any():
            count, first = self.found.get(name, (0, before + (doubtful.arg_max() or 0)))
            self.found[name] = count + int(doubtful.sum()), first

    def see_transactions(self, part: pl.DataFrame, unreadable: pl.Series, before: int) -> None:
        """Count the cells of transactions, whose times were read already."""
        self.see(_TIME, unreadable, before)
        for name in (name for name in NUMBERS if name in part.columns):
            self.see(name, commas(part[name]), before)

    def warn(self, place: Place) -> None:
        """Say what was found, a sentence for each column."""
        for name, (count, first) in self.found.items():
            problem, remedy = _TIMES if name in MOMENTS else _COMMAS
            _LOG.warning("warning: %s", told(name, count, problem, remedy, place(first)))
