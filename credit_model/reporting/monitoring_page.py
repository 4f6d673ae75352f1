"""The page of a model's monitoring: what the last window found, and the course over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from credit_model.reporting import monitoring_plots as plots
from credit_model.reporting.page import Block, Note, Picture, Section, Table, page
from credit_model.serving.monitor_limits import CHANCE
from credit_model.serving.monitor_window import Window, alarm_text

_SHOWN = 20
_DRIFT = (
    "A figure is an alarm where its distance from the training is above its limit: the largest distance that a simulation "
    f"without drift gave, for samples of these sizes. Together they raise a false alarm in at most {CHANCE:.0%} of windows."
)
_ESTIMATED = (
    "Estimated figures follow from the probabilities alone, as far as these are calibrated still. That customers default more "
    "often at the same features shows in outcomes only."
)


def monitoring_page(named: str, windows: Sequence[Window], levels: Sequence[str]) -> str:
    """The page as HTML.

    Args:
        named: the model, for the title.
        windows: every window, by their ends; the last one is told in full.
        levels: risk levels of the model, safest first.
    """
    last = windows[-1]
    sections = [
        Section("What the last window found", _found(last)),
        Section("Distance from the training", _distances(windows)),
        Section("Volume and rates", _volume(windows)),
        Section("How far back histories reach", _reach(windows)),
        Section("Quality", _quality(windows, levels)),
        Section("All figures of the last window", [_figures(last)]),
        Section("Windows", [_windows(windows)]),
    ]
    subtitle = f"window from {_day(last.start)} to {_day(last.end)}, model version {last.version}"
    return page(f"Monitoring of {named}", subtitle, sections)


def _found(last: Window) -> list[Block]:
    if not last.alarms:
        return [Note(f"No alarm: none of {len(last.watched)} figures is beyond chance."), *last.notes]
    alarms = Note(f"{len(last.alarms)} of {len(last.watched)} figures are beyond their limits.", "warning")
    return [alarms, *(alarm_text(row) for row in last.alarms), *last.notes]


def _distances(windows: Sequence[Window]) -> list[Block]:
    last, names = windows[-1], ", ".join(plots.nearest(windows)[:3])
    of = _of(windows)
    nearest = Picture(
        plots.course(windows),
        f"What came nearest to its limit in any window; red is beyond it: {of}.",
        f"A grid of figures by windows. Nearest to their limits, or beyond them: {names}.",
    )
    score = Picture(
        plots.score(windows),
        f"PSI and KS of the score against the training; dashed: their limits: {of}.",
        f"Two lines over time with their limits. {_last_of(last, 'score')}",
    )
    table = last.table.head(max(_SHOWN, len(last.alarms)))
    caption = (
        f"The figures of the last window that are nearest to their limits, or beyond them: {_of([last])}."
    )
    return [_DRIFT, nearest, score, Table(table, caption)]


def _volume(windows: Sequence[Window]) -> list[Block]:
    figures = windows[-1].figures
    return [
        Picture(
            plots.volume(windows),
            f"Decisions of every window: {_of(windows)}.",
            f"A line over time; the last window has {figures['decisions']:.0f} decisions.",
        ),
        Picture(
            plots.rates(windows),
            f"Shares of all decisions of a window: {_of(windows)}.",
            f"Lines over time; in the last window {figures['approve_rate']:.1%} were approved, "
            f"{figures['no_history_rate']:.1%} had no history and {figures['invalid_rate']:.1%} were invalid.",
        ),
    ]


def _reach(windows: Sequence[Window]) -> list[Block]:
    middle = windows[-1].figures.get("reach_days_median")
    if middle is None:
        return ["The decisions do not tell how far back their histories reach."]
    told = (
        "A caller that sends a shorter past than the model was trained on changes features that look far back. The score then "
        "drifts only later, or not at all."
    )
    alt = f"A line with a band over time; half of the last window's histories reach back {middle:.0f} days or more."
    caption = (
        f"Days from the oldest transaction that was sent to the decision, where there is one: {_of(windows)}."
    )
    return [told, Picture(plots.reach(windows), caption, alt)]


def _quality(windows: Sequence[Window], levels: Sequence[str]) -> list[Block]:
    last = windows[-1].figures
    known = [window for window in windows if "roc_auc" in window.figures]
    outcomes = sum(int(window.figures.get("outcomes", 0)) for window in known)
    seen = f"{outcomes:,} outcomes are known, in {len(known)} of {len(windows)} windows: {_of(windows)}"
    blocks: list[Block] = [
        _ESTIMATED,
        Picture(
            plots.quality(windows),
            f"AUC, estimated without outcomes and observed; {seen}.",
            f"Lines over time; the last estimate is {last.get('estimated_roc_auc', float('nan')):.3f}.",
        ),
    ]
    told = ("estimated_observed_to_expected", "observed_to_expected")
    if any(np.isfinite(plots.values(windows, name)).any() for name in told):
        caption = f"Bads over those expected; 1 is calibrated; {seen}."
        blocks.append(
            Picture(plots.calibration(windows), caption, "Lines over time beside 1, which is calibrated.")
        )
    if known:
        caption = (
            f"Bad rate of each risk level, of {outcomes:,} decisions whose outcome is known: {_of(known)}."
        )
        blocks.append(Picture(plots.bands(known, levels), caption, "A line over time for each risk level."))
    return blocks


def _figures(last: Window) -> Table:
    names = [name.replace("_", " ") for name in last.figures]
    frame = pl.DataFrame(
        {"figure": names, "value": list(last.figures.values())}, schema_overrides={"value": pl.Float64}
    )
    return Table(frame, f"Every figure of the last window: {_of([last])}.")


def _windows(windows: Sequence[Window]) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "to": _day(window.end),
            "from": _day(window.start),
            "decisions": int(window.figures["decisions"]),
            "alarms": ", ".join(dict.fromkeys(str(row["subject"]) for row in window.alarms)) or "none",
        }
        for window in reversed(windows)
    ]
    return Table(
        pl.DataFrame(rows), "Every window that was monitored, the last first, and what was beyond its limit."
    )


def _of(windows: Sequence[Window]) -> str:
    """Whose figures they are, and of how many decisions."""
    count = sum(int(window.figures["decisions"]) for window in windows)
    told = f"{len(windows)} {'window' if len(windows) == 1 else 'windows'}"
    return f"model version {windows[-1].version}, {told}, {count:,} decisions"


def _last_of(window: Window, subject: str) -> str:
    return "; ".join(alarm_text(row) for row in window.watched if row["subject"] == subject) + "."


def _day(text: str) -> str:
    return text[:10]
