"""20,000 decisions get the same answers through every door, whichever candidate is served.

The models are that of the test suite with one classifier after the other in its place, fitted on the same decisions: one of each
form in which candidates are served.
"""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import mlflow
import polars as pl
import pytest
from pyspark.sql import SparkSession

from answers import ask
from credit_model.data.transactions import tidy_table
from credit_model.models.classifier import Classifier
from credit_model.models.xgboost_trees import Trees
from credit_model.scoring.scorer import BALANCE_BASIS, Scorer
from credit_model.serving import pyfunc
from credit_model.serving.jobs import MANIFEST
from credit_model.serving.spark.rows import answers, decision_rows
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.training.candidates import CANDIDATES
from credit_model.training.cross_validation import Cases
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.sample import proxy_sample
from processes import ROOT, TrainedModel, run, serving
from scorers import fitted_reasons

pytestmark = pytest.mark.slow

CUSTOMERS, MOMENTS = 2_000, 10
AT_ONCE = 5_000
CLOSE = 1e-9
FORMS = ("scorecard", "logistic", "xgboost", "forest", "blend", "lightgbm")


@dataclass(frozen=True)
class Asked:
    """The decisions, a row each with its transactions in arrays, and the files that say the same."""

    folder: Path
    rows: pl.DataFrame

    @property
    def transactions(self) -> Path:
        return self.folder / "transactions.parquet"

    @property
    def decisions(self) -> Path:
        return self.folder / "decisions.parquet"

    @property
    def request(self) -> Path:
        return self.folder / "request.json"

    @cached_property
    def bodies(self) -> list[bytes]:
        return [body(rows) for rows in self.rows.iter_slices(AT_ONCE)]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Ten moments of every customer; of the first an amount is missing, and the last has no transactions.

    Some decisions state the balance at the start of their window.
    """
    table = generate.transactions(CUSTOMERS - 1, days=40, seed=11)
    gap = (pl.col("CustomerId") == "CustomerId_1") & pl.col("CustomerId").is_first_distinct()
    table = table.with_columns(Amount=pl.when(~gap).then("Amount"))
    stated = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.int_range(pl.len()) * 12.5)
    decisions = people().join(moments(), how="cross").with_columns(opening_balance=stated)
    grouped = table.group_by("CustomerId", maintain_order=True).all()
    rows = decisions.join(grouped, on="CustomerId", how="left", maintain_order="left")
    found = Asked(tmp_path_factory.mktemp("asked"), rows)
    table.write_parquet(found.transactions)
    decisions.write_parquet(found.decisions)
    found.request.write_bytes(body(rows))
    return found


def people() -> pl.DataFrame:
    return pl.DataFrame({"CustomerId": [*(f"CustomerId_{n}" for n in range(1, CUSTOMERS)), "nobody"]})


def moments() -> pl.DataFrame:
    start = datetime(2018, 11, 22, 13, 0, 0, 250)
    return pl.DataFrame({"as_of": [start + timedelta(days=4.5 * number) for number in range(MOMENTS)]})


def body(rows: pl.DataFrame) -> bytes:
    """The rows as JSON, times as text."""
    text = "%Y-%m-%dT%H:%M:%S%.6fZ"
    times = pl.col("TransactionStartTime").list.eval(pl.element().dt.strftime(text))
    plain = rows.with_columns(pl.col("as_of").dt.strftime(text), times)
    return json.dumps({"dataframe_records": plain.to_dicts()}).encode()


@pytest.fixture(scope="module")
def prepared(trained_model: TrainedModel) -> Dataset:
    transactions = tidy_table(pl.read_parquet(trained_model.transactions))
    sample = proxy_sample(Settings(), transactions)
    return build_dataset(transactions, sample.decisions, sample.recipe)


@pytest.fixture(params=FORMS)
def model(
    request: pytest.FixtureRequest, trained_model: TrainedModel, prepared: Dataset, tmp_path: Path
) -> TrainedModel:
    """The trained model with a candidate's classifier in its scorer."""
    mlflow.set_tracking_uri(trained_model.tracking)
    folder = mlflow.artifacts.download_artifacts(trained_model.uri, dst_path=str(tmp_path))
    files = Path(folder) / "artifacts" / "scorer"
    scorer = refitted(Scorer.load(files), prepared, request.param)
    shutil.rmtree(files)
    scorer.save(files, MANIFEST)
    mlflow.models.set_signature(folder, pyfunc.signature(scorer))
    return replace(trained_model, uri=folder)


def refitted(scorer: Scorer, prepared: Dataset, name: str) -> Scorer:
    classifier = fitted(prepared, name)
    reasons = fitted_reasons(classifier, Cases.of(prepared, prepared.modelled), prepared.catalogue)
    return replace(scorer, catalogue=prepared.catalogue, classifier=classifier, reasons=reasons)


def fitted(prepared: Dataset, name: str) -> Classifier:
    cases, candidate = Cases.of(prepared, prepared.modelled), CANDIDATES[name]
    return candidate.fit(cases.table, cases.bad, 1, cases.directions, candidate.default_parameters)


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[SparkSession]:
    builder = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", "4")
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    yield session
    session.stop()


def schema(model: TrainedModel) -> dict[str, pl.DataType]:
    """The fields of a model's answers."""
    return Scorer.load(
        Path(mlflow.artifacts.download_artifacts(model.uri)) / "artifacts" / "scorer"
    ).answer_schema


