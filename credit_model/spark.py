"""A Spark table of transactions -> the rows that ``mlflow.pyfunc.spark_udf`` takes -> answers.

A customer's transactions must reach the model together: flat rows would be split over Arrow batches. So every column is
collected into an array, one row per decision, and the model is told to refuse anything else.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from credit_model import tables
from credit_model.batch import warning
from credit_model.cells import read, times
from credit_model.orders import fetched
from credit_model.scoring import ANSWER, Scorer
from credit_model.settings import Settings
from credit_model.transactions import COLUMNS, REQUIRED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_ROW = "row_of_decision"
_NUMBERS = {"double", "float", "decimal", "bigint", "int", "smallint", "tinyint"}


def decision_rows(
    transactions: "DataFrame", decisions: "DataFrame | None" = None, as_of: datetime | str | None = None
) -> "DataFrame":
    """Collect raw transactions into one row per decision.

    Args:
        transactions: any partitioning and column types; columns outside the contract are left behind.
        decisions: ``CustomerId``, and where they are there ``as_of`` and attributes; without it every customer is a
            decision.
        as_of: the moment of decisions that give none.

    Returns:
        One row per decision: its own columns, ``as_of``, and an array per transaction column, empty for a customer
        without transactions.

    Raises:
        ValueError: a required column is absent, or ``as_of`` is no time.
    """
    from pyspark.sql import functions as F  # noqa: N812

    absent = [name for name in REQUIRED if name not in transactions.columns]
    if absent:
        raise ValueError(
            f"transactions lack {', '.join(absent)} (found: {', '.join(transactions.columns)}); rename them"
        )
    fields = [name for name in COLUMNS[1:] if name in transactions.columns]
    rows = transactions.select(_identity(transactions), *(_cell(transactions, name) for name in fields))
    grouped = rows.groupBy("CustomerId").agg(F.collect_list(F.struct(*fields)).alias("transactions"))
    if decisions is not None:
        kept = [_cell(decisions, name) for name in decisions.columns if name != "CustomerId"]
        asked = decisions.select(_identity(decisions), *kept)
        grouped = asked.join(grouped, asked["CustomerId"].eqNullSafe(grouped["CustomerId"]), "left").drop(
            grouped["CustomerId"]
        )
    scalars = [name for name in grouped.columns if name not in {"transactions", "as_of"}]
    arrays = [F.coalesce(F.col(f"transactions.{name}"), F.array()).alias(name) for name in fields]
    return grouped.select(*scalars, _moment(grouped, as_of).alias("as_of"), *arrays)


def of_asked(transactions: "DataFrame", decisions: "DataFrame") -> "DataFrame":
    """The transactions of the customers that decisions ask about; saves ``decision_rows`` work where these are few."""
    from pyspark.sql import functions as F  # noqa: N812

    asked = decisions.select(_identity(decisions).alias("asked"))
    return transactions.join(asked, _identity(transactions).eqNullSafe(F.col("asked")), "left_semi")


def answers(rows: "DataFrame", model: str, keep: tuple[str, ...] = ()) -> "DataFrame":
    """Score decision rows with a registered model.

    Args:
        rows: from ``decision_rows``.
        model: MLflow URI of the model.
        keep: columns of the rows to keep before the answer's.

    Returns:
        One row per decision with the fields of the answer as columns.
    """
    import mlflow
    from pyspark.sql import functions as F  # noqa: N812

    only_arrays = {"one_row_per_decision": True}
    judge = mlflow.pyfunc.spark_udf(rows.sparkSession, model, env_manager="local", params=only_arrays)
    asked = [name for name in rows.columns if name not in keep]
    answered = rows.select(*keep, F.col("CustomerId").alias("asked"), judge(F.struct(*asked)).alias("answer"))
    fields = [_field(name) for name in ANSWER]
    return answered.select(*keep, *fields)


def _field(name: str) -> "Column":
    """A field of the answer; MLflow's cast has made the text 'None' of null."""
    from pyspark.sql import functions as F  # noqa: N812

    if name == "CustomerId":
        return F.col("asked").alias(name)
    column = F.col(f"answer.{name}")
    return (F.nullif(column, F.lit("None")) if name in {"as_of", "message", "risk_level"} else column).alias(
        name
    )


