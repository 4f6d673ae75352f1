"""Scoring files on Spark: it reads them, brings every customer's rows together, scores and writes; nothing comes to the driver.

The rows are sorted by customer and streamed to the model, not collected into arrays: a customer of a million transactions is a
longer stream, where it would be one row larger than memory.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from credit_model import spark_customers, spark_files, spark_session
from credit_model.batch import silence
from credit_model.cells import read, times
from credit_model.date_formats import ISO
from credit_model.formats import COMMA, MOMENTS, Formats
from credit_model.orders import fetched
from credit_model.scoring import ANSWER, Scorer
from credit_model.settings import Settings
from credit_model.spark import of_asked
from credit_model.spark_cells import cell, doubtful, identity, is_number, may_be_inside, moment, span
from credit_model.spark_customers import DECISION, DOUBTFUL, KEY, PLACE, TRANSACTION
from credit_model.spark_faults import SparkFailedError
from credit_model.transactions import COLUMNS, REQUIRED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_MODEL = "model"
_NO_TRANSACTION = "struct<TransactionStartTime: string, Amount: double>"
_PLACE = [("file", pa.list_(pa.string())), ("row", pa.int64())]


def score_spark(settings: Settings) -> int:
    """Score files on Spark as ``score`` does; returns the exit code.

    Raises:
        ValueError: something given cannot be read, or the output not be written.
    """
    model = fetched(settings.model)
    scorer = Scorer.load(model / "artifacts" / "scorer")
    try:
        with spark_session.started(settings.driver_memory) as session:
            print(_scored(session, settings, model, scorer))
    except SparkFailedError as fault:
        print(f"credit_model: {fault}", file=sys.stderr)
        return 1
    return 0


def customer_rows(
    transactions: "DataFrame | None", decisions: "DataFrame | None", as_of: datetime, history_days: int
) -> "DataFrame":
    """The rows that ``spark_customers.scored`` takes, in no order: of transactions that a decision may see, and of decisions.

    Args:
        transactions: under the contract's names, or null.
        decisions: ``CustomerId``, ``PLACE`` and where they are there ``as_of`` and attributes; null: everyone at ``as_of``.
        as_of: the moment of decisions that give none.
        history_days: days that a decision looks back.
    """
    rows = []
    if decisions is not None:
        rows.append(_of_decisions(decisions, as_of))
    if transactions is not None:
        seen = transactions if decisions is None else of_asked(transactions, decisions)
        mine = _of_transactions(seen, _window(decisions, as_of, history_days))
        rows.append(mine if decisions is None else mine.where(f"{TRANSACTION} is not null"))
    else:
        rows = [row.selectExpr("*", f"cast(null as {_NO_TRANSACTION}) as {TRANSACTION}") for row in rows]
    return rows[0] if len(rows) == 1 else rows[0].unionByName(rows[1], allowMissingColumns=True)


def _scored(session: "SparkSession", settings: Settings, model: Path, scorer: Scorer) -> str:
    from pyspark import StorageLevel

    output = settings.output or ""
    spark_files.check_output(session, output, (settings.transactions, settings.decisions))
    moment: datetime = read([settings.as_of or datetime.now(UTC)], times)[0][0]
    transactions, decisions = _tables(session, settings, scorer)
    rows = customer_rows(transactions, decisions, moment, scorer.catalogue.history_days)
    with _sent(session, model):
        everyone = moment.isoformat() if decisions is None else None
        answers = _answers(rows, everyone, as_text=spark_files.is_csv(output))
        answers.persist(StorageLevel.DISK_ONLY)  # a sort looks at its rows twice
        spark_files.write(answers.orderBy(_quoted(PLACE)).select(*ANSWER), output)
        return _summary(answers, output)


def _tables(
    session: "SparkSession", settings: Settings, scorer: Scorer
) -> tuple["DataFrame | None", "DataFrame | None"]:
    """Transactions and decisions, where they are given."""
    columns = {**scorer.columns, **settings.columns}
    formats = scorer.formats.said(settings.date_format, settings.decimal)
    stated = ("CustomerId", "as_of", *(attribute.name for attribute in scorer.catalogue.attributes))
    transactions, decisions = None, None
    if settings.transactions is not None:
        needed = dict.fromkeys([*REQUIRED, *(ours for ours in settings.columns if ours in COLUMNS)])
        transactions = spark_files.scan(session, settings.transactions, columns, needed, COLUMNS)
        transactions = transactions.drop(PLACE)
        _check_formats(transactions, formats)
    if settings.decisions is not None:
        decisions = spark_files.scan(session, settings.decisions, columns, ("CustomerId",), stated)
        _check_formats(decisions, formats.of_numbers(scorer.catalogue.numbers))
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


def _of_transactions(transactions: "DataFrame", window: tuple[datetime, datetime]) -> "DataFrame":
    """A row each; one that no decision sees is there for its customer alone."""
    from pyspark.sql import functions as F  # noqa: N812

    whole = F.struct(*(cell(transactions, name) for name in COLUMNS[1:] if name in transactions.columns))
    seen = F.when(may_be_inside(transactions, window), whole).alias(TRANSACTION)
    return transactions.select(*_customer(transactions), seen)


def _of_decisions(decisions: "DataFrame", default: datetime) -> "DataFrame":
    from pyspark.sql import functions as F  # noqa: N812

    own = [name for name in decisions.columns if name not in {"CustomerId", PLACE}]
    cells = decisions.select(*_customer(decisions), _quoted(PLACE), *(cell(decisions, name) for name in own))
    attributes = [_quoted(name) for name in own if name != "as_of"]
    whole = F.struct(_quoted(PLACE), moment(cells, default), *attributes)
    return cells.select(_quoted(KEY), _quoted(DOUBTFUL), whole.alias(DECISION))


def _customer(table: "DataFrame") -> list["Column"]:
    return [identity(table).alias(KEY), doubtful(table).alias(DOUBTFUL)]


def _window(decisions: "DataFrame | None", as_of: datetime, days: int) -> tuple[datetime, datetime]:
    """What any decision can see."""
    first, last = (decisions is not None and span(decisions)) or (as_of, as_of)
    return min(first, as_of) - timedelta(days=days), max(last, as_of)


@contextmanager
def _sent(session: "SparkSession", model: Path) -> Iterator[None]:
    """The model on every machine that computes, for as long as the answers are needed."""
    with TemporaryDirectory(prefix="credit_model_") as folder:
        archive = shutil.make_archive(str(Path(folder) / _MODEL), "zip", model)
        session.sparkContext.addArchive(f"{archive}#{_MODEL}")
        yield


def _answers(rows: "DataFrame", everyone_at: str | None, *, as_text: bool) -> "DataFrame":
    """``PLACE`` and the answer of every decision, in no order; all text where a CSV file is to hold them."""
    from pyspark import cloudpickle
    from pyspark.sql.pandas.types import from_arrow_schema

    # The workers have no code but the model's.
    cloudpickle.register_pickle_by_value(spark_customers)  # type: ignore[no-untyped-call]
    place = pa.string() if everyone_at is not None else pa.struct(_PLACE)
    types = [(name, pa.string() if as_text else _arrow(dtype)) for name, dtype in ANSWER.items()]
    schema, work, answer = pa.schema([(PLACE, place), *types]), spark_customers.scored, dict(ANSWER)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import mlflow
        from pyspark import SparkFiles

        predict = mlflow.pyfunc.load_model(SparkFiles.get(_MODEL)).predict
        return work(batches, predict, everyone_at, answer, schema)

    together = rows.repartition(_quoted(KEY)).sortWithinPartitions(_quoted(KEY))
    return together.mapInArrow(score, from_arrow_schema(schema))


def _summary(answers: "DataFrame", output: str) -> str:
    from pyspark.sql import functions as F  # noqa: N812

    silent = F.count_if(F.col("status") == "no_history")
    found = answers.agg(F.count("*"), silent, F.min("as_of"), F.max("as_of")).first()
    count, without, first, last = found or (0, 0, None, None)
    said = silence(without, count, (first, last))
    if said:
        print(said, file=sys.stderr)
    return f"{count} decisions written to {output}"


def _quoted(name: str) -> "Column":
    from pyspark.sql import functions as F  # noqa: N812

    return F.col("`" + name.replace("`", "``") + "`")


def _arrow(dtype: Any) -> pa.DataType:
    if isinstance(dtype, pl.List):
        return pa.list_(_arrow(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pa.struct([(field.name, _arrow(field.dtype)) for field in dtype.fields])
    return {pl.String: pa.string(), pl.Float64: pa.float64(), pl.Int64: pa.int64()}[dtype.base_type()]
