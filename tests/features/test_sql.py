"""Every feature, recomputed in SQL from the same rows by an independent engine."""

from datetime import datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle
from credit_model.data.decisions import Attribute
from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.plan import customer_features

AS_OF = datetime(2019, 3, 1, 12)
LEVELS = {
    "ProductCategory": ("airtime", "retail"),
    "ChannelId": ("c1", "c2"),
    "crossed": ("airtime+c1+p1", "tv+c2", "c3"),
}
ATTRIBUTES = (Attribute("loan_amount", "number"), Attribute("home", "category"))
CATALOGUES = [Catalogue(100, LEVELS, ATTRIBUTES, balance_column=column) for column in (False, True)]
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
        "Balance": st.one_of(st.none(), st.integers(-5_000, 5_000).map(float)),
    }
)
tables = st.lists(transaction, min_size=1, max_size=25).map(
    lambda rows: pl.DataFrame(
        [row | {"TransactionId": f"t{n:03}"} for n, row in enumerate(rows)],
        schema_overrides={"Balance": pl.Float64},
    )
)


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=["running sum", "column"])
@settings(deadline=None, max_examples=40)
@given(raw=tables)
def test_features_equal_sql(
    engine: duckdb.DuckDBPyConnection, catalogue: Catalogue, raw: pl.DataFrame
) -> None:
    tidy = tidy_table(raw)
    decisions = pl.DataFrame(
        {
            "CustomerId": ["a", "b", "a", "nobody"],
            "as_of": [AS_OF, AS_OF, AS_OF - timedelta(days=20), AS_OF],
            "loan_amount": [100.0, None, 7.5, 20.0],
            "home": ["own", "rent", None, "own"],
            "opening_balance": [None, 250.5, None, None],
        }
    )
    found = customer_features(tidy, decisions, catalogue)
    engine.register("transactions", tidy.frame.to_arrow())
    engine.register("decisions", decisions.with_row_index("decision").to_arrow())
    rows, columns = oracle.known(catalogue.history_days), oracle.features(catalogue)
    query = oracle.query(rows, columns, balance_column=catalogue.balance_column)
    expected = engine.sql(query).pl()
    assert set(expected.columns) - {"decision"} == set(found.columns) == set(catalogue.features)
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
