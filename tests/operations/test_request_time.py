"""A request is timed in a process that runs the model's own code."""

import shutil
from pathlib import Path

import pytest

from credit_model.operations import comparison
from processes import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A model of earlier code."""
    shutil.unpack_archive(ROOT / "tests" / "held" / "folders" / "model.zip", tmp_path / "model")
    return tmp_path / "model"


def test_a_model_of_any_age_is_timed(held: Path) -> None:
    seconds = comparison.median_seconds(held, 3)
    assert seconds is not None
    assert seconds > 0


def test_a_model_whose_code_is_broken_has_no_time(held: Path) -> None:
    (held / "code" / "credit_model" / "__init__.py").write_text("raise ImportError")
    assert comparison.median_seconds(held, 3) is None


def test_what_python_compiles_does_not_count(held: Path) -> None:
    before = comparison.megabytes(held)
    (held / "code" / "__pycache__").mkdir()
    (held / "code" / "__pycache__" / "x.pyc").write_bytes(b" " * 1000)
    assert comparison.megabytes(held) == before
