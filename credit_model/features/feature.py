"""One feature of a decision: its name, meaning, topic and expression."""

from dataclasses import dataclass, field

from credit_model.features.expression import Expression, when


@dataclass(frozen=True)
class Feature:
    """One feature of a decision.

    Attributes:
        name: name of its column.
        meaning: what it measures, with the unit.
        topic: the idea it measures; features of one topic share a reason code.
        expression: how it is computed from aggregates, application attributes and ``as_of``.
        direction: +1 where risk is known to rise with it, -1 where risk is known to fall, 0 where the data decide.
        default: whether training uses it by default; otherwise the parameter ``include`` must name it.

    Example:
        >>> from credit_model.features.expression import col
        >>> meaning = "loan_amount over income"
        >>> burden = Feature("burden", meaning, "affordability", ratio(col("loan_amount"), col("income")), direction=1)
        >>> burden.direction, burden.default
        (1, True)
    """

    name: str
    meaning: str
    topic: str
    expression: Expression = field(repr=False, compare=False)
    direction: int = 0
    default: bool = True


def ratio(numerator: Expression, denominator: Expression) -> Expression:
    """Divide one expression by another; null where the denominator is zero or null.

    Example:
        >>> import polars as pl
        >>> from credit_model.features.expression import col
        >>> sums = pl.DataFrame({"credit": [30.0, 30.0], "debit": [120.0, 0.0]})
        >>> sums.select(ratio(col("credit"), col("debit")).to_polars()).to_series().to_list()
        [0.25, None]
    """
    return numerator / when(denominator.ne(0), denominator)
