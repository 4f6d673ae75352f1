"""The page of two models on the same decisions."""

from collections.abc import Mapping

import polars as pl
from matplotlib.figure import Figure

from credit_model.reporting import comparison_plots, comparison_tables
from credit_model.reporting.comparison_tables import Sides
from credit_model.reporting.page import Block, Note, Picture, Section, Table, page
from credit_model.training.swap_set import TIES
from credit_model.training.two_models import SIDES, Comparison

_MOST_REASONS = 20
_CHANCE = (
    "A difference is B less A, on the same decisions; its 95 % interval resamples customers, the same ones for both models. It "
    "is beyond chance where the interval leaves out 0."
)
_RATES = "Intervals of bad rates are Wilson's, of as many cases as are independent: decisions of one customer go together."
_UNKNOWN = "A bad rate is of the decisions whose outcome is known. Who was refused often has none, and may be unlike the others."


def page_of(sides: Sides, comparison: Comparison) -> tuple[str, Mapping[str, Figure]]:
    """The page as HTML, and its pictures by file name.

    Args:
        sides: which models.
        comparison: what was found.
    """
    drawn = comparison_plots.pictures(comparison)
    sections = [
        Section("What differs", _found(sides, comparison)),
        Section("Swap set", _swap_set(comparison, drawn)),
        Section("Ranking, calibration and cost", _measures(comparison, drawn)),
        Section("Reasons", _reasons(comparison)),
        Section("Answers as served", _answers(comparison)),
    ]
    title = "Comparison of two models"
    return page(title, f"A: {sides.names[0]}; B: {sides.names[1]}; {_sample(comparison)}", sections), drawn


def _sample(comparison: Comparison) -> str:
    days = comparison.answers["as_of"].drop_nulls().dt.to_string("%Y-%m-%d").sort()
    span = f" from {days[0]} to {days[-1]}" if len(days) else ""
    return f"{comparison.answers.height:,} decisions{span}"


def _found(sides: Sides, comparison: Comparison) -> list[Block]:
    warnings = [Note(_sentence(note), "warning") for note in (*sides.notes, *comparison.lacking)]
    told = [text for text in comparison_tables.sentences(comparison) if text not in comparison.lacking]
    return [*warnings, *map(_sentence, told)]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _swap_set(comparison: Comparison, drawn: Mapping[str, Figure]) -> list[Block]:
    swapped = comparison.swap_set
    if swapped is None:
        return ["No decision has a probability of both models."]
    of = f"A and B, {int(comparison.decided.sum()):,} decisions that both decide"
    known = int(swapped.table["outcomes"].sum()) if comparison.with_outcomes else 0
    asked = comparison_tables.of_rate(comparison, swapped)
    told = f"Both models approve the safest decisions by their own probabilities, at {asked}; {TIES}."
    blocks: list[Block] = [
        told,
        Picture(
            drawn["swap_set.png"],
            f"Each point is a decision, by its place in the order of A and of B; dashed: the cut-offs: {of}.",
            "A scatter of ranks in four quadrants: approved by both, by one of the two, refused by both.",
        ),
        Table(swapped.table, f"The swap set: {of}."),
        Table(comparison.approvals, f"What each approves at that rate: {of}."),
    ]
    if comparison.with_outcomes:
        rates = Picture(
            drawn["swap_set_bad_rates.png"],
            f"Bad rate of each cell with its 95 % interval: A and B, {known:,} decisions with a known outcome.",
            "A point with an interval for each cell of the swap set.",
        )
        blocks += [rates, _RATES, *([_UNKNOWN] if known < comparison.decided.sum() else [])]
    return blocks


def _measures(comparison: Comparison, drawn: Mapping[str, Figure]) -> list[Block]:
    if not comparison.measures:
        return [_sentence(text) for text in comparison.lacking]
    bad, _ = comparison_tables.risks(comparison)
    of = f"A and B, {len(bad):,} decisions with a known outcome ({int(bad.sum()):,} bad)"
    costs = (
        f"A missed bad costs {comparison.costs[0]:g}, a refused good {comparison.costs[1]:g}, per decision."
    )
    return [
        _CHANCE,
        Table(comparison_tables.measures(comparison), f"Measures of each model, and their difference: {of}."),
        costs,
        Picture(
            drawn["strategy.png"],
            f"Bad rate among the approved by approval rate: {of}.",
            "A line for each model.",
        ),
        Picture(
            drawn["calibration.png"],
            f"Observed bad rate by mean probability, in ten groups with 95 % bars; dashed: calibrated: {of}.",
            "Points for each model beside the diagonal.",
        ),
    ]


def _reasons(comparison: Comparison) -> list[Block]:
    changed, refused = comparison.changed_reasons
    if not refused:
        return ["No decision is refused by both models, so that no reasons are compared."]
    told = f"Of {refused:,} decisions that both refuse at the approval rate, {changed:,} get another first reason."
    kept = comparison.reasons.head(_MOST_REASONS)
    some = f" (the {kept.height} that change most, of {comparison.reasons.height})"
    caption = "How often each code is the first reason, and is given at all"
    which = some if kept.height < comparison.reasons.height else ""
    return [told, Table(kept, f"{caption}{which}: A and B, {refused:,} decisions that both refuse.")]


def _answers(comparison: Comparison) -> list[Block]:
    of = f"A and B, all {comparison.answers.height:,} decisions"
    return [
        Table(_named(comparison.statuses), f"Status by A and by B: {of}."),
        Table(_named(comparison.answered), f"Decision as served, by each model's own bands: {of}."),
    ]


def _named(pairs: pl.DataFrame) -> pl.DataFrame:
    """A table of pairs, with who says what, those that differ first."""
    first, second = SIDES
    ordered = pairs.sort(pl.col(first) == pl.col(second), first, second)
    return ordered.rename({side: f"by {side}" for side in SIDES})
