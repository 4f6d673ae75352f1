"""The scorecard, and the coefficients of a linear winner, in a section of the model document."""

from collections.abc import Mapping

import polars as pl
from matplotlib.figure import Figure

from credit_model.models.logistic import Linear
from credit_model.reporting import captions, tables
from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.training import bins_file
from credit_model.training.cross_validation import PRIMARY
from credit_model.training.monotone_binning import DEFAULT_RULES
from credit_model.training.segment_cards import LEAST, SEGMENTED
from credit_model.training.whole_points import MOST_DIFFERENCE
from credit_model.training.workflow import TrainingResult

MOST_TERMS = 20
_EVIDENCE = (
    "WoE is ln(share of all goods in the bin / share of all bads in the bin), positive is safer, with {smoothing:g} cases at the "
    "base rate added to every bin. Missing values have a WoE of their own where at least {least} cases lack a value and differ "
    "significantly from the rest, else 0; levels that training did not see have 0. {order} IV is the information value; CSI the "
    "stability index of the bins from the training to the test part."
)
_SEEN = (
    "Whoever gave edges or levels may have seen the decisions of every fold and of the test part: there the figures flatter a "
    "card with such bins, and those of a later test part will tell. What the file leaves as training finds it was found again "
    "within each fold."
)


def scorecard(result: TrainingResult, pictures: Mapping[str, Figure], uri: str | None = None) -> Section:
    """Section on the interpretable primary scorecard, and on the coefficients of the winner where it is linear.

    Args:
        result: result of the training.
        pictures: by file name.
        uri: where the primary can be loaded from; None where it is the winner, or was not kept.
    """
    whose = captions.primary(result.trained)
    evidence = _EVIDENCE.format(
        smoothing=DEFAULT_RULES.smoothing, least=DEFAULT_RULES.min_cases, order=_order(result)
    )
    blocks: list[Block] = [*_kept(result, uri), _scale(result), *_whole(result), evidence]
    blocks += [
        *_own(result),
        Table(tables.characteristics(result), f"Characteristics: {whose}"),
        _moved(result),
    ]
    names = [binning.feature for binning in result.trained.scorecard.binnings]
    blocks += [
        Table(table, f"Bins of {name}: {whose}")
        for name, table in zip(names, tables.binnings(result), strict=True)
    ]
    shown = "Bars of the weight of evidence, bin by bin"
    blocks.append(
        Picture(pictures["binnings.png"], f"Weight of evidence, at most 12 characteristics: {whose}", shown)
    )
    return Section("Scorecard", [*blocks, *_segments(result), *_coefficients(result)])


def _kept(result: TrainingResult, uri: str | None) -> list[str]:
    """Where the primary is, if it is not the model that this document is about."""
    if result.trained.winner == PRIMARY:
        return ["The scorecard is the winner: what follows is the served model itself."]
    said = f"The scorecard is not served; the winner is {result.trained.winner}. It is the interpretable model beside it"
    if result.trained.winner == SEGMENTED:
        said = (
            "Scorecards by segment are served; their points are at the end of this section. What follows is the common one, "
            "calibrated as if it judged every decision"
        )
    kept = f", and kept with the run, to load or serve: {uri}" if uri else ""
    return [f"{said}{kept}."]


def _scale(result: TrainingResult) -> str:
    scale = result.sample.recipe.scale
    return (
        f"{scale.base_score:g} points are odds of {scale.base_odds:g} good to one bad; {scale.points_to_double_odds:g} points "
        "double the odds. The points of a case's bins add up to its score by the scorecard; the weight is the log-odds of good "
        f"per unit of WoE, before calibration. {_calibrated(result)}"
    )


def _calibrated(result: TrainingResult) -> str:
    """How the margin of the scorecard becomes log-odds, from which the points can be recomputed."""
    calibrator, card = result.trained.primary.calibrator, result.trained.scorecard
    return (
        f"The margin is {card.neutral:.6g} less the sum of weight times WoE; after calibration the log-odds of bad are "
        f"{calibrator.slope:.6g} times the margin {'+' if calibrator.intercept >= 0 else '-'} {abs(calibrator.intercept):.6g}."
    )


def _moved(result: TrainingResult) -> Block:
    """The characteristics whose bins moved more than chance allows."""
    table = tables.characteristics(result)
    moved = table.filter(pl.col("csi") > pl.col("csi_limit"))["characteristic"].to_list()
    if moved:
        return Note(
            f"The CSI is above its limit for {', '.join(moved)}: its bins moved more than by chance.",
            "warning",
        )
    if table["csi"].null_count() == table.height:
        return Note("CSI: not assessed, a part has no decision.", "warning")
    return "The CSI of no characteristic is above its limit."


def _whole(result: TrainingResult) -> list[Block]:
    """What rounding the points changed."""
    check = result.whole_points
    if check is None:
        return []
    kind = "note" if check.ranks_alike else "warning"
    limit = f"The AUC may differ by {MOST_DIFFERENCE:g}. Figures out of fold and of the test part are those of exact points."
    return [Note(f"{check.sentence[:1].upper()}{check.sentence[1:]}. {limit}", kind)]


