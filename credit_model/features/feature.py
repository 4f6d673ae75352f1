"""One feature of a decision: its name, meaning, topic and expression."""

from dataclasses import dataclass, field

from credit_model.features.expression import Expression, when


@dataclass(frozen=True)
class Feature:
    """One feature of a decision.

    Attributes:
        name: its column.
        meaning: one sentence, with the unit.
        topic: the idea it measures; a reason code speaks of the topic.
        expression: over aggregates and decision columns.
        direction: +1 where risk is known to rise with it, -1 where it falls, 0 where the data decide.
        default: false for what is switched on only by name.
    """

    name: str
    meaning: str
    topic: str
    expression: Expression = field(repr=False, compare=False)
    direction: int = 0
    default: bool = True


def ratio(numerator: Expression, denominator: Expression) -> Expression:
    """The quotient, null where the denominator is zero."""
    return numerator / when(denominator.ne(0), denominator)
