"""Kinds of parameter: how a text of the command line, or a value of a YAML file, becomes a typed value, and back.

A YAML file is read with every scalar as text, so that a kind reads the same from both: a text, a list of texts or a mapping of
texts.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

import yaml

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


@dataclass(frozen=True)
class Search:
    """How the candidates' parameters are searched.

    Attributes:
        method: ``none``, ``grid`` (every point) or ``random`` (so many ``trials``).
        trials: points that a random search tries, the parameters without a search among them.
        folds: of its cross-validation.
        metric: what it compares points by, higher is better: a function of ``metrics``.
        space: by candidate and parameter the values to try, as texts; a candidate's own where it has none.
    """

    method: str = "none"
    trials: int = 12
    folds: int = 5
    metric: str = "roc_auc"
    space: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)


def whole(least: int = 1, *, most: int | None = None, auto: bool = False) -> Kind:
    """A whole number from ``least`` to ``most``; with ``auto`` the word auto is accepted too and becomes None."""
    what = f"a whole number of at least {least}" + ("" if most is None else f" and at most {most}")

    def read(raw: Raw) -> int | None:
        if auto and raw == "auto":
            return None
        text = _text(raw, what)
        if not re.fullmatch("[+-]?[0-9]{1,18}", text) or not least <= int(text) <= (most or int(text)):
            raise ValueError(
                f"{text!r} is not {what}; give a number such as {most or 30}{', or auto' if auto else ''}"
            )
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


def share() -> Kind:
    """A number above 0 and at most 1."""

    def read(raw: Raw) -> float:
        text = _text(raw, "a number")
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= 1:
            raise ValueError(f"{text!r} is no share; give a number above 0 and at most 1")
        return value

    return Kind(read)


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


def _read_tree(raw: Raw) -> dict[str, Any]:
    """A mapping of mappings whose values are texts, or its text in YAML."""
    plain = _parsed(raw) if isinstance(raw, str) else raw
    if not isinstance(plain, dict) or not all(isinstance(each, dict) for each in plain.values()):
        raise ValueError(
            "this is no mapping of mappings; give name: {parameter: value}, such as xgboost: {depth: 3}"
        )
    return {str(name): _as_texts(each) for name, each in plain.items()}


def _parsed(text: str) -> Any:
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        raise ValueError("this cannot be read as YAML; write {name: {parameter: value}}") from None


def _as_texts(value: Any) -> Any:
    """Values of Python as YAML would have them as text: None is auto."""
    if isinstance(value, dict):
        return {str(name): _as_texts(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_texts(each) for each in value]
    return "auto" if value is None else str(value)


def _write_tree(value: Any) -> str:
    """A mapping on one line of YAML; nothing where it is empty."""
    return _flow(value) if value else ""


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_flow(name)}: {_flow(each)}' for name, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    text = str(value)
    plain = re.fullmatch(r"[A-Za-z0-9_.+-]*[A-Za-z0-9]", text, re.ASCII)
    return text if plain else json.dumps(text, ensure_ascii=False)


_SEARCHES = choice("none", "grid", "random")
_SEARCHED: Mapping[str, Kind] = {
    "method": choice("grid", "random"),
    "trials": whole(2),
    "folds": whole(2, most=20),
    "metric": choice("roc_auc", "pr_auc", "ks"),
}


def _read_search(raw: Raw) -> Search:
    if isinstance(raw, str) and not raw.lstrip().startswith("{"):
        return Search(_SEARCHES.read(raw))
    plain = _parsed(raw) if isinstance(raw, str) else raw
    if not isinstance(plain, dict):
        raise ValueError("a list is no search; give none, grid, random, or a mapping such as trials: 30")
    values: dict[str, Any] = {"method": "random"}
    for name, each in _as_texts(plain).items():
        if name not in {*_SEARCHED, "space"}:
            raise ValueError(f"{name!r} is unknown; {suggest(name, [*_SEARCHED, 'space'])}")
        try:
            values[name] = _read_tree(each) if name == "space" else _SEARCHED[name].read(each)
        except ValueError as fault:
            raise ValueError(f"{name}: {fault}") from None
    if values["method"] == "grid" and "trials" in values:
        raise ValueError("trials: a grid tries every point; leave trials out, or give method: random")
    return Search(**values)


def _write_search(search: Search) -> str:
    usual = Search(search.method)
    if search == usual:
        return search.method
    names = [
        name
        for name in ("trials", "folds", "metric", "space")
        if getattr(search, name) != getattr(usual, name)
    ]
    return _flow({"method": search.method} | {name: getattr(search, name) for name in names})


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
CANDIDATE_PARAMETERS = Kind(_read_tree, _write_tree)
SEARCH = Kind(_read_search, _write_search)
