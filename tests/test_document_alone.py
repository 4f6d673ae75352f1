"""Commands of docs/ that need none of another page, run as they stand in a copy of the project."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from clones import cloned, shell
from credit_model.data.transactions import REQUIRED
from credit_model.synthetic import generate
from documents import RUN_ALONE, blocks, command
from processes import execute

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("page", RUN_ALONE)
def test_the_commands_of_a_page_that_needs_no_other(page: str, tmp_path: Path) -> None:
    script = "\n".join(block.text for block in blocks("bash") if block.page == page)
    assert script
    done = execute(["bash", "-euo", "pipefail", "-c", script], shell(), cloned(tmp_path / "project"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_your_own_data_with_real_outcomes(tmp_path: Path) -> None:
    """The command that names files of the reader's own, with such files."""
    project = cloned(tmp_path / "project")
    table = generate.transactions(customers=300, seed=4).select(*REQUIRED, "ProductCategory")
    table.write_csv(project / "mine.csv")
    people = table["CustomerId"].unique().sort()
    lot = np.random.default_rng(1)
    moments = [datetime(2019, 1, 10) + timedelta(days=int(day)) for day in lot.integers(0, 30, len(people))]
    loans = pl.DataFrame({"CustomerId": people, "as_of": moments}).with_columns(
        defaulted=pl.Series(lot.integers(0, 5, len(people)) == 0),
        loan_amount=pl.Series(lot.integers(1, 9, len(people)) * 1000),
        income=pl.Series(lot.lognormal(10, 1, len(people))),
    )
    loans.write_csv(project / "loans.csv")
    script = f"{command('outcomes=loans.csv').strip()} -P candidate=scorecard"
    done = execute(["bash", "-ec", script], shell(), project)
    assert done.returncode == 0, done.stderr
    assert "label: observed defaults" in done.stdout + done.stderr
