"""Both shapes of a request become the same transactions and decisions, and bad input becomes faults."""

from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.decisions import Attribute
from credit_model.data.faults import messages, together
from credit_model.features.history import history
from credit_model.serving.request import Request, UnreadableRequestError, read_request

NOW = datetime(2019, 3, 1)
BASE = {"CustomerId": "a", "TransactionStartTime": "2019-02-01T00:00:00Z", "Amount": 5}


def message(rows: list[dict[str, object]], currency: str | None = None) -> dict[int, str]:
    request = read_request(pd.DataFrame(rows), NOW)
    faults = history(request.transactions, request.decisions.frame, 60, currency).faults
    found = messages(together([request.decisions.faults, faults]))
    return dict(zip(found["decision"], found["message"], strict=True))


rows = st.lists(
    st.fixed_dictionaries(
        {
            "CustomerId": st.sampled_from(["a", "b", "c"]),
            "TransactionStartTime": st.sampled_from(["2019-02-01", "2019-01-15T10:00:00Z", 1549000000]),
            "Amount": st.sampled_from([1, 2.5, "3", -4]),
            "ProductCategory": st.sampled_from(["airtime", None]),
        }
    ),
    min_size=1,
    max_size=12,
)


def as_arrays(flat: pd.DataFrame) -> pd.DataFrame:
    fields = [name for name in flat.columns if name != "CustomerId"]
    return flat.groupby("CustomerId", sort=False)[fields].agg(list).reset_index()


@given(rows=rows)
def test_both_shapes_say_the_same(rows: list[dict[str, object]]) -> None:
    flat = pd.DataFrame(rows).astype(object)
    by_row, by_decision = read_request(flat, NOW), read_request(as_arrays(flat), NOW)
    assert by_row.decisions.frame.equals(by_decision.decisions.frame)

    def ordered(request: Request) -> list[tuple[object, ...]]:
        return request.transactions.frame.sort("decision", maintain_order=True).rows()

    assert ordered(by_row) == ordered(by_decision)


def test_groups_are_in_order_of_first_appearance() -> None:
    flat = pd.DataFrame([BASE | {"CustomerId": name} for name in ["z", "a", "z", "m", "a"]])
    request = read_request(flat, NOW)
    assert request.decisions.frame["CustomerId"].to_list() == ["z", "a", "m"]
    assert request.transactions.frame["decision"].to_list() == [0, 1, 0, 2, 1]


def test_a_rows_moment_beats_the_requests() -> None:
    flat = pd.DataFrame([BASE | {"as_of": moment} for moment in ("2019-02-10", None, "2019-02-10T00:00:00Z")])
    assert read_request(flat, NOW).decisions.frame["as_of"].to_list() == [datetime(2019, 2, 10), NOW]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TransactionStartTime": "x"}, "TransactionStartTime: 1 unreadable"),
        ({"Amount": float("inf")}, "Amount: 1 unreadable"),
        ({"Amount": None}, "Amount: 1 missing"),
        ({"Value": "much"}, "Value: 1 unreadable"),
        ({"CurrencyCode": "KES"}, "CurrencyCode: 2 different currencies"),
        ({"TransactionId": "t0", "Amount": 6}, "TransactionId: 1 with conflicting copies"),
        ({"TransactionId": 2**60}, "TransactionId: 1 unreadable"),
    ],
)
def test_a_bad_row_faults_its_customer_only(change: dict[str, object], said: str) -> None:
    good = BASE | {"TransactionId": "t0", "CurrencyCode": "UGX"}
    other = good | {"CustomerId": "b"}
    assert message([good, good | {"TransactionId": "t1"} | change, other]) == {0: said}


def test_a_customer_without_name() -> None:
    assert message([BASE, BASE | {"CustomerId": None}]) == {1: "CustomerId: 1 missing"}


