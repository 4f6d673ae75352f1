"""Scoring files: transactions and decisions in, one answer per decision out, in the order given.

``score`` fetches a model and runs this module from the code that the model carries, in a process of its own, so that no
installed copy of the package can answer in its place.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from credit_model import tables
from credit_model.cells import read, times
from credit_model.decisions import Decisions, read_decisions
from credit_model.scoring import ANSWER, Scorer
from credit_model.settings import Settings
from credit_model.transactions import REQUIRED, SCHEMA, Tidy, tidy_table

_DECISIONS_AT_ONCE = 200_000


def score(settings: Settings) -> int:
    """Score files with a model, by the code that it carries; returns the exit code."""
    import mlflow

    tables.check_output(settings.output or "")
    model = Path(mlflow.artifacts.download_artifacts(settings.model))
    moment = settings.as_of.isoformat() if settings.as_of else datetime.now(UTC).isoformat()
    order = {
        "scorer": str((model / "artifacts" / "scorer").resolve()),
        "transactions": settings.transactions,
        "decisions": settings.decisions,
        "columns": settings.columns,
        "as_of": moment,
        "output": settings.output,
    }
    environment = os.environ | {"PYTHONPATH": str((model / "code").resolve())}
    command = [sys.executable, "-P", "-m", "credit_model.batch", json.dumps(order)]
    return subprocess.run(command, env=environment, check=False).returncode


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
    pieces = [_piece(judged, start) for start in range(0, judged.frame.height, _DECISIONS_AT_ONCE)]
    return pl.concat([pl.DataFrame(schema=ANSWER), *(scorer.answer(transactions, piece) for piece in pieces)])


def _piece(decisions: Decisions, start: int) -> Decisions:
    frame = decisions.frame.slice(start, _DECISIONS_AT_ONCE)
    place = pl.col("decision").cast(pl.Int64) - start
    faults = decisions.faults.filter(place.is_between(0, frame.height - 1))
    return Decisions(frame, faults.with_columns(place.cast(pl.UInt32).alias("decision")))


def _warning(answer: pl.DataFrame, transactions: Tidy) -> str | None:
    silent = int((answer["status"] == "no_history").sum())
    if 2 * silent <= answer.height:
        return None
    moments = transactions.frame["TransactionStartTime"]
    return (
        f"warning: {silent} of {answer.height} decisions have no history: transactions run from {moments.min()!s} to "
        f"{moments.max()!s}, decisions from {answer['as_of'].min()!s} to {answer['as_of'].max()!s}; check as_of"
    )


def _transactions(path: str | None, columns: dict[str, str]) -> Tidy:
    if path is None:
        return tidy_table(pl.DataFrame(schema=SCHEMA))
    return tidy_table(tables.rename(tables.read(path), columns, REQUIRED, path))


def _decisions(path: str | None, columns: dict[str, str], transactions: Tidy) -> pl.DataFrame:
    if path is None:
        return transactions.frame.select("CustomerId").unique(maintain_order=True)
    return tables.rename(tables.read(path), columns, ("CustomerId",), path)


def main(argv: list[str] | None = None) -> int:
    """The scoring process: its one argument is the order, as JSON."""
    order = json.loads((sys.argv[1:] if argv is None else argv)[0])
    try:
        scorer = Scorer.load(Path(order["scorer"]))
        transactions = _transactions(order["transactions"], order["columns"])
        decisions = _decisions(order["decisions"], order["columns"], transactions)
        as_of: datetime = read([order["as_of"]], times)[0][0]
        answer = score_tables(scorer, transactions, decisions, as_of)
        tables.write(answer, order["output"])
    except (ValueError, OSError) as fault:
        print(f"credit_model: {fault}", file=sys.stderr)
        return 2
    warning = _warning(answer, transactions)
    if warning:
        print(warning, file=sys.stderr)
    print(f"{answer.height} decisions written to {order['output']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
