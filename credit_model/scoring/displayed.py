"""Numbers as they are shown to a customer: rounded, with a unit, in the way of a language."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_model.arrays import FloatArray

DIGITS = 4
_POWERS = tuple(float(10**place) for place in range(16))  # a power computed by a library may be off by a bit
_POWER_OF = np.array(_POWERS)


@dataclass(frozen=True)
class Style:
    """How the numbers of one feature are shown.

    Attributes:
        scale: what a number is multiplied by: 100 for a share in percent.
        decimals: the most decimals shown.
        one: text with ``{number}`` for exactly 1.
        many: text with ``{number}`` for every other number, or a range.
        span: text with ``{low}`` and ``{high}`` for a range.
        decimal: the decimal mark.
        thousands: what stands between groups of three digits.
        names: words for whole numbers from 0 on, such as the days of the week; empty where numbers are shown.
        small: text for every number from 0 to below ``small_below``.
        small_below: see ``small``; 0 where there is no such text.

    Example:
        >>> Style(scale=100, decimals=1, many="{number}%").number(41.7)
        '41.7%'
        >>> Style(many="{number} days", small="less than a day", small_below=1.0).number(0.4)
        'less than a day'
        >>> Style(many="{number} UGX").span_of(1200.0, 35000.0)
        '1,200 to 35,000 UGX'
    """

    scale: float = 1.0
    decimals: int = 6
    one: str = "{number}"
    many: str = "{number}"
    span: str = "{low} to {high}"
    decimal: str = "."
    thousands: str = ","
    names: tuple[str, ...] = field(default=())
    small: str = ""
    small_below: float = 0.0

    def shown(self, number: float) -> float:
        """A finite number in the unit that is shown, rounded."""
        return rounded_one(number * self.scale, self.decimals)

    def number(self, shown: float) -> str:
        """A number that was rounded as by ``rounded``, as text with its unit."""
        if 0 <= shown < self.small_below:
            return self.small
        plain = self._plain(shown)
        return (self.one if plain == "1" else self.many).replace("{number}", plain)

    def span_of(self, low: float, high: float) -> str:
        """The text of the range between two rounded numbers, or of the one number where they are equal."""
        if low == high:
            return self.number(low)
        both = self.span.replace("{low}", self._plain(low)).replace("{high}", self._plain(high))
        return self.many.replace("{number}", both)

    def _plain(self, shown: float) -> str:
        if self.names and shown.is_integer() and 0 <= shown < len(self.names):
            return self.names[int(shown)]
        text = f"{shown:,.{self.decimals}f}"
        if self.decimals:
            text = text.rstrip("0").rstrip(".")
        if (self.thousands, self.decimal) == (",", "."):
            return text
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self) | {"names": list(self.names)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Style":
        """The inverse of ``to_dict``."""
        return cls(**(dict(plain) | {"names": tuple(plain["names"])}))


def rounded(numbers: FloatArray, decimals: npt.NDArray[np.intp] | int) -> FloatArray:
    """Round to four significant digits, but never a digit before the decimal point, and to at most some decimals.

    The result is the float nearest to the decimal number that is shown; greater numbers never become smaller ones.

    Args:
        numbers: finite, of any shape.
        decimals: the most decimals, at most 15, of a shape that fits.

    Example:
        >>> rounded(np.array([0.012345678, 41.23456, 123456.789]), 6).tolist()
        [0.01235, 41.23, 123457.0]
    """
    size = np.abs(numbers)
    before = np.floor(np.log10(np.where(size > 0, size, 1.0)))
    power = _POWER_OF[np.clip(DIGITS - 1 - before, 0, decimals).astype(np.intp)]
    result: FloatArray = np.rint(numbers * power) / power + 0.0
    return result


def rounded_one(number: float, decimals: int) -> float:
    """The same as ``rounded``, to the last bit, for one number.

    Example:
        >>> rounded_one(41.23456, decimals=6)
        41.23
    """
    before = floor(log10(abs(number))) if number else 0
    power = _POWERS[max(0, min(DIGITS - 1 - before, decimals))]
    return round(number * power) / power + 0.0


def shown_as(
    bounds: FloatArray, scale: FloatArray, decimals: npt.NDArray[np.intp], *, up: bool
) -> FloatArray:
    """The farthest numbers, upwards or downwards, that are still shown as given bounds, or on their inner side.

    Args:
        bounds: as shown, shape (n,); infinite ones stay.
        scale: of each, shape (n,).
        decimals: of each, shape (n,).
        up: whether the farthest above is asked for, or below.

    Example:
        Every number below 9.05 is shown as 9 with one decimal, or as less.

        >>> shown_as(np.array([9.0]), np.array([1.0]), np.array([1]), up=True).round(6).tolist()
        [9.05]
    """
    sign = 1.0 if up else -1.0
    finite = np.isfinite(bounds)
    goal = np.where(finite, bounds, 0.0)
    inner = goal / scale - sign * (1.0 + np.abs(goal))
    outer = goal / scale + sign * (1.0 + np.abs(goal))
    middle = inner / 2 + outer / 2
    while ((middle != inner) & (middle != outer)).any():  # until two neighbouring floats are left
        within = sign * rounded(middle * scale, decimals) <= sign * goal
        inner, outer = np.where(within, middle, inner), np.where(within, outer, middle)
        middle = inner / 2 + outer / 2
    return np.where(finite, inner, bounds)
