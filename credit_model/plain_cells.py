"""Columns of JSON's own kinds with nothing unreadable in them, as the readers of ``cells`` read them, but without a table."""

import re
from contextlib import suppress
from typing import Any

import numpy as np

from credit_model.cells import LARGEST_NUMBER, TRUSTED_INTEGER
from credit_model.moments import EARLIEST, LATEST

_EXAMPLE = np.frombuffer(b"0000-00-00T00:00:00Z", dtype=np.uint8)
_IS_DIGIT = np.equal(_EXAMPLE, ord("0"))
_UTC = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:Z|\+00:00)?", re.ASCII)
_EARLIEST, _LATEST = np.datetime64(EARLIEST, "us"), np.datetime64(LATEST, "us")


def plain_texts(cells: list[Any]) -> list[str | None] | None:
    """What ``texts`` makes of cells that are all text or missing, or all whole numbers; null of any others."""
    kinds = set(map(type, cells))
    if kinds <= {str, type(None)}:
        return [cell or None for cell in cells] if "" in cells else cells
    return list(map(str, cells)) if kinds == {int} and max(map(abs, cells)) < TRUSTED_INTEGER else None


def plain_numbers(cells: list[Any] | np.ndarray) -> np.ndarray | None:
    """What ``numbers`` makes of cells that are all numbers within its limits; null of any others."""
    if isinstance(cells, list) and not set(map(type, cells)) <= {int, float}:
        return None
    with suppress(OverflowError):
        values = np.array(cells, dtype=np.float64)
        return values if (np.abs(values) <= LARGEST_NUMBER).all() else None
    return None


def plain_times(cells: list[Any]) -> np.ndarray | None:
    """What ``times`` makes of cells that are all text with seconds, in UTC; null of any others."""
    if set(map(type, cells)) != {str}:
        return None
    clocks = [cell[:19] for cell in cells]
    if not _look_alike(cells):
        clocks = [found[1] for found in map(_UTC.fullmatch, cells) if found]
    if len(clocks) < len(cells):
        return None
    with suppress(ValueError):
        moments = np.array(clocks, dtype="datetime64[us]")
        return moments if moments.min() >= _EARLIEST and moments.max() < _LATEST else None
    return None


def _look_alike(cells: list[str]) -> bool:
    """Whether all are like ``2019-02-13T10:00:00Z``: digits and signs in their places."""
    text = "".join(cells)
    if set(map(len, cells)) != {len(_EXAMPLE)} or not text.isascii():
        return False
    signs = np.frombuffer(text.encode(), dtype=np.uint8).reshape(-1, len(_EXAMPLE))
    digits = signs[:, _IS_DIGIT] - ord("0")
    return bool((digits < 10).all() and (signs[:, ~_IS_DIGIT] == _EXAMPLE[~_IS_DIGIT]).all())
