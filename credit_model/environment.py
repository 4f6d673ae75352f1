"""What MLflow is told before it is imported."""

import sys
from collections.abc import Mapping
from pathlib import Path


def mlflow_defaults(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables to add: no telemetry, no progress bars in logs, and a sqlite store beside the project.

    Args:
        folder: the project's folder; relative stores of MLflow's own tools are relative to it.
        environment: the variables that are set already; what they say stands.
    """
    defaults = {
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": str(sys.stderr.isatty()).lower(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder.resolve() / 'mlflow.db'}",
    }
    return {name: value for name, value in defaults.items() if not environment.get(name)}
