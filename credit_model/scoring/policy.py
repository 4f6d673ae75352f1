"""Policy: from probability to prediction, risk level and decision."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from credit_model.arrays import FloatArray

DECISIONS = ("approve", "review", "reject")


class Assigned(NamedTuple):
    """What a policy makes of n probabilities.

    Attributes:
        prediction: 1.0 from the threshold on, else 0.0; NaN where the probability is unknown; shape (n,).
        risk_level: name of the band; None where the probability is unknown.
        decision: ``approve``, ``review`` or ``reject``; ``review`` where the probability is unknown.

    Example:
        >>> Bands().assign(np.array([0.1, np.nan])).decision
        ['approve', 'review']
    """

    prediction: FloatArray
    risk_level: list[str | None]
    decision: list[str | None]


@dataclass(frozen=True)
class Bands:
    """Risk levels by probability of bad, and what is decided in each.

    Attributes:
        names: of the levels, safest first.
        limits: probabilities between the levels, ascending; a probability at a limit belongs to the riskier level.
        decisions: of the levels: ``approve``, ``review`` or ``reject``.
        threshold: probability from which the prediction is 1.

    Raises:
        ValueError: names, limits and decisions do not fit together, the limits do not ascend between 0 and 1, the
            threshold is not between 0 and 1, or a band would approve at or above it, or reject below it.

    Example:
        >>> bands = Bands(names=("low", "medium", "high"), limits=(0.05, 0.20), threshold=0.20)
        >>> assigned = bands.assign(np.array([0.01, 0.05, 0.20]))
        >>> assigned.risk_level, assigned.decision
        (['low', 'medium', 'high'], ['approve', 'review', 'reject'])
        >>> assigned.prediction.tolist()
        [0.0, 0.0, 1.0]
    """

    names: tuple[str, ...] = ("low", "medium", "high")
    limits: tuple[float, ...] = (0.30, 0.60)
    decisions: tuple[str, ...] = DECISIONS
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.decisions) == len(self.limits) + 1:
            counts = f"{len(self.names)} names, {len(self.decisions)} decisions and {len(self.limits)} limits"
            raise ValueError(f"{counts} make no bands; give a decision for each name, and one limit fewer")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"two bands have one name in {', '.join(self.names)}; give each its own")
        if not all(low < high for low, high in pairwise((0.0, *self.limits, 1.0))):
            raise ValueError(f"the limits {self.limits} do not ascend between 0 and 1; give them in order")
        if not 0 < self.threshold < 1:
            raise ValueError(f"the threshold {self.threshold} decides all alike; give one between 0 and 1")
        self._check_decisions()

    def _check_decisions(self) -> None:
        for decision, low, high in zip(self.decisions, (0.0, *self.limits), (*self.limits, 1.0), strict=True):
            if decision not in DECISIONS:
                raise ValueError(f"{decision!r} is no decision; give approve, review or reject")
            if (decision == "approve" and high > self.threshold) or (
                decision == "reject" and low < self.threshold
            ):
                raise ValueError(
                    f"the band from {low} to {high} would {decision} across the threshold {self.threshold}; "
                    "make the threshold one of the limits, or review that band"
                )

    def assign(self, probability: FloatArray) -> Assigned:
        """Give each probability of bad, shape (n,), its prediction, risk level and decision; NaN is unknown, and is reviewed."""
        unknown = np.isnan(probability)
        place = np.where(unknown, len(self.names), np.searchsorted(self.limits, probability, side="right"))
        prediction = np.where(unknown, np.nan, probability >= self.threshold)
        levels = np.array([*self.names, None], dtype=object)[place]
        decisions = np.array([*self.decisions, "review"], dtype=object)[place]
        return Assigned(prediction, levels.tolist(), decisions.tolist())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Bands":
        """The inverse of ``to_dict``."""
        parts = {name: tuple(plain[name]) for name in ("names", "limits", "decisions")}
        return cls(**parts, threshold=plain["threshold"])
