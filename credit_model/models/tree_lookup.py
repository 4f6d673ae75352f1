"""Look-up tables for shallow trees, which then need no tree library.

The answers of a tree's few splits form a pattern of bits that determines its leaf. For every pattern the leaf and the exact
Shapley values, weighted by the trees' covers (Lundberg et al., 2020), are computed once; scoring a case then takes one
comparison per split and one look-up per tree.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from credit_model.arrays import FloatArray

MOST_SPLITS = 3
_FEW = 256  # cases up to which one after the other is faster than tree after tree
_BITS = 1 << np.arange(MOST_SPLITS)
_Plain = Mapping[str, Any]
_Codes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lookup:
    """The splits of trees, padded to three per tree, and the leaf of each pattern of their answers.

    Attributes:
        trees: the trees as in XGBoost's JSON.
        places: (trees, splits) index of the input that each split compares.
        limits: (trees, splits) a value below it goes left.
        missing_left: (trees, splits) whether a missing value goes left.
        leaves: (trees, patterns) log-odds that each pattern adds to the margin.
        base: the margin before any tree, in log-odds.
        inputs: number of inputs.
    """

    trees: tuple[_Plain, ...]
    places: npt.NDArray[np.intp]
    limits: npt.NDArray[np.float32]
    missing_left: npt.NDArray[np.bool_]
    leaves: FloatArray
    base: float
    inputs: int

    @cached_property
    def neutral(self) -> float:
        """The mean margin of the training cases, weighted by the trees' covers, in log-odds."""
        return self.base + sum(_expected(tree, {}, frozenset()) for tree in self.trees)

    @cached_property
    def values(self) -> FloatArray:
        """Shapley value of each split's input, shape (trees, patterns, splits); counted once where splits share an input."""
        values = np.zeros((*self.leaves.shape, MOST_SPLITS))
        for number, tree in enumerate(self.trees):
            for pattern in range(self.leaves.shape[1]):
                for place, value in _values(tree, _answers(tree, pattern)).items():
                    values[number, pattern, int(np.argmax(self.places[number] == place))] = value
        return values

    def margin(self, cells: _Codes) -> FloatArray:
        """Margins of the rows of a matrix, shape (n,); trees are added up in one order, whatever the number of rows."""
        if len(cells) <= _FEW:
            return np.array([self._margin_of(self._pattern_of(row)) for row in cells], dtype=np.float64)
        margin = np.zeros(len(cells))
        for pattern, leaves in zip(self._patterns(cells), self.leaves, strict=True):
            margin += leaves.take(pattern, mode="clip")
        return margin + self.base

    def margin_and_contributions(self, cells: _Codes) -> tuple[FloatArray, FloatArray]:
        """Margins, shape (n,), and Shapley values, shape (n, inputs), of the rows of a matrix."""
        if 0 < len(cells) <= _FEW:
            patterns = [self._pattern_of(row) for row in cells]
            return (
                np.array([self._margin_of(pattern) for pattern in patterns]),
                np.stack([self._shares_of(pattern) for pattern in patterns]),
            )
        margin, shares = np.zeros(len(cells)), np.zeros(cells.shape[::-1])
        tables = zip(self._patterns(cells), self.leaves, self.places, self.values, strict=True)
        for pattern, leaves, places, values in tables:
            margin += leaves.take(pattern, mode="clip")
            for place, value in zip(places, values.T, strict=True):
                if value.any():
                    shares[place] += value.take(pattern, mode="clip")
        return margin + self.base, shares.T

    def _patterns(self, cells: _Codes) -> Iterator[npt.NDArray[np.intp]]:
        """The answers of each tree's splits, a bit per split."""
        columns = np.ascontiguousarray(cells.T)
        missing = np.isnan(columns)
        for places, limits, left in zip(self.places, self.limits, self.missing_left, strict=True):
            pattern = np.zeros(len(cells), dtype=np.uint8)
            for bit, place in enumerate(places):
                below = columns[place] < limits[bit]
                pattern |= ((below | missing[place]) if left[bit] else below).view(np.uint8) << bit
            yield pattern.astype(np.intp)

    def _pattern_of(self, row: _Codes) -> npt.NDArray[np.intp]:
        asked = row[self.places]
        return ((asked < self.limits) | (np.isnan(asked) & self.missing_left)) @ _BITS

    def _margin_of(self, pattern: npt.NDArray[np.intp]) -> float:
        return float(np.cumsum(self.leaves[self._every, pattern])[-1]) + self.base

    def _shares_of(self, pattern: npt.NDArray[np.intp]) -> FloatArray:
        shares = self.values[self._every, pattern]
        values: FloatArray = np.bincount(self.places.ravel(), shares.ravel(), self.inputs).astype(np.float64)
        return values

    @cached_property
    def _every(self) -> npt.NDArray[np.intp]:
        return np.arange(len(self.trees))


