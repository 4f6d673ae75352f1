"""Every client of one model gets the same answers, from real processes."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import polars as pl
import pytest

from answers import AS_OF, Answers, ask, assert_same, records
from credit_model.scoring.scorer import ANSWER
from processes import ROOT, TrainedModel, run, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flat(trained_model: TrainedModel) -> pd.DataFrame:
    """The transactions of 40 customers, as JSON would carry them."""
    raw = pl.read_parquet(trained_model.transactions)
    few = raw["CustomerId"].unique(maintain_order=True).head(40)
    times = pl.col("TransactionStartTime").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return raw.filter(pl.col("CustomerId").is_in(few.implode())).with_columns(times).to_pandas()


@pytest.fixture(scope="module")
def arrays(flat: pd.DataFrame) -> pd.DataFrame:
    return flat.groupby("CustomerId", sort=False).agg(list).reset_index()


@pytest.fixture(scope="module")
def expected(trained_model: TrainedModel, flat: pd.DataFrame) -> Answers:
    mlflow.set_tracking_uri(trained_model.tracking)
    loaded = mlflow.pyfunc.load_model(trained_model.uri)
    answers: Answers = loaded.predict(flat, params={"as_of": AS_OF}).to_dict(orient="records")
    assert {"scored", "no_history"} >= {a["status"] for a in answers} >= {"scored"}
    return answers


@pytest.fixture(scope="module")
def server(trained_model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(trained_model, tmp_path_factory.mktemp("server")) as address:
        yield address


def test_json_records_split_and_inputs(server: str, flat: pd.DataFrame, expected: Answers) -> None:
    params = {"params": {"as_of": AS_OF}}
    split = {"columns": list(flat.columns), "data": [list(row.values()) for row in records(flat)]}
    columns = {name: [row[name] for row in records(flat)] for name in flat.columns}
    for body in ({"dataframe_records": records(flat)}, {"dataframe_split": split}, {"inputs": columns}):
        status, answer = ask(server, body | params)
        assert status == 200, answer
        assert_same(answer["predictions"], expected)


def test_one_row_per_decision(server: str, arrays: pd.DataFrame, expected: Answers) -> None:
    status, answer = ask(
        server,
        {"dataframe_records": records(arrays), "params": {"as_of": AS_OF, "one_row_per_decision": True}},
    )
    assert status == 200, answer
    assert_same(answer["predictions"], expected)


@pytest.mark.parametrize("shape", ["flat", "arrays"])
def test_a_parquet_body(server: str, shape: str, request: pytest.FixtureRequest, expected: Answers) -> None:
    table = request.getfixturevalue(shape)
    body = io.BytesIO()
    (table.assign(as_of=AS_OF)).to_parquet(body)
    status, answer = ask(server, body.getvalue(), "application/vnd.apache.parquet")
    assert status == 200, answer
    assert_same(answer["predictions"], expected)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"dataframe_records": [{"CustomerId": "secret", "Amount": 5}]},
            "the request lacks the required column TransactionStartTime; add it",
        ),
        (
            {"dataframe_split": {"columns": ["CustomerId", "TransactionStartTime", "Amount"], "data": []}},
            "the request has no rows; send at least one",
        ),
        (
            {
                "dataframe_records": [
                    {"CustomerId": "secret", "TransactionStartTime": "2019-01-01", "Amount": 5}
                ],
                "params": {"as_of": "secret"},
            },
            "the parameter as_of is not a time; send ISO-8601 text such as 2019-02-13T00:00:00Z",
        ),
    ],
)
def test_what_no_row_can_be_read_from_is_400_and_one_sentence(server: str, body: object, said: str) -> None:
    status, answer = ask(server, body)
    assert (status, answer["message"]) == (400, said)
    assert "secret" not in json.dumps(answer)


def test_bad_rows_are_answered_and_lose_nobody(server: str) -> None:
    good = {"TransactionStartTime": "2019-02-01T00:00:00Z", "Amount": 5}
    rows = [
        {"CustomerId": "a"} | good,
        {"CustomerId": None} | good,
        {"CustomerId": "b"} | good | {"Amount": "x"},
        {"CustomerId": 3} | good,
    ]
    status, answer = ask(server, {"dataframe_records": rows, "params": {"as_of": AS_OF}})
    assert status == 200
    assert [a["status"] for a in answer["predictions"]] == ["scored", "invalid", "invalid", "scored"]
    assert "NaN" not in json.dumps(answer)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_mlflow_models_predict(
    kind: str, trained_model: TrainedModel, flat: pd.DataFrame, expected: Answers, tmp_path: Path
) -> None:
    given, found = tmp_path / f"in.{kind}", tmp_path / "out.json"
    table = flat.assign(as_of=AS_OF)
    if kind == "csv":
        table.to_csv(given, index=False)
    else:
        given.write_text(json.dumps({"dataframe_records": records(table)}))
    command = ["-m", "mlflow", "models", "predict", "-m", trained_model.uri, "--env-manager", "local"]
    done = run(
        [*command, "-i", str(given), "-t", kind, "-o", str(found)], trained_model.environment, tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert_same(json.loads(found.read_text())["predictions"], expected)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_score_answers_the_same(
    ending: str, trained_model: TrainedModel, flat: pd.DataFrame, expected: Answers, tmp_path: Path
) -> None:
    given, output = tmp_path / f"transactions.{ending}", tmp_path / f"answers.{ending}"
    getattr(flat, f"to_{ending}")(given, index=False)
    command = [
        "-m",
        "credit_model",
        "score",
        "--transactions",
        str(given),
        "--as_of",
        AS_OF,
        "--output",
        str(output),
    ]
    environment = trained_model.environment | {"PYTHONPATH": str(ROOT)}
    done = run([*command, "--model", trained_model.uri], environment, tmp_path)
    assert done.returncode == 0, done.stderr
    answers = (
        pl.read_parquet(output)
        if ending == "parquet"
        else pl.read_csv(output, schema_overrides={"CustomerId": pl.String})
    )
    answers = (
        answers
        if ending == "parquet"
        else answers.with_columns(pl.col("reasons").str.json_decode(ANSWER["reasons"]))
    )
    assert_same(answers.to_dicts(), expected)


@pytest.mark.parametrize("shape", ["flat", "arrays"])
def test_every_accepted_type(
    shape: str, trained_model: TrainedModel, expected: Answers, request: pytest.FixtureRequest
) -> None:
    table: pd.DataFrame = request.getfixturevalue(shape)
    mlflow.set_tracking_uri(trained_model.tracking)
    loaded = mlflow.pyfunc.load_model(trained_model.uri)

    def variants(column: str, *changes: Any) -> Iterator[pd.DataFrame]:
        for change in changes:
            cells = [change(cell) if shape == "flat" else [change(c) for c in cell] for cell in table[column]]
            yield table.assign(**{column: pd.Series(cells, dtype=object)})

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text)

    times = variants(
        "TransactionStartTime",
        moment,
        lambda t: moment(t).astimezone(UTC).timestamp(),
        lambda t: moment(t).replace(tzinfo=None),
    )
    for changed in [*times, *variants("Amount", str, float), *variants("PricingStrategy", int, float)]:
        assert_same(loaded.predict(changed, params={"as_of": AS_OF}).to_dict(orient="records"), expected)


def test_the_loaded_model_runs_the_code_it_carries(
    trained_model: TrainedModel, flat: pd.DataFrame, expected: Answers, tmp_path: Path
) -> None:
    """Another installed copy of the package, which would answer otherwise, changes nothing."""
    planted = tmp_path / "site" / "credit_model"
    planted.mkdir(parents=True)
    (planted / "__init__.py").write_text("raise SystemExit('the planted copy was imported')\n")
    flat.to_parquet(tmp_path / "flat.parquet")
    script = (
        "import json, mlflow, pandas; "
        f"m = mlflow.pyfunc.load_model({trained_model.uri!r}); "
        f"a = m.predict(pandas.read_parquet('flat.parquet'), params={{'as_of': {AS_OF!r}}}); "
        "print(json.dumps(a.to_dict(orient='records')))"
    )
    done = run(["-c", script], trained_model.environment | {"PYTHONPATH": str(planted.parent)}, tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same(json.loads(done.stdout.splitlines()[-1]), expected)


def test_serving_needs_no_training_library_and_no_pickle(
    trained_model: TrainedModel, flat: pd.DataFrame, tmp_path: Path
) -> None:
    flat.to_parquet(tmp_path / "flat.parquet")
    blocked = ["lightgbm", "matplotlib", "tqdm", "duckdb", "pyspark"]
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); import mlflow, pandas; "
        f"m = mlflow.pyfunc.load_model({trained_model.uri!r}); "
        f"print(len(m.predict(pandas.read_parquet('flat.parquet'), params={{'as_of': {AS_OF!r}}})), "
        "sorted(n for n in sys.modules if n in ('credit_model.training.train', 'credit_model.tracking.runs', 'sklearn.tree')))"
    )
    environment = trained_model.environment | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = run(["-c", script], environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "40 []"
