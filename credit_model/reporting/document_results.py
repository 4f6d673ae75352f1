"""The results of the model, in sections of the model document: performance to fairness."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from credit_model.features.topics import code
from credit_model.reporting import tables
from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.reporting.tables import decision_table
from credit_model.training.evaluation import by_period
from credit_model.training.fairness import FOUR_FIFTHS, Fairness
from credit_model.training.summary import auc
from credit_model.training.workflow import TrainingResult

_MEASURES = {
    "roc_auc": "AUC",
    "gini": "Gini",
    "ks": "KS",
    "pr_auc": "area under precision and recall",
    "accuracy": "accuracy at the threshold",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "brier": "Brier score",
    "log_loss": "log loss",
    "expected_cost": "cost of errors per decision",
}


def performance(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the measures, out of fold and on the test part."""
    figures = result.figures
    parts = {"out of fold": "grouped", result.trained.tested: "test"}
    rows = [
        {"measure": text} | {label: figures.get(f"{part}_{name}") for label, part in parts.items()}
        for name, text in _MEASURES.items()
    ]
    schema = dict.fromkeys(parts, pl.Float64)
    confusion = [
        {"": name.replace("_", " ")} | {label: figures.get(f"{part}_{name}") for label, part in parts.items()}
        for name in ("true_negatives", "false_positives", "false_negatives", "true_positives")
    ]
    text = (
        f"Out of fold: {auc(figures, 'grouped')}. {result.trained.tested.capitalize()}: {auc(figures, 'test')}. "
        "With history only: "
        f"{auc(figures, 'grouped_with_history')} and {auc(figures, 'test_with_history')}."
    )
    blocks: list[Block] = [
        text,
        Table(pl.DataFrame(rows, schema_overrides=schema), "Measures; empty where fewer than 20 of a class"),
        Table(pl.DataFrame(confusion, schema_overrides=schema), "Confusion matrix at the threshold"),
        Picture(pictures["roc.png"], "Receiver operating characteristic", "ROC curve"),
        Picture(pictures["scores.png"], "Scores of goods and bads", "Histograms of the score by class"),
    ]
    return Section("Performance", blocks)


