"""Fitted classifiers in the form that is served: plain numbers, no pickle, no training library.

A classifier gives every decision a margin, a real number that rises with risk, and splits it exactly into contributions:
``neutral + contributions.sum(axis=1) == margin``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.woe import Binning

if TYPE_CHECKING:
    import xgboost

FloatArray = npt.NDArray[np.float64]
_DESCRIPTION, _BOOSTER = "classifier.json", "booster.json"


class Classifier(Protocol):
    """What serving asks of a fitted classifier."""

    kind: ClassVar[str]
    requirements: ClassVar[tuple[str, ...]]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that it reads."""

    @property
    def neutral(self) -> float:
        """The margin that the contributions start from."""

    def margin(self, table: pl.DataFrame) -> FloatArray:
        """(n,) margins of the rows of a feature table, uncalibrated."""

    def contributions(self, table: pl.DataFrame) -> FloatArray:
        """(n, number of inputs) shares of the margin."""

    def save(self, folder: Path) -> None:
        """Write plain files."""


@dataclass(frozen=True)
class Scorecard:
    """Logistic regression on weights of evidence: ``margin = neutral - sum(weight * WoE)``.

    Attributes:
        binnings: one per input, in order.
        weights: of the WoE, none negative, so that points rise with safety in every bin.
        neutral: log-odds of bad where every WoE is zero.
    """

    kind: ClassVar[str] = "scorecard"
    requirements: ClassVar[tuple[str, ...]] = ()
    binnings: tuple[Binning, ...]
    weights: tuple[float, ...]
    neutral: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """The binned features."""
        return tuple(binning.feature for binning in self.binnings)

    def contributions(self, table: pl.DataFrame) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin."""
        evidence = [binning.woe(table[binning.feature]) for binning in self.binnings]
        contributions: FloatArray = -np.stack(evidence, axis=1) * np.array(self.weights)
        return contributions

    def margin(self, table: pl.DataFrame) -> FloatArray:
        """Log-odds of bad."""
        total: FloatArray = self.neutral + self.contributions(table).sum(axis=1)
        return total

    def save(self, folder: Path) -> None:
        """Write plain files."""
        plain = {
            "binnings": [binning.to_dict() for binning in self.binnings],
            "weights": list(self.weights),
            "neutral": self.neutral,
        }
        _write(folder, {"kind": self.kind} | plain)

    @classmethod
    def load(cls, _: Path, plain: Mapping[str, object]) -> "Scorecard":
        """Read what ``save`` wrote."""
        binnings = tuple(Binning.from_dict(binning) for binning in plain["binnings"])  # type: ignore[attr-defined]
        return cls(binnings, tuple(plain["weights"]), float(plain["neutral"]))  # type: ignore[arg-type]


@dataclass(frozen=True)
class BoostedTrees:
    """Gradient-boosted trees; contributions are exact Shapley values of the trees (Lundberg et al., 2020).

    Attributes:
        inputs: the features, in the booster's order.
        levels: learned levels of each text feature; a level's code is its place.
        booster: the trees.
    """

    kind: ClassVar[str] = "boosted_trees"
    requirements: ClassVar[tuple[str, ...]] = ("xgboost-cpu",)
    inputs: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    booster: "xgboost.Booster"

    def margin(self, table: pl.DataFrame) -> FloatArray:
        """Log-odds of bad."""
        matrix = encode(table, self.inputs, self._codes)
        return np.asarray(self.booster.inplace_predict(matrix, predict_type="margin"), dtype=np.float64)

    def contributions(self, table: pl.DataFrame) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin."""
        return self._shapley(encode(table, self.inputs, self._codes))[:, :-1]

    @cached_property
    def neutral(self) -> float:
        """The mean margin of the training cases, by the trees' covers."""
        return float(self._shapley(np.full((1, len(self.inputs)), np.nan, dtype=np.float32))[0, -1])

    @cached_property
    def _codes(self) -> dict[str, dict[str, float]]:
        return {
            name: {level: float(code) for code, level in enumerate(known)}
            for name, known in self.levels.items()
        }

    def _shapley(self, matrix: npt.NDArray[np.float32]) -> FloatArray:
        import xgboost

        return np.asarray(self.booster.predict(xgboost.DMatrix(matrix), pred_contribs=True), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write plain files."""
        _write(
            folder,
            {
                "kind": self.kind,
                "inputs": self.inputs,
                "levels": {k: list(v) for k, v in self.levels.items()},
            },
        )
        self.booster.save_model(folder / _BOOSTER)

    @classmethod
    def load(cls, folder: Path, plain: Mapping[str, object]) -> "BoostedTrees":
        """Read what ``save`` wrote."""
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(folder / _BOOSTER)
        booster.set_param({"nthread": 1})
        levels = {name: tuple(known) for name, known in plain["levels"].items()}  # type: ignore[attr-defined]
        return cls(tuple(plain["inputs"]), levels, booster)  # type: ignore[arg-type]


def encode(
    table: pl.DataFrame, inputs: tuple[str, ...], codes: Mapping[str, Mapping[str, float]]
) -> npt.NDArray[np.float32]:
    """A feature table as the booster's matrix: text by code, unknown and unseen as NaN."""
    columns = [
        table[name].replace_strict(codes[name], default=None, return_dtype=pl.Float64)
        if name in codes
        else table[name]
        for name in inputs
    ]
    return np.stack([column.to_numpy().astype(np.float32) for column in columns], axis=1)


_KINDS: dict[str, type[Scorecard] | type[BoostedTrees]] = {
    kind.kind: kind for kind in (Scorecard, BoostedTrees)
}


def load_classifier(folder: Path) -> Classifier:
    """Read a classifier of any kind."""
    plain = json.loads((folder / _DESCRIPTION).read_text())
    return _KINDS[plain["kind"]].load(folder, plain)


def _write(folder: Path, plain: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _DESCRIPTION).write_text(json.dumps(plain, indent=1, sort_keys=True, allow_nan=False))
