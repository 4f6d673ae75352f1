"""The artifact's side of a warm process: one reply for every line, whatever the line asks for."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import small_model
from credit_model.serving import jobs
from credit_model.serving.jobs import PROTOCOL, Job
from credit_model.serving.warm import WORKS
from credit_model.synthetic import generate

pytestmark = pytest.mark.slow


def told(folder: Path, *lines: str) -> tuple[list[dict[str, Any]], int]:
    """The replies of a process with the code of a model to its start and to lines, and its exit code."""
    first = json.dumps(asdict(Job(str(folder / "artifacts" / "scorer"))))
    done = subprocess.run(
        [sys.executable, "-P", "-m", jobs.MANIFEST["modules"]["warm"], first],
        env=jobs.own_code(folder),
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def test_every_line_has_its_reply_and_the_process_ends_with_its_input(tmp_path: Path) -> None:
    folder = small_model.write(tmp_path / "model")
    generate.transactions(customers=20, days=60, seed=3).write_parquet(tmp_path / "t.parquet")
    job = Job(
        str(folder / "artifacts" / "scorer"),
        str(tmp_path / "t.parquet"),
        as_of="2019-01-10",
        output=str(tmp_path / "a.parquet"),
        protocol=6,
        command="score",
    )
    lines = [
        job,
        replace(job, transactions="none.parquet"),
        replace(job, command="dance"),
        replace(job, protocol=PROTOCOL + 1),
        replace(job, as_of="2030-01-01", command="score"),
    ]
    replies, code = told(folder, *(json.dumps(asdict(line) | {"new": 1}) for line in lines))
    faults = [reply["fault"] for reply in replies]
    assert (faults[:2], faults[5], code) == ([None, None], None, 0)
    assert faults[2] == "none.parquet does not exist; check the path"
    assert faults[3] == "the model's code knows no dance; train the model again"
    assert f"the job needs protocol {PROTOCOL + 1}" in faults[4]
    (warned,) = replies[5]["warned"]
    assert warned.startswith("warning: 20 of 20 decisions have no history")
    assert pl.read_parquet(tmp_path / "a.parquet").height == 20


def test_a_scorer_that_cannot_be_read_is_the_only_reply(tmp_path: Path) -> None:
    folder = small_model.write(tmp_path / "model")
    with (folder / "artifacts" / "scorer" / "scorer.json").open("a") as file:
        file.write(" ")
    replies, code = told(folder, "{}")
    assert (len(replies), code) == (1, 2)
    assert replies[0]["fault"].startswith("scorer.json of the model is not the file that was saved")


def test_what_a_warm_process_does_are_commands_of_the_manifest() -> None:
    assert set(WORKS) < set(jobs.MANIFEST["modules"])
