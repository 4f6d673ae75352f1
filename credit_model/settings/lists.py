"""Lists and pairs in one text, separated by commas; an item that holds a comma is quoted as in CSV."""

import csv
import io
from collections.abc import Iterable, Mapping


def split(text: str) -> list[str]:
    """The items of a text, without the spaces around them; empty items are ignored.

    Example:
        >>> split('income, "Amount, UGX"')
        ['income', 'Amount, UGX']
    """
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    return [item.strip() for row in rows for item in row if item.strip()]


def join(items: Iterable[str]) -> str:
    """The inverse of ``split``."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(items)
    return line.getvalue().removesuffix("\r\n")


def split_pairs(text: str) -> dict[str, str]:
    """Read ``CustomerId=client,Amount=value`` as contract name -> column name of the table.

    A pair with a comma in it is quoted as in CSV: ``"Amount=Amount, UGX",CustomerId=client``.

    Raises:
        ValueError: an item is no pair, or a name is mapped twice.
    """
    columns: dict[str, str] = {}
    for item in split(text):
        ours, equals, theirs = (part.strip() for part in item.partition("="))
        if not (ours and equals and theirs):
            raise ValueError(f"{item!r} is not a pair; give name=yours, such as CustomerId=client")
        if ours in columns:
            raise ValueError(f"{ours} is mapped twice; name one column for it")
        columns[ours] = theirs
    return columns


def join_pairs(columns: Mapping[str, str]) -> str:
    """The inverse of ``split_pairs``."""
    return join(f"{ours}={theirs}" for ours, theirs in columns.items())
