"""Readers of columns: from cells of any accepted kind to one typed Polars series, null where a cell could not be read.

A column may hold text, numbers, datetimes, decimals, or a mixture of them, depending on whether it comes from JSON, CSV,
Parquet, pandas or Spark. Each cell is read by itself, whatever the other cells are, so that a customer reads the same alone and
in a batch. A reader takes a series and returns the typed values and a Boolean series, true where a cell is unreadable.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import polars as pl

from credit_model.data.iso_time import EARLIEST, ISO, LATEST

if TYPE_CHECKING:
    import pandas as pd


TRUSTED_INTEGER = 2**53
LARGEST_NUMBER = 1e15
LARGEST_INTEGER, LARGEST_FLOAT = 2**63, 10**300

Reading = tuple[pl.Series, pl.Series]
Reader = Callable[[pl.Series], Reading]

Cells = Union[pl.Series, "pd.Series", np.ndarray, Sequence[Any]]
Column = pl.Series | list[Any]
_FALSE = pl.Series([False])
_ARRAY_TYPES = {"bool", "float16", "float32", "float64", "datetime64[ms]", "datetime64[us]", "datetime64[ns]"}
_ARRAY_TYPES |= {f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)}
_ZULU = "%Y-%m-%dT%H:%M:%SZ"


def texts(series: pl.Series) -> Reading:
    """Read a column as text: a whole number has no ``.0``, empty text is null, a number of 2^53 or more is unreadable.

    A float cannot hold every whole number from 2^53 on, so that two customers could share one: such a number cannot
    identify a customer. Its text is given all the same, so that an answer can name the row that it refuses.
    """
    if series.dtype == pl.String:
        empty = series == ""
        return (series.set(empty, None) if empty.any() else series), _never(series)
    if series.dtype == pl.Boolean:
        return series.cast(pl.String), _never(series)
    if isinstance(series.dtype, pl.Date | pl.Datetime):
        return _moments(series).cast(pl.String), _never(series)
    if not series.dtype.is_numeric():
        return _nulls(series, pl.String()), series.is_not_null()
    if series.dtype.is_integer() and not _untrusted(series).any():
        return series.cast(pl.String), _never(series)
    values = series.cast(pl.Float64)
    fractional = (values != values.round()) | (values.abs() >= LARGEST_INTEGER)
    whole = _without(values, fractional | values.is_nan()).cast(pl.Int64).cast(pl.String)
    printed = whole.zip_with(whole.is_not_null(), _without(values, values.is_nan()).cast(pl.String))
    return printed, _untrusted(values) & values.is_not_nan()


def numbers(series: pl.Series) -> Reading:
    """Read a column of numbers or numeric text as Float64; unreadable where not a number, infinite or beyond 1e15."""
    if series.dtype == pl.String:
        cells, series = series, series.str.strip_chars().cast(pl.Float64, strict=False)
    elif series.dtype.is_numeric():
        cells = series
    else:
        return _nulls(series, pl.Float64()), series.is_not_null()
    values = series.cast(pl.Float64)
    values = _without(values, ~((values <= LARGEST_NUMBER) & (values >= -LARGEST_NUMBER)))
    return values, _lost(cells, values)


def times(series: pl.Series) -> Reading:
    """Read ISO-8601 text (no zone means UTC), datetimes or epoch seconds as datetimes in UTC, to the microsecond.

    A time outside the years 1900 to 2199 is unreadable; this refuses epoch milliseconds, which are not guessed.
    """
    moments = _moments(series)
    moments = _without(moments, (moments < EARLIEST) | (moments >= LATEST))
    return moments, _lost(series, moments)


def read(cells: Cells, reader: Reader) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Read a column of any accepted kind.

    Args:
        cells: a Polars or pandas series, an array, or a list of cells of any kinds.
        reader: ``texts``, ``numbers`` or ``times``.

    Returns:
        Three series of the column's length: the typed values, null where there is none; true where a cell was missing
        (null, NaN, empty text); true where it was there but unreadable.
    """
    column = unwrapped(cells)
    if not isinstance(column, pl.Series):
        series = _homogeneous(column)
        return _read_mixed(column, reader) if series is None else _read_series(series, reader)
    return _read_series(column, reader)


def decoded(series: pl.Series) -> pl.Series:
    """Turn text that is stored as dictionary codes or as bytes into text; other columns stay as they are.

    A column of bytes that are not all UTF-8 stays as it is; ``read`` then tells which cells are unreadable.
    """
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    if series.dtype == pl.Binary:
        with suppress(pl.exceptions.ComputeError):
            return series.cast(pl.String)
    return series


