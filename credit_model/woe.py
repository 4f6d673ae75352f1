"""Weight of evidence: monotone bins of one feature, each replaced by the evidence that it holds.

WoE of a bin = ln(share of all goods in it / share of all bads in it): positive is safer, 0 says nothing
(Siddiqi, Credit Risk Scorecards, 2006). A binning is plain numbers, fitted with scikit-learn, used without.
Its last two bins hold missing and unseen values.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.monotone import BinningRules, Cells, monotone_cuts, prebin_edges

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

LONG_SERIES = 10_000
DEFAULT_RULES = BinningRules()


@dataclass(frozen=True)
class Binning:
    """What fitting learned about one feature.

    Attributes:
        feature: The column's name.
        kind: Bins are intervals between `edges`, or groups of `levels`.
        edges: Ascending inner edges of a numeric feature; bin i holds edges[i-1] <= value < edges[i].
        levels: The levels of each bin of a categorical feature, safest bin first.
        goods: Training cases with bad = 0 per bin; here and below the last two bins are missing and unseen.
        bads: Training cases with bad = 1 per bin.
        evidence: WoE per bin.
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
    def information(self) -> FloatArray:
        """(Share of goods - share of bads) * WoE of each bin, shape (bins,), never negative."""
        shares = np.array(self.goods) / sum(self.goods) - np.array(self.bads) / sum(self.bads)
        return np.asarray(shares * self._evidence)

    @property
    def information_value(self) -> float:
        """Sum of `information`: about 0 for noise, above 0.3 for a strong feature."""
        return float(self.information.sum())

    def index(self, values: pl.Series | npt.NDArray[Any]) -> IntArray:
        """The bin of each value, shape (n,); null, NaN and infinite are missing."""
        if self.kind == "categorical":
            return self._index_levels(
                values if isinstance(values, pl.Series) else pl.Series(values, dtype=pl.String)
            )
        numbers = _numbers(values) if isinstance(values, pl.Series) else values
        bins = np.searchsorted(self._edges, numbers, side="right")
        bins[~np.isfinite(numbers)] = self.missing
        return bins

    def woe(self, values: pl.Series | npt.NDArray[Any]) -> FloatArray:
        """The WoE of each value, shape (n,), always finite."""
        return self._evidence[self.index(values)]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The binning that `to_dict` wrote, before or after a passage through JSON."""
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
        known = pl.Series(list(bins), dtype=pl.String)
        found = texts.replace_strict(known, list(bins.values()), default=self.unseen, return_dtype=pl.Int64)
        return found.to_numpy()


def binning_table(binning: Binning) -> pl.DataFrame:
    """One row per bin: feature, bin, range (text), count, goods, bads, bad_rate (null if empty), woe, iv."""
    goods, bads = np.array(binning.goods), np.array(binning.bads)
    columns = {
        "feature": [binning.feature] * len(goods),
        "bin": range(len(goods)),
        "range": [*_ranges(binning), "missing", "unseen"],
        "count": goods + bads,
        "goods": goods,
        "bads": bads,
        "bad_rate": bads / np.maximum(goods + bads, 1),
        "woe": binning.evidence,
        "iv": binning.information,
    }
    return pl.DataFrame(columns).with_columns(pl.when(pl.col("count") > 0).then("bad_rate").alias("bad_rate"))


def _ranges(binning: Binning) -> list[str]:
    if binning.kind == "categorical":
        return [", ".join(group) for group in binning.levels]
    if not binning.edges:
        return ["any value"]
    texts = [f"{edge:.6g}" for edge in binning.edges]
    return [
        f"below {texts[0]}",
        *(f"{low} to {high}" for low, high in pairwise(texts)),
        f"{texts[-1]} and above",
    ]


def fit_binnings(
    table: pl.DataFrame,
    bad: npt.ArrayLike,
    directions: Mapping[str, int] | None = None,
    rules: BinningRules = DEFAULT_RULES,
) -> dict[str, Binning]:
    """One binning per column of a feature table; `directions` by column name, as in `fit_binning`."""
    return {c.name: fit_binning(c, bad, (directions or {}).get(c.name), rules) for c in table}


def fit_binning(
    values: pl.Series, bad: npt.ArrayLike, direction: int | None = None, rules: BinningRules = DEFAULT_RULES
) -> Binning:
    """Bins of one feature over which the bad rate only rises or only falls.

    Args:
        values: Numbers, or text (levels are then ordered by their bad rate), shape (n,); null is missing.
        bad: 0 or 1, shape (n,).
        direction: 1 when risk is known to rise with the number, -1 when it falls, None: the data choose.
        rules: How fine the bins may be.

    Raises:
        ValueError: When the lengths differ, or `bad` does not hold both 0 and 1 and nothing else.
    """
    is_bad = _checked(bad, len(values))
    if values.dtype in (pl.String, pl.Categorical, pl.Enum):
        return _fit_levels(values.cast(pl.String), is_bad, rules)
    return _fit_numbers(values, is_bad, (direction,) if direction else (1, -1), rules)


def _checked(bad: npt.ArrayLike, count: int) -> BoolArray:
    labels = np.asarray(bad, dtype=np.float64)
    if labels.shape != (count,):
        raise ValueError(f"{count} values, but labels of shape {labels.shape}; give one label per value.")
    if not np.array_equal(np.unique(labels), [0.0, 1.0]):
        raise ValueError("Labels must be 0 and 1, both of them; leave out decisions without an outcome.")
    return np.asarray(labels == 1)


def _numbers(values: pl.Series) -> FloatArray:
    return (values if values.dtype == pl.Float64 else values.cast(pl.Float64, strict=False)).to_numpy()


def _fit_numbers(values: pl.Series, is_bad: BoolArray, ways: tuple[int, ...], rules: BinningRules) -> Binning:
    numbers = _numbers(values)
    known = np.isfinite(numbers)
    edges = prebin_edges(numbers[known], rules.prebins)
    groups = np.searchsorted(edges, numbers[known], side="right")
    cells = _cells(
        np.bincount(groups, minlength=len(edges) + 1),
        np.bincount(groups, is_bad[known], len(edges) + 1),
        is_bad,
    )
    options = [monotone_cuts(cells, direction, rules) for direction in ways]
    cuts = max(options, key=lambda option: cells.merged(option).likelihood_ratio())
    inner = tuple(edges[cuts - 1].tolist())
    return Binning(values.name, "numeric", inner, (), *_counts(cells.merged(cuts), rules))


def _cells(cases: npt.NDArray[Any], bads: npt.NDArray[Any], is_bad: BoolArray) -> Cells:
    total = int(is_bad.sum())
    return Cells((cases - bads).astype(np.float64), bads.astype(np.float64), len(is_bad) - total, total)


def _fit_levels(texts: pl.Series, is_bad: BoolArray, rules: BinningRules) -> Binning:
    known = pl.DataFrame({"level": texts, "bad": is_bad}).drop_nulls("level")
    groups = _level_groups(known, float(is_bad.mean()), rules)
    cells = _cells(groups["cases"].to_numpy(), groups["bads"].to_numpy(), is_bad)
    cuts = monotone_cuts(cells, 1, rules, possible=2.0 ** (len(groups) - 1) - 1)
    bounds = pairwise([0, *cuts.tolist(), len(groups)])
    levels = tuple(tuple(groups["level"][low:high].explode().drop_nulls().sort()) for low, high in bounds)
    return Binning(texts.name, "categorical", (), levels, *_counts(cells.merged(cuts), rules))


def _level_groups(known: pl.DataFrame, base_rate: float, rules: BinningRules) -> pl.DataFrame:
    """Levels with their cases and bads, rare ones pooled, safest first; an empty row when there is none."""
    if known.is_empty():
        return pl.DataFrame({"level": pl.Series([[]], dtype=pl.List(pl.String)), "cases": [0], "bads": [0]})
    cases, bads = pl.col("cases"), pl.col("bads")
    own = cases >= max(rules.min_cases, rules.rare_share * len(known))
    return (
        known.group_by("level")
        .agg(cases=pl.len().cast(pl.Int64), bads=pl.col("bad").sum().cast(pl.Int64))
        .group_by(pl.when(own).then("level").alias("group"))
        .agg("level", cases.sum(), bads.sum())
        .sort((bads + rules.smoothing * base_rate) / (cases + rules.smoothing), "group")
    )


def _counts(bins: Cells, rules: BinningRules) -> tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]:
    """Goods, bads and WoE; missing is neutral unless it has enough cases that differ from the rest."""
    goods, bads = bins.goods.sum(), bins.bads.sum()
    missing_goods, missing_bads = bins.all_goods - int(goods), bins.all_bads - int(bads)
    halves = bins._replace(goods=np.array([goods, missing_goods]), bads=np.array([bads, missing_bads]))
    enough = missing_goods + missing_bads >= rules.min_cases
    differs = halves.likelihood_ratio() > rules.least_gain(1)
    missing = float(halves.evidence(rules.smoothing)[1]) if enough and differs else 0.0
    return (
        (*(int(n) for n in bins.goods), missing_goods, 0),
        (*(int(n) for n in bins.bads), missing_bads, 0),
        (*bins.evidence(rules.smoothing).tolist(), missing, 0.0),
    )
