"""Points, bands and costs: probability <-> score, probability -> risk level and decision, costs -> threshold.

The score is linear in the log-odds of being good (Siddiqi, Credit Risk Scorecards, 2006):
``score = base_score + points_to_double_odds * log2(odds / base_odds)``. With 20 points to double the odds and
600 at 50:1, odds of 100:1 score 620.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.woe import Binning, binning_table

FloatArray = npt.NDArray[np.float64]
BadArray = npt.NDArray[np.int8]

DECISIONS = ("approve", "review", "reject")
CERTAIN = 1e-9


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
        safe = np.clip(probability, CERTAIN, 1 - CERTAIN)
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
        """Judge probabilities, shape (n,); NaN is unknown, and is reviewed."""
        unknown = np.isnan(probability)
        place = np.where(unknown, len(self.names), np.searchsorted(self.limits, probability, side="right"))
        prediction = np.where(unknown, np.nan, probability >= self.threshold)
        levels = np.array([*self.names, None], dtype=object)[place]
        decisions = np.array([*self.decisions, "review"], dtype=object)[place]
        return Assigned(prediction, levels.tolist(), decisions.tolist())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Bands":
        """The inverse of ``to_dict``."""
        parts = {name: tuple(plain[name]) for name in ("names", "limits", "decisions")}
        return cls(**parts, threshold=plain["threshold"])


def cost_threshold(cost_false_negative: float, cost_false_positive: float) -> float:
    """The probability from which rejecting costs less than approving, for a calibrated probability.

    Elkan, The foundations of cost-sensitive learning (2001). Costs of 10:1 give 0.0909.

    Raises:
        ValueError: a cost is not above 0.
    """
    if not (0 < cost_false_negative < np.inf and 0 < cost_false_positive < np.inf):
        raise ValueError(
            f"costs {cost_false_negative}, {cost_false_positive} give no threshold; both must be positive"
        )
    return cost_false_positive / (cost_false_positive + cost_false_negative)


def cost_curve(
    probability: FloatArray, bad: BadArray, cost_false_negative: float, cost_false_positive: float
) -> pl.DataFrame:
    """Every threshold that predicts differently: threshold, cost per decision, share_predicted_bad.

    Thresholds ascend midway between the probabilities that occur, 0 and 1 included: all lie in (0, 1].
    """
    known = np.unique(np.concatenate([[0.0], probability, [1.0]]))
    thresholds = np.maximum(known[:-1] / 2 + known[1:] / 2, np.nextafter(known[:-1], 1))
    goods, bads = (np.sort(probability[bad == kind]) for kind in (0, 1))
    missed = np.searchsorted(bads, thresholds, side="left")
    refused = len(goods) - np.searchsorted(goods, thresholds, side="left")
    cost = (missed * cost_false_negative + refused * cost_false_positive) / len(bad)
    share = (len(bads) - missed + refused) / len(bad)
    return pl.DataFrame({"threshold": thresholds, "cost": cost, "share_predicted_bad": share})


def cost_optimal_threshold(
    probability: FloatArray, bad: BadArray, cost_false_negative: float, cost_false_positive: float
) -> float:
    """The threshold of least cost on these cases, the lowest of several.

    A calibrated probability needs no search: ``cost_threshold`` knows its threshold from the costs alone.
    """
    curve = cost_curve(probability, bad, cost_false_negative, cost_false_positive)
    return float(curve["threshold"].to_numpy()[np.argmin(curve["cost"].to_numpy())])


def cost_bands(
    threshold: float, review_cost: float = 0.8, names: tuple[str, str, str] = ("low", "medium", "high")
) -> Bands:
    """Bands around a cost-optimal threshold: a case is reviewed where that is the cheapest decision.

    With the costs of both errors adding up to 1, approving costs (1 - threshold) * probability and rejecting
    threshold * (1 - probability): equal at the threshold. A review costs ``review_cost`` of that. Error costs
    of 10:1 and the default: approved below 0.073, rejected from 0.273 on.

    Raises:
        ValueError: a number is not between 0 and 1.
    """
    if not (0 < review_cost < 1 and 0 < threshold < 1):
        raise ValueError(
            f"threshold {threshold} and review_cost {review_cost} must lie between 0 and 1; change them"
        )
    limits = (review_cost * threshold, 1 - review_cost * (1 - threshold))
    return Bands(names, limits, threshold=threshold)


def decision_table(bands: Bands, probability: FloatArray, bad: BadArray) -> pl.DataFrame:
    """Approve, review, reject: cases, share of all cases, and bad_rate (null where there is no case)."""
    table = pl.DataFrame({"decision": bands.assign(probability).decision, "bad": bad})
    counted = table.group_by("decision").agg(cases=pl.len(), bad_rate=pl.col("bad").mean())
    joined = pl.DataFrame({"decision": DECISIONS}).join(counted, "decision", "left", maintain_order="left")
    cases = pl.col("cases").fill_null(0)
    return joined.select("decision", cases, (cases / len(bad)).alias("share"), "bad_rate")


def points_table(
    intercept: float, coefficients: Mapping[str, float], binnings: Mapping[str, Binning], scale: Scale
) -> pl.DataFrame:
    """Points of every bin of a scorecard: one row per feature and bin with feature, bin (text), woe, points.

    The points of a case's bins add up to its score. What belongs to no feature is spread evenly over all.

    Args:
        intercept: Log-odds of bad where every WoE is 0, after calibration.
        coefficients: Log-odds of bad per unit of WoE by feature, after calibration; normally negative.
        binnings: The binning of each of these features.
        scale: Log-odds to points.

    Raises:
        ValueError: no coefficients, or a feature without a binning.
    """
    absent = [feature for feature in coefficients if feature not in binnings]
    if absent or not coefficients:
        raise ValueError(
            f"no binning of {', '.join(absent) or 'any feature'}; give one for every coefficient"
        )
    per_unit = scale.points_to_double_odds / np.log(2)
    base = scale.base_score - per_unit * (np.log(scale.base_odds) + intercept)
    parts = [
        binning_table(binnings[feature]).select(
            "feature",
            pl.col("range").alias("bin"),
            "woe",
            (base / len(coefficients) - per_unit * weight * pl.col("woe")).alias("points"),
        )
        for feature, weight in coefficients.items()
    ]
    return pl.concat(parts)
