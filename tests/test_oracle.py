"""Every feature, recomputed in SQL from the same rows by an independent engine."""

from datetime import datetime, timedelta
from itertools import pairwise

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.aggregates import CATEGORIES, LATEST_TEXTS, WINDOWS
from credit_model.catalogue import Catalogue
from credit_model.decisions import Attribute
from credit_model.features import customer_features
from credit_model.learned_families import PUBLISHED_LEVELS
from credit_model.transactions import tidy_table

AS_OF = datetime(2019, 3, 1, 12)
LEVELS = {"ProductCategory": ("airtime", "retail"), "ChannelId": ("c1", "c2")}
CATALOGUE = Catalogue(100, LEVELS, (Attribute("loan_amount", "number"), Attribute("home", "category")))
DAYS = [days for days in WINDOWS if days < CATALOGUE.history_days]

_KNOWN = """
known as (
  select d.decision, d.as_of, t.*,
         (epoch_us(d.as_of) - epoch_us(t.TransactionStartTime)) / 86400e6 as ago
  from decisions d join (select distinct * from transactions) t on t.CustomerId = d.CustomerId
  where t.TransactionStartTime < d.as_of and t.TransactionStartTime >= d.as_of - interval 100 day
), ranked as (
  select *, row_number() over w as n,
         (epoch_us(TransactionStartTime) - lag(epoch_us(TransactionStartTime)) over w) / 86400e6 as gap,
         sum(Amount) over (w rows unbounded preceding) as balance
  from known window w as (partition by decision order by TransactionStartTime, TransactionId)
), peaked as (
  select *, max(balance) over (partition by decision order by n rows unbounded preceding) as peak,
         lag(Amount < 0) over (partition by decision order by n) as after_credit,
         count(*) over (partition by decision) - n as later
  from ranked
)
"""


def _sql_features() -> dict[str, str]:
    """One SQL expression per feature; ``count(*)`` and its like are over the rows of one decision."""
    last, total, gross = "arg_max({}, n)", "sum(Amount)", "sum(Value)"
    debit, credit = "greatest(Amount, 0)", "greatest(-Amount, 0)"
    clock = {
        "hour": "hour",
        "dayofweek": "isodow",
        "day": "day",
        "month": "month",
        "year": "year",
        "week": "week",
    }
    sql = {name: last.format(name) for name in ("Amount", "Value", "FraudResult", *LATEST_TEXTS)}
    sql |= {
        f"transaction_{part}": last.format(f"date_part('{field}', TransactionStartTime)")
        + ("- 1" if field == "isodow" else "")
        for part, field in clock.items()
    }
    names = {
        "total": "sum",
        "avg": "avg",
        "std": "stddev_samp",
        "min": "min",
        "max": "max",
        "median": "median",
    }
    sql |= {f"{short}_transaction_amount": f"{function}(Amount)" for short, function in names.items()}
    sql |= {
        "transaction_count": "count(*)",
        "recency": "min(ago)",
        "monetary": gross,
        "tenure": "max(ago)",
        "transactions_per_day": "count(*) / max(ago)",
        "active_days": "count(distinct TransactionStartTime::date)",
        "active_day_share": "count(distinct TransactionStartTime::date) / max(ago)",
        "average_value": "avg(Value)",
        "debit": f"sum({debit})",
        "credit": f"sum({credit})",
        "largest_debit": f"max({debit})",
        "largest_credit": f"max({credit})",
        "credit_share": "avg((Amount < 0)::int)",
        "credit_to_debit": f"sum({credit}) / nullif(sum({debit}), 0)",
        "average_debit": f"sum({debit}) / nullif(count(*) filter (Amount >= 0), 0)",
        "average_credit": f"sum({credit}) / nullif(count(*) filter (Amount < 0), 0)",
        "recency_debit": "min(ago) filter (Amount >= 0)",
        "recency_credit": "min(ago) filter (Amount < 0)",
        "balance_lowest": "min(balance)",
        "balance_highest": "max(balance)",
        "drawdown": "max(peak - balance)",
        "balance_share": f"{total} / nullif({gross}, 0)",
        "drawdown_share": f"max(peak - balance) / nullif({gross}, 0)",
        "gap_mean": "avg(gap)",
        "gap_std": "stddev_samp(gap)",
        "gap_max": "max(gap)",
        "latest_gap": "arg_max_null(gap, n)",
        "gap_variation": "stddev_samp(gap) / nullif(avg(gap), 0)",
        "overdue": "min(ago) / nullif(avg(gap), 0)",
        "amount_variation": "stddev_samp(Value) / nullif(avg(Value), 0)",
        "latest_to_average": "arg_max(Value, n) / nullif(avg(Value), 0)",
        "night_share": "avg((hour(TransactionStartTime) >= 22 or hour(TransactionStartTime) < 6)::int)",
        "weekend_share": "avg((isodow(TransactionStartTime) >= 6)::int)",
        "hour_mean": "avg(hour(TransactionStartTime))",
        "hour_std": "stddev_samp(hour(TransactionStartTime))",
        "loan_amount": "any_value(loan_amount)",
        "home": "any_value(home)",
        "loan_amount_to_turnover": f"any_value(loan_amount) / nullif({gross}, 0)",
        "loan_amount_to_largest_credit": f"any_value(loan_amount) / nullif(max({credit}), 0)",
        "loan_amount_to_average": "any_value(loan_amount) / nullif(avg(Value), 0)",
    }
    turns = {"turnaround": "Amount >= 0 and after_credit", "redraw": "Amount < 0 and not after_credit"}
    for turn, taken in turns.items():
        sql |= {f"{turn}_mean": f"avg(gap) filter ({taken})", f"{turn}_max": f"max(gap) filter ({taken})"}
        sql[f"{turn}_latest"] = f"last(gap order by n) filter ({taken})"
    taken = turns["turnaround"]
    sql["turnaround_change"] = f"{sql['turnaround_latest']} / nullif(avg(gap) filter ({taken}), 0)"
    sql["cycles"] = f"count(*) filter ({taken})"
    sql["debit_after_credit"] = "min(ago) filter (Amount < 0) - min(ago) filter (Amount >= 0)"
    for side, is_side in {"debit": "Amount >= 0", "credit": "Amount < 0"}.items():
        latest, first = (f"{which}(abs(Amount) order by n) filter ({is_side})" for which in ("last", "first"))
        sql[f"{side}_growth"] = f"{latest} / nullif({first}, 0)"
        sql[f"latest_to_largest_{side}"] = f"{latest} / nullif(max(abs(Amount)) filter ({is_side}), 0)"
    sql |= {f"distinct_{column}": f"count(distinct {column})" for column in CATEGORIES}
    for measure, whole in {"count": "1", "debit": debit, "credit": credit}.items():
        for days in DAYS:
            recent = f"sum(case when ago <= {days} then {whole} else 0 end)"
            sql |= {
                f"{measure}_{days}d": recent,
                f"{measure}_{days}d_share": f"{recent} / nullif(sum({whole}), 0)",
            }
    for days in (30, 90):
        net, both = (
            f"sum(case when ago <= {days} then {what} else 0 end)" for what in ("Amount", "abs(Amount)")
        )
        sql |= {f"net_{days}d": net, f"net_share_{days}d": f"{net} / nullif({both}, 0)"}
    for short, long in pairwise(DAYS):
        pace = f"count(*) filter (ago <= {short}) * {long} / nullif(count(*) filter (ago <= {long}) * {short}, 0)"
        sql[f"count_{short}d_to_{long}d"] = pace
    for level in {*PUBLISHED_LEVELS, *LEVELS["ProductCategory"]}:
        sql[f"ProductCategory_{level}"] = f"coalesce((arg_max_null(ProductCategory, n) = '{level}')::int, 0)"
    for column, levels in LEVELS.items():
        for level in levels:
            here = f"{column} = '{level}'"
            sql[f"share_{column}_{level}"] = f"count(*) filter ({here}) / count(*)"
            sql[f"value_share_{column}_{level}"] = (
                f"coalesce(sum(Value) filter ({here}), 0) / nullif({gross}, 0)"
            )
            sql[f"recency_{column}_{level}"] = f"min(ago) filter ({here})"
            sql[f"since_{column}_{level}"] = f"min(later) filter ({here})"
    return sql


