"""A description of a set of transactions in small tables: quality, amounts, categories, time, customers.

The tables hold aggregates only: a level of fewer than five customers is counted as rare, and no customer is named.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import polars as pl

from credit_model.data.transactions import COLUMNS, REQUIRED, ROW_FAULTS, SCHEMA, Tidy
from credit_model.settings.settings import Settings
from credit_model.training.bad_definition import BadDefinition, bad_definition
from credit_model.training.rfm import rfm
from credit_model.training.rfm_clusters import fit_labeller
from credit_model.training.workflow import Explored

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
RFM_DAYS = 90
_OUTLIER = 3.0


@dataclass(frozen=True)
class Exploration:
    """The tables of an exploration.

    Attributes:
        absent: optional columns that the files do not have; tables made from them are empty.
        quality: one row per column: nulls, unreadable and distinct values, whether it is constant.
        duplicates: repeated transactions, with the same content and with different content.
        amounts: quantiles and outliers of ``Amount`` and ``Value``.
        amount_against_value: how the two agree.
        sides: debits and credits: number of rows, sum.
        levels: one row per frequent level of a categorical column: rows, customers and turnover.
        days: one row per day: transactions, customers and turnover.
        hours: transactions by weekday (1 is Monday) and hour.
        customers: quantiles over customers of their transactions, recency, frequency and monetary value.
        clusters: recency, frequency and monetary value, over the whole span, of the clusters that the labeller's method
            finds; empty with too few customers.
        rfm: recency, frequency and monetary value of every customer at the end, without their names.
        outcomes: one row per month of real outcomes: decisions whose outcome is known, bads, bad rate; empty without
            outcomes.
        bad_definition: what days past due say of when a loan should count as bad; None without such a table.
    """

    absent: tuple[str, ...]
    quality: pl.DataFrame
    duplicates: pl.DataFrame
    amounts: pl.DataFrame
    amount_against_value: pl.DataFrame
    sides: pl.DataFrame
    levels: pl.DataFrame
    days: pl.DataFrame
    hours: pl.DataFrame
    customers: pl.DataFrame
    clusters: pl.DataFrame
    rfm: pl.DataFrame
    outcomes: pl.DataFrame
    bad_definition: BadDefinition | None = None


def explored(asked: Explored, transactions: Tidy, settings: Settings) -> Exploration:
    """Describe what the settings of ``explore`` name; arguments and errors as in ``explore``."""
    found = explore(transactions, asked.decisions, settings.seed, asked.transactions.columns)
    if asked.past_due is None:
        return found
    return replace(found, bad_definition=bad_definition(asked.past_due, settings.outcome_days))


def explore(
    transactions: Tidy,
    outcomes: pl.DataFrame | None = None,
    seed: int = 42,
    present: Collection[str] = COLUMNS,
) -> Exploration:
    """Describe transactions, and real outcomes where there are any.

    Args:
        transactions: tidy transactions.
        outcomes: labelled decisions, with ``as_of`` and ``bad``.
        seed: of the clusters.
        present: columns that the files have.

    Raises:
        ValueError: there is no transaction with a customer, a time and an amount.
    """
    frame = transactions.frame
    readable = frame.drop_nulls(REQUIRED)
    if readable.is_empty():
        raise ValueError("no transaction has a customer, a time and an amount; give transactions to explore")
    measured = _measured(readable)
    return Exploration(
        absent=tuple(name for name in COLUMNS if name not in present),
        quality=quality(transactions, present),
        duplicates=duplicates(frame).filter("TransactionId" in present),
        amounts=_amounts(readable).filter(pl.col("amount").is_in(present)),
        amount_against_value=_agreement(readable).filter("Value" in present),
        sides=_sides(readable),
        levels=levels(readable, present),
        days=_days(readable),
        hours=_hours(readable),
        customers=_customers(measured),
        clusters=_clusters(measured, seed),
        rfm=measured.select("recency", "frequency", "monetary"),
        outcomes=_outcomes(outcomes),
    )


def _amounts(readable: pl.DataFrame) -> pl.DataFrame:
    tables = []
    for name in ("Amount", "Value"):
        column = readable[name]
        scaled = column.sign() * (column.abs() + 1).log()
        low, high = scaled.quantile(0.25, "linear"), scaled.quantile(0.75, "linear")
        reach = _OUTLIER * ((high or 0.0) - (low or 0.0))
        outlier = (scaled < (low or 0.0) - reach) | (scaled > (high or 0.0) + reach)
        values: dict[str, float | str | None] = {"amount": name}
        values |= {f"{share:.0%}": column.quantile(share, "linear") for share in QUANTILES}
        values |= {"mean": float(column.mean() or 0.0), "outliers": float(outlier.sum())}  # type: ignore[arg-type]
        tables.append(values)
    return pl.DataFrame(tables)


def _agreement(readable: pl.DataFrame) -> pl.DataFrame:
    gross = pl.col("Amount").abs()
    same = (pl.col("Value") - gross).abs() <= 1e-9 * (1 + pl.col("Value"))
    equal, above, correlation = readable.select(
        same.mean(),
        ((pl.col("Value") > gross) & ~same).mean().alias("above"),
        pl.corr("Amount", "Value").alias("r"),
    ).row(0)
    measures = {
        "Value equals the absolute Amount (share)": equal,
        "Value above the absolute Amount (share)": above,
        "correlation of Amount and Value": correlation
        if correlation is not None and math.isfinite(correlation)
        else None,
    }
    return pl.DataFrame(
        {"measure": list(measures), "value": list(measures.values())}, schema_overrides={"value": pl.Float64}
    )


def _sides(readable: pl.DataFrame) -> pl.DataFrame:
    side = pl.when(pl.col("Amount") < 0).then(pl.lit("credit")).otherwise(pl.lit("debit")).alias("side")
    return (
        readable.group_by(side)
        .agg(
            transactions=pl.len(),
            share=pl.len() / readable.height,
            amount=pl.col("Amount").sum(),
            median=pl.col("Amount").median(),
        )
        .sort("side")
    )


def _days(readable: pl.DataFrame) -> pl.DataFrame:
    day = pl.col("TransactionStartTime").dt.date().alias("day")
    return (
        readable.group_by(day)
        .agg(transactions=pl.len(), customers=pl.col("CustomerId").n_unique(), turnover=pl.col("Value").sum())
        .sort("day")
    )


def _hours(readable: pl.DataFrame) -> pl.DataFrame:
    time = pl.col("TransactionStartTime").dt
    return (
        readable.group_by(weekday=time.weekday(), hour=time.hour())
        .agg(transactions=pl.len())
        .sort("weekday", "hour")
    )


def _measured(readable: pl.DataFrame) -> pl.DataFrame:
    time = pl.col("TransactionStartTime")
    end, days = readable.select(
        time.max() + pl.duration(microseconds=1), (time.max() - time.min()).dt.total_days().alias("days")
    ).row(0)
    decisions = (
        readable.select("CustomerId")
        .unique()
        .sort("CustomerId")
        .with_columns(as_of=pl.lit(end, pl.Datetime("us")))
    )
    return rfm(Tidy(readable, pl.DataFrame(schema=ROW_FAULTS)), decisions, days + 1)


def _customers(measured: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for name in ("frequency", "recency", "tenure", "monetary", "net"):
        column = measured[name]
        rows.append(
            {"measure": name}
            | {f"{share:.0%}": column.quantile(share, "linear") for share in QUANTILES[1:-1]}
        )
    return pl.DataFrame(rows)


def _clusters(measured: pl.DataFrame, seed: int) -> pl.DataFrame:
    try:
        labeller = fit_labeller(measured.select("recency", "frequency", "monetary"), RFM_DAYS, seed)
    except ValueError:
        return pl.DataFrame(schema={"cluster": pl.String, "share": pl.Float64})
    rows = [
        {"cluster": "least engaged" if place == labeller.high_risk else f"other {place + 1}", "share": share}
        | dict(units)
        for place, (units, share) in enumerate(zip(labeller.centroids_in_units, labeller.shares, strict=True))
    ]
    return pl.DataFrame(rows)


def _outcomes(outcomes: pl.DataFrame | None) -> pl.DataFrame:
    if outcomes is None:
        return pl.DataFrame(
            schema={"month": pl.String, "decisions": pl.UInt32, "bads": pl.Int64, "bad_rate": pl.Float64}
        )
    month = pl.col("as_of").dt.strftime("%Y-%m").alias("month")
    bad = pl.col("bad").cast(pl.Int64)
    return (
        outcomes.drop_nulls("bad")
        .group_by(month)
        .agg(decisions=pl.len(), bads=bad.sum(), bad_rate=bad.mean())
        .sort("month")
    )


def quality(transactions: Tidy, present: Collection[str]) -> pl.DataFrame:
    """One row per column that the files have: nulls, unreadable and distinct values, whether it is constant."""
    frame, faults = transactions.frame, transactions.faults
    unreadable = dict(faults.filter(pl.col("problem") == "unreadable")["field"].value_counts().iter_rows())
    rows = []
    for name in (readable for readable in COLUMNS if readable in present):
        column = frame[name]
        distinct = column.drop_nulls().n_unique()
        rows.append(
            {
                "column": name,
                "type": _kind(SCHEMA[name]),
                "null": column.null_count(),
                "null_share": column.null_count() / frame.height,
                "unreadable": int(unreadable.get(name, 0)),
                "distinct": distinct,
                "constant": distinct == 1,
            }
        )
    return pl.DataFrame(rows)


def duplicates(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers of transactions with a repeated ``TransactionId``: with the same content, and with different content."""
    named = frame.filter(pl.col("TransactionId").is_not_null())
    identity = ["CustomerId", "TransactionId"]
    versions = named.unique()
    conflicts = versions.height - versions.select(identity).unique().height
    rows = {
        "sent more than once, same content": named.height - versions.height,
        "same id, other content": conflicts,
    }
    return pl.DataFrame({"duplicates": list(rows), "transactions": list(rows.values())})


