"""How hypothesis runs (the same cases every time in CI, new ones at a desk), what runs first, and one small trained model."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from credit_model.synthetic import generate
from processes import ROOT, TrainedModel, make_champion, run

LONGEST = (
    "test_document_commands.py",
    "test_identity.py",
    "test_notebooks.py",
    "test_environments.py",
    "test_container.py",
    "test_stack.py",
    "test_document_alone.py",
    "test_spark_streaming.py",
    "test_spark_job.py",
    "test_mlproject.py",
    "test_train.py",
)

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
# A JVM of some seconds does not earn back what its second compiler and parallel collectors take.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then those with slow tests: no worker is alone with one of them in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (place.get(item.path.name, len(LONGEST)), item.path not in slow))


@pytest.fixture(autouse=True)
def no_experiment_is_left() -> Iterator[None]:
    """MLflow keeps the experiment that a test sets, also in the environment, which the processes of later tests would inherit."""
    yield
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    if fluent := sys.modules.get("mlflow.tracking.fluent"):
        vars(fluent).update(_active_experiment_id=None)


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> TrainedModel:
    """Trained once for all workers; each has a store of its own."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "trained"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "printed.txt").exists():
            _train(folder)
    shutil.copy(folder / "mlflow.db", own / "mlflow.db")
    return _model(folder, own / "mlflow.db", (folder / "printed.txt").read_text())


def _train(folder: Path) -> None:
    model = _model(folder, folder / "mlflow.db")
    generate.transactions(customers=500, seed=7).write_parquet(model.transactions)
    command = ["-m", "credit_model", "train", "--transactions", str(model.transactions)]
    done = run(command, model.environment | {"PYTHONPATH": str(ROOT)}, folder)
    assert done.returncode == 0, done.stderr
    make_champion(model, "credit-risk")
    (folder / "printed.txt").write_text(done.stdout)


def _model(folder: Path, store: Path, printed: str = "") -> TrainedModel:
    return TrainedModel(
        "models:/credit-risk@champion", f"sqlite:///{store}", folder / "transactions.parquet", printed
    )


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store for tests that leave no model there; to make its tables takes seconds."""
    return tmp_path_factory.mktemp("store") / "mlflow.db"
