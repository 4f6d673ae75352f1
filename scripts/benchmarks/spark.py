"""``score_spark`` on one and on two local cores beside ``score``, on the same synthetic transactions.

``python scripts/benchmarks/spark.py`` trains the default model in a temporary store, or takes one by ``--model``, and runs these
in turn, each with processes of its own; and the floor, which is the stock tools alone: Spark collects the same transactions into
arrays, and ``spark_udf`` scores them with a model that answers a constant. Needs the extras ``train``, ``dev`` and ``spark``, and
Java.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import mlflow

from bulk import START, bulk_parser, generate, scoring, train
from credit_model.__main__ import main as credit_model
from credit_model.synthetic.constants import CUSTOMERS, TRANSACTIONS
from measurement import ROOT, Task, in_turn, markdown, measure

FEW = 100 * TRANSACTIONS / CUSTOMERS / 1e6
SCORE, SPARK_START = "score", "score_spark of 100 customers, local[2]"
ONE, TWO = "score_spark, local[1]", "score_spark, local[2]"
FLOOR_ONE, FLOOR_TWO = "floor, local[1]", "floor, local[2]"
BASES = {SPARK_START: START, ONE: SCORE, TWO: SCORE, FLOOR_ONE: SCORE, FLOOR_TWO: SCORE}


def main() -> int:
    """Measure, print a table and write it as JSON."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped too
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        model = options.model or train(folder, options.candidate)
        transactions = generate(0.02 if options.quick else options.millions, folder)
        constant = save_constant(model, folder)
        tasks = _tasks(transactions, generate(FEW, folder), model, constant)
        costs = in_turn(tasks, 1 if options.quick else options.rounds, folder)
    options.output.write_text(
        json.dumps({n: [asdict(cost) for cost in found] for n, found in costs.items()}, indent=1)
    )
    print(markdown(costs, BASES))
    return 0


def save_constant(model: str, folder: Path) -> str:
    """Save a model with the signature of another that answers a constant; returns where."""
    target = str(folder / "constant")
    measure(Task([str(ROOT / "scripts" / "benchmarks" / "constant_model.py"), model, target]), folder)
    return target


def stock(transactions: str, model: str, output: str) -> None:
    """What the stock tools do by themselves: collect into arrays, score by ``spark_udf``, write."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F  # noqa: N812

    session = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    table = session.read.parquet(transactions).withColumn(
        "TransactionStartTime", F.col("TransactionStartTime").cast("string")
    )
    fields = [name for name in table.columns if name != "CustomerId"]
    rows = table.groupBy("CustomerId").agg(F.collect_list(F.struct(*fields)).alias("all"))
    score = mlflow.pyfunc.spark_udf(session, model, env_manager="local")
    arrays = F.struct("CustomerId", *(F.col(f"all.{name}").alias(name) for name in fields))
    rows.select(score(arrays).alias("answer")).select("answer.*").toPandas().to_parquet(output)
    session.stop()


def anew(*words: str) -> int:
    """Run a command whose output, the last word, is there from the round before."""
    shutil.rmtree(words[-1], ignore_errors=True)
    return credit_model(words)


def _options() -> argparse.Namespace:
    parser = bulk_parser(__doc__ or "", "benchmark_spark.json", "20 thousand transactions, one round")
    parser.add_argument("--millions", type=float, default=1.0, help="transactions, in millions")
    return parser.parse_args()


def _tasks(transactions: Path, few: Path, model: str, constant: str) -> Mapping[str, Task]:
    ours, start = (_anew(scoring(source, model, "score_spark")) for source in (transactions, few))
    call = "import sys; from spark import stock; stock(*sys.argv[1:])"
    floor = ["-c", call, str(transactions), constant, str(transactions.with_name("floor.parquet"))]
    return {
        START: Task(scoring(few, model)),
        SPARK_START: _on_spark(start, 2),
        SCORE: Task(scoring(transactions, model)),
        ONE: _on_spark(ours, 1),
        TWO: _on_spark(ours, 2),
        FLOOR_ONE: _on_spark(floor, 1),
        FLOOR_TWO: _on_spark(floor, 2),
    }


def _anew(command: Sequence[str]) -> Sequence[str]:
    *words, output = command[2:]
    call = "import sys; from spark import anew; sys.exit(anew(*sys.argv[1:]))"
    return ["-c", call, *words, output.replace(".parquet", "_spark.parquet")]


def _on_spark(command: Sequence[str], cores: int) -> Task:
    arguments = f"--master local[{cores}] --driver-memory 4g pyspark-shell"
    here = os.pathsep.join([str(ROOT), str(ROOT / "scripts" / "benchmarks")])
    environment = {"PYSPARK_SUBMIT_ARGS": arguments, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": here}
    return Task(command, environment)


if __name__ == "__main__":
    sys.exit(main())
