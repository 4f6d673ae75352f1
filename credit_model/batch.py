"""Scoring files: transactions and decisions in, one answer per decision out, in the order given.

Transactions may be larger than memory: customers are scored piece by piece, each complete in its piece.
"""

import sys
from collections.abc import Iterator
from datetime import datetime

import polars as pl

from credit_model import orders, tables
from credit_model.cells import read, texts
from credit_model.decisions import Decisions, read_decisions
from credit_model.orders import Order
from credit_model.pieces import ROWS_AT_ONCE, Pieces, pieces
from credit_model.scoring import ANSWER, Scorer
from credit_model.settings import Settings
from credit_model.transactions import Tidy, tidy_table

_DECISIONS_AT_ONCE = 200_000
_PLACE = "place of decision"


def score(settings: Settings) -> int:
    """Score files with a model, by the code that it carries; returns the exit code."""
    return orders.give("batch", settings)


def score_tables(
    scorer: Scorer, transactions: Tidy, decisions: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """Score tables.

    Args:
        scorer: the fitted scorer.
        transactions: tidy transactions.
        decisions: ``CustomerId``, and where they are there ``as_of`` and attributes.
        as_of: the moment of decisions that give none.

    Returns:
        The answers, one row per decision, in order.
    """
    columns = {name: decisions[name] for name in decisions.columns}
    judged = read_decisions(columns, decisions.height, scorer.catalogue.attributes, as_of)
    parts = [_part(judged, start) for start in range(0, judged.frame.height, _DECISIONS_AT_ONCE)]
    return pl.concat([pl.DataFrame(schema=ANSWER), *(scorer.answer(transactions, part) for part in parts)])


def score_files(
    order: Order, scorer: Scorer, rows_at_once: int = ROWS_AT_ONCE
) -> tuple[pl.DataFrame, list[datetime]]:
    """Score the files of an order, piece by piece.

    Args:
        order: what to score.
        scorer: the fitted scorer.
        rows_at_once: most transactions of a piece, on average.

    Returns:
        The answers, one row per decision in order, and the times of the first and the last transaction.
    """
    source = order.transactions or "no transactions"
    with pieces(order.scan_transactions(scorer), source, rows_at_once) as found:
        asked = _decisions(order, scorer, found).with_row_index(_PLACE)
        place = found.place(read(asked["CustomerId"], texts)[0])
        answers, moments = (
            [pl.DataFrame(schema=ANSWER).with_columns(pl.lit(0, pl.UInt32).alias(_PLACE)).clear()],
            [],
        )
        for number, table in enumerate(_watched(found)):
            mine = asked.filter(place == number)
            transactions = tidy_table(table)
            moments += [m for m in _span(transactions) if m is not None]
            answer = score_tables(scorer, transactions, mine.drop(_PLACE), order.moment)
            answers.append(answer.with_columns(mine[_PLACE]))
    return pl.concat(answers).sort(_PLACE).drop(_PLACE), sorted(moments)


def _part(decisions: Decisions, start: int) -> Decisions:
    frame = decisions.frame.slice(start, _DECISIONS_AT_ONCE)
    place = pl.col("decision").cast(pl.Int64) - start
    faults = decisions.faults.filter(place.is_between(0, frame.height - 1))
    return Decisions(frame, faults.with_columns(place.cast(pl.UInt32).alias("decision")))


def _decisions(order: Order, scorer: Scorer, found: Pieces) -> pl.DataFrame:
    if order.decisions is None:
        return found.customers.to_frame()
    with tables.reading(order.decisions):
        return order.scan(order.decisions, scorer, ("CustomerId",)).collect()


def _watched(found: Pieces) -> Iterator[pl.DataFrame]:
    """The pieces one after the other, with a bar on a terminal where there are several."""
    for number, piece in enumerate(found.tables, 1):
        if sys.stderr.isatty() and len(found.tables) > 1:
            print(f"\rpiece {number} of {len(found.tables)}", end="", file=sys.stderr, flush=True)
        yield piece.collect()
    if sys.stderr.isatty() and len(found.tables) > 1:
        print(file=sys.stderr)


def _span(transactions: Tidy) -> tuple[datetime | None, datetime | None]:
    moments = transactions.frame["TransactionStartTime"]
    first, last = moments.min(), moments.max()
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else (None, None)


def warning(answer: pl.DataFrame, moments: list[datetime]) -> str | None:
    """What to say where more than half of the decisions have no history, with the dates; else nothing.

    Args:
        answer: the answers.
        moments: times of transactions, the first and the last among them, in order.
    """
    silent = int((answer["status"] == "no_history").sum())
    if 2 * silent <= answer.height:
        return None
    span = f"transactions run from {moments[0]} to {moments[-1]}" if moments else "there are no transactions"
    return (
        f"warning: {silent} of {answer.height} decisions have no history: {span}, "
        f"decisions from {answer['as_of'].min()!s} to {answer['as_of'].max()!s}; check as_of"
    )


def _score(order: Order, scorer: Scorer) -> str:
    answer, moments = score_files(order, scorer)
    tables.write(answer, order.output or "")
    said = warning(answer, moments)
    if said:
        print(said, file=sys.stderr)
    return f"{answer.height} decisions written to {order.output}"


if __name__ == "__main__":
    sys.exit(orders.carry_out(_score))
