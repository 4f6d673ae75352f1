"""The examples of docs/python.md, run as one program."""

import os
from pathlib import Path

import pytest

from credit_model.synthetic import generate
from documents import blocks
from processes import ROOT, run

pytestmark = pytest.mark.slow

DOCUMENT = (ROOT / "docs" / "python.md").read_text()


def test_the_examples_run_and_print_what_they_show(tmp_path: Path) -> None:
    generate.transactions(customers=250, seed=6).write_parquet(tmp_path / "transactions.parquet")
    program = "\n".join(blocks(DOCUMENT, "python"))
    done = run(["-c", program], dict(os.environ), tmp_path)
    assert done.returncode == 0, done.stderr
    (shown,) = blocks(DOCUMENT, "text")
    assert shown in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["transactions.parquet"]
