"""Access to the MLflow store, with its errors as sentences.

The store is checked before the work begins: one that cannot be reached or written to is found in seconds, not after a
training.
"""

import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from credit_model.tracking import left_runs, lock

if TYPE_CHECKING:
    from mlflow.entities import RunInfo
    from sqlalchemy import URL


EXPERIMENT = "credit-risk"
_Result = TypeVar("_Result")
_SECONDS, _RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_WAITS = {_SECONDS: "5", _RETRIES: "0"}
_LIMITED = {"", "file", "sqlite", "http", "https", "mlflow-artifacts", "runs"}
_DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}
_PACKAGES = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
_TERMINATED = 143
_LOOK = "check that it is there and its permissions, or name another in MLFLOW_TRACKING_URI"

# What libraries and servers say -> what it means, and what to do; the first that matches counts.
_MEANINGS = (
    (
        r"UNAUTHENTICATED|error code 401|401 Client|password authentication failed|no password supplied|\(1045|Login failed",
        "wants a user and a password, or refuses those given",
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for a server, or put them into the URL of a database",
    ),
    (
        r"PERMISSION_DENIED|error code 403|403 Client|permission denied|command denied|\(1044|readonly database|read-only",
        "does not let you WHAT",
        "ask its owner for the right, or name another store in MLFLOW_TRACKING_URI",
    ),
    (
        "timed out|timeout expired|^TimeoutError",
        "did not answer within SECONDS s",
        f"see whether it runs, or set {_SECONDS} to wait longer",
    ),
    (
        r"too many 5\d\d error|error code 5\d\d|5\d\d Server Error",
        "answers with an error of its own",
        f"see its log and try again, or set {_RETRIES} to insist",
    ),
    (
        "ENDPOINT_NOT_FOUND|error code 404",
        "is no MLflow tracking server",
        "check MLFLOW_TRACKING_URI",
    ),
    (
        r"CERTIFICATE|certificate|SSLError",
        "has a certificate that is not trusted here",
        "name the file of its authority in MLFLOW_TRACKING_SERVER_CERT_PATH",
    ),
    (
        r"ConnectionError|onnection refused|could not translate host|Can't connect|Unknown server host|EndpointConnection",
        "cannot be reached",
        "start it, or check MLFLOW_TRACKING_URI",
    ),
    (
        "No space left on device|File too large|quota exceeded|database or disk is full",
        "has no room left",
        "make room on its disk, or name another store in MLFLOW_TRACKING_URI",
    ),
    (
        r"unable to open database|not a database|disk I/O error",
        "cannot be opened as a database",
        "check the file, its folder, their permissions and the room on the disk, or name another in MLFLOW_TRACKING_URI",
    ),
    (
        "out-of-date database schema",
        "was made by another version of MLflow",
        "make a copy of it and run mlflow db upgrade with its URL",
    ),
    ("INVALID_PARAMETER_VALUE", "does not take this: SAID", "give it what it asks for"),
    ("database is locked", "is locked by another process", "try again once that has ended"),
    (
        "[Cc]redentials",
        "finds no credentials, or refuses those given",
        "set those that your storage asks for, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
)


def shown(address: str) -> str:
    """A URI without user, password and query, safe to print."""
    return _masked(address).partition("?")[0]


def uri() -> str:
    """The URI of the tracking store in use, safe to print."""
    return shown(mlflow.get_tracking_uri())


@contextmanager
def asking(what: str, place: str | None = None) -> Iterator[None]:
    """Ask the store before the work begins: it has a few seconds to answer, unless the user has set MLflow's own limits.

    Args:
        what: what it is asked for, as in "does not let you …".
        place: URI of the store, if it is not that of ``MLFLOW_TRACKING_URI``.

    Raises:
        ValueError: the store does not answer, or refuses.
    """
    with _briefly():
        try:
            yield
        except ValueError:
            raise
        except Exception as fault:  # noqa: BLE001 - the libraries of databases and storage raise kinds of their own
            raise ValueError(_sentence(fault, what, place or _store())) from None


@contextmanager
def using(what: str) -> Iterator[None]:
    """Use the store during the work, with MLflow's own limits of time; arguments as in ``asking``.

    Raises:
        ValueError: the store no longer answers, or refuses.
    """
    try:
        with _without_traces():
            yield
    except ValueError:
        raise
    except Exception as fault:  # as in ``asking``; what has no known meaning is a fault of ours
        if _meaning(fault) is None:
            raise
        raise ValueError(_sentence(fault, what, _store())) from None


@contextmanager
def _without_traces() -> Iterator[None]:
    """Let MLflow not print a stack trace of what a database refuses; it is raised too."""
    log = logging.getLogger("mlflow.store.db.utils")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def reach(*, create: bool) -> None:
    """Connect to a store that is a database, which MLflow itself would retry for minutes; other stores are not asked here.

    Args:
        create: whether a missing sqlite file may be created later.

    Raises:
        ValueError: the sqlite file does not exist and may not be created.
    """
    for used in _databases():
        _connect(used, create=create)


def _databases() -> set[str]:
    """The URIs of the stores in use that are databases."""
    used = {mlflow.get_tracking_uri(), mlflow.get_registry_uri()}
    return {uri for uri in used if uri.partition(":")[0].partition("+")[0] in _DATABASES}


def exists() -> bool:
    """Whether the store is there; only a sqlite file is known not to be without asking."""
    from sqlalchemy import make_url

    used = mlflow.get_tracking_uri()
    file = _file(make_url(used)) if used.startswith("sqlite") else None
    return file is None or file.exists()


def _connect(database: str, *, create: bool) -> None:
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.pool import NullPool

    engine = create_engine(database, poolclass=NullPool)
    file = _file(engine.url)
    if file is not None and not file.exists():
        if create:
            return  # MLflow makes it, and its folder
        if not file.parent.is_dir():
            raise ValueError(
                f"the folder of the MLflow store {shown(database)} does not exist; check MLFLOW_TRACKING_URI"
            )
        raise ValueError(
            f"there is no MLflow store {shown(database)}; train one first, or name another in MLFLOW_TRACKING_URI"
        )
    within_time(lambda: inspect(engine).get_table_names(), database)


def _file(url: "URL") -> Path | None:
    """The file of a sqlite store that is named by its path."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database)


def within_time(call: Callable[[], _Result], address: str) -> _Result:
    """Call a function inside ``asking`` with a limit of time; one that does not return in time ends with the process.

    Args:
        call: asks a library that has no limit of its own.
        address: URI of what is asked; local files need no limit, and for a server MLflow's requests have one.

    Returns:
        What the function returns.
    """
    if address.partition(":")[0] in _LIMITED or int(os.environ[_RETRIES]):
        return call()
    limit = int(os.environ[_SECONDS])
    with ThreadPool(1) as pool:
        return pool.apply_async(call).get(limit)


@contextmanager
def run(experiment: str, parameters: Mapping[str, str], name: str | None = None) -> Iterator[None]:
    """Begin a run, with its parameters and a first artifact, before the work; if the work fails, the run ends as failed.

    The reason of the failure becomes the run's description.

    Runs that killed processes of this machine left running in the experiment are ended first.

    Args:
        experiment: name of the experiment, unless ``mlflow run`` has chosen one and begun the run.
        parameters: logged as the run's parameters and as ``settings.yaml``, which the parameter ``config`` accepts.
        name: of the run, unless ``mlflow run`` has begun it; without one MLflow makes one up.

    Raises:
        ValueError: no run or no artifact can be written.
    """
    with left_runs.process() as process:
        started = _started(experiment, process, name)
        try:
            with _terminable():
                _keep(started, parameters)
                yield
        except BaseException as fault:
            if _failed(started.run_id, fault):
                lock.forget(process)
            raise
        with using("end runs"):
            mlflow.end_run()
        lock.forget(process)


def _started(experiment: str, process: str, name: str | None) -> "RunInfo":
    try:
        with asking("write runs"):
            reach(create=True)
            make_tables()
            if os.environ.get("MLFLOW_RUN_ID"):
                name = None  # MLflow would give it to the run that ``mlflow run`` has begun
            else:
                mlflow.set_experiment(experiment_id=experiment_id(experiment))
            return mlflow.start_run(run_name=name, tags={left_runs.PROCESS: process}).info
    except BaseException:
        lock.forget(process)
        raise


def make_tables() -> None:
    """Let MLflow make the tables of a new database in turn: of two processes at once that make them one would fail."""
    with ExitStack() as turns:
        for database in sorted(_databases()):
            turns.enter_context(lock.in_turn(f"tables of {database}"))
            client = MlflowClient()
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)


def experiment_id(name: str) -> str:
    """The id of an experiment, which is made where there is none; another process may make it at the same time."""
    client = MlflowClient()
    for _ in range(2):
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        with suppress(MlflowException):
            return str(client.create_experiment(name))
    return str(client.create_experiment(name))


def _keep(started: "RunInfo", parameters: Mapping[str, str]) -> None:
    """Write the parameters, and with them the first artifact, to find out whether both can be written."""
    with asking("write runs"):
        left_runs.end(started.experiment_id)
        # `mlflow run` has logged every parameter under its own name already, those not given as empty.
        mlflow.log_params({f"setting_{name}": text for name, text in parameters.items()})
    text, place = yaml.safe_dump(dict(parameters), sort_keys=False, allow_unicode=True), started.artifact_uri
    with asking("write artifacts", f"the artifact store {shown(place)}"):
        within_time(lambda: MlflowClient().log_text(started.run_id, text, "settings.yaml"), place)


def _failed(run_id: str, fault: BaseException) -> bool:
    """End the run as failed, with the reason; returns whether the store accepted this."""
    reason = str(fault) if isinstance(fault, ValueError | OSError) else type(fault).__name__
    with _briefly(), suppress(MlflowException):
        MlflowClient().set_tag(run_id, "mlflow.note.content", reason)
    with _briefly(), suppress(MlflowException):
        mlflow.end_run("FAILED")
        return True
    return False


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a termination leave by way of the open contexts, so that it closes the run."""
    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def _briefly() -> Iterator[None]:
    """Let MLflow wait for seconds instead of minutes, and log no error that is reported in a sentence."""
    added = {name: text for name, text in _WAITS.items() if not os.environ.get(name)}
    os.environ.update(added)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        for name in added:
            del os.environ[name]


def _store() -> str:
    return f"the MLflow store {uri()}"


def _sentence(fault: BaseException, what: str, place: str) -> str:
    if isinstance(fault, ModuleNotFoundError) and fault.name:
        return f"{place} needs {fault.name}; pip install {_PACKAGES.get(fault.name, fault.name)}"
    said, remedy = _meaning(fault) or (f"cannot be used: {_first_line(fault)}", _LOOK)
    return f"{place} {said}; {remedy}".replace("WHAT", what).replace(
        "SECONDS", os.environ.get(_SECONDS, "120")
    )


def _meaning(fault: BaseException) -> tuple[str, str] | None:
    told = "\n".join(f"{type(one).__name__} {getattr(one, 'error_code', '')} {one}" for one in _chain(fault))
    matching = (
        (said, remedy) for pattern, said, remedy in _MEANINGS if re.search(pattern, told, re.MULTILINE)
    )
    return next(matching, None)


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """An exception and its causes."""
    cause: BaseException | None = fault
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _first_line(fault: BaseException) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return _masked(str(fault).strip().partition("\n")[0]) or type(fault).__name__


def _masked(text: str) -> str:
    """A text in which no URI tells its user and password."""
    return re.sub(r"://[^/\s]\S*@", "://", text)
