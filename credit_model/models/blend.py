"""Several classifiers as one: a weighted sum of their margins, and so of their contributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from credit_model.arrays import FloatArray
from credit_model.models.classifier import Classifier, FeatureValues, describe


@dataclass(frozen=True)
class Blend:
    """A weighted sum of classifiers.

    Attributes:
        parts: the classifiers.
        weights: of their margins.
    """

    kind: ClassVar[str] = "blend"
    parts: tuple[Classifier, ...]
    weights: tuple[float, ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        """What any of the parts needs."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.requirements))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """What any of the parts reads."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.inputs))

    @property
    def neutral(self) -> float:
        """The weighted sum of the parts' neutral margins."""
        return sum(w * part.neutral for w, part in zip(self.weights, self.parts, strict=True))

    def margin(self, table: FeatureValues) -> FloatArray:
        """(n,) log-odds of bad, before calibration."""
        return self._summed([part.margin(table) for part in self.parts])

    def contributions(self, table: FeatureValues) -> FloatArray:
        """(n, number of inputs) log-odds of bad that each feature adds to the neutral margin."""
        return self.margin_and_contributions(table)[1]

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """Margins and contributions together."""
        both = [part.margin_and_contributions(table) for part in self.parts]
        margin = self._summed([margin for margin, _ in both])
        contributions = np.zeros((len(margin), len(self.inputs)))
        for weight, places, (_, values) in zip(self.weights, self._places, both, strict=True):
            contributions[:, places] += weight * values
        return margin, contributions

    def _summed(self, margins: Sequence[FloatArray]) -> FloatArray:
        total = np.zeros(len(margins[0]))
        for weight, margin in zip(self.weights, margins, strict=True):
            total += weight * margin
        return total

    @cached_property
    def _places(self) -> tuple[npt.NDArray[np.intp], ...]:
        """Where the inputs of each part stand among all inputs."""
        place = {name: number for number, name in enumerate(self.inputs)}
        return tuple(np.array([place[name] for name in part.inputs], dtype=np.intp) for part in self.parts)

    def save(self, folder: Path) -> None:
        """Write plain files, each part in a folder of its own."""
        describe(folder, {"kind": self.kind, "weights": self.weights})
        for number, part in enumerate(self.parts):
            part.save(folder / f"part_{number}")

    @classmethod
    def load(cls, folder: Path, plain: Mapping[str, Any]) -> "Blend":
        """Read what ``save`` wrote."""
        from credit_model.models.load import load_classifier

        parts = tuple(load_classifier(folder / f"part_{n}") for n in range(len(plain["weights"])))
        return cls(parts, tuple(plain["weights"]))
