"""One training is another whose features were computed elsewhere, or whose tables are frames; what does not match is refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import credit_model
from credit_model.data.decisions import Attribute
from credit_model.features import offline_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.plan import customer_features
from credit_model.serving import features
from credit_model.serving.batch import score_tables
from credit_model.serving.features import AllFeatures
from credit_model.serving.jobs import Job
from credit_model.settings.settings import Settings, resolve
from credit_model.training import feature_table, workflow
from credit_model.training.baselines import OWN
from credit_model.training.feature_table import FeatureTable
from credit_model.training.rfm import rfm
from credit_model.training.sample import Recipe
from credit_model.training.workflow import TrainingResult
from loans import HISTORY_DAYS, START, outcomes, transactions

INCOME = (Attribute("income", "number"),)
CHOSEN = Settings(candidate="scorecard", attributes=("income",), history_days=HISTORY_DAYS)


def table_of(decisions: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    head = decisions.select(
        "CustomerId",
        pl.col("as_of").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
        status=pl.lit("computed"),
        message=pl.lit(None, pl.String),
        CurrencyCode=pl.lit("UGX"),
    )
    return head.hstack(customer_features(transactions(), decisions, catalogue))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of transactions and outcomes are."""
    folder = tmp_path_factory.mktemp("features")
    transactions().frame.write_parquet(folder / "t.parquet")
    outcomes().write_parquet(folder / "o.parquet")
    return folder


@pytest.fixture(scope="module")
def original(folder: Path) -> TrainingResult:
    """Trained on the files."""
    files = {"transactions": str(folder / "t.parquet"), "outcomes": str(folder / "o.parquet")}
    return workflow.run(Settings(**{**vars(CHOSEN), **files}))


def test_a_frame_trains_the_model_of_its_file(original: TrainingResult, tmp_path: Path) -> None:
    """Of pandas, whose gaps are NaN, and of attributes; nothing is kept."""
    chosen: dict[str, Any] = {
        "attributes": ["income"],
        "candidate": "scorecard",
        "history_days": HISTORY_DAYS,
    }
    found = credit_model.train(transactions().frame.to_pandas(), outcomes().to_pandas(), **chosen)
    assert found.summary == original.summary
    assert found.figures == original.figures
    versions = [
        result.trained.scorer.save(tmp_path / name, {}) for name, result in (("a", found), ("b", original))
    ]
    assert versions[0] == versions[1]


def test_features_of_either_kind_of_file_are_read_alike(original: TrainingResult, tmp_path: Path) -> None:
    catalogue = original.trained.dataset.catalogue
    table = table_of(outcomes(), catalogue)
    table.write_csv(tmp_path / "f.csv")
    table.write_parquet(tmp_path / "f.parquet")
    for ending in ("csv", "parquet"):
        offline_table.write_catalogue(catalogue, str(tmp_path / f"f.{ending}"))
    one, other = (feature_table.read(str(tmp_path / f"f.{ending}")) for ending in ("csv", "parquet"))
    assert one.catalogue == other.catalogue == catalogue
    assert_frame_equal(one.frame, other.frame, check_exact=True)


def test_a_model_from_features_is_the_model_from_transactions(original: TrainingResult, folder: Path) -> None:
    """Of what the command ``features`` writes; tables of CSV are read alike."""
    catalogue, path = original.trained.dataset.catalogue, str(folder / "features.parquet")
    outcomes().sample(fraction=1, shuffle=True, seed=1).write_parquet(folder / "d.parquet")
    job = Job("", str(folder / "t.parquet"), str(folder / "d.parquet"), as_of="2019-02-01", output=path)
    features.write(job, AllFeatures(catalogue))
    given = {"features": path, "outcomes": str(folder / "o.parquet"), "candidate": "scorecard"}
    again = workflow.run(resolve("train", given))
    asked = outcomes().head(200).with_columns(pl.col("as_of") + timedelta(days=3))
    answers = [
        score_tables(o.trained.scorer, transactions(), asked, START).drop("model_version")
        for o in (original, again)
    ]
    assert answers[0]["probability"].n_unique() > 20
    assert_frame_equal(answers[1], answers[0], rel_tol=1e-9, abs_tol=1e-9)
    assert again.trained.scorer.catalogue == catalogue
    assert again.trained.scorer.currency == original.trained.scorer.currency == "UGX"
    assert again.trained.scorer.reference == original.trained.scorer.reference
    beaten = {baseline.name: baseline for baseline in original.baselines}
    for baseline in again.baselines:
        assert baseline.roc_auc == pytest.approx(beaten[baseline.name].roc_auc, abs=0.02)
    assert {b.name for b in again.baselines} == set(beaten) == {*OWN, "income"}
    assert f"features: {outcomes().height} decisions of {path}" in "\n".join(again.summary)


