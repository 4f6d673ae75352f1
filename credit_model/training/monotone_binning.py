"""Fitting bins over which the bad rate only rises or only falls, each significantly different from the next.

A cell is a small group of cases: a quantile group of a number, or a level of a categorical feature. A monotone classification
tree is grown on the cells' counts; a cut must gain more likelihood than the best of all possible cuts would gain by chance, and
leave enough cases on both sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import NormalDist
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import BoolArray, FloatArray, IntArray
from credit_model.models.binning import Binning, as_numbers

SAME_VALUE = 1e-9
NEAR_ZERO = 1e-12
INDEPENDENT_CUTS = 20
ROUNDING = 1e-6


@dataclass(frozen=True)
class BinningRules:
    """How fine a binning may be.

    Attributes:
        max_bins: largest number of bins, without those of missing and unseen values.
        prebins: largest number of groups of about equal size between which cuts are tried.
        min_share: smallest share of the values that are not missing in a bin.
        min_cases: smallest number of cases in a bin, in a level that is not pooled, and in a missing bin with its own WoE.
        min_events: smallest number of goods and of bads in a bin.
        rare_share: levels below this share are pooled.
        smoothing: number of cases at the base rate that are added to every bin.
        significance: probability of cutting pure noise: likelihood-ratio test, Bonferroni over the possible cuts.
    """

    max_bins: int = 8
    prebins: int = 100
    min_share: float = 0.05
    min_cases: int = 30
    min_events: int = 2
    rare_share: float = 0.01
    smoothing: float = 5.0
    significance: float = 0.1

    def least_gain(self, possible: float) -> float:
        """The likelihood ratio that the best of so many possible cuts must reach: a quantile of chi-square with one degree."""
        return NormalDist().inv_cdf(self.significance / possible / 2) ** 2


class CellCounts(NamedTuple):
    """Goods and bads of neighbouring cells, shape (cells,), and of all cases, also those in no cell."""

    goods: FloatArray
    bads: FloatArray
    all_goods: int
    all_bads: int

    def merged(self, cuts: IntArray) -> Self:
        """The cells between cuts added up, shape (cuts + 1,)."""
        starts = np.concatenate([[0], cuts]).astype(np.intp)
        return self._replace(
            goods=np.add.reduceat(self.goods, starts), bads=np.add.reduceat(self.bads, starts)
        )

    def evidence(self, smoothing: float) -> FloatArray:
        """WoE per cell, shape (cells,), `smoothing` cases at the base rate added to each; always finite."""
        prior = smoothing / (self.all_goods + self.all_bads)
        safe = np.log((self.goods + prior * self.all_goods) / self.all_goods)
        return np.asarray(safe - np.log((self.bads + prior * self.all_bads) / self.all_bads))

    def likelihood_ratio(self) -> float:
        """The likelihood-ratio statistic: twice the log-likelihood that a bad rate per cell gains over one common rate."""
        common = _log_likelihood(self.goods.sum(keepdims=True), self.bads.sum(keepdims=True))
        return 2 * (_log_likelihood(self.goods, self.bads) - common)


def prebin_edges(numbers: FloatArray, prebins: int) -> FloatArray:
    """Ascending edges of `prebins` groups at most, of about equal size, midway between values that differ.

    Values within 1e-9 of each other, relative to their size, are one: reordered sums differ by less.
    """
    ordered = np.sort(numbers)
    low, high = ordered[:-1], ordered[1:]
    sizes = np.abs(ordered[ordered != 0])
    near_zero = NEAR_ZERO * float(np.median(sizes)) if len(sizes) else 0.0
    tolerance = np.maximum(SAME_VALUE * np.maximum(np.abs(low), np.abs(high)), near_zero)
    differ = np.flatnonzero(high - low > tolerance)
    group = (differ + 1) * prebins // max(len(ordered), 1)
    chosen = differ[np.diff(group, prepend=0) > 0]
    return np.asarray(low[chosen] / 2 + high[chosen] / 2)


def monotone_cuts(
    cells: CellCounts, direction: int, rules: BinningRules, possible: float | None = None
) -> IntArray:
    """Positions at which to cut the cells, ascending; cut i lies before cell i.

    Args:
        cells: In the order along which the bad rate must move.
        direction: 1 when the bad rate must rise along the cells, -1 when it must fall.
        rules: How fine the bins may be.
        possible: Ways in which the cells could have been cut in two, which the test corrects for. By default
            between any two neighbours, counted as 20 at most: cuts of one number are much alike.
    """
    tests = possible or min(len(cells.goods) - 1, INDEPENDENT_CUTS)
    allowed = _with_enough_events_on_both_sides(cells, rules.min_events)
    cuts = allowed[_tree_cuts(cells.merged(allowed), direction, tests, rules) - 1]
    while len(cuts):
        bins = cells.merged(cuts)
        steps = -direction * np.diff(bins.evidence(rules.smoothing))
        thin = np.minimum(bins.goods, bins.bads) < rules.min_events
        weak = thin[:-1] | thin[1:] | (steps <= 0)
        if not weak.any():
            break
        cuts = np.delete(cuts, np.flatnonzero(weak)[np.argmin(np.abs(steps[weak]))])
    return cuts


def _with_enough_events_on_both_sides(cells: CellCounts, least: int) -> IntArray:
    before = np.minimum(cells.goods.cumsum(), cells.bads.cumsum())[:-1]
    after = np.minimum(cells.goods[::-1].cumsum(), cells.bads[::-1].cumsum())[::-1][1:]
    return np.flatnonzero(np.minimum(before, after) >= least) + 1


def _tree_cuts(cells: CellCounts, direction: int, possible: float, rules: BinningRules) -> IntArray:
    from sklearn.tree import DecisionTreeClassifier

    count = len(cells.goods)
    total = float(cells.goods.sum() + cells.bads.sum())
    smallest = max(rules.min_cases, rules.min_share * total)
    if count < 2 or total < 2 * smallest:
        return np.empty(0, dtype=np.intp)
    least = rules.least_gain(possible)
    if _best_gain(cells, direction, smallest) < least - ROUNDING:
        return np.empty(0, dtype=np.intp)
    tree = DecisionTreeClassifier(
        criterion="log_loss",
        max_leaf_nodes=rules.max_bins,
        min_weight_fraction_leaf=smallest / total,
        min_impurity_decrease=least / (2 * np.log(2) * total),
        monotonic_cst=[direction],
        random_state=0,
    )
    weights = np.concatenate([cells.goods, cells.bads])
    positions = np.tile(np.arange(count, dtype=np.float32), 2)[:, None]
    tree.fit(positions, np.repeat([0.0, 1.0], count), sample_weight=weights, check_input=False)
    thresholds = tree.tree_.threshold[tree.tree_.feature >= 0]
    return np.sort(np.floor(thresholds).astype(np.intp) + 1)


def _best_gain(cells: CellCounts, direction: int, smallest: float) -> float:
    """The largest likelihood ratio of one cut along the direction: most features are noise, and need no tree."""
    goods, bads = cells.goods.cumsum(), cells.bads.cumsum()
    before, after = (goods[:-1], bads[:-1]), (goods[-1] - goods[:-1], bads[-1] - bads[:-1])
    along = direction * (after[1] * before[0] - before[1] * after[0]) > 0
    enough = np.minimum(sum(before), sum(after)) >= smallest - ROUNDING
    gain = sum((*_log_likelihoods(*before), *_log_likelihoods(*after)))
    best = float(np.max(gain, initial=-np.inf, where=along & enough))
    return 2 * (best - _log_likelihood(goods[-1:], bads[-1:]))


def _log_likelihood(goods: FloatArray, bads: FloatArray) -> float:
    return float(sum(part.sum() for part in _log_likelihoods(goods, bads)))


def _log_likelihoods(goods: FloatArray, bads: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of the goods and of the bads of each cell with a bad rate of its own, shape (cells,) each."""
    count = np.maximum(goods + bads, 1)
    good, bad = (part * np.log(np.maximum(part, 1) / count) for part in (goods, bads))
    return good, bad


