"""The scale of the score: probability of bad <-> points.

The score is linear in the log-odds of good against bad (Siddiqi, Credit Risk Scorecards, 2006):
``score = base_score + points_to_double_odds * log2(odds / base_odds)``. With 20 points to double the odds and
600 points at odds of 50:1, odds of 100:1 score 620.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import log
from typing import Any

import numpy as np

from credit_model.arrays import FloatArray

NEAREST_TO_CERTAIN = 1e-9


@dataclass(frozen=True)
class Scale:
    """The scale of the score, in points; higher is safer.

    Attributes:
        points_to_double_odds: points that double the odds of good against bad; positive.
        base_score: points at ``base_odds``.
        base_odds: odds of good against bad at ``base_score``; 50 is 50:1; positive.
        whole: whether scores are rounded to whole points.

    Raises:
        ValueError: a value is not finite, or not positive where it must be.

    Example:
        One bad in 51 is odds of 50:1, one in 101 is 100:1: the odds double, and 20 points are added.

        >>> scale = Scale()
        >>> scale.score(np.array([1 / 51, 1 / 101])).round(2).tolist()
        [600.0, 620.0]
        >>> scale.probability(np.array([600.0, 620.0])).round(4).tolist()
        [0.0196, 0.0099]
    """

    points_to_double_odds: float = 20.0
    base_score: float = 600.0
    base_odds: float = 50.0
    whole: bool = False

    def __post_init__(self) -> None:
        positive = self.points_to_double_odds > 0 and self.base_odds > 0
        if (
            not positive
            or not np.isfinite([self.points_to_double_odds, self.base_score, self.base_odds]).all()
        ):
            raise ValueError(
                f"{self} gives no points; make points_to_double_odds and base_odds positive, all finite"
            )

    @property
    def points_per_unit(self) -> float:
        """Points of one unit of log-odds."""
        return self.points_to_double_odds / log(2)

    def score(self, probability: FloatArray) -> FloatArray:
        """The score at each probability of bad, both shape (n,); finite for probabilities of 0 and 1 too, NaN for NaN."""
        safe = np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
        odds = (1 - safe) / safe
        points: FloatArray = self.base_score + self.points_to_double_odds * np.log2(odds / self.base_odds)
        return np.round(points) if self.whole else points

    def probability(self, score: FloatArray) -> FloatArray:
        """The probability of bad at each score, both shape (n,); the inverse of ``score``."""
        doublings = np.clip((score - self.base_score) / self.points_to_double_odds, -500, 500)
        return np.asarray(1 / (1 + self.base_odds * np.exp2(doublings)))

    def to_dict(self) -> dict[str, float | bool]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Scale":
        """The inverse of ``to_dict``."""
        return cls(**plain)