def calibration(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on calibration, as a whole and by period."""
    trained = result.trained
    kind = trained.scorer.calibrator.kind
    text = (
        f"The margin becomes a probability by a {kind} calibration, fitted on out-of-fold margins. "
        f"Observed over expected: {_number(result, 'grouped_calibration_in_the_large')} out of fold, "
        f"{_number(result, 'test_calibration_in_the_large')} {trained.tested}; slope "
        f"{_number(result, 'grouped_calibration_slope')} and {_number(result, 'test_calibration_slope')} (1 is calibrated)."
    )
    blocks: list[Block] = [
        text,
        Picture(pictures["calibration.png"], "Reliability", "Observed bad rate against mean probability"),
        Picture(
            pictures["periods.png"],
            "Calibration in the large by period",
            "Bad rate and probability by period",
        ),
        Table(by_period(trained.dataset, trained.probability), "By period, out of fold"),
    ]
    return Section("Calibration", blocks)


def stability(result: TrainingResult) -> Section:
    """Section on the drift of the score and the stability of its quality."""
    psi, limit = _number(result, "test_score_psi"), _number(result, "test_score_psi_limit")
    text = (
        f"Population stability index of the score from the training part to the test part: {psi}; the limit at this sample "
        f"size is {limit}. Stability by week, as Home Credit scored it in 2024 (mean Gini, its fall, its scatter): "
        f"{_number(result, 'grouped_stability')}."
    )
    return Section("Stability", [text])


def scorecard(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the points of the interpretable primary scorecard."""
    scale = result.sample.recipe.scale
    text = (
        f"{scale.base_score:g} points are odds of {scale.base_odds:g} good to one bad; {scale.points_to_double_odds:g} points "
        "double the odds. The points of a case's bins add up to the score of the interpretable primary."
    )
    blocks: list[Block] = [text, Table(tables.points(result.trained), "Points")]
    blocks.append(
        Picture(pictures["binnings.png"], "Weight of evidence by bin", "Bars of the weight of evidence")
    )
    return Section("Scorecard", blocks)


def reasons(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the reason codes that the model can give."""
    rows = [
        {
            "code": code(told.topic),
            "feature": told.feature,
            "typical": told.typical,
            "sentence": "…".join(next(iter(told.sentences.values()), ())),
        }
        for told in sorted(result.trained.scorer.reasons.inputs, key=lambda told: code(told.topic))
    ]
    text = (
        "Each decision carries up to four principal reasons, worst first: exact contributions to the margin, added up by topic, "
        "and only what pushed towards risk. A reason is told by the feature of the topic that raised the risk most among those "
        "whose value lies off the typical: outside the middle half of the good customers' values, rounded outwards, or none of "
        "their most frequent ones; a topic without such a feature is passed over. One sentence of each feature is shown, … "
        "standing for the customer's value."
    )
    return Section(
        "Reasons",
        [
            text,
            Table(pl.DataFrame(rows), "Reasons this model can give"),
            Picture(
                pictures["importance.png"],
                "Importance of the features",
                "Mean absolute contribution by feature",
            ),
        ],
    )


def decisions(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on bands, costs and the decisions that follow."""
    bands, recipe = result.trained.scorer.bands, result.sample.recipe
    limits = (0.0, *bands.limits, 1.0)
    rows = [
        {"band": name, "from probability": limits[place], "to": limits[place + 1], "decision": decision}
        for place, (name, decision) in enumerate(zip(bands.names, bands.decisions, strict=True))
    ]
    text = (
        f"A missed bad costs {recipe.costs[0]:g}, a refused good {recipe.costs[1]:g}; the prediction is 1 from probability "
        f"{bands.threshold:.4f} on. A decision never contradicts its prediction."
    )
    nobody = share(result, "approve") == "0%"
    warning = "Nobody would be approved at these costs: change them, or name bands, if that is not meant."
    return Section(
        "Decisions and costs",
        [
            text,
            *([Note(warning, "warning")] if nobody else []),
            Table(pl.DataFrame(rows), "Bands"),
            Table(_decision_table(result), "What the bands decide, and what became of it, out of fold"),
            Picture(pictures["cost.png"], "Cost of errors by threshold", "Cost curve"),
        ],
    )


def fairness(result: TrainingResult) -> Section:
    """Section on how groups compare, where columns of groups are named."""
    if not result.fairness:
        text = (
            "Not assessable: no column of the outcomes was named as group and none is protected. Name one with group=COLUMN or "
            "protected=COLUMN and train again."
        )
        return Section("Fairness", [Note(text, "warning")])
    note = (
        "Approval is the favourable outcome; groups of fewer than 20 are pooled. In "
        "brackets: 95 % intervals, resampling customers. Some difference between groups arises by chance alone: the interval of "
        "a disparity comes from groups assigned at random, and excludes equal treatment in 5 % of such assignments; chance is "
        "the share of random assignments with a disparity as large."
    )
    blocks: list[Block] = [note]
    for column, compared in result.fairness.items():
        blocks += _compared(column, compared, is_feature=column in _attribute_names(result))
    return Section("Fairness", blocks)


def _attribute_names(result: TrainingResult) -> list[str]:
    return [attribute.name for attribute in result.sample.recipe.attributes]


def _compared(column: str, compared: Fairness, *, is_feature: bool) -> list[Block]:
    disparities = compared.disparities.with_columns(pl.col("measure").str.replace_all("_", " "))
    role = Note(f"No feature of the model is made of {column}.", "note")
    if is_feature:
        role = Note(
            f"{column} is protected and a feature of the model all the same (allow_protected).", "warning"
        )
    caption = f"Disparities by {column} (as fairlearn defines them), 95 % intervals; 0, 1 and 0 are even"
    return [
        role,
        Table(_with_intervals(compared.table), f"By {column}, out of fold"),
        Table(disparities, caption),
        _four_fifths(compared),
    ]


def gates(result: TrainingResult) -> Section:
    """What was asked of the model before it may become champion."""
    text = (
        "A failed gate keeps the version from becoming champion, unless a person forces it, which is recorded with the reason. "
        "A warning does not. Limits allow for the sample: a gate fails where the interval of its figure is beyond the limit."
    )
    blocks: list[Block] = [text, Table(tables.gates(result), "Gates")]
    if result.trained.attributes:
        caption = "Attributes: information value, AUC out of fold lost without it (empty: below the limit together with others)"
        blocks.append(Table(tables.attributes(result), caption))
    return Section("Gates", blocks)


def _four_fifths(found: Fairness) -> Note:
    """The rule of thumb of the Uniform Guidelines (29 CFR 1607.4 D), whatever the sample size."""
    if found.four_fifths is None:
        return Note("Four-fifths rule: not assessable, nobody is approved.", "warning")
    ratio = found.disparities.filter(pl.col("measure") == "demographic_parity_ratio")["value"].item()
    said = f"Four-fifths rule: the lowest approval rate is {ratio:.3f} of the highest; the limit is {FOUR_FIFTHS:g}."
    return Note(said, "note" if found.four_fifths else "warning")


def _with_intervals(table: pl.DataFrame) -> pl.DataFrame:
    """A figure and the ends of its interval as one text."""
    bare = [name for name in table.columns if not name.endswith(("_low", "_high"))]
    return table.select(
        _interval_text(name) if f"{name}_low" in table.columns else pl.col(name) for name in bare
    )


def _interval_text(name: str) -> pl.Expr:
    figures = [pl.col(column).round(3).cast(pl.String) for column in (name, f"{name}_low", f"{name}_high")]
    return pl.format("{} ({} to {})", *figures).alias(name)


def share(result: TrainingResult, decision: str) -> str:
    """Share of the cases, out of fold, that get a decision (``approve``, ``review`` or ``reject``), as text in per cent."""
    table = _decision_table(result).filter(pl.col("decision") == decision)
    return f"{table['share'].item():.0%}"


def _decision_table(result: TrainingResult) -> pl.DataFrame:
    trained = result.trained
    scored = ~np.isnan(trained.probability)
    return decision_table(trained.scorer.bands, trained.probability[scored], trained.dataset.bad[scored])


def _number(result: TrainingResult, name: str) -> str:
    value = result.figures.get(name)
    return "not estimable" if value is None else f"{value:.3f}"
