"""Models registered by earlier code still load, score, serve and are monitored, by the code that they carry."""

import gzip
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from answers import AS_OF, ask
from credit_model.scoring.scorer import Scorer
from processes import ROOT, free_port, listening, run

HELD = sorted(path for path in (ROOT / "tests" / "held").iterdir() if path.is_dir())
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=HELD, ids=lambda path: path.name)
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model, its transactions and its answers."""
    folder: Path = tmp_path_factory.mktemp("held")
    shutil.unpack_archive(request.param / "model.zip", folder / "model")
    (folder / "transactions.csv").write_bytes(
        gzip.decompress((request.param / "transactions.csv.gz").read_bytes())
    )
    shutil.copy(request.param / "answers.jsonl", folder)
    return folder


def answered(folder: Path) -> list[dict[str, Any]]:
    return pl.read_ndjson(folder / "answers.jsonl", infer_schema_length=None).to_dicts()


def command(name: str, folder: Path, *words: str) -> list[str]:
    asked = ["--model", str(folder / "model"), "--transactions", "transactions.csv", "--as_of", AS_OF]
    return ["-m", "credit_model", name, *asked, *words]


def test_score_answers_as_it_did(held: Path) -> None:
    done = run(command("score", held, "--output", "a.parquet"), os.environ | {"PYTHONPATH": str(ROOT)}, held)
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(held / "a.parquet").to_dicts() == answered(held)


def test_its_reasons_keep_their_shape_where_todays_code_writes_them(held: Path) -> None:
    """As ``score_spark`` does, by the schema of the scorer."""
    schema = Scorer.load(held / "model" / "artifacts" / "scorer").answer_schema
    reasons = [answer["reasons"] for answer in answered(held)]
    assert pl.Series(reasons, dtype=schema["reasons"]).to_list() == reasons


def test_it_is_monitored(held: Path) -> None:
    done = run(command("monitor", held, "--output", "m.csv"), os.environ | {"PYTHONPATH": str(ROOT)}, held)
    assert done.returncode in {0, 3}, done.stderr
    assert "figures watched" in done.stdout
    reference = Scorer.load(held / "model" / "artifacts" / "scorer").reference
    older = reference is not None and reference.reach is None
    said = "not compared, because the model was trained before it was kept: how far back" in done.stdout
    assert said == older
    table = pl.read_csv(held / "m.csv")
    figures = set(table["figure"])
    assert {"psi", "missing", "ks"} == figures if older else {"psi", "missing", "ks"} < figures
    assert table.height > 20


def test_the_stock_server_answers_as_it_did(held: Path) -> None:
    port = free_port()
    serve = ["-m", "mlflow", "models", "serve", "-m", str(held / "model"), "--env-manager", "local"]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    table = pl.read_csv(held / "transactions.csv", infer_schema=False).with_columns(
        pl.col("Amount", "Value").cast(pl.Float64)
    )
    body = {"dataframe_records": table.to_dicts(), "params": {"as_of": AS_OF}}
    with listening([sys.executable, *serve, "--port", str(port)], port, environment, held) as server:
        status, found = ask(server, body)
    assert status == 200, found
    by_customer = {answer["CustomerId"]: answer for answer in found["predictions"]}
    expected = {answer["CustomerId"]: answer for answer in answered(held)}
    assert json.loads(json.dumps(expected)) == by_customer
