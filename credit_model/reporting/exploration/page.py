"""Pictures of an exploration, and its page."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from credit_model.data.transactions import Tidy
from credit_model.reporting.exploration import bad_definition
from credit_model.reporting.exploration.analysis import Exploration
from credit_model.reporting.exploration.notes import notes
from credit_model.reporting.page import Block, Note, Picture, Section, Table, page
from credit_model.reporting.plots import error_bars, literal

_BLUE, _RED, _GREY = "#3b7a9e", "#c8553d", "#8a8a8a"
_MOST_POINTS = 50_000
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def pictures(exploration: Exploration, transactions: Tidy) -> Mapping[str, Figure]:
    """Every picture, by file name; scatter plots show an even sample of more than 50,000 transactions."""
    readable = transactions.frame.drop_nulls(["CustomerId", "TransactionStartTime", "Amount"])
    sample = readable.select("Amount", "Value").gather_every(-(-readable.height // _MOST_POINTS))
    made = {
        "amounts.png": _amounts(sample.select(exploration.amounts["amount"].to_list())),
        "days.png": _days(exploration.days),
        "hours.png": _hours(exploration.hours),
        "rfm.png": _rfm(exploration.rfm),
        "clusters.png": _clusters(exploration),
    }
    if exploration.amount_against_value.height:
        made["amount_against_value.png"] = _agreement(sample)
    if exploration.levels.height:
        made["categories.png"] = _categories(exploration.levels)
    if exploration.outcomes.height:
        made["outcomes.png"] = _outcomes(exploration.outcomes)
    if exploration.bad_definition is not None:
        made |= bad_definition.pictures(exploration.bad_definition)
    return made


def document(exploration: Exploration, transactions: Tidy, drawn: Mapping[str, Figure]) -> str:
    """The exploration as one self-contained HTML page."""
    frame = transactions.frame
    times = frame["TransactionStartTime"]
    customers = frame["CustomerId"].n_unique()
    subtitle = f"{frame.height:,} transactions of {customers:,} customers, {times.min()!s} to {times.max()!s}"
    remarks: list[Block] = [Note(text) for text in notes(exploration)] or ["Nothing stands out."]
    sections = [
        Section("What to look at", remarks),
        Section("Quality", _quality_blocks(exploration)),
        Section("Amounts", _amount_blocks(exploration, drawn)),
        Section("Categories", _category_blocks(exploration, drawn)),
        Section("Time", _time_blocks(drawn)),
        Section("Customers", _customer_blocks(exploration, drawn)),
    ]
    if exploration.outcomes.height:
        sections.append(Section("Outcomes", _outcome_blocks(exploration, drawn)))
    if exploration.bad_definition is not None:
        sections.append(bad_definition.section(exploration.bad_definition, drawn))
    return page("Exploration of transactions", subtitle, sections)


def _quality_blocks(exploration: Exploration) -> list[Block]:
    blocks: list[Block] = [Table(exploration.quality, "Columns")]
    if exploration.duplicates.height:
        blocks.append(Table(exploration.duplicates, "Repeated transactions"))
    return blocks


def _amount_blocks(exploration: Exploration, drawn: Mapping[str, Figure]) -> list[Block]:
    names = " and ".join(exploration.amounts["amount"])
    quantiles = "Quantiles; outliers lie 3 interquartile ranges beyond the quartiles of the signed log"
    blocks: list[Block] = [
        Table(exploration.amounts, quantiles),
        Table(exploration.sides, "Debits from customers, credits to them"),
        Picture(drawn["amounts.png"], f"{names}, on a signed log scale", f"Histograms of {names}"),
    ]
    if exploration.amount_against_value.height:
        scatter = drawn["amount_against_value.png"]
        blocks.append(Table(exploration.amount_against_value, "Amount against Value"))
        blocks.append(Picture(scatter, "Each point is a transaction", "Scatter of Amount and Value"))
    return blocks


def _category_blocks(exploration: Exploration, drawn: Mapping[str, Figure]) -> list[Block]:
    if not exploration.levels.height:
        return ["The transactions have no column of categories."]
    folded = "Levels of fewer than five customers, and the tail, are folded into (rare)"
    bars = Picture(drawn["categories.png"], "Transactions by level", "Bars of the levels of each category")
    return [bars, Table(exploration.levels, folded)]


def _time_blocks(drawn: Mapping[str, Figure]) -> list[Block]:
    hours = "Transactions by weekday and hour, UTC"
    return [
        Picture(drawn["days.png"], "Transactions and customers by day", "Lines of daily counts"),
        Picture(drawn["hours.png"], hours, "Heat map of weekday and hour"),
    ]


def _customer_blocks(exploration: Exploration, drawn: Mapping[str, Figure]) -> list[Block]:
    clusters = "Clusters of recency, frequency and monetary value"
    scaled = "K-means on log and robust scaled recency, frequency and monetary value"
    return [
        Table(exploration.customers, "Quantiles over customers at the end of the data"),
        Picture(drawn["rfm.png"], "Recency, frequency, monetary value", "Histograms over customers"),
        Picture(drawn["clusters.png"], clusters, "Clusters in a scatter"),
        Table(exploration.clusters, scaled),
    ]


def _outcome_blocks(exploration: Exploration, drawn: Mapping[str, Figure]) -> list[Block]:
    return [
        Picture(drawn["outcomes.png"], "Bad rate by month, 95 % intervals", "Bad rate by month"),
        Table(exploration.outcomes, "Real outcomes by month of the decision"),
    ]


def _amounts(sample: pl.DataFrame) -> Figure:
    figure, grid = _figure(1, sample.width)
    for axes, column, colour in zip(grid, sample, (_BLUE, _RED), strict=False):
        axes.hist(_signed_log(column.to_numpy()), bins=60, color=colour)
        axes.set_title(column.name)
        axes.set_xlabel("signed log10(1 + |x|)")
    grid[0].set_ylabel("transactions")
    return figure


def _agreement(sample: pl.DataFrame) -> Figure:
    figure, (axes,) = _figure(1, 1)
    amount, value = (_signed_log(sample[name].to_numpy()) for name in ("Amount", "Value"))
    axes.plot(amount, value, ".", markersize=2, alpha=0.3, color=_BLUE, rasterized=True)
    axes.set_xlabel("Amount, signed log10(1 + |x|)")
    axes.set_ylabel("Value, log10(1 + x)")
    return figure


def _days(days: pl.DataFrame) -> Figure:
    figure, (axes,) = _figure(1, 1)
    axes.plot(days["day"].to_list(), days["transactions"], color=_BLUE, label="transactions", linewidth=1)
    axes.plot(days["day"].to_list(), days["customers"], color=_RED, label="customers", linewidth=1)
    axes.legend(frameon=False)
    axes.set_ylim(bottom=0)
    figure.autofmt_xdate()
    return figure


def _hours(hours: pl.DataFrame) -> Figure:
    grid = np.zeros((7, 24))
    grid[hours["weekday"].to_numpy() - 1, hours["hour"].to_numpy()] = hours["transactions"]
    figure, (axes,) = _figure(1, 1)
    image = axes.imshow(grid, aspect="auto", cmap="Blues")
    axes.set_yticks(range(7), _WEEKDAYS)
    axes.set_xlabel("hour of the day")
    figure.colorbar(image, label="transactions")
    return figure


def _categories(levels: pl.DataFrame) -> Figure:
    groups = levels.partition_by("column", maintain_order=True)
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(8, 2.6 * rows), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes, group in zip(grid, groups, strict=False):
        names = [literal(text if len(text) < 26 else f"{text[:24]}…") for text in group["level"]]
        axes.barh(range(len(names)), group["transactions"], tick_label=names, color=_BLUE)
        axes.invert_yaxis()
        axes.tick_params(labelsize=7)
        axes.set_title(group["column"][0], fontsize=9)
    for axes in grid[len(groups) :]:
        axes.set_axis_off()
    return figure


def _rfm(measured: pl.DataFrame) -> Figure:
    figure, grid = _figure(1, 3)
    titles = {"recency": "recency, days", "frequency": "log10 frequency", "monetary": "log10(1 + monetary)"}
    for axes, (name, title) in zip(grid, titles.items(), strict=True):
        values = measured[name].to_numpy()
        axes.hist(
            values if name == "recency" else np.log10(values + (name == "monetary")), bins=40, color=_BLUE
        )
        axes.set_title(title, fontsize=9)
    grid[0].set_ylabel("customers")
    return figure


def _clusters(exploration: Exploration) -> Figure:
    figure, (axes,) = _figure(1, 1)
    step = -(-exploration.rfm.height // _MOST_POINTS)
    shown = exploration.rfm.gather_every(step)
    axes.plot(shown["recency"], np.log10(shown["frequency"]), ".", color=_GREY, markersize=3, alpha=0.4)
    for cluster in exploration.clusters.to_dicts():
        colour = _RED if cluster["cluster"] == "least engaged" else _BLUE
        place = (cluster["recency"], np.log10(max(cluster["frequency"], 0.1)))
        axes.plot(*place, "o", color=colour, markersize=6 + 24 * cluster["share"], alpha=0.7)
        axes.annotate(
            f"{cluster['cluster']}, {cluster['share']:.0%}", place, xytext=(8, 8), textcoords="offset points"
        )
    axes.set_xlabel("recency, days")
    axes.set_ylabel("log10 frequency")
    return figure


def _outcomes(outcomes: pl.DataFrame) -> Figure:
    figure, (axes,) = _figure(1, 1)
    bars = error_bars(outcomes["bads"], outcomes["decisions"])
    months, rate = outcomes["month"].to_list(), outcomes["bad_rate"].to_list()
    axes.errorbar(months, rate, yerr=bars, fmt="o", color=_RED, capsize=3)
    axes.set_ylabel("bad rate")
    axes.tick_params(axis="x", rotation=45)
    return figure


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.log10(1 + np.abs(values)))


def _figure(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns)).ravel().tolist()
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid
