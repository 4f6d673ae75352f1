"""Formats of the cells of files that the user names: a date format, a decimal comma.

A format is never guessed, and holds for every cell of its columns: a single cell in another format is an error, because
``%m/%d/%Y`` also reads many dates written in ``%d/%m/%Y``. Columns that hold times or numbers, not text, are not touched.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from credit_model.data.cells import numbers, read
from credit_model.data.date_formats import ISO, chrono, pattern
from credit_model.data.iso_time import EARLIEST, LATEST

POINT, COMMA = "point", "comma"
MOMENTS = ("TransactionStartTime", "as_of", "outcome_known_at", "observed_at", "repaid_at")
NUMBERS = ("Amount", "Value", "FraudResult", "Balance")
SAY_DATE_FORMAT = "say how they are written, such as date_format=%d.%m.%Y"
SAY_COMMA = "say decimal=comma"

_WHOLE = r"^[+-]?[0-9]+(?:[eE][+-]?[0-9]+)?$"
_COMMA = r"^[+-]?(?:[0-9]*|[0-9]{1,3}(?:[. \u{a0}\u{202f}][0-9]{3})+),[0-9]+(?:[eE][+-]?[0-9]+)?$"

Place = Callable[[int], str]


@dataclass(frozen=True)
class Formats:
    """How cells are written.

    Attributes:
        date_format: of times in text or whole numbers: ``strftime`` codes, or ``iso``, which leaves them to ``cells.times``.
        decimal: decimal mark of numbers in text: ``point`` or ``comma``.
        numbers: contract names of the columns that ``decimal`` applies to.
    """

    date_format: str = ISO
    decimal: str = POINT
    numbers: tuple[str, ...] = NUMBERS

    def said(self, date_format: str | None, decimal: str | None) -> "Formats":
        """These formats, with those that the user names in their place; None keeps a format."""
        return replace(self, date_format=date_format or self.date_format, decimal=decimal or self.decimal)

    def of_numbers(self, names: Iterable[str]) -> "Formats":
        """These formats, with ``decimal`` applied to other columns than those of transactions."""
        return replace(self, numbers=tuple(names))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``; without ``numbers``."""
        return {"date_format": self.date_format, "decimal": self.decimal}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Formats":
        """The inverse of ``to_dict``; a format that is absent, as in older models, has its default."""
        return cls(**plain)


AS_READ = Formats()


def converted(frames: Mapping[str, pl.LazyFrame], formats: Formats) -> dict[str, pl.LazyFrame]:
    """Read the times and numbers of files in the formats given; reads the columns concerned once, to check them.

    Args:
        frames: tables by file name, with the contract's column names.
        formats: how cells are written.

    Returns:
        The tables with those times as datetimes in UTC and those numbers as Float64.

    Raises:
        ValueError: a cell is in another format; the message names the column, how many cells, the first, and the remedy.
    """
    spellings = {file: _spellings(frame.collect_schema(), formats) for file, frame in frames.items()}
    _check(
        {file: frames[file].select(_misread(misread)) for file, misread in spellings.items() if misread},
        formats,
    )
    return {
        file: frame.with_columns(meant.alias(name) for name, (_, meant) in spellings[file].items())
        for file, frame in frames.items()
    }


def attributes(
    table: pl.DataFrame, names: Collection[str], decimal: str | None, place: Place
) -> pl.DataFrame:
    """Give attribute columns of numbers with a decimal comma a decimal point; columns with other text stay.

    Args:
        table: decisions.
        names: the attribute columns.
        decimal: the decimal mark that the user named, ``point`` or ``comma``, or None.
        place: from a row number to its name in an error.

    Raises:
        ValueError: no decimal mark was named and every cell of a column is a number, some with a decimal comma; or the comma
            was named and a cell has a decimal point.
    """
    for name in (name for name in names if table.schema.get(name) == pl.String):
        cells = table.select(_stripped(pl.col(name))).to_series()
        pointed = cells.to_frame().select(_pointed(pl.col(name))).to_series()
        whole = pointed.null_count() == cells.null_count()
        if decimal == COMMA:
            refuse(
                name,
                _points(cells),
                "written with a decimal point beside decimal=comma",
                "write them alike",
                place,
            )
            table = table.with_columns(pointed) if whole else table
        elif decimal is None and whole:
            remedy = f"{SAY_COMMA}, or decimal=point to leave them as text"
            refuse(name, commas(cells), "written with a decimal comma", remedy, place)
    return table


def commas(cells: pl.Series) -> pl.Series:
    """True where a cell is text of a number with a decimal comma; shape (n,)."""
    if cells.dtype != pl.String or not cells.str.contains(",", literal=True).any():
        return pl.Series([False]).new_from_index(0, len(cells))
    return cells.str.strip_chars().str.contains(_COMMA).fill_null(value=False)


