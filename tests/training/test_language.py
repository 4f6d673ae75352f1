"""A lender's own sentences: what they replace, and what is said where they are wrong."""

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.scoring.sides import HIGH, LOW, Input
from credit_model.settings.settings import Settings
from credit_model.training import language
from credit_model.training.fit_reasons import fit_reasons
from credit_model.training.language import Language, built_in, read_language
from credit_model.training.sample import Recipe, observed_sample

CATALOGUE = Catalogue(60, {"ChannelId": ("web",)}, (Attribute("income", "number"),))
INPUTS = ["recency", "share_ChannelId_web", "ChannelId", "income"]
GOODS = pl.DataFrame(
    {
        "recency": [1.0, 9.0],
        "share_ChannelId_web": [0.1, 0.2],
        "ChannelId": ["web"] * 2,
        "income": [100.0, 200.0],
    }
)


def read(folder: Path, text: str, name: str = "en") -> Language:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return read_language(name, str(path))


def told(language: Language) -> dict[str, Input]:
    language.check(CATALOGUE, INPUTS)
    reasons = fit_reasons(CATALOGUE, INPUTS, GOODS, language, None, 0.0)
    return {each.feature: each for each in reasons.inputs}


def test_own_sentences_replace_those_built_in_and_the_others_stay(tmp_path: Path) -> None:
    own = told(
        read(
            tmp_path,
            "en:\n  recency:\n    high: 'Away for {value}, not {typical} ({feature}, {history_days}).'\n",
        )
    )
    assert own["recency"].said(HIGH, 41.0) == ("Away for 41 days, not 1 to 9 days (recency, 60).", "41 days")
    basis = told(built_in("en"))
    assert own["recency"].sentences["low"] == basis["recency"].sentences["low"]
    assert own["income"] == basis["income"]


def test_the_most_specific_pattern_counts(tmp_path: Path) -> None:
    text = """
en:
  "{feature}": {high: "any {value}"}
  "share_{column}_{level}": {high: "{value} by {column} {level}"}
  share_ChannelId_web: {low: "little web"}
  "{attribute}": {high: "{value} of {attribute}, {value}!"}
  columns: {ChannelId: door}
"""
    own = told(read(tmp_path, text))
    assert own["share_ChannelId_web"].said(HIGH, 30.0)[0] == "30% by door web"
    assert own["share_ChannelId_web"].said(LOW, 1.0)[0] == "little web"
    assert own["recency"].said(HIGH, 41.0)[0] == "any 41 days"
    assert own["income"].said(HIGH, 500.0)[0] == "500 of income, 500!"


