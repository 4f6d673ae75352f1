"""Texts and tables that are kept with a training run, by path."""

import json
import re
from collections.abc import Mapping

import numpy as np
import polars as pl

from credit_model import scorecard
from credit_model.evaluation import by_period
from credit_model.page import Section, Table, page
from credit_model.training import Trained
from credit_model.woe import binning_table
from credit_model.woe_scorecard import Scorecard
from credit_model.workflow import Outcome
from credit_model.writers import csv_text


def documents(outcome: Outcome) -> Mapping[str, str]:
    """Every text, by the path it is logged under."""
    trained, recipe = outcome.trained, outcome.sample.recipe
    known = ~np.isnan(trained.probability)
    bad, probability = trained.prepared.bad[known], trained.probability[known]
    found = {
        "summary.txt": "\n".join(outcome.summary) + "\n",
        "features.csv": csv_text(features(trained)),
        "comparison.csv": csv_text(comparison(trained)),
        "calibration_by_period.csv": csv_text(by_period(trained.prepared, trained.probability)),
        "decisions_by_band.csv": csv_text(scorecard.decision_table(trained.scorer.bands, probability, bad)),
        "cost_curve.csv": csv_text(scorecard.cost_curve(probability, bad, *recipe.costs)),
        "scorecard/points.csv": csv_text(points(trained)),
        "scorecard/points.html": _points_page(trained, recipe.scale),
    } | _binnings(trained.scorecard)
    if outcome.fairness is not None:
        found["fairness.csv"] = csv_text(outcome.fairness.table)
        found["disparities.csv"] = csv_text(outcome.fairness.disparities)
    if outcome.sample.proxy is not None:
        labeller = outcome.sample.proxy.labeller
        found["labeller.json"] = json.dumps(labeller.to_dict(), indent=1)
        found["cohorts.csv"] = csv_text(outcome.sample.proxy.cohorts)
    return found


def comparison(trained: Trained) -> pl.DataFrame:
    """One row per candidate, the best first: cross-validated AUC and its error, the loss to the best and the error of that.

    Errors are standard errors over the folds; beside them the AUC out of time, and what was chosen.
    """
    best = max(trained.comparison.values(), key=lambda result: result.mean)
    rows = [
        {
            "candidate": name,
            "auc": result.mean,
            "standard_error": result.standard_error,
            "loss": result.loss_to(best)[0],
            "loss_standard_error": result.loss_to(best)[1],
            "auc_out_of_time": trained.test_auc.get(name),
            "chosen": name == trained.winner,
        }
        for name, result in trained.comparison.items()
    ]
    table = pl.DataFrame(rows, schema_overrides={"auc_out_of_time": pl.Float64})
    return table.sort("auc", descending=True, maintain_order=True)


def features(trained: Trained) -> pl.DataFrame:
    """Every feature that varied, what it means, and whether the model uses it."""
    known, used = trained.prepared.catalogue.features, set(trained.scorer.classifier.inputs)
    rows = [
        {"feature": n, "meaning": known[n].meaning, "topic": known[n].topic, "used": n in used}
        for n in trained.prepared.features.columns
    ]
    return pl.DataFrame(rows)


def points(trained: Trained) -> pl.DataFrame:
    """Points of every bin of the scorecard, after calibration: those of a case's bins add up to its score."""
    primary, classifier = trained.primary, trained.scorecard
    slope, intercept = primary.calibrator.slope, primary.calibrator.intercept
    weights = {
        binning.feature: -slope * weight
        for binning, weight in zip(classifier.binnings, classifier.weights, strict=True)
    }
    binnings = {binning.feature: binning for binning in classifier.binnings}
    return scorecard.points_table(intercept + slope * classifier.neutral, weights, binnings, primary.scale)


def _points_page(trained: Trained, scale: scorecard.Scale) -> str:
    subtitle = f"{scale.base_score:g} points at {scale.base_odds:g}:1, {scale.points_to_double_odds:g} points double the odds"
    table = Table(points(trained), "Points of every bin; those of a case's bins add up to its score")
    return page("Scorecard", subtitle, [Section("Points", [table])])


def _binnings(primary: Scorecard) -> dict[str, str]:
    found = {}
    for place, binning in enumerate(primary.binnings, 1):
        plain = binning.to_dict() | {"information_value": binning.information_value}
        name = re.sub(r"\W+", "_", binning.feature)[:60]
        found[f"scorecard/binnings/{place:02}_{name}.json"] = json.dumps(
            plain | {"table": binning_table(binning).to_dicts()}, indent=1
        )
    return found