def on_pandas(model: TrainedModel, asked: Asked, _: Path) -> pl.DataFrame:
    """``load_model().predict``, in chunks."""
    loaded = mlflow.pyfunc.load_model(model.uri)
    chunks = (loaded.predict(rows.to_pandas()) for rows in asked.rows.iter_slices(AT_ONCE))
    return pl.concat(pl.DataFrame(chunk.to_dict("records"), schema(model)) for chunk in chunks)


def over_http(model: TrainedModel, asked: Asked, folder: Path) -> pl.DataFrame:
    """The stock server, in few large requests."""
    with serving(model, folder) as address:
        said = [ask(address, request) for request in asked.bodies]
    assert {status for status, _ in said} == {200}
    return pl.DataFrame([answer for _, given in said for answer in given["predictions"]], schema(model))


def by_score(model: TrainedModel, asked: Asked, folder: Path) -> pl.DataFrame:
    """``python -m credit_model score``."""
    output = folder / "answers.parquet"
    files = ["--transactions", asked.transactions, "--decisions", asked.decisions, "--output", output]
    command = ["-m", "credit_model", "score", "--model", model.uri, *map(str, files)]
    done = run(command, model.environment | {"PYTHONPATH": str(ROOT)}, folder)
    assert done.returncode == 0, done.stderr
    return pl.read_parquet(output)


def by_mlflow(model: TrainedModel, asked: Asked, folder: Path) -> pl.DataFrame:
    """``mlflow models predict``."""
    output = folder / "answers.json"
    command = ["-m", "mlflow", "models", "predict", "-m", model.uri, "--env-manager", "local", "-t", "json"]
    done = run([*command, "-i", str(asked.request), "-o", str(output)], model.environment, folder)
    assert done.returncode == 0, done.stderr
    return pl.DataFrame(json.loads(output.read_text())["predictions"], schema(model))


def on_spark(model: TrainedModel, asked: Asked, _: Path) -> pl.DataFrame:
    """A Spark table, through ``spark_udf``."""
    read = SparkSession.builder.getOrCreate().read.parquet
    rows = decision_rows(read(str(asked.transactions)), read(str(asked.decisions)))
    return pl.DataFrame(pl.from_arrow(answers(rows, model.uri).toArrow()))


DOORS: tuple[Callable[[TrainedModel, Asked, Path], pl.DataFrame], ...] = (
    over_http,
    by_mlflow,
    by_score,
    on_spark,
)


def different(found: pl.DataFrame, expected: pl.DataFrame) -> list[str]:
    """The fields that differ: numbers by more than ``CLOSE``, anything else at all."""
    one, other = (table.select(expected.columns).sort("CustomerId", "as_of") for table in (found, expected))
    assert one.height == other.height
    return [name for name in expected.columns if not same(one[name], other[name])]


def same(one: pl.Series, other: pl.Series) -> bool:
    if one.dtype != pl.Float64:
        return one.equals(other)
    apart = (one - other).abs().fill_nan(math.inf).fill_null(0)
    return one.is_null().equals(other.is_null()) and bool(apart.le(CLOSE).all())


def changed(answers: pl.DataFrame, name: str) -> pl.DataFrame:
    """The answers with one field of one of them changed, by as little as counts."""
    column, kind = pl.col(name), answers.schema[name]
    new = pl.lit("other", pl.String) if isinstance(kind, pl.String) else pl.lit(None)
    if kind.is_numeric():
        new = column.fill_null(0) + (2 * CLOSE if kind.is_float() else 1)
    return answers.with_columns(
        pl.when(pl.int_range(pl.len()) == 12_345).then(new).otherwise(column).alias(name)
    )


def test_every_door_gives_the_same_answers(model: TrainedModel, asked: Asked, tmp_path: Path) -> None:
    expected = on_pandas(model, asked, tmp_path)
    assert expected.height == CUSTOMERS * MOMENTS
    scorer = Scorer.load(Path(model.uri) / "artifacts" / "scorer")
    assert expected["model_version"].unique().to_list() == [scorer.version]
    assert set(expected["status"]) == {"scored", "no_history", "invalid"}
    assert expected.columns == list(scorer.answer_schema)
    if scorer.plan.needs_balance:
        assert set(expected[BALANCE_BASIS]) == {"opening_balance", "given_rows", None}
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda door: door(model, asked, tmp_path), DOORS)
        seen = {door.__name__: different(table, expected) for door, table in zip(DOORS, found, strict=True)}
    assert seen == {door.__name__: [] for door in DOORS}


def test_every_candidate_is_served_in_one_of_these_forms(prepared: Dataset) -> None:
    forms = {name: form(fitted(prepared, name)) for name in CANDIDATES}
    asked = {forms[name] for name in FORMS}
    assert asked == set(forms.values())
    assert len(asked) == len(FORMS)


def form(classifier: Classifier) -> tuple[str, bool | None]:
    """The class of a classifier and, of trees, whether each is looked up as a whole or leaf by leaf."""
    lookup = classifier._lookup if isinstance(classifier, Trees) else None
    return classifier.kind, lookup._shallow if lookup else None


def test_one_changed_field_is_seen(trained_model: TrainedModel, asked: Asked, tmp_path: Path) -> None:
    expected = on_pandas(trained_model, asked, tmp_path)
    for name in expected.columns:
        assert name in different(changed(expected, name), expected)
