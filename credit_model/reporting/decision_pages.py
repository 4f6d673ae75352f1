"""Two pages of one logged decision: a letter for the applicant, and everything that its reviewer needs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from credit_model.reporting.explanation import waterfall
from credit_model.reporting.page import Block, Note, Picture, Section, Table, page

Entry = Mapping[str, Any]
_DECIDED = {
    "approve": "Your application was approved.",
    "review": "Your application is not decided by the model: a person decides it.",
    "reject": "Your application was not approved.",
}
_PROXY = (
    "The model was trained without observed defaults. Its score says how much your use of the account is like that of customers "
    "who hardly use theirs. It is no probability that you will not repay."
)


def letter(entry: Entry, stands: str) -> str:
    """The letter for the applicant, as HTML.

    Args:
        entry: the line of the decision.
        stands: the decision as it stands: ``approve``, ``review`` or ``reject``.
    """
    answer = entry["answer"]
    sections = [
        Section("The decision", _decision(answer, stands)),
        Section("How it was made", _procedure(answer)),
        Section("Data that were used", _data(entry)),
        Section("Reasons", _reasons(answer["reasons"])),
        Section("What would have helped", _helps(answer.get("what_would_help"))),
        Section("Your rights", _rights(entry["decision_id"])),
    ]
    return page("Your application", f"decision of {_day(entry['time'])}", sections)


def reviewer_page(entry: Entry, overrides: Sequence[Entry]) -> str:
    """The page for the reviewer, as HTML: the answer, its reasons, every feature with what it added, and the overrides."""
    answer = entry["answer"]
    sections = [
        Section("Answer", [_pairs(entry, answer)]),
        Section("Reasons", _reasons(answer["reasons"])),
        Section("Features and contributions", _contributions(entry)),
        Section("Overrides", _overrides(overrides)),
    ]
    return page("Review of a decision", entry["decision_id"], sections)


def _decision(answer: Mapping[str, Any], stands: str) -> list[Block]:
    blocks: list[Block] = [_DECIDED[stands]]
    if stands != answer["decision"]:
        blocks.append("A person reviewed what the model had proposed, and decided otherwise.")
    return blocks


def _procedure(answer: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = [
        "A statistical model computes a score from your data; a higher score is safer.",
        "The score puts an application into a band, and each band has its decision: approval, review by a person, or rejection.",
    ]
    if answer["score"] is None:
        blocks.append("There was too little data to compute a score for you.")
    else:
        blocks.append(f"Your score is {answer['score']:.0f} points, in the band {answer['risk_level']}.")
    if answer["target"] != "observed_default":
        blocks.append(Note(_PROXY))
    return [*blocks, f"The version of the model is {answer['model_version']}."]


def _data(entry: Entry) -> list[Block]:
    answer = entry["answer"]
    transactions = f"{answer['transaction_count']} transactions of the {entry['history_days']} days before"
    others = "where it asks for them, your account's balance and what you stated in your application"
    return [f"The model read your {transactions} {_day(answer['as_of'])} and, {others}."]


def _reasons(reasons: Sequence[Mapping[str, Any]]) -> list[Block]:
    if not reasons:
        return ["Nothing in particular counted against you."]
    return ["These counted against you most, the weightiest first:", *(reason["text"] for reason in reasons)]


def _helps(looked_for: str | None) -> list[Block]:
    if looked_for is None:
        return ["This was not looked for when the decision was made; ask us, and we will look."]
    changes = json.loads(looked_for)
    if not changes:
        return ["No small change of what you can influence would have led to a better band."]
    return [
        "With everything else as it was, this would have led to a better band; of several lines, all together:",
        *(change["text"] for change in changes),
        "It tells how the model works on your data. It is no promise for another application.",
    ]


def _rights(decision: str) -> list[Block]:
    return [
        "You may ask that a person reviews this decision, give your view of it, and contest it.",
        "You may ask which data we keep of you, and have wrong data corrected.",
        f"Please name the number of the decision: {decision}.",
    ]


def _pairs(entry: Entry, answer: Mapping[str, Any]) -> Table:
    told = {
        "decision_id": entry["decision_id"],
        "time": entry["time"],
        "customer (keyed hash)": entry["customer"],
    }
    told |= {name: cell for name, cell in answer.items() if not isinstance(cell, list)}
    frame = pl.DataFrame({"field": list(told), "value": [_text(cell) for cell in told.values()]})
    return Table(frame, "The answer as it was logged.")


def _contributions(entry: Entry) -> list[Block]:
    features, points = entry["features"] or {}, entry["contributions"] or {}
    if not points:
        return ["The model did not judge this decision, so that nothing contributed to a score."]
    names = sorted(points, key=lambda name: (name not in features, points[name]))
    frame = pl.DataFrame(
        {
            "feature": names,
            "value": [_text(features.get(name)) for name in names],
            "points": [points[name] for name in names],
        },
        schema_overrides={"value": pl.String, "points": pl.Float64},
    )
    caption = "Every feature that the model read, and the points that it added to the score; what took most off comes first."
    drawn = Picture(
        waterfall(frame),
        f"From where the score starts to the score of this one decision, by model version {entry['answer']['model_version']}.",
        "Steps of the largest contributions, one below the other, from the start to the score.",
    )
    return [
        drawn,
        Table(frame, caption),
        "The points add up to the score, with where it starts and what calibration adds.",
    ]


def _overrides(overrides: Sequence[Entry]) -> list[Block]:
    if not overrides:
        return ["Nobody has decided otherwise so far."]
    names = ("time", "who", "from", "to", "why")
    frame = pl.DataFrame([{name: entry[name] for name in names} for entry in overrides])
    return [Table(frame, "Who decided otherwise, and why.")]


def _text(cell: Any) -> str | None:
    return None if cell is None else str(cell)


def _day(moment: str) -> str:
    return moment[:10]
