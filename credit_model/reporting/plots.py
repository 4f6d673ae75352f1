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
from credit_model.training.strategy import considered, decisions
from credit_model.training.strategy import strategy as cut_offs
from credit_model.training.train import Trained

# The colours that Okabe and Ito (2008) chose for those who do not see red or green, and a grey.
GOOD, BAD, OTHER, AMBER, PALE, LINE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#7f7f7f"
SIZE = (4.8, 3.4)  # inches, narrow so that letters can be read at the width of a phone
_MOST_BARS, _TITLE, _LABEL = 15, 58, 32
_BAR, _HEAD = 0.38, 0.9  # inches of a bar, and of a title with the axis below


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
        "strategy.png": strategy(trained, costs),
        "importance.png": importance(trained),
        "contributions.png": contributions(trained),
    }


def roc(bad: BadArray, probability: FloatArray) -> Figure:
    """The receiver operating characteristic."""
    hits, alarms = _rejected(bad, probability)
    figure, axes = framed("share of goods rejected", "share of bads rejected")
    axes.plot(alarms / (1 - bad).sum(), hits / bad.sum(), color=GOOD)
    axes.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    titled(
        figure,
        f"ROC: AUC {metrics.roc_auc(bad, probability):.3f}, {len(bad)} decisions, {int(bad.sum())} bad",
    )
    return figure


def precision_recall(bad: BadArray, probability: FloatArray) -> Figure:
    """Precision against recall at every threshold."""
    hits, alarms = _rejected(bad, probability)
    precision = hits[1:] / (hits[1:] + alarms[1:])
    figure, axes = framed("recall: share of bads rejected", "precision: bads among the rejected")
    axes.step(hits / bad.sum(), np.append(precision[0], precision), where="pre", color=GOOD)
    axes.axhline(float(bad.mean()), color=LINE, linestyle="--", linewidth=1, label="at random")
    axes.set_ylim(0, 1.02)
    keyed(figure)
    titled(figure, f"Precision and recall: average precision {metrics.pr_auc(bad, probability):.3f}")
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
    titled(figure, f"Confusion matrix at threshold {threshold:.3f}; % of the outcome")
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
    keyed(figure)
    titled(figure, f"KS {metrics.ks(bad, probability):.3f}, at the riskiest {share[widest]:.0%}")
    return figure