DEFAULT_RULES = BinningRules()


def fit_binnings(
    table: pl.DataFrame,
    bad: npt.ArrayLike,
    directions: Mapping[str, int] | None = None,
    rules: BinningRules = DEFAULT_RULES,
) -> dict[str, Binning]:
    """Fit one binning per column of a feature table; ``directions`` by column name, as in ``fit_binning``."""
    return {c.name: fit_binning(c, bad, (directions or {}).get(c.name), rules) for c in table}


def fit_binning(
    values: pl.Series, bad: npt.ArrayLike, direction: int | None = None, rules: BinningRules = DEFAULT_RULES
) -> Binning:
    """Fit the bins of one feature, over which the bad rate only rises or only falls.

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


def _fit_numbers(values: pl.Series, is_bad: BoolArray, ways: tuple[int, ...], rules: BinningRules) -> Binning:
    numbers = as_numbers(values)
    finite = np.isfinite(numbers)
    edges = prebin_edges(numbers[finite], rules.prebins)
    groups = np.searchsorted(edges, numbers[finite], side="right")
    cells = _cells(
        np.bincount(groups, minlength=len(edges) + 1),
        np.bincount(groups, is_bad[finite], len(edges) + 1),
        is_bad,
    )
    options = [monotone_cuts(cells, direction, rules) for direction in ways]
    cuts = max(options, key=lambda option: cells.merged(option).likelihood_ratio())
    inner = tuple(edges[cuts - 1].tolist())
    return Binning(values.name, "numeric", inner, (), *_counts(cells.merged(cuts), rules))


def _cells(cases: npt.NDArray[Any], bads: npt.NDArray[Any], is_bad: BoolArray) -> CellCounts:
    total = int(is_bad.sum())
    return CellCounts((cases - bads).astype(np.float64), bads.astype(np.float64), len(is_bad) - total, total)


def _fit_levels(texts: pl.Series, is_bad: BoolArray, rules: BinningRules) -> Binning:
    present = pl.DataFrame({"level": texts, "bad": is_bad}).drop_nulls("level")
    groups = _level_groups(present, float(is_bad.mean()), rules)
    cells = _cells(groups["cases"].to_numpy(), groups["bads"].to_numpy(), is_bad)
    cuts = monotone_cuts(cells, 1, rules, possible=2.0 ** (len(groups) - 1) - 1)
    bounds = pairwise([0, *cuts.tolist(), len(groups)])
    levels = tuple(tuple(groups["level"][low:high].explode().drop_nulls().sort()) for low, high in bounds)
    return Binning(texts.name, "categorical", (), levels, *_counts(cells.merged(cuts), rules))


def _level_groups(present: pl.DataFrame, base_rate: float, rules: BinningRules) -> pl.DataFrame:
    """Levels with their cases and bads, rare ones pooled, safest first; an empty row when there is none."""
    if present.is_empty():
        return pl.DataFrame({"level": pl.Series([[]], dtype=pl.List(pl.String)), "cases": [0], "bads": [0]})
    cases, bads = pl.col("cases"), pl.col("bads")
    own = cases >= max(rules.min_cases, rules.rare_share * len(present))
    return (
        present.group_by("level")
        .agg(cases=pl.len().cast(pl.Int64), bads=pl.col("bad").sum().cast(pl.Int64))
        .group_by(pl.when(own).then("level").alias("group"))
        .agg("level", cases.sum(), bads.sum())
        .sort((bads + rules.smoothing * base_rate) / (cases + rules.smoothing), "group")
    )


def given_edges(
    values: pl.Series, bad: npt.ArrayLike, edges: Sequence[float], rules: BinningRules = DEFAULT_RULES
) -> Binning:
    """Bins of a number between given edges; arguments as in ``fit_binning``."""
    is_bad, inner = _checked(bad, len(values)), tuple(edges)
    return _given(
        Binning(values.name, "numeric", inner, (), (), (), (0.0,) * (len(inner) + 3)), values, is_bad, rules
    )


def given_levels(
    values: pl.Series,
    bad: npt.ArrayLike,
    levels: Sequence[Sequence[str]],
    rules: BinningRules = DEFAULT_RULES,
) -> Binning:
    """Bins of given groups of levels, the safest first; a level in none of them is as one that training did not see."""
    is_bad, texts = _checked(bad, len(values)), values.cast(pl.String)
    groups = tuple(tuple(sorted(group)) for group in levels)
    draft = Binning(values.name, "categorical", (), groups, (), (), (0.0,) * (len(groups) + 2))
    fitted = _given(draft, texts, is_bad, rules)
    order = np.argsort(-np.array(fitted.evidence[:-2]), kind="stable")
    if (np.diff(order) > 0).all():
        return fitted
    return _given(replace(draft, levels=tuple(groups[place] for place in order)), texts, is_bad, rules)


def _given(draft: Binning, values: pl.Series, is_bad: BoolArray, rules: BinningRules) -> Binning:
    """Given bins with their counts and evidence."""
    places, count = draft.index(values), len(draft.evidence)
    cells = _cells(np.bincount(places, minlength=count), np.bincount(places, is_bad, count), is_bad)
    bins = cells._replace(goods=cells.goods[:-2], bads=cells.bads[:-2])
    goods, bads, evidence = _counts(bins, rules, (int(cells.goods[-1]), int(cells.bads[-1])))
    return replace(draft, goods=goods, bads=bads, evidence=evidence)


def _counts(
    bins: CellCounts, rules: BinningRules, unseen: tuple[int, int] = (0, 0)
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]:
    """Goods, bads and WoE; missing is neutral unless it has enough cases that differ from the rest."""
    goods, bads = bins.goods.sum(), bins.bads.sum()
    missing_goods = bins.all_goods - int(goods) - unseen[0]
    missing_bads = bins.all_bads - int(bads) - unseen[1]
    halves = bins._replace(goods=np.array([goods, missing_goods]), bads=np.array([bads, missing_bads]))
    enough = missing_goods + missing_bads >= rules.min_cases
    differs = halves.likelihood_ratio() > rules.least_gain(1)
    missing = float(halves.evidence(rules.smoothing)[1]) if enough and differs else 0.0
    return (
        (*(int(n) for n in bins.goods), missing_goods, unseen[0]),
        (*(int(n) for n in bins.bads), missing_bads, unseen[1]),
        (*bins.evidence(rules.smoothing).tolist(), missing, 0.0),
    )
