"""The command ``export``: the SQL scores as ``score`` does, and the dictionary; what is no sum is refused, with a way out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from credit_model.models.blend import Blend
from credit_model.models.scorecard import Scorecard
from credit_model.operations.export import export
from credit_model.scoring.scorer import Scorer
from credit_model.settings.settings import resolve
from credit_model.tracking.model_folder import model_folder
from processes import TrainedModel, at_desk, commanded
from scorers import small_scorer

AS_OF = "2019-01-20T00:00:00Z"


@pytest.mark.slow
def test_a_model_scores_in_duckdb_and_its_primary_is_found(
    trained_model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(command: str, **given: str) -> str:
        words = [word for name, value in given.items() for word in (f"--{name}", value)]
        ran = commanded([command, *words], trained_model.environment, tmp_path)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    asked = {"transactions": str(trained_model.transactions), "as_of": AS_OF}
    with at_desk(trained_model.environment, tmp_path):
        served = Scorer.load(model_folder(trained_model.uri) / "artifacts" / "scorer")
        other = replace(served, classifier=Blend((served.classifier,), (1.0,)))
        with monkeypatch.context() as patched:
            patched.setattr(Scorer, "load", lambda _: other)
            words = {"model": trained_model.uri, "format": "sql", "output": "card.sql"}
            with pytest.raises(
                ValueError, match="of the kind blend, which is no sum of its inputs"
            ) as refused:
                export(resolve("export", words))
        uri = str(refused.value).rpartition("--model ")[2]
        primary = Scorer.load(model_folder(uri) / "artifacts" / "scorer")
    assert isinstance(primary.classifier, Scorecard)
    assert not (tmp_path / "card.sql").exists()
    assert "characteristics written to card.sql" in done("export", model=uri, format="sql", output="card.sql")
    done("features", **asked, model=uri, output="features.parquet")
    done("score", **asked, model=uri, output="answers.parquet")
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW features AS SELECT * FROM '{tmp_path / 'features.parquet'}'")
        found = database.sql((tmp_path / "card.sql").read_text()).pl()
    answer = pl.read_parquet(tmp_path / "answers.parquet")
    columns = ["CustomerId", "status", "probability", "score", "prediction", "risk_level", "decision"]
    both = [table.select(columns).sort("CustomerId") for table in (found, answer)]
    assert_frame_equal(*both, rel_tol=1e-9, abs_tol=1e-9)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The folder of a small model, whose files are not checked."""
    monkeypatch.setattr("credit_model.operations.export.verified_folder", Path)
    monkeypatch.setattr("credit_model.operations.export.primary_of", lambda _: None)
    monkeypatch.chdir(tmp_path)

    def saved(scorer: Scorer) -> str:
        scorer.save(tmp_path / "artifacts" / "scorer")
        return str(tmp_path)

    return saved


def test_the_dictionary_is_a_file(model: Any) -> None:
    said = export(
        resolve("export", {"model": model(small_scorer()), "format": "dictionary", "output": "d.csv"})
    )
    table = pl.read_csv("d.csv")
    assert said == f"{table.height} features described in d.csv"
    assert set(table.filter("used")["feature"]) == set(small_scorer().classifier.inputs)


def test_without_a_known_primary_the_model_document_is_named(model: Any) -> None:
    scorer = small_scorer()
    blend = replace(scorer, classifier=Blend((scorer.classifier,), (1.0,)))
    given = {"model": model(blend), "format": "sql", "output": "card.sql"}
    with pytest.raises(ValueError, match="instead: its model document names it under Scorecard"):
        export(resolve("export", given))
    assert not Path("card.sql").exists()
