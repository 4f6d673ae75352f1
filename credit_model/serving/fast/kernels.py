"""The operations of expressions in NumPy, for the few rows of one decision; results are those of Polars, to the last bit.

A null number is NaN, and a null text is None.
"""

import math
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.features.expression import JOINT

Value = float | str | None

_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_THURSDAY = 3  # 1970-01-01, counted from Monday


class Texts(NamedTuple):
    """A column of texts: the code of each cell, the texts by code, and the codes by text; None has a code too."""

    codes: npt.NDArray[np.intp]
    texts: list[str | None]
    places: dict[str | None, int]


def coded(cells: Sequence[str | None]) -> Texts:
    """Code a column of texts; codes are in order of first appearance."""
    places = {text: code for code, text in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(places.__getitem__, cells), dtype=np.intp, count=len(cells))
    return Texts(codes, list(places), places)


def _joined(*columns: Texts) -> Texts:
    """Texts of every row as one, joined once for each different combination."""
    numbers = columns[0].codes
    for column in columns[1:]:
        numbers = numbers * len(column.texts) + column.codes
    _, rows, combination = np.unique(numbers, return_index=True, return_inverse=True)
    parts = ([column.texts[column.codes[row]] for column in columns] for row in rows.tolist())
    texts: list[str | None] = [JOINT.join(text for text in row if text is not None) for row in parts]
    places = {text: code for code, text in enumerate(texts)}
    same = np.array([places[text] for text in texts])
    return Texts(same[combination], texts, places)


def _exp(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of numbers up to 709, by the C library, as Polars; NumPy's last digit differs."""
    return np.fromiter(map(math.exp, values.tolist()), dtype=np.float64, count=len(values))


def series(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | pl.Series:
    """The input of the operations in ``OF_SERIES``: numbers as a Polars series; truth values stay as they are."""
    return values if values.dtype == np.bool_ else pl.Series(values, nan_to_null=True)


def _cast(value: Any, dtype: type[pl.DataType]) -> Any:
    return _CASTS[dtype](value)


def _float(value: Any) -> Any:
    return value.astype(np.float64) if isinstance(value, np.ndarray) else float(value)


def _clip(
    values: npt.NDArray[Any], lower: float | None = None, upper: float | None = None
) -> npt.NDArray[Any]:
    values = values if lower is None else np.maximum(values, lower)
    return values if upper is None else np.minimum(values, upper)


def _differs(left: Any, right: Any) -> Any:
    return (left < right) | (left > right)


def _is(left: Any, right: Any) -> Any:
    """Equal, where null is equal to nothing but null."""
    return left.codes == left.places.get(right, -1) if isinstance(left, Texts) else left == right


def _choose(condition: Any, then: Any, otherwise: Any) -> Any:
    otherwise = np.nan if otherwise is None else otherwise
    if isinstance(condition, np.ndarray):
        return np.where(condition, then, otherwise)
    return then if condition else otherwise


def _shift(values: npt.NDArray[Any], places: int) -> npt.NDArray[np.float64]:
    """Later by some rows; whole numbers below 2^53, as microseconds until 2255 are, stay exact."""
    return np.concatenate([np.full(places, np.nan), values[:-places]])


def _shift_and_fill(values: npt.NDArray[Any], places: int, value: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.full(places, value), values[:-places]])


def _highest_so_far(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(values == values, np.fmax.accumulate(values), np.nan)  # noqa: PLR0124, NaN is null


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
    statistic = getattr(values, name)()
    return np.nan if statistic is None else float(statistic)


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


def _same(value: Any, _: str = "") -> Any:
    """Of whole numbers nothing is to be cast; and the rows are already those over one decision."""
    return value


_CASTS: dict[type[pl.DataType], Callable[[Any], Any]] = {pl.Float64: _float, pl.Int64: _same}


_MEAN, _STD, _MEDIAN = (partial(_statistic, name) for name in ("mean", "std", "median"))
OF_SERIES = {_sum, _MEAN, _STD, _MEDIAN}  # added up as Polars does
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "neg": operator.neg,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": _differs,
    "eq_missing": _is,
    "and_": operator.and_,
    "or_": operator.or_,
    "not_": np.logical_not,
    "when": _choose,
    "is_not_null": _is_known,
    "fill_null": _fill_null,
    "drop_nulls": _drop_nulls,
    "cast": _cast,
    "clip": _clip,
    "over": _same,
    "shift": _shift,
    "shift_and_fill": _shift_and_fill,
    "joined": _joined,
    "exp": _exp,
    "cum_sum": np.cumsum,
    "cum_max": _highest_so_far,
    "arg_true": np.flatnonzero,
    "dt.hour": _hour,
    "dt.weekday": _weekday,
    "dt.date": _date,
    "dt.day": partial(_calendar, "day"),
    "dt.week": partial(_calendar, "week"),
    "dt.month": partial(_calendar, "month"),
    "dt.year": partial(_calendar, "year"),
    "len": len,
    "count": _known_count,
    "n_unique": _different,
    "sum": _sum,
    "mean": _MEAN,
    "std": _STD,
    "median": _MEDIAN,
    "min": partial(_extreme, np.fmin),
    "max": partial(_extreme, np.fmax),
    "first": _first,
    "last": _last,
}
