"""Scoring files on Spark: reads them, brings each customer's rows together, scores and writes; no row comes to the driver.

The rows are sorted by customer and streamed to the model, not collected into arrays: a customer with a million transactions is
a longer stream, and not one row larger than memory.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from credit_model.data.cells import read, times
from credit_model.data.date_formats import ISO
from credit_model.data.formats import COMMA, MOMENTS, Formats
from credit_model.data.transactions import COLUMNS, REQUIRED
from credit_model.scoring.scorer import Scorer
from credit_model.serving.batch import silence
from credit_model.serving.spark import customers
from credit_model.serving.spark import files as spark_files
from credit_model.serving.spark.cells import is_number, quoted
from credit_model.serving.spark.customer_rows import customer_rows
from credit_model.serving.spark.customers import KEY, PLACE
from credit_model.serving.spark.faults import SparkFailedError
from credit_model.serving.spark.session import started
from credit_model.settings.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


_FAILED, _INTERRUPTED = 1, 130
_MODEL = "model"
_PLACE = [("file", pa.list_(pa.string())), ("row", pa.int64())]


def score_spark(settings: Settings, model: Path) -> int:
    """Score files on Spark as ``score`` does; returns the exit code.

    Args:
        settings: settings of the command.
        model: folder of the model.

    Raises:
        ValueError: an input cannot be read, or the output cannot be written.
    """
    scorer = Scorer.load(model / "artifacts" / "scorer")
    try:
        with started(settings.driver_memory) as session:
            print(_scored(session, settings, model, scorer))
    except SparkFailedError as fault:
        print(f"credit_model: {fault}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _scored(session: "SparkSession", settings: Settings, model: Path, scorer: Scorer) -> str:
    from pyspark import StorageLevel

    output = settings.output or ""
    spark_files.check_output(session, output, (settings.transactions, settings.decisions))
    moment: datetime = read([settings.as_of or datetime.now(UTC)], times)[0][0]
    transactions, decisions = _tables(session, settings, scorer)
    days = None if scorer.plan.needs_opening else scorer.catalogue.history_days
    rows = customer_rows(transactions, decisions, moment, days)
    with _sent(session, model):
        everyone = moment.isoformat() if decisions is None else None
        answers = _answers(rows, everyone, scorer.answer_schema, as_text=spark_files.is_csv(output))
        answers.persist(StorageLevel.DISK_ONLY)  # a sort looks at its rows twice
        spark_files.write(answers.orderBy(quoted(PLACE)).select(*scorer.answer_schema), output)
        return _summary(answers, output)


def _tables(
    session: "SparkSession", settings: Settings, scorer: Scorer
) -> tuple["DataFrame | None", "DataFrame | None"]:
    """Transactions and decisions, where they are given."""
    columns = {**scorer.columns, **settings.columns}
    formats = scorer.formats.said(settings.date_format, settings.decimal)
    stated = ("CustomerId", "as_of", *(scalar.name for scalar in scorer.scalars))
    transactions, decisions = None, None
    if settings.transactions is not None:
        needed = dict.fromkeys([*REQUIRED, *(ours for ours in settings.columns if ours in COLUMNS)])
        transactions = spark_files.scan(session, settings.transactions, columns, needed, COLUMNS)
        transactions = transactions.drop(PLACE)
        _check_formats(transactions, formats)
    if settings.decisions is not None:
        decisions = spark_files.scan(session, settings.decisions, columns, ("CustomerId",), stated)
        _check_formats(decisions, formats.of_numbers(scorer.numbers))
    return transactions, decisions


def _check_formats(table: "DataFrame", formats: Formats) -> None:
    """Refuse cells that would have to be read by a format: Spark reads them as they are everywhere."""
    texts = {name for name, kind in table.dtypes if kind == "string"}
    moments = {
        name for name in MOMENTS if name in table.columns and (name in texts or is_number(table, name))
    }
    odd = moments if formats.date_format != ISO else set()
    odd |= {*formats.numbers} & texts if formats.decimal == COMMA else set()
    if odd:
        raise ValueError(
            f"score_spark reads {', '.join(sorted(odd))} neither by date_format nor by decimal; convert them to times and "
            "numbers first, or use score"
        )


@contextmanager
def _sent(session: "SparkSession", model: Path) -> Iterator[None]:
    """The model on every machine that computes, for as long as the answers are needed."""
    with TemporaryDirectory(prefix="credit_model_") as folder:
        archive = shutil.make_archive(str(Path(folder) / _MODEL), "zip", model)
        session.sparkContext.addArchive(f"{archive}#{_MODEL}")
        yield


def _answers(
    rows: "DataFrame", everyone_at: str | None, answer: dict[str, pl.DataType], *, as_text: bool
) -> "DataFrame":
    """``PLACE`` and the answer of every decision, in no order; all text where a CSV file is to hold them."""
    from pyspark import cloudpickle
    from pyspark.sql.pandas.types import from_arrow_schema

    # The workers have no code but the model's.
    cloudpickle.register_pickle_by_value(customers)  # type: ignore[no-untyped-call]
    place = pa.string() if everyone_at is not None else pa.struct(_PLACE)
    types = [(name, pa.string() if as_text else _arrow(dtype)) for name, dtype in answer.items()]
    schema, work = pa.schema([(PLACE, place), *types]), customers.scored

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import mlflow
        from pyspark import SparkFiles

        predict = mlflow.pyfunc.load_model(SparkFiles.get(_MODEL)).predict
        return work(batches, predict, everyone_at, answer, schema, as_text=as_text)

    together = rows.repartition(quoted(KEY)).sortWithinPartitions(quoted(KEY))
    return together.mapInArrow(score, from_arrow_schema(schema))


def _summary(answers: "DataFrame", output: str) -> str:
    from pyspark.sql import functions as F  # noqa: N812

    silent = F.count_if(F.col("status") == "no_history")
    row = answers.agg(F.count("*"), silent, F.min("as_of"), F.max("as_of")).first()
    count, without, first, last = row or (0, 0, None, None)
    said = silence(without, count, (first, last))
    if said:
        print(said, file=sys.stderr)
    return f"{count} decisions written to {output}"


def _arrow(dtype: Any) -> pa.DataType:
    if isinstance(dtype, pl.List):
        return pa.list_(_arrow(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pa.struct([(field.name, _arrow(field.dtype)) for field in dtype.fields])
    return {pl.String: pa.string(), pl.Float64: pa.float64(), pl.Int64: pa.int64()}[dtype.base_type()]
