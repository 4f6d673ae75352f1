"""The examples of docs/python.md and docs/spark.md, those of a page run as one program."""

from pathlib import Path

import pytest

from credit_model.synthetic import generate
from documents import blocks
from processes import TrainedModel, run

pytestmark = pytest.mark.slow

PAGE = "docs/python.md"


def program(page: str) -> str:
    return "\n".join(block.text for block in blocks("python") if block.page == page)


def test_the_examples_run_and_print_what_they_show(trained_model: TrainedModel, tmp_path: Path) -> None:
    generate.transactions(customers=250, seed=6).write_parquet(tmp_path / "transactions.parquet")
    done = run(["-c", program(PAGE)], trained_model.environment, tmp_path)
    assert done.returncode == 0, done.stderr
    (shown,) = (block.text for block in blocks("text") if block.page == PAGE)
    assert shown in done.stdout
    written = {"document.html", "explained.html", "explored.html", "transactions.parquet", "waterfall.png"}
    assert {path.name for path in tmp_path.iterdir()} == written


def test_the_programs_on_spark_run(trained_model: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "transactions.parquet").symlink_to(trained_model.transactions)
    done = run(["-c", program("docs/spark.md")], trained_model.environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "features").is_dir()
