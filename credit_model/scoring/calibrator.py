"""Calibration: margin -> probability, monotone, as plain numbers.

Sigmoid: Platt, Probabilistic outputs for support vector machines (1999), with his smoothed targets. Isotonic: Zadrozny and
Elkan (2002), centred (Oron and Flournoy, 2017): each flat step is one knot, so that between the first and the
last no two margins share a probability and the ranking is kept; it needs many cases of the rarer class, and is chosen only then.
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
        levels: probabilities at the knots, ascending; straight lines between them.
    """

    kind: str
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()

    def probability(self, margin: FloatArray) -> FloatArray:
        """Probability of the target, between 1e-6 and 1 - 1e-6 so that its score is finite."""
        if self.kind == "isotonic":
            raw: FloatArray = np.interp(margin, self.knots, self.levels)
        else:
            raw = 1 / (1 + np.exp(-np.clip(self.slope * margin + self.intercept, -50, 50)))
        return np.clip(raw, LOWEST, 1 - LOWEST)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
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
