"""A line for every decision, without its customer's id; whatever happens to the log, the answer goes out."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.serving.decision_log import DAYS, KEY, MEGABYTES, SWITCH, keyed_hash
from credit_model.serving.fast.answer import SWITCH as FAST
from credit_model.serving.log_file import FIRST, LogFile, line, read_line
from documents import command
from logged import EVERY, HASH_KEY, SCORED, ask, entries, loaded
from processes import ROOT, execute
from scorers import small_scorer


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, HASH_KEY)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "decisions.jsonl"


def test_it_is_off_unless_it_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    assert loaded(small_scorer(), tmp_path / "off").log is None
    monkeypatch.setenv(SWITCH, str(log))
    ask(loaded(small_scorer(), tmp_path / "on"), SCORED)
    assert len(entries(log)) == 1


@pytest.mark.parametrize("unfit", ["", "too short"])
def test_without_a_key_it_refuses_to_load(
    unfit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, unfit)
    with pytest.raises(ValueError, match=f"{KEY} is unset or shorter than 16 characters; set it to a secret"):
        loaded(small_scorer(), tmp_path, "-")


@pytest.mark.parametrize("name", [MEGABYTES, DAYS])
def test_a_limit_is_a_whole_number(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    monkeypatch.setenv(name, "many")
    with pytest.raises(ValueError, match=f"{name} is 'many'; set a whole number"):
        loaded(small_scorer(), tmp_path, log)


def test_every_decision_has_a_line_with_what_it_was_made_from(tmp_path: Path, log: Path) -> None:
    model = loaded(small_scorer(), tmp_path / "model", log)
    answers = [*ask(model, SCORED).to_dict("records"), *ask(model, *EVERY).to_dict("records")]
    found = entries(log)
    assert [entry["answer"]["status"] for entry in found] == [
        "scored",
        "scored",
        "no_history",
        "invalid",
        "scored",
    ]
    assert len({entry["decision_id"] for entry in found}) == len(found)
    for entry, answer in zip(found, answers, strict=True):
        assert entry["customer"] == keyed_hash(answer.pop("CustomerId"), HASH_KEY)
        assert entry["answer"] == answer
        assert (entry["contributions"] is not None) == (answer["status"] == "scored")
        if entry["contributions"]:
            assert sum(entry["contributions"].values()) == pytest.approx(answer["score"])
            assert set(model.scorer.classifier.inputs) <= set(entry["features"])


def test_both_ways_log_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = []
    for way in ("0", "1"):
        monkeypatch.setenv(FAST, way)
        ask(loaded(small_scorer(), tmp_path / way, tmp_path / f"{way}.jsonl"), SCORED)
        (entry,) = entries(tmp_path / f"{way}.jsonl")
        logged.append({name: cell for name, cell in entry.items() if name not in {"time", "decision_id"}})
    assert logged[0] == logged[1]


def test_no_line_holds_an_id_or_a_transaction(tmp_path: Path, log: Path) -> None:
    ask(loaded(small_scorer(), tmp_path / "model", log), *EVERY)
    text = log.read_text()
    secret = {decision["CustomerId"] for decision in EVERY} | {"2019-02-20", "-120.25", "much"}
    assert not [word for word in secret if word in text]


@given(st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_line_is_read_as_it_was_written_to_the_last_digit(cells: dict[str, str | float | None]) -> None:
    entry = {"time": "2026-11-22T01:13:58.000000Z", "cells": cells, "text": "half of a pair: \ud800"}
    for each in (entry, entry | {"text": "whole"}):
        assert read_line(line(each)) == each
        assert line(each).index(b"\n") == len(line(each)) - 1


def test_the_hash_is_that_of_the_document() -> None:
    script = command("import hmac").replace("C-1", "'Kunde 7'")
    done = execute(["bash", "-ec", script], {"PATH": os.environ["PATH"], KEY: HASH_KEY}, ROOT)
    assert done.stdout.strip() == keyed_hash("Kunde 7", HASH_KEY)


def test_a_path_that_cannot_be_written_fails_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = ask(loaded(small_scorer(), tmp_path / "silent"), *EVERY)
    model = loaded(small_scorer(), tmp_path / "model", tmp_path / "absent" / "decisions.jsonl")
    for _ in range(3):
        assert ask(model, *EVERY).equals(expected)
    assert [record.getMessage() for record in caplog.records] == [
        "decisions are not logged until this is mended, and answered all the same: No such file or directory"
    ]


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Files that cannot grow beyond a size: a write is cut short there, as by a full disk, and the next one fails."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_full_disk_fails_no_request_and_breaks_no_line(tmp_path: Path, log: Path) -> None:
    model = loaded(small_scorer(), tmp_path / "model", log)
    ask(model, SCORED)
    before = log.read_bytes()
    with disk_of(len(before) + 100):
        assert ask(model, SCORED)["status"].tolist() == ["scored"]
    assert log.read_bytes() == before
    ask(model, SCORED)
    assert len(entries(log)) == 2


@pytest.mark.parametrize("most_bytes", [1_000, 1])
def test_what_a_killed_writer_left_is_taken_away(most_bytes: int, log: Path) -> None:
    line = FIRST + b'2026-01-01T00:00:00.000000Z"}\n'
    log.write_bytes(line + line[: len(line) // 2])
    file = LogFile(log, most_bytes)
    file.write(line)
    assert b"".join(path.read_bytes() for path in [*file.renamed(), log]) == line + line


def test_what_is_not_of_the_log_is_left_as_it_is(log: Path) -> None:
    line = FIRST + b'2026-01-01T00:00:00.000000Z"}\n'
    log.write_bytes(b"notes")
    LogFile(log).write(line)
    assert log.read_bytes() == b"notes\n" + line


def dated(moment: datetime, rest: str = "") -> bytes:
    return (
        json.dumps({"time": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}", "rest": rest}, separators=(",", ":")).encode()
        + b"\n"
    )


def test_no_file_grows_beyond_its_size(log: Path) -> None:
    lines, file = dated(datetime.now(UTC), "x" * 300), LogFile(log, most_bytes=1_000)
    for _ in range(20):
        file.write(lines)
    files = [*file.renamed(), log]
    assert max(path.stat().st_size for path in files) <= 1_000
    assert b"".join(path.read_bytes() for path in files) == 20 * lines


def test_lines_older_than_their_days_are_removed_with_their_file(log: Path) -> None:
    now = datetime.now(UTC)
    for age in (9, 1):
        log.with_name(f"{log.name}.{now - timedelta(days=age):%Y%m%dT%H%M%S%fZ}").write_bytes(b"")
    log.write_bytes(dated(now - timedelta(days=1)))
    LogFile(log, days=7).write(dated(now))
    assert log.read_bytes() == dated(now)
    assert len(LogFile(log).renamed()) == 2
    assert not [
        path for path in LogFile(log).renamed() if path.name < f"{log.name}.{now - timedelta(days=7):%Y%m%d}"
    ]


WRITER = """
import sys
from pathlib import Path
from credit_model.serving.decision_log import StandardOutput
from credit_model.serving.log_file import LogFile, line
path, who = sys.argv[1:]
target = StandardOutput() if path == "-" else LogFile(Path(path), most_bytes=20_000)
for number in range(100):
    target.write(line({"time": "now", "who": who, "number": number, "rest": who * 9_000}))
