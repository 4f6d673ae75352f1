"""Where a training came from: hashes of the bytes that were read, and the commit of a clone alone."""

import hashlib
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from credit_model.data.frames import InMemory
from credit_model.settings.settings import Settings
from credit_model.tracking.provenance import commit, environment, file_hashes


def test_every_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    contents = {"parts/a.csv": b"one", "parts/b.csv": b"two", "o.csv": b"three"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = file_hashes(Settings(transactions=str(tmp_path / "parts"), outcomes=str(tmp_path / "o.csv")))
    expected = {Path(name).name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert found == expected


def test_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text(folder)
    assert len(file_hashes(Settings(transactions=str(tmp_path)))) == 2


def test_what_is_no_file_has_no_hash() -> None:
    table = InMemory("transactions", pl.DataFrame({"Amount": [1.0]}))
    assert file_hashes(Settings(transactions=table)) == {}
    assert file_hashes(Settings()) == {}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    package = tmp_path / "credit_model"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    return package


def test_the_commit_is_that_of_the_clone_and_says_where_files_differ(clone: Path) -> None:
    found = commit(clone)
    assert found is not None
    assert len(found) == 40
    (clone / "__init__.py").write_text("x = 1\n")
    assert commit(clone) == f"{found}, with changes that are not committed"


def test_a_module_that_git_does_not_know_is_a_change(clone: Path) -> None:
    (clone / "new.py").write_text("x = 1\n")
    assert str(commit(clone)).endswith(", with changes that are not committed")


def test_a_package_installed_inside_another_project_has_no_commit(clone: Path) -> None:
    inside = clone.parent / "site-packages" / "credit_model"
    inside.mkdir(parents=True)
    assert commit(inside) is None


def test_the_environment_names_versions_that_are_installed() -> None:
    found = environment()
    assert found["numpy"] == np.__version__
    assert found["polars"] == pl.__version__
    assert "Python" in found
