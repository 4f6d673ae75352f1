"""The image of docs/container.md, made and run without Docker, from the Dockerfile that its first line writes.

A folder stands for the image's root and a virtual environment for its Python. What apt installs, nginx, is left out: the page
switches it off. MLflow's constants for the model's folder and the port are set to those at hand.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import tomllib
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from itertools import pairwise
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.models.container import DEFAULT_INFERENCE_SERVER_PORT, MODEL_PATH
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from answers import AS_OF, ask, assert_same, records
from documents import command
from processes import ROOT, TrainedModel, free_port, listening, run

pytestmark = pytest.mark.slow

CHAMPION = "models:/credit-risk@champion"
ENTRY = "from mlflow.models import container as C; C._serve('local')"
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

    def moved(self, text: str) -> str:
        """A text with its paths inside the folder."""
        return text.replace("/opt/", f"{self.root}/opt/")

    def files(self) -> dict[Path, float]:
        """When each file was last written."""
        return {path: path.stat().st_mtime for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def image(trained_model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, built."""
    context = tmp_path_factory.mktemp("context")
    (context / "scripts").symlink_to(ROOT / "scripts")
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
    lines = dockerfile.replace("\\\n", "").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return [(kind, text) for kind, text in pairs]


def carry_out(image: Image, context: Path, kind: str, text: str) -> None:
    """Do in the folder what an instruction does in the image."""
    if kind == "WORKDIR":
        Path(image.moved(text)).mkdir(parents=True)
    elif kind == "COPY":
        source, target = image.moved(text).split()
        shutil.copytree(context / source, target)
    elif kind == "RUN" and "apt" not in text:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "PYTHON"))
        }
        command = ["bash", "-c", image.moved(text)]
        done = subprocess.run(
            command,
            env=kept | {"PATH": image.path},
            cwd=image.root,
            capture_output=True,
            text=True,
            check=False,
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
    port, given = free_port(), [*image.of("ENV"), *values(flags, "-e")]
    variables = dict(pair.split("=") for pair in given) | {
        "PATH": image.path,
        "HOME": "/nowhere",
        "TMPDIR": str(scratch),
        "MLFLOW_MODELS_WORKERS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    python, option, entry = json.loads(image.of("ENTRYPOINT")[0])
    settings = f"C.MODEL_PATH = {image.moved(MODEL_PATH)!r}; C.DEFAULT_INFERENCE_SERVER_PORT = {port}"
    command = [
        str(image.root / "python" / "bin" / python),
        option,
        entry.replace("C._serve", f"{settings}; C._serve"),
    ]
    with listening(command, port, variables, scratch) as address:
        yield address


@pytest.fixture(scope="module")
def flat(trained_model: TrainedModel) -> pd.DataFrame:
    """The transactions of 40 customers, as JSON would carry them."""
    table = pd.read_parquet(trained_model.transactions)
    few = table[table["CustomerId"].isin(table["CustomerId"].unique()[:40])]
    return few.assign(TransactionStartTime=few["TransactionStartTime"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def test_the_dockerfile_says_what_is_stood_in_for(image: Image) -> None:
    assert image.of("FROM") == [f"python:{platform.python_version()}-slim"]
    assert image.of("COPY") == [f"model_dir {MODEL_PATH}"]
    assert image.of("WORKDIR") == ["/opt/mlflow"]
    assert json.loads(image.of("ENTRYPOINT")[0]) == ["python", "-c", ENTRY]
    assert {kind for kind, _ in image.instructions} == {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "ENTRYPOINT"}
    packages = [text for text in image.of("RUN") if "apt-get" in text]
    assert [text.split()[-1] for text in packages] == ["nginx"]


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


def test_the_flags_of_the_page_open_it_and_tell_its_health(
    container: str, image: Image, flags: list[str], scratch: Path
) -> None:
    assert "running on http://0.0.0.0:" in (scratch / "server.log").read_text()
    (said,) = values(flags, "--health-cmd")
    assert values(flags, "-p") == [f"5001:{DEFAULT_INFERENCE_SERVER_PORT}"]
    port = container.rpartition(":")[2]
    for asked, code in ((port, 0), (str(free_port()), 1)):
        command = ["sh", "-c", said.replace(str(DEFAULT_INFERENCE_SERVER_PORT), asked)]
        assert subprocess.run(command, env={"PATH": image.path}, check=False).returncode == code


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
