"""XGBoost's trees in their served form: boosted trees, forests and single trees alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.models.classifier import Case, FeatureValues, describe
from credit_model.models.tree_lookup import Lookup, lookup

if TYPE_CHECKING:
    import xgboost


_BOOSTER = "booster.json"
_FEW = 1_000  # texts up to which a dictionary is faster than handing the column to Polars
_LARGEST = float(np.finfo(np.float32).max)
Codes = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Trees:
    """Trees of XGBoost; contributions are exact Shapley values of the trees (Lundberg et al., 2020).

    Attributes:
        inputs: the features, in the trees' order.
        levels: learned levels of each categorical feature; the code of a level is its position.
        model: the trees, in XGBoost's own JSON.
    """

    kind: ClassVar[str] = "trees"
    inputs: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    model: bytes

    @property
    def requirements(self) -> tuple[str, ...]:
        """XGBoost, unless the trees are shallow enough for ``tree_lookup``."""
        return () if self._lookup else ("xgboost-cpu",)

    def margin(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad of the rows of a feature table, shape (n,)."""
        cells = encode(table, self.inputs, self._codes)
        return self._lookup.margin(cells) if self._lookup else self._margin(cells)

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin, shape (n, number of inputs)."""
        return self.margin_and_contributions(table)[1]

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """``margin`` and ``contributions`` together, reading the table once."""
        cells = encode(table, self.inputs, self._codes)
        if self._lookup:
            return self._lookup.margin_and_contributions(cells)
        return self._margin(cells), self._shapley(cells)[:, :-1]

    @cached_property
    def neutral(self) -> float:
        """The mean margin of the training cases, weighted by the trees' covers, in log-odds."""
        nothing = np.full((1, len(self.inputs)), np.nan, dtype=np.float32)
        return self._lookup.neutral if self._lookup else float(self._shapley(nothing)[0, -1])

    @cached_property
    def booster(self) -> "xgboost.Booster":
        """The trees as XGBoost loads them, with one thread."""
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self.model))
        booster.set_param({"nthread": 1})
        return booster

    @cached_property
    def _codes(self) -> Codes:
        return codes_of(self.levels)

    @cached_property
    def _lookup(self) -> Lookup | None:
        return lookup(self.model, len(self.inputs))

    def _margin(self, cells: npt.NDArray[np.float32]) -> FloatArray:
        return np.asarray(self.booster.inplace_predict(cells, predict_type="margin"), dtype=np.float64)

    def _shapley(self, cells: npt.NDArray[np.float32]) -> FloatArray:
        import xgboost

        matrix = xgboost.DMatrix(cells, nthread=1)
        return np.asarray(self.booster.predict(matrix, pred_contribs=True), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write plain files into a folder."""
        levels = {name: list(seen) for name, seen in self.levels.items()}
        describe(folder, {"kind": self.kind, "inputs": self.inputs, "levels": levels})
        (folder / _BOOSTER).write_bytes(self.model)

    @classmethod
    def load(cls, folder: Path, plain: Mapping[str, Any]) -> "Trees":
        """Read what ``save`` wrote, and prepare it, so that the first request does not wait."""
        levels = {name: tuple(seen) for name, seen in plain["levels"].items()}
        trees = cls(tuple(plain["inputs"]), levels, (folder / _BOOSTER).read_bytes())
        _ = trees._lookup.tables if trees._lookup else trees.booster
        return trees


def codes_of(levels: Mapping[str, tuple[str, ...]]) -> Codes:
    """The code of each level of each categorical feature: its position, from 0."""
    return {name: {level: float(code) for code, level in enumerate(seen)} for name, seen in levels.items()}


def encode(
    table: FeatureValues, inputs: tuple[str, ...], codes: Mapping[str, Mapping[str, float]]
) -> npt.NDArray[np.float32]:
    """A feature table as a matrix, shape (n, inputs): levels by code, null and unseen levels as NaN, kept within float32."""
    if isinstance(table, Case):
        values = table.values
        row = [codes[name].get(values[name], np.nan) if name in codes else values[name] for name in inputs]
        return np.array(np.clip([row], -_LARGEST, _LARGEST), dtype=np.float32)
    columns = np.empty((len(inputs), len(table)), dtype=np.float32)
    for column, name in zip(columns, inputs, strict=True):
        cells = _encode(table[name], codes[name]) if name in codes else table[name].to_numpy()
        column[:] = np.clip(cells, -_LARGEST, _LARGEST)
    return columns.T


def _encode(texts: pl.Series, codes: Mapping[str, float]) -> FloatArray:
    if len(texts) < _FEW:
        return np.array([codes.get(text, np.nan) for text in texts.to_list()])
    return texts.replace_strict(codes, default=None, return_dtype=pl.Float64).to_numpy()
