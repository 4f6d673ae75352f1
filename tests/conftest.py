"""How hypothesis runs (the same cases every time in CI, new ones at a desk), and one small trained model."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from credit_model.synthetic import generate
from processes import ROOT, TrainedModel, make_champion, run

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    folder = tmp_path_factory.mktemp("trained")
    transactions = folder / "transactions.parquet"
    generate.transactions(customers=500, seed=7).write_parquet(transactions)
    model = TrainedModel(
        "models:/credit-risk@champion", f"sqlite:///{folder / 'mlflow.db'}", transactions, ""
    )
    command = ["-m", "credit_model", "train", "--transactions", str(transactions)]
    done = run(command, model.environment | {"PYTHONPATH": str(ROOT)}, folder)
    assert done.returncode == 0, done.stderr
    make_champion(model, "credit-risk")
    return TrainedModel(model.uri, model.tracking, transactions, done.stdout)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store for tests that leave no model there; to make its tables takes seconds."""
    return tmp_path_factory.mktemp("store") / "mlflow.db"
