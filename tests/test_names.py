"""``import credit_model``: light, and each of its names a sentence away where it cannot be used."""

import os
import shutil
from pathlib import Path

import pytest

import credit_model
from credit_model.tracking.carried import CARRIED
from processes import ROOT, run

PACKAGE = ROOT / "credit_model"


def output(program: str, folder: Path, code: Path = ROOT) -> str:
    """What a fresh process prints that finds the package in ``code`` first."""
    done = run(["-P", "-c", program], os.environ | {"PYTHONPATH": str(code)}, folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_alone_loads_no_library(tmp_path: Path) -> None:
    program = """
import sys
standard = set(sys.stdlib_module_names)
before = set(sys.modules)
import credit_model
dir(credit_model), credit_model.__version__
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - standard)
"""
    assert output(program, tmp_path).split() == ["credit_model"]


def test_features_need_neither_mlflow_nor_what_training_needs(tmp_path: Path) -> None:
    program = """
import sys
import credit_model
credit_model.customer_features
print(*{"jinja2", "matplotlib", "mlflow", "scipy", "sklearn", "tqdm"} & set(sys.modules))
"""
    assert output(program, tmp_path).split() == []


def test_every_name_is_there_and_listed() -> None:
    estimators, returned = {"Scorecard", "TransactionFeatures", "WoeBinner"}, {"Model", "Training"}
    names = {"__version__", "customer_features", "explore", "load", "train"} | estimators | returned
    assert set(credit_model.__all__) == names <= set(dir(credit_model))
    assert all(getattr(credit_model, name) for name in names)
    assert not hasattr(credit_model, "trian")
    with pytest.raises(AttributeError, match="module 'credit_model' has no attribute 'trian'"):
        credit_model.trian  # type: ignore[attr-defined]  # noqa: B018


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``code/`` of an artifact."""
    folder = tmp_path_factory.mktemp("artifact") / "code"
    for name in CARRIED:
        source, target = PACKAGE / name, folder / "credit_model" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    return folder


@pytest.mark.parametrize("use", ["from credit_model import {0}", "import credit_model; credit_model.{0}"])
@pytest.mark.parametrize("name", ["train", "load", "Scorecard"])
def test_the_code_of_a_served_model_says_that_it_carries_no_training(
    code: Path, tmp_path: Path, name: str, use: str
) -> None:
    done = run(["-P", "-c", use.format(name)], os.environ | {"PYTHONPATH": str(code)}, tmp_path)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"ImportError: credit_model.{name} is not here: this is the code of a served model, which carries no training; "
        "pip install '.[train]' in a clone of the repository, or pip install 'credit_model-"
    )


def test_the_code_of_a_served_model_computes_features(code: Path, tmp_path: Path) -> None:
    program = """
import credit_model, polars as pl
day = pl.DataFrame({"CustomerId": ["a"], "TransactionStartTime": ["2019-01-10"], "Amount": [5]})
table = credit_model.customer_features(day, as_of="2019-01-12")
print(credit_model.__file__, *table.select("status", "recency").row(0))
"""
    assert output(program, tmp_path, code).split() == [
        str(code / "credit_model" / "__init__.py"),
        "computed",
        "2.0",
    ]


def test_a_library_that_is_not_installed_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["tqdm"] = None
import credit_model
try:
    credit_model.train
except ImportError as fault:
    print(fault)
"""
    said = output(program, tmp_path)
    assert said.startswith("credit_model.train needs tqdm; pip install '.[train]' in a clone")
