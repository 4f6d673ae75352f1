"""What a wheel holds: every module, and every file that a module reads."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from processes import ROOT, run

PACKAGE = ROOT / "credit_model"


@pytest.fixture(scope="module")
def setuptools() -> dict[str, Any]:
    """How pyproject.toml configures setuptools."""
    configured: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    return configured


def test_every_folder_with_modules_is_packaged(setuptools: dict[str, Any]) -> None:
    find = setuptools["packages"]["find"]
    program = (
        f"from setuptools import find_namespace_packages as find; print(*find({str(ROOT)!r}, **{find!r}))"
    )
    done = run(["-c", program], dict(os.environ), ROOT)
    assert done.returncode == 0, done.stderr
    folders = {path.parent.relative_to(ROOT) for path in PACKAGE.rglob("*.py")}
    packaged = {Path(*name.split(".")) for name in done.stdout.split()}
    assert folders <= packaged
    assert {path.parts[0] for path in packaged} == {PACKAGE.name}
    assert all((ROOT / folder / "__init__.py").exists() for folder in folders)


def test_every_file_that_is_no_module_is_package_data(setuptools: dict[str, Any]) -> None:
    others = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    patterns = {Path(*name.split(".")): globs for name, globs in setuptools["package-data"].items()}
    data = {
        path for folder, globs in patterns.items() for glob in globs for path in (ROOT / folder).glob(glob)
    }
    assert others == data
    assert {path.name for path in data} >= {"py.typed", "page.html.jinja", "page.css"}
