"""Measures against scikit-learn and SciPy as oracles, and the laws of intervals, stability and drift."""

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle
from sklearn.linear_model import LogisticRegression

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray, IntArray

SEEDS = st.integers(0, 10_000)
LABELLED = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.5, 1.0]), st.floats(0, 1))),
    min_size=2,
    max_size=60,
).filter(lambda cases: 0 < sum(bad for bad, _ in cases) < len(cases))


def arrays(cases: list[tuple[int, float]]) -> tuple[BadArray, FloatArray]:
    return np.array([bad for bad, _ in cases], dtype=np.int8), np.array([risk for _, risk in cases])


def drawn(seed: int, size: int = 400, signal: float = 1.0) -> tuple[BadArray, FloatArray]:
    """Calibrated probabilities and labels."""
    rng = np.random.default_rng(seed)
    probability = 1 / (1 + np.exp(1 - signal * rng.normal(size=size)))
    return (rng.random(size) < probability).astype(np.int8), probability


@given(LABELLED)
@settings(deadline=None)
def test_ranking_measures_equal_the_oracle_ties_included(cases: list[tuple[int, float]]) -> None:
    bad, risk = arrays(cases)
    assert metrics.roc_auc(bad, risk) == pytest.approx(oracle.roc_auc_score(bad, risk), abs=1e-12)
    assert metrics.gini(bad, risk) == pytest.approx(2 * oracle.roc_auc_score(bad, risk) - 1, abs=1e-12)
    assert metrics.pr_auc(bad, risk) == pytest.approx(oracle.average_precision_score(bad, risk), abs=1e-12)
    with np.errstate(divide="ignore"):  # of the p-value, which is not used
        expected = stats.ks_2samp(risk[bad == 1], risk[bad == 0], method="asymp").statistic
    assert metrics.ks(bad, risk) == pytest.approx(expected, abs=1e-12)


@given(LABELLED)
@settings(deadline=None)
def test_probability_measures_equal_the_oracle(cases: list[tuple[int, float]]) -> None:
    bad, probability = arrays(cases)
    assert metrics.brier(bad, probability) == pytest.approx(oracle.brier_score_loss(bad, probability))
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    assert metrics.log_loss(bad, inside) == pytest.approx(oracle.log_loss(bad, inside))
    assert np.isfinite(metrics.log_loss(bad, probability))


@given(LABELLED, st.floats(0.05, 0.95))
@settings(deadline=None)
def test_prediction_measures_equal_the_oracle(cases: list[tuple[int, float]], threshold: float) -> None:
    bad, probability = arrays(cases)
    said = (probability >= threshold).astype(np.int8)
    names = ["true_negatives", "false_positives", "false_negatives", "true_positives"]
    counts = oracle.confusion_matrix(bad, said, labels=[0, 1]).ravel()
    assert metrics.confusion(bad, said) == dict(zip(names, counts.tolist(), strict=True))
    assert metrics.classification(bad, said) == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(bad, said),
            "precision": oracle.precision_score(bad, said, zero_division=0),
            "recall": oracle.recall_score(bad, said, zero_division=0),
            "f1": oracle.f1_score(bad, said, zero_division=0),
        }
    )
    cost = metrics.expected_cost(bad, said, 10, 1)
    assert cost == pytest.approx((10 * counts[2] + counts[1]) / len(bad))


@given(LABELLED)
def test_only_the_order_of_the_risk_counts_and_reversing_it_mirrors_the_auc(
    cases: list[tuple[int, float]],
) -> None:
    bad, risk = arrays(cases)
    rank = np.unique(risk, return_inverse=True)[1].astype(np.float64)
    assert metrics.roc_auc(bad, rank * 7 - 3) == metrics.roc_auc(bad, risk)
    assert metrics.roc_auc(bad, -risk) == pytest.approx(1 - metrics.roc_auc(bad, risk))


@pytest.mark.parametrize("measure", [metrics.roc_auc, metrics.gini, metrics.ks])
@pytest.mark.parametrize("only", [0, 1])
def test_a_measure_of_two_classes_is_nan_with_one(measure: metrics.Measure, only: int) -> None:
    assert np.isnan(measure(np.full(5, only, dtype=np.int8), np.linspace(0, 1, 5)))


def test_average_precision_and_calibration_without_bads() -> None:
    good = np.zeros(4, dtype=np.int8)
    assert np.isnan(metrics.pr_auc(good, np.linspace(0, 1, 4)))
    assert metrics.calibration_in_the_large(good, np.full(4, 0.5)) == 0
    assert np.isnan(metrics.calibration_in_the_large(good, np.zeros(4)))


@pytest.mark.parametrize(("bads", "enough"), [(19, False), (20, True), (80, True), (81, False)])
def test_twenty_of_either_class_are_needed(bads: int, enough: bool) -> None:
    assert metrics.estimable(np.repeat([1, 0], [bads, 100 - bads]).astype(np.int8)) is enough