def test_a_number_that_is_no_name_is_echoed_and_refused() -> None:
    request = read_request(pd.DataFrame([BASE | {"CustomerId": 2**60}]), NOW)
    assert request.decisions.frame["CustomerId"].to_list() == [str(2**60)]
    assert request.decisions.faults["problem"].to_list() == ["unreadable"]


def test_another_currency_than_the_models() -> None:
    assert message([BASE | {"CurrencyCode": "KES"}], "UGX") == {
        0: "CurrencyCode: 1 not in the model's currency"
    }


@pytest.mark.parametrize("when", ["2019-03-01", "2019-03-02", "2018-12-01"])
def test_faults_outside_the_window_do_not_count(when: str) -> None:
    assert message([BASE, BASE | {"TransactionStartTime": when, "Amount": "x"}]) == {}


def test_arrays_of_different_lengths() -> None:
    table = pd.DataFrame(
        {"CustomerId": ["a", "b"], "TransactionStartTime": [["2019-02-01"], []], "Amount": [[1, 2], []]}
    )
    faults = read_request(table, NOW).decisions.faults
    assert faults.rows() == [(0, "Amount", "array of another length than TransactionStartTime", 1)]


def test_numpy_arrays_as_spark_sends_them() -> None:
    times = np.array(["2019-02-01", "2019-02-02"], dtype="datetime64[ns]")
    table = pd.DataFrame(
        {
            "CustomerId": ["a", "b"],
            "TransactionStartTime": [times, times[:0]],
            "Amount": [np.array([1.0, 2]), np.array([])],
        }
    )
    request = read_request(table, NOW, arrays_only=True)
    assert request.transactions.frame["TransactionStartTime"].to_list() == [
        datetime(2019, 2, 1),
        datetime(2019, 2, 2),
    ]
    assert request.decisions.frame.height == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            pd.DataFrame([{"CustomerId": "secret", "Amount": 1}]),
            "lacks the required column TransactionStartTime",
        ),
        (pd.DataFrame(columns=["CustomerId", "TransactionStartTime", "Amount"]), "has no rows; send"),
        (
            pd.DataFrame([{"client": "secret"}]),
            "the columns CustomerId, TransactionStartTime, Amount; send them under",
        ),
        (pd.DataFrame(), "the columns CustomerId, TransactionStartTime, Amount; send them under"),
    ],
)
def test_a_request_that_no_row_can_be_read_from(table: pd.DataFrame, said: str) -> None:
    with pytest.raises(UnreadableRequestError, match=said) as refusal:
        read_request(table, NOW)
    assert "secret" not in str(refusal.value)


def test_raw_rows_are_refused_where_batches_split_customers() -> None:
    with pytest.raises(
        UnreadableRequestError, match="one row per customer, each column collected into an array"
    ):
        read_request(pd.DataFrame([BASE]), NOW, arrays_only=True)


def test_a_model_with_attributes_takes_decisions_without_transactions() -> None:
    income, home = Attribute("income", "number"), Attribute("home", "category")
    table = pd.DataFrame({"CustomerId": [1, 2], "income": ["12.5", "lots"], "home": [None, 3]})
    decisions = read_request(table, NOW, (income, home)).decisions
    assert decisions.frame["income"].to_list() == [12.5, None]
    assert decisions.frame["home"].to_list() == [None, "3"]
    assert decisions.faults.rows() == [(1, "income", "unreadable", 1)]


def test_an_attribute_must_be_one_per_decision() -> None:
    flat = pd.DataFrame([BASE | {"income": 1}, BASE | {"income": 2}])
    faults = read_request(flat, NOW, (Attribute("income", "number"),)).decisions.faults
    assert faults["problem"].to_list() == ["different values in one decision"]


LIST = {"CustomerId": "bad", "TransactionStartTime": "2019-02-01", "Amount": [5]}
WHOLE = {"CustomerId": "w", "TransactionStartTime": ["2019-02-01", "2019-02-02"], "Amount": [5, 6.5]}


