"""Work for a model's own code: an order that a command gives, carried out in a process that runs the code of the artifact.

An installed or already imported copy of the package would answer in the artifact's place; so the process is a new one, with the
artifact's code first on its path. What the giver does not need is loaded by the process alone.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from credit_model.date_formats import ISO
from credit_model.moments import read_iso
from credit_model.paths import check_output
from credit_model.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from credit_model.scoring import Scorer

_BAD_INPUT, _INTERRUPTED, _TERMINATED = 2, 130, 143


@dataclass(frozen=True)
class Order:
    """What to do with a model.

    Attributes:
        scorer: folder of the scorer.
        transactions: path of the transactions, or null.
        decisions: path of the decisions, or null.
        outcomes: path of the outcomes, or null.
        columns: the files' own names of columns.
        as_of: ISO text: the moment of decisions that give none.
        output: file to write, or null.
        date_format: how times of the files are written, or null: as the model was told.
        decimal: decimal mark of the files, or null: as the model was told.
        bad_values: values of defaulted that mean bad; none where 1 does.
    """

    scorer: str
    transactions: str | None
    decisions: str | None
    outcomes: str | None
    columns: dict[str, str]
    as_of: str
    output: str | None
    date_format: str | None = None
    decimal: str | None = None
    bad_values: list[str] = field(default_factory=list)

    @property
    def moment(self) -> datetime:
        """``as_of``, read."""
        moment = read_iso(self.as_of)
        if moment is None:
            raise ValueError(
                f"as_of: {self.as_of!r} is not a time; give ISO-8601 text such as 2019-02-13T00:00:00Z"
            )
        return moment

    def scan(self, path: str, scorer: "Scorer", needed: Collection[str]) -> "pl.LazyFrame":
        """A file under the contract's names: those that the order gives, which must be there, then those the model knows."""
        from credit_model import tables
        from credit_model.transactions import COLUMNS, REQUIRED

        transactions = set(REQUIRED) <= set(needed)
        known = {*needed, *COLUMNS} if transactions else set(needed)
        every = dict.fromkeys([*needed, *(ours for ours in self.columns if ours in known)])
        only = COLUMNS if transactions else None
        said = scorer.formats.said(self.date_format, self.decimal)
        formats = said if transactions else said.of_numbers(scorer.catalogue.numbers)
        return tables.scan(path, {**scorer.columns, **self.columns}, every, only, formats)

    def read(self, path: str, scorer: "Scorer", needed: Collection[str]) -> "pl.DataFrame":
        """A file of decisions as ``scan`` opens it, in memory; what seems to be written otherwise than it is read is told.

        Raises:
            ValueError: it has no rows, or cannot be read.
        """
        from credit_model import doubts, tables

        with tables.reading(path):
            table = tables.filled(self.scan(path, scorer, needed).collect(), path)
        doubts.warn(table, scorer.catalogue.numbers, tables.place(path))
        return table

    def scan_transactions(self, scorer: "Scorer") -> "pl.LazyFrame":
        """The transactions; none where the order names none."""
        import polars as pl

        from credit_model.transactions import REQUIRED, SCHEMA

        if self.transactions is None:
            return pl.LazyFrame(schema=SCHEMA)
        return self.scan(self.transactions, scorer, REQUIRED)


def give(module: str, settings: Settings) -> int:
    """Fetch a model and let a module of its own code carry out the order; returns the exit code."""
    if settings.output is not None:
        check_output(settings.output)
    model = fetched(settings.model)
    order = Order(
        str((model / "artifacts" / "scorer").resolve()),
        settings.transactions,
        settings.decisions,
        settings.outcomes,
        settings.columns,
        (settings.as_of or datetime.now(UTC)).isoformat(),
        settings.output,
        settings.date_format,
        settings.decimal,
        list(settings.bad_values),
    )
    environment = os.environ | {"PYTHONPATH": str((model / "code").resolve())}
    command = [
        sys.executable,
        "-P",
        "-m",
        f"credit_model.{module}",
        json.dumps(_plain(order, settings.model)),
    ]
    return obey(command, environment)


def _plain(order: Order, model: str) -> dict[str, object]:
    """An order as plain data that the model's code takes: code from before there were formats knows no field of them.

    Raises:
        ValueError: such a model cannot do what is asked.
    """
    plain = asdict(order)
    if "formats" in json.loads((Path(order.scorer) / "scorer.json").read_text(encoding="utf-8")):
        return plain
    added = {name: plain.pop(name) for name in ("date_format", "decimal", "bad_values")}
    asked = [name for name, value in added.items() if value not in (None, [], ISO, "point")]
    if asked:
        raise ValueError(
            f"the model {model} is older than {', '.join(asked)} and cannot honour it; train it again, or give files with "
            "ISO-8601 times, decimal points and 1 for bad"
        )
    return plain


def fetched(model: str) -> Path:
    """The folder of a model: itself where it is one, else what MLflow finds under the URI; MLflow takes seconds to load.

    Raises:
        ValueError: there is no such model, or the MLflow store does not give it.
    """
    if Path(model).is_dir():
        return Path(model)
    if ":/" not in model:
        raise ValueError(
            f"there is no model {model}: no such folder; name one, or an MLflow URI such as models:/credit-risk@champion"
        )
    from credit_model import registry

    return registry.fetched(model)


def obey(command: list[str], environment: dict[str, str]) -> int:
    """Run a command to its end; an interruption reaches it, and it is waited for while it clears up.

    A terminal interrupts both processes by itself, so that only an end that was asked of this one is handed on.
    """
    process = subprocess.Popen(command, env=environment)
    former = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
    }
    try:
        return process.wait()
    finally:
        for sign, handler in former.items():
            signal.signal(sign, handler)


def carry_out(work: Callable[[Order, "Scorer"], str], argv: list[str] | None = None) -> int:
    """Carry out the order that is the process's one argument; prints what the work says, returns the exit code."""
    from credit_model.scoring import Scorer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # leaves no unfinished file behind
    order = Order(**json.loads((sys.argv[1:] if argv is None else argv)[0]))
    try:
        print(work(order, Scorer.load(Path(order.scorer))))
    except (ValueError, OSError) as fault:
        print(f"credit_model: {fault}", file=sys.stderr)
        return _BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0
