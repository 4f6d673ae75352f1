"""The results of the model, in sections of the model document: performance to fairness."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from credit_model.features.topics import code
from credit_model.reporting import captions, tables
from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.scoring.scorer import Scorer
from credit_model.scoring.sides import NOTHING, SIDES
from credit_model.training.evaluation import LEAST_WEEKS, by_period
from credit_model.training.fairness import FOUR_FIFTHS, Fairness
from credit_model.training.gates import DRIFT
from credit_model.training.segments import inputs_telling
from credit_model.training.sensitivity import explained
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
_NO_ESTIMATE = 1_000.0  # a slope of that size is that of probabilities which are all but equal
_COUNTS = {
    "true_negatives": "good, predicted good",
    "false_positives": "good, predicted bad",
    "false_negatives": "bad, predicted good",
    "true_positives": "bad, predicted bad",
}


def performance(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the measures, out of fold and on the test part."""
    trained = result.trained
    both = f"{captions.out_of_fold(trained)}; {captions.tested(trained)}"
    pictured, ranking = captions.pictured(trained), captions.pictured_ranking(trained)
    blocks: list[Block] = [
        _ranking(result),
        _TWO_ORDERS,
        Table(_measured(result, _MEASURES), f"Measures, empty where a class has fewer than 20: {both}"),
        Table(_measured(result, _COUNTS), f"Confusion matrix at the threshold: {both}"),
        Picture(
            pictures["confusion.png"], f"Confusion matrix: {pictured}", "Counts by outcome and prediction"
        ),
        Picture(pictures["roc.png"], f"Receiver operating characteristic: {ranking}", "ROC curve"),
        Picture(
            pictures["precision_recall.png"],
            f"Precision and recall: {ranking}",
            "Curve of precision against recall",
        ),
        Picture(
            pictures["scores.png"],
            f"Scores of goods and bads: {pictured}",
            "Histograms of the score by class",
        ),
    ]
    return Section("Performance", blocks)


_TWO_ORDERS = (
    "Out of fold, measures of ranking (AUC, Gini, KS, the area under precision and recall, gains, stability by week) use the "
    "order of the margins: column ranked of training_table.parquet, the margin through the served calibrator. Probabilities, "
    "predictions, bands and strategy use its column probability, whose calibrator was fitted without the decision's fold, so "
    "that the two rank slightly differently."
)


def _measured(result: TrainingResult, names: Mapping[str, str]) -> pl.DataFrame:
    """One row per measure: out of fold, and on the test part."""
    parts = {"out of fold": "grouped", result.trained.tested: "test"}
    rows = [
        {"measure": text} | {label: result.figures.get(f"{part}_{name}") for label, part in parts.items()}
        for name, text in names.items()
    ]
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(parts, pl.Float64))


def _ranking(result: TrainingResult) -> str:
    """AUC in words; that of the decisions with a history only where there are others."""
    figures, tested = result.figures, result.trained.tested
    text = f"AUC out of fold {auc(figures, 'grouped')}; {tested} {auc(figures, 'test')}."
    history = figures["grouped_with_history_decisions"]
    if history in (0.0, figures["grouped_decisions"]):
        return text
    return (
        f"{text} Of the decisions with a history alone: {auc(figures, 'grouped_with_history')} and "
        f"{auc(figures, 'test_with_history')}."
    )


