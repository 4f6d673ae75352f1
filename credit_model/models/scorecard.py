"""The scorecard in its served form: logistic regression on weights of evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from credit_model.arrays import FloatArray
from credit_model.models.binning import Binning
from credit_model.models.classifier import FeatureValues, describe


@dataclass(frozen=True)
class Scorecard:
    """Logistic regression on weights of evidence: ``margin = neutral - sum(weight * WoE)`` (Siddiqi, 2006).

    Attributes:
        binnings: one per input, in order.
        weights: log-odds of good per unit of WoE, none negative, so that a safer bin never has fewer points.
        neutral: log-odds of bad where every WoE is zero.
        rounded: log-odds of bad that each bin of each input adds where its points are whole numbers; without them, as above.
    """

    kind: ClassVar[str] = "scorecard"
    requirements: ClassVar[tuple[str, ...]] = ()
    binnings: tuple[Binning, ...]
    weights: tuple[float, ...]
    neutral: float
    rounded: tuple[tuple[float, ...], ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the binned features, in order."""
        return tuple(binning.feature for binning in self.binnings)

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin, shape (n, number of inputs)."""
        if self.rounded:
            return self._rounded_contributions(table)
        evidence = [binning.woe(table[binning.feature]) for binning in self.binnings]
        contributions: FloatArray = -np.stack(evidence, axis=1) * np.array(self.weights)
        return contributions

    def _rounded_contributions(self, table: FeatureValues) -> FloatArray:
        places = [binning.index(table[binning.feature]) for binning in self.binnings]
        return np.stack(
            [np.array(steps)[place] for steps, place in zip(self.rounded, places, strict=True)], axis=1
        )

    def margin(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad of the rows of a feature table, shape (n,)."""
        return self.margin_and_contributions(table)[0]

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """``margin`` and ``contributions`` together, reading the table once."""
        contributions = self.contributions(table)
        return self.neutral + contributions.sum(axis=1), contributions

    def save(self, folder: Path) -> None:
        """Write plain files into a folder."""
        plain = {
            "binnings": [binning.to_dict() for binning in self.binnings],
            "weights": list(self.weights),
            "neutral": self.neutral,
            "rounded": [list(steps) for steps in self.rounded],
        }
        describe(folder, {"kind": self.kind} | plain)

    @classmethod
    def load(cls, _: Path, plain: Mapping[str, Any]) -> "Scorecard":
        """Read what ``save`` wrote."""
        binnings = tuple(Binning.from_dict(binning) for binning in plain["binnings"])
        rounded = tuple(tuple(steps) for steps in plain.get("rounded", ()))
        return cls(binnings, tuple(plain["weights"]), float(plain["neutral"]), rounded)
