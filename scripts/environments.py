"""Virtual environments for the scripts beside this file; the standard library is all it needs."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def install(folder: Path, extras: str, *, lowest: bool = False) -> Path:
    """Put the project and its extras into an environment, made where there is none; returns its Python.

    Args:
        folder: of the environment.
        extras: comma-separated extras of pyproject.toml.
        lowest: install the lowest versions that pyproject.toml admits.

    Raises:
        SystemExit: this Python is too old, or the installation fails.
    """
    if sys.version_info < OLDEST:
        sys.exit(f"Python {sys.version.split()[0]} is too old; run this with Python 3.11, 3.12 or 3.13")
    python = folder / "bin" / "python"
    if not python.exists():
        must([sys.executable, "-m", "venv", str(folder)])
    project = f"{ROOT}[{extras}]"
    if lowest:
        must([str(python), "-m", "pip", "install", "--quiet", "uv"])
        uv = [str(python), "-m", "uv", "pip", "install", "--python", str(python)]
        must([*uv, "--resolution", "lowest-direct", "--editable", project])
    else:
        must([str(python), "-m", "pip", "install", "--quiet", "--editable", project])
    return python


def activated(python: Path) -> dict[str, str]:
    """This process's variables with an environment's programs first on the path."""
    return os.environ | {
        "VIRTUAL_ENV": str(python.parent.parent),
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)]),
    }


def run(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Run a program in the project's folder and say so; returns its exit code."""
    print("$", *command, flush=True)
    if "install" in command:
        print("(about 1.1 GB to install: some minutes)", flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def must(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a program that has to succeed.

    Raises:
        SystemExit: it fails, with its exit code.
    """
    code = run(command, environment)
    if code:
        sys.exit(code)
