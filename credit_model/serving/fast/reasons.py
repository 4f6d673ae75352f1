"""The principal reasons of one decision, as ``Reasons.explain`` gives them for many, to the last bit."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from credit_model.arrays import FloatArray
from credit_model.scoring.reasons import MOST_REASONS, Reasons, points_lost

_Lead = tuple[int, int]


def reasons_of_one(
    reasons: Reasons,
    values: Mapping[str, Any],
    contributions: FloatArray,
    points_per_unit: float,
) -> list[dict[str, Any]]:
    """The reasons of one decision, worst first.

    Args:
        reasons: of the scorer.
        values: the inputs by name, None or NaN where null.
        contributions: shape (1, number of inputs).
        points_per_unit: points of the score per unit of the margin.
    """
    own = contributions[0].tolist()
    pushed = enumerate(reasons.pushes(contributions)[0].tolist())
    above = sorted((-push, topic) for topic, push in pushed if push > max(reasons.minimum, 0.0))
    named: list[tuple[_Lead, float]] = []
    for push, topic in above:
        lead = _lead(reasons, reasons.segments[topic], values, own)
        if lead is not None:
            named.append((lead, -push))
        if len(named) == MOST_REASONS:
            break
    if above and not named:
        lead = _lead(reasons, range(len(own)), values, own)
        named = [] if lead is None else [(lead, own[lead[0]])]
    lost = points_lost(np.array([push for _, push in named]), points_per_unit).tolist()
    return [
        reasons.entry(place, side, _shown(reasons, place, values), points)
        for ((place, side), _), points in zip(named, lost, strict=True)
    ]


def _lead(
    reasons: Reasons, places: Iterable[int], values: Mapping[str, Any], own: Sequence[float]
) -> _Lead | None:
    """Of some inputs the one that raised the risk most and of which something true can be said, and its side."""
    for place in sorted((p for p in places if own[p] > 0), key=lambda p: -own[p]):
        side = reasons.sides.of_value(place, values[reasons.inputs[place].feature])
        if side:
            return place, side
    return None


def _shown(reasons: Reasons, place: int, values: Mapping[str, Any]) -> float | str | None:
    told = reasons.inputs[place]
    cell = values[told.feature]
    if cell is None or isinstance(cell, str):
        return cell
    if not isfinite(cell):
        return None
    return told.style.shown(cell)
