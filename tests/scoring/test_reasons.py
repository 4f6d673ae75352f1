"""Principal reasons against a plain reading of their rule, and what must not change them."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.arrays import FloatArray
from credit_model.features.topics import APPLICATION, LEVEL, RELATIVE, TOPICS, code
from credit_model.scoring.displayed import Style
from credit_model.scoring.reasons import FIELDS, MOST_REASONS, Reasons
from credit_model.scoring.sides import Input
from credit_model.serving.fast.reasons import reasons_of_one

NAMES = (*(name for name in TOPICS if name[-2:] != ": "), f"{APPLICATION}income", f"{LEVEL}ChannelId_web")
WORDS = ("web", "app", "fax", None)
# Quarters add up without rounding, so that the plain reading is exact.
PUSHES = st.integers(-12, 12).map(lambda quarters: quarters / 4)
NUMBERS = st.sampled_from([-2.0, 0.0, 0.96, 1.0, 4.96, 5.0, 5.04, 5.06, 7.5, math.nan])
ABSENT = {"is": ("There is ", ".")}
OUTSIDE = {"high": ("More: ", "."), "low": ("Less: ", "!"), "missing": ("None.",)}


def told(number: int, topic: str, kind: str) -> Input:
    """An input of a kind: a number with a typical range, one that is typically absent, or a text."""
    style = Style(decimals=1)
    if kind == "text":
        sentences = {"is": ABSENT["is"], "missing": OUTSIDE["missing"]}
        return Input(f"f{number}", topic, "web", None, None, ("web",), style, sentences)
    if kind == "absent":
        return Input(f"f{number}", topic, "absent", None, None, None, style, ABSENT)
    return Input(f"f{number}", topic, "1 to 5", 1.0, 5.0, None, style, OUTSIDE)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Reasons, pl.DataFrame, FloatArray]:
    count, height = draw(st.integers(1, 10)), draw(st.integers(1, 8))
    inputs, columns = [], {}
    for number in range(count):
        kind = draw(st.sampled_from(["range", "range", "absent", "text"]))
        inputs.append(told(number, draw(st.sampled_from(NAMES)), kind))
        cells = st.sampled_from(WORDS) if kind == "text" else NUMBERS
        values = draw(st.lists(cells, min_size=height, max_size=height))
        columns[f"f{number}"] = pl.Series(values, dtype=pl.String if kind == "text" else pl.Float64)
    rows = st.lists(PUSHES, min_size=count, max_size=count)
    contributions = np.array(draw(st.lists(rows, min_size=height, max_size=height)))
    table = pl.DataFrame(columns).fill_nan(None)
    return Reasons(tuple(inputs), draw(st.sampled_from([0.0, 0.25, 1.0]))), table, contributions


def explained(reasons: Reasons, table: pl.DataFrame, contributions: FloatArray) -> list[list[dict[str, Any]]]:
    return reasons.explain(table, contributions, points_per_unit=20.0).to_list()


def side(of: Input, value: Any) -> str:
    """The side on which a value lies, read plainly; empty where nothing true can be said."""
    if value is None:
        return "missing" if "missing" in of.sentences else ""
    if of.typical == "absent":
        return "is"
    if isinstance(value, str):
        return "" if value == "web" else "is"
    shown = round(value, 1)
    return "high" if shown > 5 else "low" if shown < 1 else ""


def plainly(reasons: Reasons, values: Mapping[str, Any], row: FloatArray) -> list[tuple[str, str, float]]:
    """Code, feature and points of each reason of a decision."""
    sides = [side(each, values[each.feature]) for each in reasons.inputs]
    pushes: dict[str, float] = {}
    leads: dict[str, tuple[float, str]] = {}
    for each, what, push in zip(reasons.inputs, sides, row.tolist(), strict=True):
        name = code(each.topic)
        pushes[name] = pushes.get(name, 0) + push
        if what and push > leads.get(name, (0, ""))[0]:
            leads[name] = (push, each.feature)
    above = [name for name, push in pushes.items() if push > reasons.minimum and push > 0]
    named = sorted((-pushes[name], name) for name in above if name in leads)
    if named or not above:
        return [(name, leads[name][1], -20 * push) for push, name in named[:MOST_REASONS]]
    alone = [
        (push, -place, code(each.topic), each.feature)
        for place, (each, what, push) in enumerate(zip(reasons.inputs, sides, row.tolist(), strict=True))
        if what and push > 0
    ]
    return [(name, feature, 20 * push) for push, _, name, feature in [max(alone)]] if alone else []


@given(judged())
@settings(max_examples=300)
def test_reasons_are_the_topics_that_pushed_most_told_by_what_is_true(
    case: tuple[Reasons, pl.DataFrame, FloatArray],
) -> None:
    reasons, table, contributions = case
    for entries, values, row in zip(
        explained(*case), table.iter_rows(named=True), contributions, strict=True
    ):
        found = [(each["code"], each["feature"], each["points"]) for each in entries]
        assert found == plainly(reasons, values, row)
        for each in entries:
            own = next(of for of in reasons.inputs if of.feature == each["feature"])
            parts = own.sentences[side(own, values[each["feature"]])]
            assert each["text"] == (each["value"] or "").join(parts)


@given(judged())
@settings(max_examples=200)
def test_one_decision_has_the_reasons_that_it_has_among_others(
    case: tuple[Reasons, pl.DataFrame, FloatArray],
) -> None:
    reasons, table, contributions = case
    alone = [
        reasons_of_one(reasons, values, contributions[row : row + 1], 20.0)
        for row, values in enumerate(table.iter_rows(named=True))
    ]
    assert alone == explained(*case)


@given(judged(), st.integers(0, 1000))
def test_the_order_of_decisions_does_not_matter(
    case: tuple[Reasons, pl.DataFrame, FloatArray], seed: int
) -> None:
    reasons, table, contributions = case
    rows = np.random.default_rng(seed).permutation(table.height)
    found = explained(*case)
    assert explained(reasons, table[rows], contributions[rows]) == [found[row] for row in rows]


@given(judged(), st.sampled_from(NAMES), PUSHES)
def test_what_pushes_nowhere_or_towards_safety_changes_nothing(
    case: tuple[Reasons, pl.DataFrame, FloatArray], idle: str, push: float
) -> None:
    reasons, table, contributions = case
    wider = table.with_columns(new=pl.lit(99.0))
    zeros, found = np.zeros((len(contributions), 1)), explained(*case)

    def with_new(topic: str, pushes: FloatArray) -> list[list[dict[str, Any]]]:
        new = replace(told(0, topic, "range"), feature="new")
        more = replace(reasons, inputs=(*reasons.inputs, new))
        return explained(more, wider, np.hstack([contributions, pushes]))

    assert with_new(idle, zeros) == found
    assert with_new(f"{RELATIVE}never seen", zeros - abs(push)) == found


def one(topic: str = "recency", typical: tuple[float, float] = (1.0, 5.0)) -> Input:
    return replace(told(0, topic, "range"), low=typical[0], high=typical[1])


def test_a_value_that_is_shown_as_the_bound_is_not_beyond_it() -> None:
    reasons, table = Reasons((one(),), 0.0), pl.DataFrame({"f0": [5.04, 5.06, 0.96, 0.94]})
    found = explained(reasons, table, np.ones((4, 1)))
    assert [[each["value"] for each in entries] for entries in found] == [[], ["5.1"], [], ["0.9"]]


def test_a_topic_without_a_true_sentence_gives_way_to_the_next() -> None:
    second = replace(told(1, "tenure", "range"))
    reasons, table = Reasons((one(), second), 0.0), pl.DataFrame({"f0": [3.0], "f1": [9.0]})
    assert [each["code"] for each in explained(reasons, table, np.array([[2.0, 1.0]]))[0]] == ["R03"]


def test_without_any_other_reason_the_input_that_raised_the_risk_most_is_named_alone() -> None:
    inputs = (one(), told(1, "tenure", "range"), told(2, "tenure", "range"))
    table = pl.DataFrame({"f0": [3.0], "f1": [9.0], "f2": [9.0]})
    (entries,) = explained(Reasons(inputs, 0.5), table, np.array([[2.0, 0.75, -0.5]]))
    assert [(each["feature"], each["points"]) for each in entries] == [("f1", 15.0)]


def test_no_decisions_have_no_reasons_and_a_small_push_is_not_named() -> None:
    reasons = Reasons((one(),), 0.5)
    assert explained(reasons, pl.DataFrame({"f0": pl.Series([], dtype=pl.Float64)}), np.empty((0, 1))) == []
    found = explained(reasons, pl.DataFrame({"f0": [9.0, 9.0]}), np.array([[0.5], [0.51]]))
    assert list(map(len, found)) == [0, 1]


def test_each_topic_has_a_code_of_its_own() -> None:
    assert len({code for code, _ in TOPICS.values()}) == len(TOPICS)
    assert code(f"{APPLICATION}loan_amount") == "R13-loan_amount"
    assert code(f"{LEVEL}ChannelId_web") == "R09-ChannelId_web"


def test_without_transactions_that_is_the_reason() -> None:
    (entry,) = Reasons((), 0.0, "We know nothing.").no_history
    nothing = dict.fromkeys(("feature", "value", "typical", "points"))
    assert entry == {"code": "R15", "text": "We know nothing."} | nothing
    assert tuple(entry) == FIELDS


@given(judged())
def test_what_is_stored_as_json_is_the_same(case: tuple[Reasons, pl.DataFrame, FloatArray]) -> None:
    assert Reasons.from_dict(json.loads(json.dumps(case[0].to_dict()))) == case[0]


def test_reasons_of_format_1_keep_their_shape_and_are_left_to_their_own_code() -> None:
    older = Reasons.from_dict({"topics": ["recency"], "minimum": 0.1})
    assert older.dtype == pl.List(pl.Struct({"code": pl.String, "text": pl.String}))
    with pytest.raises(ValueError, match="format 1 and only the code that it carries"):
        explained(older, pl.DataFrame({"recency": [1.0]}), np.ones((1, 1)))
