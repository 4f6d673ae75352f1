"""Bins that a person decides: a YAML file of characteristics, what may stand in it, and the bins that follow from it.

A characteristic of the file has ``edges`` or ``levels`` (its bins), ``direction`` and ``use``. What is as training finds it alone
is left to training, also within every fold; so that the file that a training wrote changes nothing until somebody edits it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isfinite, nan
from typing import Any, Literal

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.data.suggest import suggest
from credit_model.data.yaml_file import read_yaml
from credit_model.models.binning import Binning
from credit_model.training.monotone_binning import fit_binning, given_edges, given_levels

Direction = Literal["rising", "falling", "none"]
Use = Literal["required", "excluded"]
_WAYS: Mapping[str, int] = {"rising": 1, "falling": -1}
_USES = ("required", "excluded")
_FORM = "write characteristics, and for each edges or levels, direction, use"


@dataclass(frozen=True)
class OwnBin:
    """What a person asks of one characteristic; None leaves it to training.

    Attributes:
        edges: ascending inner edges of a number; a bin holds its lower edge.
        levels: groups of levels of a text, each a bin.
        direction: whether risk rises or falls with the number; ``none`` where it need not do either.
        use: whether the characteristic has to be in the scorecard, or must not.
    """

    edges: tuple[float, ...] | None = None
    levels: tuple[tuple[str, ...], ...] | None = None
    direction: Direction | None = None
    use: Use | None = None

    @property
    def words(self) -> str:
        """What is asked, in words."""
        parts = [
            *(["edges"] if self.edges is not None else []),
            *(["levels"] if self.levels is not None else []),
            *([f"direction {self.direction}"] if self.direction else []),
            *([self.use] if self.use else []),
        ]
        return ", ".join(parts)

    def way(self, known: int | None) -> int | None:
        """1 where the bad rate must rise, -1 where it must fall, None where either may be; ``known`` is the catalogue's."""
        return known if self.direction is None else _WAYS.get(self.direction)

    def binning(self, values: pl.Series, bad: BadArray, known: int | None) -> Binning:
        """The bins of a feature as asked; ``known`` is the direction that the catalogue knows."""
        if self.edges is not None:
            return given_edges(values, bad, self.edges)
        if self.levels is not None:
            return given_levels(values, bad, self.levels)
        return fit_binning(values, bad, self.way(known))


_NOTHING = OwnBin()


@dataclass(frozen=True)
class OwnBins:
    """What a person asks of the scorecard.

    Attributes:
        source: the file; None where there is none.
        asked: by characteristic.
    """

    source: str | None = None
    asked: Mapping[str, OwnBin] = field(default_factory=dict)

    def used(self, use: Use) -> frozenset[str]:
        """Names of the characteristics that are ``required`` or ``excluded``."""
        return frozenset(name for name, each in self.asked.items() if each.use == use)

    def binnings(
        self, table: pl.DataFrame, bad: BadArray, directions: Mapping[str, int]
    ) -> dict[str, Binning]:
        """One binning per column of a feature table, those asked for as they are asked."""
        return {
            values.name: self.asked.get(values.name, _NOTHING).binning(
                values, bad, directions.get(values.name)
            )
            for values in table
        }

    def binding(
        self, table: pl.DataFrame, bad: BadArray, directions: Mapping[str, int], features: Mapping[str, Any]
    ) -> "OwnBins":
        """What differs from what training finds alone on all cases.

        Args:
            table: features that vary among the cases, one row per case.
            bad: 1 for bad, 0 for good, shape (n,).
            directions: +1 or -1 for each feature whose effect on risk is known.
            features: those of the catalogue, by name.

        Raises:
            ValueError: there is no such feature or level, the bins do not fit the feature, one holds no case, or the bad rate
                does not move along them as it has to.
        """
        if self.source is None:
            return self
        for name in self.asked:
            self._check_name(name, table.columns, features)
        if set(table.columns) <= self.used("excluded"):
            raise ValueError(f"bins: {self.source}: every feature is excluded; leave one to the scorecard")
        found = {}
        for name in (each for each in self.asked if each in table.columns):
            left = self._left(name, table[name], bad, directions.get(name))
            if left != _NOTHING:
                found[name] = left
        return replace(self, asked=found)

    def _left(self, name: str, values: pl.Series, bad: BadArray, known: int | None) -> OwnBin:
        """What is asked of one characteristic, without bins that training finds alone."""
        asked, place = self.asked[name], f"bins: {self.source}: {name}"
        _check_direction(asked, values, known, place)
        if asked.edges is None and asked.levels is None:
            return asked
        _check_kind(asked, values, place)
        binning = asked.binning(values, bad, known)
        _check_filled(binning, place)
        if asked.direction != "none":
            _check_order(binning, asked.way(known), place)
        alone = fit_binning(values, bad, asked.way(known))
        same = (alone.edges, set(map(frozenset, alone.levels))) == (
            asked.edges or (),
            set(map(frozenset, asked.levels or ())),
        )
        return replace(asked, edges=None, levels=None) if same else asked

    def _check_name(self, name: str, columns: Sequence[str], features: Mapping[str, Any]) -> None:
        if name not in features:
            raise ValueError(f"bins: {self.source}: there is no feature {name}; {suggest(name, features)}")
        if name not in columns and self.asked[name].use != "excluded":
            raise ValueError(
                f"bins: {self.source}: {name} is switched off or has one value alone, so that it has no bins; "
                "take it out of the file"
            )


AS_TRAINED = OwnBins()


