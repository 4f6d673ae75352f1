"""From nothing to a credit decision over HTTP: ``python3 scripts/quickstart.py``, on Linux or macOS.

Makes an environment, trains and registers a model on synthetic transactions, serves it with stock MLflow,
asks it for one decision, and stops it.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from environments import ROOT, activated, install, must

MODEL = "models:/credit-risk@champion"
PATIENCE = 180.0

REQUEST = {
    "dataframe_records": [
        {
            "CustomerId": "C-1",
            "TransactionStartTime": "2019-01-20T09:12:44Z",
            "Amount": 1000,
            "ProductCategory": "airtime",
        },
        {
            "CustomerId": "C-1",
            "TransactionStartTime": "2019-02-04T18:30:05Z",
            "Amount": 2800,
            "ProductCategory": "financial_services",
        },
        {
            "CustomerId": "C-1",
            "TransactionStartTime": "2019-02-11T07:45:31Z",
            "Amount": -50,
            "ProductCategory": "financial_services",
        },
    ],
    "params": {"as_of": "2019-02-13T00:00:00Z"},
}


def main() -> int:
    """Run the whole way; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="environment to make or use again")
    python = install(parser.parse_args().venv.resolve(), "train")
    environment = quiet(activated(python))
    here = ["--env-manager", "local", "--experiment-name", "credit-risk"]
    train = ["mlflow", "run", ".", "-e", "train", *here]
    must([str(python), "-m", *train], environment)
    with served(python, environment) as address:
        print(f"$ curl {address}/invocations …", json.dumps(REQUEST), sep="\n", flush=True)
        print(json.dumps(ask(address, REQUEST), indent=2))
    return 0


def quiet(environment: dict[str, str]) -> dict[str, str]:
    """The same variables, with no telemetry and one store for training and serving."""
    defaults = {"MLFLOW_TRACKING_URI": f"sqlite:///{ROOT / 'mlflow.db'}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return defaults | environment


@contextmanager
def served(python: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the champion on a free port for as long as the context lasts; yields its address.

    Raises:
        SystemExit: the server ends before it answers, or does not answer in time.
    """
    port = free_port()
    serve = ["mlflow", "models", "serve", "-m", MODEL, "--env-manager", "local", "--port", str(port)]
    print("$", *serve, flush=True)
    server = subprocess.Popen(
        [str(python), "-m", *serve],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/ping", server)
        yield address
    finally:
        stop(server)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Poll until the server answers.

    Raises:
        SystemExit: it ends first, or takes longer than ``PATIENCE`` seconds.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"the server ended with exit code {server.returncode}; its reason stands above")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"the server did not answer within {PATIENCE:.0f} seconds; its messages stand above")


def ask(address: str, request: Mapping[str, object]) -> object:
    """Post a request to the scoring server; returns its answer.

    Raises:
        SystemExit: the server refuses it.
    """
    head = {"Content-Type": "application/json"}
    post = urllib.request.Request(f"{address}/invocations", json.dumps(request).encode(), head)
    try:
        with urllib.request.urlopen(post, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as refusal:
        sys.exit(f"the server answered {refusal.code}: {refusal.read().decode(errors='replace')}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its workers."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, sign)
            server.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    sys.exit(main())
