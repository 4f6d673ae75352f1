"""One meaning per cell, whatever its neighbours are."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.cells import numbers, read, texts, times
from credit_model.data.iso_time import read_iso
from credit_model.serving.fast.cells import plain_texts, plain_times

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.decimals(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=3))])),
    st.dates(),
    st.sampled_from(
        [[1], {"a": 1}, b"x", pd.NA, pd.NaT, np.float64("nan"), np.int64(7), np.datetime64("2019-01-01")]
    ),
    st.sampled_from(
        ["2019-01-01", "2019-01-01T10:00:00Z", " 2019-01-01 10:00:00.25+0300 ", "1e3", "-5.5", "inf"]
    ),
)
readers = st.sampled_from([texts, numbers, times])


@given(cells=st.lists(anything, min_size=1, max_size=8), reader=readers)
def test_a_cell_reads_the_same_alone_and_in_a_column(cells: list[object], reader: object) -> None:
    together = [series.to_list() for series in read(cells, reader)]  # type: ignore[arg-type]
    for place, cell in enumerate(cells):
        alone = [series.to_list()[0] for series in read([cell], reader)]  # type: ignore[arg-type]
        assert alone == [column[place] for column in together]


@given(cells=st.lists(anything, max_size=8), reader=readers)
def test_a_cell_is_read_or_missing_or_unreadable(cells: list[object], reader: object) -> None:
    values, missing, unreadable = read(cells, reader)  # type: ignore[arg-type]
    assert not (missing & unreadable).any()
    assert not (missing & values.is_not_null()).any()
    if reader is not texts:
        assert ((missing | unreadable) == values.is_null()).all()
        assert values.dtype != pl.Float64 or not values.is_nan().any()


MOMENT = datetime(2019, 1, 1, 10)


@pytest.mark.parametrize(
    "cell",
    [
        "2019-01-01T10:00:00Z",
        "2019-01-01T10:00:00",
        "2019-01-01 10:00",
        "2019-01-01T13:00:00+03:00",
        "2019-01-01T13:00:00.000+0300",
        MOMENT,
        MOMENT.replace(tzinfo=UTC),
        pd.Timestamp("2019-01-01T13:00:00", tz="Africa/Kampala"),
        np.datetime64("2019-01-01T10:00:00"),
        1546336800,
        1546336800.0,
    ],
)
def test_every_kind_of_time_is_utc(cell: object) -> None:
    assert read([cell], times)[0].to_list() == [MOMENT]


@pytest.mark.parametrize(
    "cell", ["soon", "2019-02-30", "2019-01-01T25:00:00Z", 1546336800000, True, "1546336800"]
)
def test_what_is_no_time(cell: object) -> None:
    values, missing, unreadable = read([cell], times)
    assert (values[0], missing[0], unreadable[0]) == (None, False, True)


@pytest.mark.parametrize("cell", [1500, 1500.0, "1500", " 1.5e3 ", Decimal("1500.00"), np.int32(1500)])
def test_every_kind_of_number(cell: object) -> None:
    assert read([cell], numbers)[0].to_list() == [1500.0]


@pytest.mark.parametrize("cell", [float("inf"), "inf", "NaN", "1,5", 1e16, True, 10**400, [1]])
def test_what_is_no_number(cell: object) -> None:
    assert read([cell], numbers)[2].to_list() == [True]


@pytest.mark.parametrize(
    ("cell", "text"), [(12, "12"), (12.0, "12"), ("00012", "00012"), (2.5, "2.5"), ("12.0", "12.0")]
)
def test_a_whole_number_prints_without_a_fraction(cell: object, text: str) -> None:
    values, _, unreadable = read([cell], texts)
    assert (values[0], unreadable[0]) == (text, False)


@pytest.mark.parametrize("cell", [2**53 + 1, float(2**60), -(2**53), 1e300])
def test_a_number_beyond_2_53_is_no_identity(cell: object) -> None:
    assert read([cell], texts)[2].to_list() == [True]


@st.composite
def nearly_iso(draw: st.DrawFn) -> str:
    """ISO-8601 text in its forms, with up to three marks changed, put in or left out."""
    marks = list(draw(st.sampled_from(FORMS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(marks) - 1))
        marks[place : place + draw(st.integers(0, 1))] = draw(st.text("0123456789:+-TZz .,", max_size=1))
    return "".join(marks)


FORMS = (
    *(
        "2019-02-13",
        "2019-02-13T10:11",
        "2019-02-13 10:11:12",
        "2019-02-13T10:11:12Z",
        "2019-02-13T10:11:12.5+00:00",
    ),
    *(
        "2019-02-13T10:11:12.123456789-0330",
        "2019-02-13t10:11:12,25z",
        "2019-02-13T10+00:00Z",
        "1899-12-31T23:00:00-02",
    ),
)


@given(text=nearly_iso())
def test_what_python_and_numpy_read_polars_reads_alike(text: str) -> None:
    """In a column Polars also takes months and days of one digit; alone they are no ISO-8601."""
    moment = times(pl.Series([text], dtype=pl.String))[0][0]
    assert read_iso(text) in {None, moment}
    plain = plain_times([text])
    assert plain is None or plain[0].item() == moment


@pytest.mark.parametrize("text", FORMS)
def test_one_moment_in_any_form_is_that_of_a_column(text: str) -> None:
    assert read_iso(text) == times(pl.Series([text]))[0][0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2019-02-13", "2019-02-14"),
        ("2019-02-13T10:11", "2019-02-13 10:12"),
        ("2019-02-13 10:11:12", "2019-02-13 10:11:13"),
        ("2019-02-13T10:11:12.250Z", "2019-02-13T10:11:12.5+00:00"),
        ("2019-02-13", "2019-02-13T00:00:00Z"),
    ],
)
def test_times_in_utc_are_plain_with_and_without_a_time_of_day(first: str, second: str) -> None:
    plain = plain_times([first, second])
    assert plain is not None
    assert plain.tolist() == times(pl.Series([first, second]))[0].to_list()


@pytest.mark.parametrize(
    "odd", ["2019-02-13Z", "2019-02-1x", "2019-02-13T10", "13-02-2019", "2019-02-30", "20190213"]
)
def test_other_times_are_not_plain(odd: str) -> None:
    assert plain_times(["2019-02-13", odd]) is None
    assert plain_times([odd, "2019-02-13"]) is None


def test_one_zone_does_not_stand_for_another() -> None:
    assert plain_times(["2019-02-13T10:11:12+00:00", "2019-02-13T10:11:12+03:00"]) is None


def test_half_a_surrogate_pair_is_no_plain_text() -> None:
    assert plain_texts(["é", "📺", None]) == ["é", "📺", None]
    assert plain_texts(["é", "\ud83d", None]) is None
