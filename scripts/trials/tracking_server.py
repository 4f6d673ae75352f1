"""A new PostgreSQL (Debian's programs) and MLflow's server on it, for as long as they are needed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from stock_server import free_port

INITDB = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path("none"))
USER, PASSWORD = "mlflow", "0123456789abcdef"
_PATIENCE = 300.0
_AUTHENTICATION = """[mlflow]
database_uri = {database}
default_permission = READ
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def new_database(folder: Path, user: str, password: str, name: str) -> str | None:
    """Make the files of a PostgreSQL with one database in ``data`` of a folder.

    Returns:
        The user of the machine to run it as; None for the one of this process.
    """
    runs_as = "postgres" if os.geteuid() == 0 else None
    data, secret = folder / "data", folder / "password"
    secret.write_text(password)
    if runs_as:
        shutil.chown(folder, runs_as)
    how = ["--username", user, f"--pwfile={secret}", "--auth=scram-sha-256"]
    _run([str(INITDB), "--no-sync", "--pgdata", str(data), *how], runs_as, folder)
    single = [str(INITDB.parent / "postgres"), "--single", "-D", str(data), "postgres"]
    _run(single, runs_as, folder, f"CREATE DATABASE {name}\n")
    return runs_as


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL with an empty database; yields its URI, with the password, as MLflow takes it."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        runs_as = new_database(folder, USER, PASSWORD, "mlflow")
        command = [str(INITDB.parent / "postgres"), "-D", str(folder / "data"), "-k", name, "-p", str(port)]
        with running([*command, "-c", "listen_addresses=127.0.0.1", "-F"], {}, folder, runs_as) as process:
            ready = [str(INITDB.parent / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", USER]
            _wait(lambda: not subprocess.run(ready, check=False).returncode, process, folder)
            yield f"postgresql+psycopg2://{USER}:{PASSWORD}@127.0.0.1:{port}/mlflow"


@contextmanager
def mlflow_server(
    database: str,
    folder: Path,
    *options: str,
    password: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """MLflow's server with one worker; yields its address.

    Args:
        database: URI of its store.
        folder: for its log, and for artifacts unless an option names another place.
        options: more of ``mlflow server``.
        password: of the user ``admin``; without one everybody is let in.
        variables: more environment variables.
    """
    port = free_port()
    command = ["mlflow", "server", "--port", str(port), "--workers", "1", "--backend-store-uri", database]
    if "--artifacts-destination" not in options:
        command += ["--artifacts-destination", str(folder / "artifacts")]
    own = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **(variables or {})}
    if password is not None:
        configuration = folder / "basic_auth.ini"
        configuration.write_text(_AUTHENTICATION.format(database=database))
        command += ["--app-name", "basic-auth"]
        own |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
            "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
            "MLFLOW_AUTH_ADMIN_PASSWORD": password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": password,
        }
    with running([sys.executable, "-m", *command, *options], own, folder) as process:
        address = f"http://127.0.0.1:{port}"
        _wait(lambda: answers(f"{address}/health"), process, folder)
        yield address


@contextmanager
def running(
    command: list[str], variables: Mapping[str, str], folder: Path, user: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a folder, with what it prints in ``log`` there; ended afterwards."""
    with (folder / "log").open("ab") as out:
        process = subprocess.Popen(
            command,
            env=os.environ | variables,
            cwd=folder,
            stdout=out,
            stderr=out,
            start_new_session=True,
            user=user,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT if user or "postgres" in command[0] else signal.SIGTERM)
        process.wait(60)


def answers(address: str) -> bool:
    """Whether a server answers, be it with a refusal."""
    try:
        urlopen(address, timeout=5).close()
    except HTTPError:
        return True
    except (URLError, ConnectionError, TimeoutError):
        return False
    return True


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"{process.args!r} does not answer:\n{(folder / 'log').read_text()[-3_000:]}")
        time.sleep(0.2)


def _run(command: list[str], user: str | None, folder: Path, said: str = "") -> None:
    done = subprocess.run(
        command, input=said, user=user, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
