"""On which side of what is typical of good customers a value lies, and what can be said of it there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.scoring.displayed import Style, rounded, shown_as

SIDES = ("", "high", "low", "missing", "is")
NOTHING, HIGH, LOW, MISSING, IS = range(len(SIDES))

Places = npt.NDArray[np.intp]
SideArray = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Input:
    """What can be said of one of a classifier's inputs.

    Attributes:
        feature: its name.
        topic: what it is about.
        typical: the text of what is typical of good customers.
        low: lower end of the typical range of a number, as shown; None where a number is typically absent, and of a text.
        high: its upper end.
        levels: typical levels of a text; None for a number.
        style: how its numbers are shown.
        sentences: by side (``high``, ``low``, ``missing`` or ``is``), the parts of a sentence between which the value stands.
            ``is`` is said of a text that is none of the typical levels, and of any number where it is typically absent.
            ``change`` says what a number would have to be.

    Example:
        >>> parts = ("You were last here ", " days ago; good customers 1 to 9.")
        >>> recency = Input("recency", "recency", "1 to 9", 1.0, 9.0, None, Style(decimals=0), {"high": parts})
        >>> recency.said(HIGH, 41.0)
        ('You were last here 41 days ago; good customers 1 to 9.', '41')
    """

    feature: str
    topic: str
    typical: str
    low: float | None
    high: float | None
    levels: tuple[str, ...] | None
    style: Style
    sentences: Mapping[str, tuple[str, ...]]

    def said(self, side: int, shown: float | str | None) -> tuple[str, str | None]:
        """The sentence, and the text of the value, which is rounded if it is a number."""
        value = self.style.number(shown) if isinstance(shown, float) else shown
        return (value or "").join(self.sentences[SIDES[side]]), value

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self) | {"style": self.style.to_dict()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Input":
        """The inverse of ``to_dict``."""
        levels = None if plain["levels"] is None else tuple(plain["levels"])
        sentences = {side: tuple(parts) for side, parts in plain["sentences"].items()}
        return cls(
            **(
                dict(plain)
                | {"levels": levels, "style": Style.from_dict(plain["style"]), "sentences": sentences}
            )
        )


class _Limits(NamedTuple):
    """What lies beyond the typical range of an input.

    Attributes:
        above: the greatest number within.
        below: the least one.
        over: the side of what is greater, and of texts that are not typical.
        under: the side of what is less.
        lacking: the side of what is missing.
    """

    above: float
    below: float
    over: int
    under: int
    lacking: int


@dataclass(frozen=True)
class Sides:
    """The sides of a classifier's inputs.

    Attributes:
        inputs: what can be said of each, in order.

    Example:
        >>> parts = {"high": ("You were last here ", " days ago.")}
        >>> recency = Input("recency", "recency", "1 to 9", 1.0, 9.0, None, Style(decimals=0), parts)
        >>> [SIDES[Sides((recency,)).of_value(0, days)] for days in (5.0, 9.4, 41.0)]
        ['', '', 'high']
    """

    inputs: tuple[Input, ...]

    def of_value(self, place: int, value: float | str | None) -> int:
        """The side of one value of the input at a place; 0 where nothing true can be said."""
        limits = self._limits[place]
        if isinstance(value, str):
            return NOTHING if value in (self.inputs[place].levels or ()) else limits.over
        if value is None or not isfinite(value):
            return limits.lacking
        return limits.over if value > limits.above else limits.under if value < limits.below else NOTHING

    def of_table(self, table: pl.DataFrame, numbers: FloatArray) -> SideArray:
        """The sides of many decisions, shape (n, number of inputs).

        Args:
            table: the inputs.
            numbers: from ``numbers_of``.
        """
        inside = np.where(numbers < self._below, self._under, NOTHING)
        known = np.where(numbers > self._above, self._over, inside)
        sides = np.where(np.isfinite(numbers), known, self._lacking).astype(np.int8)
        for place in self.texts:
            told, limits = self.inputs[place], self._limits[place]
            side = dict.fromkeys(told.levels or (), NOTHING) | {None: limits.lacking}
            sides[:, place] = [side.get(text, limits.over) for text in table[told.feature].to_list()]
        return sides

    def numbers_of(self, table: pl.DataFrame) -> FloatArray:
        """The numbers among the inputs, NaN for what is missing and for texts; shape (n, number of inputs)."""
        numbers = np.full((table.height, len(self.inputs)), np.nan)
        places = [place for place, told in enumerate(self.inputs) if told.levels is None]
        if places:
            numbers[:, places] = table.select(self.inputs[place].feature for place in places).to_numpy()
        return numbers

    def shown(self, numbers: FloatArray, places: Places) -> FloatArray:
        """Numbers of the inputs at some places as they are shown, both shape (k,); 0 for what is missing."""
        known = np.where(np.isfinite(numbers), numbers, 0.0)
        return rounded(known * self._scale[places], self._decimals[places])

    @cached_property
    def texts(self) -> tuple[int, ...]:
        """Places of the inputs that are texts."""
        return tuple(place for place, told in enumerate(self.inputs) if told.levels is not None)

    @cached_property
    def _limits(self) -> list[_Limits]:
        columns = (self._above, self._below, self._over, self._under, self._lacking)
        return [_Limits(*each) for each in zip(*(column.tolist() for column in columns), strict=True)]

    @cached_property
    def _above(self) -> FloatArray:
        """The greatest numbers that are shown within the typical range; all lie above where they are typically absent."""
        bounds = [-np.inf if told.high is None else told.high for told in self.inputs]
        return shown_as(np.array(bounds), self._scale, self._decimals, up=True)

    @cached_property
    def _below(self) -> FloatArray:
        """The least numbers that are shown within the typical range."""
        bounds = [-np.inf if told.low is None else told.low for told in self.inputs]
        return shown_as(np.array(bounds), self._scale, self._decimals, up=False)

    @cached_property
    def _over(self) -> SideArray:
        return np.where(self._if_told(IS), self._if_told(IS), self._if_told(HIGH))

    @cached_property
    def _under(self) -> SideArray:
        return self._if_told(LOW)

    @cached_property
    def _lacking(self) -> SideArray:
        return self._if_told(MISSING)

    def _if_told(self, side: int) -> SideArray:
        """A side for the inputs that have a sentence for it, 0 for the others."""
        return np.array([side * (SIDES[side] in told.sentences) for told in self.inputs], dtype=np.int8)

    @cached_property
    def _scale(self) -> FloatArray:
        return np.array([told.style.scale for told in self.inputs])

    @cached_property
    def _decimals(self) -> Places:
        return np.array([told.style.decimals for told in self.inputs], dtype=np.intp)
