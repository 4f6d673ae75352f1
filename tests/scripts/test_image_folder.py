"""``scripts/image_folder.py`` with a stand-in for MLflow; tests/test_container.py runs it with MLflow itself."""

import json
import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from processes import ROOT, run

MLFLOW = """
import json, pathlib, sys
words = sys.argv[1:]
assert words[:3] == ["models", "predict", "--model-uri"], words
(row,) = json.load(sys.stdin)["dataframe_records"]
print("a line of a library")
print(json.dumps({"predictions": [{"CustomerId": row["CustomerId"], "score": 1.5}]}))
print("Exception: it cannot", file=sys.stderr)
sys.exit(CODE)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "code" / "__pycache__").mkdir(parents=True)
    (folder / "python_env.yaml").write_text("python: 3.12.4\ndependencies:\n- -r requirements.txt\n")
    (folder / "requirements.txt").write_text("mlflow-skinny==3.17.2\n")
    list_files(folder, {})
    return folder


def list_files(folder: Path, files: dict[str, str]) -> None:
    scorer = folder / "artifacts" / "scorer"
    scorer.mkdir(parents=True, exist_ok=True)
    (scorer / "manifest.json").write_text(json.dumps({"files": files}))


def image_folder(folder: Path, model: str = "model", code: int = 0) -> CompletedProcess[str]:
    stand_in = folder / "stand-in" / "mlflow"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(MLFLOW.replace("CODE", str(code)))
    words = [str(ROOT / "scripts" / "image_folder.py"), model, "image"]
    return run(words, os.environ | {"PYTHONPATH": f"{stand_in.parent}:{ROOT}"}, folder)


def test_the_folder_holds_the_model_and_what_it_answers(tmp_path: Path, model: Path) -> None:
    done = image_folder(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "docker build -t credit-risk image" in done.stdout
    folder = tmp_path / "image"
    names = {path.name for path in folder.iterdir()}
    assert names == {"Dockerfile", "health.py", "known.json", "model", "serve.py"}
    assert (folder / "model" / "requirements.txt").read_text() == (model / "requirements.txt").read_text()
    assert not (folder / "model" / "code" / "__pycache__").exists()
    known = json.loads((folder / "known.json").read_text())
    assert known["answer"] == {"predictions": [{"CustomerId": "health-check", "score": 1.5}]}
    dockerfile = (folder / "Dockerfile").read_text()
    assert "\nFROM python:3.12-slim\n" in dockerfile
    assert "{" not in dockerfile


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    done = image_folder(tmp_path)
    assert (done.returncode, list((tmp_path / "image").iterdir())) == (1, [])
    assert done.stderr == "image exists already; name a new folder, or delete this one\n"


def test_a_model_that_is_not_as_it_was_registered_gets_no_image(tmp_path: Path, model: Path) -> None:
    list_files(model, {"scorer.json": "0" * 64})
    done = image_folder(tmp_path)
    assert (done.returncode, (tmp_path / "image").exists()) == (1, False)
    assert "1 file missing: artifacts/scorer/scorer.json" in done.stderr


def test_a_model_that_does_not_answer_is_said(tmp_path: Path, model: Path) -> None:
    done = image_folder(tmp_path, str(model), code=3)
    assert done.returncode == 1
    assert done.stderr == (
        "the model does not answer here, so that no image can be checked: Exception: it cannot\n"
    )


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = image_folder(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("there is no model model: no such folder")
