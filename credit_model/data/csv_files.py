"""One CSV file as a lazy table of text; its separator is taken from the header line."""

import re
import zlib
from pathlib import Path

import polars as pl

from credit_model.data.iso_time import read_iso

NEEDS = (
    "it needs UTF-8 text, lines that end in LF or CRLF, one header line, commas between cells (or semicolons or tabs, as in "
    "the header), and no row longer than the header"
)
CUT = "its gzip data are damaged or cut short; copy or compress it again"

_HEAD = 2**20
_GZIP = b"\x1f\x8b"


def scan(file: Path) -> pl.LazyFrame:
    """Open a CSV file, plain or compressed by gzip: every cell is text, an empty one is null.

    Raises:
        ValueError: its header line is not UTF-8 text, or names a column twice.
    """
    frame = pl.scan_csv(file, separator=separator(file), infer_schema=False, null_values=[""], glob=False)
    for name in frame.collect_schema().names():
        if "_duplicated_" in name:
            column = name.partition("_duplicated_")[0]
            called = "" if is_value(column) else f" named {column!r}"
            raise ValueError(f"{file} has two columns{called}; rename or remove one")
    return frame


def separator(file: Path) -> str:
    """The separator of a file: a semicolon or a tab where the header line has one of them and no comma, else a comma.

    Raises:
        ValueError: the header line is not UTF-8 text, or ends in CR alone.
    """
    return separator_in(_header(file))


def separator_in(header: str) -> str:
    """The separator of a header line, as in ``separator``; text in quotes is ignored."""
    plain = re.sub('"[^"]*"', "", header)
    marks = [mark for mark in ";\t" if mark in plain]
    return marks[0] if len(marks) == 1 and "," not in plain else ","


def is_value(name: str) -> bool:
    """Whether a column's name is a number or a time, and so a cell of a file without header; errors do not repeat it."""
    return bool(re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", name)) or read_iso(name) is not None


def is_gzip(file: Path) -> bool:
    """Whether a file is compressed by gzip, whatever its name."""
    with file.open("rb") as source:
        return source.read(len(_GZIP)) == _GZIP


def _header(file: Path) -> str:
    """The first line that is not empty, without what stands in quotes."""
    line = re.sub(rb'"[^"]*"', b"", _head(file)).lstrip(b"\r\n").partition(b"\n")[0]
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\r" in text.removesuffix("\r"):
        raise ValueError(f"{file} cannot be read as CSV: {NEEDS}")
    return text


def _head(file: Path) -> bytes:
    with file.open("rb") as source:
        head = source.read(_HEAD)
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        raise ValueError(f"{file} cannot be read as CSV: {CUT}") from None
