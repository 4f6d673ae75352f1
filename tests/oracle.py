"""Every feature in SQL: the oracle of the features' tests, and what the benchmarks measure them against."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from credit_model.features.aggregates import (
    BALANCE_MEAN_WINDOWS,
    BALANCE_MIN_WINDOWS,
    CATEGORIES,
    CROSSED,
    CROSSED_PARTS,
    LATEST_TEXTS,
    NET_WINDOWS,
    WINDOWS,
)
from credit_model.features.catalogue import Catalogue
from credit_model.features.learned import PUBLISHED_LEVELS

_DEBIT, _CREDIT, _GROSS = "greatest(Amount, 0)", "greatest(-Amount, 0)", "sum(Value)"
_TURNS = {"turnaround": "Amount >= 0 and after_credit", "redraw": "Amount < 0 and not after_credit"}


def known(history_days: int) -> str:
    """A query of the rows that count for each row of ``decisions``, and of the ``opening`` balance before them.

    ``decisions`` have ``decision``, ``CustomerId``, ``as_of``, ``opening_balance`` and attributes.
    """
    return f"""
      with sent as (select distinct * from transactions), paired as (
        select d.* exclude (CustomerId), t.*,
               t.TransactionStartTime >= d.as_of - interval {history_days} day as inside
        from decisions d join sent t on t.CustomerId = d.CustomerId where t.TransactionStartTime < d.as_of
      )
      select *, coalesce(opening_balance, 0 - sum(case when inside then 0 else Amount end) over (partition by decision))
        as opening
      from paired qualify inside
    """


def query(rows: str, columns: Mapping[str, str], *, balance_column: bool = False) -> str:
    """A query of one row per ``decision`` of a query of rows, such as ``known``; columns are SQL by name."""
    balance = "Balance" if balance_column else "opening - sum(Amount) over (w rows unbounded preceding)"
    named = ", ".join(f'{sql} as "{name}"' for name, sql in columns.items())
    return f"""
      with known as ({rows}), ranked as (
        select *, (epoch_us(as_of) - epoch_us(TransactionStartTime)) / 86400e6 as ago, row_number() over w as n,
               (epoch_us(TransactionStartTime) - lag(epoch_us(TransactionStartTime)) over w) / 86400e6 as gap,
               {balance} as balance_after, lag(Amount < 0) over w as after_credit
        from known window w as (partition by decision order by TransactionStartTime, TransactionId)
      ), peaked as (
        select *, max(balance_after) over (partition by decision order by n rows unbounded preceding) as peak,
               count(*) over (partition by decision) - n as later
        from ranked
      )
      select decision, {named} from peaked group by decision
    """


def features(catalogue: Catalogue) -> dict[str, str]:
    """One SQL expression per feature of a catalogue; ``count(*)`` and its like are over the rows of one decision."""
    return dict(_features(catalogue))


def amounts() -> dict[str, str]:
    """The seven aggregates of the amount."""
    functions = {
        "total": "sum",
        "avg": "avg",
        "std": "stddev_samp",
        "min": "min",
        "max": "max",
        "median": "median",
    }
    named = {f"{short}_transaction_amount": f"{function}(Amount)" for short, function in functions.items()}
    return named | {"transaction_count": "count(*)"}


def _features(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    yield from _latest().items()
    yield from amounts().items()
    yield from _whole_window().items()
    yield from _sequences().items()
    yield from _balances(catalogue.history_days)
    yield from _cycles()
    yield from _windows([days for days in WINDOWS if days < catalogue.history_days])
    yield from _months(catalogue.history_days)
    yield from _levels({column: names for column, names in catalogue.levels.items() if column != CROSSED})
    yield from _crossed(catalogue.levels.get(CROSSED, ()), catalogue.history_days)
    yield from _application([attribute.name for attribute in catalogue.attributes])
    numbers = [attribute.name for attribute in catalogue.attributes if attribute.kind == "number"]
    yield from _over(numbers, catalogue.history_days)


def _latest() -> dict[str, str]:
    clock = {
        "hour": "hour",
        "dayofweek": "isodow",
        "day": "day",
        "month": "month",
        "year": "year",
        "week": "week",
    }
    last = "arg_max_null({}, n)"
    values = {name: last.format(name) for name in ("Amount", "Value", "FraudResult", *LATEST_TEXTS)}
    return values | {
        f"transaction_{part}": last.format(f"date_part('{field}', TransactionStartTime)")
        + ("- 1" if field == "isodow" else "")
        for part, field in clock.items()
    }


def _whole_window() -> dict[str, str]:
    return {
        "recency": "min(ago)",
        "monetary": _GROSS,
        "tenure": "max(ago)",
        "transactions_per_day": "count(*) / max(ago)",
        "active_days": "count(distinct TransactionStartTime::date)",
        "active_day_share": "count(distinct TransactionStartTime::date) / max(ago)",
        "average_value": "avg(Value)",
        "debit": f"sum({_DEBIT})",
        "credit": f"sum({_CREDIT})",
        "largest_debit": f"max({_DEBIT})",
        "largest_credit": f"max({_CREDIT})",
        "credit_share": "avg((Amount < 0)::int)",
        "credit_to_debit": f"sum({_CREDIT}) / nullif(sum({_DEBIT}), 0)",
        "average_debit": f"sum({_DEBIT}) / nullif(count(*) filter (Amount >= 0), 0)",
        "average_credit": f"sum({_CREDIT}) / nullif(count(*) filter (Amount < 0), 0)",
        "recency_debit": "min(ago) filter (Amount >= 0)",
        "recency_credit": "min(ago) filter (Amount < 0)",
        "amount_variation": "stddev_samp(Value) / nullif(avg(Value), 0)",
        "latest_to_average": "arg_max_null(Value, n) / nullif(avg(Value), 0)",
        "night_share": "avg((hour(TransactionStartTime) >= 22 or hour(TransactionStartTime) < 6)::int)",
        "weekend_share": "avg((isodow(TransactionStartTime) >= 6)::int)",
        "hour_mean": "avg(hour(TransactionStartTime))",
        "hour_std": "stddev_samp(hour(TransactionStartTime))",
    } | {f"distinct_{column}": f"count(distinct {column})" for column in CATEGORIES}


def _sequences() -> dict[str, str]:
    return {
        "gap_mean": "avg(gap)",
        "gap_std": "stddev_samp(gap)",
        "gap_max": "max(gap)",
        "latest_gap": "arg_max_null(gap, n)",
        "gap_variation": "stddev_samp(gap) / nullif(avg(gap), 0)",
        "overdue": "min(ago) / case when avg(gap) < 1 then 1 else avg(gap) end",
    }


def _balances(history_days: int) -> Iterator[tuple[str, str]]:
    now, inflow = "arg_max(balance_after, n)", f"nullif(sum({_CREDIT}) * 30 / greatest(max(ago), 30), 0)"
    functions = {"mean": "avg", "std": "stddev_samp", "min": "min", "max": "max"}
    yield "balance_now", now
    yield from ((f"balance_{short}", f"{function}(balance_after)") for short, function in functions.items())
    for short, windows in (("min", BALANCE_MIN_WINDOWS), ("mean", BALANCE_MEAN_WINDOWS)):
        for days in (each for each in windows if each < history_days):
            yield f"balance_{short}_{days}d", f"{functions[short]}(balance_after) filter (ago <= {days})"
    yield "balance_now_to_inflow", f"{now} / {inflow}"
    yield "balance_mean_to_inflow", f"avg(balance_after) / {inflow}"
    if history_days > 90:
        yield "balance_min_90d_to_inflow", f"min(balance_after) filter (ago <= 90) / {inflow}"
    yield "balance_variation", "stddev_samp(balance_after) / nullif(avg(balance_after), 0)"
    yield "drawdown", "max(peak - balance_after)"
    yield "drawdown_share", f"max(peak - balance_after) / nullif({_GROSS}, 0)"


def _cycles() -> Iterator[tuple[str, str]]:
    for turn, taken in _TURNS.items():
        yield f"{turn}_mean", f"avg(gap) filter ({taken})"
        yield f"{turn}_max", f"max(gap) filter ({taken})"
        yield f"{turn}_latest", f"arg_max(gap, n) filter ({taken})"
    taken = _TURNS["turnaround"]
    yield "turnaround_change", f"arg_max(gap, n) filter ({taken}) / nullif(avg(gap) filter ({taken}), 0)"
    yield "cycles", f"count(*) filter ({taken})"
    yield "debit_after_credit", "min(ago) filter (Amount < 0) - min(ago) filter (Amount >= 0)"
    for side, is_side in {"debit": "Amount >= 0", "credit": "Amount < 0"}.items():
        latest, first = (f"{which}(abs(Amount), n) filter ({is_side})" for which in ("arg_max", "arg_min"))
        yield f"{side}_growth", f"{latest} / nullif({first}, 0)"
        yield f"latest_to_largest_{side}", f"{latest} / nullif(max(abs(Amount)) filter ({is_side}), 0)"


def _windows(windows: list[int]) -> Iterator[tuple[str, str]]:
    for measure, whole in {"count": "1", "debit": _DEBIT, "credit": _CREDIT}.items():
        for days in windows:
            recent = f"sum(case when ago <= {days} then {whole} else 0 end)"
            yield f"{measure}_{days}d", recent
            yield f"{measure}_{days}d_share", f"{recent} / nullif(sum({whole}), 0)"
    for days in (each for each in NET_WINDOWS if each in windows):
        net, both = (
            f"sum(case when ago <= {days} then {what} else 0 end)" for what in ("Amount", "abs(Amount)")
        )
        yield f"net_{days}d", net
        yield f"net_share_{days}d", f"{net} / nullif({both}, 0)"
        yield f"gross_{days}d", both
    for short, long in pairwise(windows):
        pace = f"count(*) filter (ago <= {short}) * {long} / nullif(count(*) filter (ago <= {long}) * {short}, 0)"
        yield f"count_{short}d_to_{long}d", pace


def _month(side: str, month: int) -> str:
    return f"sum(case when ago >= {30 * month} and ago < {30 * month + 30} then {side} else 0 end)"


def _months(history_days: int) -> Iterator[tuple[str, str]]:
    last = min(6, history_days // 30) - 1
    for month in range(last + 1):
        debit, credit = (_month(side, month) for side in (_DEBIT, _CREDIT))
        yield f"credit_to_debit_month_{month}", f"{credit} / nullif({debit}, 0)"
        if month:
            yield f"debit_month_{month}", debit
            yield f"credit_month_{month}", credit
        if month < last:
            yield f"debit_month_{month}_to_{month + 1}", f"{debit} / nullif({_month(_DEBIT, month + 1)}, 0)"
            yield (
                f"credit_month_{month}_to_{month + 1}",
                f"{credit} / nullif({_month(_CREDIT, month + 1)}, 0)",
            )


def _crossed(levels: Iterable[str], history_days: int) -> Iterator[tuple[str, str]]:
    for level in levels:
        key, here = f"crossed_{level}", f"concat_ws('+', {', '.join(CROSSED_PARTS)}) = '{level}'"
        yield f"count_{key}", f"count(*) filter ({here})"
        yield f"share_{key}", f"count(*) filter ({here}) / count(*)"
        yield f"average_value_{key}", f"avg(Value) filter ({here})"
        yield f"recency_{key}", f"min(ago) filter ({here})"
        yield f"recent_share_{key}", f"coalesce(sum(exp(-ago / 60)) filter ({here}), 0) / sum(exp(-ago / 60))"
        if history_days > 90:
            yield f"count_90d_{key}", f"count(*) filter ({here} and ago <= 90)"


def _over(numbers: list[str], history_days: int) -> Iterator[tuple[str, str]]:
    sums = {"turnover": _GROSS, "net": "sum(Amount)"} | {
        name: sql for name, sql in _balances(history_days) if name in {"balance_now", "balance_min"}
    }
    if history_days > 90:
        sums["gross_90d"] = "sum(case when ago <= 90 then abs(Amount) else 0 end)"
    for month in range(min(3, history_days // 30)):
        sums |= {
            f"debit_month_{month}": _month(_DEBIT, month),
            f"credit_month_{month}": _month(_CREDIT, month),
        }
    for number in numbers:
        for name, total in sums.items():
            yield f"{name}_to_{number}", f"{total} / nullif(any_value({number}), 0)"


def _levels(levels: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    for level in {*PUBLISHED_LEVELS, *levels.get("ProductCategory", ())}:
        latest = f"(arg_max_null(ProductCategory, n) = '{level}')::int"
        yield f"ProductCategory_{level}", f"coalesce({latest}, 0)"
    for column, level in ((column, level) for column, names in levels.items() for level in names):
        key, here = f"{column}_{level}", f"{column} = '{level}'"
        yield f"share_{key}", f"count(*) filter ({here}) / count(*)"
        yield f"value_share_{key}", f"coalesce(sum(Value) filter ({here}), 0) / nullif({_GROSS}, 0)"
        if column in {"ProductCategory", "ChannelId"}:
            yield f"average_value_{key}", f"avg(Value) filter ({here})"
        yield f"recency_{key}", f"min(ago) filter ({here})"
        yield f"since_{key}", f"min(later) filter ({here})"


def _application(names: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((name, f"any_value({name})") for name in names)
    if "loan_amount" in names:
        turnover = {"turnover": _GROSS, "largest_credit": f"max({_CREDIT})", "average": "avg(Value)"}
        for name, whole in turnover.items():
            yield f"loan_amount_to_{name}", f"any_value(loan_amount) / nullif({whole}, 0)"
