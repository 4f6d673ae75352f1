"""Application attributes from training to every channel, on applications without any transactions."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest
from mlflow.pyfunc import PyFuncModel

from answers import ask
from applications import ATTRIBUTES, applications
from credit_model import metrics
from credit_model.data.decisions import Attribute, learn_attributes
from credit_model.features.catalogue import Catalogue
from credit_model.serving.spark.rows import answers, decision_rows
from credit_model.settings.settings import Settings
from credit_model.training import workflow
from processes import ROOT, TrainedModel, commanded, run, serving

pytestmark = pytest.mark.slow


def with_regions(table: pl.DataFrame) -> pl.DataFrame:
    """The applications with a column that is no attribute: two large regions and one of five."""
    place = pl.int_range(pl.len())
    large = pl.when(place % 3 == 0).then(pl.lit("north")).otherwise(pl.lit("south"))
    return table.with_columns(region=pl.when(place < 5).then(pl.lit("island")).otherwise(large))


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    folder = tmp_path_factory.mktemp("applications")
    table, _ = applications(3000, seed=1)
    with_regions(table).write_csv(folder / "outcomes.csv")
    model = TrainedModel("models:/apply/1", f"sqlite:///{folder / 'mlflow.db'}", folder, "")
    words = [
        "train",
        "--outcomes",
        str(folder / "outcomes.csv"),
        "--name",
        "apply",
        "--candidate",
        "scorecard",
    ]
    own = ["--attributes", ",".join(ATTRIBUTES), "--group", "region"]
    done = commanded([*words, *own], model.environment, folder)
    assert done.returncode == 0, done.stderr
    return replace(model, printed=done.stdout)


@pytest.fixture(scope="module")
def loaded(lender: TrainedModel) -> Iterator[PyFuncModel]:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(lender.tracking)
    yield mlflow.pyfunc.load_model(lender.uri)
    mlflow.set_tracking_uri(before)


def fresh(rows: int = 300) -> pd.DataFrame:
    return applications(rows, seed=2)[0].drop("defaulted").to_pandas()


def answered(loaded: PyFuncModel, table: pd.DataFrame) -> pd.DataFrame:
    answers = loaded.predict(table.astype(object).where(table.notna(), None))
    assert isinstance(answers, pd.DataFrame)
    return answers


def test_it_ranks_and_is_calibrated_nearly_like_the_truth(loaded: PyFuncModel) -> None:
    table, truth = applications(4000, seed=3)
    answers = answered(loaded, table.drop("defaulted").to_pandas())
    probability = answers["probability"].to_numpy(dtype=np.float64)
    bad = table["defaulted"].to_numpy()
    assert metrics.roc_auc(bad, truth) - metrics.roc_auc(bad, probability) < 0.04
    assert 0.8 < metrics.calibration_in_the_large(bad, probability) < 1.25


def test_no_history_is_scored_and_reviewed(loaded: PyFuncModel) -> None:
    answers = answered(loaded, fresh())
    assert set(answers["status"]) == {"no_history"}
    assert set(answers["decision"]) == {"review"}
    assert answers["probability"].notna().all()


def test_reasons_name_the_attribute_that_counted_against(loaded: PyFuncModel) -> None:
    table = fresh().assign(derogatory_marks=6)
    first = [reasons[0] for reasons in answered(loaded, table)["reasons"]]
    marks = [reason for reason in first if reason["code"] == "R13-derogatory_marks"]
    assert len(marks) > 0.8 * len(table)
    assert marks[0]["text"].startswith("You stated this derogatory marks: 6. That is more than is typical")
    assert (marks[0]["feature"], marks[0]["value"]) == ("derogatory_marks", "6")


def test_unknown_and_unseen_are_scored_and_the_unreadable_is_invalid(
    loaded: PyFuncModel,
) -> None:
    table = fresh(5).astype(object)
    table.loc[0, "income"] = None
    table.loc[1, "home_ownership"] = "HOUSEBOAT"
    table.loc[2, "income"] = "a lot"
    answers = answered(loaded, table.drop(columns="credit_lines"))
    assert answers["status"].tolist() == ["no_history", "no_history", "invalid", "no_history", "no_history"]
    assert answers["message"][2] == "income: 1 unreadable"
    assert answers["probability"].notna().tolist() == [True, True, False, True, True]


def test_both_shapes_and_the_command_line_agree(
    loaded: PyFuncModel, lender: TrainedModel, tmp_path: Path
) -> None:
    table = fresh(20)
    expected = answered(loaded, table)
    rows = table.assign(TransactionStartTime="2023-01-01T00:00:00Z", Amount=5)  # long before any window
    assert answered(loaded, rows)["probability"].tolist() == expected["probability"].tolist()
    table.to_csv(tmp_path / "in.csv", index=False)
    command = ["-m", "mlflow", "models", "predict", "-m", lender.uri, "--env-manager", "local", "-t", "csv"]
    done = run(
        [*command, "-i", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.json")],
        lender.environment,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())["predictions"]
    np.testing.assert_allclose(
        [row["probability"] for row in found], expected["probability"].tolist(), rtol=1e-9
    )


def test_the_stock_server_answers_applications(
    loaded: PyFuncModel, lender: TrainedModel, tmp_path: Path
) -> None:
    table = fresh(12).astype({"as_of": str})
    expected = answered(loaded, table)["probability"].tolist()
    plain = table.astype(object).where(table.notna(), None)
    nothing: dict[str, list[object]] = {"TransactionStartTime": [], "Amount": []}
    arrays = [{**record, **nothing} for record in plain.to_dict(orient="records")]
    rows = plain.assign(TransactionStartTime="2023-01-01T00:00:00Z", Amount=5)
    split = {key: value for key, value in plain.to_dict(orient="split").items() if key != "index"}
    bodies = [
        {"dataframe_records": plain.to_dict(orient="records")},
        {"dataframe_records": arrays},
        {"dataframe_records": rows.to_dict(orient="records")},
        {"dataframe_split": split},
        {"inputs": plain.to_dict(orient="list")},
    ]
    with serving(lender, tmp_path) as address:
        for body in bodies:
            status, answer = ask(address, body)
            assert status == 200
            found = [row["probability"] for row in answer["predictions"]]
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_code_with_leading_zeros_is_a_category() -> None:
    table = pl.DataFrame({"branch": ["00731", "12"], "income": ["0.5", "100"], "share": ["0", "1"]})
    kinds = {known.name: known.kind for known in learn_attributes(table, table.columns)}
    assert kinds == {"branch": "category", "income": "number", "share": "number"}


def test_score_takes_decisions_without_transactions(
    loaded: PyFuncModel, lender: TrainedModel, tmp_path: Path
) -> None:
    table = fresh(20)
    table.to_parquet(tmp_path / "decisions.parquet")
    command = ["-m", "credit_model", "score", "--decisions", "decisions.parquet", "--model", lender.uri]
    done = run(
        [*command, "--output", "answers.parquet"], lender.environment | {"PYTHONPATH": str(ROOT)}, tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = pl.read_parquet(tmp_path / "answers.parquet")
    assert found["probability"].to_list() == answered(loaded, table)["probability"].tolist()


def test_spark_answers_the_same(loaded: PyFuncModel, lender: TrainedModel) -> None:
    spark = pytest.importorskip("pyspark.sql")
    table = fresh(20).astype({"as_of": str})
    expected = answered(loaded, table)
    session = spark.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        nothing = session.createDataFrame([], "CustomerId string, TransactionStartTime string, Amount double")
        decisions = session.createDataFrame(table.to_dict(orient="records"))
        found = answers(decision_rows(nothing, decisions), lender.uri).toPandas()
    finally:
        session.stop()
    ours = expected.set_index("CustomerId")["probability"].astype(float).sort_index()
    theirs = found.set_index("CustomerId")["probability"].sort_index()
    np.testing.assert_allclose(theirs, ours, rtol=1e-9)
    assert set(found["status"]) == {"no_history"}


def test_the_group_is_compared_and_no_feature(lender: TrainedModel, loaded: PyFuncModel) -> None:
    client = mlflow.MlflowClient(lender.tracking)
    run_id = client.get_model_version("apply", "1").run_id
    folder = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="fairness.csv")
    table = pl.read_csv(folder)
    outcomes = with_regions(applications(3000, seed=1)[0])
    counted = dict(outcomes.group_by("region").agg(pl.len()).iter_rows())
    small = sum(count for count in counted.values() if count < 20)
    expected = {name: count for name, count in counted.items() if count >= 20}
    expected |= {"(small groups)": small} if small else {}
    assert dict(table.select("group", "decisions").iter_rows()) == expected
    assert "fairness_group" not in loaded.metadata.signature.inputs.input_names()


@pytest.mark.parametrize("name", ["Amount", "amount", "PRODUCTID"])
def test_a_name_of_a_transaction_column_is_refused(name: str, tmp_path: Path) -> None:
    outcomes = tmp_path / "outcomes.csv"
    applications(60, seed=4)[0].rename({"income": name}).write_csv(outcomes)
    with pytest.raises(ValueError, match=f"attribute {name} is named like a transaction's column"):
        workflow.run(Settings(outcomes=str(outcomes), attributes=(name,)))


@pytest.mark.parametrize(
    "names", [("Tenure",), ("share_ChannelId_c1",), ("income", "loan_amount", "loan_amount_to_income")]
)
def test_a_name_of_a_feature_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"attribute {names[-1]} is named like a feature"):
        Catalogue(30, {"ChannelId": ("c1",)}, tuple(Attribute(name, "number") for name in names))


@pytest.mark.parametrize(
    ("names", "said"), [(("income", "Income"), "in case alone"), (("known_at",), "named like")]
)
def test_names_that_would_meet_others_are_refused(names: tuple[str, ...], said: str) -> None:
    table = pl.DataFrame({name: [1.0] for name in names})
    with pytest.raises(ValueError, match=said):
        learn_attributes(table, names)
