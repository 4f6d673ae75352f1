"""What is typical of good customers, and what the built-in languages say of every feature."""

import re

import numpy as np
import polars as pl
import pytest

from credit_model.data.decisions import Attribute
from credit_model.features.aggregates import CROSSED
from credit_model.features.catalogue import Catalogue
from credit_model.scoring.displayed import Style
from credit_model.scoring.reasons import Reasons
from credit_model.scoring.sides import HIGH, Input
from credit_model.training.fit_reasons import fit_reasons, typical_of
from credit_model.training.language import BUILT_IN, built_in, texts, units
from credit_model.training.patterns import matches

EVERYTHING = Catalogue(
    366,
    {"ProductCategory": ("late", "{odd} level"), "ChannelId": ("ChannelId_3",), CROSSED: ("airtime+web",)},
    (
        Attribute("loan_amount", "number"),
        Attribute("income", "number"),
        Attribute("total_debt", "number"),
        Attribute("home_ownership", "category"),
    ),
    (("debit", "income"),),
)
NAMES = tuple(EVERYTHING.features)
WHOLE = {"high", "low", "missing", "is", "change"}


def fitted(language: str, *, present: bool, currency: str | None = "UGX") -> Reasons:
    """The reasons of every feature, where good customers typically have a value or typically none."""
    words = texts(EVERYTHING)
    numbers, levels = (
        ([1.0, 2.0, 3.0, None], ["web", "web", "app", None]) if present else ([None, None, 1.0], [None] * 3)
    )
    columns = {
        name: pl.Series(levels, dtype=pl.String) if name in words else pl.Series(numbers, dtype=pl.Float64)
        for name in NAMES
    }
    return fit_reasons(EVERYTHING, NAMES, pl.DataFrame(columns), built_in(language), currency, 0.1)


@pytest.mark.parametrize("language", BUILT_IN)
def test_a_built_in_language_has_a_sentence_for_every_feature_and_side(language: str) -> None:
    templates = built_in(language).templates(EVERYTHING)
    assert {name: templates[name].keys() for name in NAMES} == dict.fromkeys(NAMES, WHOLE)
    for told in (*fitted(language, present=True).inputs, *fitted(language, present=False).inputs):
        assert told.sentences
        for side, parts in told.sentences.items():
            text = "VALUE".join(parts)
            assert re.fullmatch(r"[A-ZÄÖÜV][^\0]+[.!]", text.replace("{odd} level", "late")), text
            assert not re.search(r"[{}]|\s\s|,[,;.]", text.replace("{odd} level", "late")), text
            assert ("VALUE" in text) != (side == "missing") or told.style.names, text


def test_languages_have_the_same_quantities_and_differ() -> None:
    english, german = (fitted(language, present=True) for language in ("en", "de"))
    for one, other in zip(english.inputs, german.inputs, strict=True):
        assert one.sentences.keys() == other.sentences.keys()
        assert all(one.sentences[side] != other.sentences[side] for side in one.sentences), one.feature


def test_every_unit_and_pattern_is_one_of_features() -> None:
    for unit, plain in units().items():
        for pattern in plain["features"]:
            assert matches([pattern], EVERYTHING), (unit, pattern)
    for language in map(built_in, BUILT_IN):
        for layer in language.layers:
            assert all(matches([pattern], EVERYTHING) for pattern in layer)


def test_amounts_are_shown_in_the_currency() -> None:
    money = set(matches(units()["money"]["features"], EVERYTHING))
    meant = {name for name, feature in EVERYTHING.features.items() if "in currency units" in feature.meaning}
    assert meant <= money
    told = {each.feature: each.style for each in fitted("en", present=True).inputs}
    assert all(told[name].number(1200.0) == "1,200 UGX" for name in money)
    unnamed = {each.feature: each.style for each in fitted("en", present=True, currency=None).inputs}
    assert all(unnamed[name].number(1200.0) == "1,200" for name in money)


