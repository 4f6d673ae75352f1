"""The feature catalogue: every feature's name, meaning, topic and Polars expression.

Three layers, each written in the one before it: columns of a transaction (``ROWS``), aggregates of a decision's
transactions, features of the aggregates. A feature names only what it needs, so a model that uses twenty features
computes the aggregates of those twenty and nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import polars as pl

from credit_model.decisions import Attribute

WINDOWS = (7, 30, 60, 90, 180, 365)
CATEGORIES = ("ProductCategory", "ProductId", "ProviderId", "ChannelId", "PricingStrategy")
LATEST_TEXTS = ("ProductCategory", "ProductId", "ProviderId", "ChannelId", "PricingStrategy", "CountryCode")
PUBLISHED_LEVELS = (
    *("airtime", "data_bundles", "financial_services", "movies", "other"),
    *("ticket", "transport", "tv", "utility_bill"),
)


@dataclass(frozen=True)
class Feature:
    """One feature of a decision.

    Attributes:
        name: its column.
        meaning: one sentence, with the unit.
        topic: the idea it measures; a reason code speaks of the topic.
        expression: over aggregates and decision columns.
        direction: +1 where risk is known to rise with it, -1 where it falls, 0 where the data decide.
        default: false for what is switched on only by name.
    """

    name: str
    meaning: str
    topic: str
    expression: pl.Expr = field(repr=False, compare=False)
    direction: int = 0
    default: bool = True


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """The quotient, null where the denominator is zero."""
    return numerator / pl.when(denominator != 0).then(denominator)


_TIME = pl.col("TransactionStartTime")
_DAYS = 1 / 86_400_000_000  # multiplied: Polars divides one value by a constant otherwise than many
_AMOUNT, _VALUE, _AGO = pl.col("Amount"), pl.col("Value"), pl.col("days_ago")
_SAME = pl.col("decision") == pl.col("decision").shift(1)

ROWS: tuple[dict[str, pl.Expr], ...] = (
    {
        "days_ago": (pl.col("as_of").cast(pl.Int64) - _TIME.cast(pl.Int64)) * _DAYS,
        "debit": _AMOUNT.clip(lower_bound=0),
        "credit": -_AMOUNT.clip(upper_bound=0),
        "is_credit": _AMOUNT < 0,
        "gap": pl.when(_SAME).then((_TIME.cast(pl.Int64) - _TIME.cast(pl.Int64).shift(1)) * _DAYS),
        "hour": _TIME.dt.hour().cast(pl.Float64),
        "weekday": _TIME.dt.weekday(),
        "day": _TIME.dt.date(),
        "balance": _AMOUNT.cum_sum().over("decision"),
    },
    {"peak": pl.col("balance").cum_max().over("decision")},
)


def _recent(expression: pl.Expr, days: int) -> pl.Expr:
    return pl.when(days >= _AGO).then(expression).otherwise(0)


def _published() -> Iterator[Feature]:
    """The 26 inputs of the published pipelines, and the latest transaction's other fields."""
    for name in ("Amount", "Value", "FraudResult"):
        meaning = f"{name} of the latest transaction"
        yield Feature(name, meaning, "latest", pl.col(f"latest_{name}"), default=name != "FraudResult")
    for name in LATEST_TEXTS:
        yield Feature(name, f"{name} of the latest transaction", "latest", pl.col(f"latest_{name}"))
    calendar = {"hour": "hour of the day, 0-23", "dayofweek": "day of the week, Monday is 0"}
    when = {"day": "day of the month", "month": "month, 1-12", "year": "year", "week": "ISO week of the year"}
    for part, meaning in (calendar | when).items():
        name = f"transaction_{part}"
        yield Feature(
            name, f"{meaning}, of the latest transaction", "latest", pl.col(name), default=part in calendar
        )
    statistics = {
        "total": "sum",
        "avg": "mean",
        "std": "standard deviation",
        "min": "smallest",
        "max": "largest",
    }
    for short, meaning in (statistics | {"median": "median"}).items():
        name = f"{short}_transaction_amount"
        yield Feature(name, f"{meaning} of the signed amounts, in currency units", "amount", pl.col(name))
    meaning = "number of transactions in the history window (frequency)"
    yield Feature("transaction_count", meaning, "frequency", pl.col("transaction_count"), -1)


