"""The yardstick is always compared: what loses to it does not win, and a gate says so of what was asked for."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from credit_model.data.decisions import Attribute
from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.features.aggregates import CROSSED
from credit_model.features.catalogue import Catalogue
from credit_model.metrics import roc_auc
from credit_model.reporting import tables
from credit_model.settings.settings import Settings
from credit_model.training import cross_validation, gates, train
from credit_model.training.candidates import CANDIDATES
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.gate import Gate
from credit_model.training.plain import plain_features
from credit_model.training.sample import Recipe, observed_sample
from credit_model.training.train import Trained
from credit_model.training.yardstick import YARDSTICK, lift_over
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


@cache
def trained(candidate: str) -> tuple[Trained, Gate]:
    dataset, recipe = crossed()
    with pytest.MonkeyPatch.context() as patch:
        names = ("scorecard", YARDSTICK)
        patch.setattr(cross_validation, "CANDIDATES", {name: CANDIDATES[name] for name in names})
        result = train.train(dataset, dataset, replace(recipe, candidate=candidate))
    asked = gates.judge(recipe, result.figures, {}, (), result.attributes)
    return result, next(gate for gate in asked if gate.name == "not below the yardstick")


def test_what_loses_to_it_does_not_win() -> None:
    result, gate = trained("auto")
    assert result.winner == YARDSTICK
    assert gate.state == "passed"


def test_it_is_compared_whatever_was_asked_for_and_the_gate_says_both_figures() -> None:
    result, gate = trained("scorecard")
    assert list(result.comparison) == ["scorecard", YARDSTICK]
    assert gate.state == "failed"
    for figure in (result.figures["compared_roc_auc"], result.figures["yardstick_roc_auc"]):
        assert f"{figure:.3f}" in gate.sentence


def test_it_stands_in_the_comparison() -> None:
    result, _ = trained("scorecard")
    rows = {row["candidate"]: row for row in tables.comparison(result).to_dicts()}
    assert rows[YARDSTICK]["auc"] == pytest.approx(np.mean(result.comparison[YARDSTICK].fold_auc))
    assert rows[YARDSTICK]["auc"] > rows["scorecard"]["auc"] + 0.05
    assert [name for name, row in rows.items() if row["chosen"]] == ["scorecard"]


def test_it_is_untuned_and_reads_every_column_that_it_is_offered() -> None:
    fitted = CANDIDATES[YARDSTICK].fit(TABLE, BAD, 1, {}, CANDIDATES[YARDSTICK].default_parameters)
    assert fitted.inputs == tuple(TABLE.columns)
    assert roc_auc(BAD, fitted.margin(TABLE)) > 0.8
    assert not CANDIDATES[YARDSTICK].space


def test_it_is_offered_the_plain_features_alone() -> None:
    levels = {"ProductCategory": ("airtime", "loan"), "ProductId": ("p",), CROSSED: ("loan|web|p",)}
    catalogue = Catalogue(366, levels, (Attribute("income", "number"),), (("debit", "income"),))
    plain = plain_features(catalogue)
    assert {
        "recency",
        "balance_min_90d",
        "net_30d",
        "income",
        "debit_to_income",
        "share_ProductCategory_loan",
        "average_value_ProductCategory_loan",
        "gross_90d_to_income",
    } <= plain
    assert "turnover_to_income" not in plain
    assert "turnover_to_income" in plain_features(replace(catalogue, history_days=90)), (
        "it is that of 90 days"
    )
    assert not [name for name in plain if CROSSED in name or "ProductId" in name or "month" in name]
    assert len(plain) < len(catalogue.features) / 3
    table = pl.DataFrame({name: [0.0, 1.0] for name in ("recency", "hour_mean")})
    cases = cross_validation.Cases(
        table, np.array([0, 1], dtype=np.int8), np.array(["a", "b"], dtype=object), {}, plain
    )
    assert cases.offered(CANDIDATES[YARDSTICK]).columns == ["recency"]
    assert cases.offered(CANDIDATES["xgboost"]).columns == ["recency", "hour_mean"]
    others = replace(cases, table=table.drop("recency"))
    assert others.offered(CANDIDATES[YARDSTICK]).columns == ["hour_mean"], "where no plain feature varies"


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
