"""Laws of calibration, and what it recovers where the truth is known."""

import json
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from credit_model.scoring.calibrator import LOWEST, Calibrator
from credit_model.scoring.scale import Scale
from credit_model.training.calibration import ISOTONIC_LEAST, cross_fitted, fit_calibrator

FloatArray = npt.NDArray[np.float64]
CASES = st.lists(st.tuples(st.floats(-20, 20), st.integers(0, 1)), min_size=4, max_size=60).filter(
    lambda cases: 0 < sum(bad for _, bad in cases) < len(cases)
)
WIDE = np.linspace(-60, 60, 500)


def drawn(
    cases: int, slope: float, intercept: float, seed: int = 1
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int8]]:
    """Margins, the probability of bad at each, and what happened."""
    random = np.random.default_rng(seed)
    margin = random.normal(0, 1.5, cases)
    probability = 1 / (1 + np.exp(-(slope * margin + intercept)))
    return margin, probability, (random.random(cases) < probability).astype(np.int8)


def isotonic() -> Calibrator:
    margin, _, bad = drawn(8_000, 0.8, -0.5)
    found = fit_calibrator(margin, bad)
    assert found.kind == "isotonic"
    return found


def assert_a_probability_that_rises(calibrator: Calibrator) -> None:
    probability = calibrator.probability(WIDE)
    assert (np.diff(probability) >= 0).all()
    assert (probability > 0).all()
    assert (probability < 1).all()
    assert np.isfinite(Scale().score(probability)).all()


@given(CASES)
@settings(max_examples=25)
def test_the_sigmoid_rises_and_stays_inside_zero_and_one(cases: list[tuple[float, int]]) -> None:
    margin, bad = np.array([m for m, _ in cases]), np.array([b for _, b in cases], dtype=np.int8)
    assert_a_probability_that_rises(fit_calibrator(margin, bad))


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.3, 5.0])
def test_the_isotonic_rises_and_stays_inside_zero_and_one(slope: float) -> None:
    margin, _, bad = drawn(5_000, slope, 0)
    assert_a_probability_that_rises(fit_calibrator(margin, bad))


@given(st.floats(0.05, 20), st.floats(-50, 50), st.integers(0, 100))
@settings(max_examples=25)
def test_units_of_the_margin_do_not_matter(unit: float, origin: float, seed: int) -> None:
    margin, _, bad = drawn(300, 0.7, -1, seed)
    plain = fit_calibrator(margin, bad).probability(margin)
    other = margin * unit + origin
    np.testing.assert_allclose(fit_calibrator(other, bad).probability(other), plain, atol=1e-4)


def test_the_sigmoid_is_the_regression_on_platts_targets() -> None:
    margin, _, bad = drawn(400, 0.9, -1.5)
    bads, goods = int(bad.sum()), int((1 - bad).sum())
    target = np.where(bad == 1, (bads + 1) / (bads + 2), 1 / (goods + 2))
    twice = np.concatenate([margin, margin])[:, None]
    truth = np.repeat([1, 0], len(margin))
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(twice, truth, np.concatenate([target, 1 - target]))
    found = fit_calibrator(margin, bad)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-3)
    assert found.intercept == pytest.approx(oracle.intercept_[0], rel=1e-3)


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, -2.0), (1.0, 0.0), (2.5, 1.0)])
def test_the_sigmoid_recovers_a_known_line_within_its_standard_errors(slope: float, intercept: float) -> None:
    margin, probability, bad = drawn(40_000, slope, intercept)
    found = fit_calibrator(margin, bad, linear=True)
    design = np.column_stack([margin, np.ones_like(margin)])
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * (probability * (1 - probability))[:, None]))))
    assert abs(found.slope - slope) < 4 * errors[0]
    assert abs(found.intercept - intercept) < 4 * errors[1]


def test_a_curve_that_no_line_fits_is_calibrated_within_sampling_error() -> None:
    margin, _, _ = drawn(60_000, 1, 0)
    probability = 0.05 + 0.5 * (margin > 0) + 0.3 * (margin > 1.5)
    happened = (np.random.default_rng(2).random(len(margin)) < probability).astype(np.int8)
    half = len(margin) // 2
    given = fit_calibrator(margin[:half], happened[:half]).probability(margin[half:])
    straight = fit_calibrator(margin[:half], happened[:half], linear=True).probability(margin[half:])
    edges = np.quantile(margin[half:], np.linspace(0, 1, 11))
    worst = {"isotonic": 0.0, "sigmoid": 0.0}
    for low, high in pairwise(edges):
        inside = (margin[half:] >= low) & (margin[half:] <= high)
        observed = happened[half:][inside].mean()
        error = np.sqrt(2 * observed * (1 - observed) / inside.sum())  # of two samples of this size
        for kind, answer in (("isotonic", given), ("sigmoid", straight)):
            worst[kind] = max(worst[kind], abs(answer[inside].mean() - observed) / error)
    assert worst["isotonic"] < 4
    assert worst["sigmoid"] > 8


