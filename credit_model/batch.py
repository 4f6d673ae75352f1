"""Scoring files: transactions and decisions in, one answer per decision out, in the order given.

``score`` fetches a registered model and runs this module from the code that the model carries, in a process of its own, so
that no installed copy of the package can answer in its place.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from credit_model import tables
from credit_model.cells import read, times
from credit_model.decisions import Decisions, read_decisions
from credit_model.scoring import ANSWER, Scorer
from credit_model.transactions import Tidy, tidy_table

_DECISIONS_AT_ONCE = 200_000


def score_in_own_code(model: Path, arguments: Mapping[str, str | None]) -> int:
    """Score with the code that a downloaded model carries; returns the exit code.

    Args:
        model: folder of the pyfunc model.
        arguments: this module's command line, by name.
    """
    options = [word for name, text in arguments.items() if text for word in (f"--{name}", text)]
    command = [
        sys.executable,
        "-P",
        "-m",
        "credit_model.batch",
        "--scorer",
        str(scorer_folder(model)),
        *options,
    ]
    environment = os.environ | {"PYTHONPATH": str(model / "code")}
    return subprocess.run(command, env=environment, check=False).returncode


def scorer_folder(model: Path) -> Path:
    """Where a pyfunc model keeps its scorer."""
    return model / "artifacts" / "scorer"


def score_tables(
    scorer: Scorer,
    transactions: pl.DataFrame,
    decisions: pl.DataFrame | None = None,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Score a table of transactions.

    Args:
        scorer: the fitted scorer.
        transactions: the raw table, under the names of the contract.
        decisions: ``CustomerId``, ``as_of`` and attributes; without it every customer is judged once, at ``as_of``.
        as_of: the moment of decisions that give none.

    Returns:
        The answers, one row per decision, in order.
    """
    tidied = tidy_table(transactions)
    if decisions is None:
        decisions = tidied.frame.select("CustomerId").unique(maintain_order=True)
    columns = {name: decisions[name] for name in decisions.columns}
    judged = read_decisions(columns, decisions.height, scorer.catalogue.attributes, as_of)
    pieces = [_piece(judged, start) for start in range(0, judged.frame.height, _DECISIONS_AT_ONCE)]
    return pl.concat([pl.DataFrame(schema=ANSWER), *(scorer.answer(tidied, piece) for piece in pieces)])


def _piece(decisions: Decisions, start: int) -> Decisions:
    frame = decisions.frame.slice(start, _DECISIONS_AT_ONCE)
    place = pl.col("decision").cast(pl.Int64) - start
    faults = decisions.faults.filter(place.is_between(0, frame.height - 1))
    return Decisions(frame, faults.with_columns(place.cast(pl.UInt32).alias("decision")))


def _warn_of_silence(answer: pl.DataFrame, transactions: Tidy) -> None:
    silent = (answer["status"] == "no_history").sum()
    if 2 * silent > answer.height:
        moments = transactions.frame["TransactionStartTime"]
        print(
            f"warning: {silent} of {answer.height} decisions have no history: transactions run from {moments.min()} "
            f"to {moments.max()}, decisions from {answer['as_of'].min()} to {answer['as_of'].max()}; check as_of",
            file=sys.stderr,
        )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment: datetime | None = read([text], times)[0][0]
    if moment is None:
        raise ValueError(f"as_of {text!r} is not a time; give ISO-8601 text such as 2019-02-13T00:00:00Z")
    return moment


def main(argv: list[str] | None = None) -> int:
    """The command line of the scoring process."""
    parser = argparse.ArgumentParser(prog="credit_model.batch")
    for name, required in {"scorer": True, "transactions": True, "decisions": False, "as_of": False}.items():
        parser.add_argument(f"--{name}", required=required)
    parser.add_argument("--columns", default="")
    parser.add_argument("--output", required=True)
    given = parser.parse_args(argv)
    try:
        columns = tables.parse_columns(given.columns)
        transactions = tables.rename(tables.read(given.transactions), columns)
        decisions = tables.rename(tables.read(given.decisions), columns) if given.decisions else None
        answer = score_tables(Scorer.load(Path(given.scorer)), transactions, decisions, _moment(given.as_of))
        tables.write(answer, given.output)
    except (ValueError, OSError) as fault:
        print(f"score: {fault}", file=sys.stderr)
        return 2
    _warn_of_silence(answer, tidy_table(transactions))
    print(f"{answer.height} decisions written to {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
