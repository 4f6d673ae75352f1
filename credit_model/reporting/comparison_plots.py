"""Pictures of two models on the same decisions."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from credit_model.arrays import FloatArray
from credit_model.reporting import comparison_tables as tables
from credit_model.reporting.plots import (
    BAD,
    GOOD,
    LINE,
    SIZE,
    error_bars,
    framed,
    keyed,
    titled,
)
from credit_model.training.swap_set import SwapSet, members_of
from credit_model.training.two_models import SIDES, Comparison

COLOURS = dict(zip(SIDES, (GOOD, BAD), strict=True))
_CELLS = {"approved by both": LINE, "goes out": GOOD, "comes in": BAD, "refused by both": "#c9c9c9"}
_STYLES = dict(zip(SIDES, ("o-", "s--"), strict=True))
_MOST_POINTS = 4000


def pictures(comparison: Comparison) -> Mapping[str, Figure]:
    """Every picture that the comparison has figures for, by file name, in reading order."""
    made: dict[str, Figure] = {}
    if comparison.swap_set is not None:
        made["swap_set.png"] = swap_set(comparison, comparison.swap_set)
        if comparison.with_outcomes:
            made["swap_set_bad_rates.png"] = bad_rates(comparison.swap_set)
    if comparison.measures:
        made |= {"strategy.png": strategy(comparison), "calibration.png": calibration(comparison)}
    return made


def swap_set(comparison: Comparison, swapped: SwapSet) -> Figure:
    """Each decision by its rank with A and with B, the safest at the lower left, and what the two cut-offs make of it."""
    pairs = comparison.answers.filter(pl.Series(comparison.decided))
    ranks = [_shares(pairs[f"{side} probability"]) for side in SIDES]
    across, up = (f"safest to riskiest by {side}" for side in SIDES)
    figure, axes = framed(across, up, (SIZE[0], 5.0))
    every = slice(None, None, -(-pairs.height // _MOST_POINTS))
    cells = zip(_CELLS.items(), members_of(*swapped.approved), strict=True)
    for (cell, colour), members in cells:
        shown = members[every]
        label = f"{cell}: {int(members.sum()):,}"
        axes.plot(
            ranks[0][every][shown], ranks[1][every][shown], ".", color=colour, markersize=4, label=label
        )
    for count, line in zip(swapped.counts, (axes.axvline, axes.axhline), strict=True):
        line(count / pairs.height, color="black", linewidth=1, linestyle="--")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small", markerscale=3)
    titled(figure, "Swap set")
    return figure


def _shares(probability: pl.Series) -> FloatArray:
    """The place of each decision among all, 0 to 1; those of one probability lie side by side."""
    return np.asarray((probability.rank("ordinal").to_numpy() - 0.5) / len(probability))


def bad_rates(swapped: SwapSet) -> Figure:
    """Bad rate of each cell of the swap set, with its interval."""
    rows = [(cell, row) for cell, row in swapped.cells.items() if row["bad_rate"] is not None]
    rates = np.array([[row[name] for name in ("bad_rate", "low", "high")] for _, row in rows], dtype=float)
    names = [f"{cell}\n({row['outcomes']:,} known)" for cell, row in rows]
    figure, axes = framed("bad rate, with 95 % interval", "")
    rate, low, high = rates.T
    places = np.arange(len(rows))[::-1]
    reach = np.array([rate - low, high - rate]).clip(0)
    colours = ["black" if cell not in {"comes in", "goes out"} else _CELLS[cell] for cell, _ in rows]
    for at, one, reached, colour in zip(places, rate, reach.T, colours, strict=True):
        axes.errorbar(one, at, xerr=reached.reshape(2, 1), fmt="o", color=colour, capsize=4)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(left=0)
    titled(figure, "Bad rate by cell of the swap set")
    return figure


def strategy(comparison: Comparison) -> Figure:
    """Bad rate among the approved at every approval rate, with each model."""
    figure, axes = framed("approval rate", "bad rate among the approved")
    table = tables.strategies(comparison).drop_nulls("bad_rate")
    for side in SIDES:
        mine = table.filter(pl.col("model") == side)
        axes.plot(mine["approval_rate"], mine["bad_rate"], _STYLES[side], color=COLOURS[side], label=side)
    if comparison.swap_set is not None:
        axes.axvline(comparison.swap_set.rate, color=LINE, linestyle=":", label="approval rate compared at")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    keyed(figure)
    titled(figure, "Strategy: what is approved, and how bad it is")
    return figure


def calibration(comparison: Comparison) -> Figure:
    """Observed bad rate against mean probability in ten groups, of each model, with 95 % bars."""
    table, top = tables.calibration(comparison), 0.0
    figure, axes = framed("mean probability", "observed bad rate")
    for side in SIDES:
        mine = table.filter(pl.col("model") == side)
        said, came = mine["mean_probability"].to_numpy(), mine["bad_rate"].to_numpy()
        cases = mine["decisions"].to_numpy()
        bars = error_bars(np.rint(came * cases).astype(int), cases)
        axes.errorbar(said, came, yerr=bars, fmt=_STYLES[side][0], color=COLOURS[side], capsize=3, label=side)
        top = max(top, float(said.max()), float((came + bars[1]).max()))
    axes.plot([0, top], [0, top], color=LINE, linestyle="--", linewidth=1)
    keyed(figure)
    titled(figure, "Calibration")
    return figure