def test_the_isotonic_keeps_the_ranking_between_its_first_and_last_knot() -> None:
    found = isotonic()
    assert (np.diff(found.knots) > 0).all()
    assert (np.diff(found.levels) > 0).all()
    between = np.linspace(found.knots[0], found.knots[-1], 2_000)
    assert (np.diff(found.probability(between)) > 0).all()
    assert found.probability(np.array([-1e9]))[0] == max(found.levels[0], LOWEST)
    assert found.probability(np.array([1e9]))[0] == min(found.levels[-1], 1 - LOWEST)


@pytest.mark.parametrize("turned", [False, True])
def test_the_isotonic_needs_a_thousand_of_the_rarer_class(turned: bool) -> None:
    random = np.random.default_rng(3)
    for rarer, kind in ((ISOTONIC_LEAST - 1, "sigmoid"), (ISOTONIC_LEAST, "isotonic")):
        bad = np.repeat([1, 0], [rarer, 2_500]).astype(np.int8)
        bad = 1 - bad if turned else bad
        margin = random.normal(size=len(bad)) + bad
        assert fit_calibrator(margin, bad).kind == kind
        assert fit_calibrator(margin, bad, linear=True).kind == "sigmoid"


def test_a_linear_one_adds_the_same_log_odds_for_every_unit_of_margin() -> None:
    margin, _, bad = drawn(8_000, 0.8, -0.5)
    found = fit_calibrator(margin, bad, linear=True)
    probability = found.probability(np.linspace(-4, 4, 9))
    steps = np.diff(np.log(probability / (1 - probability)))
    np.testing.assert_allclose(steps, found.slope, rtol=1e-9)


@pytest.mark.parametrize(
    ("margin", "low", "high"),
    [
        (np.zeros(100), 0.2, 0.3),  # knows nothing
        (np.linspace(1, -1, 100), 0.15, 0.35),  # ranks the wrong way round: never turned
    ],
)
def test_a_margin_that_tells_nothing_gives_about_the_bad_rate(
    margin: FloatArray, low: float, high: float
) -> None:
    bad = (np.arange(100) >= 75).astype(np.int8)
    probability = fit_calibrator(margin, bad).probability(margin)
    assert (probability > low).all()
    assert (probability < high).all()


def test_a_perfect_ranking_is_never_certain() -> None:
    bad = (np.arange(100) >= 60).astype(np.int8)
    probability = fit_calibrator(np.arange(100.0), bad).probability(np.arange(100.0))
    assert probability[:40].max() < 0.1
    assert probability[80:].min() > 0.9
    assert_a_probability_that_rises(fit_calibrator(np.arange(100.0), bad))


@pytest.mark.parametrize(("cases", "linear"), [(600, True), (9_000, False)])
def test_what_became_of_a_fold_does_not_move_its_own_probabilities(cases: int, linear: bool) -> None:
    margin, _, bad = drawn(cases, 0.8, -0.5)
    fold = np.arange(cases) % 5
    turned = np.where(fold == 2, 1 - bad, bad).astype(np.int8)
    before, after = (cross_fitted(margin, labels, fold, linear=linear) for labels in (bad, turned))
    np.testing.assert_array_equal(after[fold == 2], before[fold == 2])
    assert (after[fold != 2] != before[fold != 2]).mean() > 0.9
    alone = fit_calibrator(margin[fold != 2], bad[fold != 2], linear=linear)
    np.testing.assert_array_equal(before[fold == 2], alone.probability(margin[fold == 2]))


@pytest.mark.parametrize("linear", [True, False])
def test_what_is_stored_as_json_is_the_same(linear: bool) -> None:
    margin, _, bad = drawn(8_000, 0.8, -0.5)
    found = fit_calibrator(margin, bad, linear=linear)
    assert Calibrator.from_dict(json.loads(json.dumps(found.to_dict()))) == found
