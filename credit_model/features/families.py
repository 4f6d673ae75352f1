"""The features that need neither learned levels nor application attributes, family by family."""

from collections.abc import Iterator
from itertools import chain, pairwise

from credit_model.features.aggregates import (
    BALANCE_MEAN_WINDOWS,
    BALANCE_MIN_WINDOWS,
    CATEGORIES,
    LATEST_TEXTS,
    MONTH_DAYS,
    NET_WINDOWS,
    WINDOWS,
    months,
)
from credit_model.features.expression import col, when
from credit_model.features.feature import Feature, ratio


def general(history_days: int) -> Iterator[Feature]:
    """Define every feature that needs neither learned levels nor application attributes.

    Args:
        history_days: length of the observation window in days; features of shorter windows within it, such as the last
            30 days, are built only where those are shorter than it.

    Example:
        >>> features = {feature.name: feature for feature in general(history_days=60)}
        >>> features["overdue"].meaning, features["overdue"].direction
        ('days since the last transaction over the mean gap, which counts as at least one day', 1)
        >>> "net_30d" in features, "net_90d" in features
        (True, False)
    """
    return chain(
        *(_published(), _rfm(), _windows(history_days), _months(history_days), _debits_and_credits()),
        *(_balance(history_days), _cycles(), _regularity(), _habits()),
    )


def _published() -> Iterator[Feature]:
    """The 26 inputs of the published pipelines, and the latest transaction's other fields."""
    for name in ("Amount", "Value", "FraudResult"):
        meaning = f"{name} of the latest transaction"
        topic = "latest" if name == "FraudResult" else "latest amount"
        yield Feature(name, meaning, topic, col(f"latest_{name}"), default=name != "FraudResult")
    for name in LATEST_TEXTS:
        yield Feature(name, f"{name} of the latest transaction", "latest", col(f"latest_{name}"))
    calendar = {"hour": "hour of the day, 0-23", "dayofweek": "day of the week, Monday is 0"}
    date = {"day": "day of the month", "month": "month, 1-12", "year": "year", "week": "ISO week of the year"}
    for part, meaning in (calendar | date).items():
        name = f"transaction_{part}"
        yield Feature(
            name, f"{meaning}, of the latest transaction", "latest time", col(name), default=part in calendar
        )
    statistics = {
        "total": "sum",
        "avg": "mean",
        "std": "standard deviation",
        "min": "smallest",
        "max": "largest",
    }
    for short, meaning in (statistics | {"median": "median"}).items():
        name, topic = f"{short}_transaction_amount", "net" if short == "total" else "amount"
        yield Feature(name, f"{meaning} of the signed amounts, in currency units", topic, col(name))
    meaning = "number of transactions in the observation window (frequency)"
    yield Feature("transaction_count", meaning, "frequency", col("transaction_count"), -1)


def _rfm() -> Iterator[Feature]:
    yield Feature("recency", "days from the last transaction to the decision", "recency", col("recency"), 1)
    yield Feature("monetary", "sum of Value, in currency units", "spending", col("monetary"))
    yield Feature(
        "tenure",
        "days from the first transaction in the window to the decision",
        "tenure",
        col("tenure"),
        -1,
    )
    pace = ratio(col("transaction_count"), col("tenure"))
    yield Feature("transactions_per_day", "transactions a day since the first one", "frequency", pace)
    yield Feature("active_days", "distinct days with a transaction", "frequency", col("active_days"), -1)
    yield Feature(
        "active_day_share",
        "active days over tenure",
        "regularity",
        ratio(col("active_days"), col("tenure")),
    )
    yield Feature(
        "average_value",
        "mean of Value, in currency units",
        "amount",
        ratio(col("monetary"), col("transaction_count")),
    )


