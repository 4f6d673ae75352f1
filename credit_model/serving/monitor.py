"""Monitoring: new decisions against the reference that the model carries (drift), and against their outcomes (performance).

Like is compared with like. With a proxy label the reference consists of customers with a transaction in the observation window,
so that new decisions without one are counted but not compared. Whether decisions have a history is watched only where a model
of real outcomes meets a table of decisions.

The command ``monitor`` runs this module from the code that the model carries, as ``score`` runs ``batch``. Transactions are read
piece by piece and the counts added up. Features are computed again here, because scoring does not keep them.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray
from credit_model.data import files
from credit_model.data.cells import read, texts
from credit_model.data.decisions import read_decisions
from credit_model.data.outcomes import OUTCOME_COLUMNS, observed
from credit_model.data.partitions import ROWS_AT_ONCE, pieces
from credit_model.data.transactions import Tidy, tidy_table
from credit_model.scoring.reference import SCORE, Counts, Distribution, Reference
from credit_model.scoring.scorer import Scorer
from credit_model.serving import batch, jobs
from credit_model.serving.jobs import Job

CHANCE = 0.05
OBSERVED = "observed_default"
DRIFT: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "psi": pl.Float64(),
    "limit": pl.Float64(),
    "missing_then": pl.Float64(),
    "missing_now": pl.Float64(),
    "drifted": pl.Boolean(),
}


def counts(reference: Reference, features: pl.DataFrame, score: pl.Series) -> dict[str, Counts]:
    """Scored decisions per bin of every input and of the score, by name; counts of parts add up to those of the whole."""
    counted = {name: distribution.count(features[name]) for name, distribution in reference.inputs.items()}
    return counted | {SCORE: reference.score.count(score)}


def drift(
    reference: Reference, now: Mapping[str, Counts], presence: tuple[Distribution, pl.Series] | None = None
) -> pl.DataFrame:
    """The population stability index of every input, of the score, and of having a history, worst first.

    Limits depend on the sample sizes (``metrics.psi_limit``) and share a 5 % chance of any false alarm (Bonferroni).

    Args:
        reference: the reference.
        now: ``counts`` of the new decisions.
        presence: from ``had_history``; not watched where it is not given.

    Returns:
        One row per subject, with the columns of ``DRIFT``.
    """
    references = {**reference.inputs, SCORE: reference.score}
    watched = {name: (then, now[name]) for name, then in references.items()}
    if presence is not None:
        then, status = presence
        watched["history"] = then, then.count(status)
    rows = [
        _row(name, then, now_counts, CHANCE / len(watched)) for name, (then, now_counts) in watched.items()
    ]
    excess = pl.col("psi") - pl.col("limit")
    return pl.DataFrame(rows, schema=DRIFT).sort(excess, "subject", descending=[True, False])


def had_history(
    reference: Reference, status: pl.Series, *, all_judged: bool
) -> tuple[Distribution, pl.Series]:
    """Whether decisions had a history: as counts of the reference, and of the new decisions.

    Args:
        reference: the reference.
        status: of the new decisions; invalid ones are left out.
        all_judged: whether decisions without a history are scored too, so that the reference's scores are of all decisions.
    """
    share, judged = reference.no_history_share, sum(reference.score.counts)
    decisions = judged if all_judged or share == 1 else round(judged / (1 - share))
    without = round(decisions * share)
    now = status.filter(status != "invalid").replace("no_history", "none")
    return Distribution((), ("scored",), (decisions - without, without, 0)), now


def performance(answers: pl.DataFrame, reference: Reference | None, seed: int = 42) -> dict[str, float | str]:
    """Performance of scored decisions: AUC with its interval, calibration in the large, bad rate by decision.

    Args:
        answers: ``CustomerId``, ``probability``, ``decision``, and ``bad`` of the outcomes.
        reference: the reference; None where its label is not the outcomes', so that neither its figures nor the level of
            the probabilities can be compared with them.
        seed: of the resampling.
    """
    scored = answers.filter(pl.col("probability").is_not_null())
    bad, risk = scored["bad"].to_numpy().astype(np.int8), scored["probability"].to_numpy()
    figures: dict[str, float | str] = {"decisions": float(len(bad)), "bads": float(bad.sum())}
    if not metrics.estimable(bad):
        return figures | {"roc_auc": "not estimable: fewer than 20 of a class"}
    low, high = metrics.interval(metrics.roc_auc, bad, risk, scored["CustomerId"].to_numpy(), seed)
    figures |= {
        "roc_auc": metrics.roc_auc(bad, risk),
        "roc_auc_low": low,
        "roc_auc_high": high,
        "bad_rate": float(bad.mean()),
    }
    if reference is not None:
        figures |= {
            "roc_auc_in_training": "not estimable" if reference.roc_auc is None else reference.roc_auc,
            "observed_to_expected": metrics.calibration_in_the_large(bad, risk),
            "bad_rate_in_training": reference.bad_rate,
        }
    return figures | _by_decision(scored["decision"], bad)


def report(table: pl.DataFrame, notes: Sequence[str], became: Mapping[str, float | str]) -> list[str]:
    """Lines to print: the verdict first, then what was compared."""
    drifted = table.filter(pl.col("drifted"))["subject"].to_list()
    verdict = f"drifted: {', '.join(drifted)}" if drifted else "no drift beyond chance"
    lines = [f"{verdict} ({table.height} subjects watched, 5 % chance of any false alarm)", *notes]
    shown = table.head(10).iter_rows(named=True)
    lines += [f"  {row['subject']}: PSI {row['psi']:.3f}, limit {row['limit']:.3f}" for row in shown]
    texts = {name: value if isinstance(value, str) else f"{value:.4g}" for name, value in became.items()}
    return lines + [f"{name.replace('_', ' ')}: {text}" for name, text in texts.items()]


@dataclass(frozen=True)
class _Seen:
    """New decisions, answered.

    Attributes:
        answers: ``CustomerId``, ``as_of``, ``status``, ``probability``, ``decision``, and ``bad`` where there are outcomes.
        counts: of those that were judged.
        first: time of the first transaction, None where there is none.
    """

    answers: pl.DataFrame
    counts: Mapping[str, Counts]
    first: datetime | None = None


def monitored(job: Job, scorer: Scorer, rows_at_once: int = ROWS_AT_ONCE) -> str:
    """Compare the decisions of a job with the model's reference, write the drift table; returns what to print.

    Args:
        job: what to compare.
        scorer: the fitted scorer.
        rows_at_once: largest number of transactions per piece, on average.

    Raises:
        ValueError: the model has no reference, a file cannot be read, or no decision could be scored.
    """
    reference = scorer.reference
    if reference is None:
        raise ValueError("the model carries no reference to compare with; train it again")
    chosen = job.decisions is not None or job.outcomes is not None
    attributes = [attribute.name for attribute in scorer.catalogue.attributes]
    if attributes and not chosen:
        raise ValueError(
            f"the model judges applications by {', '.join(attributes)}, which transactions alone do not tell; "
            "give --decisions or --outcomes FILE with these columns"
        )
    seen = _seen(job, scorer, reference, rows_at_once)
    if not sum(seen.counts[SCORE]):
        raise ValueError(
            "no decision could be judged, so nothing can be compared; check as_of and the transactions"
        )
    real = scorer.target == OBSERVED
    status, watched = seen.answers["status"], real and chosen
    presence = had_history(reference, status, all_judged=bool(attributes)) if watched else None
    table = drift(reference, seen.counts, presence)
    became = {} if job.outcomes is None else performance(seen.answers, reference if real else None)
    notes = [
        _compared(seen, reference, chosen=chosen),
        _without_history(status, reference, real=real, watched=watched),
        *_short_past(seen, scorer.catalogue.history_days),
    ]
    if became and not real:
        notes.append(
            f"the outcomes are defaults and the model's target is {scorer.target}: only their order is compared"
        )
    if job.output is not None:
        files.write(table, job.output)
    return "\n".join(report(table, notes, became))


def _compared(seen: _Seen, reference: Reference, *, chosen: bool) -> str:
    judged, trained_on = int(sum(seen.counts[SCORE])), sum(reference.score.counts)
    invalid = int((seen.answers["status"] == "invalid").sum())
    population = "decisions" if chosen else "customers of the file"
    return (
        f"compared: {judged} of {seen.answers.height} {population} with {trained_on} decisions of the training; "
        f"invalid: {invalid}"
    )


def _without_history(status: pl.Series, reference: Reference, *, real: bool, watched: bool) -> str:
    valid = status.filter(status != "invalid")
    share = int((valid == "no_history").sum()) / len(valid)
    if watched:
        return f"without history: {share:.1%}, in training {reference.no_history_share:.1%}"
    if real:
        return (
            f"without history: {share:.1%}, not watched: every customer of the file is judged, and in training "
            f"({reference.no_history_share:.1%}) real decisions; give --decisions to compare them"
        )
    return f"without history: {share:.1%}, not watched: in training, by its label, everyone had one"


def _short_past(seen: _Seen, history_days: int) -> list[str]:
    """A line where the files do not reach back as far as the model looks; the first transaction stands for its day."""
    if seen.first is None:
        return []
    moments = seen.answers["as_of"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")
    short = int((moments < seen.first + timedelta(days=history_days - 1)).sum())
    if not short:
        return []
    since = (
        f"{short} of {len(moments)} decisions have fewer since the first transaction ({seen.first:%Y-%m-%d})"
    )
    reason = "features such as tenure differ where training had more or fewer"
    return [f"past: the model looks back {history_days} days, and {since}: {reason}"]


def _seen(job: Job, scorer: Scorer, reference: Reference, rows_at_once: int) -> _Seen:
    chosen = _asked(job, scorer)
    source = job.transactions or "no transactions"
    with pieces(job.scan_transactions(scorer), source, rows_at_once) as split:
        asked = files.filled(split.customers.to_frame(), source).drop_nulls() if chosen is None else chosen
        place = split.place(read(asked["CustomerId"], texts)[0])
        parts = [
            _part(job, scorer, reference, tidy_table(table.collect()), asked.filter(place == number))
            for number, table in enumerate(split.tables)
        ]
    together = {name: np.sum([part.counts[name] for part in parts], axis=0) for name in parts[0].counts}
    return _Seen(pl.concat([part.answers for part in parts]), together, split.span[0])


def _part(job: Job, scorer: Scorer, reference: Reference, transactions: Tidy, asked: pl.DataFrame) -> _Seen:
    """The decisions of one piece."""
    answers = batch.score_tables(scorer, transactions, asked, job.moment)
    judged = answers["probability"].is_not_null()
    if not scorer.catalogue.attributes:
        judged &= answers["status"] == "scored"
    features = _features(scorer, transactions, asked, job.moment).filter(judged)
    kept = answers.select("CustomerId", "as_of", "status", "probability", "decision")
    outcomes = asked.select(name for name in ("bad",) if name in asked.columns)
    return _Seen(kept.hstack(outcomes), counts(reference, features, answers["score"].filter(judged)))


def _asked(job: Job, scorer: Scorer) -> pl.DataFrame | None:
    """The decisions to judge, with their outcomes where there are any; None is every customer."""
    if job.outcomes is not None:
        outcomes = job.read_decisions(job.outcomes, scorer, OUTCOME_COLUMNS)
        return observed(outcomes, 0, job.bad_values, files.place(job.outcomes)).decisions
    if job.decisions is not None:
        return job.read_decisions(job.decisions, scorer, ("CustomerId",))
    return None


def _features(scorer: Scorer, transactions: Tidy, decisions: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    columns = {name: decisions[name] for name in decisions.columns}
    asked = read_decisions(columns, decisions.height, scorer.scalars, as_of)
    rows = scorer.history(transactions, asked)
    return scorer.plan.compute(rows.frame, asked.frame)


def _row(name: str, known: Distribution, now: Counts, chance: float) -> dict[str, object]:
    then = np.array(known.counts)
    psi = metrics.psi_of_counts(then, now)
    limit = metrics.psi_limit(int(then.sum()), int(now.sum()), int(((then + now) > 0).sum()), chance)
    return {
        "subject": name,
        "psi": psi,
        "limit": limit,
        "missing_then": float(then[-1] / then.sum()),
        "missing_now": float(now[-1] / now.sum()),
        "drifted": psi > limit,
    }


def _by_decision(decision: pl.Series, bad: BadArray) -> dict[str, float]:
    table = (
        pl.DataFrame({"decision": decision, "bad": bad})
        .group_by("decision")
        .agg(pl.col("bad").mean())
        .sort("decision")
    )
    return {f"bad_rate_of_{name}": rate for name, rate in table.iter_rows()}


if __name__ == "__main__":
    sys.exit(jobs.run(monitored))
