"""Values looked up are those that XGBoost works out."""

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from credit_model.models.tree_lookup import Lookup, lookup

INPUTS = 4


def grown(seed: int, depth: int, trees: int = 6, inputs: int = INPUTS) -> tuple[xgboost.Booster, np.ndarray]:
    random = np.random.default_rng(seed)
    cells = random.normal(size=(300, inputs)).round(1).astype(np.float32)
    cells[random.random(cells.shape) < 0.2] = np.nan
    odd = (np.nan_to_num(cells[:, 0]) + random.normal(size=300) > 0) ^ (np.nan_to_num(cells[:, -1]) > 1)
    parameters = {"objective": "binary:logistic", "max_depth": depth, "nthread": 1, "seed": seed}
    return xgboost.train(parameters, xgboost.DMatrix(cells, odd, nthread=1), trees), cells


def tables(booster: xgboost.Booster, inputs: int = INPUTS) -> Lookup:
    found = lookup(bytes(booster.save_raw("json")), inputs)
    assert found is not None
    return found


@given(seed=st.integers(0, 1000), depth=st.integers(0, 6), inputs=st.integers(1, INPUTS))
def test_margins_and_values_are_those_of_xgboost(seed: int, depth: int, inputs: int) -> None:
    booster, cells = grown(seed, max(depth, 1), 6 if depth else 1, inputs)
    matrix, found = xgboost.DMatrix(cells, nthread=1), tables(booster, inputs)
    margin, values = found.margin_and_contributions(cells)
    expected = booster.predict(matrix, pred_contribs=True)
    np.testing.assert_allclose(values, expected[:, :-1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(margin, booster.predict(matrix, output_margin=True), rtol=0, atol=1e-6)
    assert found.neutral == pytest.approx(expected[0, -1], abs=1e-6)
    assert np.array_equal(found.margin(cells), margin)


@given(seed=st.integers(0, 1000))
def test_the_values_add_up_to_the_margin(seed: int) -> None:
    booster, cells = grown(seed, 2)
    margin, values = tables(booster).margin_and_contributions(cells)
    np.testing.assert_allclose(tables(booster).neutral + values.sum(axis=1), margin, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rows", [0, 1, 256, 257, 300])
def test_a_case_is_judged_alike_in_any_company(rows: int) -> None:
    found = tables(grown(1, 2)[0])
    cells = grown(1, 2)[1][:rows]
    margin, values = found.margin_and_contributions(cells)
    alone = [found.margin_and_contributions(cells[row : row + 1]) for row in range(rows)]
    assert np.array_equal(values, np.array([one[1][0] for one in alone]).reshape(rows, INPUTS))
    assert np.array_equal(margin, np.array([one[0][0] for one in alone]))
    assert np.array_equal(found.margin(cells), margin)


def test_deeper_trees_are_left_to_xgboost() -> None:
    booster, _ = grown(1, 7)
    assert lookup(bytes(booster.save_raw("json")), INPUTS) is None