def _rfm() -> Iterator[Feature]:
    yield Feature(
        "recency", "days from the last transaction to the decision", "recency", pl.col("recency"), 1
    )
    yield Feature("monetary", "sum of Value, in currency units", "amount", pl.col("monetary"))
    yield Feature(
        "tenure",
        "days from the first transaction in the window to the decision",
        "tenure",
        pl.col("tenure"),
        -1,
    )
    pace = ratio(pl.col("transaction_count"), pl.col("tenure"))
    yield Feature("transactions_per_day", "transactions a day since the first one", "frequency", pace)
    yield Feature("active_days", "distinct days with a transaction", "frequency", pl.col("active_days"), -1)
    yield Feature(
        "active_day_share",
        "active days over tenure",
        "regularity",
        ratio(pl.col("active_days"), pl.col("tenure")),
    )
    yield Feature(
        "average_value",
        "mean of Value, in currency units",
        "amount",
        ratio(pl.col("monetary"), pl.col("transaction_count")),
    )


def _windows(history_days: int) -> Iterator[Feature]:
    sums = {"count": "number of transactions", "debit": "sum of debits", "credit": "sum of credits"}
    topics = {"count": "trend", "debit": "amount", "credit": "credits"}
    windows = [days for days in WINDOWS if days < history_days]
    for days in windows:
        for measure, meaning in sums.items():
            total = pl.col({"count": "transaction_count"}.get(measure, measure))
            recent = pl.col(f"{measure}_{days}d")
            yield Feature(f"{measure}_{days}d", f"{meaning} in the last {days} days", topics[measure], recent)
            share = f"{meaning} in the last {days} days over that of the whole window"
            yield Feature(f"{measure}_{days}d_share", share, "trend", ratio(recent, total))
    for short, long in pairwise(windows):
        pace = ratio(pl.col(f"count_{short}d") * long, pl.col(f"count_{long}d") * short)
        yield Feature(
            f"count_{short}d_to_{long}d",
            f"transactions a day in {short} days over those in {long}",
            "trend",
            pace,
        )


def _debits_and_credits() -> Iterator[Feature]:
    count, credits_ = pl.col("transaction_count"), pl.col("credits")
    for side, topic in (("debit", "amount"), ("credit", "credits")):
        yield Feature(side, f"sum of {side}s, in currency units", topic, pl.col(side))
        yield Feature(
            f"largest_{side}", f"largest {side}, in currency units", topic, pl.col(f"largest_{side}")
        )
    yield Feature(
        "credit_share", "share of the transactions that are credits", "credits", ratio(credits_, count)
    )
    yield Feature(
        "credit_to_debit",
        "sum of credits over sum of debits",
        "credits",
        ratio(pl.col("credit"), pl.col("debit")),
    )
    yield Feature(
        "average_debit", "mean debit, in currency units", "amount", ratio(pl.col("debit"), count - credits_)
    )
    yield Feature(
        "average_credit", "mean credit, in currency units", "credits", ratio(pl.col("credit"), credits_)
    )
    for side in ("debit", "credit"):
        yield Feature(f"recency_{side}", f"days since the last {side}", "recency", pl.col(f"recency_{side}"))


def _balance() -> Iterator[Feature]:
    """The running sum of signed amounts: what the customer has paid in, less what was paid out to them."""
    monetary = pl.col("monetary")
    for name, meaning in {"lowest": "lowest", "highest": "highest"}.items():
        feature = f"balance_{name}"
        yield Feature(feature, f"{meaning} running balance, in currency units", "balance", pl.col(feature))
    yield Feature(
        "drawdown", "largest fall of the running balance from a peak", "balance", pl.col("drawdown")
    )
    yield Feature(
        "balance_share",
        "running balance over gross turnover",
        "balance",
        ratio(pl.col("total_transaction_amount"), monetary),
    )
    yield Feature(
        "drawdown_share", "drawdown over gross turnover", "balance", ratio(pl.col("drawdown"), monetary)
    )


def _regularity() -> Iterator[Feature]:
    gap = pl.col("gap_mean")
    for name, meaning in {"mean": "mean", "std": "standard deviation of the", "max": "longest"}.items():
        yield Feature(
            f"gap_{name}", f"{meaning} gap between transactions, in days", "regularity", pl.col(f"gap_{name}")
        )
    yield Feature("latest_gap", "days between the last two transactions", "regularity", pl.col("latest_gap"))
    yield Feature(
        "gap_variation",
        "standard deviation of the gaps over their mean",
        "regularity",
        ratio(pl.col("gap_std"), gap),
    )
    yield Feature(
        "overdue",
        "days since the last transaction over the mean gap",
        "recency",
        ratio(pl.col("recency"), gap),
        1,
    )
    yield Feature(
        "amount_variation",
        "standard deviation of Value over its mean",
        "amount",
        ratio(pl.col("value_std") * pl.col("transaction_count"), pl.col("monetary")),
    )
    latest = ratio(pl.col("latest_Value") * pl.col("transaction_count"), pl.col("monetary"))
    yield Feature(
        "latest_to_average", "Value of the latest transaction over the mean Value", "latest", latest
    )


