"""The features that depend on a model's own data: frequent levels of categorical columns, application attributes."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from credit_model.data.decisions import Attribute
from credit_model.data.suggest import suggest
from credit_model.features.aggregates import (
    CROSSED,
    CROSSED_PARTS,
    LATEST_TEXTS,
    MONTH_DAYS,
    RECENT_DAYS,
    months,
)
from credit_model.features.expression import Expression, col, when
from credit_model.features.feature import Feature, ratio
from credit_model.features.topics import APPLICATION, LEVEL, RELATIVE

PUBLISHED_LEVELS = (
    *("airtime", "data_bundles", "financial_services", "movies", "other"),
    *("ticket", "transport", "tv", "utility_bill"),
)
AVERAGED = ("ProductCategory", "ChannelId")  # the columns whose levels also tell a mean Value


def learned(
    levels: Mapping[str, Sequence[str]], attributes: Sequence[Attribute], history_days: int
) -> Iterator[Feature]:
    """Define the features of frequent levels and of application attributes.

    Args:
        levels: by categorical column, and for the crossed ones together, the frequent levels; each gives shares, a recency
            and counts.
        attributes: attributes of the application; the usual ratios are added where their parts are among them, and what was
            spent and paid is measured against each number.
        history_days: length of the observation window, in days.

    Example:
        >>> stated = [Attribute("loan_amount", "number"), Attribute("income", "number")]
        >>> [feature.name for feature in learned({}, stated, 60) if feature.name.startswith("loan_amount_to")]
        ['loan_amount_to_income', 'loan_amount_to_turnover', 'loan_amount_to_largest_credit', 'loan_amount_to_average']
        >>> [feature.name for feature in learned({"ProviderId": ["web"]}, [], 60) if "web" in feature.name]
        ['share_ProviderId_web', 'value_share_ProviderId_web', 'recency_ProviderId_web', 'since_ProviderId_web']
    """
    yield from _categories({column: names for column, names in levels.items() if column != CROSSED})
    yield from _crossed(levels.get(CROSSED, ()), history_days)
    yield from _attributes(attributes)
    yield from _over_attributes(attributes, history_days)


def _crossed(levels: Sequence[str], history_days: int) -> Iterator[Feature]:
    count, decay = col("transaction_count"), col("decay")
    for level in levels:
        key, topic = f"{CROSSED}_{level}", f"{LEVEL}{CROSSED}_{level}"
        what = f"transactions of the kind {level} (of {', '.join(CROSSED_PARTS)} what is recorded)"
        yield Feature(f"count_{key}", f"number of {what}", topic, col(f"count_{key}"))
        yield Feature(f"share_{key}", f"share of {what}", topic, ratio(col(f"count_{key}"), count))
        mean = ratio(col(f"value_{key}"), col(f"count_{key}"))
        yield Feature(f"average_value_{key}", f"mean Value of the {what}, in currency units", topic, mean)
        yield Feature(f"recency_{key}", f"days since the last of the {what}", topic, col(f"recency_{key}"))
        recent = f"share of {what}, a transaction counting less the older it is (a half after 42 days)"
        yield Feature(f"recent_share_{key}", recent, topic, ratio(col(f"decay_{key}"), decay))
        if history_days > RECENT_DAYS:
            name = f"count_{RECENT_DAYS}d_{key}"
            yield Feature(name, f"number of {what} in the last {RECENT_DAYS} days", topic, col(name))


def _categories(levels: Mapping[str, Sequence[str]]) -> Iterator[Feature]:
    count, monetary = col("transaction_count"), col("monetary")
    for level in dict.fromkeys((*PUBLISHED_LEVELS, *levels.get("ProductCategory", ()))):
        is_level = col("latest_ProductCategory").eq_missing(level).cast(pl.Float64)
        present = when(col("transaction_count").is_not_null(), is_level)
        yield Feature(
            f"ProductCategory_{level}", f"1 where the latest transaction is {level}", "latest", present
        )
    for column, names in levels.items():
        for level in names:
            key, what = f"{column}_{level}", f"transactions with {column} {level}"
            topic = f"{LEVEL}{key}"
            yield Feature(f"share_{key}", f"share of {what}", topic, ratio(col(f"count_{key}"), count))
            yield Feature(
                f"value_share_{key}",
                f"share of Value in {what}",
                topic,
                ratio(col(f"value_{key}"), monetary),
            )
            if column in AVERAGED:
                mean = ratio(col(f"value_{key}"), col(f"count_{key}"))
                yield Feature(
                    f"average_value_{key}", f"mean Value of the {what}, in currency units", topic, mean
                )
            yield Feature(
                f"recency_{key}", f"days since the last of the {what}", topic, col(f"recency_{key}")
            )
            yield Feature(
                f"since_{key}", f"transactions since the last of the {what}", topic, col(f"since_{key}")
            )


def _attributes(attributes: Sequence[Attribute]) -> Iterator[Feature]:
    names = {attribute.name for attribute in attributes}
    for attribute in attributes:
        name, meaning = attribute.name, f"{attribute.name} of the application"
        yield Feature(name, meaning, f"{APPLICATION}{name}", col(name))
    numbers = {attribute.name for attribute in attributes if attribute.kind == "number"}
    for debt, income in (("total_debt", "income"), ("loan_amount", "income")):
        if {debt, income} <= numbers & names:
            yield Feature(
                f"{debt}_to_income",
                f"{debt} over {income}",
                "affordability",
                ratio(col(debt), col(income)),
                1,
            )
    if "loan_amount" in numbers:
        turnover = {
            "turnover": col("monetary"),
            "largest_credit": col("largest_credit"),
            "average": ratio(col("monetary"), col("transaction_count")),
        }
        for name, expression in turnover.items():
            meaning = f"loan_amount over the {name.replace('_', ' ')} of the transactions"
            yield Feature(
                f"loan_amount_to_{name}", meaning, "affordability", ratio(col("loan_amount"), expression)
            )


def _over_attributes(attributes: Sequence[Attribute], history_days: int) -> Iterator[Feature]:
    """What was spent and paid, measured against each number of the application, such as a credit limit or an income."""
    sums: dict[str, tuple[str, Expression]] = {
        "turnover": ("sum of Value", col("monetary")),
        "net": ("sum of the signed amounts", col("total_transaction_amount")),
        "balance_now": ("balance after the latest transaction", col("balance_now")),
        "balance_min": ("lowest balance", col("balance_min")),
    }
    if history_days > RECENT_DAYS:
        both = col(f"debit_{RECENT_DAYS}d") + col(f"credit_{RECENT_DAYS}d")
        sums[f"gross_{RECENT_DAYS}d"] = (f"debits and credits together in the last {RECENT_DAYS} days", both)
    for month in months(history_days)[:3]:
        for side in ("debit", "credit"):
            days = f"{MONTH_DAYS * month} to {MONTH_DAYS * (month + 1)} days before the decision"
            sums[f"{side}_month_{month}"] = (f"sum of {side}s {days}", col(f"{side}_month_{month}"))
    for attribute in attributes:
        if attribute.kind == "number":
            topic = "affordability" if attribute.name == "loan_amount" else f"{RELATIVE}{attribute.name}"
            for name, (meaning, expression) in sums.items():
                yield Feature(
                    f"{name}_to_{attribute.name}",
                    f"{meaning} over {attribute.name}",
                    topic,
                    ratio(expression, col(attribute.name)),
                )


def quotients(
    ratios: Sequence[tuple[str, str]], defined: Mapping[str, Feature], attributes: Sequence[Attribute]
) -> Iterator[Feature]:
    """Define the features that a training was told to divide.

    Args:
        ratios: pairs of names: what is divided, and by what.
        defined: the features that can be divided, by name.
        attributes: attributes of the application.

    Raises:
        ValueError: one of a pair is neither a number among the attributes nor a feature that is one.

    Example:
        >>> limit = Attribute("limit_bal", "number")
        >>> spent = Feature("debit", "sum of debits", "amount", col("debit"))
        >>> stated = Feature("limit_bal", "the limit", "amount", col("limit_bal"))
        >>> defined = {"debit": spent, "limit_bal": stated}
        >>> [feature.name for feature in quotients([("debit", "limit_bal")], defined, [limit])]
        ['debit_to_limit_bal']
    """
    words = {*LATEST_TEXTS, *(attribute.name for attribute in attributes if attribute.kind != "number")}
    numbers = {name: feature for name, feature in defined.items() if name not in words}
    for upper, lower in ratios:
        for name in (upper, lower):
            if name not in numbers:
                raise ValueError(
                    f"ratios: {name} is no number among the attributes and features; {suggest(name, numbers)}"
                )
        expression = ratio(numbers[upper].expression, numbers[lower].expression)
        yield Feature(f"{upper}_to_{lower}", f"{upper} over {lower}", numbers[upper].topic, expression)
