"""Pictures of a trained model."""

from collections.abc import Iterable, Mapping
from textwrap import wrap

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.models.binning import Binning
from credit_model.reporting.captions import both_classes
from credit_model.reporting.tables import binning_table
from credit_model.scoring.policy import Bands
from credit_model.training import sensitivity
from credit_model.training.costs import cost_curve
from credit_model.training.evaluation import by_period
from credit_model.training.gains import gains
from credit_model.training.train import Trained

GOOD, BAD, LINE = "#3b7a9e", "#c8553d", "#8a8a8a"
_SIZE = (6.4, 4.2)
_MOST_BARS, _TITLE = 15, 60
_BAR, _HEAD = 0.3, 0.9  # inches of a bar, and of a title with the axis below


def pictures(trained: Trained, costs: tuple[float, float]) -> Mapping[str, Figure]:
    """Every picture, by file name, in reading order.

    They are of the test part, or of all decisions out of fold where the test part has only one class.
    Those of gains and of periods are out of fold whatever the test part has.

    Args:
        trained: the fitted scorer and its measures.
        costs: of a false negative and of a false positive.
    """
    judged = trained.test_probability if both_classes(trained) else trained.probability
    part, scored = ~np.isnan(judged), ~np.isnan(trained.probability)
    bad, probability = trained.dataset.bad[part], judged[part]
    order = (judged if both_classes(trained) else trained.ranked)[part]
    every, ranked = trained.dataset.bad[scored], trained.ranked[scored]
    return {
        "candidates.png": candidates(trained),
        "binnings.png": binnings(trained.scorecard.binnings),
        "roc.png": roc(bad, order),
        "precision_recall.png": precision_recall(bad, order),
        "ks.png": ks(every, ranked),
        "lift.png": lift(gains(every, ranked)),
        "confusion.png": confusion(bad, probability, trained.scorer.bands.threshold),
        "calibration.png": calibration(bad, probability),
        "scores.png": scores(bad, trained.scorer.scale.score(probability)),
        "periods.png": periods(trained),
        "cost.png": cost(bad, probability, costs, trained.scorer.bands),
        "importance.png": importance(trained),
        "contributions.png": contributions(trained),
    }


def roc(bad: BadArray, probability: FloatArray) -> Figure:
    """The receiver operating characteristic."""
    hits, alarms = _rejected(bad, probability)
    figure, axes = framed("share of goods rejected", "share of bads rejected")
    axes.plot(alarms / (1 - bad).sum(), hits / bad.sum(), color=GOOD)
    axes.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    axes.set_title(
        f"ROC: AUC {metrics.roc_auc(bad, probability):.3f}, {len(bad)} decisions, {int(bad.sum())} bad"
    )
    return figure


def precision_recall(bad: BadArray, probability: FloatArray) -> Figure:
    """Precision against recall at every threshold."""
    hits, alarms = _rejected(bad, probability)
    precision = hits[1:] / (hits[1:] + alarms[1:])
    figure, axes = framed("recall: share of bads rejected", "precision: share of rejected that are bad")
    axes.step(hits / bad.sum(), np.append(precision[0], precision), where="pre", color=GOOD)
    axes.axhline(float(bad.mean()), color=LINE, linestyle="--", linewidth=1, label="at random")
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    axes.set_title(f"Precision and recall: average precision {metrics.pr_auc(bad, probability):.3f}")
    return figure


def confusion(bad: BadArray, probability: FloatArray, threshold: float) -> Figure:
    """Counts by outcome and prediction, shaded by their share of the outcome."""
    cells = metrics.confusion(bad, (probability >= threshold).astype(np.int8))
    counts = np.array(list(cells.values())).reshape(2, 2)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = framed("prediction", "outcome")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.4)
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.7 else "black"
        axes.text(column, row, f"{count:,}\n{shares[row, column]:.0%}", ha="center", va="center", color=ink)
    axes.set_xticks([0, 1], ["good", "bad"])
    axes.set_yticks([0, 1], ["good", "bad"])
    axes.set_title(f"Confusion matrix at threshold {threshold:.3f}; per cent of the outcome")
    return figure


def ks(bad: BadArray, probability: FloatArray) -> Figure:
    """Shares of bads and of goods among the riskiest decisions, and where they are furthest apart."""
    hits, alarms = _rejected(bad, probability)
    share = (hits + alarms) / len(bad)
    of_bads, of_goods = hits / bad.sum(), alarms / (1 - bad).sum()
    widest = int(np.abs(of_bads - of_goods).argmax())
    figure, axes = framed("share of decisions, the riskiest first", "cumulative share")
    axes.plot(share, of_bads, color=BAD, label="bads")
    axes.plot(share, of_goods, color=GOOD, label="goods")
    axes.vlines(share[widest], of_goods[widest], of_bads[widest], color=LINE, linestyle="--")
    axes.legend(frameon=False)
    axes.set_title(f"KS {metrics.ks(bad, probability):.3f}, at the riskiest {share[widest]:.0%}")
    return figure


