"""The data dictionary tells every feature as the catalogue computes it."""

import polars as pl
import pytest

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.reporting.export.dictionary import dictionary

LEVELS = {"ChannelId": ("promo_30d",), "crossed": ("a+b",)}
CATALOGUE = Catalogue(100, LEVELS, (Attribute("age", "number"), Attribute("home", "category")))


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, object]]:
    table = dictionary(CATALOGUE, frozenset({"recency"}))
    assert table["feature"].to_list() == list(CATALOGUE.features)
    assert not any(table[name].null_count() for name in table.columns)
    return {row["feature"]: row for row in table.to_dicts()}


@pytest.mark.parametrize(
    ("feature", "unit", "window", "definition"),
    [
        ("recency", "days", "last 100 days", "recency"),
        ("count_7d_share", "share, 0 to 1", "last 7 days; last 100 days", None),
        ("debit_month_1", "currency units", "30 to 60 days before the decision", "debit_month_1"),
        ("share_ChannelId_promo_30d", "share, 0 to 1", "last 100 days", None),
        (
            "debit_growth",
            "ratio",
            "last 100 days",
            "(latest_debit / (if (first_debit <> 0) then first_debit))",
        ),
        ("hour_std", "hours", "last 100 days", "hour_std"),
        ("age", "as stated", "the application", "age"),
        ("home", "", "the application", "home"),
        ("ChannelId", "", "last 100 days", "latest_ChannelId"),
    ],
)
def test_what_is_told_of_a_feature(
    rows: dict[str, dict[str, object]], feature: str, unit: str, window: str, definition: str | None
) -> None:
    row = rows[feature]
    assert (row["unit"], row["window"]) == (unit, window)
    assert definition in {None, row["definition"]}


def test_a_feature_is_followed_to_the_columns_of_the_file(rows: dict[str, dict[str, object]]) -> None:
    row = rows["redraw_max"]
    assert row["aggregates"] == "redraw_max = max(redraw)"
    assert "redraw = if (is_credit and shift_and_fill(not is_credit, 1, False)) then gap" in str(
        row["columns"]
    )
    assert "is_credit = (Amount < 0)" in str(row["columns"])


def test_kind_direction_and_use(rows: dict[str, dict[str, object]]) -> None:
    assert {row["direction"] for row in rows.values()} > {"risk rises with it", "risk falls with it"}
    assert [name for name, row in rows.items() if row["used"]] == ["recency"]
    for name, feature in CATALOGUE.features.items():
        assert (rows[name]["direction"] == "risk rises with it") == (feature.direction == 1)
    assert pl.Series([row["kind"] for row in rows.values()]).value_counts().height == 2
