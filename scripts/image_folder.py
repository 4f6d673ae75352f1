"""Write the folder of a model's image: ``python scripts/image_folder.py MODEL FOLDER``, then ``docker build FOLDER``.

MLflow's own Dockerfile, with its small distribution in place of the full one, whose parts for training and tracking
(340 MB) serving has no use for.
"""

import argparse
import subprocess
import sys
from pathlib import Path

FULL, SMALL = "pip install mlflow==", "pip install numpy pandas mlflow-skinny=="


def main() -> int:
    """Write the folder; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a URI such as models:/credit-risk@champion, or the folder of a model")
    parser.add_argument("folder", type=Path, help="a new folder for the model and its Dockerfile")
    asked = parser.parse_args()
    if asked.folder.exists():
        sys.exit(f"{asked.folder} exists already; name a new folder, or delete this one")
    generate = ["mlflow", "models", "generate-dockerfile", "-m", asked.model, "-d", str(asked.folder)]
    code = subprocess.run([sys.executable, "-m", *generate, "--env-manager", "local"], check=False).returncode
    if code:
        return code
    dockerfile = asked.folder / "Dockerfile"
    dockerfile.write_text(slim(dockerfile.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{asked.folder} is ready: docker build -t credit-risk {asked.folder}")
    return 0


def slim(dockerfile: str) -> str:
    """A Dockerfile of MLflow's that installs the small distribution.

    Raises:
        SystemExit: it does not install a released MLflow just once.
    """
    if dockerfile.count(FULL) != 1:
        sys.exit(
            f"MLflow's Dockerfile has no single line with {FULL!r}; install a released MLflow 3.17 or newer"
        )
    return dockerfile.replace(FULL, SMALL)


if __name__ == "__main__":
    sys.exit(main())
