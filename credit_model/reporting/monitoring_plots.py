"""Pictures of the course of monitoring: what every window found, in the order of time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from credit_model.arrays import FloatArray
from credit_model.reporting.plots import (
    AMBER,
    BAD,
    GOOD,
    LINE,
    OTHER,
    PALE,
    SIZE,
    framed,
    keyed,
    label,
    literal,
    titled,
)
from credit_model.serving.monitor_window import Window

Moments = npt.NDArray[np.datetime64]
_MOST_ROWS = 15
_LEVELS = (GOOD, PALE, OTHER, AMBER, BAD)  # safest first
_MARKS = "osD^v"
_RATES = {
    "approve_rate": ("approved", GOOD, "o-"),
    "no_history_rate": ("no history", LINE, "s-"),
    "invalid_rate": ("invalid", BAD, "^-"),
    "overridden_rate": ("overridden", AMBER, "D-"),
}


def ends(windows: Sequence[Window]) -> Moments:
    """The ends of windows, which pictures show them at, shape (windows,)."""
    return np.array([window.end for window in windows], dtype="datetime64[us]")


def days(windows: Sequence[Window]) -> list[str]:
    """The days on which windows end."""
    return [window.end[:10] for window in windows]


def volume(windows: Sequence[Window]) -> Figure:
    """Decisions of every window."""
    figure, axes = _over_time(windows, "decisions")
    axes.plot(ends(windows), values(windows, "decisions"), "o-", color=GOOD)
    axes.set_ylim(bottom=0)
    titled(figure, "Volume")
    return figure


def rates(windows: Sequence[Window]) -> Figure:
    """Shares of all decisions: approved, without history, invalid, overridden."""
    figure, axes = _over_time(windows, "share of decisions")
    for key, (name, colour, style) in _RATES.items():
        shares = values(windows, key)
        if np.isfinite(shares).any():
            axes.plot(ends(windows), shares, style, color=colour, label=name)
    axes.set_ylim(-0.02, 1.02)
    keyed(figure)
    titled(figure, "Rates")
    return figure


def score(windows: Sequence[Window]) -> Figure:
    """Stability of the score, with its limits."""
    figure, axes = _over_time(windows, "distance from the training")
    for name, colour in (("psi", GOOD), ("ks", BAD)):
        rows = [_watched(window).get(("score", name)) for window in windows]
        distance, limit = (
            np.array([np.nan if row is None else row[part] for row in rows], dtype=np.float64)
            for part in ("distance", "limit")
        )
        axes.plot(ends(windows), distance, "o-", color=colour, label=name.upper())
        line: dict[str, Any] = {"linestyle": "--", "linewidth": 1}
        if len(windows) == 1:  # a line of one point is not drawn
            line = {"marker": "_", "markersize": 20, "linestyle": ""}
        axes.plot(ends(windows), limit, color=colour, label=f"limit of {name.upper()}", **line)
    axes.set_ylim(bottom=0)
    keyed(figure)
    titled(figure, "Score: PSI and KS against the training")
    return figure


def reach(windows: Sequence[Window]) -> Figure:
    """How far back histories reach: the middle, and the middle 80 %."""
    figure, axes = _over_time(windows, "days")
    low, middle, high = (values(windows, f"reach_days_{end}") for end in ("p10", "median", "p90"))
    axes.fill_between(ends(windows), low, high, color=GOOD, alpha=0.2, label="middle 80 %")
    axes.plot(ends(windows), middle, "o-", color=GOOD, label="middle")
    axes.set_ylim(bottom=0)
    keyed(figure)
    titled(figure, "Days from the oldest transaction to the decision")
    return figure


def quality(windows: Sequence[Window]) -> Figure:
    """AUC of every window: estimated, and observed where outcomes are known."""
    figure, axes = _over_time(windows, "AUC")
    axes.plot(
        ends(windows),
        values(windows, "estimated_roc_auc"),
        "s--",
        color=GOOD,
        label="estimated, without outcomes",
    )
    _bars(axes, windows, "roc_auc", "observed, with 95 % interval")
    keyed(figure)
    titled(figure, "AUC")
    return figure


def calibration(windows: Sequence[Window]) -> Figure:
    """Bads over those expected: estimated, and observed where outcomes are known."""
    figure, axes = _over_time(windows, "bads over those expected")
    axes.axhline(1, color=LINE, linestyle="--", linewidth=1)
    estimated = values(windows, "estimated_observed_to_expected")
    if np.isfinite(estimated).any():
        axes.plot(ends(windows), estimated, "s--", color=GOOD, label="estimated, without outcomes")
    _bars(axes, windows, "observed_to_expected", "observed, with 95 % interval")
    if axes.get_legend_handles_labels()[0]:
        keyed(figure)
    titled(figure, "Calibration in the large")
    return figure


def bands(windows: Sequence[Window], names: Sequence[str]) -> Figure:
    """Bad rate of every risk level."""
    figure, axes = _over_time(windows, "bad rate")
    places = np.linspace(0, len(_LEVELS) - 1, len(names)).round().astype(int)
    for name, place in zip(names, places.tolist(), strict=True):
        rate = values(windows, f"bad_rate_of_{name}")
        style = f"{_MARKS[place]}-"
        axes.plot(ends(windows), rate, style, color=_LEVELS[place], label=literal(name), clip_on=False)
    axes.set_ylim(bottom=0)
    keyed(figure, 3, "risk level")
    titled(figure, "Bad rate by risk level")
    return figure


def course(windows: Sequence[Window]) -> Figure:
    """What came nearest to its limit in any window: its distance in limits, window by window."""
    names = nearest(windows)
    table = np.array([[_nearness(window).get(name, np.nan) for window in windows] for name in names])
    figure, axes = framed("", "", (SIZE[0], 1.3 + 0.38 * len(names)))
    shown = axes.imshow(table, aspect="auto", cmap="RdYlBu_r", vmin=0, vmax=2)
    axes.set_yticks(range(len(names)), [label(name) for name in names], fontsize=7)
    places = _ticks(len(windows))
    axes.set_xticks(places, [days(windows)[place] for place in places], fontsize=8)
    bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.6, pad=0.03, ticks=[0, 1, 2])
    bar.ax.set_xticklabels(["0", "limit", "2 limits"])
    titled(figure, "Distance from the training, in limits")
    return figure


def nearest(windows: Sequence[Window]) -> list[str]:
    """What came nearest to its limit in any window, the nearest first."""
    most: dict[str, float] = {}
    for window in windows:
        for name, near in _nearness(window).items():
            most[name] = max(near, most.get(name, near))
    return sorted(most, key=lambda name: (-most[name], name))[:_MOST_ROWS]


def values(windows: Sequence[Window], name: str) -> FloatArray:
    """A figure of every window, shape (windows,); NaN where one does not have it."""
    return np.array([window.figures.get(name, np.nan) for window in windows], dtype=np.float64)


def _nearness(window: Window) -> dict[str, float]:
    return {
        f"{subject} {figure}": float(row["distance"] / row["limit"])
        for (subject, figure), row in _watched(window).items()
    }


def _watched(window: Window) -> dict[tuple[str, str], Mapping[str, float]]:
    return {(row["subject"], row["figure"]): row for row in window.watched}


def _bars(axes: Axes, windows: Sequence[Window], name: str, label: str) -> None:
    """A figure with its interval, in the windows that have it."""
    centre, low, high = (values(windows, f"{name}{end}") for end in ("", "_low", "_high"))
    known = np.isfinite(centre)
    if known.any():
        moments = ends(windows)[known]
        reached = np.array([centre - low, high - centre])[:, known].clip(0)
        axes.errorbar(moments, centre[known], yerr=reached, fmt="o-", color=BAD, capsize=3, label=label)


def _over_time(windows: Sequence[Window], up: str) -> tuple[Figure, Axes]:
    figure, axes = framed("end of the window", up)
    if len(windows) == 1:
        axes.set_xticks(ends(windows), days(windows))
    else:
        locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return figure, axes


def _ticks(count: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, 3))})
