"""Real processes for tests: a registered model, and ways to run Python and the package's commands."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import mlflow
from mlflow import MlflowClient

from credit_model.__main__ import main

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
    return execute([sys.executable, *command], environment, folder, 600)


def execute(
    command: list[str], environment: dict[str, str], folder: Path, seconds: int = 900
) -> subprocess.CompletedProcess[str]:
    """Run any program to its end, or to that of its time; returns it with its output as text."""
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds
    )


def commanded(
    words: list[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command of the package in this process, which spares the seconds in which another one imports its libraries.

    Args:
        words: the command and its parameters.
        environment: its variables, ``MLFLOW_TRACKING_URI`` among them.
        folder: where it is given.

    Returns:
        Its exit code, and what it printed itself: the output of a process that it starts is not caught.
    """
    with (
        at_desk(environment, folder),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        code = main(words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@contextmanager
def at_desk(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Let this process work in a folder with these variables, ``MLFLOW_TRACKING_URI`` among them, and then as before."""
    before = mlflow.get_tracking_uri()
    experiment = mock.patch("mlflow.tracking.fluent._active_experiment_id", None)
    with mock.patch.dict(os.environ, environment), experiment, chdir(folder):
        mlflow.set_tracking_uri(environment["MLFLOW_TRACKING_URI"])
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)


def make_champion(model: TrainedModel, name: str) -> None:
    """Make the first version champion by MLflow's own means: so small a model may have failed its gates."""
    MlflowClient(model.tracking).set_registered_model_alias(name, "champion", "1")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(
    command: list[str], port: int, environment: dict[str, str], folder: Path, asked: str = "ping"
) -> Iterator[str]:
    """A server from when it answers; yields its address. What it prints is in ``server.log`` of the folder."""
    address, log = f"http://127.0.0.1:{port}", folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _await(f"{address}/{asked}", process, log)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


@contextmanager
def serving(model: TrainedModel, folder: Path) -> Iterator[str]:
    """The stock scoring server of a model on a free port, started in a folder without a copy of the package."""
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", model.uri, "--env-manager", "local", "--port", str(port)]
    with listening([sys.executable, "-m", *command], port, model.environment, folder) as address:
        yield address


def until(found: Callable[[], Any]) -> Any:
    """What a function finds, asked again until it finds something."""
    pause = threading.Event()
    for _ in range(300):
        value = found()
        if value:
            return value
        pause.wait(0.2)
    raise AssertionError("nothing was found in time")


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(3_000):  # ten minutes at most, on the busiest machine
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            break
    raise AssertionError(log.read_text())