def _windows(history_days: int) -> Iterator[Feature]:
    sums = {"count": "number of transactions", "debit": "sum of debits", "credit": "sum of credits"}
    topics = {"count": "frequency", "debit": "spending", "credit": "credits"}
    trends = {"count": "trend", "debit": "spending trend", "credit": "credit trend"}
    windows = [days for days in WINDOWS if days < history_days]
    for days in windows:
        for measure, meaning in sums.items():
            total = col({"count": "transaction_count"}.get(measure, measure))
            recent = col(f"{measure}_{days}d")
            yield Feature(f"{measure}_{days}d", f"{meaning} in the last {days} days", topics[measure], recent)
            share = f"{meaning} in the last {days} days over that of the whole window"
            yield Feature(f"{measure}_{days}d_share", share, trends[measure], ratio(recent, total))
        if days in NET_WINDOWS:
            out, into = col(f"debit_{days}d"), col(f"credit_{days}d")
            what = f"debits less credits in the last {days} days"
            yield Feature(f"net_{days}d", f"{what}, in currency units", "net", out - into)
            yield Feature(
                f"net_share_{days}d", f"{what}, over both together", "net", ratio(out - into, out + into)
            )
            both = f"debits and credits together in the last {days} days, in currency units"
            yield Feature(f"gross_{days}d", both, "amount", out + into)
    for short, long in pairwise(windows):
        pace = ratio(col(f"count_{short}d") * long, col(f"count_{long}d") * short)
        yield Feature(
            f"count_{short}d_to_{long}d",
            f"transactions a day in {short} days over those in {long}",
            "trend",
            pace,
        )


def _months(history_days: int) -> Iterator[Feature]:
    """Debits and credits month by month, back from the decision; those of the latest month are among the windows."""
    topics = {"debit": ("spending", "spending trend"), "credit": ("credits", "credit trend")}
    span = months(history_days)
    for month in span:
        when = f"{MONTH_DAYS * month} to {MONTH_DAYS * (month + 1)} days before the decision"
        for side, (topic, trend) in topics.items():
            meaning = f"sum of {side}s {when}"
            if month:
                yield Feature(
                    f"{side}_month_{month}",
                    f"{meaning}, in currency units",
                    topic,
                    col(f"{side}_month_{month}"),
                )
            if month + 1 in span:
                pace = ratio(col(f"{side}_month_{month}"), col(f"{side}_month_{month + 1}"))
                yield Feature(
                    f"{side}_month_{month}_to_{month + 1}",
                    f"{meaning} over that of the {MONTH_DAYS} days before",
                    trend,
                    pace,
                )
        both = ratio(col(f"credit_month_{month}"), col(f"debit_month_{month}"))
        yield Feature(
            f"credit_to_debit_month_{month}", f"sum of credits over sum of debits {when}", "net", both
        )


def _debits_and_credits() -> Iterator[Feature]:
    count, credits_ = col("transaction_count"), col("credits")
    for side, total, size in (("debit", "spending", "amount"), ("credit", "credits", "credits")):
        yield Feature(side, f"sum of {side}s, in currency units", total, col(side))
        yield Feature(f"largest_{side}", f"largest {side}, in currency units", size, col(f"largest_{side}"))
    yield Feature(
        "credit_share", "share of the transactions that are credits", "credits", ratio(credits_, count)
    )
    yield Feature(
        "credit_to_debit",
        "sum of credits over sum of debits",
        "net",
        ratio(col("credit"), col("debit")),
    )
    yield Feature(
        "average_debit", "mean debit, in currency units", "amount", ratio(col("debit"), count - credits_)
    )
    yield Feature(
        "average_credit", "mean credit, in currency units", "credits", ratio(col("credit"), credits_)
    )
    for side in ("debit", "credit"):
        yield Feature(f"recency_{side}", f"days since the last {side}", "recency", col(f"recency_{side}"))


_INFLOW_DAYS = 30.0  # credits are stated for so many, and spread over no fewer


def _balance(history_days: int) -> Iterator[Feature]:
    """The account's balance after each transaction, in the customer's favour."""
    for name, meaning in _balance_statistics(history_days).items():
        yield Feature(name, f"{meaning}, in currency units", "balance", col(name))
    days = when(col("tenure") > _INFLOW_DAYS, col("tenure"), _INFLOW_DAYS)
    over_inflow = {"now": "balance after the latest transaction", "mean": "mean balance"}
    if history_days > 90:
        over_inflow["min_90d"] = "lowest balance of the last 90 days"
    for name, meaning in over_inflow.items():
        share = ratio(col(f"balance_{name}") * days, col("credit") * _INFLOW_DAYS)
        yield Feature(
            f"balance_{name}_to_inflow",
            f"{meaning} over the credits of 30 days (of the window, spread over its tenure or 30 days)",
            "balance",
            share,
        )
    variation = ratio(col("balance_std"), col("balance_mean"))
    yield Feature(
        "balance_variation", "standard deviation of the balance over its mean", "balance", variation
    )
    share = ratio(col("drawdown"), col("monetary"))
    yield Feature("drawdown_share", "drawdown over gross turnover", "balance", share)


