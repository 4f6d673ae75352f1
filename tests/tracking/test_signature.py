"""The commands of docs/security.md that sign a model and verify it."""

import os
import sys
from pathlib import Path

import pytest

from documents import command
from processes import TrainedModel, execute

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(trained_model: TrainedModel) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return trained_model.environment | {"PATH": path}


def test_a_signed_model_is_verified_and_a_changed_one_refused(
    trained_model: TrainedModel, environment: dict[str, str], tmp_path: Path
) -> None:
    signing = command("model_signing sign").replace("models:/credit-risk/2", trained_model.uri)
    done = execute(["bash", "-ec", command("openssl ecparam") + signing], environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Verification succeeded" in done.stdout
    *_, verify = signing.strip().splitlines()
    (tmp_path / "model" / "registered_model_meta").write_text("another download")
    assert execute(["bash", "-ec", verify], environment, tmp_path).returncode == 0
    bytecode = tmp_path / "model" / "code" / "credit_model" / "__pycache__" / "arrays.cpython-311.pyc"
    bytecode.parent.mkdir()
    bytecode.write_bytes(b"planted")
    refused = execute(["bash", "-ec", verify], environment, tmp_path)
    assert refused.returncode == 1
    assert "arrays.cpython-311.pyc" in refused.stderr
    bytecode.unlink()
    (tmp_path / "model" / "artifacts" / "model_document.html").write_text("another document")
    refused = execute(["bash", "-ec", verify], environment, tmp_path)
    assert refused.returncode == 1
    assert "model_document.html" in refused.stderr
