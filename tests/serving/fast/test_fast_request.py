"""The short way answers as the long way does, or leaves the request to it."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.decisions import OPENING_BALANCE
from credit_model.data.faults import together
from credit_model.features.history import history
from credit_model.serving.fast.request import Plain, Sight, read_plain
from credit_model.serving.request import UnreadableRequestError, read_request
from programs import COLUMN_PLAN, COLUMN_PROGRAM, EVERYTHING, PLAN, PROGRAM, without_nan

NOW = datetime(2019, 3, 1, 12)
SIGHT, COLUMN_SIGHT = (
    Sight(60, "UGX", EVERYTHING.attributes, frozenset(program.inputs))
    for program in (PROGRAM, COLUMN_PROGRAM)
)
PLAIN = {
    "CustomerId": "C-1",
    "loan_amount": 500.0,
    "income": 1200,
    "hour": "late",
    "TransactionStartTime": ["2019-02-27T10:00:00Z", "2019-02-20T10:00:00Z", "2018-02-20T10:00:00Z"],
    "Amount": [100.0, -5, 7],
}


def whole(number: int) -> str:
    return (NOW - timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


moments = st.integers(-5, 90_000).map(whole)
odd_moments = st.sampled_from(
    [
        "2019-02-20",
        "2019-02-20T10:00:00+02:00",
        "2019-02-20T10:00+00Z",
        "2019-02-30T10:00:00Z",
        "",
        None,
        1.55e9,
    ]
)
numbers = st.one_of(st.integers(-5_000, 5_000), st.floats(-1e6, 1e6))
odd_numbers = st.sampled_from([True, None, "12", "x", float("nan"), 1e300, 2**60, 10**400])
words = st.sampled_from(["airtime", "tv", "movies"])
odd_words = st.sampled_from([None, "", 2, 2.0, 2**53, True])
identities = st.integers(0, 2_000).map(lambda number: f"t{number}")
CELLS = {
    "TransactionStartTime": (moments, odd_moments),
    "Amount": (numbers, odd_numbers),
    "Value": (numbers, odd_numbers),
    "FraudResult": (st.sampled_from([0, 1]), odd_numbers),
    "Balance": (numbers, odd_numbers),
    "TransactionId": (identities, odd_words),
    "ProductCategory": (words, odd_words),
    "ChannelId": (words, odd_words),
    "PricingStrategy": (st.integers(0, 4), odd_words),
    "CurrencyCode": (st.just("UGX"), st.sampled_from(["USD", None, ""])),
    "BatchId": (words, odd_words),
}
WORDS = ("b", "a", "a\uffff", "a\U0001f4b0", "", None)
ALIKE = {
    "TransactionStartTime": ("2019-02-20", "2019-02-27"),
    "Amount": (5.0, -5.0, 0.0, -0.0),
    "Value": (5.0, 7.0),
    "FraudResult": (0, 1),
    "Balance": (3, 4.5),
    "CurrencyCode": ("UGX", None),
    **dict.fromkeys(("ProductCategory", "ProductId", "ProviderId", "ChannelId", "CountryCode"), WORDS),
    "PricingStrategy": (10, 9, -1),
    **dict.fromkeys(("BatchId", "AccountId", "SubscriptionId"), WORDS),
}
SCALARS = {
    "CustomerId": (st.sampled_from(["C-1", 7]), odd_words),
    "as_of": (st.integers(-10_000, 0).map(whole), odd_moments),
    "loan_amount": (numbers, odd_numbers),
    "income": (numbers, odd_numbers),
    "hour": (words, odd_words),
    "opening_balance": (numbers, odd_numbers),
}


@st.composite
def requests(draw: st.DrawFn) -> pd.DataFrame:
    """Requests of one decision, in both shapes; a column or two may be absent, or hold odd cells."""
    height = draw(st.integers(1, 12))
    odd = draw(st.sets(st.sampled_from([*CELLS, *SCALARS]), max_size=1))
    absent = draw(st.sets(st.sampled_from(["as_of", "opening_balance", *list(CELLS)[2:]]), max_size=3))
    columns = {
        name: draw(st.lists(st.one_of(*kinds) if name in odd else kinds[0], min_size=height, max_size=height))
        for name, kinds in CELLS.items()
        if name not in absent
    }
    scalars = {
        name: draw(st.one_of(*kinds) if name in odd else kinds[0])
        for name, kinds in SCALARS.items()
        if name not in absent
    }
    if draw(st.booleans()):
        return pd.DataFrame([scalars | columns])
    return pd.DataFrame(columns | {name: [cell] * height for name, cell in scalars.items()}, dtype=object)


def short(table: pd.DataFrame) -> Plain | None:
    return read_plain(table, NOW, SIGHT)


def same_as_the_long_way(table: pd.DataFrame, plain: Plain, *, column: bool = False) -> None:
    request = read_request(table, NOW, EVERYTHING.attributes + (() if column else (OPENING_BALANCE,)))
    days, plan, program = (
        SIGHT.history_days,
        *((COLUMN_PLAN, COLUMN_PROGRAM) if column else (PLAN, PROGRAM)),
    )
    known = history(
        request.transactions, request.decisions.frame, days, SIGHT.currency, opening=plan.needs_opening
    )
    assert together([request.decisions.faults, known.faults]).is_empty()
    expected = plan.compute(known.frame, request.decisions.frame).row(0, named=True)
    features = {name: without_nan(value) for name, value in program.run(plain.given).items()}
    assert features == expected
    if not column:
        assert plain.opening_stated == (request.decisions.frame["opening_balance"].null_count() == 0)
    assert (plain.customer, plain.as_of) == request.decisions.frame.select("CustomerId", "as_of").row(0)
    assert plain.count == known.frame.height


@given(table=requests())
def test_what_is_plain_means_what_it_means_the_long_way(table: pd.DataFrame) -> None:
    plain = short(table)
    if plain is not None:
        same_as_the_long_way(table, plain)
    plain = read_plain(table, NOW, COLUMN_SIGHT)
    if plain is not None:
        same_as_the_long_way(table, plain, column=True)


@st.composite
def tied(draw: st.DrawFn) -> pd.DataFrame:
    """Requests whose transactions differ in little, or not at all."""
    height = draw(st.integers(2, 12))
    absent = draw(st.sets(st.sampled_from(["TransactionId", *list(ALIKE)[2:]]), max_size=12))
    columns = {
        name: draw(st.lists(st.sampled_from(cells), min_size=height, max_size=height))
        for name, cells in ALIKE.items()
        if name not in absent
    }
    if "TransactionId" not in absent:
        known = draw(st.permutations(range(height)))
        columns["TransactionId"] = [f"t{number}" if number % 2 else None for number in known]
    scalars = {"CustomerId": "C-1", "loan_amount": 500.0, "income": 1200, "hour": "late"}
    if draw(st.booleans()):
        return pd.DataFrame([scalars | columns])
    return pd.DataFrame(columns | {name: [cell] * height for name, cell in scalars.items()}, dtype=object)


@given(table=tied())
def test_tied_transactions_stand_in_the_order_of_the_long_way(table: pd.DataFrame) -> None:
    plain = short(table)
    assert plain is not None
    same_as_the_long_way(table, plain)


@pytest.mark.parametrize("raw", [False, True])
def test_the_usual_request_is_plain(raw: bool) -> None:
    more = {
        "TransactionId": ["b", "a", "c"],
        "ProductCategory": ["tv", None, ""],
        "PricingStrategy": [2, 2, 4],
        "CurrencyCode": ["UGX"] * 3,
        "BatchId": [None] * 3,
    }
    days = {"TransactionStartTime": ["2019-02-27"] * 3, "ProductCategory": ["tv", "télé", "📺"]}
    same = {"TransactionStartTime": ["2019-02-27T10:00:00Z"] * 2 + ["2018-02-20T10:00:00Z"]}
    ends = {"TransactionStartTime": ["2018-12-31T12:00:00Z", "2019-02-01T00:00:00Z", "2019-03-01T12:00:00Z"]}
    for columns in (
        PLAIN,
        PLAIN | ends,
        PLAIN | days,
        PLAIN | {"TransactionStartTime": ["2019-02-27T10:00:00Z"] * 3, "TransactionId": ["b", None, None]},
        PLAIN | more,
        PLAIN | more | same,
        PLAIN | {"as_of": "2019-02-28T00:00:00Z"},
        PLAIN | {"opening_balance": -12},
        PLAIN | {"Balance": [1.5, 2, 3]},
    ):
        table = pd.DataFrame(columns) if raw else pd.DataFrame([columns])
        plain = short(table)
        assert plain is not None
        same_as_the_long_way(table, plain)


@pytest.mark.parametrize(
    "odd",
    [
        {"CustomerId": None},
        {"CustomerId": 2**53},
        {"as_of": "yesterday"},
        {"loan_amount": None},
        {"hour": 1.5},
        {"Amount": [1.0, 2.0]},
        {"Amount": [1.0, None, 2.0]},
        {"Amount": 5.0},
        {"TransactionStartTime": ["2018-02-27T10:00:00Z", "2018-02-20T10:00:00Z", "2017-02-27T10:00:00Z"]},
        {"TransactionId": ["a", "a", "b"]},
        {"CurrencyCode": ["UGX", "UGX", "USD"]},
        {"ProductCategory": [1.5, "tv", "tv"]},
        {"BatchId": ["one"]},
        {"Balance": [1.0, None, 2.0]},
        {"opening_balance": "12"},
        {"ProductCategory": ["tv", "\ud800", "\udc00"]},
    ],
)
def test_what_is_odd_goes_the_long_way(odd: dict[str, object]) -> None:
    assert short(pd.DataFrame([PLAIN | odd])) is None


def test_several_decisions_go_the_long_way() -> None:
    assert short(pd.DataFrame([PLAIN, PLAIN | {"CustomerId": "C-2"}])) is None
    assert short(pd.DataFrame(PLAIN | {"CustomerId": ["C-1", "C-2", "C-1"]})) is None


def test_without_a_required_column_it_is_left_to_say_so() -> None:
    table = pd.DataFrame([PLAIN]).drop(columns="Amount")
    assert short(table) is None
    with pytest.raises(UnreadableRequestError, match="lacks the required column Amount"):
        read_request(table, NOW)
