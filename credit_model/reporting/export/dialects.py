"""How DuckDB, PostgreSQL and Spark write names, texts and numbers of SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

_LONGEST = 63  # bytes of a name that PostgreSQL tells from another


@dataclass(frozen=True)
class Dialect:
    """A dialect of SQL.

    Attributes:
        mark: what a quoted name stands between.
        escapes: how characters are written within a text.
        double: the type of a float of 64 bits.
        told_apart: from a name to what tells it from others.
    """

    mark: str
    escapes: Mapping[str, str]
    double: str
    told_apart: Callable[[str], object]

    def name(self, name: str) -> str:
        """A quoted name."""
        return f"{self.mark}{name.replace(self.mark, 2 * self.mark)}{self.mark}"

    def text(self, text: str) -> str:
        """A text as a literal."""
        return "'" + "".join(self.escapes.get(letter, letter) for letter in text) + "'"

    def cast(self, expression: str) -> str:
        """An expression as a float of 64 bits."""
        return f"CAST({expression} AS {self.double})"


def number(value: float) -> str:
    """A finite number as a literal that is read as the same float: with an exponent, else some read it as a decimal.

    Example:
        >>> number(0.1), number(-1e-7)
        ('0.1E0', '-1E-07')
    """
    mantissa, _, exponent = repr(float(value)).partition("e")
    return f"{mantissa}E{exponent or 0}"


_DOUBLED = {"'": "''"}
_BACKSLASHED = {"'": "\\'", "\\": "\\\\", "$": "\\u0024"}  # Spark puts variables in place of ${…}

DIALECTS: Mapping[str, Dialect] = {
    "duckdb": Dialect('"', _DOUBLED, "DOUBLE", str.lower),
    "postgres": Dialect('"', _DOUBLED, "DOUBLE PRECISION", lambda name: name.encode()[:_LONGEST]),
    "spark": Dialect("`", _BACKSLASHED, "DOUBLE", str.lower),
}
