"""A Spark table of transactions -> the rows that ``mlflow.pyfunc.spark_udf`` takes -> answers.

A customer's transactions must reach the model together: flat rows would be split over Arrow batches. So every column is
collected into an array, one row per decision, and the model is told to refuse anything else.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from credit_model import csv_files, tables
from credit_model.batch import warning
from credit_model.cells import read, times
from credit_model.date_formats import ISO
from credit_model.formats import COMMA, NUMBERS, Formats
from credit_model.moments import EARLIEST, LATEST
from credit_model.orders import fetched
from credit_model.paths import check_output, kind_of
from credit_model.scoring import ANSWER, Scorer
from credit_model.settings import Settings
from credit_model.transactions import COLUMNS, REQUIRED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_ROW = "row_of_decision"
_TIME = "TransactionStartTime"
_MOMENTS = {_TIME, "as_of"}
_NUMBERS = {"double", "float", "decimal", "bigint", "int", "smallint", "tinyint"}
_INSTANTS = {"timestamp", "timestamp_ntz", "date"}
_UTC_TEXT = r"^\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,9})?Z?$"


def decision_rows(
    transactions: "DataFrame",
    decisions: "DataFrame | None" = None,
    as_of: datetime | str | None = None,
    window: tuple[datetime, datetime] | None = None,
) -> "DataFrame":
    """Collect raw transactions into one row per decision.

    Args:
        transactions: any partitioning and column types; columns outside the contract are left behind.
        decisions: ``CustomerId``, and where they are there ``as_of`` and attributes; without it every customer is a
            decision.
        as_of: the moment of decisions that give none.
        window: what any of the decisions can see, in UTC; transactions that are surely outside are left behind early.

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
    seen = transactions if window is None else transactions.where(_may_be_inside(transactions, window))
    whole = F.struct(*(_cell(transactions, name) for name in fields)).alias("transaction")
    rows = seen.select(_identity(seen), whole)
    if window is not None and decisions is None:
        rows = rows.unionByName(transactions.select(_identity(transactions)), allowMissingColumns=True)
    grouped = rows.groupBy("CustomerId").agg(F.collect_list("transaction").alias("transactions"))
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
    check_output(settings.output or "")
    model = fetched(settings.model).resolve()
    scorer = Scorer.load(model / "artifacts" / "scorer")
    columns = {**scorer.columns, **settings.columns}
    formats = scorer.formats.said(settings.date_format, settings.decimal)
    moment: datetime = read([settings.as_of or datetime.now(UTC)], times)[0][0]
    asked = _asked(settings, columns, formats.of_numbers(scorer.catalogue.numbers))
    window = _window(asked, moment, scorer.catalogue.history_days)
    session = _session(model / "code")
    try:
        transactions = _table(session, settings.transactions, columns)
        _check_formats(transactions, formats)
        decisions = None if asked is None else session.createDataFrame(asked.to_pandas())
        rows = decision_rows(transactions, decisions, moment, window)
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
    """A session whose Python workers are of this Python, and run the code that the model carries.

    MLflow loads while the JVM starts: each takes seconds.
    """
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["PYTHONPATH"] = f"{code}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    builder = SparkSession.builder.appName("credit_model score").config("spark.sql.session.timeZone", "UTC")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(import_module, "mlflow.pyfunc")
        return builder.config("spark.executorEnv.PYTHONPATH", str(code)).getOrCreate()


def _table(session: "SparkSession", path: str | None, columns: dict[str, str]) -> "DataFrame":
    """Files of transactions; CSV quotes as everywhere: doubled, and lines may end inside them."""
    if path is None:
        raise ValueError("score_spark needs transactions; give a CSV or Parquet file or folder")
    files = [str(file) for file in tables.files(path)]
    reader = session.read.option("header", "true").option("multiLine", "true").option("escape", '"')
    reader = reader.option("sep", _separator(files))
    table = reader.parquet(*files) if files[0].lower().endswith(".parquet") else reader.csv(files)
    for ours, theirs in columns.items():
        if theirs in table.columns:
            table = table.drop(ours).withColumnRenamed(theirs, ours)
    return table


def _separator(files: list[str]) -> str:
    """What stands between the cells of CSV files, which is the same in all that Spark reads at once."""
    found = {csv_files.separator(Path(file)) for file in files if kind_of(Path(file)) == "CSV"}
    if len(found) > 1:
        raise ValueError(
            "the files of transactions have different marks between their cells; write them alike for Spark"
        )
    return next(iter(found), ",")


def _check_formats(transactions: "DataFrame", formats: Formats) -> None:
    """Spark reads text cells as they are everywhere; other ways of writing them are for the other commands."""
    texts = {
        name for name, kind in transactions.dtypes if kind == "string" or (name == _TIME and kind in _NUMBERS)
    }
    times = {_TIME} & texts if formats.date_format != ISO else set()
    odd = sorted(times | ({*NUMBERS} & texts if formats.decimal == COMMA else set()))
    if odd:
        raise ValueError(
            f"score_spark reads {', '.join(odd)} of transactions neither by date_format nor by decimal; "
            "convert them to times and numbers first, or use score"
        )


def _asked(settings: Settings, columns: dict[str, str], formats: Formats) -> pl.DataFrame | None:
    if settings.decisions is None:
        return None
    table = tables.read(settings.decisions, columns, ("CustomerId",), formats=formats)
    return tables.filled(table, settings.decisions).with_row_index(_ROW)


def _window(asked: pl.DataFrame | None, moment: datetime, days: int) -> tuple[datetime, datetime]:
    """What any decision can see."""
    moments = pl.Series([moment])
    if asked is not None and "as_of" in asked.columns:
        moments = moments.append(read(asked["as_of"], times)[0])
    first, last = cast(datetime, moments.min()), cast(datetime, moments.max())
    return first - timedelta(days=days), last


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
    elif kind == "timestamp_ntz" and name in _MOMENTS:
        since = column - F.lit("1970-01-01").cast("timestamp_ntz")
        column = since.cast("interval second").cast("decimal(20,6)").cast("double")
    elif kind in {"timestamp_ntz", "date"}:
        column = column.cast("string")
    return column.alias(name)


def _may_be_inside(table: "DataFrame", window: tuple[datetime, datetime]) -> "Column":
    """Whether a transaction's time is inside a window, or unreadable: a fault that must be said."""
    from pyspark.sql import functions as F  # noqa: N812

    kind, time = dict(table.dtypes)[_TIME].partition("(")[0], F.col(_TIME)
    if kind == "string":
        kind, time = "date", F.when(time.rlike(_UTC_TEXT), time.substr(1, 10).try_cast("date"))
    if kind not in _NUMBERS | _INSTANTS:
        return F.lit(True)
    rounded = timedelta(seconds=1)
    moments = (window[0] - rounded, window[1] + rounded, EARLIEST, LATEST - rounded)
    first, last, earliest, latest = (_literal(moment, kind) for moment in moments)
    return F.coalesce(time.between(first, last) | ~time.between(earliest, latest), F.lit(True))


def _literal(moment: datetime, kind: str) -> "Column":
    from pyspark.sql import functions as F  # noqa: N812

    instant = moment.replace(tzinfo=UTC)
    return F.lit(instant.timestamp()) if kind in _NUMBERS else F.lit(instant.isoformat()).cast(kind)


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
