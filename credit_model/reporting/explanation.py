"""One decision explained: how its score comes about as a picture, and a page of its answer, reasons and contributions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from credit_model.reporting.page import Block, Picture, Section, Table, page
from credit_model.reporting.plots import BAD, GOOD, LINE, SIZE, framed, label, titled
from credit_model.scoring.contributions import CALIBRATION, START

MOST = 12  # inputs with a bar of their own
_ROW, _ENDS = 0.38, 1.3  # inches of a bar, and of the title with the axis below
_UNSEEN = 0.05  # points that no bar shows


def waterfall(contributions: pl.DataFrame) -> Figure:
    """From where a score starts to what it is: what each input adds to it or takes off it, in points.

    Args:
        contributions: of one decision: ``feature``, ``value`` and ``points``, the start first and calibration last; the points
            add up to the score.
    """
    steps = _steps(contributions)
    points = steps["points"].to_numpy()
    ends = np.cumsum(points)
    before, after, change = ends[:-1], ends[1:], points[1:]
    names = [*steps["label"].to_list()[1:], "score"]
    places = np.arange(len(names))
    figure, axes = framed("points", "", (SIZE[0], _ENDS + _ROW * len(names)))
    colours = [GOOD if each >= 0 else BAD for each in change]
    axes.barh(places[:-1], change, left=before, color=colours, height=0.7)
    axes.vlines(ends, np.append(-0.5, places[:-1]), places, color=LINE, linewidth=1)
    axes.plot(ends[-1], places[-1], "D", color="black", markersize=5)
    for place, (one, each) in enumerate(zip(np.maximum(before, after), change, strict=True)):
        axes.annotate(
            f"{each:+.1f}", (one, place), (4, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.annotate(f"{ends[-1]:.1f}", (ends[-1], places[-1]), (7, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [label(name) for name in names], fontsize=7)
    axes.invert_yaxis()
    axes.use_sticky_edges = False
    axes.margins(x=0.12)
    whole = (
        f"From {points[0]:.1f} points to the score {ends[-1]:.1f}; blue adds points, orange takes them off"
    )
    titled(figure, whole)
    return figure


def _steps(contributions: pl.DataFrame) -> pl.DataFrame:
    """The start, the inputs that weigh most, all others together, and calibration where it changes anything."""
    own = pl.col("feature").is_in([START, CALIBRATION])
    value = pl.format("{} = {}", "feature", pl.col("value").str.slice(0, 12))
    told = _rounded(contributions).with_columns(label=pl.when(own).then("feature").otherwise(value))
    inputs = told.filter(~own).sort(pl.col("points").abs(), descending=True, maintain_order=True)
    rest = inputs[MOST:]
    others = pl.DataFrame({"label": [f"{rest.height} others"], "points": [rest["points"].sum()]})
    ends = [told.filter(pl.col("feature") == name).select("label", "points") for name in (START, CALIBRATION)]
    ends[1] = ends[1].filter(pl.col("points").abs() >= _UNSEEN)
    middle = [inputs[:MOST].select("label", "points"), *([others] if rest.height else [])]
    return pl.concat([ends[0], *middle, ends[1]], how="vertical_relaxed")


def _rounded(contributions: pl.DataFrame) -> pl.DataFrame:
    """The same with values to four significant digits; one that is missing says so, but for the start and calibration."""
    own = pl.col("feature").is_in([START, CALIBRATION])
    number = pl.col("value").cast(pl.Float64, strict=False)
    text = number.map_elements(_number, return_dtype=pl.String)
    shown = pl.coalesce(text, "value", pl.when(~own).then(pl.lit("missing")))
    return contributions.with_columns(value=shown)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def explanation(
    model: str, answer: Mapping[str, Any], contributions: pl.DataFrame, drawn: Figure | None
) -> str:
    """The page of one decision, as HTML.

    Args:
        model: what the user calls the model.
        answer: the answer, by field.
        contributions: as for ``waterfall``; without rows where the model did not judge.
        drawn: the picture of ``waterfall``; None where the model did not judge.
    """
    whose = f"{answer['CustomerId']} at {answer['as_of']}"
    sections = [
        Section("Answer", [_fields(answer, f"The answer of {model}")]),
        Section("Reasons", _reasons(answer)),
        Section("How the score comes about", _contributed(whose, model, contributions, drawn)),
    ]
    return page("One decision", whose, sections)


def _fields(answer: Mapping[str, Any], caption: str) -> Table:
    told = {name: cell for name, cell in answer.items() if not isinstance(cell, list) and cell is not None}
    return Table(pl.DataFrame({"field": list(told), "value": [str(cell) for cell in told.values()]}), caption)


def _reasons(answer: Mapping[str, Any]) -> list[Block]:
    if answer["reasons"]:
        texts = [reason["text"] for reason in answer["reasons"]]
        return ["What counted against the customer most, the weightiest first:", *texts]
    if answer["status"] == "invalid":
        return [f"The decision could not be judged: {answer['message']}."]
    return ["No reason is given: nothing in particular counted against the customer."]


def _contributed(whose: str, model: str, contributions: pl.DataFrame, drawn: Figure | None) -> list[Block]:
    if drawn is None:
        return ["The model did not judge this decision, so that nothing contributed to a score."]
    inputs = contributions.height - 2
    shown = f"the {MOST} that weigh most of {inputs} inputs" if inputs > MOST else f"all {inputs} inputs"
    caption = (
        f"One decision, {whose}, by {model}: {shown}, in points; blue adds to the score, orange takes off it"
    )
    weights = _rounded(contributions).sort(pl.col("points").abs(), descending=True)
    return [
        Picture(drawn, caption, "Bars from where the score starts to the score, one for each input"),
        Table(
            weights, f"Every contribution, the largest first; they add up to the score: {whose}, by {model}"
        ),
    ]
