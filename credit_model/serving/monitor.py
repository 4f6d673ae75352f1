"""Monitoring: the decisions of files, made again with their features by the code that the model carries.

The command ``monitor`` runs this module in a process of its own, as ``score`` runs ``batch``, because features must be those of
the model. The figures are then computed by ``monitor_window``. Transactions are read piece by piece. Features are computed
again here, because scoring does not keep them.
"""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from credit_model.data import files
from credit_model.data.cells import read, texts
from credit_model.data.decisions import read_decisions
from credit_model.data.outcomes import OUTCOME_COLUMNS, observed
from credit_model.data.partitions import ROWS_AT_ONCE, pieces
from credit_model.data.transactions import Tidy, tidy_table
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs, monitor_decisions
from credit_model.serving.jobs import Job
from credit_model.serving.monitor_decisions import Decisions
from credit_model.serving.monitor_window import Window, lines, window_of

_TOLD = "told.json"  # whether the decisions are real ones, and the time of the first transaction


def monitored(job: Job, scorer: Scorer, rows_at_once: int = ROWS_AT_ONCE) -> str:
    """Write the decisions of a job to a folder, or without one compare them; returns what to print.

    Args:
        job: what to monitor.
        scorer: the fitted scorer.
        rows_at_once: largest number of transactions per piece, on average.

    Raises:
        ValueError: the model has no reference, a file cannot be read, or no decision could be scored.
    """
    if job.decided is not None:
        made_again(job, scorer, Path(job.decided), rows_at_once)
        return f"decisions written to {job.decided}"
    with TemporaryDirectory(prefix="credit_model_") as folder:
        window = compared(job, scorer, Path(folder), rows_at_once)
    if job.output is not None:
        files.write(window.table, job.output)
    return "\n".join(lines(window))


def compared(job: Job, scorer: Scorer, folder: Path, rows_at_once: int = ROWS_AT_ONCE) -> Window:
    """The window of a job's decisions, which are written to a folder meanwhile."""
    made_again(job, scorer, folder, rows_at_once)
    return window_of(scorer, written(folder))


def written(folder: Path) -> Decisions:
    """The decisions that ``made_again`` left in a folder."""
    told: Mapping[str, Any] = json.loads((folder / _TOLD).read_text(encoding="utf-8"))
    first = None if told["first"] is None else datetime.fromisoformat(told["first"])
    return Decisions(folder, told["real"], logged=False, first=first)


def made_again(job: Job, scorer: Scorer, folder: Path, rows_at_once: int = ROWS_AT_ONCE) -> None:
    """Score the decisions of a job, and write answers and features to a folder, piece by piece.

    Raises:
        ValueError: the model judges applications, and the job names none; or a file cannot be read.
    """
    chosen = job.decisions is not None or job.outcomes is not None
    attributes = [attribute.name for attribute in scorer.catalogue.attributes]
    if attributes and not chosen:
        raise ValueError(
            f"the model judges applications by {', '.join(attributes)}, which transactions alone do not tell; "
            "give --decisions or --outcomes FILE with these columns"
        )
    asked = _asked(job, scorer)
    source = job.transactions or "no transactions"
    with pieces(job.scan_transactions(scorer), source, rows_at_once) as split:
        everyone = files.filled(split.customers.to_frame(), source).drop_nulls() if asked is None else asked
        place = split.place(read(everyone["CustomerId"], texts)[0])
        for number, table in enumerate(split.tables):
            mine = everyone.filter(place == number)
            _piece(job, scorer, tidy_table(table.collect()), mine, (folder, number))
        first = split.span[0]
    plain = {"real": chosen, "first": None if first is None else first.isoformat()}
    (folder / _TOLD).write_text(json.dumps(plain), encoding="utf-8")


def _piece(
    job: Job, scorer: Scorer, transactions: Tidy, asked: pl.DataFrame, where: tuple[Path, int]
) -> None:
    """Answer the decisions of one piece, and write them."""
    columns = {name: asked[name] for name in asked.columns}
    decisions = read_decisions(columns, asked.height, scorer.scalars, job.moment)
    judgement = scorer.judge(scorer.history(transactions, decisions), decisions)
    answers = judgement.answer.rename({"CustomerId": "customer"}).with_columns(
        monitor_decisions.moments(judgement.answer["as_of"]),
        moment=monitor_decisions.moments(judgement.answer["as_of"]),
    )
    outcomes = asked.select(name for name in ("bad",) if name in asked.columns)
    monitor_decisions.keep(*where, answers.hstack(outcomes), judgement.features)


def _asked(job: Job, scorer: Scorer) -> pl.DataFrame | None:
    """The decisions to judge, with their outcomes where there are any; None is every customer."""
    if job.outcomes is not None:
        outcomes = job.read_decisions(job.outcomes, scorer, OUTCOME_COLUMNS)
        return observed(outcomes, 0, job.bad_values, files.place(job.outcomes)).decisions
    if job.decisions is not None:
        return job.read_decisions(job.decisions, scorer, ("CustomerId",))
    return None


if __name__ == "__main__":
    sys.exit(jobs.run(monitored))
