"""A logged decision, with what people decided against it later."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from credit_model.serving.decision_log import DECISION
from credit_model.serving.log_file import LogFile

OVERRIDE = "override"
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A logged decision.

    Attributes:
        entry: its line.
        overrides: the lines of its overrides, in order.
    """

    entry: Entry
    overrides: tuple[Entry, ...]

    @property
    def stands(self) -> str:
        """The decision as it stands: ``approve``, ``review`` or ``reject``."""
        return str(self.overrides[-1]["to"] if self.overrides else self.entry["answer"]["decision"])


def recorded(log: LogFile, decision: str) -> Recorded:
    """The logged decision of an id.

    Raises:
        ValueError: the log has none, or there is no such log.
    """
    lines = [entry for entry in log.entries() if entry["decision_id"] == decision]
    made = [entry for entry in lines if entry["kind"] == DECISION]
    if not made:
        raise ValueError(f"{log.path}: there is no decision {decision}; check the id and the file")
    return Recorded(made[0], tuple(entry for entry in lines if entry["kind"] == OVERRIDE))