transaction = st.fixed_dictionaries(
    {
        "CustomerId": st.sampled_from(["a", "b"]),
        "TransactionStartTime": st.integers(-3_000, 130 * 1440).map(lambda m: AS_OF - timedelta(minutes=m)),
        "Amount": st.one_of(
            st.integers(-5_000, 5_000).map(float), st.floats(-1e6, 1e6).map(lambda amount: round(amount, 4))
        ),
        "ProductCategory": st.sampled_from(["airtime", "retail", "tv", None]),
        "ProductId": st.sampled_from(["p1", "p2", None]),
        "ProviderId": st.sampled_from(["v1", None]),
        "ChannelId": st.sampled_from(["c1", "c2", "c3"]),
        "PricingStrategy": st.sampled_from(["1", "2"]),
        "CountryCode": st.just("256"),
        "FraudResult": st.sampled_from([0.0, 1.0]),
    }
)
tables = st.lists(transaction, min_size=1, max_size=25).map(
    lambda rows: pl.DataFrame([row | {"TransactionId": f"t{n:03}"} for n, row in enumerate(rows)])
)


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@settings(deadline=None, max_examples=40)
@given(raw=tables)
def test_features_equal_sql(engine: duckdb.DuckDBPyConnection, raw: pl.DataFrame) -> None:
    tidy = tidy_table(raw)
    decisions = pl.DataFrame(
        {
            "CustomerId": ["a", "b", "a", "nobody"],
            "as_of": [AS_OF, AS_OF, AS_OF - timedelta(days=20), AS_OF],
            "loan_amount": [100.0, None, 7.5, 20.0],
            "home": ["own", "rent", None, "own"],
        }
    )
    found = customer_features(tidy, decisions, CATALOGUE)
    engine.register("transactions", tidy.frame.to_arrow())
    engine.register("decisions", decisions.with_row_index("decision").to_arrow())
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in _sql_features().items())
    columns = columns.replace("arg_max_null(", "max_by(").replace("max_by(gap, n)", "last(gap order by n)")
    columns = columns.replace("max_by(ProductCategory, n)", "last(ProductCategory order by n)")
    columns = columns.replace("arg_max(", "last(").replace(", n)", " order by n)")
    query = f"with {_KNOWN} select p.decision, {columns} from peaked p join decisions using (decision) group by p.decision"
    expected = engine.sql(query.replace("as_of, t.*", "as_of as moment, t.*")).pl()
    assert set(expected.columns) - {"decision"} == set(found.columns) == set(CATALOGUE.features)
    _assert_equal(found, expected)


def _assert_equal(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    by_decision = {row["decision"]: row for row in expected.to_dicts()}
    for decision, row in enumerate(found.to_dicts()):
        if decision not in by_decision:
            assert row["transaction_count"] == 0
            continue
        for name, value in row.items():
            oracle = by_decision[decision][name]
            near = (
                pytest.approx(float(oracle), rel=1e-7, abs=1e-6)
                if isinstance(value, float) and oracle is not None
                else oracle
            )
            assert value == near, name
