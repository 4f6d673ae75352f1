"""Drift: how the decisions of a window differ from those of the training, figure by figure, each beside its limit.

Like is compared with like. With a proxy label the reference consists of customers with a transaction in the observation window,
so that new decisions without one are counted but not compared. Whether decisions have a history is watched only where a model
of real outcomes meets real decisions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.scoring.policy import DECISIONS
from credit_model.scoring.reference import SCORE, Counts, Distribution, Reference
from credit_model.scoring.scorer import REACH, Scorer
from credit_model.serving.monitor_decisions import Decisions
from credit_model.serving.monitor_limits import DISTANCES, KS, MISSING, PSI, SHARE, UNSEEN, Limits, share

WATCHED: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "figure": pl.String(),
    "then": pl.Float64(),
    "now": pl.Float64(),
    "distance": pl.Float64(),
    "limit": pl.Float64(),
    "alarm": pl.Boolean(),
}
OBSERVED = "observed_default"
HISTORY_REACH, TRANSACTIONS, NO_HISTORY = "history reach", "transactions of a history", "no history"
INVALID, APPROVED, OVERRIDDEN = "invalid", "approved", "overridden"
TOLERATED_OVERRIDES = 0.10
_PLACES = {MISSING: -1, UNSEEN: -2, SHARE: 0}


@dataclass(frozen=True)
class Subject:
    """What is watched, with the figures of the new decisions.

    Attributes:
        name: of an input, or of what else is watched.
        then: decisions of the training per bin.
        size: number of new decisions.
        now: its figures; of those that are shares, the share.
    """

    name: str
    then: Counts
    size: int
    now: Mapping[str, float]

    @classmethod
    def counted(
        cls, name: str, then: Sequence[int], now: Counts, figures: Iterable[str], independent: float = 1.0
    ) -> "Subject":
        """A subject from the new decisions per bin, each of which stands for a number of independent cases, at most 1.

        The index of stability counts cases: it grows where a few customers have many decisions each.
        """
        known = np.array(then)
        cases: FloatArray = now[np.newaxis] * np.float64(min(independent, 1.0))
        values = {
            figure: float(
                share(now, _PLACES[figure]) if figure in _PLACES else DISTANCES[figure](known, cases)[0]
            )
            for figure in figures
        }
        return cls(name, known, int(now.sum()), values)

    def rows(self, limits: Limits) -> list[dict[str, object]]:
        """A row of the table ``WATCHED`` for each figure."""
        most = limits.of(self.name, self.then, self.size, self.now)
        return [self._row(figure, value, most[figure]) for figure, value in self.now.items()]

    def _row(self, figure: str, value: float, limit: float) -> dict[str, object]:
        then = float(share(self.then, _PLACES[figure])) if figure in _PLACES else None
        distance = value if then is None else abs(value - then)
        return row(self.name, figure, then, value, distance, limit)


def row(
    subject: str, figure: str, then: float | None, now: float, distance: float, limit: float
) -> dict[str, object]:
    """A row of the table ``WATCHED``: an alarm where the distance is above the limit."""
    cells = (subject, figure, then, now, distance, limit, distance > limit)
    return dict(zip(WATCHED, cells, strict=True))


def judged(scorer: Scorer, answers: pl.DataFrame) -> pl.Series:
    """Which decisions the classifier judged: with attributes also those without history."""
    known = answers["probability"].is_not_null()
    return known if scorer.catalogue.attributes else known & (answers["status"] == "scored")


def subjects(
    scorer: Scorer, reference: Reference, decisions: Decisions, older: pl.DataFrame | None
) -> list[Subject]:
    """Everything of a window that is watched by counts.

    Args:
        scorer: the model.
        reference: that of the model.
        decisions: those of the window.
        older: the table that the code of an older model made of its inputs, where it does not tell the features.
    """
    answers = decisions.answers
    mine, alike = judged(scorer, answers), decisions.independent
    found = [] if older is None else _of_table(reference, older, int(mine.sum()))
    for name, then in reference.inputs.items():
        values = decisions.feature(name)
        if values is not None:
            now = then.count(values.filter(mine))
            found.append(Subject.counted(name, then.counts, now, figures_of(then), alike))
    score = reference.score.count(answers["score"].filter(mine))
    found.append(Subject.counted(SCORE, reference.score.counts, score, (PSI, KS), alike))
    found += _of_histories(reference, decisions)
    return found + _of_status(scorer, reference, decisions)


def figures_of(then: Distribution) -> tuple[str, ...]:
    """The figures that are watched of an input."""
    return (PSI, MISSING, UNSEEN) if then.levels else (PSI, MISSING)


def _of_table(reference: Reference, older: pl.DataFrame, size: int) -> list[Subject]:
    rows = older.filter(pl.col("subject").is_in(list(reference.inputs))).iter_rows(named=True)
    return [
        Subject(
            each["subject"],
            np.array(reference.inputs[each["subject"]].counts),
            size,
            {PSI: each["psi"], MISSING: each["missing_now"]},
        )
        for each in rows
    ]


def _of_histories(reference: Reference, decisions: Decisions) -> list[Subject]:
    """How far back the histories reach, and of how many transactions they are, of the decisions that have one."""
    active = decisions.answers["status"] == "scored"
    watched = (
        (HISTORY_REACH, reference.reach, REACH),
        (TRANSACTIONS, reference.transactions, "transaction_count"),
    )
    told = [(name, then, decisions.feature(feature)) for name, then, feature in watched]
    return [
        Subject.counted(name, then.counts, then.count(values.filter(active)), (PSI,), decisions.independent)
        for name, then, values in told
        if then is not None and values is not None
    ]


def _of_status(scorer: Scorer, reference: Reference, decisions: Decisions) -> list[Subject]:
    """The rates of decisions: approved, invalid, without history."""
    status, made = decisions.answers["status"], decisions.answers["decision"]
    every = sum(reference.score.counts)
    found = []
    if reference.decisions is not None:
        approved = reference.decisions.count(made.filter(status == "scored"))
        found.append(Subject.counted(APPROVED, reference.decisions.counts, approved, (SHARE,)))
    if reference.invalid_share is not None:
        invalid = round(every * reference.invalid_share / (1 - reference.invalid_share))
        found.append(_rate(INVALID, (invalid, every), status == "invalid"))
    if presence_watched(scorer, decisions):
        then = training_histories(reference, all_judged=bool(scorer.catalogue.attributes))
        found.append(_rate(NO_HISTORY, then, status.filter(status != "invalid") == "no_history"))
    return found


def presence_watched(scorer: Scorer, decisions: Decisions) -> bool:
    """Whether the share of decisions without history is compared."""
    return scorer.target == OBSERVED and decisions.real


def training_histories(reference: Reference, *, all_judged: bool) -> tuple[int, int]:
    """How many decisions of the training had no history, and how many had one.

    Args:
        reference: the reference.
        all_judged: whether decisions without a history are scored too, so that the reference's scores are of all decisions.
    """
    share_without, scored = reference.no_history_share, sum(reference.score.counts)
    every = scored if all_judged or share_without == 1 else round(scored / (1 - share_without))
    without = round(every * share_without)
    return without, every - without


def _rate(name: str, then: tuple[int, int], now: pl.Series) -> Subject:
    return Subject.counted(name, then, np.array([int(now.sum()), int((~now).sum())]), (SHARE,))


def volumes(decisions: Decisions) -> dict[str, float]:
    """What the window holds, by name: counts, shares of all decisions, and the middle of how far back histories reach."""
    answers = decisions.answers
    count = answers.height
    active = answers["status"] == "scored"
    found = {"decisions": float(count), "customers": float(answers["customer"].drop_nulls().n_unique())}
    found |= {
        f"{name}_rate": float((answers["status"] == name).sum() / count) for name in ("invalid", "no_history")
    }
    found |= {f"{name}_rate": float((answers["decision"] == name).sum() / count) for name in DECISIONS}
    for name, feature in (("reach_days", REACH), ("transactions", "transaction_count")):
        values = decisions.feature(feature)
        known = None if values is None else values.filter(active).drop_nulls()
        if known is not None and len(known):
            quantiles = np.quantile(known.to_numpy(), [0.1, 0.5, 0.9]).tolist()
            found |= {
                f"{name}_{end}": each for end, each in zip(("p10", "median", "p90"), quantiles, strict=True)
            }
    if decisions.logged:
        found["overridden_rate"] = float(overridden(answers).sum() / count)
    return found


def overridden(answers: pl.DataFrame) -> pl.Series:
    """Which decisions stand otherwise than they were made."""
    return (answers["stands"] != answers["decision"]).fill_null(value=False)


def overrides(decisions: Decisions, limits: Limits) -> list[dict[str, object]]:
    """The row of the share of decisions that people overrode, of those of a log."""
    if not decisions.logged:
        return []
    changed = overridden(decisions.answers)
    now = float(changed.sum() / len(changed))
    limit = limits.of_share(OVERRIDDEN, TOLERATED_OVERRIDES, len(changed))
    return [row(OVERRIDDEN, SHARE, None, now, now, limit)]


def past_lines(reference: Reference, decisions: Decisions) -> list[str]:
    """How far back the histories reach, beside those of the training; a line each for days and for transactions."""
    active = decisions.answers["status"] == "scored"
    watched = (
        (
            reference.reach,
            REACH,
            "histories: in training {:.0%} reached back {:.0f} days or more; now {:.0%}",
        ),
        (
            reference.transactions,
            "transaction_count",
            "histories: in training {:.0%} had {:.0f} transactions or more; now {:.0%}",
        ),
    )
    lines = []
    for then, feature, said in watched:
        values = decisions.feature(feature)
        if then is not None and values is not None and then.edges and active.any():
            edge, old, new = _furthest(then, then.count(values.filter(active)))
            lines.append(said.format(old, np.ceil(edge), new))
    return lines


def _furthest(then: Distribution, now: Counts) -> tuple[float, float, float]:
    """The edge of a number's bins at which the shares above it differ most, and these shares, then and now."""
    above = [
        1 - np.cumsum(counts[:-1])[:-1] / max(np.sum(counts[:-1]), 1)
        for counts in (np.array(then.counts), now)
    ]
    place = int(np.abs(above[0] - above[1]).argmax())
    return then.edges[place], float(above[0][place]), float(above[1][place])