def _kind(dtype: pl.DataType) -> str:
    return "time" if dtype.is_temporal() else "number" if dtype.is_numeric() else "text"


LEAST_CUSTOMERS = 5
MOST_LEVELS = 12
RARE = "(rare)"
CATEGORIES = (
    "ProductCategory",
    "ProductId",
    "ProviderId",
    "ChannelId",
    "PricingStrategy",
    "CurrencyCode",
    "CountryCode",
)


def levels(readable: pl.DataFrame, present: Collection[str]) -> pl.DataFrame:
    """Frequent levels of every categorical column that the files have and that varies; of the first one where none varies.

    Returns:
        ``column``, ``level``, ``transactions`` and ``turnover``, empty where the files have no categorical column.
    """
    there = [name for name in CATEGORIES if name in present]
    varied = [name for name in there if readable[name].drop_nulls().n_unique() > 1]
    empty = pl.DataFrame(schema={"column": pl.String, "level": pl.String})
    return pl.concat([empty, *(_levels(readable, name) for name in varied or there[:1])], how="diagonal")


def _levels(readable: pl.DataFrame, name: str) -> pl.DataFrame:
    """Frequent levels of one column; those of fewer than five customers, and the tail, are folded.

    A fold of fewer than five customers takes in the least frequent level besides: it would say what one did.
    """
    level = pl.col(name).fill_null("(missing)")
    counted = readable.group_by(level.alias("level")).agg(
        transactions=pl.len(), customers=pl.col("CustomerId").n_unique(), turnover=pl.col("Value").sum()
    )
    ranked = counted.sort(["transactions", "level"], descending=[True, False]).with_row_index("rank")
    folded = (pl.col("customers") < LEAST_CUSTOMERS) | (pl.col("rank") >= MOST_LEVELS)
    kept = ranked.filter(~folded)["level"]
    hidden = readable.filter(~level.is_in(kept.implode()))["CustomerId"].n_unique()
    kept = kept.head(-1) if 0 < hidden < LEAST_CUSTOMERS else kept
    shown = ranked.with_columns(
        level=pl.when(pl.col("level").is_in(kept.implode())).then("level").otherwise(pl.lit(RARE))
    )
    return (
        shown.group_by("level", maintain_order=True)
        .agg(pl.col("transactions").sum(), pl.col("turnover").sum())
        .select(pl.lit(name).alias("column"), "level", "transactions", "turnover")
    )
