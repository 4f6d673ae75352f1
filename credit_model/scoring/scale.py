"""Points: probability <-> score.

The score is linear in the log-odds of being good (Siddiqi, Credit Risk Scorecards, 2006):
``score = base_score + points_to_double_odds * log2(odds / base_odds)``. With 20 points to double the odds and
600 at 50:1, odds of 100:1 score 620.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from credit_model.arrays import FloatArray

NEAREST_TO_CERTAIN = 1e-9


@dataclass(frozen=True)
class Scale:
    """Probability <-> points, inverse to each other."""

    points_to_double_odds: float = 20.0
    base_score: float = 600.0
    base_odds: float = 50.0

    def __post_init__(self) -> None:
        positive = self.points_to_double_odds > 0 and self.base_odds > 0
        if (
            not positive
            or not np.isfinite([self.points_to_double_odds, self.base_score, self.base_odds]).all()
        ):
            raise ValueError(
                f"{self} gives no points; make points_to_double_odds and base_odds positive, all finite"
            )

    def score(self, probability: FloatArray) -> FloatArray:
        """Points of a probability of bad; higher is safer, finite from 0 to 1, NaN where it is unknown."""
        safe = np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
        odds = (1 - safe) / safe
        points: FloatArray = self.base_score + self.points_to_double_odds * np.log2(odds / self.base_odds)
        return points

    def probability(self, score: FloatArray) -> FloatArray:
        """Probability of bad at a score; the inverse of ``score``."""
        doublings = np.clip((score - self.base_score) / self.points_to_double_odds, -500, 500)
        return np.asarray(1 / (1 + self.base_odds * np.exp2(doublings)))

    def to_dict(self) -> dict[str, float]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, float]) -> "Scale":
        """The inverse of ``to_dict``."""
        return cls(**plain)
