"""What a decision log says, held against what was answered."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from load_requests import Logged

_FIELDS = {"time", "kind", "decision_id", "customer", "history_days", "answer", "features", "contributions"}


@dataclass
class Log:
    """What the files of a decision log hold.

    Attributes:
        files: how many there are.
        lines: whole lines.
        broken: lines that are none, or not whole.
        repeated: lines whose decision id another one has.
        decisions: how often each decision is there.
    """

    files: int = 0
    lines: int = 0
    broken: int = 0
    repeated: int = 0
    decisions: Counter[Logged] = field(default_factory=Counter)

    def faults(self, answered: Counter[Logged], lost: Counter[Logged]) -> Iterator[str]:
        """What is wrong with it.

        Args:
            answered: how often each decision was answered.
            lost: how often each was asked for without a reply; it may be in the log, for it is written before the reply.
        """
        absent = answered - self.decisions
        surplus = self.decisions - answered - lost
        counts = {
            "broken lines": self.broken,
            "decision ids twice": self.repeated,
            "answered decisions not in the log": absent.total(),
            "lines of what was neither answered nor lost": surplus.total(),
        }
        yield from (f"{count} {name}" for name, count in counts.items() if count)


def read_log(path: Path) -> Log:
    """Read a decision log with its renamed files, strictly."""
    log, ids = Log(), set[str]()
    for file in sorted(path.parent.glob(f"{path.name}*")):
        if file.suffix == ".lock":
            continue
        log.files += 1
        with file.open("rb") as lines:
            for line in lines:
                _count(log, ids, line)
    log.repeated = log.lines - len(ids)
    return log


def _count(log: Log, ids: set[str], line: bytes) -> None:
    try:
        entry: Mapping[str, object] = json.loads(line)
        whole = line.endswith(b"\n") and entry.keys() == _FIELDS
    except (ValueError, AttributeError):
        whole = False
    if not whole:
        log.broken += 1
        return
    log.lines += 1
    ids.add(str(entry["decision_id"]))
    customer = None if entry["customer"] is None else str(entry["customer"])
    log.decisions[customer, json.dumps(entry["answer"], sort_keys=True)] += 1
