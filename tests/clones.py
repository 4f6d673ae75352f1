"""A copy of the project, and a shell to run the commands of its documents in."""

import os
import shutil
import sys
from pathlib import Path

from processes import ROOT


def cloned(folder: Path) -> Path:
    """A copy of what git would clone, without what a desk leaves in the folder."""
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "mlruns", "mlartifacts", "*.db", "tests", "*.egg-info"
    )
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


def shell() -> dict[str, str]:
    """The variables of a shell in which this Python's environment is active.

    What pip installs is compiled where it is imported, for most modules never are; pip reads this option's "no" as yes.
    """
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("MLFLOW_", "PYTEST_", "PYTHONPATH"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PIP_NO_COMPILE": "no"}
    return kept | own
