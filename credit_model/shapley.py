"""Shapley values of shallow trees, looked up: what its splits say of a case decides them, and few splits say few things.

For each pattern of answers of a tree's splits the exact values under the trees' covers (Lundberg et al., 2020) are worked out
once; a case then costs a comparison and an addition per split.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from credit_model.classifier import FloatArray

if TYPE_CHECKING:
    import xgboost

MOST_SPLITS = 3
_FEW = 256  # cases up to which one after the other is faster than tree after tree
_Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Lookup:
    """The splits of trees, padded to one number of splits, and the values of each pattern of their answers.

    Attributes:
        places: (trees, splits) the input that a split asks for.
        limits: (trees, splits) a cell below it goes left.
        missing_left: (trees, splits) where a missing cell goes.
        values: (trees, patterns, splits) what a pattern adds to the input of a split; an input that is asked for twice has
            it once.
        inputs: how many there are.
    """

    places: npt.NDArray[np.intp]
    limits: npt.NDArray[np.float32]
    missing_left: npt.NDArray[np.bool_]
    values: FloatArray
    inputs: int

    def contributions(self, cells: npt.NDArray[np.float32]) -> FloatArray:
        """(n, inputs) Shapley values of the rows of a matrix; added up in one order, however many rows there are."""
        if len(cells) <= _FEW:
            return np.stack([self._of_one(row) for row in cells]) if len(cells) else np.zeros(cells.shape)
        columns, found = np.ascontiguousarray(cells.T), np.zeros(cells.shape[::-1])
        missing = np.isnan(columns)
        for places, limits, left, values in zip(
            self.places, self.limits, self.missing_left, self.values, strict=True
        ):
            pattern = np.zeros(len(cells), dtype=np.uint8)
            for bit, place in enumerate(places):
                below = columns[place] < limits[bit]
                pattern |= ((below | missing[place]) if left[bit] else below).view(np.uint8) << bit
            for place, shares in zip(places, values.T, strict=True):
                if shares.any():
                    found[place] += shares.take(pattern)
        return found.T

    def _of_one(self, row: npt.NDArray[np.float32]) -> FloatArray:
        asked = row[self.places]
        below = (asked < self.limits) | (np.isnan(asked) & self.missing_left)
        pattern = below @ (1 << np.arange(below.shape[1]))
        shares = self.values[np.arange(len(pattern)), pattern]
        found: FloatArray = np.bincount(self.places.ravel(), shares.ravel(), self.inputs).astype(np.float64)
        return found


def lookup(booster: "xgboost.Booster", inputs: int) -> Lookup | None:
    """The tables of a booster; null where a tree has more than three splits."""
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    splits = [
        [node for node, child in enumerate(tree["left_children"]) if child >= 0] for tree in model["trees"]
    ]
    if any(
        len(each) > MOST_SPLITS or tree["categories"]
        for each, tree in zip(splits, model["trees"], strict=True)
    ):
        return None
    shape = (len(splits), MOST_SPLITS)
    places, limits = np.zeros(shape, np.intp), np.zeros(shape, np.float32)
    left, values = np.zeros(shape, np.bool_), np.zeros((len(splits), 2**MOST_SPLITS, MOST_SPLITS))
    for number, (tree, nodes) in enumerate(zip(model["trees"], splits, strict=True)):
        known = slice(len(nodes))
        places[number, known] = np.array(tree["split_indices"])[nodes]
        limits[number, known] = np.array(tree["split_conditions"], dtype=np.float32)[nodes]
        left[number, known] = np.array(tree["default_left"])[nodes]
        for pattern in range(2**MOST_SPLITS):
            for place, value in _values(
                tree, {node: pattern >> bit & 1 for bit, node in enumerate(nodes)}
            ).items():
                first = int(np.flatnonzero(places[number, known] == place)[0])
                values[number, pattern, first] = value
    return Lookup(places, limits, left, values, inputs)


def _values(tree: _Plain, goes_left: Mapping[int, int]) -> dict[int, float]:
    """The Shapley value of each input of a tree, for a case whose splits answer so."""
    inputs = sorted({tree["split_indices"][node] for node in goes_left})
    groups = [frozenset(some) for size in range(len(inputs) + 1) for some in combinations(inputs, size)]
    expected = {known: _expected(tree, goes_left, known) for known in groups}
    return {
        one: sum(
            (expected[some | {one}] - expected[some]) / (len(inputs) * comb(len(inputs) - 1, len(some)))
            for some in groups
            if one not in some
        )
        for one in inputs
    }


def _expected(tree: _Plain, goes_left: Mapping[int, int], known: frozenset[int], node: int = 0) -> float:
    """What a tree says where only some inputs are known: elsewhere both sides count, by their covers."""
    left, right, cover = tree["left_children"][node], tree["right_children"][node], tree["sum_hessian"]
    if left < 0:
        return float(tree["split_conditions"][node])
    if tree["split_indices"][node] in known:
        return _expected(tree, goes_left, known, left if goes_left[node] else right)
    both = (cover[side] * _expected(tree, goes_left, known, side) for side in (left, right))
    return float(sum(both) / cover[node])