"""


def written_by_several(target: str, **options: object) -> list[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WRITER, target]
    return [subprocess.Popen([*command, str(who)], **options) for who in range(3)]  # type: ignore[call-overload]


def assert_whole(lines: list[dict[str, object]]) -> None:
    assert sorted((str(line["who"]), line["number"]) for line in lines) == [
        (str(who), number) for who in range(3) for number in range(100)
    ]


def test_lines_of_several_processes_never_mix(log: Path) -> None:
    assert [process.wait() for process in written_by_several(str(log))] == [0, 0, 0]
    assert_whole(entries(log))
    assert max(path.stat().st_size for path in LogFile(log).renamed()) <= 20_000


def test_nor_do_lines_of_threads_and_of_forked_processes(log: Path) -> None:
    assert subprocess.run([sys.executable, "-c", FORKED, str(log)], check=False).returncode == 0
    assert_whole(entries(log))
    assert max(path.stat().st_size for path in LogFile(log).renamed()) <= 20_000


FORKED = """
import os, sys, threading
from pathlib import Path
from credit_model.serving.log_file import LogFile, line
target = LogFile(Path(sys.argv[1]), most_bytes=20_000)
def write(who, numbers):
    for number in numbers:
        target.write(line({"time": "now", "who": who, "number": number, "rest": who * 9_000}))
write("0", range(1))  # what a process has open, its forks have too
for who in "12":
    if not os.fork():
        write(who, range(100))
        os._exit(0)
threads = [threading.Thread(target=write, args=("0", range(1 + part, 100, 3))) for part in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert [os.wait()[1] for _ in range(2)] == [0, 0]
"""


def test_nor_do_they_on_standard_output() -> None:
    command = 'for who in 0 1 2; do "$0" -c "$1" - $who & done; wait'
    done = subprocess.run(["sh", "-c", command, sys.executable, WRITER], capture_output=True, check=True)
    assert_whole([json.loads(line) for line in done.stdout.splitlines()])


@pytest.mark.parametrize("gone", ["decisions.jsonl", "decisions.jsonl.lock"])
def test_a_file_that_was_taken_away_is_made_anew(gone: str, tmp_path: Path) -> None:
    log, first, second = (
        tmp_path / "decisions.jsonl",
        dated(datetime.now(UTC), "1"),
        dated(datetime.now(UTC), "2"),
    )
    file = LogFile(log)
    file.write(first)
    (tmp_path / gone).rename(tmp_path / "elsewhere")
    file.write(second)
    LogFile(log).write(second)
    assert log.read_bytes().removeprefix(first) == second + second
    assert (tmp_path / "decisions.jsonl.lock").exists()


def test_a_file_that_comes_back_is_opened_anew(log: Path, tmp_path: Path) -> None:
    file, first, second = LogFile(log), dated(datetime.now(UTC), "1"), dated(datetime.now(UTC), "2")
    file.write(first)
    log.rename(tmp_path / "elsewhere")
    log.mkdir()
    with pytest.raises(IsADirectoryError):
        file.write(second)
    log.rmdir()
    (tmp_path / "elsewhere").rename(log)
    file.write(second)
    assert log.read_bytes() == first + second
