"""The project's files say the same thing."""

import shlex
import string
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mlflow.projects import _project_spec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from credit_model.settings.settings import COMMANDS, parameters
from credit_model.tracking.carried import CARRIED
from processes import ROOT

_load_project: Callable[[str], Any] = _project_spec.load_project
ENTRY_POINTS = {**{command: command for command in COMMANDS}, "main": "train"}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def conda() -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load((ROOT / "conda.yaml").read_text())
    return plain


@pytest.fixture(scope="module")
def mlproject() -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load((ROOT / "MLproject").read_text())
    return plain


def test_conda_lists_what_training_needs(pyproject: dict[str, Any], conda: dict[str, Any]) -> None:
    project = pyproject["project"]
    needed = {*project["dependencies"], *project["optional-dependencies"]["train"]}
    python, pip, listed = conda["dependencies"]
    assert sorted(listed["pip"]) == sorted(needed)
    assert (python, pip) == (f"python{project['requires-python']}", "pip")


def test_every_dependency_has_both_ends(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    served = project["dependencies"]
    extras = project["optional-dependencies"]
    for text in [*served, *extras["train"], *extras["spark"]]:
        operators = {part.operator for part in Requirement(text).specifier}
        assert operators == {">=", "<"}, text


def test_no_gpu_library_is_asked_for(pyproject: dict[str, Any]) -> None:
    names = {Requirement(text).name for text in pyproject["project"]["dependencies"]}
    assert "xgboost-cpu" in names
    assert "xgboost" not in names


def test_the_entry_points_are_the_commands(mlproject: dict[str, Any]) -> None:
    assert set(mlproject["entry_points"]) == set(ENTRY_POINTS)
    assert mlproject["entry_points"]["main"] == mlproject["entry_points"]["train"]


@pytest.mark.parametrize(("entry_point", "command"), ENTRY_POINTS.items())
def test_an_entry_point_takes_what_its_command_takes(
    mlproject: dict[str, Any], entry_point: str, command: str
) -> None:
    types = {name: known.metadata["kind"].mlflow_type for name, known in parameters(command).items()}
    types["config"] = "string"
    declared = mlproject["entry_points"][entry_point]
    assert declared["parameters"] == {name: {"type": kind, "default": ""} for name, kind in types.items()}
    words = " ".join(f"--{name} {{{name}}}" for name in types)
    assert declared["command"] == f"python -m credit_model {command} {words}"


@given(value=st.text(string.printable, max_size=20))
def test_the_shell_hands_over_every_value_as_it_was(value: str) -> None:
    """MLflow quotes values itself; this is what the bare placeholders of MLproject rest on."""
    entry_point = _load_project(str(ROOT)).get_entry_point("score")
    words = shlex.split(entry_point.compute_command({"transactions": value}, None))
    assert words[words.index("--transactions") + 1] == value
    assert words[words.index("--decisions") + 1] == ""


def test_ci_runs_on_every_python_that_is_promised(pyproject: dict[str, Any]) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    tested = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    promised = SpecifierSet(pyproject["project"]["requires-python"])
    assert tested == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in promised]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize("kind", ["trial", "benchmark"])
def test_every_trial_and_benchmark_runs_at_night(kind: str) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())
    run = {command.split()[0] for command in workflow["jobs"][kind]["strategy"]["matrix"][kind]}
    programs = (ROOT / "scripts" / f"{kind}s").glob("*.py")
    assert run == {path.name for path in programs if "sys.exit(main())" in path.read_text()}


def test_what_a_model_carries_is_what_the_contract_keeps_from_training(pyproject: dict[str, Any]) -> None:
    _, carried, _ = pyproject["tool"]["importlinter"]["contracts"]
    names = {name.removesuffix(".py") for name in CARRIED} - {"__init__"}
    assert set(carried["source_modules"]) == {f"credit_model.{name}" for name in names}
    every = {path.stem for path in (ROOT / "credit_model").iterdir() if not path.name.startswith("_")}
    layers = {
        part
        for layer in pyproject["tool"]["importlinter"]["contracts"][0]["layers"]
        for part in layer.split(" | ")
    }
    assert {f"credit_model.{name}" for name in every - {"py"}} <= layers