def refuse(name: str, wrong: pl.Series, problem: str, remedy: str, place: Place) -> None:
    """Refuse a column if any of its cells has a problem.

    Args:
        name: of the column.
        wrong: true where a cell has the problem, one per row.
        problem: what is wrong.
        remedy: what to do.
        place: from a row number to its name in an error.

    Raises:
        ValueError: a cell has the problem; the message names how many rows, the first, and the remedy.
    """
    if wrong.any():
        first = wrong.arg_max() or 0
        raise ValueError(told(name, int(wrong.sum()), problem, remedy, place(first)))


def told(name: str, count: int, problem: str, remedy: str, first: str) -> str:
    """The sentence about rows with a problem: column, how many, the first, and the remedy."""
    rows = "1 row is" if count == 1 else f"{count} rows are"
    return f"{name}: {rows} {problem} (the first: {first}); {remedy}"


def row(number: int) -> str:
    """The name of a row in an error where its file is not known; counted from 1."""
    return f"row {number + 1}"


def _spellings(schema: Mapping[str, pl.DataType], formats: Formats) -> dict[str, tuple[pl.Expr, pl.Expr]]:
    """For each column concerned two expressions: the text as written, and its value, null where it cannot be read."""
    spellings = {}
    for name in MOMENTS if formats.date_format != ISO else ():
        if name in schema and (_is_text(schema[name]) or schema[name].is_numeric()):
            written = _stripped(_printed(pl.col(name), schema[name]))
            spellings[name] = written, _moment(written, formats.date_format)
    for name in formats.numbers if formats.decimal == COMMA else ():
        if name in schema and _is_text(schema[name]):
            written = _stripped(pl.col(name).cast(pl.String))
            spellings[name] = written, _pointed(written).cast(pl.Float64, strict=False)
    return spellings


def _misread(spellings: Mapping[str, tuple[pl.Expr, pl.Expr]]) -> list[pl.Expr]:
    return [
        (written.is_not_null() & meant.is_null()).alias(name) for name, (written, meant) in spellings.items()
    ]


def _check(misread: Mapping[str, pl.LazyFrame], formats: Formats) -> None:
    """Count the cells that are not in the formats given, file by file, with little memory."""
    counts: dict[str, int] = {}
    firsts: dict[str, str] = {}
    for file, frame in misread.items():
        for name, (count, row_of_file) in _counted(frame).items():
            counts[name] = counts.get(name, 0) + count
            if count:
                firsts.setdefault(name, f"row {row_of_file} of {file}")
    for name, first in firsts.items():
        raise ValueError(_otherwise(name, counts[name], formats, first))


def _counted(frame: pl.LazyFrame) -> dict[str, tuple[int, int]]:
    """By column how often it is true, and the first row where it is, from 1."""
    names = frame.collect_schema().names()
    counts = [pl.col(name).sum().alias(f"{name} count") for name in names]
    firsts = [pl.col("row").filter(pl.col(name)).min().alias(f"{name} first") for name in names]
    cells = (
        frame.with_row_index("row", 1).select(*counts, *firsts).collect(engine="streaming").row(0, named=True)
    )
    return {name: (cells[f"{name} count"], cells[f"{name} first"]) for name in names}


def _otherwise(name: str, count: int, formats: Formats, first: str) -> str:
    if name in MOMENTS:
        problem = f"not written as date_format={formats.date_format} says"
        return told(name, count, problem, "correct them, or date_format (iso for ISO-8601)", first)
    return told(
        name,
        count,
        "no numbers with a decimal comma such as 1234,50",
        "correct them, or say decimal=point",
        first,
    )


def _is_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _printed(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A column as text; a whole number without a fraction, whatever its type."""
    if _is_text(dtype):
        return column.cast(pl.String)
    number = column.fill_nan(None) if dtype.is_float() else column
    whole = number.cast(pl.Int64, strict=False)
    return pl.when(whole == number).then(whole.cast(pl.String)).otherwise(number.cast(pl.String))


def _stripped(text: pl.Expr) -> pl.Expr:
    plain = text.str.strip_chars()
    return pl.when(plain != "").then(plain)


def _moment(text: pl.Expr, date_format: str) -> pl.Expr:
    written = pl.when(text.str.contains(f"^(?:{pattern(date_format)})$")).then(text)
    moment = written.str.to_datetime(chrono(date_format), time_unit="us", strict=False)
    if "%z" in date_format:
        moment = moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return pl.when(moment.is_between(EARLIEST, LATEST, closed="left")).then(moment)


def _pointed(text: pl.Expr) -> pl.Expr:
    """Numbers with a decimal comma, or whole ones, as text with a decimal point; null for anything else."""
    point = text.str.replace_all(r"[. \u{a0}\u{202f}]", "").str.replace(",", ".", literal=True)
    return pl.when(text.str.contains(_WHOLE) | text.str.contains(_COMMA)).then(point)


def _points(cells: pl.Series) -> pl.Series:
    """Where text is a number with a decimal point."""
    pointed = cells.str.contains(".", literal=True) & ~commas(cells) & read(cells, numbers)[0].is_not_null()
    return pointed.fill_null(value=False)
