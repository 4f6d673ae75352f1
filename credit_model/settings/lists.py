"""A list, or pairs, in one text: items between commas, quoted as in CSV where an item holds a comma itself."""

import csv
import io
from collections.abc import Iterable, Mapping


def split(text: str) -> list[str]:
    """The items of a text, without the spaces around them; empty ones are passed over.

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
    """Read ``CustomerId=client,Amount=value`` as contract name -> the table's own name.

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
