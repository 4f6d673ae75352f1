"""The definition of a column, an aggregate or a feature, from which both Polars and NumPy compute it.

An expression is a small tree of operations, whose methods have the names and meanings of Polars' own. Polars evaluates it for
many decisions; ``serving.fast`` translates it to NumPy for one. An operation that has no NumPy form there is left to Polars.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Union

import polars as pl

JOINT = "+"
Operand = Union["Expression", str, float, bool, type[pl.DataType], None]


def _method(operation: str) -> Callable[..., "Expression"]:
    def method(*operands: Operand) -> "Expression":
        return Expression(operation, operands)

    return method


@dataclass(frozen=True)
class Expression:
    """An operation on operands; build one from ``col``, ``when``, operators and methods.

    Attributes:
        operation: a method of Polars' expressions, such as ``sum`` or ``dt.hour``, or one of ``FUNCTIONS``.
        operands: its arguments in order, expressions or constants; the first is what the method is called on.

    Example:
        >>> average_paid = when(col("Amount") > 0, col("Amount")).mean()
        >>> sorted(set(average_paid.columns()))
        ['Amount']
        >>> pl.DataFrame({"Amount": [100.0, -30.0, 50.0]}).select(average_paid.to_polars()).item()
        75.0
    """

    operation: str
    operands: tuple[Operand, ...]

    __add__ = _method("add")
    __sub__ = _method("sub")
    __mul__ = _method("mul")
    __truediv__ = _method("truediv")
    __neg__ = _method("neg")
    __lt__ = _method("lt")
    __le__ = _method("le")
    __gt__ = _method("gt")
    __ge__ = _method("ge")
    __and__ = _method("and_")
    __or__ = _method("or_")
    __invert__ = _method("not_")
    eq = _method("eq")
    ne = _method("ne")
    eq_missing = _method("eq_missing")
    is_not_null = _method("is_not_null")
    fill_null = _method("fill_null")
    drop_nulls = _method("drop_nulls")
    cast = _method("cast")
    clip = _method("clip")
    over = _method("over")
    shift = _method("shift")
    shift_and_fill = _method("shift_and_fill")
    exp = _method("exp")
    cum_sum = _method("cum_sum")
    cum_max = _method("cum_max")
    arg_true = _method("arg_true")
    hour = _method("dt.hour")
    weekday = _method("dt.weekday")
    date = _method("dt.date")
    day = _method("dt.day")
    week = _method("dt.week")
    month = _method("dt.month")
    year = _method("dt.year")
    len = _method("len")
    count = _method("count")
    n_unique = _method("n_unique")
    sum = _method("sum")
    mean = _method("mean")
    std = _method("std")
    median = _method("median")
    min = _method("min")
    max = _method("max")
    first = _method("first")
    last = _method("last")

    def to_polars(self) -> pl.Expr:
        """The Polars expression that computes the same."""
        operands = [o.to_polars() if isinstance(o, Expression) else o for o in self.operands]
        if self.operation in FUNCTIONS:
            return FUNCTIONS[self.operation](*operands)
        method = attrgetter(self.operation)(operands[0])
        return method(*operands[1:])  # type: ignore[no-any-return]

    def columns(self) -> Iterator[str]:
        """The names of the columns that it reads, once for each time it reads them."""
        if self.operation == "col":
            yield str(self.operands[0])
        for operand in self.operands:
            if isinstance(operand, Expression):
                yield from operand.columns()


def col(name: str) -> Expression:
    """Refer to a column by name.

    Example:
        >>> gross = (col("debit") + col("credit")).sum()
        >>> pl.DataFrame({"debit": [100.0, 0.0], "credit": [0.0, 30.0]}).select(gross.to_polars()).item()
        130.0
    """
    return Expression("col", (name,))


def joined(*texts: Expression) -> Expression:
    """Join the texts of each row with a plus between them; null ones are left out.

    Args:
        texts: columns of text.

    Example:
        >>> table = pl.DataFrame({"category": ["airtime", "tv"], "channel": ["web", None]})
        >>> table.select(joined(col("category"), col("channel")).to_polars()).to_series().to_list()
        ['airtime+web', 'tv']
    """
    return Expression("joined", texts)


def when(condition: Expression, then: Operand, otherwise: Operand = None) -> Expression:
    """Choose a value row by row: ``then`` where the condition holds, else ``otherwise``, which is null by default.

    Example:
        >>> debit = when(col("Amount") > 0, col("Amount"))
        >>> pl.DataFrame({"Amount": [100.0, -30.0]}).select(debit.to_polars()).to_series().to_list()
        [100.0, None]
    """
    return Expression("when", (condition, then, otherwise))


FUNCTIONS: dict[str, Callable[..., pl.Expr]] = {
    "col": pl.col,
    "when": lambda condition, then, otherwise: pl.when(condition).then(then).otherwise(otherwise),
    "joined": lambda *texts: pl.concat_str(texts, separator=JOINT, ignore_nulls=True),
    "shift_and_fill": lambda rows, places, value: rows.shift(places, fill_value=value),
}
