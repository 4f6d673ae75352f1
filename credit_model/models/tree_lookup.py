"""Look-up tables for trees, which then need no tree library.

The answers of a few splits form a pattern of bits. For every pattern of a shallow tree's splits, and of the splits on the way to
each leaf of a deeper one, the margin and the exact Shapley values, weighted by the trees' covers (Lundberg et al., 2020), are
computed once; scoring a case then takes one comparison per split and one look-up per pattern.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_model.arrays import FloatArray

MOST_IN_A_ROW = 6
_SHALLOW = 3  # splits in a row up to which a tree is one pattern; seven splits have 128
_FEW = 256  # cases up to which one after the other is faster than pattern after pattern
_Plain = Mapping[str, Any]
_Codes = npt.NDArray[np.float32]
_Places = npt.NDArray[np.intp]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Splits:
    """Splits whose answers form patterns: a row is a tree, or the way to a leaf.

    Attributes:
        places: (rows, splits) index of the input that each split compares.
        limits: (rows, splits) a value below it goes left.
        missing_left: (rows, splits) whether a missing value goes left.
    """

    places: _Places
    limits: npt.NDArray[np.float32]
    missing_left: _Flags


@dataclass(frozen=True)
class Tables:
    """What each pattern of the answers of splits adds.

    Attributes:
        splits: the splits.
        leaves: (rows, patterns) log-odds that each pattern adds to the margin.
        values: (rows, patterns, splits) Shapley values of the splits, which add up to those of their inputs.
    """

    splits: Splits
    leaves: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class Lookup:
    """Trees that are looked up.

    Attributes:
        trees: the trees.
        base: the margin before any tree, in log-odds.
        inputs: number of inputs.
    """

    trees: "_Grown"
    base: float
    inputs: int

    @cached_property
    def neutral(self) -> float:
        """The mean margin of the training cases, weighted by the trees' covers, in log-odds."""
        ways = _ways(self.trees)
        return self.base + float((ways.leaf * ways.share.prod(axis=1)).sum())

    @cached_property
    def tables(self) -> Tables:
        """What is looked up."""
        return _by_tree(self.trees) if self._shallow else _by_leaf(self.trees)

    @property
    def _shallow(self) -> bool:
        return len(self.trees.way[0]) <= _SHALLOW

    def margin(self, cells: _Codes) -> FloatArray:
        """Margins of the rows of a matrix, shape (n,); trees are added up in one order, whatever the number of rows.

        Deep trees are walked through: their tables cost time and memory that only contributions need.
        """
        if not self._shallow:
            parts = [self._walked(cells[start : start + _FEW]) for start in range(0, len(cells), _FEW)]
            return np.concatenate([np.empty(0), *parts])
        if len(cells) <= _FEW:
            return np.array([self._margin_of(self._pattern_of(row)) for row in cells], dtype=np.float64)
        margin = np.zeros(len(cells))
        for pattern, leaves in zip(self._patterns(cells), self.tables.leaves, strict=True):
            margin += leaves.take(pattern, mode="clip")
        return margin + self.base

    def _walked(self, cells: _Codes) -> FloatArray:
        """Margins of a few rows, each led through every tree to its leaf."""
        leaves = self.trees.leaves[np.arange(len(self.trees.leaves)), self.trees.leaf_of(cells)]
        return np.cumsum(leaves, axis=1)[:, -1] + self.base

    def margin_and_contributions(self, cells: _Codes) -> tuple[FloatArray, FloatArray]:
        """Margins, shape (n,), and Shapley values, shape (n, inputs), of the rows of a matrix."""
        if 0 < len(cells) <= _FEW:
            patterns = [self._pattern_of(row) for row in cells]
            return (
                np.array([self._margin_of(pattern) for pattern in patterns]),
                np.stack([self._shares_of(pattern) for pattern in patterns]),
            )
        margin, shares = np.zeros(len(cells)), np.zeros(cells.shape[::-1])
        tables = zip(
            self._patterns(cells),
            self.tables.leaves,
            self.tables.splits.places,
            self.tables.values,
            strict=True,
        )
        for pattern, leaves, places, values in tables:
            margin += leaves.take(pattern, mode="clip")
            for place, value in zip(places, values.T, strict=True):
                if value.any():
                    shares[place] += value.take(pattern, mode="clip")
        return margin + self.base, shares.T

    def _patterns(self, cells: _Codes) -> Iterator[_Places]:
        """The answers of each row of splits, a bit per split."""
        columns = np.ascontiguousarray(cells.T)
        missing = np.isnan(columns)
        splits = self.tables.splits
        each = zip(splits.places, splits.limits, splits.missing_left, strict=True)
        for places, limits, left in each:
            pattern = np.zeros(len(cells), dtype=np.uint8)
            for bit, place in enumerate(places):
                below = columns[place] < limits[bit]
                pattern |= ((below | missing[place]) if left[bit] else below).view(np.uint8) << bit
            yield pattern.astype(np.intp)

    def _pattern_of(self, row: _Codes) -> _Places:
        splits = self.tables.splits
        asked = row[splits.places]
        return ((asked < splits.limits) | (np.isnan(asked) & splits.missing_left)) @ self._bits

    def _margin_of(self, pattern: _Places) -> float:
        return float(np.cumsum(self.tables.leaves[self._every, pattern])[-1]) + self.base

    def _shares_of(self, pattern: _Places) -> FloatArray:
        shares = self.tables.values[self._every, pattern]
        values: FloatArray = np.bincount(
            self.tables.splits.places.ravel(), shares.ravel(), self.inputs
        ).astype(np.float64)
        return values

    @cached_property
    def _every(self) -> _Places:
        return np.arange(len(self.tables.leaves))

    @cached_property
    def _bits(self) -> _Places:
        return 1 << np.arange(self.tables.splits.places.shape[1])


