"""Faults of Spark: what is at fault in one sentence, and no cell of a table."""

from pathlib import Path

import pytest

from credit_model.scoring.scorer import Scorer
from credit_model.serving.spark import job
from credit_model.serving.spark.faults import SparkFailedError, explained
from credit_model.settings.settings import Settings

SECRET = "C-4711"
BAD_INPUT = {
    "[PATH_NOT_FOUND] Path does not exist: hdfs://h/t.parquet. SQLSTATE: 42K03": (
        "hdfs://h/t.parquet does not exist; check the path"
    ),
    "[PARQUET_TYPE_ILLEGAL] Illegal Parquet type: INT64 (TIMESTAMP(NANOS,false)). SQLSTATE: 42846": (
        "Spark does not read the Parquet type INT64 (TIMESTAMP(NANOS,false)); write that column in another, times in "
        "microseconds"
    ),
    'Failed merging schemas: [CANNOT_MERGE_SCHEMAS] Initial schema:\n"STRUCT<CustomerId: STRING, a b: DECIMAL(3,2), '
    'Amount: INT>"\nSchema\n"STRUCT<Amount: STRING, CustomerId: STRING, a b: DECIMAL(3,2)>". SQLSTATE: 42KD9': (
        "the files of a table hold Amount as INT and as STRING; write it in one type"
    ),
    f"Job aborted: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///t/1.csv.  SQLSTATE: KD001\n"
    f"Caused by: [MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed records: [{SECRET},1]": (
        "file:///t/1.csv cannot be read as CSV: it needs the header of the other files, and rows as long as that"
    ),
    "[USER_RAISED_EXCEPTION] CustomerId holds what is no text. SQLSTATE: P0001": "CustomerId holds what is no text",
    "java.io.IOException: Mkdirs failed to create file:/x/_temporary": (
        "Spark may not read an input or not write the output; allow this user to"
    ),
}
FAILURES = {
    "java.lang.OutOfMemoryError: Java heap space": "Spark ran out of memory; give it more: driver_memory=4g",
    "[JAVA_GATEWAY_EXITED] Java gateway process exited": "Spark did not start; it needs Java 17",
    "java.io.IOException: No space left on device": "a disk that Spark uses is full",
    "ExecutorLostFailure (executor 3 exited)": "Spark lost an executor",
    "SparkException: Python worker exited unexpectedly (crashed)": "a Python worker of Spark ended",
    "An exception was thrown from the Python worker:\nTraceback (most recent call last):\n  File x\n"
    f"polars.exceptions.ComputeError: {SECRET}\n": "the model failed inside Spark (ComputeError)",
    f"[CAST_INVALID_INPUT] The value '{SECRET}' cannot be cast": "Spark failed (CAST_INVALID_INPUT)",
    f"something about {SECRET}": "Spark failed (RuntimeError)",
}


@pytest.mark.parametrize("text", BAD_INPUT)
def test_what_spark_was_given_is_bad_input(text: str, tmp_path: Path) -> None:
    said = explained(RuntimeError(text), tmp_path / "log")
    assert isinstance(said, ValueError)
    assert str(said) == BAD_INPUT[text]


@pytest.mark.parametrize("text", FAILURES)
def test_what_spark_did_not_do_is_a_failure_with_a_log(text: str, tmp_path: Path) -> None:
    said = explained(RuntimeError(text), tmp_path / "log")
    assert isinstance(said, SparkFailedError)
    assert str(said).startswith(FAILURES[text])
    assert str(said).endswith(f"; its log is {tmp_path / 'log'}")
    assert SECRET not in str(said)


def test_a_java_process_that_is_gone_is_explained_by_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("WARN: cleaning\n")
    refused = ConnectionRefusedError(111, "Connection refused")
    assert str(explained(refused, log)).startswith("Spark's Java process ended before its work; its log is")
    log.write_text('Exception in thread "x" java.lang.OutOfMemoryError: Java heap space\n')
    assert str(explained(refused, log)).startswith("Spark ran out of memory")


def test_a_failure_of_spark_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(_: str | None) -> None:
        raise SparkFailedError("Spark ran out of memory; give it more")

    monkeypatch.setattr(Scorer, "load", lambda _: None)
    monkeypatch.setattr(job, "started", fail)
    assert job.score_spark(Settings(output="o.parquet", transactions="t.parquet"), tmp_path) == 1
    assert capsys.readouterr() == ("", "credit_model: Spark ran out of memory; give it more\n")