def score_spark(settings: Settings) -> str:
    """Score files on Spark; the answers are those of ``score``, in the order of the decisions given."""
    tables.check_output(settings.output or "")
    model = fetched(settings.model).resolve()
    known = Scorer.load(model / "artifacts" / "scorer").columns
    columns = {**known, **settings.columns}
    session = _session(model / "code")
    try:
        transactions = _table(session, settings.transactions, columns)
        decisions = _decisions(session, settings, columns)
        rows = decision_rows(transactions, decisions, settings.as_of or datetime.now(UTC))
        keep = (_ROW,) if decisions is not None else ()
        found = answers(rows, settings.model, keep).toArrow()
    finally:
        session.stop()
    table = pl.DataFrame(pl.from_arrow(found)).sort(_ROW if keep else "CustomerId")
    tables.write(table.select(list(ANSWER)), settings.output or "")
    said = warning(table)
    if said:
        print(said, file=sys.stderr)
    return f"{table.height} decisions written to {settings.output}"


def _session(code: Path) -> "SparkSession":
    """A session whose Python workers are of this Python, and run the code that the model carries."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["PYTHONPATH"] = f"{code}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    builder = SparkSession.builder.appName("credit_model score").config("spark.sql.session.timeZone", "UTC")
    return builder.config("spark.executorEnv.PYTHONPATH", str(code)).getOrCreate()


def _table(session: "SparkSession", path: str | None, columns: dict[str, str]) -> "DataFrame":
    """Files of transactions; CSV quotes as everywhere: doubled, and lines may end inside them."""
    if path is None:
        raise ValueError("score_spark needs transactions; give a CSV or Parquet file or folder")
    files = [str(file) for file in tables.files(path)]
    reader = session.read.option("header", "true").option("multiLine", "true").option("escape", '"')
    table = reader.parquet(*files) if files[0].lower().endswith(".parquet") else reader.csv(files)
    for ours, theirs in columns.items():
        if theirs in table.columns:
            table = table.drop(ours).withColumnRenamed(theirs, ours)
    return table


def _decisions(session: "SparkSession", settings: Settings, columns: dict[str, str]) -> "DataFrame | None":
    if settings.decisions is None:
        return None
    table = tables.rename(tables.read(settings.decisions), columns, ("CustomerId",), settings.decisions)
    return session.createDataFrame(table.with_row_index(_ROW).to_pandas())


def _identity(table: "DataFrame") -> "Column":
    """``CustomerId`` as text; a whole number prints without a fraction."""
    from pyspark.sql import functions as F  # noqa: N812

    column = F.col("CustomerId")
    kind = dict(table.dtypes)["CustomerId"]
    if kind in {"float", "double"} or kind.startswith("decimal"):
        whole = column.cast("long")
        column = F.when(column == whole, whole.cast("string")).otherwise(column.cast("string"))
    return column.cast("string").alias("CustomerId")


def _cell(table: "DataFrame", name: str) -> "Column":
    """A column as the model reads it the same in any session: instants as epoch seconds."""
    from pyspark.sql import functions as F  # noqa: N812

    kind, column = dict(table.dtypes)[name], F.col(name)
    if kind == "timestamp":
        column = F.unix_micros(column) / F.lit(1e6)
    elif kind in {"timestamp_ntz", "date"}:
        column = column.cast("string")
    return column.alias(name)


def _moment(decisions: "DataFrame", default: datetime | str | None) -> "Column":
    """``as_of``, or the default where there is none: epoch seconds where the table has numbers, else text."""
    from pyspark.sql import functions as F  # noqa: N812

    known = None if default is None else read([default], times)[0][0]
    if default is not None and known is None:
        raise ValueError("as_of is not a time; give ISO-8601 text such as 2019-02-13T00:00:00Z")
    kind = dict(decisions.dtypes).get("as_of", "absent")
    if kind.partition("(")[0] in _NUMBERS:
        seconds = F.lit(known and known.replace(tzinfo=UTC).timestamp()).cast("double")
        given = F.col("as_of").cast("double")
        return F.coalesce(F.when(~F.isnan(given), given), seconds)
    text = F.lit(known and known.isoformat()).cast("string")
    return text if kind == "absent" else F.coalesce(F.col("as_of").cast("string"), text)