def lift(table: pl.DataFrame) -> Figure:
    """Lift of each group of a gains table, and of all groups up to it."""
    figure, axes = framed("group, the riskiest first", "bad rate over that of all decisions")
    axes.bar(table["group"], table["lift"], color=GOOD, label="group")
    axes.plot(table["group"], table["cumulative_lift"], "o-", color=BAD, label="this group and riskier ones")
    axes.axhline(1, color=LINE, linestyle="--", linewidth=1)
    axes.set_xticks(table["group"].to_list())
    axes.legend(frameon=False)
    axes.set_title("Lift by group")
    return figure


def _rejected(bad: BadArray, probability: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bads and goods at or above each probability that occurs, the highest first, after a first 0."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)
    hits, alarms = (np.append(0.0, np.cumsum(kind[order])[last]) for kind in (bad, 1 - bad))
    return hits, alarms


def calibration(bad: BadArray, probability: FloatArray) -> Figure:
    """Observed bad rate against mean probability in ten groups, with 95 % bars (Wilson, 1927)."""
    groups = metrics.reliability(bad, probability)
    expected, observed, cases = (np.array(column) for column in zip(*groups, strict=True))
    bars = error_bars(np.rint(observed * cases).astype(int), cases)
    figure, axes = framed("mean probability", "observed bad rate")
    axes.errorbar(expected, observed, yerr=bars, fmt="o", color=GOOD, capsize=3)
    top = max(float(expected.max()), float((observed + bars[1]).max()))
    axes.plot([0, top], [0, top], color=LINE, linestyle="--", linewidth=1)
    axes.set_title(
        f"Calibration: observed over expected {metrics.calibration_in_the_large(bad, probability):.2f}"
    )
    return figure


def scores(bad: BadArray, score: FloatArray) -> Figure:
    """Distributions of the score among goods and bads."""
    edges = np.linspace(score.min() - 1, score.max() + 1, 31).tolist()
    figure, axes = framed("score (higher is safer)", "share of each class")
    for kind, (name, colour) in enumerate((("good", GOOD), ("bad", BAD))):
        chosen = score[bad == kind]
        axes.hist(
            chosen, edges, weights=np.full(len(chosen), 1 / len(chosen)), alpha=0.6, label=name, color=colour
        )
    axes.legend(frameon=False)
    axes.set_title("Score distribution")
    return figure


def importance(trained: Trained) -> Figure:
    """Mean absolute contribution of each feature, in units of the margin."""
    rows = pl.Series(trained.dataset.modelled)
    classifier = trained.scorer.classifier
    size = sensitivity.importance(classifier, trained.dataset.features.filter(rows))
    order = np.argsort(size)[-_MOST_BARS:]
    figure, axes = framed("", "")
    axes.barh([literal(classifier.inputs[place]) for place in order], size[order], color=GOOD)
    figure.supxlabel("mean absolute contribution to the margin", fontsize="medium")
    figure.suptitle("Importance")
    return figure


def contributions(trained: Trained) -> Figure:
    """Points that each feature adds to the scores of decisions, one dot a decision, by how large its value is among them."""
    scorer = trained.scorer
    table = sensitivity.explained(trained.dataset.features.filter(pl.Series(trained.dataset.modelled)))
    points = -scorer.points_per_unit * scorer.classifier.contributions(table)
    order = np.argsort(np.abs(points).mean(axis=0))[-_MOST_BARS:]
    figure, axes = framed("points added to the score", "", (_SIZE[0], 6.0))
    for height, place in enumerate(order.tolist()):
        ranks, jitter = _ranks(table[scorer.classifier.inputs[place]]), _jitter(table.height)
        known = np.isfinite(ranks)
        axes.scatter(points[~known, place], height + jitter[~known], s=5, color=LINE)
        dots = axes.scatter(
            points[known, place], height + jitter[known], s=5, c=ranks[known], cmap="viridis", vmin=0, vmax=1
        )
    axes.axvline(0, color=LINE, linewidth=1)
    axes.set_yticks(
        range(len(order)), [literal(scorer.classifier.inputs[place]) for place in order], fontsize=8
    )
    bar = figure.colorbar(dots, ax=axes, ticks=[0, 1], location="bottom", shrink=0.5, pad=0.02)
    bar.ax.set_xticklabels(["lowest value", "highest"])
    figure.suptitle("Contributions; grey: a text, or missing")
    return figure


def _ranks(values: pl.Series) -> FloatArray:
    """Rank of each number among those that differ in its column, 0 to 1; NaN for texts and what is missing."""
    if values.dtype == pl.String:
        return np.full(len(values), np.nan)
    ranks = (values.rank("dense").cast(pl.Float64) - 1) / max(values.drop_nulls().n_unique() - 1, 1)
    return ranks.to_numpy()


def _jitter(count: int) -> FloatArray:
    """Heights within a row, evenly spread so that dots of one contribution lie apart, the same every time."""
    steps = np.arange(count, dtype=np.float64) * 0.618034 % 1
    return np.asarray((steps - 0.5) * 0.7)


def candidates(trained: Trained) -> Figure:
    """Cross-validated AUC of the candidates, with one standard error, and their AUC on the test part."""
    names = sorted(trained.comparison, key=lambda name: trained.comparison[name].mean)
    means = [trained.comparison[name].mean for name in names]
    errors = [trained.comparison[name].standard_error for name in names]
    figure, axes = framed("AUC, mean of the folds", "")
    axes.errorbar(
        means,
        names,
        xerr=errors,
        fmt="o",
        color=GOOD,
        capsize=4,
        label="cross-validated, ± one standard error",
    )
    tested = [name for name in names if name in trained.test_auc]
    if tested:
        aucs = [trained.test_auc[name] for name in tested]
        axes.plot(aucs, tested, "D", color=BAD, markerfacecolor="none", label=trained.tested)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, fontsize="small")
    axes.set_title(f"Candidates: {trained.winner} is served")
    return figure


