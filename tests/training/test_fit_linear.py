"""How many terms a linear candidate affords, which signs it keeps, and what a gap weighs."""

import numpy as np
import polars as pl

from credit_model.training.candidates import CANDIDATES
from credit_model.training.fit_linear import EVENTS_PER_CHARACTERISTIC, _logistic, fit_logistic, fit_scorecard
from small_table import BAD, ROWS, TABLE


def test_few_bads_afford_few_characteristics_though_many_inform() -> None:
    wide = TABLE.select(
        pl.Series(f"f{n}", BAD + np.random.default_rng(n).normal(scale=1.2, size=ROWS)) for n in range(12)
    )
    few = np.concatenate([np.flatnonzero(BAD == 1)[:15], np.flatnonzero(BAD == 0)])
    given = CANDIDATES["scorecard"].default_parameters
    card = CANDIDATES["scorecard"].fit(wide[few], BAD[few], 1, {}, given)
    assert len(card.inputs) <= 15 // EVENTS_PER_CHARACTERISTIC < given["characteristics"]


def test_a_scorecard_keeps_no_weight_of_the_wrong_sign() -> None:
    """A feature that informs only through another one would turn its sign beside it."""
    random = np.random.default_rng(4)
    cause = random.normal(size=2000)
    echo = cause + random.normal(scale=1.0, size=2000)
    logit = 2.5 * cause - 0.7 * echo
    bad = (random.uniform(size=2000) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    table = pl.DataFrame({"cause": cause, "echo": echo})
    given = {"characteristics": 15, "correlation": 1.0, "c": 10.0}
    card = fit_scorecard(table, bad, 1, {}, given)
    assert card.inputs == ("cause",)
    assert min(card.weights) > 0


def test_what_is_missing_has_its_own_weight() -> None:
    """A gap says more than the median that fills it: the regression on value and indicator is the oracle."""
    values = TABLE["noise"].to_numpy().copy()
    gaps = np.random.default_rng(5).uniform(size=ROWS) < np.where(BAD == 1, 0.5, 0.1)
    table = pl.DataFrame({"noise": pl.Series(values).set(pl.Series(gaps), None)})
    ours = fit_logistic(table, BAD, 1, {}, {"scaling": "standard", "c": 1.0, "inputs": 9})
    known = values[~gaps]
    low, high = np.quantile(known, [0.01, 0.99])
    cut = np.clip(known, low, high)
    filled = (np.clip(np.where(gaps, np.median(known), values), low, high) - cut.mean()) / cut.std()
    design = np.stack([gaps.astype(float), filled], axis=1)
    weights, intercept = _logistic(design - design.mean(axis=0), BAD, 1.0, 1)
    expected = intercept + (design - design.mean(axis=0)) @ weights
    np.testing.assert_allclose(ours.margin(table), expected, atol=1e-9)