@pytest.mark.parametrize(
    ("rows", "customers", "said"),
    [
        ([BASE, LIST], ["a", "bad"], {1: "Amount: 1 unreadable"}),
        ([LIST, BASE, BASE], ["bad", "a"], {0: "Amount: 1 unreadable"}),
        ([BASE, LIST | {"CustomerId": "a"}], ["a"], {0: "Amount: 1 unreadable"}),
        (
            [BASE, LIST | {"TransactionStartTime": ["2019-02-01"], "Amount": 5}],
            ["a", "bad"],
            {1: "TransactionStartTime: 1 unreadable"},
        ),
        ([BASE, WHOLE, BASE, WHOLE], ["a", "w", "w"], {}),
        ([BASE, WHOLE | {"ProductCategory": "tv"}], ["a", "w"], {1: "ProductCategory: 1 not an array"}),
        (
            [BASE, WHOLE, BASE | {"Amount": None, "TransactionStartTime": None}],
            ["a", "w"],
            {0: "Amount: 1 missing; TransactionStartTime: 1 missing"},
        ),
    ],
)
def test_each_row_is_what_it_is_whatever_the_others_are(
    rows: list[dict[str, object]], customers: list[str], said: dict[int, str]
) -> None:
    request = read_request(pd.DataFrame(rows), NOW)
    assert request.decisions.frame["CustomerId"].to_list() == customers
    assert message(rows) == said


@given(rows=rows, bad=st.sampled_from([LIST, WHOLE, LIST | {"CustomerId": "\ud800"}, WHOLE | {"Amount": 5}]))
def test_a_customer_reads_the_same_beside_any_other(
    rows: list[dict[str, object]], bad: dict[str, object]
) -> None:
    def own(request: Request) -> list[tuple[object, ...]]:
        joined = request.transactions.frame.drop("decision").filter(
            pl.col("CustomerId").is_in(["1", "2", "a"])
        )
        return joined.sort("CustomerId", maintain_order=True).rows()

    flat = pd.DataFrame(rows, dtype=object)
    beside = pd.DataFrame([*rows, bad], dtype=object)
    assert own(read_request(beside, NOW)) == own(read_request(flat, NOW))


def test_an_identity_that_utf8_cannot_hold_is_echoed_in_ascii_and_refused() -> None:
    ids = pd.Series(["\ud800", "\udfff", r"\ud800"], dtype=object)
    request = read_request(pd.DataFrame([BASE] * 3).assign(CustomerId=ids), NOW)
    assert request.decisions.frame["CustomerId"].to_list() == [r"\xed\xa0\x80", r"\xed\xbf\xbf", r"\ud800"]
    assert request.decisions.faults.select("decision", "problem").rows() == [
        (0, "unreadable"),
        (1, "unreadable"),
    ]


def test_columns_that_mlflow_packs_into_one_row_are_rows_again() -> None:
    """As it does with ``inputs`` whose columns hold nothing but text."""
    texts = {"CustomerId": ["a", "b"], "TransactionStartTime": ["2019-02-01"] * 2, "Amount": ["5", "6"]}
    packed = read_request(pd.DataFrame({name: [cells] for name, cells in texts.items()}), NOW)
    assert packed.decisions.frame["CustomerId"].to_list() == ["a", "b"]
    assert packed.transactions.frame["Amount"].to_list() == [5.0, 6.0]
    assert packed.decisions.faults.is_empty()
    with pytest.raises(UnreadableRequestError, match="has no rows; send at least one"):
        read_request(pd.DataFrame({name: [[]] for name in texts}), NOW)


def test_one_row_whose_customer_is_a_list_is_invalid() -> None:
    request = read_request(pd.DataFrame([BASE | {"CustomerId": ["a", "b"]}]), NOW)
    assert request.decisions.faults.select("field", "problem").rows() == [("CustomerId", "unreadable")]
