"""The stock MLflow scoring server of a model, on a free port for as long as it is needed."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_PATIENCE = 600.0
_PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        url: its address.
        process: its first process, which leads the session of all others.
        log: file of what it prints.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def workers(self) -> list[int]:
        """The processes of its workers, where it has more than one; those that still start are among them."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
                own = int(session) == self.process.pid and state != "Z"
                if own and b"spawn_main" in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found

    def starts(self) -> int:
        """How many workers have started so far, those that are gone included."""
        return self.log.read_bytes().count(b"Application startup complete")


def megabytes(worker: int) -> float:
    """The memory of a process that is in the machine (RSS); 0 where it is gone."""
    try:
        return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0.0


@contextmanager
def served(model: str) -> Iterator[str]:
    """Serve a model by one worker; yields the server's address, and raises as ``running``."""
    with running(model) as server:
        yield server.url


@contextmanager
def running(model: str, workers: int = 1, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Serve a model from when every worker has started.

    Args:
        model: a registered model's URI or a folder.
        workers: as MLflow's own option.
        environment: variables that the server has beside those of this process.

    Raises:
        SystemExit: the server does not start in time, or ends before it is no longer needed; with what it printed.
    """
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--workers", str(workers)],
            env=os.environ | dict(environment or {}),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        server = Server(f"http://127.0.0.1:{port}", process, Path(log.name))
        try:
            if not _answers(server, workers):
                raise SystemExit(f"the server of {model} gave no answer:\n{_tail(server)}")
            yield server
            if process.poll() is not None:
                raise SystemExit(f"the server ended with exit code {process.returncode}:\n{_tail(server)}")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _answers(server: Server, workers: int) -> bool:
    end = time.monotonic() + _PATIENCE
    while server.process.poll() is None and time.monotonic() < end:
        with suppress(URLError, ConnectionError, TimeoutError):
            urlopen(f"{server.url}/ping", timeout=5).close()
            if server.starts() >= workers:
                return True
        time.sleep(0.2)
    return False


def _tail(server: Server) -> str:
    return server.log.read_bytes()[-4_000:].decode(errors="replace")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
