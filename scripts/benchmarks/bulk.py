"""What bulk work costs beside DuckDB: ``score`` of whole files, and the features and labels of a training.

``python scripts/benchmarks/bulk.py`` trains the default model in a temporary store, or takes one by ``--model``, writes
synthetic transactions, and runs in turn, each in a process of its own: ``score`` with calibration and reasons; the same
of 100 customers, which is what starting costs; the features and labels of a training; and DuckDB, which computes from
the same file, in the SQL of the tests' oracle, the model's features, the whole catalogue, and recency, frequency,
monetary value and seven aggregates of the amount alone. Needs the extras ``train`` and ``dev``.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from credit_model.data.transactions import tidy_table
from credit_model.features.plan import customer_features
from credit_model.scoring.scorer import Scorer
from credit_model.synthetic.constants import CUSTOMERS, TRANSACTIONS
from credit_model.training import rfm_proxy
from credit_model.training.rfm import outcome_rfm
from measurement import ROOT, Cost, Task, in_turn, markdown, measure

sys.path.append(str(ROOT / "tests"))
import oracle

AS_OF = datetime(
    2019, 1, 13
)  # a month of history before it in the synthetic transactions, a month of outcomes after
OUTCOME_DAYS = 30
COLUMNS = (
    "CustomerId, TransactionStartTime, TransactionId, Amount, Value, ProductCategory, ProductId, ProviderId, ChannelId, "
    "PricingStrategy::varchar as PricingStrategy, CountryCode::varchar as CountryCode, FraudResult"
)
START, SCORE, TRAINING = "score of 100 customers", "score", "features and labels of a training"
OURS, ALL, LEAST = "DuckDB, the model's features", "DuckDB, every feature", "DuckDB, RFM and amounts"
BASES = {SCORE: OURS, TRAINING: ALL}


def main() -> int:
    """Measure, print a table per size and write everything as JSON."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped too
    sizes = [0.1] if options.quick else [*options.millions, *([50.0] if options.large else [])]
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        model = options.model or train(folder, options.candidate)
        found = {size: _measured(size, model, folder, options) for size in sizes}
    report = {
        f"{size:g} million": {n: [asdict(cost) for cost in costs] for n, costs in tasks.items()}
        for size, tasks in found.items()
    }
    options.output.write_text(json.dumps(report, indent=1))
    return 0


def _options() -> argparse.Namespace:
    parser = bulk_parser(__doc__ or "", "benchmark_bulk.json", "0.1 million transactions, one round")
    parser.add_argument(
        "--millions", type=float, nargs="+", default=[1.0, 10.0], help="transactions, in millions"
    )
    parser.add_argument(
        "--large", action="store_true", help="50 million too: score and the model's features alone"
    )
    return parser.parse_args()


