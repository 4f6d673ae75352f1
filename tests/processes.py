"""Real processes for tests: a registered model and a way to run Python."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class TrainedModel:
    """A registered model: its store, its name, the transactions it learned from, and what train printed."""

    uri: str
    tracking: str
    transactions: Path
    printed: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that uses the store."""
        return os.environ | {
            "MLFLOW_TRACKING_URI": self.tracking,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
        }


def run(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python`` with arguments to its end; returns it with its output as text."""
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
