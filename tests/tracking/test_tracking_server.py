"""MLflow's server with passwords on PostgreSQL: commands work through it, and are refused in a sentence without a password."""

import gzip
import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import polars as pl
import pytest
import sqlalchemy
from mlflow.models import Model
from moto.server import ThreadedMotoServer
from werkzeug.security import generate_password_hash

from answers import AS_OF
from credit_model.tracking import ledger
from processes import ROOT, at_desk, commanded, free_port, listening
from registered import small_data
from tracking_server import INITDB, PASSWORD, mlflow_server, postgresql

pytestmark = pytest.mark.slow

NAMES = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
LIMITS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}


@dataclass(frozen=True)
class Server:
    """A server with passwords, a folder to work in and transactions in it."""

    folder: Path
    transactions: Path
    environment: dict[str, str]

    def given(self, *words: str, **variables: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command."""
        done = commanded(list(words), self.environment | variables, self.folder)
        return done.returncode, done.stdout, done.stderr


def hash_cheaply(database: str) -> None:
    """Keep the password under a hash that takes no tenth of a second to compute: the server does so several times a request."""
    cheap = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
    engine = sqlalchemy.create_engine(database)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE users SET password_hash = :cheap"), {"cheap": cheap})
    engine.dispose()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of docs/tracking.md, and a trained version in it."""
    if not INITDB.exists():
        pytest.skip("this machine lacks postgresql")
    folder = tmp_path_factory.mktemp("server")
    with postgresql() as database, mlflow_server(database, folder, password=PASSWORD) as address:
        hash_cheaply(database)
        own = {"MLFLOW_TRACKING_URI": address, **dict(zip(NAMES, ("admin", PASSWORD), strict=True))}
        made = Server(folder, small_data(folder), os.environ | LIMITS | own)
        words = ("--transactions", str(made.transactions), "--candidate", "scorecard")
        code, said, errors = made.given("train", *words)
        assert code == 0, errors
        assert "registered as credit-risk version 1, challenger and champion" in said
        yield made


def test_its_champion_is_promoted_and_scored_with(server: Server) -> None:
    code, said, errors = server.given("promote", "--version", "1")
    assert code == 0, errors
    assert "version 1 of credit-risk is the champion" in said
    with at_desk(server.environment, server.folder):
        kept = [(entry.who, entry.action, entry.result) for entry in ledger.entries("credit-risk")]
    assert kept == [
        ("admin", action, result) for action in ("training", "promotion") for result in ("allowed", "done")
    ]
    code, said, errors = server.given(
        "score", "--transactions", str(server.transactions), "--output", str(server.folder / "answers.csv")
    )
    assert code == 0, errors
    answers, asked = pl.read_csv(server.folder / "answers.csv"), pl.read_parquet(server.transactions)
    assert set(answers["CustomerId"]) == set(asked["CustomerId"])


def test_its_artifacts_are_where_it_keeps_them(server: Server) -> None:
    names = {path.name for path in (server.folder / "artifacts").rglob("*")}
    assert {"settings.yaml", "manifest.json", "MLmodel", "model_document.html"} <= names


def test_its_champion_is_served(server: Server) -> None:
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", "models:/credit-risk@champion", "--env-manager", "local"]
    words = [sys.executable, "-m", *command, "--port", str(port)]
    row = {"CustomerId": "A-1", "TransactionStartTime": "2019-01-01T10:00:00Z", "Amount": 1000.0}
    body = json.dumps({"dataframe_records": [row], "params": {"as_of": "2019-01-10T00:00:00Z"}}).encode()
    with listening(words, port, server.environment, server.folder) as url:
        request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            (answer,) = json.load(response)["predictions"]
    assert (answer["CustomerId"], answer["status"]) == ("A-1", "scored")


@pytest.mark.parametrize("how", ["wrong", "none"])
def test_without_its_password_every_command_is_refused_in_one_sentence(server: Server, how: str) -> None:
    given = {"wrong": {NAMES[1]: "guessed"}, "none": dict.fromkeys(NAMES, "")}[how]
    files = ["--transactions", str(server.transactions)]
    scored = [*files, "--output", str(server.folder / "refused.csv")]
    for words in (
        ["train", *files],
        ["explore", *files],
        ["promote"],
        ["promote", "--rollback"],
        ["promote", "--history"],
        ["approve"],
        ["score", *scored],
        ["monitor", *files],
        ["retrain", *files],
        ["verify"],
    ):
        code, said, errors = server.given(*words, **given)
        assert (code, said) == (2, ""), words
        assert errors == (
            f"credit_model: the MLflow store {server.environment['MLFLOW_TRACKING_URI']} wants a user and a password, or "
            "refuses those given; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for a server, or put them into "
            "the URL of a database\n"
        ), words
    assert not (server.folder / "refused.csv").exists()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An empty bucket ``credit`` in a store that speaks S3; the variables by which it is reached, which this process lacks."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    storage = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    storage.start()
    host, port = storage.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/credit", method="PUT"), timeout=60).close()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    yield keys | {"MLFLOW_S3_ENDPOINT_URL": endpoint}
    storage.stop()


def test_artifacts_in_an_s3_store(bucket: dict[str, str], database: Path, tmp_path: Path) -> None:
    """The smallest form: a model is logged and fetched through the server, which alone has the store's keys, and scored with."""
    held = ROOT / "tests" / "held" / "flat"
    shutil.unpack_archive(held / "model.zip", model := tmp_path / "model")
    (tmp_path / "t.csv").write_bytes(gzip.decompress((held / "transactions.csv.gz").read_bytes()))
    place = ("--artifacts-destination", "s3://credit/artifacts")
    with (
        mlflow_server(f"sqlite:///{database}", tmp_path, *place, variables=bucket) as url,
        at_desk(os.environ | LIMITS | {"MLFLOW_TRACKING_URI": url}, tmp_path),
    ):
        mlflow.set_experiment("in S3")
        with mlflow.start_run() as run:
            mlflow.log_artifacts(str(model), "model")
        assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
        back = Path(
            mlflow.artifacts.download_artifacts(
                f"runs:/{run.info.run_id}/model", dst_path=str(tmp_path / "back")
            )
        )
        output = tmp_path / "answers.parquet"
        asked = ("--transactions", "t.csv", "--as_of", AS_OF, "--output", str(output))
        scored = commanded(["score", "--model", str(back), *asked], os.environ, tmp_path)
    assert Model.load(str(back)).signature is not None
    files = [path.relative_to(model) for path in model.rglob("*") if path.is_file()]
    assert [path for path in files if (back / path).read_bytes() != (model / path).read_bytes()] == []
    assert scored.returncode == 0, scored.stderr
    answered = pl.read_ndjson(held / "answers.jsonl", infer_schema_length=None)
    assert pl.read_parquet(output).to_dicts() == answered.to_dicts()
    assert not (tmp_path / "artifacts").exists()
