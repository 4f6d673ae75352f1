"""The ledger of a registered model: every attempt to promote, roll back or approve a version, kept and never changed.

One MLflow run per registered model holds it, and one JSON artifact each entry, whose name sorts by time. An attempt that may
move the champion's alias has two: what was allowed, written before the alias moves, and what came of it.
"""

import getpass
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from credit_model.tracking import standing_run

ALLOWED, REFUSED, DONE, OVERTAKEN = "allowed", "refused", "done", "overtaken"
PROMOTION, ROLLBACK, APPROVAL, TRAINING = "promotion", "rollback", "approval", "training"
_FOLDER = "ledger"
_MODEL = "credit_model.ledger_of"
_SUCCESSION = "succession "


@dataclass(frozen=True)
class Entry:
    """One entry of the ledger.

    Attributes:
        action: what was attempted: ``promotion``, ``rollback``, ``approval``, or ``training`` for a first champion.
        name: of the registered model.
        version: that was to become champion, or that was approved.
        former: the champion when the attempt began; None without one.
        result: ``allowed`` (the alias is about to move), ``refused``, ``done`` or ``overtaken`` by another attempt.
        who: did it.
        when: in UTC, ISO-8601.
        reason: that was given.
        gates: every gate of the attempt: name, state, figure, limit, sentence.
        training_gates: those of the version's training, in the same form.
        swap_set: who would come in and who would go out at the former champion's approval rate, on the decisions that both
            were compared on: a mapping for each cell; none where they were not compared.
        attempt: identity that the entries of one attempt share.
    """

    action: str
    name: str
    version: str
    former: str | None
    result: str
    who: str
    when: str
    reason: str | None = None
    gates: Sequence[Mapping[str, object]] = ()
    training_gates: Sequence[Mapping[str, object]] = ()
    swap_set: Sequence[Mapping[str, object]] = ()
    attempt: str = field(default_factory=lambda: uuid4().hex)

    @property
    def file(self) -> str:
        """Name of its artifact, which sorts by time and belongs to no other entry."""
        return f"{self.when.replace(':', '').replace('-', '')}-{self.attempt}-{self.result}.json"

    def now(self, result: str) -> "Entry":
        """The same attempt, with what has come of it at this moment."""
        return replace(self, result=result, when=moment())


@dataclass(frozen=True)
class Ledger:
    """The ledger as it stood when an attempt began.

    Attributes:
        run_id: of the run that holds it.
        successions: how many attempts have claimed to move the alias so far.
    """

    run_id: str
    successions: int


def opened(name: str) -> Ledger:
    """The ledger of a registered model, begun where there is none."""
    run = standing_run.opened(_MODEL, name, f"promotions of {name}")
    claims = [key for key in run.data.params if key.startswith(_SUCCESSION)]
    return Ledger(run.info.run_id, len(claims))


def append(ledger: Ledger, entry: Entry) -> None:
    """Add an entry."""
    text = json.dumps(asdict(entry), indent=1)
    MlflowClient().log_text(ledger.run_id, text, f"{_FOLDER}/{entry.file}")


def claim(ledger: Ledger, attempt: str) -> bool:
    """Claim the next move of the alias for an attempt; of those that began at the same state of the ledger one succeeds.

    It rests on a parameter of a run being written once in MLflow.
    """
    client, key = MlflowClient(), f"{_SUCCESSION}{ledger.successions + 1}"
    try:
        client.log_param(ledger.run_id, key, attempt)
    except MlflowException:
        if key not in client.get_run(ledger.run_id).data.params:
            raise
    return bool(client.get_run(ledger.run_id).data.params[key] == attempt)


def moves(name: str) -> dict[str, int]:
    """The attempts that have claimed to move the alias, and which move it was: their order, whatever the clocks said."""
    run = _run(name)
    params = {} if run is None else run.data.params
    return {
        attempt: int(key.removeprefix(_SUCCESSION))
        for key, attempt in params.items()
        if key.startswith(_SUCCESSION)
    }


def entries(name: str) -> list[Entry]:
    """Every entry of a registered model, oldest first."""
    run = _run(name)
    if run is None or not MlflowClient().list_artifacts(run.info.run_id, _FOLDER):
        return []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(MlflowClient().download_artifacts(run.info.run_id, _FOLDER, folder))
        return [_read(file) for file in sorted(files.iterdir())]


def _read(file: Path) -> Entry:
    """An entry; what later versions of this package may have added to it is ignored."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    return Entry(**{item.name: stored[item.name] for item in fields(Entry) if item.name in stored})


def user() -> str:
    """Who asks: the user of the MLflow server where one is named, else that of the machine."""
    named = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if named:
        return named
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may have no name for who runs in it
        return "unknown"


def moment() -> str:
    """This moment in UTC, to the microsecond."""
    return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _run(name: str) -> Run | None:
    return standing_run.found(_MODEL, name)