def _read_series(series: pl.Series, reader: Reader) -> tuple[pl.Series, pl.Series, pl.Series]:
    series = decoded(series)
    if isinstance(series.dtype, pl.Binary | pl.Object):
        return _read_mixed(series.to_list(), reader)
    values, unreadable = reader(series)
    missing = _missing(series)
    return values, missing, unreadable & ~missing if unreadable.any() else unreadable


def unwrapped(cells: Cells) -> Column:
    """Cells of one known type as a Polars series, any others as a list; doing this once makes repeated reading cheaper."""
    if isinstance(cells, pl.Series | list):
        return cells
    if not isinstance(cells, np.ndarray | Sequence):
        if not isinstance(cells.dtype, np.dtype):
            return _of_extension(cells)
        cells = cells.to_numpy()
    if isinstance(cells, np.ndarray):
        whole = cells.dtype.name in _ARRAY_TYPES and cells.dtype.isnative and cells.ndim == 1
        return pl.Series(cells) if whole else list(cells)
    return list(cells)


def _of_extension(cells: "pd.Series") -> Column:
    """A column of one of pandas' own types, or of Arrow's; a list where Polars does not know it."""
    try:
        series = pl.from_pandas(cells)
        strange = series.dtype.is_nested() or isinstance(series.dtype, pl.BaseExtension)
        return list(cells) if strange else series
    except (Exception, pl.exceptions.PanicException):  # noqa: BLE001, each type fails in its own way
        return list(cells)


