"""The yardstick is fitted beside the candidates on everything, and what loses to it is stopped unless it was asked for."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.metrics import roc_auc
from credit_model.reporting import tables
from credit_model.settings.settings import Settings
from credit_model.training import gates, train
from credit_model.training.candidates import CANDIDATES
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.gates import Gate
from credit_model.training.sample import Recipe, observed_sample
from credit_model.training.train import Trained
from credit_model.training.yardstick import YARDSTICK, fit_yardstick, lift_over
from small_table import BAD, TABLE

NUMBERS = ("left", "right", "noise")


@cache
def crossed() -> tuple[Dataset, Recipe]:
    """Applications whose risk is in the product of two attributes, which no scorecard sees."""
    random = np.random.default_rng(6)
    values = {name: random.normal(size=1_200) for name in NUMBERS}
    chance = 1 / (1 + np.exp(1.2 - 2 * values["left"] * values["right"] - 0.4 * values["left"]))
    table = pl.DataFrame(values).with_columns(
        CustomerId=pl.format("c{}", pl.int_range(1_200)),
        as_of=pl.datetime(2024, 1, 1) + pl.duration(hours=pl.int_range(1_200)),
        defaulted=pl.Series((random.random(1_200) < chance).astype(np.int8)),
    )
    sample = observed_sample(Settings(outcomes="x", attributes=NUMBERS), table)
    return build_dataset(
        tidy_table(pl.DataFrame(schema=SCHEMA)), sample.decisions, sample.recipe
    ), sample.recipe


def trained(monkeypatch: pytest.MonkeyPatch, name: str, candidate: str) -> tuple[Trained, Gate]:
    monkeypatch.setattr(
        "credit_model.training.cross_validation.CANDIDATES",
        {each: CANDIDATES[each] for each in dict.fromkeys(("scorecard", name))},
    )
    dataset, recipe = crossed()
    recipe = replace(recipe, candidate=candidate)
    found = train.train(dataset, dataset, recipe)
    asked = gates.judge(recipe, found.figures, {}, (), found.attributes)
    return found, next(gate for gate in asked if gate.name == "not below the yardstick")


def test_a_model_that_loses_to_it_fails_and_says_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    found, gate = trained(monkeypatch, "scorecard", "auto")
    assert gate.state == "failed"
    for figure in (found.figures["compared_roc_auc"], found.figures["yardstick_roc_auc"]):
        assert f"{figure:.3f}" in gate.sentence


def test_a_model_that_was_asked_for_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    found, gate = trained(monkeypatch, "scorecard", "scorecard")
    assert gate.state == "warning"
    assert "candidate=scorecard was asked for" in gate.sentence
    rows = {row["candidate"]: row for row in tables.comparison(found).to_dicts()}
    assert rows["yardstick"]["auc"] == pytest.approx(np.mean(found.yardstick.fold_auc))
    assert rows["yardstick"]["auc"] > rows["scorecard"]["auc"] + 0.05
    assert [name for name, row in rows.items() if row["chosen"]] == ["scorecard"]


def test_a_booster_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trained(monkeypatch, "xgboost", "auto")[1].state == "passed"


def test_it_reads_every_column() -> None:
    fitted = fit_yardstick(TABLE, BAD, 1, {}, YARDSTICK.default_parameters)
    assert fitted.inputs == tuple(TABLE.columns)
    assert roc_auc(BAD, fitted.margin(TABLE)) > 0.8


def test_the_lift_is_paired() -> None:
    random = np.random.default_rng(1)
    bad = (random.random(2_000) < 0.2).astype(np.int8)
    margin, customers = bad + random.normal(size=2_000), np.arange(2_000).astype(str).astype(object)
    same = lift_over(margin, 2 * margin + 1, bad, customers, 1)
    assert (same["lift_over_yardstick_low"], same["lift_over_yardstick_high"]) == (0, 0)
    worse = lift_over(margin, margin + random.normal(0, 0.5, 2_000), bad, customers, 1)
    assert (
        worse["lift_over_yardstick_low"]
        < worse["lift_over_yardstick"]
        < worse["lift_over_yardstick_high"]
        < 0
    )
