"""Columns of Spark in a form that the model reads alike in any session, whatever their types."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from credit_model.data.cells import TRUSTED_INTEGER, read, times
from credit_model.data.iso_time import EARLIEST, LATEST

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


_TIME = "TransactionStartTime"
_MOMENTS = {_TIME, "as_of"}
_NUMBERS = {"double", "float", "decimal", "bigint", "int", "smallint", "tinyint"}
_NARROW = {"tinyint": "bigint", "smallint": "bigint", "int": "bigint", "float": "double"}
_INSTANTS = {"timestamp", "timestamp_ntz", "date"}
_UTC_TEXT = r"^\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,9})?Z?$"
_FURTHEST_ZONE = timedelta(days=1)


def identity(table: "DataFrame") -> "Column":
    """``CustomerId`` as text: a whole number prints without a fraction, NaN is null.

    Raises:
        ValueError: it is of a type that is neither text nor number, such as a struct.
    """
    from pyspark.sql import functions as F  # noqa: N812

    kind, column = _kind(table, "CustomerId"), cell(table, "CustomerId")
    if kind in {"array", "map", "struct", "variant"}:
        raise ValueError(f"CustomerId is of the type {kind}; make it text or a number")
    if kind in _NUMBERS:
        value = column.cast("double")
        whole = F.when(value == value.try_cast("bigint"), value.try_cast("bigint").cast("string"))
        column = F.when(~F.isnan(value), F.coalesce(whole, value.cast("string")))
    return column.cast("string").alias("CustomerId")


def doubtful(table: "DataFrame") -> "Column":
    """``CustomerId`` as a number where that is 2^53 or more, and could be shared by two customers; else null."""
    from pyspark.sql import functions as F  # noqa: N812

    if not is_number(table, "CustomerId"):
        return F.lit(None).cast("double")
    value = F.col("CustomerId").cast("double")
    return F.when(~F.isnan(value) & (F.abs(value) >= TRUSTED_INTEGER), value)


def quoted(name: str) -> "Column":
    """A column by its exact name, whatever characters it has."""
    from pyspark.sql import functions as F  # noqa: N812

    return F.col("`" + name.replace("`", "``") + "`")


def is_number(table: "DataFrame", name: str) -> bool:
    """Whether a column holds numbers of any type."""
    return _kind(table, name) in _NUMBERS


def cell(table: "DataFrame", name: str) -> "Column":
    """A column in a form that does not depend on the session: times as epoch seconds, a binary ``CustomerId`` as text."""
    from pyspark.sql import functions as F  # noqa: N812

    kind, column = _kind(table, name), quoted(name)
    if kind == "timestamp":
        column = F.unix_micros(column) / F.lit(1e6)
    elif kind == "timestamp_ntz" and name in _MOMENTS:
        since = column - F.lit("1970-01-01").cast("timestamp_ntz")
        column = since.cast("interval second").cast("decimal(20,6)").cast("double")
    elif kind in {"timestamp_ntz", "date"}:
        column = column.cast("string")
    elif kind in _NARROW:
        column = column.cast(_NARROW[kind])
    elif kind == "binary" and name == "CustomerId":
        column = _decoded(column.cast("string"))
    return column.alias(name)


def may_be_inside(table: "DataFrame", window: tuple[datetime, datetime]) -> "Column":
    """Whether a transaction's time is inside a window, or unreadable, which must be reported as a fault."""
    from pyspark.sql import functions as F  # noqa: N812

    kind, time = _kind(table, _TIME), F.col(_TIME)
    if kind == "string":
        kind, time = "date", F.when(time.rlike(_UTC_TEXT), time.substr(1, 10).try_cast("date"))
    if kind not in _NUMBERS | _INSTANTS:
        return F.lit(True)
    rounded = timedelta(seconds=1)
    moments = (window[0] - rounded, window[1] + rounded, EARLIEST, LATEST - rounded)
    first, last, earliest, latest = (_literal(moment, kind) for moment in moments)
    return F.coalesce(time.between(first, last) | ~time.between(earliest, latest), F.lit(True))


def moment(decisions: "DataFrame", default: datetime | str | None) -> "Column":
    """``as_of``, or the default where it is missing: epoch seconds where the column holds numbers, else text."""
    from pyspark.sql import functions as F  # noqa: N812

    moment_of_all = None if default is None else read([default], times)[0][0]
    if default is not None and moment_of_all is None:
        raise ValueError("as_of is not a time; give ISO-8601 text such as 2019-02-13T00:00:00Z")
    if "as_of" not in decisions.columns:
        return F.lit(moment_of_all and moment_of_all.isoformat()).cast("string").alias("as_of")
    if is_number(decisions, "as_of"):
        seconds = F.lit(moment_of_all and moment_of_all.replace(tzinfo=UTC).timestamp()).cast("double")
        stated = F.col("as_of").cast("double")
        return F.coalesce(F.when(~F.isnan(stated), stated), seconds).alias("as_of")
    text = F.lit(moment_of_all and moment_of_all.isoformat()).cast("string")
    return F.coalesce(F.col("as_of").cast("string"), text).alias("as_of")


def span(decisions: "DataFrame") -> tuple[datetime, datetime] | None:
    """Two times between which every readable ``as_of`` lies, with some days of margin; None where there is none."""
    from pyspark.sql import functions as F  # noqa: N812

    if "as_of" not in decisions.columns:
        return None
    stated = F.col("as_of")
    if is_number(decisions, "as_of"):
        seconds = F.when(F.abs(stated.cast("double")) < 1e10, stated.cast("double"))
        day = F.timestamp_seconds(seconds).cast("date")
    else:
        day = F.trim(stated.cast("string")).substr(1, 10).try_cast("date")
    readable = F.when(day.between(F.lit(EARLIEST.date()), F.lit(LATEST.date())), day)
    ends = decisions.select(F.min(readable).cast("string"), F.max(readable).cast("string")).first()
    if ends is None or ends[0] is None:
        return None
    first, last = (datetime.fromisoformat(end) for end in ends)
    return first - _FURTHEST_ZONE, last + 2 * _FURTHEST_ZONE


def _kind(table: "DataFrame", name: str) -> str:
    """The name of a column's type, without its parameters."""
    kind = dict(table.dtypes)[name]
    return kind.partition("(")[0].partition("<")[0]


def _decoded(text: "Column") -> "Column":
    """The text of bytes; those of some identity that are no UTF-8 end the job."""
    from pyspark.sql import functions as F  # noqa: N812

    refusal = F.raise_error(F.lit("CustomerId holds bytes that are no UTF-8 text; write it as text"))
    return F.when(text.isNull() | F.is_valid_utf8(text), text).otherwise(refusal)


def _literal(instant: datetime, kind: str) -> "Column":
    from pyspark.sql import functions as F  # noqa: N812

    utc = instant.replace(tzinfo=UTC)
    return F.lit(utc.timestamp()) if kind in _NUMBERS else F.lit(utc.isoformat()).cast(kind)
