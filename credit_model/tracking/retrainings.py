"""The record of retrainings of a registered model: what each found and did, kept and never changed, in one run of MLflow."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mlflow import MlflowClient

from credit_model.tracking import standing_run

_FOLDER, _NAME = "retrainings", "credit_model.retrainings_of"


@dataclass(frozen=True)
class Retraining:
    """One retraining.

    Attributes:
        when: in UTC, ISO-8601.
        who: did it.
        champion: version that was champion when it began.
        reasons: why a new model was wanted.
        data: digest of the settings and the files that were trained on.
        version: that was trained.
        promoted: whether that became champion.
        said: what was done, in one paragraph.
    """

    when: str
    who: str
    champion: str
    reasons: Sequence[str]
    data: str
    version: str
    promoted: bool
    said: str


def of(name: str) -> list[Retraining]:
    """The retrainings of a registered model, oldest first."""
    run = standing_run.found(_NAME, name)
    if run is None or not MlflowClient().list_artifacts(run.info.run_id, _FOLDER):
        return []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(MlflowClient().download_artifacts(run.info.run_id, _FOLDER, folder))
        return [_read(file) for file in sorted(files.iterdir())]


def record(name: str, retraining: Retraining) -> None:
    """Keep a retraining."""
    run = standing_run.opened(_NAME, name, f"retrainings of {name}")
    moment = retraining.when.replace(":", "").replace("-", "")
    text = json.dumps(asdict(retraining), indent=1)
    MlflowClient().log_text(run.info.run_id, text, f"{_FOLDER}/{moment}-v{retraining.version}.json")


def _read(file: Path) -> Retraining:
    """A retraining; what later versions of this package may have added to it is ignored."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    return Retraining(**{item.name: stored[item.name] for item in fields(Retraining) if item.name in stored})
