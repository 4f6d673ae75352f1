"""The stock MLflow scoring server of a model, on a free port for as long as it is needed."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_PATIENCE = 180.0


@contextmanager
def served(model: str) -> Iterator[str]:
    """Serve a model; yields the server's address.

    Args:
        model: a registered model's URI or a folder.

    Raises:
        SystemExit: the server does not answer in time, or ends before it is no longer needed; with what it printed.
    """
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    port = _free_port()
    command = ["mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port", str(port)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=log, stderr=log, start_new_session=True
        )
        try:
            address = f"http://127.0.0.1:{port}"
            if not _answers(f"{address}/ping", process):
                log.seek(0)
                raise SystemExit(f"the server of {model} gave no answer:\n{log.read()}")
            yield address
            if process.poll() is not None:
                log.seek(0)
                raise SystemExit(
                    f"the server ended with exit code {process.returncode}:\n{log.read()[-2_000:]}"
                )
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with suppress(URLError, ConnectionError, TimeoutError):
            urlopen(url, timeout=5).close()
            return True
        time.sleep(0.2)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
