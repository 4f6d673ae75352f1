"""One window of monitoring: its figures and what is watched of them, computed, told in lines, and kept as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from credit_model.scoring.reference import Reference
from credit_model.scoring.scorer import Scorer
from credit_model.serving.monitor_decisions import Decisions
from credit_model.serving.monitor_estimates import estimates
from credit_model.serving.monitor_figures import (
    OBSERVED,
    WATCHED,
    judged,
    overrides,
    past_lines,
    presence_watched,
    subjects,
    volumes,
)
from credit_model.serving.monitor_limits import CHANCE, SHARE, Limits
from credit_model.serving.monitor_outcomes import performance

_OUTCOME_FIGURES = 2  # AUC and calibration
_SHOWN = 10


@dataclass(frozen=True)
class Window:
    """What monitoring found in one window.

    Attributes:
        start: of the window, ISO-8601.
        end: of the window, ISO-8601.
        version: ``model_version`` of the model.
        figures: by name.
        watched: rows of the table ``WATCHED``, what is furthest beyond its limit first.
        notes: what was compared, and what could not be.
    """

    start: str
    end: str
    version: str
    figures: Mapping[str, float]
    watched: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def table(self) -> pl.DataFrame:
        """``watched`` as a table."""
        return pl.DataFrame(list(self.watched), schema=WATCHED)

    @property
    def alarms(self) -> tuple[Mapping[str, Any], ...]:
        """The rows that are above their limits."""
        return tuple(row for row in self.watched if row["alarm"])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Window":
        """The inverse of ``to_dict``."""
        return cls(**(dict(plain) | {name: tuple(plain[name]) for name in ("watched", "notes")}))


def window_of(scorer: Scorer, decisions: Decisions, older: pl.DataFrame | None = None) -> Window:
    """Compute the figures of a window.

    Args:
        scorer: the model.
        decisions: those of the window.
        older: the table that the code of an older model made of its inputs, where it does not tell the features.

    Raises:
        ValueError: the model has no reference, or no decision could be judged.
    """
    reference = scorer.reference
    if reference is None:
        raise ValueError("the model carries no reference to compare with; train it again")
    answers = decisions.answers
    mine = judged(scorer, answers)
    if not mine.any():
        raise ValueError(
            "no decision could be judged, so nothing can be compared; check as_of and the transactions"
        )
    watched = subjects(scorer, reference, decisions, older)
    limits = _limits(reference, decisions, sum(len(subject.now) for subject in watched))
    rows = [row for subject in watched for row in subject.rows(limits)] + overrides(decisions, limits)
    probability = answers["probability"].filter(mine).to_numpy()
    score = reference.score.count(answers["score"].filter(mine))
    figures = volumes(decisions) | estimates(probability, scorer.bands.threshold, reference, score)
    notes = _notes(scorer, reference, decisions, older)
    if answers["bad"].count():
        became = performance(scorer, reference, answers, limits)
        figures, notes, rows = (
            figures | dict(became.figures),
            [*notes, *became.sentences],
            [*rows, *became.rows],
        )
    start, end = (moment.isoformat() for moment in decisions.span)
    rows.sort(key=lambda row: (-_excess(row), str(row["subject"]), str(row["figure"])))
    return Window(start, end, scorer.version, _finite(figures), tuple(rows), tuple(notes))


def _limits(reference: Reference, decisions: Decisions, counted: int) -> Limits:
    """Limits of all figures together. A model that does not say how its customers repeat is taken to be like the window."""
    past = decisions.independent if reference.independent is None else reference.independent
    return Limits(counted + int(decisions.logged) + _OUTCOME_FIGURES, past, decisions.independent)


def _excess(row: Mapping[str, Any]) -> float:
    return float(row["distance"] / row["limit"])


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if abs(value) < float("inf")}


def _notes(
    scorer: Scorer, reference: Reference, decisions: Decisions, older: pl.DataFrame | None
) -> list[str]:
    return [
        _compared(scorer, reference, decisions),
        *decisions.said,
        _without_history(scorer, reference, decisions),
        *past_lines(reference, decisions),
        *_short_past(decisions, scorer.catalogue.history_days),
        *_absent(reference, decisions, older),
    ]


def _compared(scorer: Scorer, reference: Reference, decisions: Decisions) -> str:
    count, answers = int(judged(scorer, decisions.answers).sum()), decisions.answers
    population = "decisions" if decisions.real else "customers of the file"
    return (
        f"compared: {count} of {answers.height} {population} with {sum(reference.score.counts)} decisions of the training; "
        f"invalid: {int((answers['status'] == 'invalid').sum())}"
    )


def _without_history(scorer: Scorer, reference: Reference, decisions: Decisions) -> str:
    valid = decisions.answers["status"].filter(decisions.answers["status"] != "invalid")
    share = int((valid == "no_history").sum()) / len(valid)
    if presence_watched(scorer, decisions):
        return f"without history: {share:.1%}, in training {reference.no_history_share:.1%}"
    if scorer.target == OBSERVED:
        return (
            f"without history: {share:.1%}, not watched: every customer of the file is judged, and in training "
            f"({reference.no_history_share:.1%}) real decisions; give --decisions to compare them"
        )
    return f"without history: {share:.1%}, not watched: in training, by its label, everyone had one"


def _short_past(decisions: Decisions, history_days: int) -> list[str]:
    """A line where the files do not reach back as far as the model looks; the first transaction stands for its day."""
    if decisions.first is None:
        return []
    moments = decisions.answers["as_of"]
    short = int((moments < decisions.first + timedelta(days=history_days - 1)).sum())
    if not short:
        return []
    since = (
        f"{short} of {len(moments)} decisions have fewer since the first transaction "
        f"({decisions.first:%Y-%m-%d})"
    )
    reason = "features such as tenure differ where training had more or fewer"
    return [f"past: the model looks back {history_days} days, and {since}: {reason}"]


def _absent(reference: Reference, decisions: Decisions, older: pl.DataFrame | None) -> list[str]:
    """A line on what cannot be compared, because the model or the log does not have it."""
    lacking = {
        "how far back histories reach": reference.reach,
        "the share approved": reference.decisions,
        "the share invalid": reference.invalid_share,
        "estimated calibration": reference.bads_by_score,
        "cost": reference.costs,
    }
    names = [name for name, part in lacking.items() if part is None]
    told = [name for name in reference.inputs if decisions.feature(name) is None]
    if older is not None:
        names.append("levels of texts that training did not see")
        told = [name for name in told if name not in older["subject"].to_list()]
    lines = (
        [f"not compared, because the model was trained before it was kept: {', '.join(names)}"]
        if names
        else []
    )
    return lines + (
        [f"not compared, because the decisions do not tell them: {', '.join(told)}"] if told else []
    )


def alarm_text(row: Mapping[str, Any]) -> str:
    """One watched figure in words."""
    if row["figure"] in {"psi", "ks"}:
        return f"{row['subject']}: {row['figure'].upper()} {row['now']:.3f}, limit {row['limit']:.3f}"
    if row["figure"] in {"fall", "observed to expected"}:
        return f"{row['subject']}: {row['now']:.3f} beside {row['then']:.3f}, limit of the difference {row['limit']:.3f}"
    kind = "" if row["figure"] == SHARE else f" {row['figure']}"
    then = "" if row["then"] is None else f", in training {row['then']:.1%}"
    what = "limit" if row["then"] is None else "limit of the difference"
    return f"{row['subject']}: {row['now']:.1%}{kind}{then}, {what} {row['limit']:.1%}"


def lines(window: Window) -> list[str]:
    """Lines to print: the verdict first, then what was compared, and the figures."""
    named = ", ".join(dict.fromkeys(str(row["subject"]) for row in window.alarms))
    verdict = f"alarm: {named}" if named else "no alarm: nothing beyond chance"
    head = f"{verdict} ({len(window.watched)} figures watched, {CHANCE:.0%} chance of any false alarm)"
    most = max(_SHOWN, len(window.alarms))
    shown = [f"  {alarm_text(row)}" for row in window.watched[:most]]
    figures = [f"{name.replace('_', ' ')}: {value:.4g}" for name, value in window.figures.items()]
    return [head, *window.notes, *shown, *figures]


def moment(text: str) -> datetime:
    """A time of a window."""
    return datetime.fromisoformat(text)
