"""The bad definition on the page of an exploration: what days past due say of it, in sentences, pictures and tables."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.reporting.plots import BAD, GOOD, LINE
from credit_model.training.bad_definition import BUCKETS, HALF, LEAST, THRESHOLDS, BadDefinition, rolled

ROLLS, VINTAGES, MATURITY = "roll_rates.png", "vintages.png", "maturity.png"
_MOST_VINTAGES = 12
_MOST_OF_BADS = 0.9
_STYLES = {30: (GOOD, "-"), 60: (LINE, "--"), 90: (BAD, "-.")}
_SIZE = (5.4, 3.8)
_UNCHOSEN = "Nothing is chosen here: a training is told by bad_days and outcome_days."


def readings(found: BadDefinition) -> list[str]:
    """What the figures say, one sentence each, with its number."""
    return [*_of_rolls(found), *_of_maturity(found), *_of_cures(found), *_of_gone(found), _UNCHOSEN]


def pictures(found: BadDefinition) -> dict[str, Figure]:
    """The pictures that there is something to show in, by file name."""
    made = {}
    if found.rolls["pairs"].sum():
        made[ROLLS] = _rolls(found.rolls)
    if _shown(found).height:
        made[VINTAGES] = _vintages(_shown(found))
    if found.maturity.height:
        made[MATURITY] = _maturity(found.maturity)
    return made


def section(found: BadDefinition, drawn: Mapping[str, Figure]) -> Section:
    """The section of the page."""
    text = (
        "A loan has to be called bad at some number of days past due, reached within some days of its decision. Roll rates show "
        "from how many days on most get worse; vintages and maturity, by when bads have shown; cures, how many come back. "
        f"All of it is about {found.loans:,} loans."
    )
    blocks: list[Block] = [text, *map(Note, readings(found))]
    blocks += [*_roll_blocks(found, drawn), *_vintage_blocks(found, drawn), *_choice_blocks(found, drawn)]
    return Section("Bad definition", blocks)


def _of_rolls(found: BadDefinition) -> Iterator[str]:
    rates = rolled(found.rolls).filter(pl.col("pairs") >= LEAST, pl.col("worst") != BUCKETS[0])
    if rates.is_empty():
        yield (
            f"Too few loans were late in one window of {found.window} days and followed to the end of the next: no roll rate is "
            f"read of fewer than {LEAST}."
        )
        return
    said = ", ".join(
        f"{row['roll_rate']:.0%} from {row['worst']} (n = {row['pairs']:,})" for row in rates.to_dicts()
    )
    over = rates.filter(pl.col("roll_rate") > HALF, pl.col("worst") != BUCKETS[1])["worst"].to_list()
    usual = (
        "above 50 % is the usual reading of a point of no return (N. Siddiqi, Credit Risk Scorecards, 2006)"
    )
    if over:
        start = next(days for days, name in BUCKETS.items() if name == over[0])
        usual += f", which speaks for {start} days here"
    else:
        usual += ", and no bucket from 30 days on is above it here"
    yield (
        f"Roll rates over {found.window} days, the share that was worse in the next window (of 90+: 90+ again): {said}; {usual}."
    )


def _of_maturity(found: BadDefinition) -> Iterator[str]:
    if found.horizon is None:
        yield "The table is too short for any performance window: not for half of the loans have 30 days passed."
        return
    for days in THRESHOLDS:
        table = found.choices.filter(bad_days=days)
        bads = int(table["bads"][-1]) if table.height else 0
        if bads < LEAST:
            yield f"{bads} loans reach {days} days past due within {found.horizon}: too few to say when they show."
            continue
        yield (
            f"Of the {bads:,} loans that reach {days} days past due within {found.horizon} days of their decision, "
            f"{_when(table)}; the bad rate at {found.horizon} days is {table['bad_rate'][-1]:.1%}."
        )


def _when(table: pl.DataFrame) -> str:
    """By which window most bads of the longest have shown."""
    *shorter, _ = table.to_dicts()
    most = [row for row in shorter if row["share_of_bads"] >= _MOST_OF_BADS]
    if most:
        return f"{most[0]['share_of_bads']:.0%} do within {most[0]['outcome_days']}"
    if not shorter:
        return "all by the end of the shortest window that can show them"
    last = shorter[-1]
    return f"only {last['share_of_bads']:.0%} do within {last['outcome_days']}, so that later ones are to be expected"


def _of_cures(found: BadDefinition) -> Iterator[str]:
    for row in found.cures.filter(pl.col("reached") >= LEAST).to_dicts():
        yield (
            f"Of {row['reached']:,} loans that reached {row['bad_days']} days, {row['cure_rate']:.0%} were seen at 0 within the "
            f"next {found.window} days."
        )


def _of_gone(found: BadDefinition) -> Iterator[str]:
    if found.gone:
        yield (
            f"{found.gone:,} of {found.loans:,} loans leave the table more than 31 days before it ends and have no repaid_at. In "
            "labels they are not known unless they were bad before, so that bad rates are too high by them, the more the longer "
            "the window; in vintages they count as not late any more. Write down when loans were repaid."
        )


def _roll_blocks(found: BadDefinition, drawn: Mapping[str, Figure]) -> list[Block]:
    if ROLLS not in drawn:
        return [
            Note(
                f"No loan was followed for two windows of {found.window} days: there are no roll rates.",
                "warning",
            )
        ]
    pairs = int(found.rolls["pairs"].sum())
    whose = f"{pairs:,} pairs of consecutive windows of {found.window} days"
    shares = found.rolls.with_columns((pl.col("share") * 100).round(1))
    tables = [
        each.pivot(on="next", index="worst", values=name, maintain_order=True)
        for each, name in ((shares, "share"), (found.rolls, "pairs"))
    ]
    return [
        Picture(
            drawn[ROLLS],
            f"Roll rates, worst days past due in a window against the next: {whose}; per cent of the row",
            "Heat map of the worst bucket in a window and in the next one",
        ),
        Table(tables[0], f"Per cent of the row: {whose}"),
        Table(tables[1], f"Numbers: {whose}"),
    ]


def _vintage_blocks(found: BadDefinition, drawn: Mapping[str, Figure]) -> list[Block]:
    if VINTAGES not in drawn:
        return [
            Note(
                f"No vintage has {LEAST} loans that the table follows for a month: there is no picture.",
                "warning",
            )
        ]
    shown = _shown(found)
    names, loans = shown["vintage"].n_unique(), _loans(shown)
    every = found.vintages.select("vintage", "loans").unique()
    latest = f"the latest {names} of {every.height} vintages" if names < every.height else f"{names} vintages"
    whose = f"{latest} with {LEAST} loans or more, {loans:,} of {found.loans:,} loans"
    last = shown.group_by("vintage", "days").agg(
        pl.col("month").max(), pl.col("share").last(), pl.col("loans").first()
    )
    table = last.sort("vintage", "days").pivot(on="days", index=["vintage", "loans", "month"], values="share")
    columns = {str(days): f"ever {days}+" for days in THRESHOLDS}
    return [
        Picture(
            drawn[VINTAGES],
            f"Vintages, share of loans that were ever so late, by months on book: {whose}",
            "Lines of the cumulative share of late loans by months on book, one a vintage",
        ),
        Table(
            table.rename(columns).rename({"month": "months on book"}),
            f"Vintages as far as the table goes: {whose}",
        ),
    ]


def _choice_blocks(found: BadDefinition, drawn: Mapping[str, Figure]) -> list[Block]:
    blocks: list[Block] = []
    if MATURITY in drawn:
        bads = found.maturity.group_by("days", maintain_order=True).agg(pl.col("bads").first())
        counts = ", ".join(f"{n:,} at {days}" for days, n in bads.iter_rows())
        blocks.append(
            Picture(
                drawn[MATURITY],
                f"Maturity, share of the bads of {found.horizon} days that have shown by each day; bads by threshold: {counts}",
                "Curves of the share of bads that have shown by days since the decision",
            )
        )
    if found.choices.height:
        what = (
            f"What each choice means, of {found.loans:,} loans; share of bads: of those within {found.horizon} days; immature: "
            "the window is not over at the end of the table"
        )
        blocks.append(Table(found.choices, what))
    cured = f"Cures: loans that reached so many days past due, and were seen at 0 within {found.window} days after that"
    return [*blocks, Table(found.cures, cured)]


def _shown(found: BadDefinition) -> pl.DataFrame:
    """The latest vintages of enough loans that are followed for a month at least."""
    table = found.vintages.filter(pl.col("loans") >= LEAST, pl.col("month").max().over("vintage") > 0)
    latest = table["vintage"].unique().sort().tail(_MOST_VINTAGES)
    return table.filter(pl.col("vintage").is_in(latest.implode()))


def _loans(shown: pl.DataFrame) -> int:
    return int(shown.group_by("vintage").agg(pl.col("loans").first())["loans"].sum())


def _rolls(rolls: pl.DataFrame) -> Figure:
    names = list(BUCKETS.values())
    shares = rolls["share"].fill_null(0.0).to_numpy().reshape(len(names), len(names))
    pairs = rolls["pairs"].to_numpy().reshape(shares.shape)
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if pairs[row].sum():
            ink = "white" if share > 0.6 else "black"
            axes.text(
                column, row, f"{share:.0%}\n{pairs[row, column]:,}", ha="center", va="center", color=ink
            )
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("worst days past due, next window")
    axes.set_ylabel("worst days past due, a window")
    return figure


def _vintages(shown: pl.DataFrame) -> Figure:
    names = shown["vintage"].unique().sort().to_list()
    colours = colormaps["viridis"](np.linspace(0.9, 0.0, len(names)))
    figure = Figure(figsize=(5.4, 7.2), layout="constrained")
    grid = figure.subplots(len(THRESHOLDS), 1, sharex=True)
    for axes, days in zip(grid, THRESHOLDS, strict=True):
        for name, colour in zip(names, colours, strict=True):
            line = shown.filter(vintage=name, days=days)
            axes.plot(line["month"], line["share"], color=colour, label=name, marker=".")
        axes.set_title(f"ever {days} days past due or more", loc="left", fontsize="medium")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    grid[-1].set_xlabel("months on book")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _maturity(maturity: pl.DataFrame) -> Figure:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    for days, (colour, style) in _STYLES.items():
        line = maturity.filter(days=days)
        if line.height:
            name = f"{days} days past due"
            axes.step([0, *line["day"]], [0.0, *line["share"]], style, where="post", color=colour, label=name)
    axes.axhline(_MOST_OF_BADS, color="#8a8a8a", linewidth=0.7)
    axes.set_xlabel("days since the decision")
    axes.set_ylabel("share of the bads shown")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
