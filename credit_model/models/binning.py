"""Weight of evidence: one feature in bins, and the weight of evidence (WoE) of each bin.

WoE of a bin = ln(share of all goods in it / share of all bads in it): positive is safer, 0 is no evidence either way
(Siddiqi, Credit Risk Scorecards, 2006). ``training.monotone_binning`` fits a binning; here it is plain numbers.
Its last two bins are those of missing values and of levels that training did not see.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import FloatArray, IntArray

LONG_SERIES = 10_000


@dataclass(frozen=True)
class Binning:
    """The bins of one feature and their WoE.

    Attributes:
        feature: name of the feature.
        kind: ``numeric`` (bins are intervals between ``edges``) or ``categorical`` (bins are groups of ``levels``).
        edges: ascending inner edges of a numeric feature; bin i holds edges[i-1] <= value < edges[i].
        levels: the levels of each bin of a categorical feature, safest bin first.
        goods: training cases with bad = 0 per bin; here and below the last two bins are missing and unseen.
        bads: training cases with bad = 1 per bin.
        evidence: WoE per bin, smoothed, always finite.
    """

    feature: str
    kind: Literal["numeric", "categorical"]
    edges: tuple[float, ...]
    levels: tuple[tuple[str, ...], ...]
    goods: tuple[int, ...]
    bads: tuple[int, ...]
    evidence: tuple[float, ...]

    @property
    def missing(self) -> int:
        """Index of the bin of missing values."""
        return len(self.evidence) - 2

    @property
    def unseen(self) -> int:
        """Index of the bin of levels that training did not see."""
        return len(self.evidence) - 1

    @property
    def ranges(self) -> tuple[str, ...]:
        """What each bin holds, in words, without those of missing and unseen values."""
        if self.kind == "categorical":
            return tuple(", ".join(group) for group in self.levels)
        if not self.edges:
            return ("any value",)
        texts = [f"{edge:.6g}" for edge in self.edges]
        inner = (f"{low} to {high}" for low, high in pairwise(texts))
        return (f"below {texts[0]}", *inner, f"{texts[-1]} and above")

    @property
    def information(self) -> FloatArray:
        """(Share of goods - share of bads) * WoE of each bin, shape (bins,), never negative."""
        shares = np.array(self.goods) / sum(self.goods) - np.array(self.bads) / sum(self.bads)
        return np.asarray(shares * self._evidence)

    @property
    def information_value(self) -> float:
        """Information value, the sum of ``information``: about 0 for noise, above 0.3 for a strong feature (Siddiqi, 2006)."""
        return float(self.information.sum())

    def index(self, values: pl.Series | npt.NDArray[Any]) -> IntArray:
        """Index of the bin of each value, shape (n,); null, NaN and infinite values are missing."""
        if self.kind == "categorical":
            return self._index_levels(
                values if isinstance(values, pl.Series) else pl.Series(values, dtype=pl.String)
            )
        numbers = as_numbers(values) if isinstance(values, pl.Series) else values
        bins = np.searchsorted(self._edges, numbers, side="right")
        bins[~np.isfinite(numbers)] = self.missing
        return bins

    def woe(self, values: pl.Series | npt.NDArray[Any]) -> FloatArray:
        """The WoE of each value, shape (n,), always finite."""
        return self._evidence[self.index(values)]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; the values may have gone through JSON."""
        plain = {name: tuple(stored[name]) for name in ("edges", "goods", "bads", "evidence")}
        levels = tuple(tuple(group) for group in stored["levels"])
        return cls(feature=stored["feature"], kind=stored["kind"], levels=levels, **plain)

    @cached_property
    def _edges(self) -> FloatArray:
        return np.array(self.edges, dtype=np.float64)

    @cached_property
    def _evidence(self) -> FloatArray:
        return np.array(self.evidence, dtype=np.float64)

    @cached_property
    def _bin_of_level(self) -> dict[str | None, int]:
        return {None: self.missing} | {level: i for i, group in enumerate(self.levels) for level in group}

    def _index_levels(self, values: pl.Series) -> IntArray:
        texts, bins = values.cast(pl.String), self._bin_of_level
        if len(texts) < LONG_SERIES:
            return np.array([bins.get(text, self.unseen) for text in texts.to_list()], dtype=np.intp)
        levels = pl.Series(list(bins), dtype=pl.String)
        places = texts.replace_strict(levels, list(bins.values()), default=self.unseen, return_dtype=pl.Int64)
        return places.to_numpy()


def as_numbers(values: pl.Series) -> FloatArray:
    """A column as floats, shape (n,); NaN where a value is null or not a number."""
    return (values if values.dtype == pl.Float64 else values.cast(pl.Float64, strict=False)).to_numpy()
