"""``score_spark`` on one and on two local cores beside ``score``, on the same synthetic transactions.

``python scripts/benchmark_spark.py`` trains the default model in a temporary store, or takes one by ``--model``, and runs the
three in turn, each with processes of its own. Needs the extras ``train``, ``dev`` and ``spark``, and Java.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmark_bulk import START, bulk_parser, generate, scoring, train
from credit_model.synthetic_calibration import CUSTOMERS, TRANSACTIONS
from measurement import Task, in_turn, markdown

FEW = 100 * TRANSACTIONS / CUSTOMERS / 1e6
SCORE, SPARK_START = "score", "score_spark of 100 customers, local[2]"
ONE, TWO = "score_spark, local[1]", "score_spark, local[2]"
BASES = {SPARK_START: START, ONE: SCORE, TWO: SCORE}


def main() -> int:
    """Measure, print a table and write it as JSON."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped too
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        model = options.model or train(folder, options.candidate)
        transactions = generate(0.02 if options.quick else options.millions, folder)
        tasks = _tasks(transactions, generate(FEW, folder), model)
        costs = in_turn(tasks, 1 if options.quick else options.rounds, folder)
    options.output.write_text(
        json.dumps({n: [asdict(cost) for cost in found] for n, found in costs.items()}, indent=1)
    )
    print(markdown(costs, BASES))
    return 0


def _options() -> argparse.Namespace:
    parser = bulk_parser(__doc__ or "", "benchmark_spark.json", "20 thousand transactions, one round")
    parser.add_argument("--millions", type=float, default=1.0, help="transactions, in millions")
    return parser.parse_args()


def _tasks(transactions: Path, few: Path, model: str) -> Mapping[str, Task]:
    return {
        START: Task(scoring(few, model)),
        SPARK_START: _on_spark(few, model, 2),
        SCORE: Task(scoring(transactions, model)),
        ONE: _on_spark(transactions, model, 1),
        TWO: _on_spark(transactions, model, 2),
    }


def _on_spark(transactions: Path, model: str, cores: int) -> Task:
    arguments = f"--master local[{cores}] --driver-memory 4g pyspark-shell"
    environment = {"PYSPARK_SUBMIT_ARGS": arguments, "PYSPARK_PYTHON": sys.executable}
    return Task(scoring(transactions, model, "score_spark"), environment)


if __name__ == "__main__":
    sys.exit(main())
