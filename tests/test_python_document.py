"""The examples of docs/python.md, run as one program."""

import os
from pathlib import Path

import pytest

from credit_model.synthetic import generate
from documents import blocks
from processes import run

pytestmark = pytest.mark.slow

PAGE = "docs/python.md"


def test_the_examples_run_and_print_what_they_show(tmp_path: Path) -> None:
    generate.transactions(customers=250, seed=6).write_parquet(tmp_path / "transactions.parquet")
    program = "\n".join(block.text for block in blocks("python") if block.page == PAGE)
    done = run(["-c", program], dict(os.environ), tmp_path)
    assert done.returncode == 0, done.stderr
    (shown,) = (block.text for block in blocks("text") if block.page == PAGE)
    assert shown in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["transactions.parquet"]
