"""The first two layers of the features: columns of a transaction, and aggregates of a decision's transactions.

Units: days for times, the currency's major unit for amounts. ``debit`` is the positive part of ``Amount`` (the customer
pays), ``credit`` the negative part without its sign (the customer is paid).
"""

from collections.abc import Mapping, Sequence

import polars as pl

from credit_model.features.expression import Expression, col, joined, when

WINDOWS, NET_WINDOWS = (7, 30, 60, 90, 180, 365), (30, 90, 180)
CATEGORIES = ("ProductCategory", "ProductId", "ProviderId", "ChannelId", "PricingStrategy")
LATEST_TEXTS = (*CATEGORIES, "CountryCode")
CROSSED = "crossed"  # stands among the columns of categories where levels are learned
CROSSED_PARTS = ("ProductCategory", "ChannelId", "ProductId")
MONTHS, MONTH_DAYS = 6, 30
RECENT_DAYS = 90
_DECAY_DAYS = 60
BALANCE_MIN_WINDOWS, BALANCE_MEAN_WINDOWS = (30, 90, 180), (30, 90)

_TIME = col("TransactionStartTime")
_DAYS = 1 / 86_400_000_000  # multiplied: Polars divides one value by a constant otherwise than many
_AMOUNT, _VALUE, _AGO, _GAP = col("Amount"), col("Value"), col("days_ago"), col("gap")
_IS_CREDIT = col("is_credit")
_SAME = col("decision").eq(col("decision").shift(1))
_BALANCE = col("balance_after")

_ROWS: tuple[dict[str, Expression], ...] = (
    {
        "days_ago": (col("as_of").cast(pl.Int64) - _TIME.cast(pl.Int64)) * _DAYS,
        "debit": _AMOUNT.clip(0),
        "credit": -_AMOUNT.clip(None, 0),
        "is_credit": _AMOUNT < 0,
        "gap": when(_SAME, (_TIME.cast(pl.Int64) - _TIME.cast(pl.Int64).shift(1)) * _DAYS),
        "hour": _TIME.hour().cast(pl.Float64),
        "weekday": _TIME.weekday(),
        "day": _TIME.date(),
        "balance_after": col("opening_balance") - _AMOUNT.cum_sum().over("decision"),
        CROSSED: joined(*map(col, CROSSED_PARTS)),
    },
    {
        "peak": _BALANCE.cum_max().over("decision"),
        "turnaround": when(~_IS_CREDIT & _IS_CREDIT.shift_and_fill(1, False), _GAP),
        "redraw": when(_IS_CREDIT & (~_IS_CREDIT).shift_and_fill(1, False), _GAP),
        "decay": (_AGO * (-1 / _DECAY_DAYS)).exp(),
    },
)


def rows(*, balance_column: bool) -> tuple[dict[str, Expression], ...]:
    """Columns of a transaction, layer upon layer.

    Args:
        balance_column: whether the balance after a transaction is the column ``Balance``; else it is the balance at the
            window's start (``opening_balance``) less the amounts up to the transaction.

    Example:
        >>> list(rows(balance_column=False)[0]["balance_after"].columns())
        ['opening_balance', 'Amount']
        >>> list(rows(balance_column=True)[0]["balance_after"].columns())
        ['Balance']
    """
    first, *others = _ROWS
    return (first | {"balance_after": col("Balance")} if balance_column else first, *others)


def aggregates(history_days: int, levels: Mapping[str, Sequence[str]]) -> dict[str, Expression]:
    """Define every aggregate of a decision's transactions, taken in their total order.

    Args:
        history_days: length of the observation window in days; shorter windows within it, such as the last 30 days, are
            built only where they are shorter than it.
        levels: by categorical column, the levels that are measured one by one.

    Returns:
        The expression of each aggregate, by name; it is evaluated once per decision.

    Example:
        >>> expressions = aggregates(history_days=60, levels={"ProductCategory": ["airtime"]})
        >>> [name for name in expressions if name.startswith("count_")]
        ['count_7d', 'count_30d', 'count_ProductCategory_airtime']
    """
    return (
        _latest()
        | _amounts()
        | _sides()
        | _windows([days for days in WINDOWS if days < history_days])
        | _months(history_days)
        | _sequences()
        | _balances(history_days)
        | _habits()
        | _categories({column: names for column, names in levels.items() if column != CROSSED})
        | _crossed(levels.get(CROSSED, ()), history_days)
    )


def _latest() -> dict[str, Expression]:
    clock = {
        "hour": _TIME.hour(),
        "dayofweek": _TIME.weekday() - 1,
        "day": _TIME.day(),
        "month": _TIME.month(),
        "year": _TIME.year(),
        "week": _TIME.week(),
    }
    fields = ("Amount", "Value", "FraudResult", *LATEST_TEXTS)
    return {f"latest_{name}": col(name).last() for name in fields} | {
        f"transaction_{part}": expression.last().cast(pl.Float64) for part, expression in clock.items()
    }


