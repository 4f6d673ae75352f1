"""Tables in files that Spark reads and writes, on any path that it supports; columns have the contract's names."""

import csv
import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from credit_model.data import csv_files, files
from credit_model.data.paths import kind_of
from credit_model.data.writers import FORMULA, NUMBER
from credit_model.serving.spark.cells import quoted
from credit_model.serving.spark.customers import PLACE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType


_CSV = {"header": "true", "multiLine": "true", "escape": '"', "mode": "FAILFAST", "enforceSchema": "false"}
_CSV_OUT = {
    "header": "true",
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
}
_FILES = {"CSV": "*.[cC][sS][vV]*", "Parquet": "*.[pP][aA][rR][qQ][uU][eE][tT]"}
_MARKS = re.compile(r"([\\*?\[\]{}])")


def scan(
    session: "SparkSession",
    path: str,
    columns: Mapping[str, str],
    needed: Collection[str],
    only: Collection[str],
) -> "DataFrame":
    """A table of files under the contract's names, and ``PLACE``, which orders its rows: by file name, then in the file.

    Args:
        session: in which it is read.
        path: a file, a folder or a pattern of Spark; a local file of exactly this name is taken as it is.
        columns: contract name -> column name of the files.
        needed: contract names that must exist.
        only: contract names to read where they exist.

    Raises:
        ValueError: the table is neither CSV nor Parquet, or a needed column is absent.
    """
    table, kind = _opened(session, path)
    names = table.columns
    files.rename(pl.DataFrame(schema=dict.fromkeys(names, pl.Null())), columns, needed, path)
    theirs = {ours: columns[ours] if columns.get(ours) in names else ours for ours in only}
    renamed = [quoted(name).alias(ours) for ours, name in theirs.items() if name in names]
    return table.select(*renamed, _place(kind))


def check_output(session: "SparkSession", path: str, inputs: Collection[str | None]) -> None:
    """Check, before the work begins, that its result can be written to a folder.

    Args:
        session: in which it is written.
        path: of the folder.
        inputs: paths that are read.

    Raises:
        ValueError: the path ends in none of ``.csv``, ``.parquet`` and ``/``, is or lies in an input, or is not empty.
    """
    if not path.lower().endswith(("/", ".csv", ".parquet")):
        raise ValueError(
            f"{path} is neither CSV nor Parquet by its ending; name it .csv or .parquet, or a folder: {path}/"
        )
    for source in filter(None, inputs):
        if _lies_in(path, source):
            raise ValueError(f"{path} is or lies in the input {source}; name another output")
    if _holds_something(session, path):
        raise ValueError(f"{path} exists already and is not empty; name a new folder")


def is_csv(path: str) -> bool:
    """Whether an output is CSV, by the ending of its path."""
    return path.lower().rstrip("/").endswith(".csv")


def write(table: "DataFrame", path: str) -> None:
    """Write a table as a folder of parts, CSV or Parquet by its ending; Spark puts ``_SUCCESS`` into it at the end.

    Files that a failed job left there are removed; ``check_output`` has made sure that there are no others.
    """
    if is_csv(path):
        harmless = [_harmless(name).alias(name) for name in table.columns]
        table.select(harmless).write.mode("overwrite").options(**_CSV_OUT).csv(path)
    else:
        table.write.mode("overwrite").parquet(path)


def _harmless(name: str) -> "Column":
    """Text with an apostrophe before what a spreadsheet would run, as ``writers`` puts it."""
    from pyspark.sql import functions as F  # noqa: N812

    text = quoted(name)
    run = text.rlike(FORMULA) & ~text.rlike(NUMBER)
    return F.when(run, F.concat(F.lit("'"), text)).otherwise(text)


def _opened(session: "SparkSession", path: str) -> tuple["DataFrame", str]:
    named = _literal(path)
    files = [
        file for file in _listed(session, named) if file.lower().endswith((".csv", ".csv.gz", ".parquet"))
    ]
    kinds = {kind_of(Path(file)) for file in files}
    if not kinds:
        raise ValueError(f"{path} holds no .csv, .csv.gz or .parquet file; check the path")
    if len(kinds) > 1:
        raise ValueError(f"{path} holds both CSV and Parquet files; name one kind, such as *.parquet")
    (kind,) = kinds
    table = _read(session, named, kind)
    inside = len(table.inputFiles()) < len(files)  # folders that are no partitions, which Spark passes over
    return (_read(session, named, kind, recursiveFileLookup="true") if inside else table), kind


def _read(session: "SparkSession", path: str, kind: str, **options: str) -> "DataFrame":
    reader = session.read.options(pathGlobFilter=_FILES[kind], **options)
    if kind == "Parquet":
        return reader.options(mergeSchema="true").parquet(path)
    header = _header(session, path)
    mark = csv_files.separator_in(header)
    return reader.options(**_CSV, sep=mark).schema(_schema(header, mark, path)).csv(path)


def _header(session: "SparkSession", path: str) -> str:
    """The header of one of the CSV files; the others must have the same, which Spark sees to."""
    lines = session.read.options(pathGlobFilter=_FILES["CSV"], recursiveFileLookup="true").text(path)
    first = lines.first()
    return "" if first is None else str(first[0]).removeprefix("\ufeff")


def _schema(header: str, mark: str, path: str) -> "StructType":
    """The columns of a header, all text."""
    from pyspark.sql.types import StringType, StructField, StructType

    names = next(csv.reader([header], delimiter=mark)) if header else []
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{path} has two columns named {twice[0]!r}; rename or remove one")
    return StructType([StructField(name, StringType()) for name in names])


def _listed(session: "SparkSession", pattern: str) -> list[str]:
    """The files under a path, in folders inside too, without those that begin with a point or an underscore."""
    reader = session.read.format("binaryFile").option("recursiveFileLookup", "true")
    return list(reader.load(pattern).inputFiles())


def _holds_something(session: "SparkSession", path: str) -> bool:
    from pyspark.errors import AnalysisException

    try:
        return bool(_listed(session, _MARKS.sub(r"\\\1", path)))
    except AnalysisException as fault:
        if fault.getCondition() == "PATH_NOT_FOUND":
            return False
        raise


def _literal(path: str) -> str:
    """The pattern of a path: marks of a pattern mean themselves where a file of just this name is there."""
    return _MARKS.sub(r"\\\1", path) if Path(path.removeprefix("file://")).exists() else path


def _lies_in(path: str, source: str) -> bool:
    place, pattern = _absolute(path), _absolute(source)
    return any(each == pattern or each.match(str(pattern)) for each in (place, *place.parents))


def _absolute(path: str) -> PurePosixPath:
    if "://" in path and not path.startswith("file://"):
        return PurePosixPath(path)
    return PurePosixPath(Path(path.removeprefix("file://")).resolve())


def _place(kind: str) -> "Column":
    """The file of a row, folder by folder, and its row; Spark reads a CSV file whose cells may hold line ends in one go."""
    from pyspark.sql import functions as F  # noqa: N812

    row = F.monotonically_increasing_id() if kind == "CSV" else F.col("_metadata.row_index")
    return F.struct(F.split("_metadata.file_path", "/").alias("file"), row.alias("row")).alias(PLACE)
