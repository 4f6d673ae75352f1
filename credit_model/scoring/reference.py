"""The reference that travels with a model: how its inputs and scores were distributed in training, as counts.

A count says nothing of one customer: bins hold quantiles of the training decisions, and rare levels are taken together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import FloatArray

BINS = 10
LEAST_LEVEL = 10
MOST_LEVELS = 20
SCORE = "score"

Counts = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Distribution:
    """One input, or the score, in bins.

    Attributes:
        edges: inner edges of a number's bins; a value at an edge belongs to the higher bin.
        levels: levels of a text that have a bin of their own.
        counts: training decisions per bin: those of ``edges`` or ``levels``, then others (of a text), then missing.
    """

    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]

    def count(self, values: pl.Series) -> Counts:
        """Decisions per bin, in the order of ``counts``."""
        return _count(values, self.edges, self.levels)


@dataclass(frozen=True)
class Reference:
    """What new decisions are compared with.

    Attributes:
        inputs: distribution of each of the classifier's inputs among the decisions it judged.
        score: distribution of the score.
        no_history_share: share of the decisions without history.
        bad_rate: of all decisions.
        roc_auc: out of time where it could be estimated, else out of fold; None where neither could.
    """

    inputs: Mapping[str, Distribution]
    score: Distribution
    no_history_share: float
    bad_rate: float
    roc_auc: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Reference":
        """The inverse of ``to_dict``."""
        inputs = {name: _distribution(stored) for name, stored in plain["inputs"].items()}
        rest = {name: plain[name] for name in ("no_history_share", "bad_rate", "roc_auc")}
        return cls(inputs, _distribution(plain["score"]), **rest)


def fit_distribution(values: pl.Series) -> Distribution:
    """At most ten bins of a number by rank, or the frequent levels of a text, each with at least 10 decisions."""
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    present = values.drop_nulls()
    if values.dtype == pl.String:
        frequent = present.value_counts().filter(pl.col("count") >= LEAST_LEVEL)
        ranked = frequent.sort(["count", values.name], descending=[True, False])
        levels = tuple(ranked[values.name].head(MOST_LEVELS).to_list())
    else:
        edges = _edges(present.cast(pl.Float64).to_numpy())
    return Distribution(edges, levels, tuple(_count(values, edges, levels).tolist()))


def _edges(numbers: FloatArray) -> tuple[float, ...]:
    """Where bins begin: each value is in the tenth of its middle rank, so that a frequent one keeps to itself."""
    values, counts = np.unique(numbers, return_counts=True)
    tenth = np.floor(BINS * (np.cumsum(counts) - counts / 2) / max(len(numbers), 1))
    begins = np.flatnonzero(np.diff(tenth)) + 1
    edges: list[float] = []
    last = 0
    for place in begins.tolist():
        if min(counts[last:place].sum(), counts[place:].sum()) >= LEAST_LEVEL:
            edges.append(_between(float(values[place - 1]), float(values[place])))
            last = place
    return tuple(edges)


def _between(lower: float, upper: float) -> float:
    middle = lower / 2 + upper / 2
    return middle if middle > lower else upper


def _count(values: pl.Series, edges: tuple[float, ...], levels: tuple[str, ...]) -> Counts:
    if values.dtype == pl.String:
        place = {level: number for number, level in enumerate(levels)}
        bins = values.replace_strict(place, default=len(levels), return_dtype=pl.Int64)
        bins = bins.zip_with(values.is_not_null(), pl.Series([len(levels) + 1]))
        return np.bincount(bins.to_numpy(), minlength=len(levels) + 2)
    numbers = values.cast(pl.Float64).to_numpy()
    places = np.searchsorted(np.array(edges), numbers, side="right")
    places[np.isnan(numbers)] = len(edges) + 1
    return np.bincount(places, minlength=len(edges) + 2)


def _distribution(stored: Mapping[str, Any]) -> Distribution:
    return Distribution(*(tuple(stored[name]) for name in ("edges", "levels", "counts")))
