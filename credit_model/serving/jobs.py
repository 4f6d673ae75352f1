"""Jobs: the work that a command submits to a model, done in a process that runs the code of the artifact.

An installed or already imported copy of the package would otherwise answer in place of the artifact's code; therefore the process
is a new one, with the artifact's code first on its path.

The protocol between a command and an artifact's code is versioned. The manifest of the scorer names the module of each command
and the protocol of its code. A job names the oldest protocol that can do what it asks. Code ignores unknown fields, gives absent
ones their defaults, and refuses a job that needs a newer protocol than its own.

====  =================================================================================
0     the files, their columns, ``as_of`` and the output; the manifest names no module
1     also ``date_format``, ``decimal`` and ``bad_values``
2     the manifest names the modules, and the job its protocol
3     also ``explain`` and ``what_would_help``
4     also ``log`` and ``decision``, for the command ``replay``
5     also ``decided``, for the command ``monitor``
6     also ``command``, for a process that does job after job (``serving.warm``)
====  =================================================================================
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from credit_model.data.date_formats import ISO
from credit_model.data.iso_time import read_iso
from credit_model.settings.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from credit_model.data.formats import Formats
    from credit_model.features.plan import FeaturePlan
    from credit_model.scoring.scorer import Scorer

PROTOCOL = 6
MANIFEST: Mapping[str, Any] = {
    "protocol": PROTOCOL,
    "modules": {
        "score": "credit_model.serving.batch",
        "monitor": "credit_model.serving.monitor",
        "replay": "credit_model.serving.replay",
        "features": "credit_model.serving.features",
        "warm": "credit_model.serving.warm",
    },
}
_FLAT_MODULES = {"score": "credit_model.batch", "monitor": "credit_model.monitoring"}
_BAD_INPUT, FINDING, _INTERRUPTED, _TERMINATED = 2, 3, 130, 143


class Reading(Protocol):
    """What the files of a job are read for, and how: a scorer, or every feature of a catalogue."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Contract name -> column name of the files."""

    @property
    def formats(self) -> "Formats":
        """How cells of the files are written."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers that are read of a decision."""

    @property
    def plan(self) -> "FeaturePlan":
        """The features that are computed."""


class Finding(str):
    """The result of a job that found something which a person must look at; the exit code is 3."""

    __slots__ = ()


@dataclass(frozen=True)
class Job:
    """The work that is submitted to a model.

    Attributes:
        scorer: folder of the scorer.
        transactions: path of the transactions, or None.
        decisions: path of the decisions, or None.
        outcomes: path of the outcomes, or None.
        columns: contract name -> column name of the files.
        as_of: the ``as_of`` of decisions that give none, in ISO-8601 text.
        output: file to write, or None.
        date_format: date format of the files; None means that of the model's training.
        decimal: decimal mark of the files; None means that of the model's training.
        bad_values: values of ``defaulted`` that mean bad; empty where 1 is bad.
        protocol: the oldest protocol that can do the job.
        explain: file to write contributions to, or None.
        what_would_help: whether to look for the changes that would reach the next band.
        log: a decision log, or None.
        decision: id of the one decision of the log that is asked for, or None.
        decided: folder to write monitored decisions and their features to; None where they are compared at once.
        command: what to do, in a process that does job after job; None in one that does one job, whose module says it.
    """

    scorer: str
    transactions: str | None = None
    decisions: str | None = None
    outcomes: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    as_of: str = ""
    output: str | None = None
    date_format: str | None = field(default=None, metadata={"since": 1})
    decimal: str | None = field(default=None, metadata={"since": 1})
    bad_values: list[str] = field(default_factory=list, metadata={"since": 1})
    protocol: int = field(default=0, metadata={"since": 2})
    explain: str | None = field(default=None, metadata={"since": 3})
    what_would_help: bool = field(default=False, metadata={"since": 3})
    log: str | None = field(default=None, metadata={"since": 4})
    decision: str | None = field(default=None, metadata={"since": 4})
    decided: str | None = field(default=None, metadata={"since": 5})
    command: str | None = field(default=None, metadata={"since": 6})

    @classmethod
    def read(cls, text: str) -> "Job":
        """Read a job from the text that ``submit`` writes.

        Raises:
            ValueError: the job needs a newer protocol than that of this code.
        """
        stored = json.loads(text)
        if stored.get("protocol", 0) > PROTOCOL:
            raise ValueError(
                f"the job needs protocol {stored['protocol']} and the model's code speaks up to {PROTOCOL}; "
                "train the model again, or use the version of credit_model that trained it"
            )
        return cls(**{item.name: stored[item.name] for item in fields(cls) if item.name in stored})

    @classmethod
    def of(cls, settings: Settings, scorer: str = "", decided: str | None = None) -> "Job":
        """The job that the settings of a command ask for."""
        return cls(
            scorer,
            settings.transactions,
            settings.decisions,
            settings.outcomes,
            settings.columns,
            (settings.as_of or datetime.now(UTC)).isoformat(),
            settings.output,
            settings.date_format,
            settings.decimal,
            list(settings.bad_values),
            explain=settings.explain,
            what_would_help=settings.what_would_help,
            log=settings.log,
            decision=settings.decision,
            decided=decided,
        )

    @property
    def moment(self) -> datetime:
        """``as_of`` as a datetime in UTC."""
        moment = read_iso(self.as_of)
        if moment is None:
            raise ValueError(
                f"as_of: {self.as_of!r} is not a time; give ISO-8601 text such as 2019-02-13T00:00:00Z"
            )
        return moment

    def scan(self, path: str, reading: Reading, needed: Collection[str]) -> "pl.LazyFrame":
        """Open a table with the contract's column names.

        Columns are renamed as the job says, which must then exist, and else as the model's training was told.

        Raises:
            ValueError: the table cannot be opened, or lacks a column.
        """
        from credit_model.data import files
        from credit_model.data.transactions import COLUMNS, REQUIRED

        transactions = set(REQUIRED) <= set(needed)
        columns = {*needed, *COLUMNS} if transactions else set(needed)
        every = dict.fromkeys([*needed, *(ours for ours in self.columns if ours in columns)])
        only = COLUMNS if transactions else None
        said = reading.formats.said(self.date_format, self.decimal)
        formats = said if transactions else said.of_numbers(reading.numbers)
        return files.scan(path, {**reading.columns, **self.columns}, every, only, formats)

    def read_decisions(self, path: str, reading: Reading, needed: Collection[str]) -> "pl.DataFrame":
        """Read a table of decisions into memory; arguments as in ``scan``. Doubtful cells are reported by a warning.

        Raises:
            ValueError: the table has no rows, or cannot be read.
        """
        from credit_model.data import doubts, files

        with files.reading(path):
            table = files.filled(self.scan(path, reading, needed).collect(), path)
        doubts.warn(table, reading.numbers, files.place(path))
        return table

    def scan_transactions(self, reading: Reading) -> "pl.LazyFrame":
        """Open the transactions; without rows where the job names none."""
        import polars as pl

        from credit_model.data.transactions import REQUIRED, SCHEMA

        if self.transactions is None:
            return pl.LazyFrame(schema=SCHEMA)
        return self.scan(self.transactions, reading, REQUIRED)