def lookup(booster: bytes, inputs: int) -> Lookup | None:
    """The look-up tables of a booster in XGBoost's JSON; None where a tree has seven splits in a row or splits by level."""
    learner = json.loads(booster)["learner"]
    trees = [_exact(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    depth = max(1, *map(_depth, trees))
    if depth > MOST_IN_A_ROW or any(tree["categories"] for tree in trees):
        return None
    return Lookup(_grown(trees, depth), _base(learner), inputs)


def _exact(tree: _Plain) -> _Plain:
    """A tree with the numbers that XGBoost computes with, not their decimals."""
    names = ("split_indices", "default_left", "left_children", "right_children")
    whole = {name: np.array(tree[name], dtype=np.intp) for name in names}
    real = {name: np.array(tree[name], dtype=np.float32) for name in ("split_conditions", "sum_hessian")}
    return {**whole, **real, "categories": tree["categories"]}


def _base(learner: _Plain) -> float:
    probability = float(learner["learner_model_param"]["base_score"].strip("[]"))
    return float(np.log(probability / (1 - probability)))


def _depth(tree: _Plain, node: int = 0) -> int:
    left, right = int(tree["left_children"][node]), int(tree["right_children"][node])
    return 0 if left < 0 else 1 + max(_depth(tree, left), _depth(tree, right))


@dataclass(frozen=True)
class _Grown:
    """Trees, each filled up to the same depth, their splits in the order of a heap.

    Split 0 is the root, and those below split k are 2k + 1 (left) and 2k + 2. Where a tree ends earlier, the splits below send
    every case to the right, and its leaf is the last one on the right.

    Attributes:
        splits: of the trees, a row per tree.
        share_left: (trees, splits) share of the training cases at the split, by weight, that went left.
        leaves: (trees, splits + 1) log-odds that each leaf adds to the margin, from left to right.
        way: (leaves, depth) the splits on the way to each leaf.
        on_left: (leaves, depth) whether the leaf lies on their left.
    """

    splits: Splits
    share_left: FloatArray
    leaves: FloatArray
    way: _Places
    on_left: _Flags

    def leaf_of(self, cells: _Codes) -> _Places:
        """The leaf of every tree that each row of a matrix comes to, shape (n, trees)."""
        splits, every = self.splits, np.arange(len(self.leaves))
        node = np.zeros((len(cells), len(every)), dtype=np.intp)
        for _ in range(self.way.shape[1]):
            asked = np.take_along_axis(cells, splits.places[every, node], axis=1)
            missing = np.isnan(asked) & splits.missing_left[every, node]
            node = 2 * node + 2 - ((asked < splits.limits[every, node]) | missing)
        first: int = splits.places.shape[1]
        return node - first


@dataclass(frozen=True)
class _Ways:
    """The ways to all leaves, tree after tree.

    Attributes:
        place: (ways, depth) input of each split on the way.
        share: (ways, depth) share of the training cases at the split that went this way.
        on_left: (ways, depth) whether the way goes left.
        leaf: (ways,) log-odds that the leaf adds.
    """

    place: _Places
    share: FloatArray
    on_left: _Flags
    leaf: FloatArray


def _grown(trees: Sequence[_Plain], depth: int) -> _Grown:
    shape, leaves = (len(trees), 2**depth - 1), np.zeros((len(trees), 2**depth))
    places, limits = np.zeros(shape, np.intp), np.full(shape, -np.inf, np.float32)
    missing_left, share_left = np.zeros(shape, np.bool_), np.zeros(shape)
    for number, tree in enumerate(trees):
        cover = tree["sum_hessian"].astype(np.float64)
        for slot, node in _filled(tree, depth):
            left = tree["left_children"][node]
            if slot >= shape[1]:
                leaves[number, slot - shape[1]] = tree["split_conditions"][node]
            elif left >= 0:
                places[number, slot] = tree["split_indices"][node]
                limits[number, slot] = tree["split_conditions"][node]
                missing_left[number, slot] = tree["default_left"][node]
                share_left[number, slot] = cover[left] / cover[node]
    return _Grown(Splits(places, limits, missing_left), share_left, leaves, *_heap(depth))


def _filled(tree: _Plain, depth: int, slot: int = 0, node: int = 0) -> Iterator[tuple[int, int]]:
    """Every place of a heap that a case can reach, with the node of the tree that stands there."""
    yield slot, node
    if depth:
        left, right = int(tree["left_children"][node]), int(tree["right_children"][node])
        if left >= 0:
            yield from _filled(tree, depth - 1, 2 * slot + 1, left)
        yield from _filled(tree, depth - 1, 2 * slot + 2, right if left >= 0 else node)


def _heap(depth: int) -> tuple[_Places, _Flags]:
    """The splits on the way to each leaf of a heap, from the root, and whether the leaf lies on their left."""
    node, steps = np.arange(2**depth - 1, 2 ** (depth + 1) - 1), list[tuple[_Places, _Flags]]()
    for _ in range(depth):
        steps.append(((node - 1) // 2, node % 2 == 1))
        node = (node - 1) // 2
    way, on_left = zip(*reversed(steps), strict=True)
    return np.stack(way, axis=1), np.stack(on_left, axis=1)


def _ways(grown: _Grown) -> _Ways:
    shape, left = (-1, grown.way.shape[1]), grown.share_left[:, grown.way]
    return _Ways(
        place=grown.splits.places[:, grown.way].reshape(shape),
        share=np.where(grown.on_left, left, 1 - left).reshape(shape),
        on_left=np.tile(grown.on_left, (len(left), 1)),
        leaf=grown.leaves.ravel(),
    )


def _tables(ways: _Ways) -> tuple[FloatArray, FloatArray]:
    """What every pattern of the answers on every way adds to the margin, (ways, patterns), and its Shapley values.

    To a case, a leaf is a game of the inputs on its way: its worth is the leaf times, for each of them, 1 or 0 where the input
    is known (the case goes that way or not), and else the share of the training cases that went that way. The Shapley values of
    a product are integrals of polynomials (Owen, Multilinear extensions of games, 1972), which Gauss' rule works out exactly.
    """
    known, unknown = _by_input(ways)
    nodes, weights = np.polynomial.legendre.leggauss((len(known) + 1) // 2)
    values = np.zeros_like(known)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        values += weight * _others(unknown + node * (known - unknown))
    values *= (known - unknown) * ways.leaf[:, None]
    return ways.leaf[:, None] * known.prod(axis=0), np.ascontiguousarray(np.moveaxis(values, 0, -1))


def _others(factors: FloatArray) -> FloatArray:
    """For each factor, along the first axis, the product of the others."""
    before, after = np.ones_like(factors), np.ones_like(factors)
    before[1:] = np.cumprod(factors[:-1], axis=0)
    after[:-1] = np.cumprod(factors[:0:-1], axis=0)[::-1]
    return before * after


def _by_input(ways: _Ways) -> tuple[FloatArray, FloatArray]:
    """The factors of each input on each way, (splits, ways, patterns): at its first split; its other splits have 1."""
    depth = ways.place.shape[1]
    answers = np.arange(2**depth) >> np.arange(depth)[:, None] & 1 == 1
    goes = answers[:, None, :] == ways.on_left.T[:, :, None]
    known, unknown = np.ones(goes.shape), np.ones(goes.shape)
    for split in range(depth):
        same = ways.place == ways.place[:, [split]]
        first = np.argmax(same, axis=1) == split
        mine = (same & first[:, None]).T[:, :, None]
        known[split] = np.where(mine, goes, True).all(axis=0)
        unknown[split] = np.where(mine, ways.share.T[:, :, None], 1.0).prod(axis=0)
    return known, unknown


def _by_tree(grown: _Grown) -> Tables:
    """Tables of all answers of a tree: what its leaves add is added up."""
    trees, splits = grown.splits.places.shape
    every = _tables(_ways(grown))
    margins, shares = (table.reshape(trees, splits + 1, *table.shape[1:]) for table in every)
    patterns = np.arange(2**splits)
    leaves, values = np.zeros((trees, 2**splits)), np.zeros((trees, 2**splits, splits))
    for leaf, way in enumerate(grown.way):
        mine = (patterns[:, None] >> way & 1) @ (1 << np.arange(len(way)))
        leaves += margins[:, leaf, mine]
        values[:, :, way] += shares[:, leaf, mine]
    return Tables(grown.splits, leaves, values)


def _by_leaf(grown: _Grown) -> Tables:
    """Tables of the answers on the way to each leaf that a case can reach."""
    ways, splits, depth = _ways(grown), grown.splits, grown.way.shape[1]
    reached = ways.share.prod(axis=1) > 0
    every = (splits.places, splits.limits, splits.missing_left)
    mine = Splits(*(array[:, grown.way].reshape(-1, depth)[reached] for array in every))
    few = _Ways(*(array[reached] for array in (ways.place, ways.share, ways.on_left, ways.leaf)))
    return Tables(mine, *_tables(few))
