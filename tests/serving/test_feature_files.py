"""The command ``features``: the table that Spark writes, of files, in pieces, by a model's catalogue or without a model."""

import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from credit_model.data.decisions import Attribute, read_decisions
from credit_model.data.transactions import tidy_table
from credit_model.features import offline_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.offline_table import HEAD
from credit_model.features.plan import customer_features
from credit_model.serving import features
from credit_model.serving.features import AllFeatures
from credit_model.serving.jobs import Job
from credit_model.settings.settings import resolve
from credit_model.synthetic import generate
from processes import TrainedModel, commanded

AS_OF = "2019-02-01T03:04:05"
CATALOGUE = Catalogue(60, {"ChannelId": ("ChannelId_3",)}, (Attribute("income", "number"),))


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    table = generate.transactions(customers=60, seed=3)
    seen = table.filter(pl.col("TransactionStartTime").dt.date() == date(2019, 1, 10))
    odd = seen.head(2).with_columns(CustomerId=pl.Series(["bad", "bad"]), Amount=float("inf"))
    return pl.concat([table, odd])


@pytest.fixture(scope="module")
def asked(raw: pl.DataFrame) -> pl.DataFrame:
    """Two decisions of everybody and of a stranger, of whom every third states nothing."""
    people = pl.concat([raw["CustomerId"].unique(maintain_order=True), pl.Series(["nobody"])]).to_frame()
    days = pl.DataFrame({"as_of": ["2019-01-20", "2019-02-10T09:30:00+03:00"]})
    place = pl.int_range(pl.len())
    table = people.join(days, how="cross").sample(fraction=1, shuffle=True, seed=1)
    return table.with_columns(income=pl.when(place % 3 != 0).then(place * 0.1))


@pytest.fixture(scope="module")
def job(raw: pl.DataFrame, asked: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("files")
    raw.write_parquet(folder / "t.parquet")
    asked.write_parquet(folder / "d.parquet")
    return Job("", str(folder / "t.parquet"), str(folder / "d.parquet"), as_of=AS_OF)


@pytest.mark.parametrize("rows_at_once", [100, 10_000])
def test_the_table_is_that_of_the_package_in_pieces_of_any_size(
    job: Job, raw: pl.DataFrame, asked: pl.DataFrame, rows_at_once: int
) -> None:
    with features.tables(job, AllFeatures(CATALOGUE), rows_at_once) as frames:
        found = pl.concat(frames)
    columns = {name: asked[name] for name in asked.columns}
    decisions = read_decisions(columns, asked.height, CATALOGUE.attributes).frame
    expected = customer_features(tidy_table(raw), decisions, CATALOGUE)
    assert tuple(found.columns) == (*HEAD, *CATALOGUE.features)
    assert found.schema == dict.fromkeys(HEAD, pl.String) | offline_table.schema(CATALOGUE)
    assert found["CustomerId"].to_list() == asked["CustomerId"].to_list()
    assert set(found["status"]) == {"computed", "no_history", "invalid"}
    valid = found["status"] != "invalid"
    assert_frame_equal(
        found.filter(valid).select(expected.columns), expected.filter(valid), rel_tol=1e-12, abs_tol=1e-9
    )
    assert found.filter(~valid)["recency"].null_count() == (~valid).sum() > 0
    assert all(message.startswith("Amount: 2 ") for message in found.filter(~valid)["message"])


def test_without_a_model_and_without_decisions(job: Job, raw: pl.DataFrame, tmp_path: Path) -> None:
    words = ["features", "--transactions", str(job.transactions), "--as_of", AS_OF, "--history_days", "30"]
    done = commanded([*words, "--output", "f.parquet"], os.environ | {"MLFLOW_TRACKING_URI": "x"}, tmp_path)
    assert done.returncode == 0, done.stderr
    found, catalogue = pl.read_parquet(tmp_path / "f.parquet"), Catalogue(30)
    assert offline_table.read_catalogue(str(tmp_path / "f.parquet")) == catalogue
    assert found["CustomerId"].to_list() == raw["CustomerId"].unique(maintain_order=True).to_list()
    assert f"{len(catalogue.features)} features of {found.height} decisions" in done.stdout


def test_attributes_without_a_model_are_of_the_kinds_of_their_cells(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(
        'CustomerId,as_of,income,home\na,2019-01-01,"1,5",own\nb,2019-01-01,"2,5",\n'
    )
    job = Job("", None, str(tmp_path / "d.csv"), as_of=AS_OF, decimal="comma", output=str(tmp_path / "f.csv"))
    features.write(job, features.without_model(job, 30, ["income", "home"]))
    found = pl.read_csv(tmp_path / "f.csv")
    assert found["income"].to_list() == [1.5, 2.5]
    assert found["home"].to_list() == ["own", None]
    kinds = offline_table.read_catalogue(str(tmp_path / "f.csv")).attributes
    assert kinds == (Attribute("income", "number"), Attribute("home", "category"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"history_days": "30", "model": "models:/mine/1"},
            "history_days: it is the model's own; leave it out",
        ),
        (
            {"attributes": "income"},
            "attributes: they are the model's own; leave them out, or give --history_days",
        ),
        (
            {"attributes": "income", "history_days": "30"},
            "they are columns of the decisions; give --decisions",
        ),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve("features", {"transactions": "t", "output": "o.csv", **given})


@pytest.mark.slow
def test_a_model_computes_its_own_features(trained_model: TrainedModel, tmp_path: Path) -> None:
    words = ["features", "--transactions", str(trained_model.transactions), "--as_of", AS_OF]
    words += ["--model", trained_model.uri, "--output", "features/"]
    done = commanded(words, trained_model.environment, tmp_path)
    assert done.returncode == 0, done.stderr
    catalogue = offline_table.read_catalogue(str(tmp_path / "features"))
    assert any("share_ProductCategory_" in name for name in catalogue.features)
    table = pl.read_parquet(tmp_path / "features")
    people = table.select("CustomerId", pl.lit(AS_OF).str.to_datetime(time_unit="us").alias("as_of"))
    raw = tidy_table(pl.read_parquet(trained_model.transactions))
    expected = customer_features(raw, people, catalogue)
    assert_frame_equal(table.select(expected.columns), expected, rel_tol=1e-12, abs_tol=1e-9)
