"""The command ``export``: the scorecard that SQL scores as ``score`` does, and the dictionary; other models are refused."""

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from processes import TrainedModel, commanded

AS_OF = "2019-01-20T00:00:00Z"


@pytest.mark.slow
def test_the_primary_scorecard_of_a_run_scores_in_duckdb(trained_model: TrainedModel, tmp_path: Path) -> None:
    def done(command: str, *words: str) -> str:
        given = ["--transactions", str(trained_model.transactions), "--as_of", AS_OF]
        given = [] if command == "export" else given
        ran = commanded([command, *given, *words], trained_model.environment, tmp_path)
        return ran.stderr if ran.returncode else ran.stdout

    said = done("export", "--model", trained_model.uri, "--format", "sql", "--output", "card.sql")
    named = re.search(r"no sum of its inputs.* instead: --model (models:/m-\w+)", said)
    assert named, said
    assert not (tmp_path / "card.sql").exists()
    model = ["--model", named[1]]
    assert "characteristics written to card.sql" in done(
        "export", *model, "--format", "sql", "--output", "card.sql"
    )
    done("features", *model, "--output", "features.parquet")
    done("score", *model, "--output", "answers.parquet")
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW features AS SELECT * FROM '{tmp_path / 'features.parquet'}'")
        found = database.sql((tmp_path / "card.sql").read_text()).pl()
    answer = pl.read_parquet(tmp_path / "answers.parquet")
    columns = ["status", "probability", "score", "prediction", "risk_level", "decision"]
    both = [table.sort("CustomerId").select("CustomerId", *columns) for table in (found, answer)]
    assert_frame_equal(*both, rel_tol=1e-9, abs_tol=1e-9)
    assert "features described in d.csv" in done(
        "export", *model, "--format", "dictionary", "--output", "d.csv"
    )
    assert pl.read_csv(tmp_path / "d.csv").filter("used")["feature"].len() > 1
