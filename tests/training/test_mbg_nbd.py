"""MBG/NBD against integration over its two distributions, and against customers simulated from it."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad_vec
from scipy.stats import beta, gamma

from credit_model.training.mbg_nbd import MbgNbd, Purchases, fit_mbg_nbd

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

TRUTH = MbgNbd(r=0.9, alpha=6.0, a=0.8, b=2.5)
HORIZON = 30.0

models = st.builds(MbgNbd, *[st.floats(0.3, 5.0)] * 4)
histories = st.tuples(st.integers(0, 8), st.floats(0, 1), st.floats(0.5, 80)).map(
    lambda drawn: one(drawn[0], drawn[1] * drawn[2] * (drawn[0] > 0), drawn[2])
)


def one(repeats: float, last: float, age: float) -> Purchases:
    return Purchases(np.array([float(repeats)]), np.array([last]), np.array([age]))


def simulate(model: MbgNbd, customers: int, seed: int) -> tuple[Purchases, BoolArray, BoolArray]:
    """Purchases of customers up to their ages, who of them is still alive, who is silent in the horizon."""
    rng = np.random.default_rng(seed)
    rate, chance = rng.gamma(model.r, 1 / model.alpha, customers), rng.beta(model.a, model.b, customers)
    age = rng.uniform(10, 60, customers)
    repeats, last, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    alive, silent = np.zeros(customers, bool), np.ones(customers, bool)
    buying = np.flatnonzero(rng.random(customers) >= chance)
    while len(buying):
        now[buying] += rng.exponential(1 / rate[buying])
        over = buying[now[buying] > age[buying]]
        alive[over], silent[over] = True, now[over] > age[over] + HORIZON
        buying = buying[now[buying] <= age[buying]]
        repeats[buying] += 1
        last[buying] = now[buying]
        buying = buying[rng.random(len(buying)) >= chance[buying]]
    return Purchases(repeats, last, age), alive, silent


SIMULATED, ALIVE, SILENT = simulate(TRUTH, 12_000, seed=1)
FITTED = fit_mbg_nbd(SIMULATED)


def mean(function: Callable[[FloatArray], FloatArray], quantile: Callable[[FloatArray], FloatArray]) -> float:
    """The expectation of a function of a random variable, by integration over its quantiles."""
    last = np.nextafter(1, 0)  # at 1 itself a rate is infinite
    return float(
        quad_vec(lambda u: function(quantile(min(u, last))), 0, 1, epsrel=1e-7, epsabs=0, limit=400)[0]
    )


@settings(deadline=None, max_examples=30)
@given(models, histories)
def test_likelihood_and_survival_are_integrals_over_rates_and_chances(
    model: MbgNbd, purchases: Purchases
) -> None:
    repeats, last, age = (float(column[0]) for column in (purchases.repeats, purchases.last, purchases.age))
    rate, chance = gamma(model.r, scale=1 / model.alpha).ppf, beta(model.a, model.b).ppf
    lives = mean(lambda p: (1 - p) ** (repeats + 1), chance) * mean(
        lambda y: y**repeats * np.exp(-y * age), rate
    )
    left = mean(lambda p: p * (1 - p) ** repeats, chance) * mean(
        lambda y: y**repeats * np.exp(-y * last), rate
    )
    assert model.log_likelihood(purchases)[0] == pytest.approx(np.log(lives + left), abs=1e-4)
    assert model.alive(purchases)[0] == pytest.approx(lives / (lives + left), rel=1e-4)


@settings(deadline=None)
@given(models, histories)
def test_the_gradient_is_the_slope_of_the_likelihood(model: MbgNbd, purchases: Purchases) -> None:
    values, step = np.array([model.r, model.alpha, model.a, model.b]), 1e-5
    gradient = model.gradient(purchases)[:, 0]
    for place, slope in enumerate(gradient):
        factor = np.exp(step * (np.arange(4) == place))
        above, below = MbgNbd(*(values * factor)), MbgNbd(*(values / factor))
        rise = above.log_likelihood(purchases) - below.log_likelihood(purchases)
        assert slope == pytest.approx(rise[0] / (2 * step), abs=1e-5, rel=1e-4)


def test_the_fit_recovers_the_parameters_it_was_simulated_from() -> None:
    """Twice the gain in likelihood over the truth is chi-squared(4): above 23.5 once in 10,000 samples."""
    gain = 2 * float((FITTED.log_likelihood(SIMULATED) - TRUTH.log_likelihood(SIMULATED)).sum())
    assert -1e-3 <= gain < 23.5
    assert FITTED.r / FITTED.alpha == pytest.approx(TRUTH.r / TRUTH.alpha, rel=0.1)
    assert FITTED.a / (FITTED.a + FITTED.b) == pytest.approx(TRUTH.a / (TRUTH.a + TRUTH.b), rel=0.1)
    assert np.abs(FITTED.gradient(SIMULATED).mean(axis=1)).max() < 1e-4


@pytest.mark.parametrize("model", [TRUTH, FITTED])
def test_as_many_survive_and_fall_silent_as_the_model_says(model: MbgNbd) -> None:
    """In each tenth of the customers, within four standard errors."""
    for probability, happened in (
        (model.alive(SIMULATED), ALIVE),
        (model.silent(SIMULATED, HORIZON), SILENT),
    ):
        for tenth in np.array_split(np.argsort(probability, kind="stable"), 10):
            expected = probability[tenth].mean()
            error = np.sqrt(expected * (1 - expected) / len(tenth))
            assert abs(happened[tenth].mean() - expected) < 4 * error


@settings(deadline=None)
@given(models, histories, st.floats(0, 1000), st.floats(0, 1000))
def test_silence_is_a_probability_that_falls_with_the_time_looked_ahead(
    model: MbgNbd, purchases: Purchases, days: float, more: float
) -> None:
    silent = model.silent(purchases, days)[0]
    assert 1 - model.alive(purchases)[0] - 1e-12 <= model.silent(purchases, days + more)[0] <= silent + 1e-12
    assert 0 <= silent <= 1
    assert model.silent(purchases, 0.0)[0] == pytest.approx(1)


def test_a_single_purchase_does_not_prove_survival_and_thousands_do_not_overflow() -> None:
    assert TRUTH.alive(one(0, 0, 60))[0] < 0.6
    extremes = Purchases(
        np.array([0.0, 4090.0, 4090.0]), np.array([0.0, 90.0, 1.0]), np.array([0.0, 90.0, 3650.0])
    )
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(TRUTH.log_likelihood(extremes)).all()
        assert np.isfinite(TRUTH.gradient(extremes)).all()
        assert TRUTH.alive(extremes)[1:] == pytest.approx([1, 0], abs=1e-3)
        assert np.isfinite(TRUTH.silent(extremes, HORIZON)).all()


def test_order_and_unit_of_time_change_nothing_but_the_unit() -> None:
    few = Purchases(SIMULATED.repeats[:500], SIMULATED.last[:500], SIMULATED.age[:500])
    fitted = fit_mbg_nbd(few)
    assert fit_mbg_nbd(Purchases(few.repeats[::-1], few.last[::-1], few.age[::-1])) == fitted
    hours = fit_mbg_nbd(Purchases(few.repeats, few.last * 24, few.age * 24))
    assert hours.alpha == pytest.approx(24 * fitted.alpha, rel=1e-3)
    assert (hours.r, hours.a, hours.b) == pytest.approx((fitted.r, fitted.a, fitted.b), rel=1e-3)


def test_of_very_many_customers_a_sample_gives_the_same_fit() -> None:
    many = Purchases(*(np.tile(column, 4) for column in (SIMULATED.repeats, SIMULATED.last, SIMULATED.age)))
    assert fit_mbg_nbd(many).r == pytest.approx(FITTED.r, rel=0.05)


def test_without_customers_there_is_nothing_to_fit() -> None:
    with pytest.raises(
        ValueError, match="nobody to be fitted on; give decisions with at least one transaction"
    ):
        fit_mbg_nbd(Purchases(np.array([]), np.array([]), np.array([])))
