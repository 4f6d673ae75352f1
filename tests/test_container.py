"""The image of docs/container.md, made and run without Docker, from the Dockerfile that its first line writes.

A folder stands for the image's root and a virtual environment for its Python.
"""

import json
import os
import platform
import shlex
import shutil
import tomllib
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from itertools import pairwise
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from answers import AS_OF, ask, assert_same, records
from documents import command
from processes import ROOT, TrainedModel, execute, free_port, listening, run

pytestmark = pytest.mark.slow

CHAMPION = "models:/credit-risk@champion"
OTHERS_BRING = {"setuptools"}  # the environment itself
MEGABYTES = 700


@dataclass(frozen=True)
class Image:
    """What the Dockerfile says, and the folder in which it was done."""

    root: Path
    instructions: list[tuple[str, str]]

    def of(self, kind: str) -> list[str]:
        """The arguments of the instructions of a kind."""
        return [text for name, text in self.instructions if name == kind]

    @property
    def path(self) -> str:
        """Where its programs are found, its own Python first."""
        return f"{self.root / 'python' / 'bin'}{os.pathsep}{os.defpath}"

    @property
    def packages(self) -> Path:
        (found,) = self.root.glob("python/lib/python*/site-packages")
        return found

    @property
    def folder(self) -> Path:
        """Where the model and what starts it are."""
        (place,) = self.of("WORKDIR")
        return self.root / place.removeprefix("/")

    @property
    def variables(self) -> dict[str, str]:
        """Those that it sets, and its programs."""
        pairs = (pair.split("=", 1) for text in self.of("ENV") for pair in text.split())
        return dict(pairs) | {"PATH": self.path}

    def files(self) -> dict[Path, float]:
        """When each file was last written."""
        return {path: path.stat().st_mtime for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def image(trained_model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, built."""
    context = tmp_path_factory.mktemp("context")
    for name in ("scripts", "deploy"):
        (context / name).symlink_to(ROOT / name)
    words = shlex.split(command("docker build").splitlines()[0])
    done = run(
        [{CHAMPION: trained_model.uri}.get(word, word) for word in words[1:]],
        trained_model.environment,
        context,
    )
    assert done.returncode == 0, done.stderr
    dockerfile = (context / "image" / "Dockerfile").read_text()
    image = Image(tmp_path_factory.mktemp("image"), parse(dockerfile))
    venv.create(image.root / "python", with_pip=True)
    for kind, text in image.instructions:
        carry_out(image, context / "image", kind, text)
    return image


def parse(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions and their arguments."""
    lines = dockerfile.replace("\\\n", " ").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return [(kind, text) for kind, text in pairs]


def carry_out(image: Image, context: Path, kind: str, text: str) -> None:
    """Do in the folder what an instruction does in the image; users are made by the machine's own tools alone."""
    if kind == "WORKDIR":
        image.folder.mkdir(parents=True)
    elif kind == "COPY":
        source, target = text.split()
        place = image.folder / target
        if (context / source).is_dir():
            shutil.copytree(context / source, place, dirs_exist_ok=True)
        else:
            shutil.copy(context / source, place)
    elif kind == "RUN" and "useradd" not in text:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "PYTHON"))
        }
        done = execute(
            ["bash", "-euc", text.replace("--no-cache-dir", "")], kept | {"PATH": image.path}, image.folder
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def flags() -> list[str]:
    """The words of the page's ``docker run``."""
    script = command("docker run")
    return shlex.split(script[script.index("docker run") :])


def values(flags: list[str], name: str) -> list[str]:
    return [value for flag, value in pairwise(flags) if flag == name]


@pytest.fixture(scope="module")
def pristine(image: Image) -> dict[Path, float]:
    """When each file of the image was last written, before anything ran."""
    return image.files()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one folder that the server may write to; its log is there."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def container(
    image: Image,
    flags: list[str],
    pristine: dict[Path, float],  # noqa: ARG001, it has to be taken first
    scratch: Path,
) -> Iterator[str]:
    """The address of the entry point at work, with the page's variables and no home to write to."""
    port, given = free_port(), dict(pair.split("=") for pair in values(flags, "-e"))
    variables = (
        image.variables
        | given
        | {"MLFLOW_PORT": str(port), "HOME": "/nowhere", "TMPDIR": str(scratch), "MLFLOW_MODELS_WORKERS": "1"}
    )
    program, *words = json.loads(image.of("CMD")[0])
    words = [str(image.folder / word) for word in words]
    with listening(
        [str(image.root / "python" / "bin" / program), *words], port, variables, scratch
    ) as address:
        yield address