def test_a_time_below_a_day_is_told_so_unless_the_typical_begins_there() -> None:
    styles = {}
    for low in (0.2, 3.0):
        goods = pl.DataFrame({"recency": [low, 4.0, 5.0]})
        (told,) = fit_reasons(EVERYTHING, ["recency"], goods, built_in("en"), None, 0.1).inputs
        styles[low] = told.style
        assert told.style == Style.from_dict(told.style.to_dict())
    assert [styles[3.0].number(days) for days in (0.0, 0.9, 1.0)] == ["less than a day"] * 2 + ["1 day"]
    assert [styles[0.2].number(days) for days in (0.0, 0.9, 1.0)] == ["0 days", "0.9 days", "1 day"]


def test_a_crossed_level_is_told_as_a_list_and_no_history_with_its_window() -> None:
    said = one(f"share_{CROSSED}_airtime+web").said(HIGH, 400.0)[0]
    assert "of the kind airtime, web; that is more" in said
    assert "in the last 366 days" in fitted("en", present=True).no_history_text
    assert "{" not in fitted("de", present=True).no_history_text


def one(name: str, language: str = "en") -> Input:
    return next(told for told in fitted(language, present=True).inputs if told.feature == name)


@pytest.mark.parametrize(
    ("language", "name", "value", "sentence"),
    [
        (
            "en",
            "recency",
            41.0,
            "You last used the platform 41 days ago; customers in good standing typically did 1 to 3 days ago.",
        ),
        (
            "de",
            "recency",
            41.5,
            (
                "Ihre letzte Transaktion liegt 41,5 Tage zurück; bei Kunden mit guter Zahlungsmoral liegt sie üblicherweise "
                "1 bis 3 Tage zurück."
            ),
        ),
        (
            "en",
            "share_ProductCategory_late",
            400.0,
            (
                "400% of your transactions are recorded with the product category late; that is more than is typical of "
                "customers in good standing (100 to 300%)."
            ),
        ),
        (
            "en",
            "debit_month_1_to_total_debt",
            12.0,
            (
                "The ratio of the money that you paid 30 to 60 days ago to the total debt that you stated is 12; that is more "
                "than is typical of customers in good standing (1 to 3)."
            ),
        ),
        (
            "en",
            "debit_to_income",
            12.0,
            "The ratio of debit to income is 12; that is more than is typical of customers in good standing (1 to 3).",
        ),
    ],
)
def test_a_sentence_names_quantity_direction_value_and_typical(
    language: str, name: str, value: float, sentence: str
) -> None:
    assert one(name, language).said(HIGH, value)[0] == sentence


@pytest.mark.parametrize(
    ("values", "style", "typical"),
    [
        ([0.0, 0.0, 0.0, 0.0, 9.0], Style(decimals=0), (0.0, 0.0)),
        ([3.47, 12.34], Style(), (3.4, 13.0)),
        ([3.47, 12.34], Style(decimals=1), (3.5, 13.0)),  # it is shown as 3.5
        ([-1234.0, 56789.0], Style(decimals=2), (-1300.0, 57000.0)),
        ([0.333, 0.5], Style(scale=100, decimals=1), (33.0, 50.0)),
        ([0.29, 0.57], Style(), (0.29, 0.57)),
        ([7.0, 12.0], Style(decimals=0), (7.0, 12.0)),
    ],
)
def test_the_middle_half_is_rounded_outwards(
    values: list[float], style: Style, typical: tuple[float, float]
) -> None:
    found = typical_of(pl.Series(values), style)
    assert (found.low, found.high) == typical


def test_the_range_holds_the_middle_half() -> None:
    values = pl.Series(np.random.default_rng(1).lognormal(2, 2, 999))
    found = typical_of(values, Style())
    assert found.low is not None
    assert found.high is not None
    assert 0.5 <= values.is_between(found.low, found.high).mean() <= 0.6  # type: ignore[operator]


def test_texts_are_typical_until_they_are_those_of_half_the_customers() -> None:
    levels = pl.Series("x", ["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"])
    assert typical_of(levels, Style()).levels == ("a", "b")
    assert typical_of(levels.head(7), Style()).levels == ("a",)
    many = pl.Series("x", [f"level {number}" for number in range(20)])
    assert len(typical_of(many, Style()).levels or ()) == 3


@pytest.mark.parametrize("values", [[None, None, 1.0], [None], []])
def test_what_most_good_customers_lack_is_typically_absent(values: list[float | None]) -> None:
    series = pl.Series("x", values, dtype=pl.Float64)
    assert typical_of(series, Style()).absent
