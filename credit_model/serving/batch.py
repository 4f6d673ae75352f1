"""Scoring files: from transactions and decisions to one answer per decision, in the order given.

Transactions may be larger than memory: they are scored piece by piece, with all transactions of a customer in one piece.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import polars as pl

from credit_model.data import files
from credit_model.data.cells import read, texts
from credit_model.data.decisions import Attribute, Decisions, read_decisions
from credit_model.data.iso_time import EARLIEST
from credit_model.data.partitions import ROWS_AT_ONCE, pieces
from credit_model.data.temporary import TemporaryTables
from credit_model.data.transactions import Tidy, tidy_table
from credit_model.features.history import History
from credit_model.features.plan import FeaturePlan
from credit_model.scoring.contributions import contributions_in_points
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs
from credit_model.serving.jobs import Job, Reading

_FEWEST_AT_ONCE, _MOST_AT_ONCE = 5_000, 20_000  # decisions of one thread
_PIECES_AT_ONCE = 2
_ANSWERS_AT_ONCE, _CONTRIBUTIONS_AT_ONCE = 100_000, 10_000  # decisions
PLACE = "place of decision"


def score_tables(
    scorer: Scorer, transactions: Tidy, decisions: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """Score decisions in memory.

    Args:
        scorer: the fitted scorer.
        transactions: tidy transactions.
        decisions: one row per decision: ``CustomerId`` and, where the table has them, ``as_of``, attributes and
            ``opening_balance``.
        as_of: the ``as_of`` of decisions that give none, in UTC.

    Returns:
        One row per decision, in order, with the columns of ``scorer.answer_schema``.
    """
    judged = _judged(scorer.scalars, decisions, as_of)
    return _answers(scorer, scorer.history(transactions, judged), judged, pl.thread_pool_size())


def _judged(scalars: Sequence[Attribute], decisions: pl.DataFrame, as_of: datetime) -> Decisions:
    columns = {name: decisions[name] for name in decisions.columns}
    return read_decisions(columns, decisions.height, scalars, as_of)


def _answers(
    scorer: Scorer, history: History, judged: Decisions, threads: int, *, what_would_help: bool = False
) -> pl.DataFrame:
    answer = partial(scorer.answer_history, what_would_help=what_would_help)
    answers = in_parts(history, judged, threads, answer)
    return pl.concat([pl.DataFrame(schema=scorer.answer_schema), *answers])


def in_parts(
    history: History,
    decisions: Decisions,
    threads: int,
    work: Callable[[History, Decisions], pl.DataFrame],
) -> list[pl.DataFrame]:
    """What ``work`` makes of decisions and their history, some decisions in each thread; in their order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: work(*part), _parts(history, decisions, threads)))


@dataclass(frozen=True)
class Scored:
    """Answers, kept for the time of a job.

    Attributes:
        answers: the answers, each with the number of its decision, in any order.
        contributions: those of the decisions, as ``contributions_in_points`` gives them; None where nobody asked.
        count: number of answers.
        moments: times of the first and the last transaction; empty where there is none.
    """

    answers: pl.LazyFrame
    contributions: pl.LazyFrame | None
    count: int
    moments: list[datetime]

    def in_order(self) -> Iterator[pl.DataFrame]:
        """The answers in the order of the decisions, in frames of bounded size; at least one frame."""
        for frame in in_order(self.answers, PLACE, self.count, _ANSWERS_AT_ONCE):
            yield frame.drop(PLACE)

    def contributions_in_order(self) -> Iterator[pl.DataFrame]:
        """The contributions in the order of the decisions, in frames of bounded size; at least one frame, where asked for."""
        if self.contributions is not None:
            yield from in_order(self.contributions, "row", self.count, _CONTRIBUTIONS_AT_ONCE)