def _habits() -> Iterator[Feature]:
    count = pl.col("transaction_count")
    yield Feature(
        "night_share", "share of transactions from 22:00 to 05:59", "timing", ratio(pl.col("nights"), count)
    )
    yield Feature(
        "weekend_share",
        "share of transactions on Saturday and Sunday",
        "timing",
        ratio(pl.col("weekends"), count),
    )
    yield Feature("hour_mean", "mean hour of the day", "timing", pl.col("hour_mean"))
    yield Feature("hour_std", "standard deviation of the hour of the day", "timing", pl.col("hour_std"))
    for column in CATEGORIES:
        yield Feature(
            f"distinct_{column}", f"number of different {column}", "variety", pl.col(f"distinct_{column}")
        )


def _categories(levels: Mapping[str, Sequence[str]]) -> Iterator[Feature]:
    count, monetary = pl.col("transaction_count"), pl.col("monetary")
    for level in dict.fromkeys((*PUBLISHED_LEVELS, *levels.get("ProductCategory", ()))):
        is_level = pl.col("latest_ProductCategory").eq_missing(pl.lit(level)).cast(pl.Float64)
        present = pl.when(pl.col("transaction_count").is_not_null()).then(is_level)
        yield Feature(
            f"ProductCategory_{level}", f"1 where the latest transaction is {level}", "latest", present
        )
    for column, names in levels.items():
        for level in names:
            key, what = f"{column}_{level}", f"transactions with {column} {level}"
            yield Feature(f"share_{key}", f"share of {what}", "mix", ratio(pl.col(f"count_{key}"), count))
            yield Feature(
                f"value_share_{key}",
                f"share of Value in {what}",
                "mix",
                ratio(pl.col(f"value_{key}"), monetary),
            )
            yield Feature(
                f"recency_{key}", f"days since the last of the {what}", "mix", pl.col(f"recency_{key}")
            )


def _attributes(attributes: Sequence[Attribute]) -> Iterator[Feature]:
    names = {attribute.name for attribute in attributes}
    for attribute in attributes:
        yield Feature(
            attribute.name, f"{attribute.name} of the application", "application", pl.col(attribute.name)
        )
    numbers = {attribute.name for attribute in attributes if attribute.kind == "number"}
    for debt, income in (("total_debt", "income"), ("loan_amount", "income")):
        if {debt, income} <= numbers & names:
            yield Feature(
                f"{debt}_to_income",
                f"{debt} over {income}",
                "affordability",
                ratio(pl.col(debt), pl.col(income)),
                1,
            )
    if "loan_amount" in numbers:
        turnover = {
            "turnover": pl.col("monetary"),
            "largest_credit": pl.col("largest_credit"),
            "average": ratio(pl.col("monetary"), pl.col("transaction_count")),
        }
        for name, expression in turnover.items():
            meaning = f"loan_amount over the {name.replace('_', ' ')} of the transactions"
            yield Feature(
                f"loan_amount_to_{name}", meaning, "affordability", ratio(pl.col("loan_amount"), expression)
            )