@given(seed=SEEDS, tilt=st.floats(0.4, 2.5), shift=st.floats(-2, 2))
@settings(max_examples=30, deadline=None)
def test_the_calibration_line_is_the_oracles_logistic_regression(
    seed: int, tilt: float, shift: float
) -> None:
    bad, probability = drawn(seed)
    distorted = 1 / (1 + np.exp(-shift - tilt * np.log(probability / (1 - probability))))
    logit = np.log(distorted / (1 - distorted))[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit, bad)
    expected = (fitted.intercept_[0], fitted.coef_[0, 0])
    np.testing.assert_allclose(metrics.calibration_line(bad, distorted), expected, atol=1e-4)


@given(LABELLED)
@settings(deadline=None)
def test_the_calibration_line_is_finite_or_nan_and_never_warns(cases: list[tuple[int, float]]) -> None:
    bad, raw = arrays(cases)
    probability = np.clip(raw, 1e-6, 1 - 1e-6).round(9)
    good, ill = probability[bad == 0], probability[bad == 1]
    overlap = good.max() > ill.min() and ill.max() > good.min()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        line = metrics.calibration_line(bad, probability)
    assert np.isfinite(line).all() == overlap
    assert np.isnan(line).all() != overlap


def test_calibrated_probabilities_lie_on_the_diagonal() -> None:
    bad, probability = drawn(1, size=60_000)
    assert metrics.calibration_in_the_large(bad, probability) == pytest.approx(1, abs=0.03)
    assert metrics.calibration_in_the_large(bad, probability / 2) == pytest.approx(2, abs=0.06)
    intercept, slope = metrics.calibration_line(bad, probability)
    assert (intercept, slope) == pytest.approx((0, 1), abs=0.06)
    table = metrics.reliability(bad, probability)
    assert len(table) == 10
    assert all(abs(said - seen) < 0.03 for said, seen, _ in table)


@given(LABELLED, st.integers(1, 12))
def test_reliability_groups_hold_every_case_once_and_no_tie_is_split(
    cases: list[tuple[int, float]], bins: int
) -> None:
    bad, probability = arrays(cases)
    table = metrics.reliability(bad, probability, bins)
    said, seen, count = (np.array(column) for column in zip(*table, strict=True))
    assert len(table) <= bins
    assert count.sum() == len(bad)
    assert said @ count == pytest.approx(probability.sum())
    assert seen @ count == pytest.approx(bad.sum())
    ends = np.cumsum(count)[:-1]
    ordered = np.sort(probability)
    assert (ordered[ends] > ordered[ends - 1]).all()


def test_psi_is_zero_for_equal_shares_and_positive_for_a_shift() -> None:
    sample = np.random.default_rng(0).normal(size=5000)
    assert metrics.psi(sample, sample) == 0
    assert metrics.psi(sample, np.concatenate([sample, sample])) == pytest.approx(0, abs=1e-6)
    assert metrics.psi(sample, sample + 0.5) > 0.2
    counts = np.array([100, 200, 300]), np.array([300, 200, 100])
    old, new = ((c + 0.5) / (c + 0.5).sum() for c in counts)
    expected = stats.entropy(old, new) + stats.entropy(new, old)
    assert metrics.psi_of_counts(*counts) == pytest.approx(expected)


@pytest.mark.parametrize(("reference", "current"), [(50_000, 200), (300, 300), (50_000, 60)])
def test_the_psi_limit_is_exceeded_by_chance_as_often_as_it_says(reference: int, current: int) -> None:
    rng = np.random.default_rng(7)
    share = np.full(10, 0.1)
    limit = metrics.psi_limit(reference, current, chance=0.05, least=0.0)
    exact = stats.chi2.isf(0.05, 9) * (1 / reference + 1 / current)
    assert limit == pytest.approx(exact, rel=0.01)
    indices = [
        metrics.psi_of_counts(rng.multinomial(reference, share), rng.multinomial(current, share))
        for _ in range(2000)
    ]
    assert np.mean(np.array(indices) > limit) == pytest.approx(0.05, abs=0.02)


def test_the_psi_limit_knows_the_sample_size() -> None:
    assert metrics.psi_limit(1_000_000, 1_000_000) == 0.1
    assert metrics.psi_limit(10**9, 200) == pytest.approx(0.108, abs=0.001)
    assert metrics.psi_limit(200, 50) > metrics.psi_limit(200, 100)


def reference_stability(bad: BadArray, risk: FloatArray, week: IntArray) -> float:
    """The competition's formula, with SciPy's line and scikit-learn's AUC, the weeks by their numbers."""
    weeks = np.unique(week)
    ginis = [2 * oracle.roc_auc_score(bad[week == w], risk[week == w]) - 1 for w in weeks]
    line = stats.linregress(weeks, ginis)
    residuals = np.array(ginis) - line.intercept - line.slope * weeks
    return float(np.mean(ginis) + 88.0 * min(0, line.slope) - 0.5 * np.std(residuals))