def _order(result: TrainingResult) -> str:
    """How the bad rate moves along the bins."""
    asked = result.sample.recipe.bins.asked.items()
    free = [name for name, own in asked if own.edges is not None and own.direction == "none"]
    but = f" (in any way, as asked, along those of {', '.join(free)})" if free else ""
    return f"From bin to bin, missing values apart, the bad rate only rises or only falls{but}."


def _own(result: TrainingResult) -> list[Block]:
    """What a person decided of the bins, and what training would have made alone."""
    own = result.own_bins
    start = f"{bins_file.NAME} holds these bins, for a person to change and hand to the next training."
    if own is None:
        return [f"Training chose characteristics and bins alone. {start}"]
    if own.characteristics.is_empty():
        return [f"The file {own.source} asks for nothing that training would not do alone. {start}"]
    asked = result.sample.recipe.bins.asked.values()
    given = any(each.edges is not None or each.levels is not None for each in asked)
    differ = (
        f"What the file {own.source} asks, and what differs from the card of training alone; bins are without those of missing "
        f"and unseen values, a weight that is lacking means not in the card: {captions.primary(result.trained)}"
    )
    tested = f"; test part: {captions.tested_on(result.trained)}" if own.ranks.height > 1 else ""
    ranked = (
        "AUC of the scorecard as asked and as training makes it alone, all folds together, and the difference with its 95 % "
        f"interval, customers resampled: out of fold, {captions.compared_on(result.trained)}{tested}"
    )
    return [
        f"A person decided part of this scorecard by the file {own.source}. {start}",
        *([Note(_SEEN, "warning")] if given else []),
        *_without_weight(result),
        Table(own.characteristics, differ),
        Table(own.ranks, ranked),
    ]


def _without_weight(result: TrainingResult) -> list[Note]:
    """The required characteristics that add nothing."""
    card, required = result.trained.scorecard, result.sample.recipe.bins.used("required")
    weights = zip(card.inputs, card.weights, strict=True)
    idle = [name for name, weight in weights if not weight and name in required]
    if not idle:
        return []
    return [
        Note(
            f"Required, and without weight, as it would have the wrong sign beside the others: {', '.join(idle)}.",
            "warning",
        )
    ]


def _segments(result: TrainingResult) -> list[Block]:
    """Scorecards by segment beside the common one, and their points where they are served."""
    trained = result.trained
    segments, points = trained.segments, tables.segment_points(trained)
    if segments is None:
        return []
    levels = (
        f"Segments: levels of {segments.column}, whether a card of their own can be fitted ({LEAST} of each class), and the AUC "
        "of scorecards by segment and of the common one within each level, empty with fewer than 20 of a class: "
        f"out of fold, {captions.compared_on(trained)}"
    )
    sentence = f"{segments.sentence[:1].upper()}{segments.sentence[1:]}."
    blocks: list[Block] = [sentence, Table(segments.levels, levels)]
    if points is None:
        return [*blocks, f"Scorecards by segment are not served; the winner is {trained.winner}."]
    caption = (
        "Points of every bin by segment, after calibration; those of a case's bins in the card of its level add up to its score; "
        f"whole in scorecard/segments.csv: {captions.fitted(trained)}"
    )
    return [*blocks, Table(points, caption)]


def _coefficients(result: TrainingResult) -> list[Block]:
    """The coefficients of a logistic winner; those of a scorecard are its weights."""
    trained, model = result.trained, result.trained.scorer.classifier
    if trained.winner in {PRIMARY, SEGMENTED}:
        return []
    if not isinstance(model, Linear):
        said = f"The winner, {trained.winner}, is not linear and has no coefficients"
        return [f"{said}; Sensitivity and Reasons show what its inputs do."]
    caption = (
        f"Coefficients, log-odds of bad: {captions.fitted(trained)}. The {MOST_TERMS} features of widest effect, at the lowest "
        "and the highest knot; all of them, knot by knot, in coefficients.csv"
    )
    return [Table(_widest(tables.coefficients(model)), caption)]


def _widest(coefficients: pl.DataFrame) -> pl.DataFrame:
    """The features whose effects differ most, each with its ends and what a missing value adds."""
    value, effect = pl.col("value"), pl.col("log_odds")
    told = value != "missing"
    table = coefficients.group_by("feature", maintain_order=True).agg(
        value.filter(told).first().alias("from"),
        effect.filter(told).first().alias("log_odds_there"),
        value.filter(told).last().alias("to"),
        effect.filter(told).last().alias("log_odds_at_end"),
        effect.filter(~told).first().alias("missing"),
        (effect.max() - effect.min()).alias("width"),
    )
    return table.sort("width", descending=True, maintain_order=True).head(MOST_TERMS).drop("width")
