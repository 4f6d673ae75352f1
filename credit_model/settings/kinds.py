"""Kinds of parameter: how a text of the command line, or a value of a YAML file, becomes a typed value, and back.

A YAML file is read with every scalar as text, so that a kind reads the same from both: a text, a list of texts or a mapping of
texts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

from credit_model.data.date_formats import read_date_format
from credit_model.data.iso_time import read_iso
from credit_model.data.suggest import suggest
from credit_model.settings import lists

Raw = str | list[Any] | dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of parameter.

    Attributes:
        read: from a raw value to the typed value; raises ValueError with what is wrong and what to give.
        write: from the typed value to a text that reads as the same value.
        unset: the text that stands for None.
        mlflow_type: its type in an MLproject file.
        flag: on the command line the name alone means yes.
    """

    read: Callable[[Raw], Any]
    write: Callable[[Any], str] = str
    unset: str = ""
    mlflow_type: str = "string"
    flag: bool = False


class Levels(NamedTuple):
    """Risk levels, safest first.

    Attributes:
        names: of the levels.
        limits: probabilities of bad between the levels, ascending; one fewer than names.
        decisions: of the levels: ``approve``, ``review`` or ``reject``.
    """

    names: tuple[str, ...]
    limits: tuple[float, ...]
    decisions: tuple[str, ...]


def whole(least: int = 1, *, auto: bool = False) -> Kind:
    """A whole number of at least ``least``; with ``auto`` the word auto is accepted too and becomes None."""
    what = f"a whole number of at least {least}"

    def read(raw: Raw) -> int | None:
        if auto and raw == "auto":
            return None
        text = _text(raw, what)
        if not re.fullmatch("[+-]?[0-9]{1,18}", text) or int(text) < least:
            raise ValueError(f"{text!r} is not {what}; give a number such as 30{', or auto' if auto else ''}")
        return int(text)

    return _numeric(read, auto=auto)


def number(above: float = 0.0, below: float = float("inf"), *, auto: bool = False) -> Kind:
    """A finite number between two limits, both excluded; with ``auto`` the word auto is accepted too and becomes None."""
    limits = f"above {above:g}" + (f" and below {below:g}" if isfinite(below) else "")
    remedy = f"give a number {limits}{', or auto' if auto else ''}"

    def read(raw: Raw) -> float | None:
        if auto and raw == "auto":
            return None
        text = _text(raw, "a number")
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number; {remedy}") from None
        if not above < value < below:
            raise ValueError(f"{text!r} is out of range; {remedy}")
        return value

    return _numeric(read, auto=auto)


def choice(*options: str) -> Kind:
    """One of several words."""

    def read(raw: Raw) -> str:
        text = _text(raw, "one word")
        if text not in options:
            raise ValueError(f"{text!r} is no choice; {suggest(text, options)}")
        return text

    return Kind(read)


def _read_flag(raw: Raw) -> bool:
    text = _text(raw, "yes or no").lower()
    if text not in {"yes", "no", "true", "false"}:
        raise ValueError(f"{text!r} is neither yes nor no; give one of them")
    return text in {"yes", "true"}


def _write_flag(value: bool) -> str:
    return "yes" if value else "no"


def _numeric(read: Callable[[Raw], Any], *, auto: bool) -> Kind:
    return Kind(read, unset="auto") if auto else Kind(read, mlflow_type="float")


def _read_names(raw: Raw) -> tuple[str, ...]:
    if isinstance(raw, dict) or (isinstance(raw, list) and not all(isinstance(item, str) for item in raw)):
        raise ValueError("this is not a list of names; give them as one,two")
    names = tuple(lists.split(raw) if isinstance(raw, str) else raw)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is named twice; name it once")
    return names


def _read_columns(raw: Raw) -> dict[str, str]:
    if isinstance(raw, str):
        return lists.split_pairs(raw)
    if isinstance(raw, list) or not all(isinstance(theirs, str) and theirs for theirs in raw.values()):
        raise ValueError("this is not a mapping of names; give name: yours, such as CustomerId: client")
    return dict(raw)


def _read_moment(raw: Raw) -> datetime:
    text = _text(raw, "a time")
    moment = read_iso(text)
    if moment is None:
        raise ValueError(f"{text!r} is not a time; give ISO-8601 text such as 2019-02-13T00:00:00Z")
    return moment


def _read_memory(raw: Raw) -> str:
    text = _text(raw, "an amount of memory").lower()
    if not re.fullmatch("[1-9][0-9]{0,5}[mgt]", text):
        raise ValueError(
            f"{text!r} is not an amount of memory; give a number with its unit, such as 512m or 2g"
        )
    return text


def _write_moment(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds')}Z"


def _read_levels(raw: Raw) -> Levels:
    *inner, last = [[part.strip() for part in item.split(":")] for item in _read_names(raw)] or [[]]
    try:
        names, limits, decisions = zip(*inner, strict=True)
        name, decision = last
        return Levels((*names, name), tuple(map(float, limits)), (*decisions, decision))
    except ValueError:
        raise ValueError(
            "these are no bands; give name:upper limit:decision, the last without a limit, "
            "such as low:0.3:approve,medium:0.6:review,high:reject"
        ) from None


def _write_levels(levels: Levels) -> str:
    inner = zip(levels.names[:-1], map(repr, levels.limits), levels.decisions[:-1], strict=True)
    return lists.join(":".join(parts) for parts in [*inner, (levels.names[-1], levels.decisions[-1])])


def _text(raw: Raw, what: str) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"a {'list' if isinstance(raw, list) else 'mapping'} is not {what}; give one value")
    return raw


def _read_date_format(raw: Raw) -> str:
    return read_date_format(_text(raw, "a format of dates"))


FLAG = Kind(_read_flag, _write_flag, flag=True)
TEXT = Kind(lambda raw: _text(raw, "one text"))
NAMES = Kind(_read_names, lists.join)
COLUMN_NAMES = Kind(_read_columns, lists.join_pairs)
MEMORY = Kind(_read_memory)
MOMENT = Kind(_read_moment, _write_moment)
DATE_FORMAT = Kind(_read_date_format)
LEVELS = Kind(_read_levels, _write_levels)
