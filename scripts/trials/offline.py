"""Carry out docs/offline.md: a wheelhouse with the network, then install, train, serve and ask a decision without one.

``python scripts/trials/offline.py`` proves that nothing but the wheelhouse is needed. The network is taken away by a namespace of
its own (``unshare``); where that is not permitted, pip may use no index and proxies point nowhere, which is said. The exit code
is 0 only if the decision is answered. Some minutes, mostly of downloading and installing.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "offline.md"
PROJECT = ("pyproject.toml", "README.md", "LICENSE", "credit_model", "MLproject", "conda.yaml")
CARRIED = ("wheelhouse", "MLproject", "conda.yaml")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
# A new namespace has a loopback interface that is down; 0x8914 sets its flags, 1 is up.
LOOPBACK = (
    "import fcntl, socket, struct, os, sys; "
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14s', b'lo', 1, bytes(14))); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
OUTSIDE = "import socket; socket.create_connection(('192.0.2.1', 443), 3)"  # an address for documentation


def main() -> int:
    """Try it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheelhouse", type=Path, help="one that is there already, instead of a new one")
    asked = parser.parse_args()
    gathered, *offline = blocks()
    with tempfile.TemporaryDirectory() as folder:
        clone, away = Path(folder) / "clone", Path(folder) / "away"
        away.mkdir()
        copied(clone, asked.wheelhouse)
        if asked.wheelhouse is None:
            timed("wheelhouse", gathered, [], dict(os.environ), clone)
        for name in CARRIED:
            shutil.move(clone / name, away / name)
        wheels = [*(away / "wheelhouse").glob("*.whl")]
        print(f"{len(wheels)} wheels, {sum(path.stat().st_size for path in wheels) / 1e6:.0f} MB")
        prefix, environment = alone()
        printed = timed("install, train, serve, ask", "\n".join(offline), prefix, environment, away)
    (answer,) = json.loads(printed[printed.rindex('{"predictions"') :])["predictions"]
    print({name: answer[name] for name in ("status", "score", "decision", "model_version")})
    return 0 if answer["status"] == "scored" else 1


def blocks() -> list[str]:
    """The shell commands of the page: those with the network, and those without."""
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def copied(clone: Path, wheelhouse: Path | None) -> None:
    """What of a clone is used."""
    clone.mkdir()
    for name in PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone / name)
    if wheelhouse is not None:
        shutil.copytree(wheelhouse, clone / "wheelhouse")


def alone() -> tuple[list[str], dict[str, str]]:
    """What commands are prefixed with to have no network, and their variables: pip's own configuration is not among them."""
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "MLFLOW_"))
    }
    environment = kept | QUIET | {"PIP_CONFIG_FILE": os.devnull}
    prefix = ["unshare", "--map-root-user", "--net", sys.executable, "-c", LOOPBACK]
    with suppress(OSError):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            reached = subprocess.run(
                [*prefix, sys.executable, "-c", OUTSIDE], capture_output=True, check=False
            )
            if b"unreachable" not in reached.stderr:
                raise SystemExit("the network is not off")
            print("network: none, in a namespace of its own")
            return prefix, environment
    print("network: unshare is not permitted here; no index, and proxies that point nowhere")
    return [], environment | NOWHERE | {"PIP_NO_INDEX": "1"}


def timed(what: str, script: str, prefix: list[str], environment: dict[str, str], folder: Path) -> str:
    """Run a script of the shell and end whatever it leaves running; returns what it printed.

    Raises:
        SystemExit: a command of it failed, with what it printed.
    """
    begun, output = time.monotonic(), folder.parent / "printed.txt"
    command = [*prefix, "bash", "-euo", "pipefail", "-c", script]
    with output.open("w+") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        code = process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    if code:
        raise SystemExit(f"{what}: exit code {code}\n{output.read_text()[-3_000:]}")
    print(f"{what}: {time.monotonic() - begun:.0f} s")
    return output.read_text()


if __name__ == "__main__":
    sys.exit(main())
