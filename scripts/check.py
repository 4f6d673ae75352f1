"""Lint, format, imports, types and tests in an environment of their own: ``python3 scripts/check.py``."""

import argparse
import ctypes.util
import re
import subprocess
import sys
from pathlib import Path
from shutil import which

from environments import ROOT, activated, install, run

EXTRAS = "dev,server,spark,train"
STYLE = (("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports",), ("mypy",))
# A worker takes whole files, whose tests share servers, in the order of tests/conftest.py; one more than cores, since tests wait.
WORKERS = ("-n", "3", "--dist=loadfile", "--no-loadscope-reorder")
JAVA = "Java 17 or newer, for the tests of Spark (apt-get install openjdk-17-jre-headless, or brew install openjdk@17)"
OPENMP = "OpenMP's library, for the tests of LightGBM (apt-get install libgomp1, or brew install libomp)"


def main() -> int:
    """Run every check, however the ones before it went; returns the exit code of the first failure."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="other options are pytest's", allow_abbrev=False
    )
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="environment to make or use again")
    parser.add_argument(
        "--lowest", action="store_true", help="test with the lowest admitted versions; tests only"
    )
    own, pytest_options = parser.parse_known_args()
    absent = missing()
    for library in absent:
        print(f"this machine lacks {library}", flush=True)
    python = install(own.venv.resolve(), EXTRAS, lowest=own.lowest)
    style = () if own.lowest else STYLE
    commands = [[str(python.parent / program), *words] for program, *words in style]
    commands.append([str(python), "-m", "pytest", *WORKERS, *pytest_options])
    environment = activated(python)
    codes = {" ".join(command): run(command, environment) for command in commands}
    failed = [name for name, code in codes.items() if code]
    print("failed: " + ", ".join(failed) if failed else "all checks passed")
    if failed and absent:
        print(f"this machine lacks {'; '.join(absent)}")
    return next((code for code in codes.values() if code), 0)


def missing() -> list[str]:
    """What the tests need of the machine beside Python and is not there, with the way to get it."""
    openmp = ctypes.util.find_library("gomp") or ctypes.util.find_library("omp")
    return [*([] if _java() >= 17 else [JAVA]), *([] if openmp else [OPENMP])]


def _java() -> int:
    """The version of Java, 0 where there is none."""
    java = which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False) if java else None
    version = re.search(r'version "(\d+)', said.stderr) if said else None
    return int(version[1]) if version else 0


if __name__ == "__main__":
    sys.exit(main())
