"""Trainings at once: a version each, one champion, a whole ledger, no run left running.

``python scripts/trials/trainings_at_once.py`` starts two trainings at once on a sqlite store that is not there yet, and four on a
new PostgreSQL, once straight and once through MLflow's server. Each is a process of its own. It prints a line for each store;
exit code 1 where anything is missing. It needs the Debian package postgresql, and psycopg2.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient

from registered import (
    NAME,
    champion,
    environment,
    ledger_faults,
    left_running,
    small_data,
    started,
    training,
    versions,
)
from tracking_server import INITDB, mlflow_server, postgresql

STORES = ("sqlite", "postgresql", "server")


def at_once(tracking: str, count: int, transactions: Path, folder: Path) -> list[str]:
    """What is wrong after trainings at once on a new store."""
    processes = [started(training(transactions), environment(tracking), folder) for _ in range(count)]
    said = [process.communicate() for process in processes]
    faults = [
        f"a training ended with {process.returncode}: {error[-600:]}"
        for process, (_, error) in zip(processes, said, strict=True)
        if process.returncode or "Traceback" in error
    ]
    return faults or [*_registered(tracking, count, [out for out, _ in said]), *ledger_faults(tracking)]


def _registered(tracking: str, count: int, said: Sequence[str]) -> list[str]:
    found = versions(tracking)
    faults = [] if found == [*range(1, count + 1)] else [f"the versions are {found}"]
    told = [out for out in said if "challenger and champion" in out]
    own = len(told) == 1 and f"version {champion(tracking)}, challenger and champion" in told[0]
    faults += [] if own else [f"{len(told)} trainings say that theirs is champion"]
    running = left_running(tracking)
    faults += [f"{len(running)} runs are left running"] if running else []
    return [*faults, *_elsewhere(tracking)]


def _elsewhere(tracking: str) -> list[str]:
    """Runs of versions that did not end well or lie in another experiment."""
    mlflow.set_tracking_uri(tracking)
    client = MlflowClient()
    found = client.search_model_versions(f"name = '{NAME}'")
    runs = [client.get_run(version.run_id or "").info for version in found]
    expected = client.get_experiment_by_name(NAME)
    places = expected is None or {run.experiment_id for run in runs} != {expected.experiment_id}
    ends = {str(run.status) for run in runs} - {"FINISHED"}
    return (["runs lie in another experiment"] if places else []) + [f"runs are {end}" for end in ends]


def main(words: Sequence[str] | None = None) -> int:
    """Try the stores; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--trainings", type=int, default=4, help="at once on PostgreSQL; two on sqlite")
    parser.add_argument("--customers", type=int, default=300)
    given = parser.parse_args(words)
    failed = False
    for store in given.stores:
        if store != "sqlite" and not INITDB.exists():
            print(f"{store}: skipped, this machine lacks postgresql")
            continue
        faults, seconds, count = _tried(store, given.trainings, given.customers)
        print(
            f"{store}: {count} trainings at once in {seconds:.0f} s: {'; '.join(faults) or 'as it should be'}"
        )
        failed |= bool(faults)
    return int(failed)


def _tried(store: str, trainings: int, customers: int) -> tuple[list[str], float, int]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        tracking = f"sqlite:///{folder}/mlflow.db"
        if store != "sqlite":
            tracking = stack.enter_context(postgresql())
        if store == "server":
            tracking = stack.enter_context(mlflow_server(tracking, folder))
        count = 2 if store == "sqlite" else trainings
        transactions, start = small_data(folder, customers), time.monotonic()
        return at_once(tracking, count, transactions, folder), time.monotonic() - start, count


if __name__ == "__main__":
    sys.exit(main())