def lookup(booster: bytes, inputs: int) -> Lookup | None:
    """The look-up tables of a booster in XGBoost's JSON; None where a tree has more than three splits or splits by level."""
    learner = json.loads(booster)["learner"]
    trees = [_exact(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    if any(len(_splits(tree)) > MOST_SPLITS or tree["categories"] for tree in trees):
        return None
    shape = (len(trees), MOST_SPLITS)
    places, limits, left = np.zeros(shape, np.intp), np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    leaves = np.zeros((len(trees), 2**MOST_SPLITS))
    for number, tree in enumerate(trees):
        nodes = _splits(tree)
        numbers = slice(len(nodes))
        places[number, numbers] = tree["split_indices"][nodes]
        limits[number, numbers] = tree["split_conditions"][nodes]
        left[number, numbers] = tree["default_left"][nodes]
        for pattern in range(2**MOST_SPLITS):
            leaves[number, pattern] = _leaf(tree, _answers(tree, pattern))
    return Lookup(tuple(trees), places, limits, left, leaves, _base(learner), inputs)


def _exact(tree: _Plain) -> _Plain:
    """A tree with the numbers that XGBoost computes with, not their decimals."""
    names = ("split_indices", "default_left", "left_children", "right_children")
    whole = {name: np.array(tree[name], dtype=np.intp) for name in names}
    real = {name: np.array(tree[name], dtype=np.float32) for name in ("split_conditions", "sum_hessian")}
    return {**whole, **real, "categories": tree["categories"]}


def _base(learner: _Plain) -> float:
    probability = float(learner["learner_model_param"]["base_score"].strip("[]"))
    return float(np.log(probability / (1 - probability)))


def _splits(tree: _Plain) -> list[int]:
    return np.flatnonzero(tree["left_children"] >= 0).tolist()


def _answers(tree: _Plain, pattern: int) -> dict[int, int]:
    """Whether a case goes left at each split."""
    return {node: pattern >> bit & 1 for bit, node in enumerate(_splits(tree))}


def _leaf(tree: _Plain, goes_left: Mapping[int, int]) -> float:
    everything = frozenset(tree["split_indices"].tolist())
    return _expected(tree, goes_left, everything)


def _values(tree: _Plain, goes_left: Mapping[int, int]) -> dict[int, float]:
    """The Shapley value of each input of a tree, for a case with these answers."""
    inputs = sorted({int(tree["split_indices"][node]) for node in goes_left})
    groups = [frozenset(some) for size in range(len(inputs) + 1) for some in combinations(inputs, size)]
    expected = {group: _expected(tree, goes_left, group) for group in groups}
    return {
        one: sum(
            (expected[some | {one}] - expected[some]) / (len(inputs) * comb(len(inputs) - 1, len(some)))
            for some in groups
            if one not in some
        )
        for one in inputs
    }


def _expected(tree: _Plain, goes_left: Mapping[int, int], group: frozenset[int], node: int = 0) -> float:
    """Expected leaf of a tree where only a group of inputs is known: other splits take both sides, weighted by their covers."""
    left, right = int(tree["left_children"][node]), int(tree["right_children"][node])
    if left < 0:
        return float(tree["split_conditions"][node])
    if int(tree["split_indices"][node]) in group:
        return _expected(tree, goes_left, group, left if goes_left[node] else right)
    cover = tree["sum_hessian"].astype(np.float64)
    both = (cover[side] * _expected(tree, goes_left, group, side) for side in (left, right))
    return float(sum(both) / cover[node])
