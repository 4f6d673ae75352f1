"""LightGBM's trees in their served form; used only on request, because the library needs the system's libgomp."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from credit_model.arrays import FloatArray
from credit_model.models.classifier import FeatureValues, describe
from credit_model.models.xgboost_trees import codes_of, encode

if TYPE_CHECKING:
    import lightgbm


_BOOSTER = "booster.txt"


@dataclass(frozen=True)
class LightGbmTrees:
    """Gradient-boosted trees; contributions are exact Shapley values of the trees (Lundberg et al., 2020).

    Attributes:
        inputs: the features, in the booster's order.
        levels: learned levels of each categorical feature; the code of a level is its position.
        booster: the trees.
    """

    kind: ClassVar[str] = "lightgbm_trees"
    requirements: ClassVar[tuple[str, ...]] = ("lightgbm",)
    inputs: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    booster: "lightgbm.Booster"

    def margin(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad of the rows of a feature table, shape (n,)."""
        return self._margin(encode(table, self.inputs, self._codes))

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin, shape (n, number of inputs)."""
        return self._shapley(encode(table, self.inputs, self._codes))[:, :-1]

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """``margin`` and ``contributions`` together, reading the table once."""
        matrix = encode(table, self.inputs, self._codes)
        return self._margin(matrix), self._shapley(matrix)[:, :-1]

    @cached_property
    def neutral(self) -> float:
        """The mean margin of the training cases, weighted by the trees' covers, in log-odds."""
        return float(self._shapley(np.full((1, len(self.inputs)), np.nan, dtype=np.float32))[0, -1])

    @cached_property
    def _codes(self) -> dict[str, dict[str, float]]:
        return codes_of(self.levels)

    def _margin(self, matrix: Any) -> FloatArray:
        return np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)

    def _shapley(self, matrix: Any) -> FloatArray:
        values = self.booster.predict(matrix, pred_contrib=True, num_threads=1)
        return np.asarray(values, dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write plain files into a folder."""
        levels = {name: list(seen) for name, seen in self.levels.items()}
        describe(folder, {"kind": self.kind, "inputs": self.inputs, "levels": levels})
        (folder / _BOOSTER).write_text(self.booster.model_to_string())

    @classmethod
    def load(cls, folder: Path, plain: Mapping[str, Any]) -> "LightGbmTrees":
        """Read what ``save`` wrote."""
        import lightgbm

        booster = lightgbm.Booster(model_str=(folder / _BOOSTER).read_text())
        levels = {name: tuple(seen) for name, seen in plain["levels"].items()}
        return cls(tuple(plain["inputs"]), levels, booster)
