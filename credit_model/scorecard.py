"""Points and bands: probability <-> score, probability -> risk level and decision.

The score is linear in the log-odds of being good: ``score = base_score + points_to_double_odds * log2(odds / base_odds)``
(Siddiqi, Credit Risk Scorecards, 2006). With 20 points to double the odds and 600 at 50:1, odds of 100:1 score 620.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]

DECISIONS = ("approve", "review", "reject")


@dataclass(frozen=True)
class Scale:
    """Probability <-> points, inverse to each other."""

    points_to_double_odds: float = 20.0
    base_score: float = 600.0
    base_odds: float = 50.0

    def __post_init__(self) -> None:
        if self.points_to_double_odds <= 0 or self.base_odds <= 0:
            raise ValueError("points_to_double_odds and base_odds must be positive; give numbers such as 20 and 50")

    def score(self, probability: FloatArray) -> FloatArray:
        """Points of a probability of bad; higher is safer."""
        odds = (1 - probability) / probability
        points: FloatArray = self.base_score + self.points_to_double_odds * np.log2(odds / self.base_odds)
        return points

    def probability(self, score: FloatArray) -> FloatArray:
        """Probability of bad at a score."""
        odds: FloatArray = self.base_odds * np.exp2((score - self.base_score) / self.points_to_double_odds)
        return 1 / (1 + odds)

    def to_dict(self) -> dict[str, float]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, float]) -> "Scale":
        """The inverse of ``to_dict``."""
        return cls(**plain)


class Assigned(NamedTuple):
    """Prediction (0, 1 or NaN), risk level and decision of every probability; None where it is unknown."""

    prediction: FloatArray
    risk_level: list[str | None]
    decision: list[str | None]


@dataclass(frozen=True)
class Bands:
    """Risk levels by probability, and what is decided in each.

    Attributes:
        names: of the levels, safest first.
        limits: inner limits, ascending; a probability at a limit belongs to the riskier level.
        decisions: of the levels: ``approve``, ``review`` or ``reject``.
        threshold: probability from which the prediction is 1.
    """

    names: tuple[str, ...] = ("low", "medium", "high")
    limits: tuple[float, ...] = (0.30, 0.60)
    decisions: tuple[str, ...] = DECISIONS
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.decisions) == len(self.limits) + 1:
            raise ValueError(f"{len(self.names)} bands need {len(self.names) - 1} limits and as many decisions as bands")
        if any(low >= high for low, high in pairwise((0.0, *self.limits, 1.0))):
            raise ValueError("the limits of the bands must ascend strictly between 0 and 1")
        for decision, low, high in zip(self.decisions, (0.0, *self.limits), (*self.limits, 1.0), strict=True):
            if decision not in DECISIONS:
                raise ValueError(f"{decision!r} is no decision; give approve, review or reject")
            if (decision == "approve" and high > self.threshold) or (decision == "reject" and low < self.threshold):
                raise ValueError(f"the band from {low} to {high} would {decision} across the threshold {self.threshold}")

    def assign(self, probability: FloatArray) -> Assigned:
        """Judge probabilities; NaN is unknown, and is reviewed."""
        known = ~np.isnan(probability)
        place = np.searchsorted(self.limits, probability, side="right") * known
        prediction = np.where(known, (probability >= self.threshold).astype(np.float64), np.nan)
        levels = [self.names[p] if k else None for p, k in zip(place.tolist(), known.tolist(), strict=True)]
        decisions = [self.decisions[p] if k else "review" for p, k in zip(place.tolist(), known.tolist(), strict=True)]
        return Assigned(prediction, levels, list(decisions))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Bands":
        """The inverse of ``to_dict``."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})


def cost_threshold(cost_false_negative: float, cost_false_positive: float) -> float:
    """The probability from which rejecting costs less than approving, for a calibrated probability.

    Elkan, The foundations of cost-sensitive learning (2001). Costs of 10:1 give 0.0909.
    """
    return cost_false_positive / (cost_false_positive + cost_false_negative)


def cost_bands(threshold: float) -> Bands:
    """Bands around a cost-optimal threshold: approved below two thirds of it, rejected from its four thirds on."""
    upper = min(threshold * 4 / 3, (threshold + 1) / 2)
    return Bands(limits=(threshold * 2 / 3, upper), threshold=threshold)


def decision_table(bands: Bands, probability: FloatArray, bad: npt.NDArray[np.int8]) -> pl.DataFrame:
    """Cases, share and bad rate of each decision on labelled cases."""
    table = pl.DataFrame({"decision": bands.assign(probability).decision, "bad": bad})
    counted = table.group_by("decision").agg(cases=pl.len(), bad_rate=pl.col("bad").mean())
    order = pl.DataFrame({"decision": list(dict.fromkeys(bands.decisions))})
    joined = order.join(counted, on="decision", how="left", maintain_order="left").with_columns(pl.col("cases").fill_null(0))
    return joined.with_columns(share=pl.col("cases") / len(bad)).select("decision", "cases", "share", "bad_rate")
