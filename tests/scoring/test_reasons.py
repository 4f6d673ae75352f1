"""Principal reasons against a plain reading of their rule, and what must not change them."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.features.learned import APPLICATION
from credit_model.scoring.reasons import CATALOGUE, MOST_REASONS, Reasons, reason

TOPICS = (*CATALOGUE, f"{APPLICATION}income", f"{APPLICATION}loan_amount")
# Quarters add up without rounding, so that the plain reading is exact.
PUSHES = st.integers(-12, 12).map(lambda quarters: quarters / 4)


@st.composite
def judged(draw: st.DrawFn) -> tuple[tuple[str, ...], float, np.ndarray]:
    topics = tuple(draw(st.lists(st.sampled_from(TOPICS), min_size=1, max_size=12)))
    rows = draw(
        st.lists(st.lists(PUSHES, min_size=len(topics), max_size=len(topics)), min_size=1, max_size=8)
    )
    return topics, draw(st.sampled_from([0.0, 0.25, 1.0])), np.array(rows)


def codes(reasons: Reasons, contributions: np.ndarray) -> list[list[str]]:
    return [[entry["code"] for entry in row] for row in reasons.explain(contributions).to_list()]


def plainly(topics: tuple[str, ...], minimum: float, row: np.ndarray) -> list[str]:
    push: dict[str, float] = {}
    for topic, value in zip(topics, row, strict=True):
        push[topic] = push.get(topic, 0) + float(value)
    named = [(-total, reason(topic)[0]) for topic, total in push.items() if total > minimum and total > 0]
    return [code for _, code in sorted(named)[:MOST_REASONS]]


@given(judged())
@settings(max_examples=200)
def test_reasons_are_the_ideas_that_pushed_most_towards_risk(
    case: tuple[tuple[str, ...], float, np.ndarray],
) -> None:
    topics, minimum, contributions = case
    expected = [plainly(topics, minimum, row) for row in contributions]
    assert codes(Reasons(topics, minimum), contributions) == expected
    assert all(len(set(row)) == len(row) <= 4 for row in expected)


@given(judged(), st.integers(0, 1000))
def test_the_order_of_columns_and_of_decisions_does_not_matter(
    case: tuple[tuple[str, ...], float, np.ndarray], seed: int
) -> None:
    topics, minimum, contributions = case
    found = codes(Reasons(topics, minimum), contributions)
    random = np.random.default_rng(seed)
    columns, rows = (random.permutation(size) for size in (len(topics), len(contributions)))
    turned = Reasons(tuple(topics[c] for c in columns), minimum)
    assert codes(turned, contributions[rows][:, columns]) == [found[row] for row in rows]


@given(judged(), st.sampled_from(TOPICS), PUSHES)
def test_what_pushes_nowhere_or_towards_safety_changes_nothing(
    case: tuple[tuple[str, ...], float, np.ndarray], idle: str, push: float
) -> None:
    topics, minimum, contributions = case
    found = codes(Reasons(topics, minimum), contributions)
    zeros = np.zeros((len(contributions), 1))
    assert codes(Reasons((*topics, idle), minimum), np.hstack([contributions, zeros])) == found
    new = f"{APPLICATION}never seen"
    safe = zeros - abs(push)
    assert codes(Reasons((*topics, new), minimum), np.hstack([contributions, safe])) == found


def test_two_columns_of_one_idea_are_one_reason() -> None:
    shared = Reasons(("recency", "tenure", "recency"), 0.0)
    assert codes(shared, np.array([[0.6, 1.0, 0.6], [0.6, 1.0, -0.6]])) == [["R01", "R03"], ["R03"]]


def test_no_decisions_have_no_reasons_and_a_small_push_is_not_named() -> None:
    reasons = Reasons(("recency",), 0.5)
    assert codes(reasons, np.empty((0, 1))) == []
    assert codes(reasons, np.array([[0.5], [0.51]])) == [[], ["R01"]]


def test_each_idea_has_one_code_and_one_sentence_for_the_applicant() -> None:
    every = [reason(topic) for topic in TOPICS]
    assert len({code for code, _ in every}) == len({text for _, text in every}) == len(TOPICS)
    for code, text in every:
        assert re.fullmatch(r"R\d\d(-\w+)?", code)
        assert re.fullmatch(r"[A-Z][^{}]+\.", text)
    assert reason(f"{APPLICATION}loan_amount")[0] == "R13-loan_amount"
    assert "loan amount" in reason(f"{APPLICATION}loan_amount")[1]


def test_every_feature_has_a_reason() -> None:
    attributes = (
        Attribute("loan_amount", "number"),
        Attribute("income", "number"),
        Attribute("home", "category"),
    )
    catalogue = Catalogue(366, {"ProductCategory": ("airtime",)}, attributes)
    for feature in catalogue.features.values():
        code, text = reason(feature.topic)
        assert code
        assert text
    used = {feature.topic for feature in catalogue.features.values()}
    assert set(CATALOGUE) - used == {"no_history"}


def test_without_transactions_that_is_the_reason() -> None:
    assert [entry["code"] for entry in Reasons(("recency",), 0.0).no_history] == ["R15"]


@pytest.mark.parametrize("topics", [("recency", "tenure"), (f"{APPLICATION}income",)])
def test_what_is_stored_as_json_is_the_same(topics: tuple[str, ...]) -> None:
    reasons = Reasons(topics, 0.125)
    assert Reasons.from_dict(json.loads(json.dumps(reasons.to_dict()))) == reasons