def cost(bad: BadArray, probability: FloatArray, costs: tuple[float, float], bands: Bands) -> Figure:
    """Cost of errors per decision at every threshold, with the threshold in use."""
    curve, edges = cost_curve(probability, bad, *costs), np.unique([0.0, *probability, 1.0])
    figure, axes = framed("threshold", "cost of errors per decision")
    axes.stairs(curve["cost"], edges, baseline=None, color=GOOD)
    axes.axvline(
        bands.threshold, color=BAD, linestyle="--", linewidth=1, label=f"threshold {bands.threshold:.3f}"
    )
    for limit in bands.limits:
        axes.axvline(limit, color=LINE, linestyle=":", linewidth=1)
    axes.legend(frameon=False)
    axes.set_title(f"Cost: a missed bad {costs[0]:g}, a refused good {costs[1]:g}; dotted: the bands")
    return figure


def periods(trained: Trained) -> Figure:
    """Observed bad rate against the mean probability of every period, out of fold."""
    table = by_period(trained.dataset, trained.probability, trained.ranked)
    rate, bars = table["bad_rate"].to_numpy(), error_bars(table["bads"], table["decisions"])
    places = np.arange(table.height)
    figure, axes = framed("", "bad rate")
    axes.errorbar(places, rate, yerr=bars, fmt="o", color=BAD, capsize=3, label="observed")
    axes.plot(places, table["mean_probability"], "s", color=GOOD, label="mean probability")
    axes.set_xticks(places, table["period"].to_list(), rotation=30, ha="right")
    axes.legend(frameon=False)
    axes.set_title("Calibration in the large, by period, out of fold")
    return figure


def binnings(shown: tuple[Binning, ...], most: int = 12) -> Figure:
    """Weight of evidence of the scorecard's most informative characteristics, one below the other; positive is safer."""
    ranked = sorted(shown, key=lambda binning: -binning.information_value)[:most]
    tables = [binning_table(binning).filter(pl.col("count") > 0) for binning in ranked]
    heights = [_HEAD + _BAR * table.height for table in tables]
    figure = Figure(figsize=(_SIZE[0], sum(heights)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(len(ranked), 1, height_ratios=heights))
    for axes, binning, table in zip(grid, ranked, tables, strict=True):
        _evidence(axes, binning, table)
    return figure


def error_bars(bads: Iterable[int], cases: Iterable[int]) -> np.ndarray:
    """Distances from each bad rate to the lower and the upper end of its 95 % interval (Wilson, 1927), shape (2, n)."""
    edges = [
        (bad / many, binomtest(bad, many).proportion_ci(method="wilson"))
        for bad, many in zip(bads, cases, strict=True)
    ]
    reach = [(rate - interval.low, interval.high - rate) for rate, interval in edges]
    return np.array(reach).reshape(-1, 2).T.clip(0)


def literal(text: str) -> str:
    """Text that a figure shows unchanged; Matplotlib would otherwise read text between dollar signs as a formula."""
    return text.replace("$", r"\$")


def _evidence(axes: Axes, binning: Binning, table: pl.DataFrame) -> None:
    names = [literal(text if len(text) < 24 else f"{text[:22]}…") for text in table["range"]]
    colours = [GOOD if woe >= 0 else BAD for woe in table["woe"]]
    axes.barh(names, table["woe"], color=colours)
    axes.axvline(0, color=LINE, linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("WoE")
    title = f"{binning.feature} (IV {binning.information_value:.2f})"
    axes.set_title(literal("\n".join(_lines(title))), fontsize="medium", loc="right")


def _lines(title: str) -> list[str]:
    """Lines of a title, broken at spaces and after underscores, never inside a word."""
    lines = wrap(title.replace("_", "_ "), _TITLE, break_long_words=False, break_on_hyphens=False)
    return [line.replace("_ ", "_") for line in lines]


def framed(across: str, up: str, size: tuple[float, float] = _SIZE) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, which are named."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
