"""The course of monitoring: one run for each registered version, with the figures of every window as metrics over time.

Step and time of a metric are the end of its window. The windows themselves are artifacts, which pages are made from; one that
is monitored again replaces its own, and adds to the metrics only what has changed.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC
from hashlib import sha256
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities.model_registry import ModelVersion

from credit_model.serving.monitor_window import Window, moment
from credit_model.tracking import standing_run

PAGE = "monitoring.html"
_FOLDER, _AT_ONCE = "windows", 500
_VERSION = "credit_model.monitoring_of"


def windows(version: ModelVersion) -> list[Window]:
    """The windows of a version that were recorded so far, by their ends."""
    run = standing_run.found(_VERSION, _key(version))
    if run is None or not MlflowClient().list_artifacts(run.info.run_id, _FOLDER):
        return []
    with tempfile.TemporaryDirectory() as folder:
        files = Path(MlflowClient().download_artifacts(run.info.run_id, _FOLDER, folder))
        read = [Window.from_dict(json.loads(file.read_text(encoding="utf-8"))) for file in files.iterdir()]
    return sorted(read, key=lambda window: window.end)


def record(version: ModelVersion, window: Window, former: Window | None, page: str) -> str:
    """Add a window to the run of a version; returns the id of the run.

    Args:
        version: that is monitored.
        window: its figures.
        former: the recorded window that has the same end, or None.
        page: the page of the whole course.
    """
    name = f"monitoring of {version.name} v{version.version}"
    run_id = str(standing_run.opened(_VERSION, _key(version), name).info.run_id)
    client, known = MlflowClient(), {} if former is None else metrics_of(former)
    end = moment(window.end).replace(tzinfo=UTC).timestamp()
    changed = {key: value for key, value in metrics_of(window).items() if known.get(key) != value}
    added = [Metric(key, value, round(end * 1000), int(end)) for key, value in changed.items()]
    for start in range(0, len(added), _AT_ONCE):
        client.log_batch(run_id, metrics=added[start : start + _AT_ONCE])
    client.log_text(run_id, page, PAGE)
    client.log_text(run_id, json.dumps(window.to_dict(), indent=1), f"{_FOLDER}/{_file(window)}")
    return run_id


def metrics_of(window: Window) -> Mapping[str, float]:
    """The metrics of a window: its figures, and of everything watched the distance, the limit, and the number of alarms."""
    metrics = {key_of(name): float(value) for name, value in window.figures.items()}
    for row in window.watched:
        key = key_of(f"{row['subject']}/{row['figure']}")
        metrics |= {key: float(row["distance"]), f"{key}_limit": float(row["limit"])}
    return metrics | {"alarms": float(len(window.alarms))}


def key_of(name: str) -> str:
    """A name as MLflow takes it for a metric; what it refuses is replaced, and told apart by a digest."""
    plain = re.sub(r"[^\w\-. /]", "_", name, flags=re.ASCII)[:200]
    return plain if plain == name else f"{plain}-{sha256(name.encode()).hexdigest()[:8]}"


def _file(window: Window) -> str:
    return f"{window.end.replace(':', '').replace('-', '')}.json"


def _key(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}"
