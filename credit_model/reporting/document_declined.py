"""Declined applicants, in a section of the model document."""

from credit_model.reporting.page import Block, Note, Section, Table
from credit_model.training.declined import Declined


def declined(found: Declined, winner: str) -> Section:
    """Section on what the lacking outcomes of declined applicants leave open.

    Args:
        found: the figures.
        winner: name of the candidate that scores.
    """
    left = f" {found.unscored:,} more are not scored, and in no figure here." if found.unscored else ""
    text = (
        f"The model was trained and judged on approved decisions alone. {found.scored:,} declined applicants of the same file "
        "have no outcome: nobody knows what would have become of them, and no label is made up for them."
        f"{left} The figures below are of all applicants, under what is assumed of the declined."
    )
    bounds = (
        "The lowest and the highest that are possible hold whatever the declined would have done (worst-case bounds: C. F. "
        "Manski, Partial Identification of Probability Distributions, 2003); for the AUC every outcome of every one of them is "
        "allowed, not only that all are good or all bad. They are no confidence intervals: what the number of approved decisions "
        "leaves open comes on top."
    )
    multiples = (
        "That the declined are as often bad as the model says of their scores, or more often by a factor, is an extrapolation: "
        "the model has learned from approved applicants alone, and who declined the others may have known more than it does. A "
        "chance above 1 counts as 1."
    )
    whose = f"winner {winner}, {found.approved:,} approved out of fold ({found.bads:,} bad), {found.scored:,} declined"
    blocks: list[Block] = [text, bounds, multiples, *_beyond(found)]
    blocks += [
        Table(found.figures, f"All applicants, by what is assumed of the declined: {whose}"),
        Table(found.bands, f"Tenths of the probability of all applicants, the safest first: {whose}"),
    ]
    return Section("Declined applicants", blocks)


def _beyond(found: Declined) -> list[Block]:
    """Those of whom nothing observed speaks."""
    if not found.beyond:
        return []
    said = (
        f"{found.beyond:,} of the {found.scored:,} declined have a higher probability than any approved decision: nothing that "
        "was observed speaks for what is assumed of them."
    )
    return [Note(said, "warning")]
