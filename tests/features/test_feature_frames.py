"""Features of frames: those of the package, in the kind of frame that was given, whatever the cells are."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from credit_model.data.decisions import Attribute
from credit_model.data.transactions import tidy_table
from credit_model.features import plan
from credit_model.features.catalogue import Catalogue
from credit_model.features.frames import customer_features
from credit_model.features.offline_table import HEAD
from credit_model.synthetic import generate

AS_OF = datetime(2019, 2, 1, 3, 4, 5, 678)
CATALOGUE = Catalogue(60, {"ProductCategory": ("airtime", "tv")}, (Attribute("income", "number"),))
RAW = generate.transactions(customers=40, seed=3)


def asked() -> pl.DataFrame:
    """Two decisions of every customer and of a stranger, in no order."""
    customers = [*RAW["CustomerId"].unique().sort(), "nobody"]
    rows = [(who, AS_OF - timedelta(days=age), age * 1.5) for who in customers for age in (0, 9)]
    return pl.DataFrame(rows, schema=["CustomerId", "as_of", "income"], orient="row").sample(
        fraction=1, shuffle=True, seed=1
    )


def test_the_features_are_those_of_the_package() -> None:
    table = customer_features(RAW, asked(), catalogue=CATALOGUE)
    expected = plan.customer_features(tidy_table(RAW), asked(), CATALOGUE)
    assert table.columns == [*HEAD, *CATALOGUE.features]
    assert_frame_equal(table.select(expected.columns), expected)
    assert table["CustomerId"].to_list() == asked()["CustomerId"].to_list()
    assert table["as_of"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ").to_list() == asked()["as_of"].to_list()
    silent = expected["transaction_count"] == 0
    assert table["status"].to_list() == ["no_history" if none else "computed" for none in silent]


def test_pandas_in_is_pandas_out_with_the_rows_of_the_decisions() -> None:
    decisions = asked().to_pandas()
    decisions.index = pd.Index([f"row {place}" for place in range(len(decisions))])
    raw, before = RAW.to_pandas(), decisions.copy()
    table = customer_features(raw, decisions, catalogue=CATALOGUE)
    assert isinstance(table, pd.DataFrame)
    assert table.index.equals(decisions.index)
    assert_frame_equal(pl.from_pandas(table), customer_features(RAW, asked(), catalogue=CATALOGUE))
    pd.testing.assert_frame_equal(decisions, before)
    pd.testing.assert_frame_equal(raw, RAW.to_pandas())


def test_without_decisions_every_customer_is_one() -> None:
    table = customer_features(RAW, as_of=AS_OF, history_days=30)
    customers = RAW["CustomerId"].unique().sort()
    decisions = customers.to_frame().with_columns(as_of=AS_OF)
    assert_frame_equal(table, customer_features(RAW, decisions, history_days=30))


def test_a_moment_given_once_stands_where_a_decision_has_none() -> None:
    decisions = pl.DataFrame({"CustomerId": ["a", "b", "c"], "as_of": [None, "", "2019-01-01"]})
    expected = ["2019-02-01T03:04:05.000678Z"] * 2 + ["2019-01-01T00:00:00.000000Z"]
    for moment in (AS_OF, AS_OF.replace(tzinfo=UTC), "2019-02-01T06:04:05.000678+03:00"):
        assert customer_features(RAW, decisions, as_of=moment)["as_of"].to_list() == expected
    assert customer_features(RAW, decisions)["message"].to_list() == ["as_of: 1 missing"] * 2 + [None]


def test_what_is_at_fault_is_said_and_nothing_raises() -> None:
    day = pd.Timestamp("2019-01-10", tz="Africa/Kampala")
    rows = [
        ("amounts", day, "much", "UGX", 1),
        ("amounts", "2019-01-10", None, "UGX", 2),
        ("times", "soon", 5, "UGX", 1),
        ("currencies", day, 5.5, "UGX", 1),
        ("currencies", "2019-01-10", "5", "KES", 2),
        ("copies", day, 5, None, 1),
        ("copies", day, 6, None, 1),
        ("fine", day, "5", "UGX", 1),
        ("fine", 1547078400, 7, float("nan"), "2"),
        (None, day, 5, "UGX", 1),
        (2**60, day, 5, "UGX", 1),
    ]
    names = ["CustomerId", "TransactionStartTime", "Amount", "CurrencyCode", "TransactionId"]
    transactions = pd.DataFrame(rows, columns=names, dtype=object)
    expected = {
        "amounts": "Amount: 1 missing; Amount: 1 unreadable",
        "times": "TransactionStartTime: 1 unreadable",
        "currencies": "CurrencyCode: 2 different currencies",
        "copies": "TransactionId: 1 with conflicting copies",
        "fine": None,
        None: "CustomerId: 1 missing",
        2**60: "CustomerId: 1 unreadable",
    }
    decisions = pd.DataFrame({"CustomerId": pd.Series(list(expected), dtype=object), "as_of": "2019-02-01"})
    table = pl.from_pandas(customer_features(transactions, decisions))
    assert table["message"].to_list() == list(expected.values())
    features = table.select(list(Catalogue(90).features))
    at_fault = table["status"] == "invalid"
    assert at_fault.to_list() == [message is not None for message in expected.values()]
    assert set(features.filter(at_fault).select(pl.sum_horizontal(pl.all().is_not_null())).to_series()) == {0}
    assert features.filter(~at_fault)["transaction_count"].to_list() == [2]


def test_names_of_ones_own() -> None:
    names = {"CustomerId": "client", "Amount": "paid", "as_of": "when"}
    raw = RAW.rename({ours: theirs for ours, theirs in names.items() if ours in RAW.columns})
    decisions = asked().rename({"CustomerId": "client", "as_of": "when"})
    table = customer_features(raw, decisions, columns=names)
    assert_frame_equal(table, customer_features(RAW, asked()))


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(TypeError, match="the frame of transactions is a list; give a DataFrame of pandas or"):
        customer_features([1], as_of=AS_OF)  # type: ignore[type-var]
    with pytest.raises(
        ValueError, match=r"the frame of transactions lacks the column Amount; did you mean amount\?"
    ):
        customer_features(RAW.rename({"Amount": "amount"}), as_of=AS_OF)
    with pytest.raises(ValueError, match="the frame of decisions lacks the column income"):
        customer_features(RAW, asked().drop("income"), catalogue=CATALOGUE)
    with pytest.raises(ValueError, match="give decisions, or as_of for one of every customer"):
        customer_features(RAW)
    with pytest.raises(ValueError, match="as_of is not a time; give a datetime, or ISO-8601 text"):
        customer_features(RAW, as_of="soon")
    with pytest.raises(ValueError, match="history_days: 0 is not a number of days; give at least 1"):
        customer_features(RAW, as_of=AS_OF, history_days=0)
