"""The size of the environment that serves a model: exactly its requirements, in an empty virtual environment.

``python scripts/benchmarks/served_environment.py --model MODEL`` takes a folder, or the MLflow URI of a registered model;
by default it trains one in a temporary store. It fails where a library is there that only this project's training or a GPU
needs, and that MLflow does not bring by itself. Needs the extras ``train`` and ``dev``, and the package index
that uv is configured for.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

from bulk import train
from credit_model.tracking.model_folder import model_folder
from measurement import ROOT

GPU = re.compile(
    r"^(nvidia|cuda|cupy|cudf|rmm|triton|xgboost$)"
)  # xgboost brings a GPU library, xgboost-cpu none


def main() -> int:
    """Install, measure, print a table and write it as JSON; the exit code is 1 where something unwanted is there."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = model_folder(options.model) if options.model else Path(train(folder, options.candidate))
        found = _installed(model / "requirements.txt", folder / "environment")
        sizes = {name: _size(each) for name, each in found.items()}
        wrong, brought = unwanted(found), sorted(_training() & needed("mlflow", found))
    total = sum(sizes.values())
    options.output.write_text(json.dumps({"total": total, "packages": sizes}, indent=1))
    print(_markdown(sizes, total, brought))
    if wrong:
        print(f"serving installs {', '.join(wrong)}, for training or a GPU; take them out", file=sys.stderr)
    return int(bool(wrong))


def unwanted(found: Mapping[str, Distribution]) -> list[str]:
    """Those of the packages found that serving has no use for."""
    own = (_training() & found.keys()) - needed("mlflow", found)
    return sorted(own | {name for name in found if GPU.match(name)})


def needed(name: str, found: Mapping[str, Distribution]) -> set[str]:
    """A package and what it needs, however indirectly, of those found."""
    known, left = set(), [name]
    while left:
        each = left.pop()
        if each in found and each not in known:
            known.add(each)
            wanted = [Requirement(text) for text in found[each].requires or []]
            left += [_plain(r.name) for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    return known


def _training() -> set[str]:
    """What the project asks for beyond serving."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {Requirement(text).name for extra in project["optional-dependencies"].values() for text in extra}
    return {_plain(name) for name in names}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="folder or URI of a model; trained in a temporary store if not given")
    parser.add_argument("--candidate", default="auto", help="what to train")
    parser.add_argument("--output", type=Path, default=Path("served_environment.json"))
    return parser.parse_args()


def _installed(requirements: Path, environment: Path) -> dict[str, Distribution]:
    """The packages of an environment with nothing but the requirements."""
    uv = [sys.executable, "-m", "uv"]
    _must([*uv, "venv", "--quiet", "--python", sys.executable, str(environment)])
    python = str(environment / "bin" / "python")
    _must([*uv, "pip", "install", "--quiet", "--python", python, "--requirement", str(requirements)])
    packages = next((environment / "lib").glob("python*/site-packages"))
    return {_plain(each.metadata["Name"]): each for each in distributions(path=[str(packages)])}


def _must(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _size(distribution: Distribution) -> int:
    paths = (Path(str(distribution.locate_file(file))) for file in distribution.files or [])
    return sum(path.stat().st_size for path in paths if path.is_file())


def _markdown(sizes: Mapping[str, int], total: int, brought: list[str]) -> str:
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    lines = ["| package | MB |", "|---|---|", f"| all {len(sizes)} | {total / 1e6:.1f} |"]
    lines += [f"| {name} | {size / 1e6:.1f} |" for name, size in ranked]
    return "\n".join(
        [*lines, "", f"used by training here, but brought by mlflow itself: {', '.join(brought)}"]
    )


if __name__ == "__main__":
    sys.exit(main())
