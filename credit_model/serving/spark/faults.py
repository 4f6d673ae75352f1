"""Errors of Spark as one sentence with the remedy; unlike Spark's own messages, it repeats no cell of a table."""

import re
from collections.abc import Mapping
from pathlib import Path

_LOG_END = 1_000_000  # bytes

# What is searched for in a fault -> what is said, in order.
_BAD_INPUT = {
    r"\[USER_RAISED_EXCEPTION\] (.*?)\.? SQLSTATE": "{0}",
    r"\[PATH_NOT_FOUND\] Path does not exist: (.*?)\. SQLSTATE": "{0} does not exist; check the path",
    r"CANNOT_READ_FILE_FOOTER\] Encountered error while reading file (.*?)\. Could": (
        "{0} cannot be read as Parquet: it may be cut short or of another format; write it again"
    ),
    r"PARQUET_COLUMN_DATA_TYPE_MISMATCH\].*?reading file (.*?)\. .*?Parquet column \[?(.*?)\]?\. Expected": (
        "{0} holds {1} in another type than other files do; write it in one type"
    ),
    r"Illegal Parquet type: (.*?)\. SQLSTATE": (
        "Spark does not read the Parquet type {0}; write that column in another, times in microseconds"
    ),
    r"FAILED_READ_FILE\S*\] Encountered error while reading file (\S+?\.csv\S*?)\.\s": (
        "{0} cannot be read as CSV: it needs the header of the other files, and rows as long as that"
    ),
    r"FAILED_READ_FILE\S*\] Encountered error while reading file (\S+?)\.\s": (
        "{0} cannot be read: it may be cut short or of another format; write it again"
    ),
    r"\[(CONFLICTING_DIRECTORY_STRUCTURES|CONFLICTING_PARTITION_COLUMN_NAMES)": (
        "the folders of a table do not agree on its partitions; name its files by a pattern"
    ),
    r'Class (\S+) not found|No FileSystem for scheme "?(\w+)': (
        "Spark knows no such files ({0}); add the package that does by spark.jars.packages, such as hadoop-aws for s3a"
    ),
    r"Permission denied|AccessControlException|Mkdirs failed": (
        "Spark may not read an input or not write the output; allow this user to"
    ),
}
_FAILURES = {
    r"JAVA_GATEWAY_EXITED": "Spark did not start; it needs Java 17 (JAVA_HOME), and sound settings",
    r"OutOfMemoryError|OUT_OF_MEMORY|ACQUIRE_MEMORY|INVALID_DRIVER_MEMORY|Container killed|exit code 137": (
        "Spark ran out of memory; give it more: driver_memory=4g, or spark.executor.memory on a cluster"
    ),
    r"No space left on device": "a disk that Spark uses is full; clear it, or name another by spark.local.dir",
    r"Python worker exited unexpectedly": (
        "a Python worker of Spark ended, as a rule for want of memory; give the machine more, or Spark fewer cores"
    ),
    r"ExecutorLostFailure|Lost executor": "Spark lost an executor; look why, as a rule for want of memory",
    r"Python worker:.*\n(?:\w+\.)*(\w+(?:Error|Exception))\b": "the model failed inside Spark ({0})",
    r"Py4JNetworkError|ConnectionRefusedError|ConnectionResetError": "Spark's Java process ended before its work",
    r"\[([A-Z][A-Z_.]+)\]": "Spark failed ({0})",
}
_SCHEMAS = re.compile(r'CANNOT_MERGE_SCHEMAS\].*?"STRUCT<(.*?)>".*?"STRUCT<(.*?)>"\. SQLSTATE', re.DOTALL)


class SparkFailedError(RuntimeError):
    """Spark failed; the message says why in one sentence."""


def explained(fault: Exception, log: Path) -> ValueError | SparkFailedError:
    """The exception to raise instead of Spark's own: ``ValueError`` where the input is the cause.

    Args:
        fault: an exception of PySpark, Py4J or the connection to Java.
        log: file with what Spark printed.
    """
    text = f"{type(fault).__name__}: {fault}"
    bad = _unlike(text) or _first(_BAD_INPUT, text)
    if bad is not None:
        return ValueError(bad)
    if not isinstance(fault, ConnectionError) and "Py4JNetworkError" not in text:
        said = _first(_FAILURES, text)
    else:
        said = _first(_FAILURES, f"{_end(log)}\n{text}")
    return SparkFailedError(f"{said or f'Spark failed ({type(fault).__name__})'}; its log is {log}")


def _first(sentences: Mapping[str, str], text: str) -> str | None:
    """The sentence of the first pattern that is found."""
    for pattern, sentence in sentences.items():
        match = re.search(pattern, text, re.DOTALL)
        if match:
            return sentence.format(*filter(None, match.groups()))
    return None


def _unlike(text: str) -> str | None:
    """What files of one table type differently, by Spark's account of both schemas."""
    match = _SCHEMAS.search(text)
    if match is None:
        return None
    first, second = (
        dict(part.split(": ", 1) for part in re.split(r", (?=\S+: )", each)) for each in match.groups()
    )
    name = next(name for name in first if second.get(name, first[name]) != first[name])
    return f"the files of a table hold {name} as {first[name]} and as {second[name]}; write it in one type"


def _end(log: Path) -> str:
    return log.read_bytes()[-_LOG_END:].decode(errors="replace")
