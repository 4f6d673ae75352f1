"""A champion that ``promote`` sets restarts a server, by MLflow's own webhook; what is not signed, fresh and new runs nothing."""

import base64
import hmac
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from uuid import uuid4

import mlflow
import pytest
from mlflow import MlflowClient

from compose import DEPLOY
from credit_model.operations import promote
from credit_model.settings.settings import Settings
from processes import free_port, listening, until

pytestmark = pytest.mark.slow

SECRET = "a secret of the tests alone"
# Runs anew what it is given, as systemctl restart does: a line more in a file for every start.
RESTART = "import sys; open(sys.argv[1], 'a').write('started\\n')"


@dataclass(frozen=True)
class Receiver:
    """The receiver: its address, and the file of the starts of what it restarts."""

    address: str
    starts: Path

    @property
    def started(self) -> int:
        return self.starts.read_text().count("started") if self.starts.exists() else 0

    def sent(
        self, told: dict[str, object], *, secret: str = SECRET, age: float = 0, delivery: str = ""
    ) -> int:
        """The status that it answers a delivery with."""
        body, moment, one = json.dumps(told).encode(), str(int(time.time() - age)), delivery or str(uuid4())
        digest = hmac.digest(secret.encode(), f"{one}.{moment}.".encode() + body, "sha256")
        headers = {
            "X-MLflow-Delivery-Id": one,
            "X-MLflow-Timestamp": moment,
            "X-MLflow-Signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        return status(urllib.request.Request(self.address, body, headers))


def status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def told(alias: str = "champion", name: str = "m", action: str = "created") -> dict[str, object]:
    data = {"name": name, "alias": alias, "version": "1"}
    return {"entity": "model_version_alias", "action": action, "timestamp": "now", "data": data}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    starts, port = tmp_path_factory.mktemp("receiver") / "starts", free_port()
    variables = os.environ | {"WEBHOOK_SECRET": SECRET, "WEBHOOK_MODEL": "m", "WEBHOOK_PORT": str(port)}
    command = [sys.executable, str(DEPLOY / "webhook.py"), sys.executable, "-c", RESTART, str(starts)]
    with subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                break
        yield Receiver(f"http://127.0.0.1:{port}", starts)
        process.terminate()


def test_only_what_is_signed_fresh_new_and_of_the_champion_restarts(receiver: Receiver) -> None:
    before = receiver.started
    assert receiver.sent(told(), secret="another secret of the tests") == 401
    assert receiver.sent(told(), age=301) == 401
    assert receiver.sent(told(), age=-301) == 401
    assert status(urllib.request.Request(receiver.address, b"{}")) == 401
    for other in (told(alias="challenger"), told(name="n"), told(action="deleted")):
        assert receiver.sent(other) == 204
    assert receiver.started == before
    assert [receiver.sent(told(), delivery="the same twice") for _ in range(2)] == [204, 204]
    assert receiver.started == before + 1


def test_a_restart_that_fails_is_asked_for_again(receiver: Receiver) -> None:
    receiver.starts.unlink(missing_ok=True)
    receiver.starts.mkdir()  # so that it cannot be written
    assert receiver.sent(told(), delivery="again") == 500
    receiver.starts.rmdir()
    assert receiver.sent(told(), delivery="again") == 204
    assert receiver.started == 1


def test_without_a_secret_it_does_not_start() -> None:
    command = [sys.executable, str(DEPLOY / "webhook.py"), "true"]
    done = subprocess.run(
        command, env={"WEBHOOK_SECRET": "short"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("set WEBHOOK_SECRET to at least 16 characters")


@pytest.fixture
def server(tmp_path: Path, database: Path) -> Iterator[str]:
    """MLflow's own server, as the stack starts it, that may send to this machine."""
    if database.exists():
        copy(database, tmp_path / "mlflow.db")
    port = free_port()
    variables = os.environ | {
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    words = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/mlflow.db",
        "--artifacts-destination",
        str(tmp_path / "a"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *words]
    before = mlflow.get_tracking_uri()
    with listening(command, port, variables, tmp_path, "health") as address:
        mlflow.set_tracking_uri(address)
        yield address
    mlflow.set_tracking_uri(before)


def test_what_promote_makes_champion_restarts_the_server_once(server: str, receiver: Receiver) -> None:
    """As docs/deploy.md sets it up; the challenger's alias, and what is no alias, restarts nothing."""
    client, before = MlflowClient(server), receiver.started
    client.create_webhook("restart", receiver.address, ["model_version_alias.created"], secret=SECRET)
    client.create_registered_model("m")
    client.create_model_version("m", "s3://absent/model", tags={"gates": "passed"})
    client.set_registered_model_alias("m", "challenger", "1")
    assert "version 1 of m is the champion" in promote.promote(Settings(name="m"))
    until(lambda: receiver.started > before)
    assert receiver.started == before + 1
