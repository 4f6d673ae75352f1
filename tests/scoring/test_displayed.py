"""Numbers as they are shown: what is shown is what is compared."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.scoring.displayed import Style, rounded, rounded_one, shown_as

NUMBERS = st.floats(-1e15, 1e15, allow_subnormal=False)
DECIMALS = st.integers(0, 6)


@given(NUMBERS, DECIMALS)
def test_the_text_is_the_rounded_number(number: float, decimals: int) -> None:
    shown = rounded_one(number, decimals)
    assert float(Style(decimals=decimals).number(shown).replace(",", "")) == shown


@given(NUMBERS, DECIMALS)
def test_one_number_is_rounded_as_many_are(number: float, decimals: int) -> None:
    many = rounded(np.array([number, 1.0]), np.array([decimals, 0]))
    assert many[0].tobytes() == np.float64(rounded_one(number, decimals)).tobytes()


@given(st.lists(NUMBERS, min_size=2, max_size=20), DECIMALS)
def test_what_is_greater_is_never_shown_as_less(numbers: list[float], decimals: int) -> None:
    assert (np.diff(rounded(np.sort(numbers), decimals)) >= 0).all()


@given(NUMBERS)
def test_no_digit_before_the_point_is_lost(number: float) -> None:
    assert abs(rounded_one(number, 6) - number) <= 0.5
    assert abs(rounded_one(number, 6) - number) <= max(abs(number) * 5.1e-4, 5e-7)


@given(st.floats(-1e6, 1e6), st.sampled_from([1.0, 100.0]), DECIMALS)
def test_a_bound_is_the_last_number_that_is_shown_as_it(number: float, scale: float, decimals: int) -> None:
    bound = rounded_one(number, decimals)
    for up, way in ((True, np.inf), (False, -np.inf)):
        last = shown_as(np.array([bound]), np.array([scale]), np.array([decimals]), up=up)[0]
        beyond = np.nextafter(last, way)
        assert rounded_one(last * scale, decimals) == bound
        assert rounded_one(beyond * scale, decimals) != bound


def test_no_bound_stays_none() -> None:
    none = np.array([-np.inf, np.inf])
    assert shown_as(none, np.ones(2), np.zeros(2, dtype=np.intp), up=True).tolist() == none.tolist()


@pytest.mark.parametrize(
    ("style", "number", "text"),
    [
        (Style(decimals=1, one="{number} day", many="{number} days"), 1.0, "1 day"),
        (Style(decimals=1, one="{number} day", many="{number} days"), 0.0, "0 days"),
        (Style(decimals=1, many="{number} Tage", decimal=",", thousands="."), 1234.0, "1.234 Tage"),
        (Style(decimals=1, decimal=",", thousands="."), 12.5, "12,5"),
        (Style(decimals=0, names=("no", "yes")), 1.0, "yes"),
        (Style(decimals=2, many="{number} UGX"), -20500.0, "-20,500 UGX"),
        (Style(), 0.0001235, "0.000124"),
    ],
)
def test_a_number_has_its_unit_and_the_marks_of_its_language(style: Style, number: float, text: str) -> None:
    assert style.number(rounded_one(number, style.decimals)) == text


def test_a_range_of_one_number_is_that_number() -> None:
    assert Style(decimals=0).span_of(0.0, 0.0) == "0"
    assert Style(decimals=1, span="{low} bis {high}", decimal=",").span_of(0.5, 2.0) == "0,5 bis 2"


def test_what_is_stored_as_json_is_the_same() -> None:
    style = Style(100.0, 1, "{number} %", "{number} %", "{low} bis {high}", ",", ".", ("a", "b"))
    assert Style.from_dict(json.loads(json.dumps(style.to_dict()))) == style