def _check_direction(asked: OwnBin, values: pl.Series, known: int | None, place: str) -> None:
    if asked.direction is None:
        return
    if values.dtype == pl.String:
        raise ValueError(
            f"{place}: a text has no direction, its levels are ordered by their bad rates; leave it out"
        )
    way = _WAYS.get(asked.direction)
    if way is not None and known is not None and way != known:
        sure = "rising" if known > 0 else "falling"
        raise ValueError(
            f"{place}: direction {asked.direction} contradicts what is known of the feature, {sure}; leave direction out, "
            "or give none"
        )


def _check_kind(asked: OwnBin, values: pl.Series, place: str) -> None:
    if asked.edges is not None and values.dtype == pl.String:
        raise ValueError(
            f"{place}: it is a text and has no edges; give its levels, such as levels: [[a, b], [c]]"
        )
    if asked.levels is None:
        return
    if values.dtype != pl.String:
        raise ValueError(
            f"{place}: it is a number and has no levels; give its edges, such as edges: [1, 7, 30]"
        )
    known = values.drop_nulls().unique().sort().to_list()
    for level in (each for group in asked.levels for each in group):
        if level not in known:
            raise ValueError(f"{place}: there is no level {level!r}; {suggest(level, known)}")


def _check_filled(binning: Binning, place: str) -> None:
    cases = np.add(binning.goods, binning.bads)[:-2]
    if len(cases) > 1 and not cases.all():
        empty = binning.ranges[int(np.argmin(cases))]
        raise ValueError(f"{place}: the bin {empty} holds no decision; merge it with its neighbour")


def _check_order(binning: Binning, way: int | None, place: str) -> None:
    """The bad rate has to rise, or to fall, from bin to bin of a number."""
    steps: FloatArray = -np.diff(binning.evidence[:-2]) if binning.kind == "numeric" else np.zeros(0)
    ways = (way,) if way else (1, -1)
    if any((steps * each >= 0).all() for each in ways):
        return
    wrong = steps * (way or (1 if steps.sum() > 0 else -1)) < 0
    low, high = (binning.ranges[int(np.argmax(wrong)) + step] for step in (0, 1))
    must = {1: "rise", -1: "fall"}.get(way or 0, "only rise or only fall")
    raise ValueError(
        f"{place}: the bad rate must {must} from bin to bin, and does not from {low!r} to {high!r}; merge these bins, or give "
        "direction: none"
    )


def read_bins(path: str | None) -> OwnBins:
    """The file of bins of a training; ``binding`` checks it against the data.

    Raises:
        ValueError: the file cannot be read, or holds what no file of bins holds.
    """
    if path is None:
        return AS_TRAINED
    plain = read_yaml(path, "bins", _FORM)
    if not plain:  # every characteristic is a comment
        return OwnBins(path)
    if not isinstance(plain, dict) or not all(isinstance(name, str) for name in plain):
        raise ValueError(f"bins: {path} holds no characteristics; {_FORM}")
    return OwnBins(path, {name: _own_bin(raw, f"bins: {path}: {name}") for name, raw in plain.items()})


def _own_bin(raw: Any, place: str) -> OwnBin:
    if not isinstance(raw, dict) or not raw:
        raise ValueError(f"{place} asks nothing; give edges, levels, direction or use")
    readers: Mapping[str, Callable[[Any, str], object]] = {
        "edges": _edges,
        "levels": _levels,
        "direction": _direction,
        "use": _use,
    }
    for name in raw:
        if name not in readers:
            raise ValueError(f"{place}: {name!r} is unknown; {suggest(str(name), readers)}")
    if "edges" in raw and "levels" in raw:
        raise ValueError(f"{place}: edges are of numbers and levels of texts; give one of them")
    values: dict[str, Any] = {name: readers[name](value, place) for name, value in raw.items()}
    return OwnBin(**values)


def _edges(raw: Any, place: str) -> tuple[float, ...]:
    remedy = "give numbers that increase, such as [1, 7, 30]"
    try:
        edges = tuple(float(each) for each in raw) if isinstance(raw, list) else (nan,)
    except (TypeError, ValueError):
        edges = (nan,)
    if not all(map(isfinite, edges)):
        raise ValueError(f"{place}: edges are not a list of numbers; {remedy}")
    for low, high in pairwise(edges):
        if not low < high:
            raise ValueError(f"{place}: edges do not increase from {low:g} to {high:g}; {remedy}")
    return edges


def _levels(raw: Any, place: str) -> tuple[tuple[str, ...], ...]:
    groups: list[Any] = raw if isinstance(raw, list) else [None]
    if not all(
        isinstance(group, list) and group and all(isinstance(each, str) for each in group) for group in groups
    ):
        raise ValueError(
            f"{place}: levels are not groups of texts; give a list of lists, such as [[a, b], [c]]"
        )
    named = [level for group in groups for level in group]
    for level in named:
        if named.count(level) > 1:
            raise ValueError(f"{place}: the level {level!r} is in two bins; name it once")
    return tuple(map(tuple, groups))


def _direction(raw: Any, place: str) -> str:
    return _word(raw, (*_WAYS, "none"), f"{place}: direction")


def _use(raw: Any, place: str) -> str:
    return _word(raw, _USES, f"{place}: use")


def _word(raw: Any, options: Sequence[str], place: str) -> str:
    if not isinstance(raw, str) or raw not in options:
        shown = repr(raw) if isinstance(raw, str) else "a list or mapping"
        raise ValueError(f"{place} {shown} is no choice; {suggest(str(raw), options)}")
    return raw
