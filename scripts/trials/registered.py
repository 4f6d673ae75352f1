"""What the trials of training share: small data, trainings as processes, and what must be true of the store after."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from credit_model.synthetic import generate
from credit_model.tracking import ledger
from credit_model.tracking.environment import mlflow_defaults

NAME = "credit-risk"
ROOT = Path(__file__).parents[2]
PATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}  # several trainings at once keep a small machine busy


def small_data(folder: Path, customers: int = 300) -> Path:
    """Transactions of a few customers over 60 days."""
    path = folder / "transactions.parquet"
    generate.transactions(customers=customers, days=60, seed=7).write_parquet(path)
    return path


def environment(tracking: str, **more: str) -> dict[str, str]:
    """The variables of a command that uses a store."""
    own = {"MLFLOW_TRACKING_URI": tracking, "PYTHONPATH": str(ROOT), **PATIENT, **more}
    return os.environ | own | mlflow_defaults(Path.cwd(), own)


def command(*words: str) -> list[str]:
    """A command of the package."""
    return [sys.executable, "-m", "credit_model", *words]


def training(transactions: Path) -> list[str]:
    """A training that takes seconds and registers."""
    return command("train", "--transactions", str(transactions), "--candidate", "scorecard")


def started(words: list[str], variables: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    """A process whose output is kept."""
    return subprocess.Popen(
        words, env=variables, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def done(words: list[str], variables: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that has ended."""
    return subprocess.run(words, env=variables, cwd=folder, capture_output=True, text=True, check=False)


def champion(tracking: str) -> str | None:
    """Number of the version that is champion."""
    mlflow.set_tracking_uri(tracking)
    number = MlflowClient().get_registered_model(NAME).aliases.get("champion")
    return None if number is None else str(number)


def versions(tracking: str) -> list[int]:
    """Numbers of the registered versions."""
    mlflow.set_tracking_uri(tracking)
    return sorted(int(one.version) for one in MlflowClient().search_model_versions(f"name = '{NAME}'"))


def left_running(tracking: str) -> list[str]:
    """Ids of runs of any experiment that nobody has ended."""
    mlflow.set_tracking_uri(tracking)
    experiments = [one.experiment_id for one in MlflowClient().search_experiments()]
    found = MlflowClient().search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1_000)
    return [run.info.run_id for run in found]


def ledger_faults(tracking: str) -> list[str]:
    """What is not whole in the ledger: an attempt without an end, or a champion that no attempt made."""
    mlflow.set_tracking_uri(tracking)
    entries = ledger.entries(NAME)
    allowed = {entry.attempt for entry in entries if entry.result == ledger.ALLOWED}
    ended = {entry.attempt for entry in entries if entry.result in {ledger.DONE, ledger.OVERTAKEN}}
    order, moves = ledger.moves(NAME), [entry for entry in entries if entry.result == ledger.DONE]
    made = [entry.version for entry in sorted(moves, key=lambda entry: order.get(entry.attempt, 0))]
    open_ends = [f"{len(allowed - ended)} attempts of the ledger have no end"] if allowed - ended else []
    now = champion(tracking)
    return (
        open_ends if now in made[-1:] else [*open_ends, f"version {now} is champion, the ledger says {made}"]
    )


def plain_refusal(process: subprocess.CompletedProcess[str]) -> list[str]:
    """What is wrong with how a command refused: it ends with 2 and one sentence, and no traceback."""
    lines = [line for line in process.stderr.splitlines() if line.startswith("credit_model: ")]
    faults = [f"exit code {process.returncode}"] if process.returncode != 2 else []
    faults += ["a traceback"] if "Traceback" in process.stderr else []
    return faults + ([f"{len(lines)} sentences"] if len(lines) != 1 else [])
