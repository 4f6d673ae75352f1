"""Environment variables that MLflow reads when it is imported."""

import sys
from collections.abc import Mapping
from pathlib import Path


def mlflow_defaults(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables to add: no telemetry, no progress bars or passwords in logs, a store.

    Args:
        folder: the project's folder; relative stores of MLflow's own tools are relative to it.
        environment: the variables that are set already; they are kept.
    """
    defaults = {
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": str(sys.stderr.isatty()).lower(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder.resolve() / 'mlflow.db'}",
    }
    if "@" in environment.get("MLFLOW_TRACKING_URI", ""):
        defaults["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it would show the password
    return {name: value for name, value in defaults.items() if not environment.get(name)}
