"""``scripts/image_folder.py`` with a stand-in for MLflow; tests/test_container.py runs it with MLflow itself."""

import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from processes import ROOT, run

MLFLOW = """
import pathlib, sys
words = sys.argv[1:]
assert words[:4] == ["models", "generate-dockerfile", "-m", "models:/x/1"] and words[-2:] == ["--env-manager", "local"]
folder = pathlib.Path(words[5])
folder.mkdir()
(folder / "Dockerfile").write_text({dockerfile!r})
sys.exit({code})
"""


def image_folder(folder: Path, dockerfile: str, code: int = 0) -> CompletedProcess[str]:
    stand_in = folder / "stand-in" / "mlflow"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(MLFLOW.format(dockerfile=dockerfile, code=code))
    words = [str(ROOT / "scripts" / "image_folder.py"), "models:/x/1", "image"]
    return run(words, os.environ | {"PYTHONPATH": str(stand_in.parent)}, folder)


def test_the_small_distribution_takes_the_place_of_the_full_one(tmp_path: Path) -> None:
    done = image_folder(tmp_path, "FROM x\nRUN pip install mlflow==3.17.0\nRUN other\n")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "image" / "Dockerfile").read_text()
    assert written == "FROM x\nRUN pip install numpy pandas mlflow-skinny==3.17.0\nRUN other\n"
    assert "docker build -t credit-risk image" in done.stdout


@pytest.mark.parametrize("dockerfile", ["FROM x\n", "RUN pip install /opt/mlflow\n"])
def test_a_dockerfile_without_that_line_is_said(tmp_path: Path, dockerfile: str) -> None:
    done = image_folder(tmp_path, dockerfile)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("MLflow's Dockerfile has no single line with")


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    done = image_folder(tmp_path, "")
    assert (done.returncode, list((tmp_path / "image").iterdir())) == (1, [])
    assert done.stderr == "image exists already; name a new folder, or delete this one\n"


def test_where_mlflow_fails_so_does_the_script(tmp_path: Path) -> None:
    assert image_folder(tmp_path, "RUN pip install mlflow==1", code=3).returncode == 3