def _aggregates(history_days: int, levels: Mapping[str, Sequence[str]]) -> dict[str, pl.Expr]:
    amount, last = (
        "transaction_amount",
        {name: pl.col(name).last() for name in ("Amount", "Value", "FraudResult", *LATEST_TEXTS)},
    )
    clock = {
        "hour": _TIME.dt.hour(),
        "dayofweek": _TIME.dt.weekday() - 1,
        "day": _TIME.dt.day(),
        "month": _TIME.dt.month(),
        "year": _TIME.dt.year(),
        "week": _TIME.dt.week(),
    }
    exprs = {f"latest_{name}": expression for name, expression in last.items()}
    exprs |= {f"transaction_{part}": expression.last().cast(pl.Float64) for part, expression in clock.items()}
    exprs |= {
        "transaction_count": pl.len().cast(pl.Float64),
        f"total_{amount}": _AMOUNT.sum(),
        f"avg_{amount}": _AMOUNT.mean(),
    }
    exprs |= {
        f"std_{amount}": _AMOUNT.std(),
        f"min_{amount}": _AMOUNT.min(),
        f"max_{amount}": _AMOUNT.max(),
        f"median_{amount}": _AMOUNT.median(),
    }
    exprs |= {
        "recency": _AGO.min(),
        "tenure": _AGO.max(),
        "monetary": _VALUE.sum(),
        "value_std": _VALUE.std(),
        "active_days": pl.col("day").n_unique().cast(pl.Float64),
    }
    exprs |= {"credits": pl.col("is_credit").sum().cast(pl.Float64)}
    for side, is_side in (("debit", ~pl.col("is_credit")), ("credit", pl.col("is_credit"))):
        exprs |= {
            side: pl.col(side).sum(),
            f"largest_{side}": pl.col(side).max(),
            f"recency_{side}": pl.when(is_side).then(_AGO).min(),
        }
    for days in (days for days in WINDOWS if days < history_days):
        exprs |= {f"count_{days}d": (days >= _AGO).sum().cast(pl.Float64)}
        exprs |= {f"{side}_{days}d": _recent(pl.col(side), days).sum() for side in ("debit", "credit")}
    exprs |= {
        "balance_lowest": pl.col("balance").min(),
        "balance_highest": pl.col("balance").max(),
        "drawdown": (pl.col("peak") - pl.col("balance")).max(),
    }
    exprs |= {
        "gap_mean": pl.col("gap").mean(),
        "gap_std": pl.col("gap").std(),
        "gap_max": pl.col("gap").max(),
        "latest_gap": pl.col("gap").last(),
    }
    exprs |= {
        "nights": ((pl.col("hour") >= 22) | (pl.col("hour") < 6)).sum().cast(pl.Float64),
        "weekends": (pl.col("weekday") >= 6).sum().cast(pl.Float64),
    }
    exprs |= {"hour_mean": pl.col("hour").mean(), "hour_std": pl.col("hour").std()}
    exprs |= {
        f"distinct_{column}": pl.col(column).drop_nulls().n_unique().cast(pl.Float64) for column in CATEGORIES
    }
    for column, names in levels.items():
        for level in names:
            here = pl.col(column) == level
            exprs[f"count_{column}_{level}"] = here.sum().cast(pl.Float64)
            exprs[f"value_{column}_{level}"] = pl.when(here).then(_VALUE).otherwise(0).sum()
            exprs[f"recency_{column}_{level}"] = pl.when(here).then(_AGO).min()
    return exprs


@dataclass(frozen=True)
class Catalogue:
    """The catalogue as one model knows it.

    Attributes:
        history_days: length of the history window; windows as long or longer are not built.
        levels: frequent levels of each category column, learned at training.
        attributes: the application's attributes.
    """

    history_days: int
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: tuple[Attribute, ...] = ()

    @cached_property
    def features(self) -> dict[str, Feature]:
        """Every feature by name."""
        families = (
            *(_published(), _rfm(), _windows(self.history_days), _debits_and_credits(), _balance()),
            *(_regularity(), _habits(), _categories(self.levels), _attributes(self.attributes)),
        )
        return {feature.name: feature for family in families for feature in family}

    @cached_property
    def aggregates(self) -> dict[str, pl.Expr]:
        """The aggregates that features are written in, by name."""
        return _aggregates(self.history_days, self.levels)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON."""
        attributes = [{"name": attribute.name, "kind": attribute.kind} for attribute in self.attributes]
        levels = {column: list(names) for column, names in self.levels.items()}
        return {"history_days": self.history_days, "levels": levels, "attributes": attributes}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Catalogue":
        """The inverse of ``to_dict``."""
        attributes = tuple(Attribute(**attribute) for attribute in plain["attributes"])
        return cls(
            plain["history_days"], {c: tuple(names) for c, names in plain["levels"].items()}, attributes
        )


def documentation() -> str:
    """The catalogue as a table in Markdown, with one level to stand for those that training learns."""
    shown = Catalogue(
        366, {"{column}": ("{level}",)}, (Attribute("loan_amount", "number"), Attribute("income", "number"))
    )
    head = [
        "# Features",
        "",
        _INTRODUCTION,
        "",
        "| feature | meaning | topic | by default |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| `{f.name}` | {f.meaning} | {f.topic} | {'yes' if f.default else 'no'} |"
        for f in shown.features.values()
    ]
    return "\n".join([*head, *rows, ""])


_INTRODUCTION = (
    "Every feature of a decision, from the transactions in its history window alone. `{column}` stands for each of "
    "ProductCategory, ProductId, ProviderId, ChannelId and PricingStrategy, `{level}` for each of its frequent levels, "
    "learned at training; windows as long as the history or longer are not built; `loan_amount` and `income` stand for "
    "application attributes. This table is generated: `python scripts/feature_table.py > data/FEATURES.md`."
)
