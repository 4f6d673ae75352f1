"""Pictures of an exploration, and its page."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from credit_model.data.transactions import Tidy
from credit_model.reporting.exploration import bad_definition
from credit_model.reporting.exploration.analysis import Exploration
from credit_model.reporting.exploration.notes import notes
from credit_model.reporting.page import Block, Note, Picture, Section, Table, page
from credit_model.reporting.plots import (
    AMBER,
    BAD,
    GOOD,
    LINE,
    OTHER,
    PALE,
    SIZE,
    cut,
    error_bars,
    framed,
    headed,
    keyed,
)

_OTHERS = (GOOD, OTHER, AMBER, PALE)
_MARKS = "osD^v"
_MOST_POINTS = 50_000
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def pictures(exploration: Exploration, transactions: Tidy) -> Mapping[str, Figure]:
    """Every picture, by file name; scatter plots show an even sample of more than 50,000 transactions."""
    sample = _sampled(transactions)
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


def _sampled(transactions: Tidy) -> pl.DataFrame:
    """Amounts of readable transactions: all of them, or an even sample of more than 50,000."""
    readable = transactions.frame.drop_nulls(["CustomerId", "TransactionStartTime", "Amount"])
    return readable.select("Amount", "Value").gather_every(-(-readable.height // _MOST_POINTS))


def document(exploration: Exploration, transactions: Tidy, drawn: Mapping[str, Figure]) -> str:
    """The exploration as one self-contained HTML page."""
    frame = transactions.frame
    times = frame["TransactionStartTime"]
    customers = frame["CustomerId"].n_unique()
    of = f"{frame.height:,} transactions of {customers:,} customers"
    subtitle = f"{of}, {times.min()!s} to {times.max()!s}"
    sampled = _sampled(transactions).height
    shown = of if sampled > frame.height / 2 else f"an even sample of {sampled:,} of {of}"
    remarks: list[Block] = [Note(text) for text in notes(exploration)] or ["Nothing stands out."]
    sections = [
        Section("What to look at", remarks),
        Section("Quality", _quality_blocks(exploration, of)),
        Section("Amounts", _amount_blocks(exploration, drawn, of, shown)),
        Section("Categories", _category_blocks(exploration, drawn, of)),
        Section("Time", _time_blocks(drawn, of)),
        Section("Customers", _customer_blocks(exploration, drawn, f"{customers:,} customers")),
    ]
    if exploration.outcomes.height:
        sections.append(Section("Outcomes", _outcome_blocks(exploration, drawn)))
    if exploration.bad_definition is not None:
        sections.append(bad_definition.section(exploration.bad_definition, drawn))
    return page("Exploration of transactions", subtitle, sections)


def _quality_blocks(exploration: Exploration, of: str) -> list[Block]:
    blocks: list[Block] = [Table(exploration.quality, f"Columns: {of}")]
    if exploration.duplicates.height:
        blocks.append(Table(exploration.duplicates, f"Repeated transactions: {of}"))
    return blocks


def _amount_blocks(exploration: Exploration, drawn: Mapping[str, Figure], of: str, shown: str) -> list[Block]:
    names = " and ".join(exploration.amounts["amount"])
    quantiles = f"Quantiles; outliers lie 3 interquartile ranges beyond the quartiles of the signed log: {of}"
    blocks: list[Block] = [
        Table(exploration.amounts.select("amount", "outliers", pl.exclude("amount", "outliers")), quantiles),
        Table(exploration.sides, f"Debits from customers, credits to them: {of}"),
        Picture(drawn["amounts.png"], f"{names}, on a signed log scale: {shown}", f"Histograms of {names}"),
    ]
    if exploration.amount_against_value.height:
        scatter = drawn["amount_against_value.png"]
        blocks.append(Table(exploration.amount_against_value, f"Amount against Value: {of}"))
        blocks.append(
            Picture(scatter, f"Each point is a transaction: {shown}", "Scatter of Amount and Value")
        )
    return blocks


def _category_blocks(exploration: Exploration, drawn: Mapping[str, Figure], of: str) -> list[Block]:
    if not exploration.levels.height:
        return ["The transactions have no column of categories."]
    folded = f"Levels of fewer than five customers, and the tail, are folded into (rare): {of}"
    bars = Picture(
        drawn["categories.png"], f"Transactions by level: {of}", "Bars of the levels of each category"
    )
    return [bars, Table(exploration.levels, folded)]


def _time_blocks(drawn: Mapping[str, Figure], of: str) -> list[Block]:
    hours = f"Transactions by weekday and hour, UTC: {of}"
    return [
        Picture(drawn["days.png"], f"Transactions and customers by day: {of}", "Lines of daily counts"),
        Picture(drawn["hours.png"], hours, "Heat map of weekday and hour"),
    ]


def _customer_blocks(exploration: Exploration, drawn: Mapping[str, Figure], of: str) -> list[Block]:
    clusters = f"Clusters of recency, frequency and monetary value; each grey point is a customer: {of}"
    scaled = f"K-means on log and robust scaled recency, frequency and monetary value: {of}"
    return [
        Table(exploration.customers, f"Quantiles over customers at the end of the data: {of}"),
        Picture(drawn["rfm.png"], f"Recency, frequency, monetary value: {of}", "Histograms over customers"),
        Picture(drawn["clusters.png"], clusters, "Clusters in a scatter"),
        Table(exploration.clusters, scaled),
    ]


def _outcome_blocks(exploration: Exploration, drawn: Mapping[str, Figure]) -> list[Block]:
    bads, count = (int(exploration.outcomes[name].sum()) for name in ("bads", "decisions"))
    of = f"{count:,} decisions with a known outcome ({bads:,} bad)"
    return [
        Picture(drawn["outcomes.png"], f"Bad rate by month, 95 % intervals: {of}", "Bad rate by month"),
        Table(exploration.outcomes, f"Real outcomes by month of the decision: {of}"),
    ]


def _amounts(sample: pl.DataFrame) -> Figure:
    figure, grid = _stacked(sample.width)
    for axes, column in zip(grid, sample, strict=True):
        axes.hist(_signed_log(column.to_numpy()), bins=60, color=GOOD)
        headed(axes, column.name)
        axes.set_ylabel("transactions")
    grid[-1].set_xlabel("signed log10(1 + |x|)")
    return figure


def _agreement(sample: pl.DataFrame) -> Figure:
    figure, axes = framed("Amount, signed log10(1 + |x|)", "Value, log10(1 + x)")
    amount, value = (_signed_log(sample[name].to_numpy()) for name in ("Amount", "Value"))
    axes.plot(amount, value, ".", markersize=2, alpha=0.3, color=GOOD, rasterized=True)
    return figure


def _days(days: pl.DataFrame) -> Figure:
    figure, axes = framed("", "a day")
    axes.plot(days["day"].to_list(), days["transactions"], color=GOOD, label="transactions", linewidth=1)
    axes.plot(days["day"].to_list(), days["customers"], color=BAD, label="customers", linewidth=1)
    keyed(figure)
    axes.set_ylim(bottom=0)
    figure.autofmt_xdate()
    return figure


def _hours(hours: pl.DataFrame) -> Figure:
    grid = np.zeros((7, 24))
    grid[hours["weekday"].to_numpy() - 1, hours["hour"].to_numpy()] = hours["transactions"]
    figure, axes = framed("hour of the day", "")
    image = axes.imshow(grid, aspect="auto", cmap="Blues")
    axes.set_yticks(range(7), _WEEKDAYS)
    figure.colorbar(image, label="transactions", location="bottom", shrink=0.6)
    return figure


def _categories(levels: pl.DataFrame) -> Figure:
    groups = levels.partition_by("column", maintain_order=True)
    heights = [0.6 + 0.22 * group.height for group in groups]
    figure, grid = _stacked(len(groups), heights)
    for axes, group in zip(grid, groups, strict=True):
        names = [cut(text) for text in group["level"]]
        axes.barh(range(len(names)), group["transactions"], tick_label=names, color=GOOD)
        axes.invert_yaxis()
        axes.tick_params(labelsize=7.5)
        headed(axes, group["column"][0])
    grid[-1].set_xlabel("transactions")
    return figure


def _rfm(measured: pl.DataFrame) -> Figure:
    figure, grid = _stacked(3)
    titles = {"recency": "recency, days", "frequency": "log10 frequency", "monetary": "log10(1 + monetary)"}
    for axes, (name, title) in zip(grid, titles.items(), strict=True):
        values = measured[name].to_numpy()
        axes.hist(
            values if name == "recency" else np.log10(values + (name == "monetary")), bins=40, color=GOOD
        )
        axes.set_xlabel(title)
        axes.set_ylabel("customers")
    return figure


def _clusters(exploration: Exploration) -> Figure:
    figure, axes = framed("recency, days", "log10 frequency", (SIZE[0], 4.4))
    step = -(-exploration.rfm.height // _MOST_POINTS)
    shown = exploration.rfm.gather_every(step)
    axes.plot(shown["recency"], np.log10(shown["frequency"]), ".", color=LINE, markersize=3, alpha=0.4)
    for number, cluster in enumerate(exploration.clusters.to_dicts()):
        colour = BAD if cluster["cluster"] == "least engaged" else _OTHERS[number % len(_OTHERS)]
        place = (cluster["recency"], np.log10(max(cluster["frequency"], 0.1)))
        name = f"{cluster['cluster']}, {cluster['share']:.0%}"
        axes.plot(*place, _MARKS[number % len(_MARKS)], color=colour, markersize=10, label=name)
    if exploration.clusters.height:
        keyed(figure)
    return figure


def _outcomes(outcomes: pl.DataFrame) -> Figure:
    figure, axes = framed("", "bad rate")
    bars = error_bars(outcomes["bads"], outcomes["decisions"])
    months, rate = outcomes["month"].to_list(), outcomes["bad_rate"].to_list()
    axes.errorbar(months, rate, yerr=bars, fmt="o", color=BAD, capsize=3)
    axes.tick_params(axis="x", rotation=45)
    return figure


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.log10(1 + np.abs(values)))


def _stacked(count: int, heights: Sequence[float] = ()) -> tuple[Figure, list[Axes]]:
    """Axes one below the other, which a phone shows as large as a desk does."""
    tall = list(heights) or [2.0] * count
    figure = Figure(figsize=(SIZE[0], sum(tall)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(count, 1, height_ratios=tall)).tolist()
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid
