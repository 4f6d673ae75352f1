"""What features are written in: columns of a transaction, and aggregates of a decision's transactions."""

from collections.abc import Mapping, Sequence

import polars as pl

WINDOWS, NET_WINDOWS = (7, 30, 60, 90, 180, 365), (30, 90)
CATEGORIES = ("ProductCategory", "ProductId", "ProviderId", "ChannelId", "PricingStrategy")
LATEST_TEXTS = (*CATEGORIES, "CountryCode")

_TIME = pl.col("TransactionStartTime")
_DAYS = 1 / 86_400_000_000  # multiplied: Polars divides one value by a constant otherwise than many
_AMOUNT, _VALUE, _AGO, _GAP = pl.col("Amount"), pl.col("Value"), pl.col("days_ago"), pl.col("gap")
_IS_CREDIT = pl.col("is_credit")
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
    {
        "peak": pl.col("balance").cum_max().over("decision"),
        "turnaround": pl.when(~_IS_CREDIT & _IS_CREDIT.shift(1, fill_value=False)).then(_GAP),
        "redraw": pl.when(_IS_CREDIT & (~_IS_CREDIT).shift(1, fill_value=False)).then(_GAP),
    },
)


def aggregates(history_days: int, levels: Mapping[str, Sequence[str]]) -> dict[str, pl.Expr]:
    """Every aggregate by name, over the rows of one decision in their total order.

    Args:
        history_days: windows as long as this or longer are not built.
        levels: the levels measured one by one, by column.
    """
    return (
        _latest()
        | _amounts()
        | _sides()
        | _windows([days for days in WINDOWS if days < history_days])
        | _sequences()
        | _habits()
        | _categories(levels)
    )


def _latest() -> dict[str, pl.Expr]:
    clock = {
        "hour": _TIME.dt.hour(),
        "dayofweek": _TIME.dt.weekday() - 1,
        "day": _TIME.dt.day(),
        "month": _TIME.dt.month(),
        "year": _TIME.dt.year(),
        "week": _TIME.dt.week(),
    }
    fields = ("Amount", "Value", "FraudResult", *LATEST_TEXTS)
    return {f"latest_{name}": pl.col(name).last() for name in fields} | {
        f"transaction_{part}": expression.last().cast(pl.Float64) for part, expression in clock.items()
    }


def _amounts() -> dict[str, pl.Expr]:
    amount = "transaction_amount"
    return {
        "transaction_count": pl.len().cast(pl.Float64),
        f"total_{amount}": _AMOUNT.sum(),
        f"avg_{amount}": _AMOUNT.mean(),
        f"std_{amount}": _AMOUNT.std(),
        f"min_{amount}": _AMOUNT.min(),
        f"max_{amount}": _AMOUNT.max(),
        f"median_{amount}": _AMOUNT.median(),
        "recency": _AGO.min(),
        "tenure": _AGO.max(),
        "monetary": _VALUE.sum(),
        "value_std": _VALUE.std(),
        "active_days": pl.col("day").n_unique().cast(pl.Float64),
    }


def _sides() -> dict[str, pl.Expr]:
    found = {"credits": _IS_CREDIT.sum().cast(pl.Float64)}
    for side, is_side in (("debit", ~_IS_CREDIT), ("credit", _IS_CREDIT)):
        amount = pl.col(side)
        found |= {
            side: amount.sum(),
            f"largest_{side}": amount.max(),
            f"recency_{side}": pl.when(is_side).then(_AGO).min(),
            f"latest_{side}": pl.when(is_side).then(amount).drop_nulls().last(),
            f"first_{side}": pl.when(is_side).then(amount).drop_nulls().first(),
        }
    return found


def _windows(windows: Sequence[int]) -> dict[str, pl.Expr]:
    found = {}
    for days in windows:
        recent = days >= _AGO
        found[f"count_{days}d"] = recent.sum().cast(pl.Float64)
        found |= {
            f"{side}_{days}d": pl.when(recent).then(pl.col(side)).otherwise(0).sum()
            for side in ("debit", "credit")
        }
    return found


def _sequences() -> dict[str, pl.Expr]:
    found = {
        "balance_lowest": pl.col("balance").min(),
        "balance_highest": pl.col("balance").max(),
        "drawdown": (pl.col("peak") - pl.col("balance")).max(),
        "gap_mean": _GAP.mean(),
        "gap_std": _GAP.std(),
        "gap_max": _GAP.max(),
        "latest_gap": _GAP.last(),
        "cycles": pl.col("turnaround").count().cast(pl.Float64),
    }
    for turn in ("turnaround", "redraw"):
        found |= {
            f"{turn}_mean": pl.col(turn).mean(),
            f"{turn}_max": pl.col(turn).max(),
            f"{turn}_latest": pl.col(turn).drop_nulls().last(),
        }
    return found


def _habits() -> dict[str, pl.Expr]:
    hour = pl.col("hour")
    distinct = {
        f"distinct_{column}": pl.col(column).drop_nulls().n_unique().cast(pl.Float64) for column in CATEGORIES
    }
    return distinct | {
        "nights": ((hour >= 22) | (hour < 6)).sum().cast(pl.Float64),
        "weekends": (pl.col("weekday") >= 6).sum().cast(pl.Float64),
        "hour_mean": hour.mean(),
        "hour_std": hour.std(),
    }


def _categories(levels: Mapping[str, Sequence[str]]) -> dict[str, pl.Expr]:
    found = {}
    for column, names in levels.items():
        for level in names:
            here, key = pl.col(column).eq_missing(pl.lit(level)), f"{column}_{level}"
            found[f"count_{key}"] = here.sum().cast(pl.Float64)
            found[f"value_{key}"] = pl.when(here).then(_VALUE).otherwise(0).sum()
            found[f"recency_{key}"] = pl.when(here).then(_AGO).min()
            found[f"since_{key}"] = pl.len().cast(pl.Float64) - 1 - here.arg_true().last().cast(pl.Float64)
    return found