def _balance_statistics(history_days: int) -> dict[str, str]:
    known = {
        "balance_now": "balance after the latest transaction",
        "balance_mean": "mean balance after each transaction",
        "balance_std": "standard deviation of the balance",
        "balance_min": "lowest balance",
        "balance_max": "highest balance",
    }
    lowest = {f"balance_min_{days}d": ("lowest", days) for days in BALANCE_MIN_WINDOWS}
    mean = {f"balance_mean_{days}d": ("mean", days) for days in BALANCE_MEAN_WINDOWS}
    for name, (statistic, days) in (lowest | mean).items():
        if days < history_days:
            known[name] = f"{statistic} balance of the last {days} days"
    return known | {"drawdown": "largest fall of the balance from a peak"}


def _cycles() -> Iterator[Feature]:
    """Money paid out and paid back in turns, as in a loan: how long each takes, and how it develops."""
    for name, meaning in {"mean": "mean", "max": "longest", "latest": "latest"}.items():
        back, again = f"turnaround_{name}", f"redraw_{name}"
        yield Feature(
            back, f"{meaning} time from a credit to the debit after it, in days", "cycle", col(back)
        )
        yield Feature(
            again, f"{meaning} time from a debit to the credit after it, in days", "cycle", col(again)
        )
    yield Feature(
        "turnaround_change",
        "latest turnaround over the mean one",
        "cycle",
        ratio(col("turnaround_latest"), col("turnaround_mean")),
    )
    yield Feature("cycles", "number of credits with a debit right after them", "cycle", col("cycles"))
    lag = col("recency_credit") - col("recency_debit")
    yield Feature("debit_after_credit", "days from the last credit to the last debit", "cycle", lag)
    for side in ("debit", "credit"):
        growth = ratio(col(f"latest_{side}"), col(f"first_{side}"))
        yield Feature(f"{side}_growth", f"latest {side} over the first one", "growth", growth)
        latest = ratio(col(f"latest_{side}"), col(f"largest_{side}"))
        yield Feature(f"latest_to_largest_{side}", f"latest {side} over the largest one", "growth", latest)


_LEAST_GAP = 1.0  # days: gaps of minutes would make every ratio to them large


def _regularity() -> Iterator[Feature]:
    gap = col("gap_mean")
    for name, meaning in {"mean": "mean", "std": "standard deviation of the", "max": "longest"}.items():
        yield Feature(
            f"gap_{name}", f"{meaning} gap between transactions, in days", "regularity", col(f"gap_{name}")
        )
    yield Feature("latest_gap", "days between the last two transactions", "regularity", col("latest_gap"))
    yield Feature(
        "gap_variation",
        "standard deviation of the gaps over their mean",
        "regularity",
        ratio(col("gap_std"), gap),
    )
    yield Feature(
        "overdue",
        "days since the last transaction over the mean gap, which counts as at least one day",
        "recency",
        ratio(col("recency"), gap.clip(_LEAST_GAP)),
        1,
    )
    yield Feature(
        "amount_variation",
        "standard deviation of Value over its mean",
        "amount",
        ratio(col("value_std") * col("transaction_count"), col("monetary")),
    )
    latest = ratio(col("latest_Value") * col("transaction_count"), col("monetary"))
    yield Feature(
        "latest_to_average", "Value of the latest transaction over the mean Value", "latest amount", latest
    )


def _habits() -> Iterator[Feature]:
    count = col("transaction_count")
    yield Feature(
        "night_share", "share of transactions from 22:00 to 05:59", "timing", ratio(col("nights"), count)
    )
    yield Feature(
        "weekend_share",
        "share of transactions on Saturday and Sunday",
        "timing",
        ratio(col("weekends"), count),
    )
    yield Feature("hour_mean", "mean hour of the day", "timing", col("hour_mean"))
    yield Feature("hour_std", "standard deviation of the hour of the day", "timing", col("hour_std"))
    for column in CATEGORIES:
        yield Feature(
            f"distinct_{column}", f"number of different {column}", "variety", col(f"distinct_{column}")
        )
