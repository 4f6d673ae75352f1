"""Try docs/recipes.md where it needs libraries of its own: MLServer's V2 protocol and BentoML, each in a new environment.

``python scripts/trials/recipes.py MODEL``, where MODEL is the folder of a model: install, start the server, ask it one decision,
compare the answer with the model's own. The exit code is 0 if both answer the same. Some minutes, mostly of installing.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import mlflow
import pandas as pd

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
ROWS = [
    {"CustomerId": "C-1", "TransactionStartTime": "2019-01-20T09:12:44Z", "Amount": 1000},
    {"CustomerId": "C-1", "TransactionStartTime": "2019-02-11T07:45:31Z", "Amount": -50},
]
AS_OF = "2019-02-13T00:00:00Z"
PATIENCE = 120.0
Answer = dict[str, Any]


def main() -> int:
    """Try both; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="the folder of a model")
    model = parser.parse_args().model.resolve()
    expected = mlflow.pyfunc.load_model(str(model)).predict(pd.DataFrame(ROWS), params={"as_of": AS_OF})
    (answer,) = expected.to_dict(orient="records")
    same = [tried(name, model, answer) for name in ("MLServer", "BentoML")]
    return 0 if all(same) else 1


def tried(name: str, model: Path, expected: Answer) -> bool:
    """Whether a server answers as the model does; says so."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(model, folder / "model")
        install = block("sh", name, "pip install").splitlines()[0]
        python = environment(folder, shlex.split(install)[2:])
        start, answer = {"MLServer": mlserver, "BentoML": bentoml}[name](folder)
        found = asked(python, start, folder, answer)
    differ = [field for field, value in expected.items() if found.get(field) != value]
    print(f"{name}: " + (f"differs in {', '.join(differ)}" if differ else "the same answer"))
    return not differ


def block(language: str, *parts: str) -> str:
    """The page's block of a language, in the section of a heading, that has a part."""
    heading, *inside = parts
    section = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = [one for one in section if one.startswith(heading)]
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return next(str(one) for one in found if all(part in one for part in inside))


def environment(folder: Path, packages: list[str]) -> str:
    """A new environment over this one with packages; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "over.pth").write_text("\n".join(here) + "\n")
    python = str(folder / "venv" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *packages]
    subprocess.run(pip, check=True)
    return python


def mlserver(folder: Path) -> tuple[list[str], Callable[[], Answer]]:
    """Lay out MLServer's files; returns what starts it and what asks it."""
    ports = {f"{name}_port": free_port() for name in ("http", "grpc", "metrics")}
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 0, **ports}))
    (folder / "model-settings.json").write_text(block("text", "MLServer", "implementation"))
    (folder / "credit_runtime.py").write_text(block("python", "MLServer"))
    body = json.loads(block("text", "MLServer", "inputs"))
    address = f"http://127.0.0.1:{ports['http_port']}/v2/models/credit-risk/infer"

    def answer() -> Answer:
        (output,) = post(address, body)["outputs"]
        (text,) = output["data"]
        found: Answer = json.loads(text)
        return found

    return ["-c", "from mlserver.cli import main; main()", "start", "."], answer


def bentoml(folder: Path) -> tuple[list[str], Callable[[], Answer]]:
    """Lay out BentoML's service; returns what starts it and what asks it."""
    (folder / "credit_service.py").write_text(block("python", "BentoML"))
    port = str(free_port())

    def answer() -> Answer:
        found: list[Answer] = post(f"http://127.0.0.1:{port}/decide", {"rows": ROWS, "as_of": AS_OF})
        return found[0]

    words = ["-m", "bentoml", "serve", "credit_service:CreditService", "--host", "127.0.0.1", "--port", port]
    return words, answer


def asked(python: str, words: list[str], folder: Path, answer: Callable[[], Answer]) -> Answer:
    """What a server answers, from when it does.

    Raises:
        SystemExit: it does not in time, with what it printed.
    """
    quiet = os.environ | {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")}
    log, end = folder / "server.log", time.monotonic() + PATIENCE
    with log.open("w") as out:
        process = subprocess.Popen(
            [python, *words], cwd=folder, env=quiet, stdout=out, stderr=out, start_new_session=True
        )
    try:
        while process.poll() is None and time.monotonic() < end:
            with suppress(OSError):
                return answer()
            time.sleep(0.5)
        raise SystemExit(f"no answer:\n{log.read_text()[-4_000:]}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def post(address: str, body: object) -> Any:
    """What an address answers to JSON."""
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        return json.loads(response.read())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
