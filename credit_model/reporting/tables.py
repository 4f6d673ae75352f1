"""Texts and tables that are logged with a training run."""

import json
import re
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.data.writers import csv_text
from credit_model.models.binning import Binning
from credit_model.models.logistic import Linear, Term
from credit_model.models.scorecard import Scorecard
from credit_model.models.segmented import Segmented
from credit_model.reporting.page import Section, Table, page
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.policy import DECISIONS, Bands
from credit_model.scoring.scale import Scale
from credit_model.training import bins_file, costs
from credit_model.training.evaluation import by_period
from credit_model.training.own_candidates import changes
from credit_model.training.train import Trained
from credit_model.training.whole_points import points_of_bins
from credit_model.training.workflow import TrainingResult


def documents(result: TrainingResult) -> Mapping[str, str]:
    """Every text, by the path that it is logged under."""
    trained, recipe = result.trained, result.sample.recipe
    scored = ~np.isnan(trained.probability)
    bad, probability = trained.dataset.bad[scored], trained.probability[scored]
    tables = {f"validation/{name}.csv": csv_text(table) for name, table in result.validation.tables().items()}
    texts = (
        tables
        | {
            "summary.txt": "\n".join(result.summary) + "\n",
            bins_file.NAME: result.bins,
            "features.csv": csv_text(features(trained)),
            "comparison.csv": csv_text(comparison(trained)),
            "gates.csv": csv_text(gates(result)),
            "parameters.csv": csv_text(parameters(trained)),
            "calibration_by_period.csv": csv_text(
                by_period(trained.dataset, trained.probability, trained.ranked)
            ),
            "decisions_by_band.csv": csv_text(decided(trained)),
            "cost_curve.csv": csv_text(costs.cost_curve(probability, bad, *recipe.costs)),
            "scorecard/points.csv": csv_text(points(trained)),
            "scorecard/points.html": _points_page(trained, recipe.scale),
        }
        | _binnings(trained.scorecard)
    )
    if isinstance(trained.scorer.classifier, Linear):
        texts["coefficients.csv"] = csv_text(coefficients(trained.scorer.classifier))
    by_segment = segment_points(trained)
    if by_segment is not None:
        texts["scorecard/segments.csv"] = csv_text(by_segment)
    if trained.attributes:
        texts["attributes.csv"] = csv_text(attributes(result))
    if result.declined is not None:
        texts["declined.csv"] = csv_text(result.declined.figures)
        texts["declined_by_band.csv"] = csv_text(result.declined.bands)
    if compared := result.fairness.items():
        texts["fairness.csv"] = csv_text(_by_column({name: each.table for name, each in compared}))
        texts["disparities.csv"] = csv_text(_by_column({name: each.disparities for name, each in compared}))
    if result.sample.proxy is not None:
        labeller = result.sample.proxy.labeller
        texts["labeller.json"] = json.dumps(labeller.to_dict(), indent=1)
        texts["cohorts.csv"] = csv_text(result.sample.proxy.cohorts)
    return texts


