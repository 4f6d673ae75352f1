"""What would help is told alike over HTTP's model and of files, where it is asked for, and by no model of an earlier form."""

from pathlib import Path

import mlflow
import polars as pl
import pytest

from credit_model.scoring.scorer import WHAT_WOULD_HELP, Scorer
from credit_model.serving.jobs import submit
from credit_model.settings.settings import Settings
from processes import TrainedModel

AS_OF = "2019-02-10T00:00:00Z"


@pytest.fixture(scope="module")
def folder(trained_model: TrainedModel) -> Path:
    mlflow.set_tracking_uri(trained_model.tracking)
    return Path(mlflow.artifacts.download_artifacts(trained_model.uri))


def test_every_door_tells_the_same(trained_model: TrainedModel, folder: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(trained_model.transactions)
    few = table.filter(pl.col("CustomerId").is_in(table["CustomerId"].unique().sort().head(40).implode()))
    few.write_parquet(tmp_path / "t.parquet")
    output = tmp_path / "a.parquet"
    decisions = few.select("CustomerId").unique(maintain_order=True).with_columns(as_of=pl.lit(AS_OF))
    decisions.write_parquet(tmp_path / "d.parquet")
    paths = str(tmp_path / "t.parquet"), str(tmp_path / "d.parquet")
    asked = Settings(*paths, output=str(output), what_would_help=True)
    assert submit("score", asked, folder) == 0
    told = pl.read_parquet(output)
    model = mlflow.pyfunc.load_model(str(folder))
    request = few.with_columns(as_of=pl.lit(AS_OF)).to_pandas()
    answer = model.predict(request, params={WHAT_WOULD_HELP: True}).set_index("CustomerId")
    assert told[WHAT_WOULD_HELP].null_count() == 0
    assert (told[WHAT_WOULD_HELP] != "[]").any()
    for customer, changes in told.select("CustomerId", WHAT_WOULD_HELP).iter_rows():
        assert answer.loc[customer, WHAT_WOULD_HELP] == changes
    silent = model.predict(request.head(1), params={})
    assert silent[WHAT_WOULD_HELP].tolist() == [None]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("explain", Settings(output="o.csv", explain="c.csv")),
        ("what_would_help", Settings(what_would_help=True)),
    ],
)
def test_a_model_of_an_earlier_protocol_says_that_it_cannot(
    name: str, asked: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credit_model.serving.jobs.spoken", lambda _: (2, {"score": "x"}))
    with pytest.raises(
        ValueError, match=f"older than {name} and cannot honour it; train it again, or leave it out"
    ):
        submit("score", asked, folder)


def test_models_of_the_first_format_have_no_such_field(folder: Path) -> None:
    assert WHAT_WOULD_HELP in Scorer.load(folder / "artifacts" / "scorer").answer_schema
