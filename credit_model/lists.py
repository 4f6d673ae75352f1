"""A list in one text: items between commas, quoted as in CSV where an item holds a comma itself."""

import csv
import io
from collections.abc import Iterable


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
