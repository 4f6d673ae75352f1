"""The MLflow store is asked before the work, and what is wrong with it is one sentence that names the fault."""

import errno
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from credit_model.operations import promote as promoting
from credit_model.settings.settings import Settings
from credit_model.tracking import left_runs, lock, registry, standing_run, store
from credit_model.tracking.model_folder import model_folder
from processes import ROOT, TrainedModel, commanded, free_port, listening


@pytest.fixture(autouse=True)
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Use a store; none of the waits of MLflow is set."""
    before = mlflow.get_tracking_uri()
    for name in ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    yield mlflow.set_tracking_uri
    mlflow.set_tracking_uri(before)


def write() -> None:
    """What a training asks first."""
    with store.run("credit-risk", {"seed": "7"}):
        pytest.fail("the work began")


def promote() -> str:
    return promoting.promote(Settings(version="challenger"))


def score() -> Path:
    return model_folder("models:/credit-risk@champion")


def said(ask: Callable[[], object]) -> str:
    with pytest.raises(ValueError, match=r"the .* store ") as fault:
        ask()
    text = str(fault.value)
    assert "secret" not in text
    assert "train one" not in text
    assert "\n" not in text
    return text


@pytest.fixture
def server() -> Iterator[Callable[..., str]]:
    """Starts a server that answers with one status, or only refuses writing; gives its URL, with a password."""
    servers = []

    def start(status: int, read: bytes = b"") -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(200 if read else status, read)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(status, b"")

            def answer(self, code: int, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://user:secret@127.0.0.1:{servers[-1].server_port}"

    yield start
    for one in servers:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, "wants a user and a password, or refuses those given; set MLFLOW_TRACKING_USERNAME"),
        (403, "does not let you (write runs|read models|promote versions of credit-risk); ask its owner"),
        (404, "is no MLflow tracking server; check MLFLOW_TRACKING_URI"),
        (500, "answers with an error of its own; see its log"),
        (503, "answers with an error of its own; see its log"),
    ],
)
def test_what_a_server_answers(
    use: Callable[[str], None], server: Callable[..., str], status: int, fault: str
) -> None:
    address = server(status)
    use(address)
    for ask in (write, promote, score):
        text = said(ask)
        assert text.startswith(f"the MLflow store {address.replace('user:secret@', '')} ")
        assert re.search(fault, text)


def test_a_user_who_may_only_read(
    use: Callable[[str], None], server: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = {"run_id": "0" * 32, "experiment_id": "1", "lifecycle_stage": "active", "status": "RUNNING"}
    use(server(403, read=json.dumps({"run": {"info": info, "data": {}}}).encode()))
    monkeypatch.setenv("MLFLOW_RUN_ID", info["run_id"])
    assert "does not let you write runs; ask its owner for the right" in said(write)


def test_a_server_that_is_down(use: Callable[[str], None]) -> None:
    use(f"http://user:secret@127.0.0.1:{free_port()}")
    for ask in (write, promote, score):
        assert "cannot be reached; start it, or check MLFLOW_TRACKING_URI" in said(ask)


def test_a_server_that_never_answers(use: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(f"http://127.0.0.1:{silent.getsockname()[1]}")
        for ask in (write, promote, score):
            assert (
                "did not answer within 1 s; see whether it runs, or set MLFLOW_HTTP_REQUEST_TIMEOUT"
                in said(ask)
            )


def test_the_store_has_seconds_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    with store.asking("read models"):
        assert [os.environ[name] for name in names] == ["5", "0"]
    assert not set(names) & os.environ.keys()
    for name in names:
        monkeypatch.setenv(name, "3")
    with store.asking("read models"):
        assert [os.environ[name] for name in names] == ["3", "3"]
    assert [os.environ[name] for name in names] == ["3", "3"]


def test_what_never_returns_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    never = threading.Event()

    def ask() -> None:
        with store.asking("read models"):
            store.within_time(never.wait, "s3://bucket")

    assert "did not answer within 1 s" in said(ask)
    never.set()


@pytest.mark.parametrize(
    ("driver_says", "fault"),
    [
        (
            'connection to server at "db" failed: FATAL:  password authentication failed for user "u"',
            "a password",
        ),
        ("fe_sendauth: no password supplied", "wants a user and a password"),
        ("(1045, \"Access denied for user 'u'@'h' (using password: YES)\")", "wants a user and a password"),
        ('connection to server at "db", port 5432 failed: Connection refused', "cannot be reached"),
        ('could not translate host name "db" to address', "cannot be reached"),
        ("(2003, \"Can't connect to MySQL server on 'db' ([Errno 111])\")", "cannot be reached"),
        ("connection to server failed: timeout expired", "did not answer within 5 s"),
        ("permission denied for table runs", "does not let you"),
        ('FATAL:  database "none" does not exist', 'cannot be used: .*database "none" does not exist'),
    ],
)
def test_what_a_database_answers(
    use: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, driver_says: str, fault: str
) -> None:
    engine = sqlalchemy.create_engine("sqlite://")

    def connect() -> None:
        raise sqlalchemy.exc.OperationalError(None, None, Exception(driver_says))

    monkeypatch.setattr(engine, "connect", connect)
    monkeypatch.setattr("sqlalchemy.create_engine", lambda *_, **__: engine)
    use("postgresql://u:secret@db/none?password=secret")
    for ask in (write, promote, score):
        text = said(ask)
        assert text.startswith("the MLflow store postgresql://db/none ")
        assert re.search(fault, text)


@pytest.mark.parametrize(
    ("database", "driver", "package"),
    [
        ("postgresql+psycopg2", "psycopg2", "psycopg2-binary"),
        ("postgresql+psycopg", "psycopg", "'psycopg[binary]'"),
        ("mysql", "MySQLdb", "mysqlclient"),
        ("mysql+pymysql", "pymysql", "pymysql"),
    ],
)
def test_a_driver_that_is_missing(
    use: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, database: str, driver: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    use(f"{database}://u:secret@db/runs")
    for ask in (write, promote, score):
        assert said(ask).endswith(f"{database}://db/runs needs {driver}; pip install {package}")


@pytest.mark.parametrize("kind", ["folder", "no database", "below a file"])
def test_a_file_that_is_no_store(use: Callable[[str], None], tmp_path: Path, kind: str) -> None:
    file = tmp_path / "file"
    file.write_text("some text, longer than the head of a database " * 20)
    path = {"folder": tmp_path, "no database": file, "below a file": file / "mlflow.db"}[kind]
    use(f"sqlite:///{path}")
    assert f"sqlite:///{path} cannot be " in said(write)
    if kind != "below a file":
        assert "cannot be opened as a database; check the file" in said(score)


def begun(database: Path, location: str) -> str:
    """A run that ``mlflow run`` would have begun, whose artifacts belong in a place."""
    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.create_experiment(location, artifact_location=location)
    return str(client.create_run(experiment).info.run_id)


def test_a_store_that_may_only_be_read(
    use: Callable[[str], None], database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", begun(database, tmp_path.as_uri()))
    monkeypatch.chdir(tmp_path)
    use(f"sqlite:///file:{database}?mode=ro&uri=true")
    assert "does not let you write runs; ask its owner for the right" in said(write)


@pytest.mark.parametrize("kind", ["no folder", "no library"])
def test_artifacts_that_cannot_be_written(
    use: Callable[[str], None], database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setitem(sys.modules, "boto3", None)
    location = {"no folder": (tmp_path / "file" / "inside").as_uri(), "no library": "s3://bucket/inside"}[
        kind
    ]
    fault = {"no folder": "cannot be used: ", "no library": "needs boto3; pip install boto3"}[kind]
    run_id = begun(database, location)
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    use(f"sqlite:///{database}")
    text = said(write)
    assert text.startswith(f"the artifact store {location}/")
    assert fault in text
    ended = MlflowClient().get_run(run_id)
    assert ended.info.status == "FAILED"
    assert ended.data.tags["mlflow.note.content"] == text


def test_a_run_keeps_its_settings_and_ends(
    use: Callable[[str], None], database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begun(database, (tmp_path / "artifacts").as_uri())
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    use(f"sqlite:///{database}")
    with store.run("credit-risk", {"seed": "7"}):
        mlflow.log_metric("found", 1)
    ended = MlflowClient().get_run(run_id)
    assert (ended.info.status, ended.data.params) == ("FINISHED", {"setting_seed": "7"})
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/settings.yaml") == "seed: '7'\n"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ValueError("too few customers"), "too few customers"),
        (ZeroDivisionError("a cell: 17"), "ZeroDivisionError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_run_whose_work_fails_says_why(
    use: Callable[[str], None],
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
    reason: str,
) -> None:
    run_id = begun(database, (tmp_path / reason).as_uri())
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    use(f"sqlite:///{database}")
    with pytest.raises(type(fault)), store.run("credit-risk", {}, "another name"):
        raise fault
    ended = MlflowClient().get_run(run_id)
    assert ended.info.run_name != "another name"
    assert (ended.info.status, ended.data.tags["mlflow.note.content"]) == ("FAILED", reason)


def test_a_run_that_is_terminated_ends(
    use: Callable[[str], None], database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begun(database, tmp_path.as_uri())
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    use(f"sqlite:///{database}")
    with pytest.raises(SystemExit, match="143"), store.run("credit-risk", {}):
        signal.raise_signal(signal.SIGTERM)
    assert MlflowClient().get_run(run_id).info.status == "FAILED"


def test_runs_that_nobody_works_on_any_more_are_ended_and_others_not(
    use: Callable[[str], None], database: Path, tmp_path: Path
) -> None:
    use(f"sqlite:///{database}")
    client = MlflowClient()
    experiment = client.create_experiment("left", artifact_location=tmp_path.as_uri())

    def begin(**tags: str) -> str:
        return str(client.create_run(experiment, tags=tags).info.run_id)

    with lock.alone("killed"):
        pass
    killed, elsewhere = (
        begin(**{left_runs.PROCESS: "killed"}),
        begin(**{left_runs.PROCESS: "another machine"}),
    )
    below = begin(**{"mlflow.parentRunId": killed})
    foreign = begin()
    with lock.alone("living"):
        living = begin(**{left_runs.PROCESS: "living"})
        with store.run("left", {}):
            pass
    found = {run: client.get_run(run).info.status for run in (killed, below, living, elsewhere, foreign)}
    ended = dict.fromkeys((killed, below), "FAILED")
    assert found == ended | dict.fromkeys((living, elsewhere, foreign), "RUNNING")
    assert client.get_run(killed).data.tags["mlflow.note.content"] == "its process ended without ending it"
    assert not lock.abandoned("killed")


def test_a_run_that_the_store_did_not_let_end_is_ended_by_the_next(
    use: Callable[[str], None], database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(f"sqlite:///{database}")
    client = MlflowClient()
    experiment = client.create_experiment("away", artifact_location=tmp_path.as_uri())

    def away(*_: object) -> None:
        raise MlflowException("too many 503 error")

    def work() -> None:
        with store.run("away", {}):
            patch.setattr(MlflowClient, "set_terminated", away)
            raise ValueError("too few")

    with monkeypatch.context() as patch, pytest.raises(ValueError, match="too few"):
        work()
    with store.run("away", {}):
        pass
    assert sorted(run.info.status for run in client.search_runs([experiment])) == ["FAILED", "FINISHED"]


def test_a_standing_run_whose_process_was_killed_is_ended(
    use: Callable[[str], None], database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(f"sqlite:///{database}")
    experiment = MlflowClient().create_experiment("standing", artifact_location=tmp_path.as_uri())
    monkeypatch.setattr(store, "EXPERIMENT", "standing")
    begun = MlflowClient().create_run(experiment, tags={"of": "m"}).info.run_id
    assert standing_run.opened("of", "m", "one").info.run_id == begun
    assert MlflowClient().get_run(begun).info.status == "FINISHED"


@pytest.mark.slow
def test_two_first_runs_at_once_on_a_store_that_is_not_there(tmp_path: Path) -> None:
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "PYTHONPATH": str(ROOT),
    }
    code = "from credit_model.tracking import store\nwith store.run('credit-risk', {}): pass"
    command = [sys.executable, "-c", code]
    started = [
        subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
    experiments = {one.name: one.experiment_id for one in client.search_experiments()}
    runs = client.search_runs([experiments["credit-risk"]])
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_said_without_a_stack_trace(number: int, caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        with store.using("log the run"):
            logging.getLogger("mlflow.store.db.utils").error("as MLflow does of a database")
            raise OSError(number, os.strerror(number))

    assert "has no room left; make room on its disk" in said(work)
    assert not caplog.records


def test_a_name_that_the_registry_does_not_take(use: Callable[[str], None], database: Path) -> None:
    use(f"sqlite:///{database}")
    assert "does not take this: " in said(lambda: registry.check_writable("a/b"))


@pytest.mark.slow
def test_commands_and_a_real_server(trained_model: TrainedModel, tmp_path: Path) -> None:
    port = free_port()
    server = ["mlflow", "server", "--port", str(port), "--workers", "1", "--backend-store-uri"]
    own = [f"sqlite:///{tmp_path / 'server.db'}", "--artifacts-destination", str(tmp_path / "artifacts")]
    given = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    explore = ["explore", "--transactions", str(trained_model.transactions)]
    score = ["score", *explore[1:], "--as_of", "2019-02-01", "--output", "a.csv"]
    with listening(
        [sys.executable, "-m", *server, *own], port, trained_model.environment, tmp_path, "health"
    ) as url:
        environment = trained_model.environment | given | {"MLFLOW_TRACKING_URI": url}
        explored = commanded(explore, environment, tmp_path)
        assert explored.returncode == 0, explored.stderr
        assert (
            f"credit_model: there is no model credit-risk in {url}; train one first\n"
            in commanded(score, environment, tmp_path).stderr
        )
    kept = {path.name for path in (tmp_path / "artifacts").rglob("*")}
    assert {"settings.yaml", "exploration.html"} <= kept
    for command in (explore, score):
        down = commanded(command, environment, tmp_path)
        assert down.returncode == 2
        expected = f"the MLflow store {url} cannot be reached; start it, or check MLFLOW_TRACKING_URI"
        assert down.stderr == f"credit_model: {expected}\n"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql://user:secret@host:5432/runs", "postgresql://host:5432/runs"),
        ("mysql+pymysql://user:se@cr#et@host/runs", "mysql+pymysql://host/runs"),
        ("postgresql://host/runs?password=secret", "postgresql://host/runs"),
        ("https://token@host/mlflow", "https://host/mlflow"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("models:/credit-risk@champion", "models:/credit-risk@champion"),
    ],
)
def test_no_password_is_shown(uri: str, expected: str) -> None:
    assert store.shown(uri) == expected
