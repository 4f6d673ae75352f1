"""Write the folder of a model's image: ``python scripts/image_folder.py MODEL FOLDER``, then ``docker build FOLDER``.

The Dockerfile of ``deploy/image``, filled in with the model's version of Python; beside it the model, what starts it, what asks
it, and a decision with the model's answer, for health checks. Run it in an environment that can load the model.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from credit_model.serving.decision_log import HEALTH_CHECK
from credit_model.tracking.model_folder import verified_folder

TEMPLATE = Path(__file__).parents[1] / "deploy" / "image"
REQUEST = {
    "dataframe_records": [
        {
            "CustomerId": HEALTH_CHECK,
            "as_of": "2019-02-13T00:00:00Z",
            "TransactionStartTime": ["2019-01-20T09:12:44Z", "2019-02-11T07:45:31Z"],
            "Amount": [1000, -50],
        }
    ]
}
# What a library of the model needs of the system, which the slim image lacks.
LIBGOMP = """
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
"""


def main() -> int:
    """Write the folder; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a URI such as models:/credit-risk@champion, or the folder of a model")
    parser.add_argument("folder", type=Path, help="a new folder for the model and its Dockerfile")
    asked = parser.parse_args()
    if asked.folder.exists():
        sys.exit(f"{asked.folder} exists already; name a new folder, or delete this one")
    try:
        write(verified_folder(asked.model), asked.folder)
    except ValueError as fault:
        sys.exit(str(fault))
    print(f"{asked.folder} is ready: docker build -t credit-risk {asked.folder}")
    return 0


def write(model: Path, folder: Path) -> None:
    """Write the folder of the image of a model.

    Raises:
        ValueError: the model cannot be asked.
    """
    shutil.copytree(model, folder / "model", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("serve.py", "health.py"):
        shutil.copy(TEMPLATE / name, folder)
    known = {"request": REQUEST, "answer": answer(folder / "model")}
    (folder / "known.json").write_text(json.dumps(known), encoding="utf-8")
    template = (TEMPLATE / "Dockerfile").read_text(encoding="utf-8")
    (folder / "Dockerfile").write_text(filled(template, model), encoding="utf-8")


def filled(template: str, model: Path) -> str:
    """The Dockerfile of a model: its version of Python without the last number, and what its libraries need of the system."""
    environment = yaml.safe_load((model / "python_env.yaml").read_text(encoding="utf-8"))
    python = ".".join(str(environment["python"]).split(".")[:2])
    system = LIBGOMP if "lightgbm" in (model / "requirements.txt").read_text(encoding="utf-8") else ""
    return template.replace("{python}", python).replace("{system}", system)


def answer(model: Path) -> Any:
    """What the model answers to the known request, by its own code in a process of its own.

    Raises:
        ValueError: it does not answer.
    """
    words = [
        "models",
        "predict",
        "--model-uri",
        str(model),
        "--content-type",
        "json",
        "--env-manager",
        "local",
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mlflow", *words],
        input=json.dumps(REQUEST),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ValueError(f"the model does not answer here, so that no image can be checked: {last}")
    return json.loads(done.stdout[done.stdout.index('{"predictions"') :])


if __name__ == "__main__":
    sys.exit(main())
