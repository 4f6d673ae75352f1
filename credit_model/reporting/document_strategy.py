"""What the model is used for, in sections of the model document: gains, decisions, costs and strategy."""

from collections.abc import Mapping

import polars as pl
from matplotlib.figure import Figure

from credit_model.reporting import captions, tables
from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.training.strategy import BANDS, MET
from credit_model.training.workflow import TrainingResult


def gains(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the gains by tenth of the probability."""
    whose = captions.ranked(result.trained)
    table = result.validation.gains
    first, widest = table.row(0, named=True), float(table["ks"].to_numpy().max())
    text = (
        f"The riskiest {first['cumulative_decisions']:.0%} of the decisions hold {first['cumulative_bads']:.0%} of the bads, "
        f"{first['lift']:.2f} times as many as by chance. The shares of bads and of goods are furthest apart by {widest:.3f} in "
        "this table; the KS statistic under Performance looks between its rows too. Decisions of one probability stay together."
    )
    blocks: list[Block] = [
        text,
        Table(table, f"Gains, the riskiest group first: {whose}"),
        Picture(
            pictures["ks.png"], f"KS: {whose}", "Cumulative shares of bads and goods by share of decisions"
        ),
        Picture(
            pictures["lift.png"],
            f"Lift by group: {whose}",
            "Bars of the lift by group, with the cumulative lift",
        ),
    ]
    return Section("Gains", blocks)


def decisions(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on bands, costs and the decisions that follow, now and at every other cut-off."""
    trained, costs = result.trained, result.sample.recipe.costs
    bands = trained.scorer.bands
    told = [line.removeprefix(BANDS) for line in result.summary if line.startswith(BANDS)]
    whole = f"winner {trained.winner}, out of fold, all {trained.dataset.decisions.height:,} decisions"
    text = (
        f"The bands are set {result.used['bands']}. A missed bad costs {costs[0]:g}, a refused good {costs[1]:g}. The prediction "
        f"is 1 from probability {bands.threshold:.4f} on; no approval has prediction 1, and no rejection prediction 0. A "
        "decision without a transaction in its observation window is always reviewed, whatever its probability."
    )
    blocks: list[Block] = [text, *map(_told, told)]
    blocks += [
        Table(_bands(result), f"Bands of the served model ({trained.winner})"),
        Table(tables.decided(trained), f"What the bands decide, and what became of it: {whole}"),
        _lowest_cost(result),
        Table(
            result.validation.strategy,
            "Strategy: approve below the cut-off, midway between two probabilities that occur, or between the highest and 1, and "
            f"reject the rest; cost per decision: {captions.by_bands(trained)}",
        ),
        Picture(
            pictures["strategy.png"],
            f"Bad rate among the approved, and cost per decision, by approval rate: {captions.by_bands(trained)}",
            "Curves of the bad rate among the approved and of the cost by approval rate",
        ),
        Picture(
            pictures["cost.png"],
            f"Cost of errors by threshold: {captions.pictured(trained)}",
            "Curve of the cost of errors per decision",
        ),
    ]
    return Section("Decisions and costs", blocks)


def _told(line: str) -> Note:
    """What the summary says of the bands; a target that is met is no warning."""
    kind = "note" if line.startswith(MET) else "warning"
    return Note(f"{line[:1].upper()}{line[1:]}.", kind)


def _bands(result: TrainingResult) -> pl.DataFrame:
    bands = result.trained.scorer.bands
    limits = (0.0, *bands.limits, 1.0)
    rows = [
        {"band": name, "from probability": limits[place], "to": limits[place + 1], "decision": decision}
        for place, (name, decision) in enumerate(zip(bands.names, bands.decisions, strict=True))
    ]
    return pl.DataFrame(rows)


def _lowest_cost(result: TrainingResult) -> str:
    """Which row of the strategy table costs least."""
    table = result.validation.strategy
    best = table.row(int(table["cost"].arg_min() or 0), named=True)
    said = "Of the cut-offs below, the cheapest"
    if best["approved"] == 0:
        return f"{said} approves nobody ({best['cost']:.3f} per decision at these costs)."
    return (
        f"{said} approves {best['approval_rate']:.0%} below probability {best['cut_off']:.3f}, with {best['bad_rate']:.1%} bads "
        f"among them ({best['cost']:.3f} per decision at these costs)."
    )


def share(result: TrainingResult, decision: str) -> str:
    """Share of all decisions, out of fold, that get a decision (``approve``, ``review`` or ``reject``), as text in per cent."""
    table = tables.decided(result.trained).filter(pl.col("decision") == decision)
    return f"{table['share'].item():.1%}"
