"""The workflows of GitHub: of their schema, pinned, with few rights, and without a command that nothing tries."""

import importlib.resources
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clones import cloned, shell
from credit_model.__main__ import main
from processes import ROOT, execute

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What no test can run here: Docker, GitHub's own program, the system's packages.
ELSEWHERE = re.compile(r"(docker|gh|sudo apt-get) |timeout 120 bash -c 'until docker |name=\"ghcr")
TRIED = {  # how the other commands begin, and the test that tries them
    "python scripts/check.py": "tests/test_environments.py::test_the_first_command_ends_in_a_decision",
    "python -m pip install": "tests/test_workflows.py::test_the_environment_of_the_image_job_is_declared",
    "python -m pip wheel": "tests/test_workflows.py::test_the_wheel_has_the_package_and_its_version",
    "python -m credit_model": "tests/test_workflows.py::test_the_commands_of_the_package_are_well_formed",
    "python scripts/image_folder.py": "tests/scripts/test_image_folder.py::",
    "mlflow artifacts download": "tests/test_documents.py::",
    "cyclonedx-py": "tests/test_workflows.py::test_the_bill_of_materials_names_what_is_installed",
    "python scripts/": "",  # trials and benchmarks, which their own tests and documents name
}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job of every file, with its name."""
    for file in FILES:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            yield f"{file.stem}.{name}", job


def scripts(job: str = "") -> list[str]:
    """The scripts of all jobs, or of one."""
    chosen = [plain for name, plain in jobs() if job in {"", name}]
    return [step["run"].strip() for plain in chosen for step in plain["steps"] if "run" in step]


def commands(begin: str) -> list[list[str]]:
    """The commands of all jobs that begin so, as words."""
    return [line.split() for script in scripts() for line in script.splitlines() if line.startswith(begin)]


def test_they_are_of_github_s_schema() -> None:
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "github-workflows.json").read_text())
    for file in FILES:
        plain = yaml.safe_load(file.read_text())
        plain["on"] = plain.pop(True)  # which is what YAML 1.1 reads
        jsonschema.Draft7Validator(schema).validate(plain)


def test_actions_are_pinned_by_commit_and_one_version_of_each_is_used() -> None:
    lines = [line for file in FILES for line in file.read_text().splitlines() if "uses:" in line]
    pinned = [re.search(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", line) for line in lines]
    assert None not in pinned, [line for line, found in zip(lines, pinned, strict=True) if found is None]
    assert len({found.groups() for found in pinned if found}) == len({found[1] for found in pinned if found})


def test_nobody_may_write_but_those_who_release() -> None:
    for file in FILES:
        assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}, file
    rights = {name: job["permissions"] for name, job in jobs() if "permissions" in job}
    writing = {name for name, given in rights.items() if "write" in given.values()}
    assert writing == {"delivery.image", "delivery.release"}
    for name, job in jobs():
        checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts), name
        assert job["timeout-minutes"] <= 360, name


def test_every_command_is_tried_or_cannot_be_here() -> None:
    for script in scripts():
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (script, done.stderr)
        for line in script.splitlines():
            assert ELSEWHERE.match(line) or any(map(line.startswith, TRIED)), line
    for test in filter(None, TRIED.values()):
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(), test


def test_the_wheel_has_the_package_and_its_version(tmp_path: Path) -> None:
    clone = cloned(tmp_path / "clone")
    (words,) = commands("python -m pip wheel")
    offline = shell() | {
        "PIP_NO_BUILD_ISOLATION": "no",
        "PIP_NO_INDEX": "yes",
    }  # pip reads the first one's "no" as yes
    done = execute([sys.executable, *words[1:]], offline, clone)
    assert done.returncode == 0, done.stderr
    (wheel,) = (clone / "dist").iterdir()
    version = re.search(r'__version__ = "(.*)"', (ROOT / "credit_model" / "__init__.py").read_text())
    assert version
    assert wheel.name == f"credit_model-{version[1]}-py3-none-any.whl"
    package = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "credit_model").rglob("*") if path.is_file()
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("credit_model-")}
    assert held == {name for name in package if "__pycache__" not in name}


def test_the_commands_of_the_package_are_well_formed(capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters that each command takes; that each works is for the tests of the commands."""
    found = commands("python -m credit_model")
    assert {words[3] for words in found} == {"generate", "train"}
    for words in found:
        assert main([words[3], "--help"]) == 0
        taken = capsys.readouterr().out
        assert all(word in taken for word in words if word.startswith("--")), words


def test_the_environment_of_the_image_job_is_declared() -> None:
    """What it installs beside the project stands with the same bounds in pyproject.toml."""
    ours, declared = {'".[train]"', '".[dev,server,spark,train]"'}, (ROOT / "pyproject.toml").read_text()
    for words in commands("python -m pip install"):
        for what in words[4:]:
            assert what.startswith("--") or what in ours or f"  {what},\n" in declared, what


def test_the_bill_of_materials_names_what_is_installed(tmp_path: Path) -> None:
    (words,) = commands("cyclonedx-py")
    (tmp_path / "packages.txt").write_text("numpy==2.2.0\nmlflow-skinny==3.17.0\npip==26.0\n")
    program = shutil.which(words[0], path=str(Path(sys.executable).parent))
    start = [program] if program else [sys.executable, "-m", "cyclonedx_py"]
    done = execute([*start, *words[1:]], shell(), tmp_path)
    assert done.returncode == 0, done.stderr
    bill = yaml.safe_load((tmp_path / "credit-risk.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    named = {(part["name"], part["version"]) for part in bill["components"]}
    assert named == {("numpy", "2.2.0"), ("mlflow-skinny", "3.17.0"), ("pip", "26.0")}