@given(seed=SEEDS, weeks=st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_stability_is_the_competitions_formula(seed: int, weeks: int) -> None:
    bad, risk = drawn(seed, size=600)
    week = np.array([0, 1, 5, 6, 10, 11])[np.arange(600) % weeks]
    assert metrics.stability(bad, risk, week) == pytest.approx(reference_stability(bad, risk, week))
    assert metrics.stability(bad, risk, week + 1000) == metrics.stability(bad, risk, week)


def test_stability_punishes_decay_skips_empty_periods_and_needs_two() -> None:
    bad, risk = drawn(3, size=3000)
    week = np.arange(3000) % 3
    worse = np.where(week == 2, -risk, risk)
    assert metrics.stability(bad, worse, week) < metrics.stability(bad, risk, week) - 1
    silent = (
        np.append(bad, np.zeros(5, dtype=np.int8)),
        np.append(risk, np.zeros(5)),
        np.append(week, [9] * 5),
    )
    assert metrics.stability(*silent) == metrics.stability(bad, risk, week)
    assert np.isnan(metrics.stability(bad, risk, np.zeros(3000, dtype=np.int64)))


def owners(seed: int, size: int, customers: int) -> npt.NDArray[np.object_]:
    return np.random.default_rng(seed).integers(0, customers, size).astype(str).astype(object)


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_an_interval_is_repeatable_and_blind_to_row_order(seed: int) -> None:
    bad, risk = drawn(seed)
    customers = owners(seed, 400, 100)
    first = metrics.interval(metrics.roc_auc, bad, risk, customers, seed=1, times=60)
    order = np.random.default_rng(seed).permutation(400)
    again = metrics.interval(metrics.roc_auc, bad[order], risk[order], customers[order], seed=1, times=60)
    assert first == pytest.approx(again, abs=1e-12)
    assert first[0] < metrics.roc_auc(bad, risk) < first[1]


def test_an_interval_resamples_customers_not_rows() -> None:
    bad, risk = drawn(5, size=200)
    copies = [np.repeat(column, 25) for column in (bad, risk, np.arange(200).astype(str).astype(object))]
    single = metrics.interval(metrics.roc_auc, bad, risk, np.arange(200).astype(object), seed=3)
    by_customer = metrics.interval(metrics.roc_auc, copies[0], copies[1], copies[2], seed=3)
    by_row = metrics.interval(metrics.roc_auc, copies[0], copies[1], np.arange(5000).astype(object), seed=3)
    width = single[1] - single[0]
    assert by_customer[1] - by_customer[0] == pytest.approx(width, rel=0.2)
    assert by_row[1] - by_row[0] < width / 3


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    def mean(bad: BadArray, _: FloatArray) -> float:
        return float(bad.mean())

    rng = np.random.default_rng(0)
    customers = np.repeat(np.arange(80), 3).astype(object)
    hits = 0
    for trial in range(150):
        level = np.repeat(rng.beta(2, 2, 80), 3)
        bad = (rng.random(240) < level).astype(np.int8)
        low, high = metrics.interval(mean, bad, level, customers, seed=trial, times=200)
        hits += low <= 0.5 <= high
    assert 0.88 <= hits / 150 <= 0.99


def test_a_paired_interval_is_narrower_than_its_parts_and_zero_for_equals() -> None:
    bad, risk = drawn(8, size=600)
    customers = owners(8, 600, 200)
    noisy = risk + np.random.default_rng(1).normal(0, 0.15, 600)
    assert metrics.paired_interval(metrics.roc_auc, bad, (risk, risk), customers, seed=2, times=50) == (0, 0)
    low, high = metrics.paired_interval(metrics.roc_auc, bad, (risk, noisy), customers, seed=2)
    single = metrics.interval(metrics.roc_auc, bad, risk, customers, seed=2)
    assert low < metrics.roc_auc(bad, risk) - metrics.roc_auc(bad, noisy) < high
    assert high - low < single[1] - single[0]
    back = metrics.paired_interval(metrics.roc_auc, bad, (noisy, risk), customers, seed=2)
    assert back == pytest.approx((-high, -low), abs=1e-12)


def test_resamples_without_a_class_are_left_out() -> None:
    bad = np.array([1, 1] + [0] * 28, dtype=np.int8)
    risk = np.linspace(0.9, 0.1, 30)
    low, high = metrics.interval(metrics.roc_auc, bad, risk, np.arange(30).astype(object), seed=0)
    assert (low, high) == (1, 1)


def test_an_interval_of_what_is_never_defined_is_nan() -> None:
    good = np.zeros(30, dtype=np.int8)
    found = metrics.interval(
        metrics.roc_auc, good, np.linspace(0, 1, 30), np.arange(30).astype(object), seed=0
    )
    assert np.isnan(found).all()


@pytest.mark.parametrize("measure", [metrics.brier, metrics.log_loss, metrics.ks, metrics.pr_auc])
def test_every_measure_has_an_interval(measure: Callable[..., float]) -> None:
    bad, probability = drawn(2)
    low, high = metrics.interval(measure, bad, probability, owners(2, 400, 150), seed=0, times=100)
    assert low < measure(bad, probability) * 1.1
    assert low < high
