"""Values looked up are those that XGBoost works out."""

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from credit_model.shapley import Lookup, lookup

INPUTS = 4


def grown(seed: int, depth: int, trees: int = 6, inputs: int = INPUTS) -> tuple[xgboost.Booster, np.ndarray]:
    random = np.random.default_rng(seed)
    cells = random.normal(size=(300, inputs)).round(1).astype(np.float32)
    cells[random.random(cells.shape) < 0.2] = np.nan
    odd = (np.nan_to_num(cells[:, 0]) + random.normal(size=300) > 0) ^ (np.nan_to_num(cells[:, -1]) > 1)
    parameters = {"objective": "binary:logistic", "max_depth": depth, "nthread": 1, "seed": seed}
    return xgboost.train(parameters, xgboost.DMatrix(cells, odd, nthread=1), trees), cells


def tables(booster: xgboost.Booster, inputs: int = INPUTS) -> Lookup:
    found = lookup(booster, inputs)
    assert found is not None
    return found


@given(seed=st.integers(0, 1000), depth=st.integers(0, 2), inputs=st.integers(1, INPUTS))
def test_the_values_are_those_of_xgboost(seed: int, depth: int, inputs: int) -> None:
    booster, cells = grown(seed, max(depth, 1), 6 if depth else 1, inputs)
    expected = booster.predict(xgboost.DMatrix(cells, nthread=1), pred_contribs=True)[:, :-1]
    np.testing.assert_allclose(tables(booster, inputs).contributions(cells), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 256, 257, 300])
def test_a_case_has_its_values_in_any_company(rows: int) -> None:
    booster, cells = grown(1, 2)
    found = tables(booster).contributions(cells[:rows])
    alone = [tables(booster).contributions(cells[row : row + 1])[0] for row in range(rows)]
    assert np.array_equal(found, np.array(alone).reshape(rows, INPUTS))


def test_deeper_trees_are_left_to_xgboost() -> None:
    booster, _ = grown(1, 3)
    assert lookup(booster, INPUTS) is None