def _amounts() -> dict[str, Expression]:
    amount = "transaction_amount"
    return {
        "transaction_count": _TIME.len().cast(pl.Float64),
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
        "active_days": col("day").n_unique().cast(pl.Float64),
    }


def _sides() -> dict[str, Expression]:
    columns = {"credits": _IS_CREDIT.sum().cast(pl.Float64)}
    for side, is_side in (("debit", ~_IS_CREDIT), ("credit", _IS_CREDIT)):
        amount = col(side)
        columns |= {
            side: amount.sum(),
            f"largest_{side}": amount.max(),
            f"recency_{side}": when(is_side, _AGO).min(),
            f"latest_{side}": when(is_side, amount).drop_nulls().last(),
            f"first_{side}": when(is_side, amount).drop_nulls().first(),
        }
    return columns


def _windows(windows: Sequence[int]) -> dict[str, Expression]:
    columns = {}
    for days in windows:
        recent = days >= _AGO
        columns[f"count_{days}d"] = recent.sum().cast(pl.Float64)
        columns |= {f"{side}_{days}d": when(recent, col(side), 0).sum() for side in ("debit", "credit")}
    return columns


def months(history_days: int) -> range:
    """Number the 30-day months back from the decision that lie wholly in the observation window, at most six; 0 is the latest.

    Args:
        history_days: length of the observation window, in days.

    Example:
        >>> list(months(100))
        [0, 1, 2]
        >>> list(months(29))
        []
    """
    return range(min(MONTHS, history_days // MONTH_DAYS))


def _months(history_days: int) -> dict[str, Expression]:
    columns: dict[str, Expression] = {}
    for month in months(history_days):
        here = (MONTH_DAYS * month <= _AGO) & (MONTH_DAYS * (month + 1) > _AGO)
        columns |= {f"{side}_month_{month}": when(here, col(side), 0).sum() for side in ("debit", "credit")}
    return columns


def _sequences() -> dict[str, Expression]:
    columns = {
        "gap_mean": _GAP.mean(),
        "gap_std": _GAP.std(),
        "gap_max": _GAP.max(),
        "latest_gap": _GAP.last(),
        "cycles": col("turnaround").count().cast(pl.Float64),
    }
    for turn in ("turnaround", "redraw"):
        columns |= {
            f"{turn}_mean": col(turn).mean(),
            f"{turn}_max": col(turn).max(),
            f"{turn}_latest": col(turn).drop_nulls().last(),
        }
    return columns


def _balances(history_days: int) -> dict[str, Expression]:
    columns = {
        "balance_now": _BALANCE.drop_nulls().last(),
        "balance_mean": _BALANCE.mean(),
        "balance_std": _BALANCE.std(),
        "balance_min": _BALANCE.min(),
        "balance_max": _BALANCE.max(),
        "drawdown": (col("peak") - _BALANCE).max(),
    }
    for days in (days for days in BALANCE_MIN_WINDOWS if days < history_days):
        columns[f"balance_min_{days}d"] = when(days >= _AGO, _BALANCE).min()
    for days in (days for days in BALANCE_MEAN_WINDOWS if days < history_days):
        columns[f"balance_mean_{days}d"] = when(days >= _AGO, _BALANCE).mean()
    return columns


def _habits() -> dict[str, Expression]:
    hour = col("hour")
    distinct = {
        f"distinct_{column}": col(column).drop_nulls().n_unique().cast(pl.Float64) for column in CATEGORIES
    }
    return distinct | {
        "nights": ((hour >= 22) | (hour < 6)).sum().cast(pl.Float64),
        "weekends": (col("weekday") >= 6).sum().cast(pl.Float64),
        "hour_mean": hour.mean(),
        "hour_std": hour.std(),
    }


def _categories(levels: Mapping[str, Sequence[str]]) -> dict[str, Expression]:
    columns = {}
    for column, names in levels.items():
        for level in names:
            here, key = col(column).eq_missing(level), f"{column}_{level}"
            columns[f"count_{key}"] = here.sum().cast(pl.Float64)
            columns[f"value_{key}"] = when(here, _VALUE, 0).sum()
            columns[f"recency_{key}"] = when(here, _AGO).min()
            columns[f"since_{key}"] = (
                _TIME.len().cast(pl.Float64) - 1 - here.arg_true().last().cast(pl.Float64)
            )
    return columns


def _crossed(levels: Sequence[str], history_days: int) -> dict[str, Expression]:
    columns = {"decay": col("decay").sum()} if levels else {}
    for level in levels:
        here, key = col(CROSSED).eq_missing(level), f"{CROSSED}_{level}"
        columns[f"count_{key}"] = here.sum().cast(pl.Float64)
        columns[f"value_{key}"] = when(here, _VALUE, 0).sum()
        columns[f"recency_{key}"] = when(here, _AGO).min()
        columns[f"decay_{key}"] = when(here, col("decay"), 0).sum()
        if history_days > RECENT_DAYS:
            columns[f"count_{RECENT_DAYS}d_{key}"] = (here & (RECENT_DAYS >= _AGO)).sum().cast(pl.Float64)
    return columns