def bulk_parser(about: str, output: str, quick: str) -> argparse.ArgumentParser:
    """The options that every benchmark of whole files takes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="folder of a model; trained in a temporary store if not given")
    parser.add_argument("--candidate", default="auto", help="what to train")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs")
    parser.add_argument("--folder", type=Path, help="where the work folder is made")
    parser.add_argument("--output", type=Path, default=Path(output))
    parser.add_argument("--quick", action="store_true", help=f"a smoke test: {quick}")
    return parser


def train(folder: Path, candidate: str = "auto") -> str:
    """Train a default model in a store inside a folder; returns where its files are."""
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    measure(Task(["-m", "credit_model", "train", "--candidate", candidate], store), folder)
    fetch = "import mlflow, sys; mlflow.artifacts.download_artifacts(sys.argv[1], dst_path=sys.argv[2])"
    measure(Task(["-c", fetch, "models:/credit-risk/1", str(folder / "model")], store), folder)
    return str(folder / "model")


def generate(millions: float, folder: Path) -> Path:
    """Write about so many million synthetic transactions."""
    path = folder / f"{millions:g}.parquet"
    customers = str(round(1e6 * millions * CUSTOMERS / TRANSACTIONS))
    task = Task(["-m", "credit_model", "generate", "--customers", customers, "--output", str(path)])
    measure(task, folder)
    return path


def scoring(transactions: Path, model: str, command: str = "score") -> list[str]:
    """The arguments that score a file."""
    output = str(transactions.with_name("answers.parquet"))
    given = {"transactions": str(transactions), "as_of": AS_OF.isoformat(), "model": model, "output": output}
    return ["-m", "credit_model", command, *(word for n, v in given.items() for word in (f"--{n}", v))]


def training_features(transactions: str, scorer: str, output: str) -> None:
    """Every feature of the customers at one cutoff, and the measures their labels are made of."""
    catalogue = Scorer.load(Path(scorer)).catalogue
    tidy = tidy_table(pl.read_parquet(transactions))
    decisions = rfm_proxy.population(tidy, AS_OF, catalogue.history_days)
    table = customer_features(tidy, decisions, catalogue)
    outcomes = outcome_rfm(tidy, decisions, OUTCOME_DAYS).rename(lambda name: f"outcome_{name}")
    decisions.hstack(table).hstack(outcomes).write_parquet(output)


def _measured(
    millions: float, model: str, folder: Path, options: argparse.Namespace
) -> dict[str, list[Cost]]:
    transactions = generate(millions, folder)
    tasks = _tasks(transactions, model, folder)
    if millions >= 50:
        tasks = {name: tasks[name] for name in (SCORE, OURS)}
    costs = in_turn(tasks, 1 if options.quick else options.rounds, folder)
    rows = pl.scan_parquet(transactions).select(pl.len()).collect().item()
    print(f"{rows:,} transactions, {os.cpu_count()} processors\n\n{markdown(costs, BASES)}\n", flush=True)
    transactions.unlink()
    return costs


def _tasks(transactions: Path, model: str, folder: Path) -> dict[str, Task]:
    few = generate(100 * TRANSACTIONS / CUSTOMERS / 1e6, folder)
    artifact = Path(model) / "artifacts" / "scorer"
    scorer = Scorer.load(artifact)
    days = scorer.catalogue.history_days
    everything = oracle.features(scorer.catalogue)
    own = {name: everything[name] for name in scorer.classifier.inputs}
    mine = _rows(transactions, days, opening=scorer.plan.needs_opening)
    every = _rows(transactions, days, opening=True)
    call = "import sys; from bulk import training_features; training_features(*sys.argv[1:])"
    here = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "scripts" / "benchmarks")])}
    return {
        START: Task(scoring(few, model)),
        SCORE: Task(scoring(transactions, model)),
        OURS: _duckdb(oracle.query(mine, own), folder / "own.sql"),
        TRAINING: Task(
            ["-c", call, str(transactions), str(artifact), str(folder / "features.parquet")], here
        ),
        ALL: _duckdb(oracle.query(every, everything), folder / "all.sql"),
        LEAST: _duckdb(_least(transactions, days), folder / "least.sql"),
    }


def _rows(transactions: Path, days: int, *, opening: bool) -> str:
    """What ``oracle.query`` takes: the rows of the window, with the balance at its start where it is needed."""
    rows = f"select distinct {COLUMNS} from ({_window(transactions, days)})"
    decision = f"CustomerId as decision, timestamp '{AS_OF}' as as_of"
    if not opening:
        return f"select *, {decision}, 0 as opening from ({rows})"
    before = f"from '{transactions}' where TransactionStartTime < timestamp '{AS_OF - timedelta(days=days)}'"
    sums = f"select CustomerId, sum(Amount) as earlier from (select distinct {COLUMNS} {before}) group by CustomerId"
    columns = f"* exclude (earlier), {decision}, 0 - coalesce(earlier, 0) as opening"
    return f"select {columns} from ({rows}) left join ({sums}) using (CustomerId)"


def _window(transactions: Path, days: int) -> str:
    first, last = f"timestamp '{AS_OF - timedelta(days=days)}'", f"timestamp '{AS_OF}'"
    within = f"TransactionStartTime >= {first} and TransactionStartTime < {last}"
    return f"select * from '{transactions}' where {within}"


def _least(transactions: Path, days: int) -> str:
    columns = oracle.amounts() | {"monetary": "sum(Value)", "latest": "max(TransactionStartTime)"}
    named = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
    return f"select CustomerId, {named} from ({_window(transactions, days)}) group by CustomerId"


def _duckdb(query: str, path: Path) -> Task:
    """A process that writes what a query finds; the query stands in a file."""
    path.write_text(f"copy ({query}) to '{path.with_suffix('.parquet')}' (format parquet)")
    return Task(
        ["-c", "import duckdb, pathlib, sys; duckdb.sql(pathlib.Path(sys.argv[1]).read_text())", str(path)]
    )


if __name__ == "__main__":
    sys.exit(main())
