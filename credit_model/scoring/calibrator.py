"""Calibration: a monotone map from margin to probability, stored as plain numbers.

Sigmoid: Platt, Probabilistic outputs for support vector machines (1999). Isotonic: Zadrozny and Elkan, Transforming classifier
scores into accurate multiclass probability estimates (2002), centred by Oron and Flournoy, Centered isotonic regression (2017):
each flat step is one knot, with straight lines between, so that margins between the first and the last knot keep their ranking.
``training.calibration`` fits both and chooses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from credit_model.arrays import FloatArray

LOWEST = 1e-6


@dataclass(frozen=True)
class Calibrator:
    """A monotone map from margin to probability.

    Attributes:
        kind: ``sigmoid`` or ``isotonic``.
        slope: of the sigmoid, in log-odds per unit of margin; positive.
        intercept: of the sigmoid, in log-odds.
        knots: mean margins of the isotonic steps, ascending.
        levels: probabilities at the knots, ascending; straight lines between them, constant outside.

    Example:
        A slope below 1 draws probabilities that are too extreme back towards the middle.

        >>> margin = np.array([-2.0, 0.0, 2.0])
        >>> Calibrator("sigmoid").probability(margin).round(2).tolist()
        [0.12, 0.5, 0.88]
        >>> Calibrator("sigmoid", slope=0.5).probability(margin).round(2).tolist()
        [0.27, 0.5, 0.73]
        >>> Calibrator("isotonic", knots=(-1.0, 1.0), levels=(0.1, 0.3)).probability(margin).round(2).tolist()
        [0.1, 0.2, 0.3]
    """

    kind: str
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()

    def probability(self, margin: FloatArray) -> FloatArray:
        """The probability of bad at each margin, both shape (n,); kept within [1e-6, 1 - 1e-6], so that scores are finite."""
        if self.kind == "isotonic":
            raw: FloatArray = np.interp(margin, self.knots, self.levels)
        else:
            raw = 1 / (1 + np.exp(-np.clip(self.slope * margin + self.intercept, -50, 50)))
        return np.clip(raw, LOWEST, 1 - LOWEST)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return {
            "kind": self.kind,
            "slope": self.slope,
            "intercept": self.intercept,
            "knots": list(self.knots),
            "levels": list(self.levels),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Calibrator":
        """The inverse of ``to_dict``."""
        return cls(**(dict(plain) | {"knots": tuple(plain["knots"]), "levels": tuple(plain["levels"])}))
