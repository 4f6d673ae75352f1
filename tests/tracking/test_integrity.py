"""A model whose files are not those that were registered is refused before any of its code runs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from credit_model import __main__ as command
from credit_model.scoring.scorer import Scorer
from credit_model.tracking import integrity
from credit_model.tracking.model_folder import verify
from processes import TrainedModel

Change = Callable[[Path], object]


def appended(name: str) -> Change:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write("# another line\n")

    return change


def loader(folder: Path) -> None:
    text = (folder / "MLmodel").read_text()
    assert "code: code\n" in text
    (folder / "MLmodel").write_text(text.replace("code: code\n", "code: other\n"))


def scorer(folder: Path) -> None:
    path = folder / "artifacts" / "scorer" / "scorer.json"
    path.write_text(path.read_text().replace('"target"', '"Target"'))


FAULTS: dict[str, tuple[Change, str]] = {
    "code": (
        appended("code/credit_model/scoring/scorer.py"),
        "1 file changed: code/credit_model/scoring/scorer.py",
    ),
    "the door": (appended("pyfunc.py"), "1 file changed: pyfunc.py"),
    "requirements": (appended("requirements.txt"), "1 file changed: requirements.txt"),
    "how it is loaded": (loader, "1 file changed: MLmodel"),
    "the scorer": (scorer, "1 file changed: artifacts/scorer/scorer.json"),
    "a file too many": (
        lambda folder: (folder / "code" / "sitecustomize.py").write_text("import os\n"),
        "1 file added: code/sitecustomize.py",
    ),
    "a file too few": (
        lambda folder: (folder / "code" / "credit_model" / "arrays.py").unlink(),
        "1 file missing: code/credit_model/arrays.py",
    ),
}


@pytest.fixture
def folder(trained_model: TrainedModel, tmp_path: Path) -> Path:
    mlflow.set_tracking_uri(trained_model.tracking)
    return Path(mlflow.artifacts.download_artifacts(trained_model.uri, dst_path=str(tmp_path / "model")))


def test_what_was_registered_is_said_to_be(trained_model: TrainedModel, folder: Path) -> None:
    mlflow.set_tracking_uri(trained_model.tracking)
    assert "the manifest is that of the registered version" in verify(trained_model.uri)
    assert "there is no registered hash" in verify(str(folder))


def test_what_mlflow_and_python_write_later_is_no_change(folder: Path) -> None:
    for name in integrity.LEFT_OUT - {integrity.DOCUMENT}:
        (folder / name).write_text("{}")
    (folder / "code" / "credit_model" / "__pycache__").mkdir()
    (folder / "code" / "credit_model" / "__pycache__" / "arrays.cpython-311.pyc").write_bytes(b"")
    with (folder / "MLmodel").open("a") as file:
        file.write("model_version: '7'\n")
    assert "as the manifest lists them" in verify(str(folder))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_change_is_named_and_its_code_does_not_run(
    fault: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change, named = FAULTS[fault]
    change(folder)
    monkeypatch.setattr("credit_model.serving.jobs.submit", lambda *_: pytest.fail("its code ran"))
    for words in (["verify"], ["score", "--transactions", "t.csv", "--output", str(folder.parent / "a.csv")]):
        assert command.main([*words, "--model", str(folder)]) == 2
        said = capsys.readouterr().err
        assert named in said
        assert "fetch it again" in said


def test_a_manifest_that_was_changed_with_its_files_is_told_by_the_registered_hash(folder: Path) -> None:
    path = folder / "artifacts" / "scorer" / "manifest.json"
    registered = {integrity.MANIFEST_TAG: integrity.digest(path)}
    appended("pyfunc.py")(folder)
    manifest = json.loads(path.read_text())
    manifest["beside"]["pyfunc.py"] = integrity.digest(folder / "pyfunc.py")
    path.write_text(json.dumps(manifest))
    assert "as the manifest lists them" in integrity.check(folder, "m", {})
    with pytest.raises(ValueError, match=r"m is not as it was registered: manifest\.json is not the one"):
        integrity.check(folder, "m", registered)


def test_the_document_is_told_by_its_registered_hash(folder: Path) -> None:
    registered = {integrity.DOCUMENT_TAG: integrity.digest(folder / integrity.DOCUMENT)}
    integrity.check(folder, "m", registered)
    appended(integrity.DOCUMENT)(folder)
    with pytest.raises(ValueError, match=r"model_document\.html is not the one that was registered"):
        integrity.check(folder, "m", registered)


def test_the_tags_are_the_hashes(trained_model: TrainedModel, folder: Path) -> None:
    name, number = trained_model.uri.removeprefix("models:/").replace("@champion", "/1").split("/")
    mlflow.set_tracking_uri(trained_model.tracking)
    tags = MlflowClient().get_model_version(name, number).tags
    manifest = folder / "artifacts" / "scorer" / "manifest.json"
    assert tags[integrity.MANIFEST_TAG] == integrity.digest(manifest)
    assert tags[integrity.MANIFEST_TAG].startswith(tags["model_version"])
    assert tags[integrity.DOCUMENT_TAG] == integrity.digest(folder / integrity.DOCUMENT)


def test_an_older_model_is_checked_as_far_as_its_manifest_reaches(folder: Path) -> None:
    files = folder / "artifacts" / "scorer"
    loaded = Scorer.load(files)
    shutil.rmtree(files)
    replace(loaded).save(files)
    appended("pyfunc.py")(folder)
    assert "the scorer alone, as an older model lists them" in verify(str(folder))
    scorer(folder)
    with pytest.raises(ValueError, match=r"1 file changed: artifacts/scorer/scorer\.json"):
        verify(str(folder))


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no artifacts/scorer/manifest\.json, so that it is no model"):
        verify(str(tmp_path))