def lift(table: pl.DataFrame) -> Figure:
    """Lift of each group of a gains table, and of all groups up to it."""
    figure, axes = framed("group, the riskiest first", "bad rate over that of all decisions")
    axes.bar(table["group"], table["lift"], color=GOOD, label="group")
    axes.plot(table["group"], table["cumulative_lift"], "o-", color=BAD, label="this group and riskier ones")
    axes.axhline(1, color=LINE, linestyle="--", linewidth=1)
    axes.set_xticks(table["group"].to_list())
    keyed(figure)
    titled(figure, "Lift by group")
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
    titled(
        figure,
        f"Calibration: observed over expected {metrics.calibration_in_the_large(bad, probability):.2f}",
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
    keyed(figure)
    titled(figure, "Score distribution")
    return figure


def importance(trained: Trained) -> Figure:
    """Mean absolute contribution of each feature, in units of the margin."""
    rows = pl.Series(trained.dataset.modelled)
    classifier = trained.scorer.classifier
    size = sensitivity.importance(classifier, trained.dataset.features.filter(rows))
    order = np.argsort(size)[-_MOST_BARS:]
    figure, axes = framed("", "", (SIZE[0], _HEAD + _BAR * len(order)))
    names = [label(classifier.inputs[place]) for place in order]
    axes.barh(range(len(order)), size[order], color=GOOD)
    axes.set_yticks(range(len(order)), names, fontsize=7)
    figure.supxlabel("mean absolute contribution to the margin", fontsize="medium")
    titled(figure, "Importance")
    return figure


def contributions(trained: Trained) -> Figure:
    """Points that each feature adds to the scores of decisions, one dot a decision, by how large its value is among them."""
    scorer = trained.scorer
    table = sensitivity.explained(trained.dataset.features.filter(pl.Series(trained.dataset.modelled)))
    points = -scorer.points_per_unit * scorer.classifier.contributions(table)
    order = np.argsort(np.abs(points).mean(axis=0))[-_MOST_BARS:]
    figure, axes = framed("points added to the score", "", (SIZE[0], 1.8 + _BAR * len(order)))
    for height, place in enumerate(order.tolist()):
        ranks, jitter = _ranks(table[scorer.classifier.inputs[place]]), _jitter(table.height)
        known = np.isfinite(ranks)
        axes.scatter(points[~known, place], height + jitter[~known], s=5, color=LINE)
        dots = axes.scatter(
            points[known, place], height + jitter[known], s=5, c=ranks[known], cmap="viridis", vmin=0, vmax=1
        )
    axes.axvline(0, color=LINE, linewidth=1)
    names = [label(scorer.classifier.inputs[place]) for place in order]
    axes.set_yticks(range(len(order)), names, fontsize=7)
    bar = figure.colorbar(dots, ax=axes, ticks=[0, 1], location="bottom", shrink=0.5, pad=0.02)
    bar.ax.set_xticklabels(["lowest value", "highest"])
    titled(figure, "Contributions; grey: a text, or missing")
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
    keyed(figure, 1)
    titled(figure, f"Candidates: {trained.winner} is served")
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
    keyed(figure)
    titled(figure, f"Cost: a missed bad {costs[0]:g}, a refused good {costs[1]:g}; dotted: the bands")
    return figure


def strategy(trained: Trained, costs: tuple[float, float]) -> Figure:
    """Bad rate among the approved, and cost per decision, at every approval rate; dashed: that of the bands."""
    rows = considered(trained.dataset, trained.probability)
    table = cut_offs(trained.dataset.bad[rows], trained.probability[rows], costs)
    figure = Figure(figsize=(SIZE[0], 4.6), layout="constrained")
    grid = figure.subplots(2, 1, sharex=True)
    made = np.array(decisions(trained.dataset, trained.probability, trained.scorer.bands))[rows]
    for axes, name in zip(grid, ("bad_rate", "cost"), strict=True):
        shown = table.drop_nulls(name)
        axes.plot(shown["approval_rate"], shown[name], "o-", color=BAD, markersize=4)
        axes.axvline(float((made == "approve").mean()), color=LINE, linestyle="--", linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    grid[0].set_ylabel("bad rate\namong the approved")
    grid[1].set_ylabel("cost\nper decision")
    grid[1].set_xlabel("approval rate")
    titled(figure, "Strategy; dashed: what the bands approve")
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
    keyed(figure)
    titled(figure, "Calibration in the large, by period, out of fold")
    return figure


def binnings(shown: tuple[Binning, ...], most: int = 12) -> Figure:
    """Weight of evidence of the scorecard's most informative characteristics, one below the other; positive is safer."""
    ranked = sorted(shown, key=lambda binning: -binning.information_value)[:most]
    tables = [binning_table(binning).filter(pl.col("count") > 0) for binning in ranked]
    heights = [_HEAD + _BAR * table.height for table in tables]
    figure = Figure(figsize=(SIZE[0], sum(heights)), layout="constrained")
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
    rows = table.select("range", "count", "bad_rate").iter_rows()
    names = [f"{cut(text)}\n{count:,}, {rate:.1%} bad" for text, count, rate in rows]
    colours = [GOOD if woe >= 0 else BAD for woe in table["woe"]]
    axes.barh(range(table.height), table["woe"], color=colours)
    axes.set_yticks(range(table.height), names, fontsize=7)
    axes.axvline(0, color=LINE, linewidth=1)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("WoE; positive is safer")
    headed(axes, f"{binning.feature} (IV {binning.information_value:.2f})")


def titled(figure: Figure, title: str) -> None:
    """Give a figure a title, in lines that it has room for."""
    figure.suptitle(literal("\n".join(_lines(title))), fontsize="medium")


def headed(axes: Axes, title: str) -> None:
    """Give one of several axes a title; it ends with them, so that a long one takes the room of the labels beside them."""
    axes.set_title(literal("\n".join(_lines(title))), fontsize="medium", loc="right")


def keyed(figure: Figure, columns: int = 2, title: str | None = None) -> None:
    """Say below the axes, where no line runs, what colours and marks mean."""
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize="small", title=title)


def label(text: str, lines: int = 3) -> str:
    """A name beside an axis, in a few short lines; an ellipsis stands for what there is no room for, before the last of them."""
    every = _lines(text, _LABEL)
    kept = every if len(every) <= lines else [*every[: lines - 1], f"…{every[-1]}"]
    return literal("\n".join(line if len(line) <= _LABEL + 4 else f"{line[: _LABEL + 2]}…" for line in kept))


def cut(text: str, most: int = 26) -> str:
    """The beginning of a text in one line."""
    return literal(text if len(text) < most else f"{text[: most - 2]}…")


def _lines(title: str, width: int = _TITLE) -> list[str]:
    """Lines of a title, broken at spaces and after underscores and plus signs, never inside a word."""
    parted = title.replace("_", "_ ").replace("+", "+ ")
    lines = wrap(parted, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("_ ", "_").replace("+ ", "+") for line in lines]


def framed(across: str, up: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, which are named."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
