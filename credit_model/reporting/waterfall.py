"""The waterfall of one decision: from where the score starts, step by step, to the score."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from credit_model.reporting.plots import BAD, GOOD, LINE, SIZE, framed, label, titled
from credit_model.scoring.contributions import CALIBRATION, START

_MOST, _OTHERS, _SCORE = 10, "all other features", "score"


def steps(points: Mapping[str, float]) -> list[tuple[str, float]]:
    """What is added to the start, in order: the largest contributions of features, the sum of the others, calibration.

    Args:
        points: of a decision: where its score starts, what each feature adds, and what calibration adds.
    """
    own = {name: value for name, value in points.items() if name not in {START, CALIBRATION}}
    ordered = sorted(own, key=lambda name: -abs(own[name]))
    shown = [(name, own[name]) for name in ordered[:_MOST]]
    if ordered[_MOST:]:
        shown.append((_OTHERS, sum(own[name] for name in ordered[_MOST:])))
    return [*shown, (CALIBRATION, points.get(CALIBRATION, 0.0))]


def waterfall(points: Mapping[str, float]) -> Figure:
    """From the start to the score, one bar a step; arguments as in ``steps``."""
    taken, start = steps(points), points.get(START, 0.0)
    ends = start + np.cumsum([value for _, value in taken])
    starts = np.append(start, ends[:-1])
    rows = np.arange(1, len(taken) + 1)
    figure, axes = framed("points", "", (SIZE[0], 1.2 + 0.38 * (len(taken) + 2)))
    colours = [GOOD if end >= start else BAD for start, end in zip(starts, ends, strict=True)]
    axes.barh(rows, ends - starts, left=starts, color=colours)
    low, high = min(*starts, *ends), max(*starts, *ends)
    for place, (_, value) in enumerate(taken):
        axes.text(max(starts[place], ends[place]), rows[place], f" {value:+.1f}", va="center", fontsize=7.5)
    for row, value in ((0, start), (len(taken) + 1, ends[-1])):
        axes.plot(value, row, "D", color="black", markersize=5)
        axes.text(value, row, f"  {value:.0f}", va="center", fontsize=7.5)
    axes.vlines(
        [start, *ends],
        np.arange(len(ends) + 1),
        np.arange(1, len(ends) + 2),
        color=LINE,
        linewidth=0.8,
    )
    names = [START, *(name for name, _ in taken), _SCORE]
    axes.set_yticks(range(len(names)), [label(name) for name in names], fontsize=7)
    axes.set_xlim(low - 0.05 * (high - low) - 1, high + 0.2 * (high - low) + 1)
    axes.invert_yaxis()
    titled(figure, "From the start to the score; blue adds points, orange takes them off")
    return figure
