"""What the parts of Polars' expressions do to the few rows of one decision, in NumPy: the same, to the last bit.

A row's number is null where it is NaN; a text is null where it is None.
"""

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Value = float | str | None

_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_THURSDAY = 3  # 1970-01-01, counted from Monday


class Texts(NamedTuple):
    """A column of texts: the code of each cell, the texts by code, and the codes by text; null has a code too."""

    codes: npt.NDArray[np.intp]
    texts: list[str | None]
    places: dict[str | None, int]


def coded(cells: Sequence[str | None]) -> Texts:
    """Texts with their codes, in order of first appearance."""
    places = {text: code for code, text in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(places.__getitem__, cells), dtype=np.intp, count=len(cells))
    return Texts(codes, list(places), places)


def series(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | pl.Series:
    """What ``OF_SERIES`` adds up: numbers as Polars has them; truths stay as they are."""
    return values if values.dtype == np.bool_ else pl.Series(values, nan_to_null=True)


def _float(value: Any) -> Any:
    return value.astype(np.float64) if isinstance(value, np.ndarray) else float(value)


def _differs(left: Any, right: Any) -> Any:
    return (left < right) | (left > right)


def _is(left: Any, right: Any) -> Any:
    """Equal, where null is equal to nothing but null."""
    return left.codes == left.places.get(right, -1) if isinstance(left, Texts) else left == right


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    """``when``, for rows and for one value."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, then, otherwise)
    return then if condition else otherwise


def _shift(values: npt.NDArray[Any], places: int) -> npt.NDArray[np.float64]:
    """Later by some rows; whole numbers below 2^53, as microseconds until 2255 are, stay exact."""
    return np.concatenate([np.full(places, np.nan), values[:-places]])


def _shift_and_fill(values: npt.NDArray[Any], places: int, value: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.full(places, value), values[:-places]])


def _drop_nulls(values: npt.NDArray[Any] | Texts) -> Any:
    if isinstance(values, Texts):
        return values._replace(codes=values.codes[values.codes != values.places.get(None, -1)])
    return values[~np.isnan(values)]


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # noqa: PLR0124, NaN is null


def _fill_null(value: Value, other: Value) -> Value:
    return value if _is_known(value) else other


def _first(values: Any) -> Any:
    return _item(values, 0)


def _last(values: Any) -> Any:
    return _item(values, -1)


def _item(values: Any, place: int) -> Any:
    if isinstance(values, Texts):
        return values.texts[values.codes[place]]
    return values[place].item() if len(values) else np.nan


def _sum(values: npt.NDArray[np.bool_] | pl.Series) -> float:
    return float(np.count_nonzero(values) if isinstance(values, np.ndarray) else values.sum())


def _statistic(name: str, values: pl.Series) -> float:
    found = getattr(values, name)()
    return np.nan if found is None else float(found)


def _extreme(further: np.ufunc, values: npt.NDArray[Any]) -> float:
    return float(further.reduce(values))


def _different(values: npt.NDArray[Any] | Texts) -> int:
    if isinstance(values, Texts):
        return int(np.count_nonzero(np.bincount(values.codes)))
    return len(set(values.tolist()))


def _known_count(values: npt.NDArray[Any]) -> int:
    return int(np.count_nonzero(~np.isnan(values)))


def _hour(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return moments // _HOUR % 24


def _weekday(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (moments // _DAY + _THURSDAY) % 7 + 1


def _date(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return moments // _DAY


def _calendar(part: str, moments: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return getattr(pl.Series(moments).cast(pl.Datetime("us")).dt, part)().to_numpy()  # type: ignore[no-any-return]


def _same(value: Any) -> Any:
    return value


_MEAN, _STD, _MEDIAN = (partial(_statistic, name) for name in ("mean", "std", "median"))
OF_SERIES = {_sum, _MEAN, _STD, _MEDIAN}  # added up as Polars does
OPERATORS: dict[str, Callable[..., Any]] = {
    "Plus": operator.add,
    "Minus": operator.sub,
    "Multiply": operator.mul,
    "TrueDivide": operator.truediv,
    "Lt": operator.lt,
    "LtEq": operator.le,
    "Gt": operator.gt,
    "GtEq": operator.ge,
    "Eq": operator.eq,
    "NotEq": _differs,
    "EqValidity": _is,
    "And": operator.and_,
    "Or": operator.or_,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Negate": operator.neg,
    "Boolean Not": np.logical_not,
    "Boolean IsNotNull": _is_known,
    "FillNull": _fill_null,
    "Clip has_min": np.maximum,
    "Clip has_max": np.minimum,
    "Shift": _shift,
    "ShiftAndFill": _shift_and_fill,
    "CumSum": np.cumsum,
    "CumMax": np.maximum.accumulate,
    "DropNulls": _drop_nulls,
    "ArgWhere": np.flatnonzero,
    "TemporalExpr Hour": _hour,
    "TemporalExpr WeekDay": _weekday,
    "TemporalExpr Date": _date,
    "TemporalExpr Day": partial(_calendar, "day"),
    "TemporalExpr Month": partial(_calendar, "month"),
    "TemporalExpr Year": partial(_calendar, "year"),
    "TemporalExpr Week": partial(_calendar, "week"),
}
AGGREGATES: dict[str, Callable[..., Any]] = {
    "Sum": _sum,
    "Mean": _MEAN,
    "Std 1": _STD,
    "Median": _MEDIAN,
    "Min": partial(_extreme, np.fmin),
    "Max": partial(_extreme, np.fmax),
    "First": _first,
    "Last": _last,
    "NUnique": _different,
    "Count": _known_count,
}
CASTS: dict[str, Callable[..., Any]] = {"Float64": _float, "Int64": _same}
