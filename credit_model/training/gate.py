"""A gate: one figure held against one limit, and what is said of it. It needs no library of training."""

from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "failed", "warning", "not assessed"]


@dataclass(frozen=True)
class Gate:
    """One question that a model must pass.

    Attributes:
        name: of the question.
        state: ``failed`` keeps the version from becoming champion.
        figure: what was measured; None where the question is no number, or was not assessed.
        limit: what the figure was held against.
        sentence: figure and limit in words, or why it was not assessed.
    """

    name: str
    state: State
    figure: float | None
    limit: float | None
    sentence: str


def not_assessed(name: str, reason: str) -> Gate:
    """A gate that could not be asked, and why."""
    return Gate(name, "not assessed", None, None, reason)


def sentences(gates: tuple[Gate, ...], state: State) -> tuple[str, ...]:
    """What the gates of one state say."""
    return tuple(gate.sentence for gate in gates if gate.state == state)


def lines(gates: tuple[Gate, ...]) -> list[str]:
    """One line per gate, for the reader."""
    return [f"gate {gate.name}: {gate.state}: {gate.sentence}" for gate in gates]
