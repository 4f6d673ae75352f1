"""A Spark session whose output goes to a log and whose errors are one sentence."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from credit_model.serving.spark.faults import explained

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


_OPTIONS: dict[str, bool | float | int | str | None] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",  # few tasks for few rows
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
_LOGGERS = (
    "py4j",
    "py4j.clientserver",
    "py4j.java_gateway",
    "SQLQueryContextLogger",
    "DataFrameQueryContextLogger",
)


@contextmanager
def started(memory: str | None) -> Iterator["SparkSession"]:
    """Start a session; ``memory`` is that of its driver, such as ``2g``, or None for Spark's own default.

    Raises:
        SparkFailedError: Spark failed; the message names its log.
        ValueError: Spark cannot read an input or write the output.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    for name in _LOGGERS:
        logging.getLogger(name).disabled = True
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    with tempfile.NamedTemporaryFile(prefix="credit_model_spark_", suffix=".log", delete=False) as printed:
        log = Path(printed.name)
    try:
        with _stopped(_session(memory, log)) as session:
            yield session
    except (PySparkException, Py4JError, ConnectionError, EOFError) as fault:
        said = explained(fault, log)
        if isinstance(said, ValueError):
            log.unlink()
        raise said from None
    except BaseException:
        log.unlink()
        raise
    log.unlink()


@contextmanager
def _stopped(session: "SparkSession") -> Iterator["SparkSession"]:
    """Stop a session at the end, even one whose Java process is gone."""
    try:
        yield session
    finally:
        with suppress(Exception):
            session.stop()


def _session(memory: str | None, log: Path) -> "SparkSession":
    """A session whose Python workers are of this Python; MLflow loads while Java starts: each takes seconds."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("credit_model score").config(map=_OPTIONS)
    if memory is not None:
        builder = builder.config("spark.driver.memory", memory)
    with ThreadPoolExecutor(1) as pool, _errors_to(log):
        pool.submit(import_module, "mlflow.pyfunc")
        return builder.getOrCreate()


@contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Hand a log to the processes that start meanwhile as their standard error."""
    terminal = os.dup(2)
    with log.open("ab") as printed:
        os.dup2(printed.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