def in_order(rows: pl.LazyFrame, number: str, count: int, at_once: int) -> Iterator[pl.DataFrame]:
    """Rows in the order of a column of numbers from 0 on, below ``count``, in frames of so many numbers; at least one frame.

    The next frame is made while whoever asked for it is busy with the last one.
    """

    def frame(start: int) -> pl.DataFrame:
        mine = pl.col(number).is_between(start, start + at_once - 1)
        return rows.filter(mine).collect().sort(number, maintain_order=True)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(frame, 0)
        for start in range(at_once, count, at_once):
            made, following = following.result(), pool.submit(frame, start)
            yield made
        yield following.result()


class Piece(NamedTuple):
    """Some decisions of a job, and all transactions of their customers.

    Attributes:
        number: of the piece.
        threads: how many threads are its own.
        places: of its decisions among all, under the name ``PLACE``.
        transactions: those of their customers.
        decisions: the decisions.
    """

    number: int
    threads: int
    places: pl.Series
    transactions: Tidy
    decisions: Decisions


def in_pieces(
    job: Job, reading: Reading, work: Callable[[Piece], None], rows_at_once: int = ROWS_AT_ONCE
) -> tuple[int, list[datetime]]:
    """Read the files of a job, and work on them piece by piece, all transactions of a customer in one.

    Args:
        job: which files, and how they are written.
        reading: what they are read for.
        work: called with every piece, from several threads.
        rows_at_once: largest number of transactions per piece, on average.

    Returns:
        The number of decisions, and the times of the first and the last transaction, none where there is none.

    Raises:
        ValueError: a file cannot be read, or has no rows.
    """
    decisions = _decisions(job, reading)
    window = _window(job, reading.plan, decisions)
    source = job.transactions or "no transactions"
    with pieces(job.scan_transactions(reading), source, rows_at_once, window) as parts:
        whom = files.filled(parts.customers.to_frame(), source) if decisions is None else decisions
        asked = whom.with_row_index(PLACE)
        place = parts.place(read(asked["CustomerId"], texts)[0])
        at_once = min(_PIECES_AT_ONCE, len(parts.tables))
        threads = max(pl.thread_pool_size() // at_once, 1)

        def one(number: int) -> None:
            mine = asked.filter(place == number)
            judged = _judged(reading.plan.scalars, mine.drop(PLACE), job.moment)
            transactions = tidy_table(parts.tables[number].collect())
            work(Piece(number, threads, mine[PLACE], transactions, judged))

        with ThreadPoolExecutor(at_once) as pool:
            _watched(pool.map(one, range(len(parts.tables))), len(parts.tables))
        return asked.height, [moment for moment in parts.span if moment is not None]


@contextmanager
def scored(job: Job, scorer: Scorer, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[Scored]:
    """Score the files of a job, piece by piece.

    Args:
        job: what to score.
        scorer: the fitted scorer.
        rows_at_once: largest number of transactions per piece, on average.

    Yields:
        The answers; their files are removed at the end of the context.

    Raises:
        ValueError: a file cannot be read, or has no rows.
    """
    with TemporaryDirectory(prefix="credit_model_") as folder:
        answers, contributions = (
            TemporaryTables(_made(Path(folder) / name)) for name in ("answers", "contributions")
        )
        keep_piece = partial(_keep_piece, job, scorer, answers, contributions)
        count, moments = in_pieces(job, scorer, keep_piece, rows_at_once)
        why = None if job.explain is None else contributions.all()
        yield Scored(answers.all(), why, count, moments)


def _keep_piece(
    job: Job, scorer: Scorer, answers: TemporaryTables, contributions: TemporaryTables, piece: Piece
) -> None:
    """Keep the answers of the decisions of a piece, and what explains them where a job asks for it."""
    history = scorer.history(piece.transactions, piece.decisions)
    answer = _answers(scorer, history, piece.decisions, piece.threads, what_would_help=job.what_would_help)
    answers.add(piece.number, answer.with_columns(piece.places))
    if job.explain is not None:
        rows = contributions_in_points(scorer, history, piece.decisions, answer)
        contributions.add(piece.number, rows.with_columns(piece.places.gather(rows["row"]).alias("row")))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _parts(history: History, decisions: Decisions, threads: int) -> Iterator[tuple[History, Decisions]]:
    share = -(-decisions.frame.height // threads)
    size = max(_FEWEST_AT_ONCE, min(_MOST_AT_ONCE, share))
    rows = history.frame["decision"].to_numpy()
    for start in range(0, decisions.frame.height, size):
        first, end = np.searchsorted(rows, [start, start + size])
        mine = _renumbered(history.frame.slice(first, end - first), start)
        frame = decisions.frame.slice(start, size)
        yield (
            History(mine.with_columns(mine["decision"].set_sorted()), _faults(history.faults, start, size)),
            Decisions(frame, _faults(decisions.faults, start, size)),
        )


def _faults(faults: pl.DataFrame, start: int, size: int) -> pl.DataFrame:
    return _renumbered(faults.filter(pl.col("decision").is_between(start, start + size - 1)), start)


def _renumbered(rows: pl.DataFrame, start: int) -> pl.DataFrame:
    return rows.with_columns(pl.col("decision") - pl.lit(start, pl.UInt32))


def _decisions(job: Job, reading: Reading) -> pl.DataFrame | None:
    return None if job.decisions is None else job.read_decisions(job.decisions, reading, ("CustomerId",))


def _window(job: Job, plan: FeaturePlan, asked: pl.DataFrame | None) -> tuple[datetime, datetime]:
    """What decisions read: all observation windows, and where a balance is counted, everything before them."""
    moments = pl.Series([job.moment])
    if asked is not None and "as_of" in asked.columns:
        columns = {name: asked[name] for name in ("CustomerId", "as_of")}
        moments = read_decisions(columns, asked.height, (), job.moment).frame["as_of"]
    first, last = moments.min(), moments.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return job.moment, job.moment
    if plan.needs_opening:
        return EARLIEST, last
    return first - timedelta(days=plan.catalogue.history_days), last


def _watched(pieces: Iterable[None], count: int) -> None:
    """Wait for every piece, with a bar on a terminal where there are several."""
    shown = sys.stderr.isatty() and count > 1
    for number, _ in enumerate(pieces, 1):
        if shown:
            print(f"\rpiece {number} of {count}", end="", file=sys.stderr, flush=True)
    if shown:
        print(file=sys.stderr)


def warning(answer: pl.DataFrame, moments: list[datetime]) -> str | None:
    """The warning that more than half of the decisions have no history, with the dates; otherwise None.

    Args:
        answer: the answers.
        moments: times of transactions, the first and the last among them, in order.
    """
    span = (
        f"transactions run from {moments[0]} to {moments[-1]}, " if moments else "there are no transactions, "
    )
    silent = int((answer["status"] == "no_history").sum())
    return silence(silent, answer.height, (answer["as_of"].min(), answer["as_of"].max()), span)


def silence(silent: int, count: int, ends: tuple[object, object], span: str = "") -> str | None:
    """The same warning from counts.

    Args:
        silent: number of decisions without history.
        count: number of decisions.
        ends: first and last ``as_of`` of the decisions.
        span: text about the span of the transactions.
    """
    if 2 * silent <= count:
        return None
    return (
        f"warning: {silent} of {count} decisions have no history: {span}"
        f"decisions from {ends[0]!s} to {ends[1]!s}; check as_of"
    )


def score(job: Job, scorer: Scorer) -> str:
    """Write the answers of a job, and their contributions where it asks for them; returns what to print.

    Raises:
        ValueError: a file cannot be read, or has no rows.
    """
    with scored(job, scorer) as answers:
        files.write_frames(answers.in_order(), job.output or "")
        if job.explain is not None:
            files.write_frames(answers.contributions_in_order(), job.explain)
        said = warning(answers.answers.select("status", "as_of").collect(), answers.moments)
    if said:
        print(said, file=sys.stderr)
    explained = f", their contributions to {job.explain}" if job.explain is not None else ""
    return f"{answers.count} decisions written to {job.output}{explained}"


if __name__ == "__main__":
    sys.exit(jobs.run(score))
