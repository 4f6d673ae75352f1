"""Readers of columns of JSON's types without unreadable cells; values are those of ``data.cells``, without a table."""

import re
from contextlib import suppress
from typing import Any

import numpy as np

from credit_model.data.cells import LARGEST_NUMBER, TRUSTED_INTEGER
from credit_model.data.iso_time import EARLIEST, LATEST

_UTC = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?:Z|\+00:00)?)?", re.ASCII
)
_EARLIEST, _LATEST = np.datetime64(EARLIEST, "us"), np.datetime64(LATEST, "us")


def plain_texts(cells: list[Any]) -> list[str | None] | None:
    """Read cells that are all text or missing, or all whole numbers, as ``texts`` does; None for any other cells."""
    kinds = set(map(type, cells))
    if kinds <= {str, type(None)}:
        text = "".join(filter(None, cells))
        if not (text.isascii() or _is_unicode(text)):
            return None
        return [cell or None for cell in cells] if "" in cells else cells
    return list(map(str, cells)) if kinds == {int} and max(map(abs, cells)) < TRUSTED_INTEGER else None


def plain_numbers(cells: list[Any] | np.ndarray) -> np.ndarray | None:
    """Read cells that are all numbers within its limits as ``numbers`` does; None for any other cells."""
    if isinstance(cells, list) and not set(map(type, cells)) <= {int, float}:
        return None
    with suppress(OverflowError):
        values = np.array(cells, dtype=np.float64)
        return values if (np.abs(values) <= LARGEST_NUMBER).all() else None
    return None


def plain_times(cells: list[Any]) -> np.ndarray | None:
    """Read cells that are all text in UTC, with or without a time of day, as ``times`` does; None for any other cells."""
    if set(map(type, cells)) != {str}:
        return None
    end = _end(cells[0])
    ends = [end] * len(cells) if end and _look_alike(cells, end) else list(map(_end, cells))
    if None in ends:
        return None
    with suppress(ValueError):
        moments = np.array(
            [cell[:end] for cell, end in zip(cells, ends, strict=True)], dtype="datetime64[us]"
        )
        return moments if moments.min() >= _EARLIEST and moments.max() < _LATEST else None
    return None


def _is_unicode(text: str) -> bool:
    """Whether text has no half of a surrogate pair, which no table can hold."""
    with suppress(UnicodeEncodeError):
        text.encode()
        return True
    return False


def _end(cell: str) -> int | None:
    """Where the zone of a moment in UTC begins; None where the cell is none."""
    match = _UTC.fullmatch(cell)
    return match and max(match.end("date"), match.end("time"))


def _look_alike(cells: list[str], end: int) -> bool:
    """Whether all have digits where the first one has before its zone, and otherwise its marks."""
    text = "".join(cells)
    if set(map(len, cells)) != {len(cells[0])} or not text.isascii():
        return False
    marks = np.frombuffer(text.encode(), dtype=np.uint8).reshape(len(cells), -1)
    is_digit = (marks[0] - ord("0") < 10) & (np.arange(len(cells[0])) < end)
    return bool(
        (marks[:, is_digit] - ord("0") < 10).all() and (marks[:, ~is_digit] == marks[0, ~is_digit]).all()
    )
