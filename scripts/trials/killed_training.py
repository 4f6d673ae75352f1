"""Trainings that cannot end well: killed, without room, without a registry, with a clock that jumps; the champion stays served.

``python scripts/trials/killed_training.py --kills 25`` trains a champion, then kills that many further trainings (SIGKILL), each
at a moment drawn from its share of a training's length. After each the champion must be the same version, with its files whole,
and answer as before, and the file that the training writes must be whole or absent. Then trainings without room for their files,
on a full disk (a small tmpfs, where this may be mounted), with a registry that is not there or goes away midway, and with clocks
that jump (the Debian package faketime) must be refused in one sentence each, or be right; and the next training succeeds, after
which no run is left running. It prints a line for each part; exit code 1 where anything is missing.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
import polars as pl
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from credit_model.tracking.model_folder import verify
from registered import (
    NAME,
    champion,
    command,
    done,
    environment,
    ledger_faults,
    left_running,
    plain_refusal,
    small_data,
    training,
    versions,
)
from stock_server import free_port
from tracking_server import mlflow_server

IMPATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
WALL_CLOCK = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # alone jumps; what measures time goes on
MEGABYTE = 1 << 20


@dataclass
class Place:
    """A sqlite store with a champion, and what the champion answers.

    Attributes:
        folder: of the store, its artifacts and the files.
        transactions: that are trained on.
        seconds: that the first training took.
        answers: of the champion.
        whole: the table that a training writes.
    """

    folder: Path
    transactions: Path
    seconds: float = 0.0
    answers: pd.DataFrame = field(default_factory=pd.DataFrame)
    whole: bytes = b""

    @property
    def tracking(self) -> str:
        """The store's URI."""
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def table(self) -> Path:
        """What a training writes beside its run."""
        return self.folder / "customers.csv"

    def words(self) -> list[str]:
        """The command of a training."""
        return [*training(self.transactions), "--customers_table", str(self.table)]

    def trained(self, *before: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A training, to its end."""
        return done([*before, *self.words()], environment(self.tracking, **variables), self.folder)

    def asked(self) -> pd.DataFrame:
        """What the champion answers for every customer."""
        mlflow.set_tracking_uri(self.tracking)
        table = pl.read_parquet(self.transactions).select("CustomerId", "TransactionStartTime", "Amount")
        rows = table.with_columns(pl.col("TransactionStartTime").dt.to_string("iso:strict"))
        model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
        answers: pd.DataFrame = model.predict(rows.to_pandas(), {"as_of": "2019-01-14T00:00:00Z"})
        return answers

    def begin(self) -> None:
        """The first training, whose version is the champion."""
        start, first = time.monotonic(), self.trained()
        if first.returncode or champion(self.tracking) != "1":
            raise SystemExit(f"the first training made no champion:\n{first.stdout}{first.stderr}")
        self.seconds, self.answers = time.monotonic() - start, self.asked()
        self.whole = self.table.read_bytes()

    def faults(self) -> list[str]:
        """What is no longer as it was: the champion, its answers, any version's files, or what a training writes."""
        found = [] if champion(self.tracking) == "1" else [f"version {champion(self.tracking)} is champion"]
        found += [] if self.asked().equals(self.answers) else ["the champion answers otherwise"]
        for version in versions(self.tracking):
            with reported(found, f"version {version}"):
                verify(f"models:/{NAME}/{version}")
        if self.table.exists() and self.table.read_bytes() != self.whole:
            found.append("the table of customers is not whole")
        return found

    def ends_well(self) -> list[str]:
        """What is wrong after one more training that nothing disturbs."""
        before, last = versions(self.tracking), self.trained()
        found = [] if last.returncode == 0 else [f"the next training failed: {last.stderr[-600:]}"]
        found += [] if len(versions(self.tracking)) == len(before) + 1 else ["it registered no version"]
        running = left_running(self.tracking)
        return [
            *found,
            *([f"{len(running)} runs are left running"] if running else []),
            *ledger_faults(self.tracking),
            *self.faults(),
        ]


@contextmanager
def reported(faults: list[str], what: str) -> Iterator[None]:
    """Add a fault instead of raising it."""
    try:
        yield
    except Exception as fault:  # noqa: BLE001 - whatever it is, the trial goes on
        faults.append(f"{what}: {fault}")


def killed(place: Place, given: argparse.Namespace) -> tuple[str, list[str]]:
    """Trainings killed at random moments."""
    draw, found, ended, registered = random.Random(given.seed), list[str](), 0, len(versions(place.tracking))
    for number in range(given.kills):
        place.table.unlink(missing_ok=True)
        moment = (number + draw.random()) / given.kills * place.seconds
        process = subprocess.Popen(
            place.words(),
            env=environment(place.tracking),
            cwd=place.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with suppress(subprocess.TimeoutExpired):
            ended += process.wait(moment) == 0
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found += [f"killed after {moment:.1f} s: {fault}" for fault in place.faults()]
    running = len(left_running(place.tracking))
    more = len(versions(place.tracking)) - registered
    said = f"{given.kills} kills within {place.seconds:.0f} s, {ended} too late, {more} after the version was registered"
    return f"{said}, {running} runs left running before the next training", [*found, *place.ends_well()]


def limited(place: Place, _: argparse.Namespace) -> tuple[str, list[str]]:
    """Trainings that may write no file beyond a size."""
    found, sizes = list[str](), (0, 20_000, 200_000)
    for size in sizes:
        refused = subprocess.run(
            place.words(),
            env=environment(place.tracking),
            cwd=place.folder,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
        )
        found += [f"at {size} bytes: {fault}" for fault in [*plain_refusal(refused), *place.faults()]]
        print(f"  at {size} bytes a file: {refused.stderr.strip()[-300:]}")
    return f"{len(sizes)} limits on the size of files", [*found, *place.ends_well()]


def full(_: Place, given: argparse.Namespace) -> tuple[str, list[str]]:
    """Trainings on a disk without room."""
    with TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", name]
        tried = subprocess.run(mount, capture_output=True, text=True, check=False)
        if tried.returncode:
            return f"skipped, no tmpfs can be mounted here ({tried.stderr.strip()})", []
        try:
            return _on_full_disk(Path(name), given.customers)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def _on_full_disk(folder: Path, customers: int) -> tuple[str, list[str]]:
    place, found, rooms = (
        Place(folder, small_data(folder, customers)),
        list[str](),
        (0, 100_000, MEGABYTE, 2 * MEGABYTE),
    )
    place.begin()
    temporary = folder / "tmp"
    temporary.mkdir()
    for room in rooms:
        filler = folder / "filler"
        with filler.open("wb") as out:
            out.truncate(0)
            left = shutil.disk_usage(folder).free - room
            out.write(bytes(max(0, left)))
        refused = place.trained()
        print(f"  with {room} bytes left: {refused.stderr.strip()[-300:]}")
        filler.unlink()
        found += [f"with {room} bytes left: {fault}" for fault in [*plain_refusal(refused), *place.faults()]]
    return f"{len(rooms)} trainings on a full disk", [*found, *place.ends_well()]


def unreachable(place: Place, _: argparse.Namespace) -> tuple[str, list[str]]:
    """Trainings whose registry refuses, and one whose server stops midway."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    refused = done(place.words(), environment(nowhere, **IMPATIENT), place.folder)
    print(f"  nobody there: {refused.stderr.strip()[-300:]}")
    found = [f"nobody there: {fault}" for fault in [*plain_refusal(refused), *place.faults()]]
    with TemporaryDirectory() as name:
        with mlflow_server(place.tracking, Path(name)) as address:
            process = subprocess.Popen(
                place.words(),
                env=environment(address, **IMPATIENT),
                cwd=place.folder,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            while process.poll() is None and not left_running(place.tracking):
                time.sleep(0.1)
        out, error = process.communicate()
    print(f"  stopped midway: {error.strip()[-300:]}")
    stopped = subprocess.CompletedProcess(process.args, process.returncode, out, error)
    found += [f"stopped midway: {fault}" for fault in [*plain_refusal(stopped), *place.faults()]]
    return "a registry that is not there, and one that goes away", [*found, *place.ends_well()]


def clock(place: Place, _: argparse.Namespace) -> tuple[str, list[str]]:
    """Trainings and promotions whose clocks disagree by days, and one whose clock goes backwards in its run."""
    fake = shutil.which("faketime")
    if fake is None:
        return "skipped, this machine lacks faketime", []
    found, days = list[str](), {}
    for jump in ("-3d", "+5d", "-40d"):
        trained = place.trained(fake, "-f", jump, **WALL_CLOCK)
        found += [f"{jump}: {trained.stderr[-600:]}"] if trained.returncode else []
        days[str(versions(place.tracking)[-1])] = jump
    for version, jump in [*days.items(), (None, "-100d")]:
        words = ("promote", "--version", version) if version else ("promote", "--rollback")
        variables = environment(place.tracking, **WALL_CLOCK)
        promoted = done([fake, "-f", jump, *command(*words)], variables, place.folder)
        found += [f"{' '.join(words)} at {jump}: {promoted.stderr[-600:]}"] if promoted.returncode else []
    expected = list(days)[-2]
    now = champion(place.tracking)
    found += [] if now == expected else [f"rolled back to version {now}, the former champion was {expected}"]
    found += ledger_faults(place.tracking)
    with suppress(MlflowException):
        MlflowClient().set_registered_model_alias(NAME, "champion", "1")
    found += place.faults()
    backwards = place.trained(fake, "-f", "+0 x-3600", **WALL_CLOCK)
    found += [f"backwards: {backwards.stderr[-600:]}"] if backwards.returncode else []
    return f"clocks at {', '.join(days.values())}, and one that runs backwards", [*found, *place.faults()]


PARTS: dict[str, Callable[[Place, argparse.Namespace], tuple[str, list[str]]]] = {
    "killed": killed,
    "limited": limited,
    "full": full,
    "unreachable": unreachable,
    "clock": clock,
}


def main(words: Sequence[str] | None = None) -> int:
    """Try every part; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    given, failed = parser.parse_args(words), False
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        place = Place(Path(name), small_data(Path(name), given.customers))
        place.begin()
        for part in given.parts:
            said, faults = PARTS[part](place, given)
            print(f"{part}: {said}: {'; '.join(faults) or 'as it should be'}", flush=True)
            failed |= bool(faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
