"""The model document: one page per version, for the people who validate, approve and watch over the model.

Its headings are those a validator looks for: documentation and validation of rating systems (Basel Framework, CRE36), model
risk management (SR 26-2, which replaced SR 11-7), technical documentation (EU AI Act, Annex IV), specific principal reasons
(Regulation B, 12 CFR 1002.9). A claim stands beside its number, or it does not stand there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from credit_model import documents, scorecard
from credit_model.evaluation import by_period
from credit_model.page import Block, Note, Picture, Section, Table, page
from credit_model.reasons import reason
from credit_model.summary import auc
from credit_model.workflow import Outcome

_FOUND_IN = (
    ("General description, intended purpose", "AI Act Annex IV 1", "Purpose and limits"),
    (
        "Development, data, design choices",
        "AI Act Annex IV 2; CRE36 rating system design",
        "Data, Label, Features, Candidates",
    ),
    ("Functioning, control, human oversight", "AI Act Annex IV 3", "Decisions and costs, Reasons"),
    (
        "Appropriateness of the measures",
        "AI Act Annex IV 4; CRE36 validation",
        "Performance, Calibration, Stability",
    ),
    ("Conceptual soundness", "SR 26-2", "Label, Features, Scorecard"),
    ("Outcomes analysis and benchmarking", "SR 26-2", "Candidates, Performance"),
    ("Ongoing monitoring", "SR 26-2; AI Act Annex IV 9", "Monitoring plan"),
    ("Specific principal reasons", "Regulation B, 12 CFR 1002.9", "Reasons"),
    ("Non-discrimination", "AI Act Annex IV 2, 3; Regulation B", "Fairness"),
    ("Reproducibility, changes", "SR 26-2; AI Act Annex IV 6", "How to reproduce"),
)
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
_PROXY = (
    "The label is a proxy made of behaviour: it is not default, and the probability is not a probability of default. It "
    "serves to build and rehearse the process. Prices, limits and provisions must wait for real outcomes."
)


@dataclass(frozen=True)
class Identity:
    """What names a version.

    Attributes:
        name: of the registered model.
        model_version: first 12 hex digits of the artifact's manifest hash.
        package: version of this package.
        parameters: of the training command, as given.
    """

    name: str
    model_version: str
    package: str
    parameters: Mapping[str, str]


def model_document(outcome: Outcome, pictures: Mapping[str, Figure], identity: Identity) -> str:
    """The page, self-contained.

    Args:
        outcome: of the training.
        pictures: from ``report.pictures``.
        identity: of the version.
    """
    sections = (
        _purpose(outcome, identity),
        _map(),
        _data(outcome),
        _label(outcome),
        _features(outcome),
        _candidates(outcome, pictures),
        _performance(outcome, pictures),
        _calibration(outcome, pictures),
        _stability(outcome),
        _scorecard(outcome, pictures),
        _reasons(outcome, pictures),
        _decisions(outcome, pictures),
        _fairness(outcome),
        _monitoring(),
        _reproduce(outcome, identity),
        _sign_off(),
    )
    subtitle = (
        f"version {identity.model_version}, target {outcome.sample.recipe.target}, {outcome.trained.winner}"
    )
    return page(f"Model document: {identity.name}", subtitle, sections)


def _purpose(outcome: Outcome, identity: Identity) -> Section:
    figures = outcome.figures
    blocks: list[Block] = [
        "The model turns a customer's raw transactions, and the application's attributes where there are any, into one credit "
        f"decision at a moment: a probability of {_target(outcome)}, a score, a band, a decision and its reasons. It is meant "
        "for buy-now-pay-later and similar unsecured credit of one lender in one currency"
        + (f" ({outcome.trained.prepared.currency})." if outcome.trained.prepared.currency else "."),
        f"Out of time it ranks with AUC {auc(figures, 'test')}; out of fold, grouped by customer, {auc(figures, 'grouped')}.",
    ]
    if outcome.failed_gates:
        blocks.append(Note("Gates failed: " + "; ".join(outcome.failed_gates) + ".", "warning"))
    else:
        blocks.append(
            Note("Every gate passed: no leak found, better than each baseline out of time.", "note")
        )
    if outcome.sample.proxy is not None:
        blocks.append(Note(_PROXY, "warning"))
    blocks.append(
        "It must not be used on customers of another lender, currency or country, on another history than the last "
        f"{outcome.sample.recipe.history_days} days, or as the only ground of a refusal: decisions to review, "
        f"{_share(outcome, 'review')} of those out of fold, and every contested one need a person. Package {identity.package}."
    )
    return Section("Purpose and limits", blocks)


def _map() -> Section:
    frame = pl.DataFrame(_FOUND_IN, schema=["asked for", "by", "found under"], orient="row")
    return Section("Where to find what", [Table(frame, "Requirements and the sections that answer them")])


def _data(outcome: Outcome) -> Section:
    prepared = outcome.trained.prepared
    rows = []
    for part in ("train", "test", "excluded"):
        inside = prepared.decisions.filter(pl.col("part") == part)
        if inside.height:
            rows.append(
                {
                    "part": part,
                    "decisions": inside.height,
                    "customers": inside["CustomerId"].n_unique(),
                    "bad": int(inside["bad"].sum()),
                    "bad rate": float(inside["bad"].mean()),  # type: ignore[arg-type]
                    "first as_of": str(inside["as_of"].min()),
                    "last as_of": str(inside["as_of"].max()),
                }
            )
    notes = [line for line in outcome.summary if line.startswith(("data:", "left out"))]
    return Section(
        "Data", [*notes, Table(pl.DataFrame(rows), "Decisions by part; excluded: outcome not known in time")]
    )


def _label(outcome: Outcome) -> Section:
    recipe, proxy = outcome.sample.recipe, outcome.sample.proxy
    blocks: list[Block] = list(outcome.sample.lines)
    if proxy is None:
        blocks.append(
            "Bad is a default that was really observed. An outcome counts from the day it was known; the test part was "
            "judged by a model trained on what was known when it began."
        )
        return Section("Label", blocks)
    blocks.append(
        f"Recency, frequency and monetary value of the {outcome.sample.outcome_days} days after each decision, on a log and "
        "robust scale, are clustered by K-means into three; the least engaged cluster is bad. The labeller was fitted on the "
        "training cutoffs alone and then frozen."
    )
    blocks.append(
        Table(
            proxy.cohorts, "Cutoffs: customers, bad rate, silent share, agreement of the label with silence"
        )
    )
    if recipe.target == "rfm_proxy":
        same = outcome.figures.get("same_window_roc_auc", float("nan"))
        blocks.append(
            f"Under the published recipe, which makes the label of the features' own window, the same model reaches {same:.4f}: "
            "that measures arithmetic, not foresight."
        )
    return Section("Label", blocks)


def _features(outcome: Outcome) -> Section:
    table = documents.features(outcome.trained)
    used = table.filter(pl.col("used")).drop("used")
    text = (
        f"{table.height} features varied; the model reads {used.height}. All come from the transactions in the "
        f"{outcome.sample.recipe.history_days} days before a decision, through one function for training and serving. "
        "Calendar features that would let the model learn when instead of who are off."
    )
    return Section("Features", [text, Table(used, "Features that the model reads")])


def _candidates(outcome: Outcome, pictures: Mapping[str, Figure]) -> Section:
    trained = outcome.trained
    text = (
        "Every candidate was compared on the same five folds, grouped by customer. The simplest within one standard error of "
        f"the best is served: {trained.winner}. The scorecard is the interpretable primary, reported whatever wins."
    )
    blocks: list[Block] = [text, Table(documents.comparison(trained), "Candidates")]
    blocks.append(
        Picture(pictures["candidates.png"], "AUC of the candidates", "AUC of every candidate with its error")
    )
    if outcome.baselines:
        rows = [
            {
                "baseline": b.name.replace("_", " "),
                "AUC": b.roc_auc,
                "lift, low": b.lift[0],
                "lift, high": b.lift[1],
            }
            for b in outcome.baselines
        ]
        caption = "Baselines on the same decisions out of time; lift of the model, 95 % interval, customers resampled"
        blocks.append(Table(pl.DataFrame(rows), caption))
    else:
        blocks.append(
            Note("Baselines: not estimable, the test part has fewer than 20 of a class.", "warning")
        )
    return Section("Candidates and baselines", blocks)


def _performance(outcome: Outcome, pictures: Mapping[str, Figure]) -> Section:
    figures = outcome.figures
    parts = {"out of fold": "grouped", "out of time": "test"}
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
        f"Out of fold: {auc(figures, 'grouped')}. Out of time: {auc(figures, 'test')}. With history only: "
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


def _calibration(outcome: Outcome, pictures: Mapping[str, Figure]) -> Section:
    trained = outcome.trained
    kind = trained.scorer.calibrator.kind
    text = (
        f"The margin becomes a probability by a {kind} calibration, fitted on out-of-fold margins. "
        f"Observed over expected: {_number(outcome, 'grouped_calibration_in_the_large')} out of fold, "
        f"{_number(outcome, 'test_calibration_in_the_large')} out of time; slope "
        f"{_number(outcome, 'grouped_calibration_slope')} and {_number(outcome, 'test_calibration_slope')} (1 is calibrated)."
    )
    blocks: list[Block] = [
        text,
        Picture(pictures["calibration.png"], "Reliability", "Observed bad rate against mean probability"),
        Picture(
            pictures["periods.png"],
            "Calibration in the large by period",
            "Bad rate and probability by period",
        ),
        Table(by_period(trained.prepared, trained.probability), "By period, out of fold"),
    ]
    return Section("Calibration", blocks)


def _stability(outcome: Outcome) -> Section:
    psi, limit = _number(outcome, "test_score_psi"), _number(outcome, "test_score_psi_limit")
    text = (
        f"Population stability index of the score from the training part to the test part: {psi}; the limit at this sample "
        f"size is {limit}. Stability by week, as Home Credit scored it in 2024 (mean Gini, its fall, its scatter): "
        f"{_number(outcome, 'grouped_stability')}."
    )
    return Section("Stability", [text])


def _scorecard(outcome: Outcome, pictures: Mapping[str, Figure]) -> Section:
    scale = outcome.sample.recipe.scale
    text = (
        f"{scale.base_score:g} points are odds of {scale.base_odds:g} good to one bad; {scale.points_to_double_odds:g} points "
        "double the odds. The points of a case's bins add up to the score of the interpretable primary."
    )
    blocks: list[Block] = [text, Table(documents.points(outcome.trained), "Points")]
    blocks.append(
        Picture(pictures["binnings.png"], "Weight of evidence by bin", "Bars of the weight of evidence")
    )
    return Section("Scorecard", blocks)


def _reasons(outcome: Outcome, pictures: Mapping[str, Figure]) -> Section:
    topics = set(outcome.trained.scorer.reasons.topics) | {"no_history"}
    rows = [{"code": code, "sentence": text} for code, text in sorted(map(reason, topics))]
    text = (
        "Each decision carries up to four principal reasons, worst first: exact contributions to the margin, added up by idea, "
        "and only what pushed towards risk."
    )
    return Section(
        "Reasons",
        [
            text,
            Table(pl.DataFrame(rows), "Reason codes this model can give"),
            Picture(
                pictures["importance.png"],
                "Importance of the features",
                "Mean absolute contribution by feature",
            ),
        ],
    )


def _decisions(outcome: Outcome, pictures: Mapping[str, Figure]) -> Section:
    bands, recipe = outcome.trained.scorer.bands, outcome.sample.recipe
    limits = (0.0, *bands.limits, 1.0)
    rows = [
        {"band": name, "from probability": limits[place], "to": limits[place + 1], "decision": decision}
        for place, (name, decision) in enumerate(zip(bands.names, bands.decisions, strict=True))
    ]
    text = (
        f"A missed bad costs {recipe.costs[0]:g}, a refused good {recipe.costs[1]:g}; the prediction is 1 from probability "
        f"{bands.threshold:.4f} on. A decision never contradicts its prediction."
    )
    nobody = _share(outcome, "approve") == "0%"
    warning = "Nobody would be approved at these costs: change them, or name bands, if that is not meant."
    return Section(
        "Decisions and costs",
        [
            text,
            *([Note(warning, "warning")] if nobody else []),
            Table(pl.DataFrame(rows), "Bands"),
            Table(_decision_table(outcome), "What the bands decide, and what became of it, out of fold"),
            Picture(pictures["cost.png"], "Cost of errors by threshold", "Cost curve"),
        ],
    )


def _fairness(outcome: Outcome) -> Section:
    if outcome.fairness is None:
        text = "Not assessable: no column of the outcomes was named as group. Name one with group=COLUMN and train again."
        return Section("Fairness", [Note(text, "warning")])
    disparities = [
        {"measure": k.replace("_", " "), "value": v} for k, v in outcome.fairness.disparities.items()
    ]
    return Section(
        "Fairness",
        [
            "The group is no feature of the model. Approval is the favourable outcome; groups of fewer than 20 are pooled.",
            Table(outcome.fairness.table, "By group, out of fold"),
            Table(pl.DataFrame(disparities), "Disparities (fairlearn); 0, 1 and 0 are even"),
        ],
    )


def _monitoring() -> Section:
    rows = [
        (
            "every month",
            "drift of every input and of the score against the reference in the artifact",
            "above the limit for the sample size",
        ),
        ("every month", "share of no_history and invalid", "twice that of training"),
        (
            "when outcomes are known",
            "AUC with interval, calibration in the large, bad rate by band",
            "interval below that of this document",
        ),
        (
            "every year, or after a change",
            "training again, champion against challenger on the same decisions",
            "the challenger is not worse",
        ),
    ]
    frame = pl.DataFrame(rows, schema=["when", "what", "acted on where"], orient="row")
    return Section(
        "Monitoring plan", ["`python -m credit_model monitor` gives these figures.", Table(frame, "Plan")]
    )


def _reproduce(outcome: Outcome, identity: Identity) -> Section:
    given = " ".join(f"--{name} {value}" for name, value in identity.parameters.items() if value)
    used = [{"parameter": name, "decided": str(value)} for name, value in outcome.used.items()]
    return Section(
        "How to reproduce",
        [
            "The same data, package and parameters give the same artifact, byte for byte: its version is the hash of its files.",
            f"python -m credit_model train {given}",
            Table(pl.DataFrame(used), "What the data decided"),
        ],
    )


def _sign_off() -> Section:
    roles = ("Model developer", "Independent validator", "Model owner", "Data protection", "Approval")
    frame = pl.DataFrame({"role": roles, "name": "", "date": "", "finding": "", "signature": ""})
    return Section("Sign-off", [Table(frame, "To be filled in by the reviewers")])


def _target(outcome: Outcome) -> str:
    return "default" if outcome.sample.recipe.target == "observed_default" else "the proxy label"


def _decision_table(outcome: Outcome) -> pl.DataFrame:
    trained = outcome.trained
    known = ~np.isnan(trained.probability)
    return scorecard.decision_table(
        trained.scorer.bands, trained.probability[known], trained.prepared.bad[known]
    )


def _share(outcome: Outcome, decision: str) -> str:
    table = _decision_table(outcome).filter(pl.col("decision") == decision)
    return f"{table['share'].item():.0%}"


def _number(outcome: Outcome, name: str) -> str:
    value = outcome.figures.get(name)
    return "not estimable" if value is None else f"{value:.3f}"
