"""Score decisions as they arrive: files that appear in a folder -> answers as Parquet, each decision once.

    spark-submit scripts/stream_scoring.py --decisions asked/ --transactions transactions.parquet --output answers/

Every run takes what has arrived since the last one, and ends; the checkpoint remembers what that was. Decisions come as files
of JSON lines or Parquet. Without transactions each brings its own, as arrays: name them in the schema.
"""

import argparse
from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession

from credit_model.serving.spark.rows import answers, decision_rows, of_asked


def main() -> None:
    """Score what has arrived."""
    asked = _arguments()
    builder = SparkSession.builder.appName("stream scoring").config("spark.sql.session.timeZone", "UTC")
    session = builder.getOrCreate()
    transactions = session.read.parquet(asked.transactions) if asked.transactions else None
    arriving = session.readStream.schema(asked.schema).format(asked.format).load(asked.decisions)
    answered: list[int] = []
    score = scorer(transactions, asked.model, asked.output, answered.append)
    writer = arriving.writeStream.foreachBatch(score)
    checkpoint = asked.checkpoint or f"{asked.output}/_checkpoint"
    writer.option("checkpointLocation", checkpoint).trigger(availableNow=True).start().awaitTermination()
    print(f"{sum(answered)} decisions answered in {asked.output}")


def scorer(
    transactions: DataFrame | None, model: str, output: str, tell: Callable[[int], None]
) -> Callable[[DataFrame, int], None]:
    """What scores a batch of decisions.

    A batch that was interrupted comes again under its own number, and takes the place of what it left.

    Args:
        transactions: of all customers; null where every decision brings its own.
        model: MLflow URI of the model.
        output: folder of the answers, with a folder ``batch=NUMBER`` for each batch.
        tell: is told how many decisions a batch had, once they are answered.
    """

    def score(decisions: DataFrame, batch: int) -> None:
        rows = decisions
        if transactions is not None:
            rows = decision_rows(of_asked(transactions, decisions), decisions)
        folder = f"{output}/batch={batch}"
        answers(rows, model).write.mode("overwrite").parquet(folder)
        tell(decisions.sparkSession.read.parquet(folder).count())

    return score


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--decisions", required=True, help="folder in which files of decisions appear")
    parser.add_argument("--transactions", help="Parquet table of the customers' transactions")
    parser.add_argument("--output", required=True, help="folder for the answers")
    parser.add_argument("--checkpoint", help="folder that remembers what was scored [OUTPUT/_checkpoint]")
    parser.add_argument("--format", choices=("json", "parquet"), default="json", help="of the decisions")
    parser.add_argument(
        "--schema", default="CustomerId string, as_of string", help="columns of the decisions"
    )
    parser.add_argument("--model", default="models:/credit-risk@champion", help="URI of the model")
    return parser.parse_args()


if __name__ == "__main__":
    main()