def _by_column(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Tables of the columns that were compared by, one below the other."""
    return pl.concat(table.select(pl.lit(name).alias("column"), pl.all()) for name, table in tables.items())


def comparison(trained: Trained) -> pl.DataFrame:
    """One row per candidate, the best first: cross-validated AUC, loss to the best, AUC on the test part.

    The AUC and the loss have standard errors over the folds.
    """
    results = trained.comparison
    best = max(results.values(), key=lambda result: result.mean)
    rows = [
        {
            "candidate": name,
            "auc": result.mean,
            "standard_error": result.standard_error,
            "loss": result.loss_to(best)[0],
            "loss_standard_error": result.loss_to(best)[1],
            "auc_test": trained.test_auc.get(name),
            "chosen": name == trained.winner,
        }
        for name, result in results.items()
    ]
    table = pl.DataFrame(rows, schema_overrides={"auc_test": pl.Float64})
    return table.sort("auc", descending=True, maintain_order=True)


def parameters(trained: Trained) -> pl.DataFrame:
    """One row per parameter of a compared candidate that is not the default one: default, used, and who chose it."""
    rows = [
        (name, key, str(usual), str(used), _chosen_by(name, key, trained))
        for name, result in trained.comparison.items()
        for key, usual, used in changes(name, result.parameters)
    ]
    schema = dict.fromkeys(("candidate", "parameter", "default", "used", "by"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _chosen_by(name: str, key: str, trained: Trained) -> str:
    """Who chose a parameter: the first point of a search is what it was without one."""
    result = trained.comparison[name]
    first = trained.trials[name][0].parameters if trained.trials[name] else result.parameters
    return "asked for" if first.get(key) == result.parameters.get(key) else "search"


def gates(result: TrainingResult) -> pl.DataFrame:
    """One row per gate: gate, state, figure, limit (null where there is none) and sentence."""
    rows = [(gate.name, gate.state, gate.figure, gate.limit, gate.sentence) for gate in result.gates]
    numbers = {"figure": pl.Float64, "limit": pl.Float64}
    schema = {"gate": pl.String, "state": pl.String} | numbers | {"sentence": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def attributes(result: TrainingResult) -> pl.DataFrame:
    """One row per attribute: information value, AUC lost without it (null: not measured alone), whether it is confirmed."""
    confirmed = result.sample.recipe.confirmed
    rows = [(a.name, a.information_value, a.loss, a.name in confirmed) for a in result.trained.attributes]
    schema = {"attribute": pl.String, "information_value": pl.Float64, "auc_lost_without": pl.Float64}
    return pl.DataFrame(rows, schema=schema | {"confirmed": pl.Boolean}, orient="row")


def features(trained: Trained) -> pl.DataFrame:
    """One row per feature that varies among the modelled decisions: what it means, and whether the model uses it."""
    definitions, used = trained.dataset.catalogue.features, set(trained.scorer.classifier.inputs)
    rows = [
        {"feature": n, "meaning": definitions[n].meaning, "topic": definitions[n].topic, "used": n in used}
        for n in trained.dataset.table(trained.dataset.modelled).columns
    ]
    return pl.DataFrame(rows)


def training_table(trained: Trained, whose: pl.Series) -> pl.DataFrame:
    """One row per decision of a training: who, ``as_of``, ``bad``, ``part``, the features and the scores.

    ``probability`` is that of predictions, bands and strategy, out of fold; ``ranked`` what ranking measures are made of;
    ``test_probability`` that of the test part, NaN elsewhere. A feature that has the name of another column is called
    ``feature_`` and its name.

    Args:
        trained: the trained model.
        whose: the column of the customers.
    """
    dataset = trained.dataset
    decisions = dataset.decisions.select(whose, "as_of", pl.col("bad").cast(pl.Float64), "part")
    scores = {
        "probability": trained.probability,
        "ranked": trained.ranked,
        "test_probability": trained.test_probability,
    }
    taken = {"bad", "part", *scores} & {*dataset.features.columns}
    table = decisions.hstack(dataset.features.rename({name: f"feature_{name}" for name in taken}))
    return table.with_columns(**{name: pl.Series(values) for name, values in scores.items()})


def points(trained: Trained) -> pl.DataFrame:
    """Points of every bin of the scorecard, after calibration: those of a case's bins add up to its score."""
    primary, card = trained.primary, trained.scorecard
    return card_table(card, primary.calibrator, primary.scale).select("feature", "bin", "woe", "points")


def card_table(card: Scorecard, calibrator: Calibrator, scale: Scale) -> pl.DataFrame:
    """Every bin of a scorecard: feature, bin (text), count, goods, bads, bad_rate, woe, iv, and points after calibration."""
    added = points_of_bins(card, calibrator, scale)
    parts = [
        binning_table(binning).drop("bin").rename({"range": "bin"}).with_columns(pl.Series("points", own))
        for binning, own in zip(card.binnings, added, strict=True)
    ]
    return pl.concat(parts)


def segment_table(model: Segmented, calibrator: Calibrator, scale: Scale) -> pl.DataFrame:
    """``card_table`` of every card of scorecards by segment, after a column with the level; that of other levels first."""
    cards = {"any other, or missing": model.common, **model.cards}
    return pl.concat(
        card_table(card, calibrator, scale).select(pl.lit(level).alias(model.column), pl.all())
        for level, card in cards.items()
    )


def segment_points(trained: Trained) -> pl.DataFrame | None:
    """Points of every bin of every card where scorecards by segment are served, else None.

    The points of a case's bins in the card of its level add up to its score.
    """
    scorer, model = trained.scorer, trained.scorer.classifier
    if not isinstance(model, Segmented):
        return None
    every = segment_table(model, scorer.calibrator, scorer.scale)
    return every.select(model.column, "feature", "bin", "count", "bad_rate", "woe", "points")


def characteristics(result: TrainingResult) -> pl.DataFrame:
    """One row per characteristic of the scorecard: weight, information value, stability from training to test part."""
    card = result.trained.scorecard
    weights = zip(card.binnings, card.weights, strict=True)
    rows = [(b.feature, weight, b.information_value) for b, weight in weights]
    schema = {"characteristic": pl.String, "weight": pl.Float64, "information_value": pl.Float64}
    moved = result.validation.shifts.unique("feature", keep="first").select(
        pl.col("feature").alias("characteristic"), "csi", "csi_limit"
    )
    return pl.DataFrame(rows, schema=schema, orient="row").join(
        moved, "characteristic", maintain_order="left"
    )


def binnings(result: TrainingResult) -> list[pl.DataFrame]:
    """For each characteristic of the scorecard, in order, its bins with counts, WoE, points, IV and share of both parts."""
    own = points(result.trained)
    return [_bins(binning, own, result.validation.shifts) for binning in result.trained.scorecard.binnings]


def _bins(binning: Binning, points: pl.DataFrame, shifts: pl.DataFrame) -> pl.DataFrame:
    mine = pl.col("feature") == binning.feature
    moved = shifts.filter(mine).select(
        (pl.col(part) / pl.col(part).sum()).fill_nan(None).alias(f"{part}_share")
        for part in ("train", "test")
    )
    table = binning_table(binning).drop("feature", "bin").rename({"range": "bin"})
    whole = table.with_columns(points.filter(mine)["points"]).hstack(moved)
    return whole.filter((pl.col("count") > 0) | (pl.col("bin") == "missing"))


def coefficients(model: Linear) -> pl.DataFrame:
    """What a logistic regression adds to the log-odds of bad: one row per feature and knot, level, or missing value."""
    rows = [(t.feature, value, effect) for t in model.terms for value, effect in _effects(t)]
    return pl.DataFrame(rows, schema=["feature", "value", "log_odds"], orient="row")


def _effects(term: Term) -> Iterator[tuple[str, float]]:
    yield from ((f"{knot:.6g}", effect) for knot, effect in zip(term.knots, term.effects, strict=True))
    yield from term.levels.items()
    yield "missing", term.missing
    if not term.knots:
        yield "any other", term.unseen


def _points_page(trained: Trained, scale: Scale) -> str:
    subtitle = f"{scale.base_score:g} points at {scale.base_odds:g}:1, {scale.points_to_double_odds:g} points double the odds"
    table = Table(points(trained), "Points of every bin; those of a case's bins add up to its score")
    return page("Scorecard", subtitle, [Section("Points", [table])])


def _binnings(primary: Scorecard) -> dict[str, str]:
    files = {}
    for place, binning in enumerate(primary.binnings, 1):
        plain = binning.to_dict() | {"information_value": binning.information_value}
        name = re.sub(r"\W+", "_", binning.feature)[:60]
        files[f"scorecard/binnings/{place:02}_{name}.json"] = json.dumps(
            plain | {"table": binning_table(binning).to_dicts()}, indent=1
        )
    return files


def binning_table(binning: Binning) -> pl.DataFrame:
    """One row per bin: feature, bin, range (text), count, goods, bads, bad_rate (null if empty), woe, iv."""
    goods, bads = np.array(binning.goods), np.array(binning.bads)
    columns = {
        "feature": [binning.feature] * len(goods),
        "bin": range(len(goods)),
        "range": [*binning.ranges, "missing", "unseen"],
        "count": goods + bads,
        "goods": goods,
        "bads": bads,
        "bad_rate": bads / np.maximum(goods + bads, 1),
        "woe": binning.evidence,
        "iv": binning.information,
    }
    return pl.DataFrame(columns).with_columns(pl.when(pl.col("count") > 0).then("bad_rate").alias("bad_rate"))


def decided(trained: Trained) -> pl.DataFrame:
    """What the served bands make of every decision, out of fold: ``decision``, ``cases``, ``share``, ``bad_rate``.

    Decisions without a history, or without a probability, are reviewed, as they are where the model is served.
    """
    dataset = trained.dataset
    probability = np.where(dataset.active, trained.probability, np.nan)
    return decision_table(trained.scorer.bands, probability, dataset.bad)


def decision_table(bands: Bands, probability: FloatArray, bad: BadArray) -> pl.DataFrame:
    """Approve, review, reject: cases, share of all cases, and bad_rate (null where there is no case)."""
    table = pl.DataFrame({"decision": bands.assign(probability).decision, "bad": bad})
    counted = table.group_by("decision").agg(cases=pl.len(), bad_rate=pl.col("bad").mean())
    joined = pl.DataFrame({"decision": DECISIONS}).join(counted, "decision", "left", maintain_order="left")
    cases = pl.col("cases").fill_null(0)
    return joined.select("decision", cases, (cases / len(bad)).alias("share"), "bad_rate")
