"""Lint, format, types and tests in an environment of their own: ``python3 scripts/check.py``."""

import argparse
import sys
from pathlib import Path

from environments import ROOT, activated, install, run

EXTRAS = "dev,train,spark"


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
    python = install(own.venv.resolve(), EXTRAS, lowest=own.lowest)
    tests = ["pytest", "-n", "2", *pytest_options]
    style = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]]
    checks = [tests] if own.lowest else [*style, tests]
    environment = activated(python)
    codes = {" ".join(check): run([str(python), "-m", *check], environment) for check in checks}
    failed = [name for name, code in codes.items() if code]
    print("failed: " + ", ".join(failed) if failed else "all checks passed")
    return next((code for code in codes.values() if code), 0)


if __name__ == "__main__":
    sys.exit(main())
