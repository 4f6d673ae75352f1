"""Laws of points, bands, costs and the points table."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from credit_model.metrics import expected_cost
from credit_model.models.scorecard import Scorecard
from credit_model.reporting.tables import decision_table
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.policy import Bands
from credit_model.scoring.scale import Scale
from credit_model.training.costs import (
    approval_bands,
    cost_bands,
    cost_curve,
    cost_optimal_threshold,
    cost_threshold,
)
from credit_model.training.monotone_binning import fit_binnings
from credit_model.training.whole_points import points_of_bins, rounded

PROBABILITIES = st.floats(1e-6, 1 - 1e-6)
SCALES = st.builds(Scale, st.floats(1, 100), st.floats(-1000, 1000), st.floats(0.1, 1000))
INSIDE = st.floats(0.001, 0.999)
LABELLED = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=40)


@given(SCALES, st.lists(PROBABILITIES, min_size=1, max_size=20))
def test_probability_and_score_are_inverse_and_safer_scores_higher(scale: Scale, values: list[float]) -> None:
    probability = np.sort(np.array(values))
    score = scale.score(probability)
    np.testing.assert_allclose(scale.probability(score), probability, rtol=1e-6, atol=1e-12)
    assert (np.diff(score) <= 0).all()
    assert score[0] > score[-1] or np.ptp(probability) < 1e-9


@given(SCALES, PROBABILITIES)
def test_adding_the_points_doubles_the_odds(scale: Scale, probability: float) -> None:
    def odds(p: float) -> float:
        return (1 - p) / p

    score = scale.score(np.array([probability])) + scale.points_to_double_odds
    richer = float(scale.probability(score)[0])
    assert odds(richer) == pytest.approx(2 * odds(probability), rel=1e-6)


def test_worked_scores() -> None:
    even, fifty, hundred = 1 / 2, 1 / 51, 1 / 101
    expected = [600 - 20 * np.log2(50), 600, 620]
    np.testing.assert_allclose(Scale().score(np.array([even, fifty, hundred])), expected)


@given(SCALES)
def test_certainty_has_a_finite_score_and_the_unknown_has_none(scale: Scale) -> None:
    score = scale.score(np.array([0.0, 1.0, np.nan]))
    assert np.isfinite(score[:2]).all()
    assert score[0] > score[1]
    assert np.isnan(score[2])
    extreme = scale.probability(np.array([-1e9, 1e9]))
    np.testing.assert_allclose(extreme, [1, 0], atol=1e-9)


@given(SCALES)
def test_a_stored_scale_is_the_same(scale: Scale) -> None:
    assert Scale.from_dict(json.loads(json.dumps(scale.to_dict()))) == scale


@pytest.mark.parametrize(
    "wrong", [{"points_to_double_odds": 0}, {"base_odds": -1}, {"base_score": float("nan")}]
)
def test_a_scale_without_points_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Scale(**wrong)


@st.composite
def bands(draw: st.DrawFn) -> Bands:
    """Bands of any number around any threshold."""
    threshold = draw(INSIDE)
    limits = sorted(set(draw(st.lists(INSIDE, max_size=4))))
    edges = [0.0, *limits, 1.0]
    decisions = []
    for low, high in pairwise(edges):
        allowed = ["review", *["approve"] * (high <= threshold), *["reject"] * (low >= threshold)]
        decisions.append(draw(st.sampled_from(allowed)))
    return Bands(
        tuple(f"band {i}" for i in range(len(decisions))), tuple(limits), tuple(decisions), threshold
    )


@given(bands(), st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=30))
def test_a_decision_never_contradicts_its_prediction(preset: Bands, values: list[float]) -> None:
    points = [*values, *preset.limits, preset.threshold, 0.0, 1.0]
    probability = np.array(points)
    found = preset.assign(probability)
    for p, prediction, level, decision in zip(points, *found, strict=True):
        if np.isnan(p):
            assert np.isnan(prediction)
            assert (level, decision) == (None, "review")
            continue
        assert prediction == (p >= preset.threshold)
        assert level == preset.names[sum(p >= limit for limit in preset.limits)]
        assert decision == preset.decisions[preset.names.index(level)]
        assert decision != "approve" or prediction == 0
        assert decision != "reject" or prediction == 1


@given(bands())
def test_stored_bands_are_the_same(preset: Bands) -> None:
    assert Bands.from_dict(json.loads(json.dumps(preset.to_dict()))) == preset


def test_the_proxy_preset() -> None:
    found = Bands().assign(np.array([0.0, 0.29, 0.30, 0.49, 0.50, 0.59, 0.60, 1.0]))
    assert found.prediction.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found.risk_level == ["low"] * 2 + ["medium"] * 4 + ["high"] * 2
    assert found.decision == ["approve"] * 2 + ["review"] * 4 + ["reject"] * 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"limits": (0.3,)}, "one limit fewer"),
        ({"decisions": ("approve", "reject")}, "a decision for each name"),
        ({"names": ("low", "low", "high")}, "give each its own"),
        ({"limits": (0.6, 0.3)}, "give them in order"),
        ({"limits": (0.3, float("nan"))}, "give them in order"),
        ({"limits": (0.0, 0.6)}, "give them in order"),
        ({"threshold": 1.0}, "between 0 and 1"),
        ({"threshold": float("nan")}, "between 0 and 1"),
        ({"threshold": 0.2}, "approve across the threshold"),
        ({"threshold": 0.7}, "reject across the threshold"),
        ({"decisions": ("approve", "refer", "reject")}, "give approve, review or reject"),
        ({"decisions": ("reject", "review", "approve")}, "across the threshold"),
    ],
)
def test_bands_that_make_no_sense_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bands(**wrong)  # type: ignore[arg-type]


def test_costs_of_ten_to_one_put_the_threshold_at_a_eleventh() -> None:
    assert cost_threshold(10, 1) == pytest.approx(0.0909, abs=5e-5)
    assert cost_threshold(3, 3) == 0.5


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.05, 0.95), PROBABILITIES)
def test_cost_bands_take_the_cheapest_of_three_decisions(
    false_negative: float, false_positive: float, review: float, probability: float
) -> None:
    threshold = cost_threshold(false_negative, false_positive)
    review_cost = review * threshold * false_negative
    costs = {
        "approve": probability * false_negative,
        "review": review_cost,
        "reject": (1 - probability) * false_positive,
    }
    ordered = sorted(costs.values())
    assume(ordered[1] - ordered[0] > 1e-9 * ordered[1])
    found = cost_bands(threshold, review).assign(np.array([probability]))
    assert costs[str(found.decision[0])] == ordered[0]


@pytest.mark.parametrize("wrong", [(0.0, 0.8), (1.0, 0.8), (0.5, 0.0), (0.5, 1.0), (float("nan"), 0.8)])
def test_cost_bands_of_no_cost_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        cost_bands(*wrong)


@pytest.mark.parametrize("wrong", [(0, 1), (1, 0), (-1, 1), (float("nan"), 1), (float("inf"), 1)])
def test_costs_without_a_threshold_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no threshold"):
        cost_threshold(*wrong)


@given(LABELLED, st.floats(0.1, 20), st.floats(0.1, 20))
@example([(0, 0.0), (1, 5e-324)], 1.0, 1.0)
@example([(0, 0.5), (1, float(np.nextafter(0.5, 1)))], 1.0, 1.0)
@settings(deadline=None)
def test_the_cost_curve_is_what_each_threshold_costs_and_its_least_is_found(
    cases: list[tuple[int, float]], false_negative: float, false_positive: float
) -> None:
    bad = np.array([case[0] for case in cases], dtype=np.int8)
    probability = np.array([case[1] for case in cases])
    curve = cost_curve(probability, bad, false_negative, false_positive)
    for threshold, cost, share in curve.iter_rows():
        said = (probability >= threshold).astype(np.int8)
        assert cost == pytest.approx(expected_cost(bad, said, false_negative, false_positive))
        assert share == pytest.approx(said.mean())
    best = cost_optimal_threshold(probability, bad, false_negative, false_positive)
    least = expected_cost(bad, (probability >= best).astype(np.int8), false_negative, false_positive)
    assert 0 < best <= 1
    inside = (probability > 0) & (probability < 1)
    for other in np.append(probability[inside], np.linspace(0.05, 0.95, 7)):
        said = (probability >= other).astype(np.int8)
        assert least <= expected_cost(bad, said, false_negative, false_positive) + 1e-9


def test_the_search_agrees_with_the_formula_on_calibrated_probabilities() -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(1, 6, 60_000)
    bad = (rng.random(60_000) < probability).astype(np.int8)
    assert cost_optimal_threshold(probability, bad, 10, 1) == pytest.approx(cost_threshold(10, 1), abs=0.02)


def test_the_decision_table_counts_every_case_once() -> None:
    probability = np.array([0.1, 0.2, 0.4, 0.55, np.nan, 0.9])
    bad = np.array([0, 1, 0, 1, 1, 1], dtype=np.int8)
    table = decision_table(Bands(), probability, bad)
    assert table["decision"].to_list() == ["approve", "review", "reject"]
    assert table["cases"].to_list() == [2, 3, 1]
    assert table["share"].sum() == pytest.approx(1)
    assert table["bad_rate"].to_list() == pytest.approx([0.5, 2 / 3, 1.0])
    calm = decision_table(Bands(), probability[:2], bad[:2])
    assert calm["cases"].to_list() == [2, 0, 0]
    assert calm["bad_rate"].to_list() == [0.5, None, None]


@given(SCALES, st.integers(0, 500), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_the_points_of_a_cases_bins_add_up_to_its_score(scale: Scale, seed: int, intercept: float) -> None:
    rng = np.random.default_rng(seed)
    table = pl.DataFrame(
        {
            "age": rng.normal(size=300),
            "turnover": rng.exponential(size=300),
            "shop": rng.choice(["a", "b"], 300),
        }
    ).with_columns(age=pl.when(pl.col("age") > -1).then("age"))
    risk = 1 / (1 + np.exp(table["turnover"].to_numpy() - 1))
    binnings = fit_binnings(table, (rng.random(300) < risk).astype(int))
    weights = {"turnover": 0.9, "age": 0.4, "shop": 0.2}
    card = Scorecard(tuple(binnings[name] for name in weights), tuple(weights.values()), intercept)
    calibrator = Calibrator("sigmoid", slope=1.3, intercept=-0.2)
    total = np.zeros(300)
    for binning, points in zip(card.binnings, points_of_bins(card, calibrator, scale), strict=True):
        total += points[binning.index(table[binning.feature])]
    score = scale.score(calibrator.probability(card.margin(table)))
    np.testing.assert_allclose(total, score, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 500), st.floats(5, 80))
@settings(max_examples=25, deadline=None)
def test_whole_points_add_up_to_the_score_exactly(seed: int, doubling: float) -> None:
    rng = np.random.default_rng(seed)
    table = pl.DataFrame({"age": rng.normal(size=300), "shop": rng.choice(["a", "b"], 300)})
    risk = 1 / (1 + np.exp(table["age"].to_numpy()))
    binnings = fit_binnings(table, (rng.random(300) < risk).astype(int))
    exact = Scorecard(tuple(binnings.values()), (0.9, 0.5), 0.3)
    calibrator, scale = Calibrator("sigmoid", slope=0.8), Scale(doubling, whole=True)
    card = rounded(exact, calibrator, scale)
    total = np.zeros(300)
    for binning, points in zip(card.binnings, points_of_bins(card, calibrator, scale), strict=True):
        assert (points == np.round(points)).all()
        total += points[binning.index(table[binning.feature])]
    assert (scale.score(calibrator.probability(card.margin(table))) == total).all()
    assert np.abs(total - Scale(doubling).score(calibrator.probability(exact.margin(table)))).max() <= 1
    margin, contributions = card.margin_and_contributions(table)
    np.testing.assert_allclose(card.neutral + contributions.sum(axis=1), margin)


@given(INSIDE, st.floats(0.05, 0.95))
def test_bands_of_an_approve_limit_are_those_of_the_costs_that_give_it(limit: float, review: float) -> None:
    bands = approval_bands(limit, review)
    assert bands.limits[0] == limit
    assert bands.threshold >= limit
    if limit / review < (1 + limit) / 2:
        assert bands.limits == pytest.approx(cost_bands(bands.threshold, review).limits)
