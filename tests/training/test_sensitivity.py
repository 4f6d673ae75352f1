"""An input that alone tells everything costs all, one that is not read costs nothing."""

import numpy as np
import polars as pl
import pytest

from credit_model import metrics
from credit_model.models.logistic import Linear, Term
from credit_model.training.sensitivity import auc_lost, importance

ROWS = 1_500
RANDOM = np.random.default_rng(6)
TABLE = pl.DataFrame({"strong": RANDOM.normal(size=ROWS), "idle": RANDOM.normal(size=ROWS)})
BAD = (RANDOM.random(ROWS) < 1 / (1 + np.exp(-2 * TABLE["strong"].to_numpy()))).astype(np.int8)


def line(name: str, slope: float) -> Term:
    return Term(name, (-4.0, 4.0), (-4 * slope, 4 * slope), {}, 0.0, 0.0)


MODEL = Linear((line("strong", 1.0), line("idle", 0.0)), 0.0)


def test_without_the_one_strong_input_only_chance_is_left() -> None:
    table = auc_lost(MODEL, TABLE, BAD, seed=1)
    whole = metrics.roc_auc(BAD, MODEL.margin(TABLE))
    assert table["feature"].to_list() == ["strong", "idle"]
    assert table["auc_lost"][0] == pytest.approx(whole - 0.5, abs=0.03)
    assert table["auc_lost"][1] == 0


def test_one_seed_gives_one_table() -> None:
    assert auc_lost(MODEL, TABLE, BAD, 1).equals(auc_lost(MODEL, TABLE, BAD, 1))
    assert not auc_lost(MODEL, TABLE, BAD, 1).equals(auc_lost(MODEL, TABLE, BAD, 2))


def test_importance_of_few_rows_is_the_mean_of_all_of_them() -> None:
    few = TABLE.head(700)
    np.testing.assert_allclose(importance(MODEL, few), np.abs(MODEL.contributions(few)).mean(axis=0))
    assert importance(MODEL, TABLE)[0] == pytest.approx(
        np.abs(MODEL.contributions(TABLE)).mean(axis=0)[0], rel=0.05
    )
