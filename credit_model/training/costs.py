"""What the two errors cost, and the threshold and bands that cost least."""

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.scoring.policy import Bands


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
    values = np.unique(np.concatenate([[0.0], probability, [1.0]]))
    thresholds = np.maximum(values[:-1] / 2 + values[1:] / 2, np.nextafter(values[:-1], 1))
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
