"""Replay: makes logged decisions again from their features, by the version's own code, and compares to the last digit."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from credit_model.data.decisions import OPENING_BALANCE, read_decisions
from credit_model.data.iso_time import EARLIEST, read_iso
from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.scoring.scorer import BALANCE_BASIS, STATED, WHAT_WOULD_HELP, Scorer
from credit_model.serving import jobs
from credit_model.serving.decided import each, plain
from credit_model.serving.decision_log import DECISION
from credit_model.serving.jobs import Finding, Job
from credit_model.serving.log_file import LogFile

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Replay:
    """The replay of a scorer's decisions."""

    scorer: Scorer

    def different(self, entry: Entry) -> list[str]:
        """The fields in which a logged decision differs from the one made again; none where all are equal."""
        again = json.loads(json.dumps(self.again(entry)))
        parts = [(entry[part] or {}, again[part] or {}) for part in ("answer", "contributions")]
        return [
            name
            for logged, made in parts
            for name in {**logged, **made}
            if (name in logged, logged.get(name)) != (name in made, made.get(name))
        ]

    def again(self, entry: Entry) -> dict[str, Any]:
        """The decision made again from the features of a logged one, as ``decided.plain`` gives it."""
        answer = entry["answer"]
        message = pl.Series("message", [answer["message"]], dtype=pl.String)
        helps = answer.get(WHAT_WOULD_HELP) is not None
        features, decision = self._features(entry["features"]), _decision(answer)
        judgement = self.scorer.judge_features(features, decision, message, what_would_help=helps)
        return plain(self.scorer, next(each(self.scorer, judgement)))

    def _features(self, logged: Mapping[str, Any] | None) -> pl.DataFrame:
        """The features of a decision as a table of one row; those of nobody where none are logged."""
        if logged is None:
            return self.nobody
        columns = {
            name: pl.Series([_cell(logged.get(name), kind)], dtype=kind)
            for name, kind in self.nobody.schema.items()
        }
        return pl.DataFrame(columns)

    @cached_property
    def nobody(self) -> pl.DataFrame:
        """The features of a decision without anything known: one row, with the types of all."""
        cells = {"CustomerId": [""]}
        decisions = read_decisions(cells, 1, self.scorer.scalars, EARLIEST)
        past = self.scorer.history(tidy_table(pl.DataFrame(schema=SCHEMA)), decisions)
        return self.scorer.plan.compute(past.frame, decisions.frame)


def _cell(value: Any, kind: pl.DataType) -> Any:
    return value if value is None or kind == pl.String else float(value)


def _decision(answer: Mapping[str, Any]) -> pl.DataFrame:
    moment = None if answer["as_of"] is None else read_iso(answer["as_of"])
    columns = {
        "CustomerId": pl.Series([None], dtype=pl.String),
        "as_of": pl.Series([moment], dtype=pl.Datetime("us")),
    }
    if answer.get(BALANCE_BASIS) == STATED:
        columns[OPENING_BALANCE.name] = pl.Series(
            [0.0]
        )  # that it was stated counts; its value is in the features
    return pl.DataFrame(columns)


def _asked(job: Job) -> Iterator[Entry]:
    """The logged decisions that a job asks for."""
    for entry in LogFile(Path(job.log or "")).entries():
        if entry["kind"] == DECISION and job.decision in {None, entry["decision_id"]}:
            yield entry


def _replay(job: Job, scorer: Scorer) -> str:
    replay, lines = Replay(scorer), list[str]()
    count = others = 0
    for entry in _asked(job):
        own = entry["answer"]["model_version"] == scorer.version
        others += not own
        count += own
        fields = replay.different(entry) if own else []
        lines += [f"decision {entry['decision_id']} differs in {', '.join(fields)}"] if fields else []
    if not count:
        raise ValueError(_nothing(job, others, scorer.version))
    left = f"; {others} of other versions left out" if others else ""
    total = f"{count} decisions made again by version {scorer.version}, {count - len(lines)} equal{left}"
    text = "\n".join([*lines, total])
    return Finding(text) if lines else text


def _nothing(job: Job, others: int, version: str) -> str:
    if others:
        return (
            f"{job.log}: no such decision is of the version {version}, {others} of other versions; name the model that "
            "made it: its tag model_version is that of the answer"
        )
    wanted = "" if job.decision is None else f" {job.decision}"
    return f"{job.log}: there is no decision{wanted}; check the id and the file"


if __name__ == "__main__":
    sys.exit(jobs.run(_replay))