def submit(
    command: str, settings: Settings, model: Path, out: int | None = None, decided: Path | None = None
) -> int:
    """Submit a job to a model's own code, and wait for it; returns the exit code.

    Args:
        command: ``score``, ``monitor``, ``replay`` or ``features``.
        settings: settings of the command.
        model: folder of the model.
        out: where the job prints, such as ``subprocess.DEVNULL``; None is where this process prints.
        decided: folder to write monitored decisions to, or None.

    Raises:
        ValueError: the model is too old for one of the settings, or has no code for the command.
    """
    scorer = str((model / "artifacts" / "scorer").resolve())
    job = Job.of(settings, scorer, None if decided is None else str(decided))
    protocol, modules = spoken(Path(job.scorer))
    if command not in modules:
        raise ValueError(f"the code of the model {settings.model} knows no {command}; train the model again")
    words = json.dumps(written(job, protocol, settings.model))
    return wait([sys.executable, "-P", "-m", modules[command], words], own_code(model), out)


def own_code(model: Path) -> dict[str, str]:
    """The environment of a process that runs a model's own code.

    Args:
        model: folder of the model.
    """
    return os.environ | {"PYTHONPATH": str((model / "code").resolve())}


def spoken(scorer: Path) -> tuple[int, Mapping[str, str]]:
    """The protocol of an artifact's code, and its module for each command."""
    stored = json.loads((scorer / "manifest.json").read_text(encoding="utf-8")).get("jobs")
    if stored is not None:
        return int(stored["protocol"]), stored["modules"]
    return int("formats" in json.loads((scorer / "scorer.json").read_text(encoding="utf-8"))), _FLAT_MODULES


def written(job: Job, protocol: int, model: str) -> dict[str, object]:
    """A job in a protocol, as plain data.

    Args:
        job: the job.
        protocol: that of the code which is to read it.
        model: what the user calls the model.

    Raises:
        ValueError: it asks for what came after that protocol.
    """
    values = {item: getattr(job, item.name) for item in fields(job)}
    asked = [item for item, value in values.items() if value not in (None, [], 0, False, ISO, "point")]
    newer = [item.name for item in asked if item.metadata.get("since", 0) > protocol]
    if newer:
        way = "leave it out" if protocol else "give files with ISO-8601 times, decimal points and 1 for bad"
        raise ValueError(
            f"the model {model} is older than {', '.join(newer)} and cannot honour it; train it again, or {way}"
        )
    needed = max((item.metadata.get("since", 0) for item in asked), default=0)
    plain = {item.name: value for item, value in values.items() if item.metadata.get("since", 0) <= protocol}
    return plain | ({"protocol": needed} if "protocol" in plain else {})


def wait(command: list[str], environment: dict[str, str], out: int | None = None) -> int:
    """Run a command to its end; returns its exit code. If it is interrupted, it is still waited for, so that it can clean up.

    A terminal interrupts both processes by itself; only a request to terminate this process is passed on.
    """
    process = subprocess.Popen(command, env=environment, stdout=out)
    former = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
    }
    try:
        return process.wait()
    finally:
        for sign, handler in former.items():
            signal.signal(sign, handler)


def run(work: Callable[[Job, "Scorer"], str], argv: list[str] | None = None) -> int:
    """Do the job that is the process's only argument; prints the result of ``work`` and returns the exit code."""
    from credit_model.scoring.scorer import Scorer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # leaves no unfinished file behind
    try:
        job = Job.read((sys.argv[1:] if argv is None else argv)[0])
        result = work(job, Scorer.load(Path(job.scorer)))
        print(result)
    except (ValueError, OSError) as fault:
        print(f"credit_model: {fault}", file=sys.stderr)
        return _BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    return FINDING if isinstance(result, Finding) else 0