def calibration(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on calibration: as a whole, by period, by segment."""
    trained = result.trained
    whose, pictured = captions.out_of_fold(trained), captions.pictured(trained)
    kind = trained.scorer.calibrator.kind
    article = "an" if kind == "isotonic" else "a"
    text = (
        f"The margin becomes a probability by {article} {kind} calibration, fitted on out-of-fold margins. "
        f"Observed over expected bads: {_number(result, 'grouped_calibration_in_the_large')} out of fold, "
        f"{_number(result, 'test_calibration_in_the_large')} {trained.tested}; slope "
        f"{_number(result, 'grouped_calibration_slope')} and {_number(result, 'test_calibration_slope')}. All are 1 where "
        "calibration is perfect."
    )
    blocks: list[Block] = [
        text,
        Picture(
            pictures["calibration.png"],
            f"Reliability: {pictured}",
            "Observed bad rate against mean probability",
        ),
        Picture(pictures["periods.png"], f"By period: {whose}", "Bad rate and mean probability by period"),
        Table(by_period(trained.dataset, trained.probability, trained.ranked), f"By period: {whose}"),
        Table(_named(result.validation.segments), f"By segment, bad rate with its 95 % interval: {whose}"),
        _off(result),
    ]
    return Section("Calibration", blocks)


def _named(segments: pl.DataFrame) -> pl.DataFrame:
    """A segment and its value in one column, which stays in sight where the table scrolls."""
    return segments.with_columns(pl.format("{}: {}", "segment", "value").alias("segment")).drop("value")


def _off(result: TrainingResult) -> str:
    """Which segments' mean probability is outside the interval of their bad rate."""
    table, said = result.validation.segments, pl.col("mean_probability")
    off = table.filter((said < pl.col("bad_rate_low")) | (said > pl.col("bad_rate_high")))
    if off.is_empty():
        return "The mean probability of every segment lies inside the interval of its bad rate."
    names = ", ".join(f"{row['segment']} {row['value']}" for row in off.to_dicts())
    return (
        f"The mean probability lies outside the interval of the bad rate in {off.height} of {table.height} segments: {names}. "
        "One in twenty would by chance."
    )


def stability(result: TrainingResult) -> Section:
    """Section on the drift of the score and of the inputs, and the stability of its quality."""
    psi, limit = _number(result, "test_score_psi"), _number(result, "test_score_psi_limit")
    trained, weeks = result.trained, int(result.figures["grouped_stability_weeks"])
    drift = (
        f"Population stability index of the score from the training part to the test part: {psi}; it is noted above {limit}, "
        f"what chance allows at these numbers of decisions, and the gate fails above {DRIFT:g}, or that limit where it is "
        f"higher: {captions.out_of_fold(trained)}. How the bins of single characteristics move stands under "
        "Scorecard (CSI)."
    )
    by_week = (
        "Stability by week, as Home Credit scored it in 2024 (mean Gini, its fall per week, its scatter), over the weeks from "
        f"Monday to Sunday with a good and a bad decision, {weeks} here, of which at least {LEAST_WEEKS} are needed: "
        f"{_number(result, 'grouped_stability')}: {captions.ranked(trained)}."
    )
    return Section("Stability", [drift, by_week])


def sensitivity(result: TrainingResult) -> Section:
    """Section on what the model loses without what one input tells."""
    table, trained = result.validation.sensitivity, result.trained
    if table.is_empty():
        few = "Not assessed: the test part has fewer than 20 of a class, or the training part is too small to fit on alone."
        return Section("Sensitivity", [Note(few, "warning")])
    text = (
        "The values of one input change places among the decisions of the test part, twice, and the AUC lost is averaged. "
        "Inputs that tell the same stand in for each other, so that a loss near 0 does not mean that an input is not used; a "
        "loss below 0 may be chance, or an input that misleads on the test part. Contribution is the mean absolute one to the "
        "margin, in log-odds, before calibration. The model is that of the training part alone, which may read other "
        "features than the one that is served."
    )
    caption = (
        f"AUC lost, the {table.height} inputs with the largest contributions: {captions.tested(trained)}"
    )
    return Section("Sensitivity", [text, Table(table, caption)])


def reasons(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the reason codes that the model can give."""
    trained = result.trained
    table = explained(trained.dataset.features.filter(pl.Series(trained.dataset.modelled)))
    sentences = told_most(trained.scorer, table)
    text = (
        "A decision that was scored carries up to four principal reasons, worst first; one of which nothing can be said carries "
        "none. Exact contributions to the margin are added up by topic, and only what pushed towards risk counts. A reason is "
        "told by the feature of the topic that raised the risk most among those whose value lies off the typical: outside the "
        "middle half of the good customers' values, rounded outwards, or none of their most frequent ones; a topic without such "
        "a feature is passed over. Of each feature of which this happened in the decisions below, the sentence that can be said "
        f"most often is shown, … standing for the customer's value: {sentences.height} of "
        f"{len(trained.scorer.classifier.inputs)} features."
    )
    return Section(
        "Reasons",
        [
            text,
            Table(
                sentences.select("code", "sentence", "feature", "typical"),
                f"Reasons this model can give, in at most 1,000 decisions: {captions.fitted(trained)}",
            ),
            Picture(
                pictures["importance.png"],
                f"Importance of the features, on at most 1,000 decisions: {captions.fitted(result.trained)}",
                "Mean absolute contribution by feature",
            ),
            Picture(
                pictures["contributions.png"],
                f"Contributions of the features in points of the score{_before_calibration(result)}, on at most 1,000 "
                f"decisions: {captions.fitted(result.trained)}",
                "Contributions of each feature, one dot a decision",
            ),
        ],
    )


def told_most(scorer: Scorer, table: pl.DataFrame) -> pl.DataFrame:
    """The sentence of each input that can be said most often: ``code``, ``feature``, ``typical``, ``sentence``.

    Args:
        scorer: the model.
        table: the inputs of decisions; what cannot be said of any of them is left out.
    """
    reasons = scorer.reasons
    sides = reasons.sides.of_table(table, reasons.sides.numbers_of(table))
    pushed = np.where(scorer.classifier.contributions(table) > 0, sides, NOTHING)
    counts = np.array([(pushed == side).sum(axis=0) for side in range(1, len(SIDES))])
    rows = [
        (code(told.topic), told.feature, told.typical, "…".join(told.sentences[SIDES[side]]))
        for told, side, count in zip(
            reasons.inputs, counts.argmax(axis=0) + 1, counts.max(axis=0), strict=True
        )
        if count
    ]
    schema = ["code", "feature", "typical", "sentence"]
    return pl.DataFrame(sorted(rows), dict.fromkeys(schema, pl.String), orient="row")


def _before_calibration(result: TrainingResult) -> str:
    return ", before calibration" if result.trained.scorer.calibrator.kind == "isotonic" else ""


def fairness(result: TrainingResult) -> Section:
    """Section on how groups compare, where columns of groups are named."""
    if not result.fairness:
        text = (
            "Not assessable: no column of the outcomes was named as group and none is protected. Name one with group=COLUMN or "
            "protected=COLUMN and train again."
        )
        return Section("Fairness", [Note(text, "warning")])
    note = (
        "Approval is the favourable outcome, as the bands decide it; groups of fewer than 20 are pooled. In brackets: 95 % "
        "intervals, resampling customers. Some difference between groups arises by chance alone: the interval of a disparity "
        "comes from groups assigned at random, and excludes equal treatment in 5 % of such assignments; chance is the share of "
        "random assignments with a disparity as large."
    )
    blocks: list[Block] = [note]
    for column, compared in result.fairness.items():
        blocks += [*_role(column, result), *_compared(column, compared, captions.out_of_fold(result.trained))]
    return Section("Fairness", blocks)


def _role(column: str, result: TrainingResult) -> list[Block]:
    """Whether the model could decide by a group: because it is a feature, or because an input tells it."""
    if column in [attribute.name for attribute in result.sample.recipe.attributes]:
        said = f"{column} is protected and offered to the model as a feature all the same (allow_protected)."
        return [Note(said, "warning")]
    tells = inputs_telling(column, result.trained)
    if tells:
        said = f"{column} is no feature, but the model can know it: {', '.join(tells)} tells it without exception."
        return [Note(said, "warning")]
    return [
        Note(f"No feature of the model is made of {column}, and no single input tells it without exception.")
    ]


def _compared(column: str, compared: Fairness, whose: str) -> list[Block]:
    disparities = compared.disparities.with_columns(pl.col("measure").str.replace_all("_", " "))
    caption = (
        f"Disparities by {column} as fairlearn defines them, 95 % intervals; 0, 1 and 0 are even: {whose}"
    )
    return [
        Table(_with_intervals(compared.table), f"By {column}: {whose}"),
        Table(disparities, caption),
        _four_fifths(compared),
    ]


def gates(result: TrainingResult) -> Section:
    """What was asked of the model before it may become champion."""
    text = (
        "A failed gate keeps the version from becoming champion, unless a person forces it, which is recorded with the reason. "
        "A warning does not. Each sentence names the figure, its interval where it has one, and the limit."
    )
    blocks: list[Block] = [
        text,
        Table(
            tables.gates(result).select("gate", "sentence", "state", "figure", "limit"),
            f"Gates, whose sentences name the part; the test part: {captions.tested(result.trained)}",
        ),
    ]
    if result.trained.attributes:
        caption = (
            "Attributes: information value, without any model, and AUC out of fold that the winner loses without it (empty: "
            f"below the limit together with others): {captions.compared_on(result.trained)}"
        )
        blocks.append(Table(tables.attributes(result), caption))
    return Section("Gates", blocks)


def _four_fifths(found: Fairness) -> Note:
    """The rule of thumb of the Uniform Guidelines (29 CFR 1607.4 D), whatever the sample size."""
    if found.four_fifths is None:
        return Note("Four-fifths rule: not assessable, nobody is approved.", "warning")
    ratio = found.disparities.filter(pl.col("measure") == "demographic_parity_ratio")["value"].item()
    said = (
        f"Four-fifths rule: the lowest approval rate is {ratio:.3f} of the highest; the limit is {FOUR_FIFTHS:g}. It is a rule "
        "of thumb from employment law (29 CFR 1607.4 D), whatever the sample size, and no test of Regulation B."
    )
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


def _number(result: TrainingResult, name: str) -> str:
    value = result.figures.get(name)
    return "not estimable" if value is None or abs(value) >= _NO_ESTIMATE else f"{value:.3f}"
