"""Every reason of every candidate is true of the customer who gets it, by an evaluator that reads features and text alone."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from credit_model.arrays import FloatArray
from credit_model.data.transactions import tidy_table
from credit_model.features.topics import code
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.displayed import rounded
from credit_model.scoring.reasons import Reasons
from credit_model.scoring.scale import Scale
from credit_model.serving.fast.reasons import reasons_of_one
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.training.candidates import CANDIDATES
from credit_model.training.cross_validation import Cases
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.language import units
from credit_model.training.patterns import matches
from credit_model.training.sample import proxy_sample
from scorers import fitted_reasons

CALIBRATOR = Calibrator("sigmoid", slope=0.8, intercept=-0.5)
PER_UNIT = 20 / math.log(2) * 0.8
LOW = re.compile(r"less than|earlier|\b[Oo]nly\b|\bfew\b|never made|was not|is not marked")
HIGH = re.compile(r"more than|later|\bmany\b|is marked|latest transaction was of")
LACKING = re.compile(
    r"We have no|You made no payment|you made no payment|^No |did not state|fewer than two|too few transactions"
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SMALL = "less than a day"
NUMBER = r"-?[\d,]+(?:\.\d+)?"


@dataclass(frozen=True)
class Explained:
    """The decisions of a candidate: their features and their reasons, and what these come from."""

    features: pl.DataFrame
    bad: Any
    reasons: Reasons
    margin: FloatArray
    contributions: FloatArray

    def entries(self, reasons: Reasons | None = None) -> list[list[dict[str, Any]]]:
        told = self.reasons if reasons is None else reasons
        return told.explain(self.features, self.contributions, PER_UNIT).to_list()


def score_of(margin: FloatArray) -> FloatArray:
    return Scale().score(CALIBRATOR.probability(margin))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    transactions = tidy_table(generate.transactions(900, days=120, seed=7))
    sample = proxy_sample(Settings(), transactions)
    return build_dataset(transactions, sample.decisions, sample.recipe)


@pytest.fixture(scope="module", params=list(CANDIDATES))
def explained(request: pytest.FixtureRequest, dataset: Dataset) -> Explained:
    cases, candidate = Cases.of(dataset, dataset.modelled), CANDIDATES[request.param]
    classifier = candidate.fit(cases.table, cases.bad, 1, cases.directions, candidate.default_parameters)
    reasons = fitted_reasons(classifier, cases, dataset.catalogue)
    return Explained(cases.table, cases.bad, reasons, *classifier.margin_and_contributions(cases.table))


@pytest.fixture(scope="module")
def shares(dataset: Dataset) -> set[str]:
    return set(matches(units()["percent"]["features"], dataset.catalogue))


def falsehood(entry: Mapping[str, Any], own: Any, *, share: bool) -> str | None:
    """What is false in a reason of a customer whose feature has a value; None where nothing is."""
    text, value, typical = (entry[name] for name in ("text", "value", "typical"))
    if re.search(r"[{}\0]", text):
        return "it has a placeholder"
    if (value is None) != (own is None) or (value is None) != bool(LACKING.search(text)):
        return "it is missing, or not"
    if value is None:
        return None
    if isinstance(own, str):
        return None if value == own and own not in typical.split(" or ") and own in text else "it is typical"
    if typical in {"yes", "no"}:
        denied = bool(re.search("was not recorded|is not marked", text.partition(";")[0]))
        return None if denied == (own == 0) and value != typical else "it is the other way"
    return "it shows another value" if not shows(value, own, share=share) else direction(text, value, typical)


def direction(text: str, value: str, typical: str) -> str | None:
    """What is false in what a sentence says of a number beside the typical."""
    if value not in text:
        return "the value is not in it"
    if typical == "none":
        return None if "none" in text else "it has a typical value"
    numbers, shown = numbers_of(typical), 0.0 if value == SMALL else numbers_of(value)[0]
    low, high = LOW.search(text), HIGH.search(text)
    if shown < numbers[0]:
        return None if low and not high else "it is below"
    if shown > numbers[-1]:
        return None if not low else "it is above"
    return "it is typical"


def numbers_of(text: str) -> list[float]:
    found = re.findall(f"{NUMBER}|{'|'.join(DAYS)}", text)
    return [float(DAYS.index(each)) if each in DAYS else float(each.replace(",", "")) for each in found]


def shows(text: str, own: float, *, share: bool) -> bool:
    """Whether a text shows a number, up to its last digit."""
    if text == SMALL:
        return 0 <= own < 1
    digits = text.partition(".")[2]
    step = 10.0 ** -len(re.match(r"\d*", digits)[0])  # type: ignore[index]
    return bool(abs(numbers_of(text)[0] - own * (100 if share else 1)) <= max(0.51 * step, 6e-4 * abs(own)))


def falsehoods(explained: Explained, entries: list[list[dict[str, Any]]], shares: set[str]) -> list[str]:
    rows = zip(entries, explained.features.iter_rows(named=True), strict=True)
    said = ((each, values[each["feature"]]) for named, values in rows for each in named)
    found = ((each, falsehood(each, own, share=each["feature"] in shares)) for each, own in said)
    return [f"{wrong}: {each}" for each, wrong in found if wrong]


def test_every_sentence_is_true_of_the_customer_who_gets_it(explained: Explained, shares: set[str]) -> None:
    entries = explained.entries()
    assert sum(map(len, entries)) > 1_500
    assert falsehoods(explained, entries, shares) == []


def test_a_sentence_of_the_other_side_is_found_false(explained: Explained, shares: set[str]) -> None:
    def turned(sentences: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {{"high": "low", "low": "high"}.get(side, side): parts for side, parts in sentences.items()}

    inputs = tuple(replace(told, sentences=turned(told.sentences)) for told in explained.reasons.inputs)
    entries = explained.entries(replace(explained.reasons, inputs=inputs))
    assert len(falsehoods(explained, entries, shares)) > 500


def test_half_of_the_good_customers_are_typical(explained: Explained) -> None:
    goods = explained.features.filter(pl.Series(explained.bad == 0))
    for told in explained.reasons.inputs:
        values = goods[told.feature]
        if told.levels is None and told.low is not None and told.high is not None:
            shown = rounded(values.drop_nulls().to_numpy() * told.style.scale, told.style.decimals)
            assert ((told.low <= shown) & (shown <= told.high)).mean() >= 0.5
            assert values.null_count() <= goods.height / 2
        elif told.levels is None:
            assert values.null_count() > goods.height / 2


def test_points_are_those_of_the_topic(explained: Explained) -> None:
    features = [told.feature for told in explained.reasons.inputs]
    codes = np.array([code(told.topic) for told in explained.reasons.inputs])
    for row, named in enumerate(explained.entries()[:300]):
        for each in named:
            mine = codes == each["code"]
            if len(named) == 1 and explained.contributions[row][mine].sum() <= explained.reasons.minimum:
                mine = np.array(features) == each["feature"]  # an input named alone
            margin = explained.margin[row]
            before = margin - explained.contributions[row][mine].sum()
            gained = score_of(np.array([before])) - score_of(np.array([margin]))
            assert each["points"] == pytest.approx(gained[0], abs=0.0051)


def test_nearly_every_rejection_has_a_reason(explained: Explained) -> None:
    rejected = explained.margin >= np.quantile(explained.margin, 0.8)
    counts = np.array(list(map(len, explained.entries())))
    assert (counts[rejected] == 0).mean() < 0.02


def test_one_decision_is_told_the_same_alone(explained: Explained) -> None:
    rows = range(0, explained.features.height, 3)
    table = explained.features.with_columns(pl.selectors.float().fill_null(np.nan))
    alone = [
        reasons_of_one(
            explained.reasons,
            table.row(row, named=True),
            explained.contributions[row : row + 1],
            PER_UNIT,
        )
        for row in rows
    ]
    together = explained.entries()
    assert alone == [together[row] for row in rows]