def _moments(series: pl.Series) -> pl.Series:
    if series.dtype == pl.String:
        return _iso_times(series)
    if isinstance(series.dtype, pl.Datetime):
        utc = series.dt.convert_time_zone("UTC") if series.dtype.time_zone else series
        return utc.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if series.dtype == pl.Date:
        return series.cast(pl.Datetime("us"))
    if series.dtype.is_numeric():
        seconds = series.cast(pl.Float64)
        seconds = _without(seconds, ~((seconds < 1e10) & (seconds > -1e10)))
        return (seconds * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us"))
    return _nulls(series, pl.Datetime("us"))


def _missing(series: pl.Series) -> pl.Series:
    empty = _never(series)
    if series.dtype.is_float():
        empty = pl.Series(np.isnan(series.to_numpy()))
    elif series.dtype == pl.String:
        empty = series == ""
    return empty | series.is_null() if series.null_count() else empty


def _without(series: pl.Series, places: pl.Series) -> pl.Series:
    return series.set(places, None) if places.any() else series


def _untrusted(series: pl.Series) -> pl.Series:
    values = series.cast(pl.Float64)
    return ~((values > -TRUSTED_INTEGER) & (values < TRUSTED_INTEGER))


def _never(series: pl.Series) -> pl.Series:
    return _FALSE.new_from_index(0, len(series))


def _lost(cells: pl.Series, values: pl.Series) -> pl.Series:
    """True where a cell was given but gave no value."""
    if values.null_count() == cells.null_count():
        return _never(values)
    return values.is_null() & cells.is_not_null()


def _nulls(series: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(series.name, [None], dtype=dtype).new_from_index(0, len(series))


def _iso_times(series: pl.Series) -> pl.Series:
    moments = series.str.to_datetime(_ZULU, time_unit="us", strict=False, exact=True)
    if moments.null_count() == series.null_count():
        return moments
    places = (moments.is_null() & series.is_not_null()).arg_true()
    return moments.scatter(places, _any_iso_times(series.gather(places)))


def _any_iso_times(series: pl.Series) -> pl.Series:
    parts = series.str.strip_chars().str.extract_groups(ISO).struct.unnest()
    date_ = (pl.col("1") + pl.col("2") + pl.col("3")).str.to_date("%Y%m%d", strict=False)
    hour, minute, second = (pl.col(place).cast(pl.Int64).fill_null(0) for place in ("4", "5", "6"))
    micros = pl.col("7").fill_null("0").str.pad_end(6, "0").str.head(6).cast(pl.Int64)
    zone = pl.col("8").str.replace_all(r"[^0-9]", "").str.pad_end(4, "0")
    offset = zone.str.head(2).cast(pl.Int64).fill_null(0) * 60 + zone.str.slice(2).cast(pl.Int64).fill_null(0)
    sign = pl.when(pl.col("8").str.starts_with("-")).then(-1).otherwise(1)
    minutes = hour * 60 + minute - sign * offset
    moment = date_.cast(pl.Datetime("us")) + pl.duration(minutes=minutes, seconds=second, microseconds=micros)
    valid = (hour < 24) & (minute < 60) & (second < 60) & (offset < 24 * 60)
    return parts.select(pl.when(valid).then(moment)).to_series()


def _homogeneous(cells: list[Any]) -> pl.Series | None:
    """The cells as one Polars series, or None where their kinds differ and each must be read by its own kind."""
    kinds = set(map(type, cells)) - {type(None)}
    for dtype, convert in _WHOLE_COLUMNS:
        if {kind.__name__ for kind in kinds} <= dtype:
            with suppress(TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
                return convert(cells)
    return None


def _datetimes(cells: list[Any]) -> pl.Series:
    import pandas as pd

    moments = pd.to_datetime(pd.Series(cells, dtype=object), utc=True)
    return pl.Series(moments.dt.tz_convert(None).to_numpy())


_WHOLE_COLUMNS: tuple[
    tuple[set[str], Callable[[list[Any]], pl.Series]], ...
] = (  # pandas' types are known by name
    ({"str"}, lambda cells: pl.Series(cells, dtype=pl.String)),
    ({"int"}, lambda cells: pl.Series(cells, dtype=pl.Int64)),
    ({"int", "float", "Decimal"}, lambda cells: pl.Series(np.array(cells, dtype=np.float64))),
    ({"datetime", "Timestamp", "NaTType"}, _datetimes),
)


def _read_mixed(cells: list[Any], reader: Reader) -> tuple[pl.Series, pl.Series, pl.Series]:
    plain = list(map(_plain, cells))
    kinds = np.array([kind for kind, _ in plain])
    values = pl.Series([None], dtype=reader(pl.Series([""]))[0].dtype).new_from_index(0, len(cells))
    unreadable = pl.Series((kinds == "garbled") | (kinds == "unreadable"))
    for kind in _READABLE & set(kinds.tolist()):
        places = np.flatnonzero(kinds == kind)
        same_values, same_unreadable = reader(pl.Series([plain[place][1] for place in places]))
        values = values.scatter(places, same_values)
        unreadable = unreadable.scatter(places, same_unreadable)
    if values.dtype == pl.String:
        garbled = np.flatnonzero(kinds == "garbled")
        values = values.scatter(garbled, pl.Series([plain[place][1] for place in garbled], dtype=pl.String))
    return values, pl.Series(kinds == "missing"), unreadable


_READABLE = {"text", "boolean", "integer", "number", "time"}


def _plain(value: Any) -> tuple[str, Any]:  # noqa: PLR0911, one line per kind of cell
    """The kind of a cell, and the cell as Python's own type of that kind."""
    if value is None or type(value).__name__ in {"NaTType", "NAType"}:
        return "missing", None
    if isinstance(value, str | bytes):
        return _text(value)
    if isinstance(value, bool | np.bool_):
        return "boolean", bool(value)
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        return _whole(int(value))
    if isinstance(value, float | np.floating | Decimal):
        missing = value.is_nan() if isinstance(value, Decimal) else np.isnan(value)
        return ("missing", None) if missing else ("number", float(value))
    if isinstance(value, datetime | date | np.datetime64):
        return _utc(value)
    return "unreadable", None


def _text(value: str | bytes) -> tuple[str, str | None]:
    """Text that UTF-8 cannot hold is garbled: it cannot identify a customer, but is printed, to name the refused row."""
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
        text.encode()
    except UnicodeError:
        raw = value if isinstance(value, bytes) else value.encode(errors="surrogatepass")
        return "garbled", raw.decode(errors="backslashreplace")
    return ("text", text) if text else ("missing", None)


def _whole(value: int) -> tuple[str, int | float | None]:
    if abs(value) < LARGEST_INTEGER:
        return "integer", value
    return ("number", float(value)) if abs(value) < LARGEST_FLOAT else ("unreadable", None)


def _utc(value: Any) -> tuple[str, datetime | None]:
    import pandas as pd

    try:
        if pd.isna(value):
            return "missing", None
        stamp = pd.Timestamp(value)
        naive = stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
        return "time", naive.to_pydatetime(warn=False)
    except (ValueError, OverflowError):  # outside the years that a datetime has
        return "unreadable", None