def test_a_language_of_ones_own_has_its_words_numbers_and_units(tmp_path: Path) -> None:
    text = """
fr:
  words: {decimal: ",", thousands: " ", range: "{low} à {high}", no_history: Rien de récent.}
  units: {days: {one: "{number} jour", many: "{number} jours"}}
  "{feature}": {high: "{feature} : {value} > {typical}", low: "{feature} : {value} < {typical}", is: "{value}"}
"""
    language = read(tmp_path, text, "fr")
    own = told(language)
    assert own["recency"].said(HIGH, 41.5)[0] == "recency : 41,5 jours > 1 à 9 jours"
    assert own["income"].said(HIGH, 1234.0)[0] == "income : 1 234 > 100 à 200"
    assert "missing" not in own["recency"].sentences
    assert fit_reasons(CATALOGUE, INPUTS, GOODS, language, None, 0.0).no_history_text == "Rien de récent."


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("en: {recency: {hihg: x}}", "en", "own.yaml: en: recency: 'hihg' is no side; did you mean high"),
        (
            "en: {recency: {high: '{vaule} days'}}",
            "en",
            "recency: high: there is no {vaule} here; did you mean value",
        ),
        ("en: {recency: {high: '{value days'}}", "en", "recency: high: its braces do not match"),
        ("en: {recency: {high: '{0}'}}", "en", "there is no {0} here"),
        ("en: {recency: {high: [x]}}", "en", "recency: high is no sentence"),
        ("en: {recency: high}", "en", "en: recency is no mapping"),
        (
            "en: {'{colour}': {high: x}}",
            "en",
            "en: {colour} is no pattern of features; its placeholders can be",
        ),
        ("- en", "en", "own.yaml is no mapping of texts; write languages"),
        ("en: {recency: {high: 'x}}", "en", "own.yaml cannot be read as YAML at line 1"),
        ("en: {words: {desimal: x}}", "en", "en: words: 'desimal' is unknown; did you mean decimal"),
        ("en: {units: {days: x}}", "en", "en: units: days has another form"),
        ("nl: {}", "fr", "language: 'fr' is unknown; de, en are built in, and .*own.yaml has nl"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name_and_place(
    text: str, name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message.replace("{", r"\{").replace("}", r"\}")):
        read(tmp_path, text, name)


def test_norwegian_is_a_language(tmp_path: Path) -> None:
    assert (
        told(read(tmp_path, "no: {'{feature}': {high: ja, low: ja, is: ja}}", "no"))["recency"].said(
            HIGH, 1.0
        )[0]
        == "ja"
    )


def test_a_file_that_is_not_there_and_a_language_that_nobody_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"reasons: there is no file .*none.yaml; check the path"):
        read_language("en", str(tmp_path / "none.yaml"))
    with pytest.raises(ValueError, match="language: 'fr' is unknown; de, en are built in; give one of them"):
        read_language("fr", None)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "en: {recencyy: {high: x}}",
            "en",
            "own.yaml: en: recencyy matches no feature .* did you mean recency",
        ),
        (
            "en: {share_ChannelId_fax: {high: x}}",
            "en",
            "share_ChannelId_fax matches no feature of this training",
        ),
        (
            "fr: {recency: {high: x, low: x}, ChannelId: {is: x}, income: {high: x}}",
            "fr",
            "own.yaml: fr has no sentences for share_ChannelId_web, income; give each high and low",
        ),
    ],
)
def test_templates_that_do_not_fit_the_features_are_refused(
    text: str, name: str, message: str, tmp_path: Path
) -> None:
    language = read(tmp_path, text, name)
    with pytest.raises(ValueError, match=message):
        language.check(CATALOGUE, INPUTS)


def test_the_settings_name_the_language_and_the_file(tmp_path: Path) -> None:
    assert Recipe(60, "rfm_proxy").language == read_language(Settings().language, Settings().reasons)
    assert read(tmp_path, "en: {}", "de") == built_in("de")


def test_a_training_speaks_the_language_of_its_settings() -> None:
    became = pl.DataFrame(
        {"CustomerId": ["a", "b"], "as_of": ["2019-02-01", "2019-03-01"], "defaulted": [0, 1]}
    )
    sample = observed_sample(Settings(language="de"), became)
    assert sample.recipe.language == built_in("de")
    with pytest.raises(ValueError, match="language: 'fr' is unknown"):
        observed_sample(Settings(language="fr"), became)


BELOW = {
    "en": r"less than|earlier|\b[Oo]nly\b|\bfew\b|never made|^[^;]*\bnot\b",
    "de": r"weniger|früher|\b[Nn]ur\b|\bwenigen?\b|hatten Sie nie|^[^;]*\bnicht\b",
}
ABOVE = {
    "en": r"more than|later|\bmany\b|latest transaction was of|^[^;]*(?:is marked|[Aa]s many as)",
    "de": r"\bmehr\b|später|\bvielen?\b|^[^;]*(?:ist als Betrug markiert|gehört zu)|bis zu",
}


def sided(name: str) -> dict[str, dict[str, str]]:
    """The sentences of a language that tell a side, by pattern; the frames among them."""
    folder = Path(language.__file__).parent / "languages"
    stored = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return {"frames": stored["frames"], **stored["sentences"]}


@pytest.mark.parametrize("name", ["en", "de"])
def test_a_sentence_says_its_side_and_not_the_other(name: str) -> None:
    for pattern, sentences in sided(name).items():
        if "low" in sentences:
            assert re.search(BELOW[name], sentences["low"]), (pattern, sentences["low"])
            assert not re.search(ABOVE[name], sentences["low"]), (pattern, sentences["low"])
        if "high" in sentences:
            assert not re.search(BELOW[name], sentences["high"]), (pattern, sentences["high"])


@pytest.mark.parametrize("name", ["en", "de"])
def test_a_sentence_shows_the_value_and_the_typical_one(name: str) -> None:
    shown = [
        (pattern, side, text)
        for pattern, each in sided(name).items()
        for side, text in each.items()
        if side in {"high", "low"} and pattern not in {"FraudResult", "ProductCategory_{level}"}
    ]
    assert len(shown) > 30
    assert all("{value}" in text and "{typical}" in text for _, _, text in shown)