@pytest.fixture(scope="module")
def flat(trained_model: TrainedModel) -> pd.DataFrame:
    """The transactions of 40 customers, as JSON would carry them."""
    table = pd.read_parquet(trained_model.transactions)
    few = table[table["CustomerId"].isin(table["CustomerId"].unique()[:40])]
    return few.assign(TransactionStartTime=few["TransactionStartTime"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def test_the_dockerfile_is_one_of_the_models_python_and_of_no_root(image: Image) -> None:
    assert image.of("FROM") == [f"python:{'.'.join(platform.python_version_tuple()[:2])}-slim"]
    user = image.of("USER")[0].partition(":")[0]
    assert user.isdecimal()
    assert user != "0"
    kinds = [kind for kind, _ in image.instructions]
    assert kinds.index("USER") > max(place for place, kind in enumerate(kinds) if kind in {"RUN", "COPY"})
    assert "nginx" not in " ".join(text for _, text in image.instructions)


def test_it_answers_as_the_loaded_model_does_and_writes_nothing(
    container: str, image: Image, pristine: dict[Path, float], trained_model: TrainedModel, flat: pd.DataFrame
) -> None:
    mlflow.set_tracking_uri(trained_model.tracking)
    loaded = mlflow.pyfunc.load_model(trained_model.uri)
    expected = loaded.predict(flat, params={"as_of": AS_OF}).to_dict(orient="records")
    status, answer = ask(container, {"dataframe_records": records(flat), "params": {"as_of": AS_OF}})
    assert status == 200, answer
    assert_same(answer["predictions"], expected)
    assert {one["status"] for one in expected} >= {"scored"}
    assert image.files() == pristine


def test_the_flags_of_the_page_open_it(container: str, image: Image, flags: list[str], scratch: Path) -> None:
    assert container
    assert "running on http://0.0.0.0:" in (scratch / "server.log").read_text()
    assert values(flags, "-p") == [f"5001:{image.variables['MLFLOW_PORT']}"]
    assert image.of("EXPOSE") == [image.variables["MLFLOW_PORT"]]
    assert "--read-only" in flags


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"probability": 0.123}, "probability is"),
        ({"model_version": "of another"}, "model_version is"),
        (None, "the model gives no answer: URLError"),
    ],
    ids=["the known answer", "another probability", "another model", "nobody there"],
)
def test_its_health_is_a_known_decision(
    changed: dict[str, Any] | None, said: str, container: str, image: Image, tmp_path: Path
) -> None:
    check = image.of("HEALTHCHECK")[0]
    program, script = json.loads(check[check.index("CMD") + 3 :])
    shutil.copy(image.folder / script, tmp_path)
    known = json.loads((image.folder / "known.json").read_text())
    known["answer"]["predictions"][0] |= changed or {}
    (tmp_path / "known.json").write_text(json.dumps(known))
    port = str(free_port()) if changed is None else container.rpartition(":")[2]
    python = str(image.root / "python" / "bin" / program)
    done = execute([python, script], image.variables | {"MLFLOW_PORT": port}, tmp_path)
    assert (done.returncode, done.stderr[: len(said)]) == (1 if said else 0, said)


def test_it_holds_what_serving_needs_and_nothing_for_training_or_gpus(image: Image) -> None:
    installed = {canonicalize_name(one.name) for one in distributions(path=[str(image.packages)])}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    ours = {Requirement(text).name for texts in extras.values() for text in texts}
    assert {"mlflow-skinny", "polars"} <= installed
    assert installed & ours <= OTHERS_BRING
    assert not [name for name in installed if name.startswith(("nvidia", "cuda", "credit-model"))]


def test_its_size(image: Image) -> None:
    """Without bytecode; XGBoost and the SciPy it brings would add 150 MB, a GPU library 345."""
    size = sum(path.stat().st_size for path in image.packages.rglob("*") if path.suffix != ".pyc")
    assert size / 1e6 < MEGABYTES
