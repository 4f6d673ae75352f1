"""Costs of the two errors, and the threshold and bands of least cost."""

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.scoring.policy import Bands


def cost_threshold(cost_false_negative: float, cost_false_positive: float) -> float:
    """The probability of bad from which rejecting costs less than approving, if probabilities are calibrated.

    Elkan, The foundations of cost-sensitive learning (2001). Costs of 10:1 give 0.0909.

    Args:
        cost_false_negative: cost of approving a bad case.
        cost_false_positive: cost of rejecting a good case.

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
    """The cost of errors at every threshold that gives different predictions.

    Args:
        probability: of bad, shape (n,).
        bad: 1 for bad, 0 for good, shape (n,).
        cost_false_negative: cost of approving a bad case.
        cost_false_positive: cost of rejecting a good case.

    Returns:
        One row per threshold, ascending: ``threshold`` (midway between probabilities that occur, 0 and 1 included; in
        (0, 1]), ``cost`` (mean per decision) and ``share_predicted_bad``.
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
    """The threshold of least cost on these cases, the lowest where several cost the same; arguments as in ``cost_curve``.

    For calibrated probabilities no cases are needed: ``cost_threshold`` gives the threshold from the costs alone.
    """
    curve = cost_curve(probability, bad, cost_false_negative, cost_false_positive)
    return float(curve["threshold"].to_numpy()[np.argmin(curve["cost"].to_numpy())])


def cost_bands(
    threshold: float, review_cost: float = 0.8, names: tuple[str, str, str] = ("low", "medium", "high")
) -> Bands:
    """Bands around a cost-optimal threshold: a case is reviewed where that is the cheapest decision.

    With the costs of both errors adding up to 1, approving costs (1 - threshold) * probability and rejecting
    threshold * (1 - probability): equal at the threshold. A review costs ``review_cost`` of that. Error costs
    of 10:1 and the default review cost: approved below 0.073, rejected from 0.273 on.

    Args:
        threshold: the cost-optimal threshold, from ``cost_threshold``.
        review_cost: cost of a review, as a share of the expected cost of a decision at the threshold.
        names: of the bands, safest first.

    Raises:
        ValueError: a number is not between 0 and 1.
    """
    if not (0 < review_cost < 1 and 0 < threshold < 1):
        raise ValueError(
            f"threshold {threshold} and review_cost {review_cost} must lie between 0 and 1; change them"
        )
    limits = (review_cost * threshold, 1 - review_cost * (1 - threshold))
    return Bands(names, limits, threshold=threshold)


def approval_bands(
    limit: float, review_cost: float = 0.8, names: tuple[str, str, str] = ("low", "medium", "high")
) -> Bands:
    """Bands that approve below a limit: those that ``cost_bands`` gives for the threshold whose approve limit it is.

    Where that threshold would reach 1, it is midway between the limit and 1.

    Args:
        limit: probability of bad below which to approve.
        review_cost: as of ``cost_bands``.
        names: of the bands, safest first.
    """
    threshold = min(limit / review_cost, (1 + limit) / 2)
    return Bands(names, (limit, 1 - review_cost * (1 - threshold)), threshold=threshold)