def test_what_is_measured_is_what_baselines_measure() -> None:
    catalogue, decisions = Catalogue(40), outcomes().select("CustomerId", "as_of")
    midnight = decisions.with_columns(pl.col("as_of").dt.truncate("1d"))
    for asked, slack in ((midnight, 0), (decisions, 0.2)):
        found = _table(asked, catalogue).measured(asked)
        expected = rfm(transactions(), asked, 40).select(found.columns)
        days = pl.col("active_days")
        assert_frame_equal(found.drop("active_days"), expected.drop("active_days"), abs_tol=1e-9)
        assert np.abs((found["active_days"] - expected["active_days"]).to_numpy()).mean() <= slack
        between = pl.col("tenure").floor() - pl.col("recency").floor()
        seen = found.filter(pl.col("frequency") > 0)
        assert 0 < seen.height < found.height
        assert seen.select((days - 1 <= between) & ((days > 1) == (between > 0))).to_series().all()


def _table(decisions: pl.DataFrame, catalogue: Catalogue) -> FeatureTable:
    rows = table_of(decisions, catalogue).with_columns(decisions["as_of"])
    return FeatureTable(rows, catalogue)


def labelled(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(bad=pl.lit(0, pl.Int8), part=pl.lit("train"))


def test_attributes_tell_decisions_apart_and_equal_rows_are_one() -> None:
    two = outcomes().head(1).drop("defaulted")
    two = pl.concat([two, two.with_columns(income=pl.lit(None, pl.Float64))])
    table = _table(pl.concat([two, two]), Catalogue(40, {}, INCOME))
    recipe = Recipe(40, "observed_default", INCOME)
    prepared = table.build_dataset(labelled(two.reverse()), recipe)
    assert prepared.features["income"].to_list() == two.reverse()["income"].to_list()
    with pytest.raises(
        ValueError, match=r"the features tell CustomerId, as_of apart, and 1 rows .* come again"
    ):
        table.build_dataset(labelled(two.head(1).drop("income")), recipe)


def test_invalid_decisions_are_left_out_and_counted() -> None:
    decisions, recipe = outcomes().head(9), Recipe(40, "observed_default")
    table = _table(decisions, Catalogue(40))
    status = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("invalid")).otherwise("status")
    table = FeatureTable(table.frame.with_columns(status=status), table.catalogue)
    prepared = table.build_dataset(labelled(decisions), recipe)
    assert (prepared.invalid, prepared.decisions.height, prepared.features.height) == (2, 7, 7)
    assert prepared.decisions["CustomerId"].to_list() == decisions["CustomerId"].to_list()[2:]


def test_of_declined_applicants_those_are_known_whom_the_table_has() -> None:
    decisions = outcomes().head(12)
    table = _table(decisions.head(9), Catalogue(40))
    status = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("invalid")).otherwise("status")
    features, valid = FeatureTable(table.frame.with_columns(status=status), table.catalogue).of_known(
        decisions.reverse()
    )
    assert valid.tolist() == [False] * 3 + [True] * 7 + [False] * 2
    own = table.frame.reverse().select(features.columns)
    assert_frame_equal(features.filter(pl.Series(valid)), own.head(7))


def test_what_a_table_of_features_cannot_be_used_for() -> None:
    decisions, recipe = outcomes().head(9), Recipe(40, "observed_default")
    table = _table(decisions, Catalogue(40))
    with pytest.raises(
        ValueError, match="lack 3 of 12 decisions of the outcomes; compute them for these too"
    ):
        table.build_dataset(labelled(outcomes().head(12)), recipe)
    codes = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("KES")).otherwise("CurrencyCode")
    mixed = FeatureTable(table.frame.with_columns(CurrencyCode=codes), table.catalogue)
    with pytest.raises(ValueError, match="2 currencies; train one model per currency"):
        mixed.build_dataset(labelled(decisions), recipe)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Settings(history_days=30), "computed over 40 days with the attributes income; leave history_days"),
        (
            Settings(attributes=("age",)),
            "computed over 40 days with the attributes income; leave history_days",
        ),
    ],
)
def test_settings_that_contradict_the_features(given: Settings, said: str) -> None:
    table = FeatureTable(pl.DataFrame(), Catalogue(40, {}, INCOME))
    assert table.adopted(Settings()) == Settings(history_days=40, attributes=("income",))
    with pytest.raises(ValueError, match=said):
        table.adopted(given)


def test_files_that_are_no_features(tmp_path: Path) -> None:
    path, catalogue = str(tmp_path / "f.parquet"), Catalogue(40)
    table = table_of(outcomes().head(3), catalogue)
    table.drop("recency", "CurrencyCode").write_parquet(path)
    with pytest.raises(
        ValueError, match=r"f\.parquet\.catalogue\.json cannot be read .*spark\.features\.write"
    ):
        feature_table.read(path)
    offline_table.write_catalogue(catalogue, path)
    with pytest.raises(
        ValueError, match=r"f\.parquet lacks CurrencyCode, recency; compute the features again"
    ):
        feature_table.read(path)
    table.with_columns(recency=pl.lit("soon")).write_parquet(path)
    with pytest.raises(ValueError, match=r"f\.parquet cannot be read as Parquet"):
        feature_table.read(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "features: they are trained on with real outcomes; give --outcomes FILE"),
        ({"outcomes": "o", "label": "rfm_proxy"}, "features: they are trained on with real outcomes"),
        ({"outcomes": "o", "transactions": "t"}, "features: they stand for the transactions; leave --trans"),
    ],
)
def test_what_features_go_with(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve("train", {"features": "f", **given})
