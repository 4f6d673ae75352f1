"""Pictures of a trained model."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from credit_model import metrics
from credit_model.training import Trained

_GOOD, _BAD, _LINE = "#3b7a9e", "#c8553d", "#8a8a8a"
_SIZE = (6.4, 4.2)
_MOST_BARS = 15


def pictures(trained: Trained) -> Mapping[str, Figure]:
    """Every picture of the test part, by file name; of all decisions, out of fold, where the test part has only one class."""
    judged = trained.test_probability
    if len(np.unique(trained.prepared.bad[~np.isnan(judged)])) < 2:
        judged = trained.probability
    part = ~np.isnan(judged)
    bad, probability = trained.prepared.bad[part], judged[part]
    return {
        "roc.png": roc(bad, probability),
        "calibration.png": calibration(bad, probability),
        "scores.png": scores(bad, trained.scorer.scale.score(probability)),
        "importance.png": importance(trained),
        "candidates.png": candidates(trained),
    }


def roc(bad: metrics.BadArray, probability: metrics.FloatArray) -> Figure:
    """The receiver operating characteristic."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)
    hits = np.append(0, np.cumsum(bad[order])[last]) / bad.sum()
    alarms = np.append(0, np.cumsum(1 - bad[order])[last]) / (1 - bad).sum()
    figure, axes = _figure("share of goods rejected", "share of bads rejected")
    axes.plot(alarms, hits, color=_GOOD)
    axes.plot([0, 1], [0, 1], color=_LINE, linestyle="--", linewidth=1)
    axes.set_title(
        f"ROC: AUC {metrics.roc_auc(bad, probability):.3f}, {len(bad)} decisions, {int(bad.sum())} bad"
    )
    return figure


def calibration(bad: metrics.BadArray, probability: metrics.FloatArray) -> Figure:
    """Observed bad rate against mean probability in ten groups, with 95 % binomial bars."""
    groups = metrics.reliability(bad, probability)
    expected, observed, cases = (np.array(column) for column in zip(*groups, strict=True))
    error = 1.96 * np.sqrt(observed * (1 - observed) / cases)
    figure, axes = _figure("mean probability", "observed bad rate")
    axes.errorbar(expected, observed, yerr=error, fmt="o", color=_GOOD, capsize=3)
    top = max(float(expected.max()), float((observed + error).max()))
    axes.plot([0, top], [0, top], color=_LINE, linestyle="--", linewidth=1)
    axes.set_title(
        f"Calibration: observed over expected {metrics.calibration_in_the_large(bad, probability):.2f}"
    )
    return figure


def scores(bad: metrics.BadArray, score: metrics.FloatArray) -> Figure:
    """Distributions of the score among goods and bads."""
    edges = np.linspace(score.min() - 1, score.max() + 1, 31).tolist()
    figure, axes = _figure("score (higher is safer)", "share of each class")
    for kind, (name, colour) in enumerate((("good", _GOOD), ("bad", _BAD))):
        chosen = score[bad == kind]
        axes.hist(
            chosen, edges, weights=np.full(len(chosen), 1 / len(chosen)), alpha=0.6, label=name, color=colour
        )
    axes.legend(frameon=False)
    axes.set_title("Score distribution")
    return figure


def importance(trained: Trained) -> Figure:
    """Mean absolute contribution of each feature, in units of the margin."""
    rows = pl.Series(trained.prepared.modelled)
    classifier = trained.scorer.classifier
    size = np.abs(classifier.contributions(trained.prepared.features.filter(rows))).mean(axis=0)
    order = np.argsort(size)[-_MOST_BARS:]
    figure, axes = _figure("mean absolute contribution to the margin", "")
    axes.barh([classifier.inputs[place] for place in order], size[order], color=_GOOD)
    axes.set_title("Importance")
    return figure


def candidates(trained: Trained) -> Figure:
    """Cross-validated AUC of the candidates, with one standard error."""
    names = list(trained.comparison)
    means = [trained.comparison[name].mean for name in names]
    errors = [trained.comparison[name].standard_error for name in names]
    figure, axes = _figure("AUC, five folds grouped by customer", "")
    axes.errorbar(means, names, xerr=errors, fmt="o", color=_GOOD, capsize=4)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_title("Candidates, with one standard error")
    return figure


def _figure(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
