"""Promotion: through gates beside the champion, into a ledger that forgets nothing; whatever happens, one champion."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow import MlflowClient

from credit_model.operations import comparison, promote
from credit_model.operations.promote import approve, history, rollback
from credit_model.settings.settings import Settings
from credit_model.tracking import ledger, registry
from processes import ROOT, run
from registries import clean_store
from rivals import as_the_good_expects, good_and_bad

SINCE = datetime(2019, 1, 20)


@pytest.fixture
def client(database: Path) -> Iterator[MlflowClient]:
    """A client of the store in use, which holds a model ``m`` without versions."""
    with clean_store(database) as client:
        client.create_registered_model("m")
        yield client


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Become somebody."""
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    return lambda name: monkeypatch.setattr("getpass.getuser", lambda: name)


def register(
    client: MlflowClient, *sources: str | Path, gates: str = "passed", until: str = "2019-01-20"
) -> None:
    """A version for each folder of a model, made as a training makes it; the first is the champion if it passed."""
    for source in sources:
        tags = {"gates": gates, "learned_until": until, "gates_failed": "it guesses"}
        uri = source.as_uri() if isinstance(source, Path) else source
        version = client.create_model_version("m", uri, tags=tags)
        registry.set_aliases("m", int(version.version), passed=gates == "passed")


def absent(count: int) -> list[str]:
    return ["file:/absent/model"] * count


def champion(client: MlflowClient) -> str | None:
    number = client.get_registered_model("m").aliases.get("champion")
    return None if number is None else str(number)


def promoted(version: int, **given: Any) -> str:
    return promote.promote(Settings(name="m", version=str(version), **given))


def results() -> list[tuple[str, str, str]]:
    return [(entry.action, entry.version, entry.result) for entry in ledger.entries("m")]


def gate(name: str) -> dict[str, Any]:
    """A gate of the ledger's last entry."""
    (found,) = [dict(each) for each in ledger.entries("m")[-1].gates if each["name"] == name]
    return found


def listed(folder: Path) -> Path:
    """A folder with a manifest that lists no file."""
    scorer = folder / "artifacts" / "scorer"
    scorer.mkdir(parents=True)
    (scorer / "manifest.json").write_text('{"files": {}}')
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model and one that takes the safe for risky."""
    return good_and_bad(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Transactions, and decisions that became what the good model expects, more or less."""
    return as_the_good_expects(tmp_path_factory.mktemp("files"))


def test_a_worse_challenger_is_refused_with_figures(
    client: MlflowClient, models: tuple[Path, Path], files: dict[str, str]
) -> None:
    register(client, *models)
    with pytest.raises(
        ValueError,
        match=r"did not pass its gates \(on the same \d+ decisions \(\d+ bad\) after 2019-01-20, .*AUC is 0\.",
    ):
        promoted(2, **files)
    assert champion(client) == "1"
    found = gate(comparison.NOT_WORSE)
    assert (found["state"], found["limit"]) == ("failed", 0.0)
    assert found["figure"] < -0.2
    cells: dict[object, dict[str, Any]] = {row["cell"]: dict(row) for row in ledger.entries("m")[-1].swap_set}
    assert min(cells[cell]["decisions"] for cell in ("comes in", "goes out")) > 100
    assert cells["comes in"]["bad_rate"] > cells["goes out"]["bad_rate"]
    assert re.search(
        rf"on the same {sum(row['decisions'] for row in cells.values())} decisions", str(found["sentence"])
    )
    assert "  swap set: at the former champion's approval rate " in history("m")
    assert results() == [("promotion", "2", "refused")]
    said = promoted(2, **files, force=True, reason="a trial")
    assert "by force, though it did not pass its gates (on the same" in said
    assert client.get_model_version("m", "2").tags["forced_over"].startswith("on the same")
    assert champion(client) == "2"


def test_an_equal_challenger_is_accepted(
    client: MlflowClient, models: tuple[Path, Path], files: dict[str, str]
) -> None:
    register(client, models[0], models[0])
    assert "the interval must reach 0" in promoted(2, **files)
    assert gate_of_done()["figure"] == 0
    assert [row["decisions"] for row in ledger.entries("m")[-1].swap_set[1:3]] == [0, 0]
    assert champion(client) == "2"


def gate_of_done() -> dict[str, Any]:
    entry = [entry for entry in ledger.entries("m") if entry.result == ledger.ALLOWED][-1]
    (found,) = [dict(each) for each in entry.gates if each["name"] == comparison.NOT_WORSE]
    return found


@pytest.mark.parametrize(
    ("until", "given", "why"),
    [
        ("2019-01-20", [], "they were not compared, because no outcomes are given"),
        ("", ["outcomes"], "version 1 has no tag learned_until .* train it again"),
        (
            "2019-03-01",
            ["outcomes"],
            "of 0 decisions after 2019-03-01, .* both scored 0 bad and 0 good; 20 of each are needed",
        ),
    ],
)
def test_without_cases_the_gates_alone_decide_and_it_is_said(
    client: MlflowClient,
    models: tuple[Path, Path],
    files: dict[str, str],
    until: str,
    given: list[str],
    why: str,
) -> None:
    register(client, *models, until=until)
    with pytest.MonkeyPatch.context() as patch:
        if until:
            patch.setattr(comparison, "_judged", lambda *_: pl.DataFrame(schema=JUDGED))
        said = promoted(2, **{name: files[name] for name in given})
    (line,) = [line for line in said.splitlines() if comparison.NOT_WORSE in line]
    assert line.startswith(f"gate {comparison.NOT_WORSE}: not assessed: ")
    assert champion(client) == "2"
    assert re.search(why, line)


JUDGED: dict[str, pl.DataType] = {
    "CustomerId": pl.String(),
    "as_of": pl.Datetime("us"),
    "champion probability": pl.Float64(),
    "challenger probability": pl.Float64(),
    "bad": pl.Int8(),
}


def test_without_a_champion_its_own_gates_alone_decide(client: MlflowClient) -> None:
    register(client, *absent(1), gates="failed")
    with pytest.raises(ValueError, match=r"did not pass its gates \(it guesses\)"):
        promoted(1)
    register(client, *absent(1))
    client.delete_registered_model_alias("m", "champion")
    assert "not worse than the champion: not assessed: there is no champion" in promoted(2)
    assert champion(client) == "2"


@pytest.mark.parametrize(
    ("times", "weights", "failed"),
    [
        ((0.010, 0.019), (1, 4), []),
        ((0.010, 0.021), (1, 4), [comparison.LATENCY]),
        ((0.010, 0.010), (1, 6), [comparison.SIZE]),
    ],
)
def test_a_challenger_that_is_slow_or_large_is_refused(
    client: MlflowClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: tuple[float, float],
    weights: tuple[int, int],
    failed: list[str],
) -> None:
    folders = [tmp_path / "old", tmp_path / "new"]
    for folder, weight in zip(folders, weights, strict=True):
        listed(folder)
        (folder / "serving_input_example.json").write_bytes(b" " * 1000 * weight)
    monkeypatch.setattr(comparison, "median_seconds", lambda folder: times[folder.name == "new"])
    register(client, *folders)
    if failed:
        with pytest.raises(ValueError, match=r"did not pass its gates .* times; the limit is [25]\)"):
            promoted(2)
    else:
        assert (
            "the challenger takes 19.0 ms for a request and the champion 10.0 ms (p50): 1.90 times"
            in promoted(2)
        )
    states = {str(each["name"]): each["state"] for each in ledger.entries("m")[0].gates}
    assert [name for name, state in states.items() if state == "failed"] == failed
    assert promoted(2, latency_limit=3.0, size_limit=7.0)


def test_a_challenger_that_was_slow_once_is_timed_again(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "new"):
        listed(tmp_path / name)
        (tmp_path / name / "serving_input_example.json").touch()
        (tmp_path / name / "MLmodel").write_text("flavors: {}")
    times = iter([0.010, 0.050, 0.012, 0.011])
    monkeypatch.setattr(comparison, "median_seconds", lambda _: next(times))
    register(client, tmp_path / "old", tmp_path / "new")
    assert (
        "takes 11.0 ms for a request and the champion 10.0 ms (p50): 1.10 times; the limit is 2"
        in promoted(2)
    )


def test_rollback_goes_back_one_champion_after_the_other(client: MlflowClient) -> None:
    register(client, *absent(3))
    promoted(2)
    promoted(3)
    assert rollback(Settings(name="m", reason="it rejects everybody")) == (
        "version 2 of m is the champion again, in place of version 3"
    )
    rollback(Settings(name="m"))
    assert champion(client) == "1"
    with pytest.raises(
        ValueError, match=r"the ledger of m knows no champion before version 1; promote the version that you"
    ):
        rollback(Settings(name="m"))
    assert results()[-2:] == [("rollback", "1", "allowed"), ("rollback", "1", "done")]
    assert "rollback of version 2 (champion version 3): allowed, because it rejects everybody" in history("m")


def test_rollback_follows_the_order_of_the_promotions_and_not_the_clocks(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(client, *absent(4))
    days = iter(range(28, 0, -1))
    monkeypatch.setattr(ledger, "moment", lambda: f"2026-01-{next(days):02}T00:00:00Z")
    for version in (2, 3, 2):
        promoted(version)
    assert rollback(Settings(name="m")).startswith("version 3 of m is the champion again")


KILLS = ("ledger.append", "registry.record", "ledger.claim", "registry.make_champion")


@pytest.mark.parametrize("step", KILLS)
def test_killed_before_the_alias_moves_the_former_champion_stays(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    register(client, *absent(2))
    module, name = step.split(".")
    with monkeypatch.context() as patch:
        patch.setattr({"ledger": ledger, "registry": registry}[module], name, kill)
        with pytest.raises(KeyboardInterrupt):
            promoted(2)
    assert champion(client) == "1"
    if step != "ledger.append":
        assert "promotion of version 2 (champion version 1): allowed, not finished" in history("m")
    promoted(2)
    assert champion(client) == "2"
    assert results()[-1] == ("promotion", "2", "done")


def test_killed_after_the_alias_moved_it_can_be_rolled_back(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved_and_killed(*words: str) -> None:
        make_champion(*words)
        raise KeyboardInterrupt

    register(client, *absent(2))
    make_champion = registry.make_champion
    with monkeypatch.context() as patch:
        patch.setattr(registry, "make_champion", moved_and_killed)
        with pytest.raises(KeyboardInterrupt):
            promoted(2)
    assert champion(client) == "2"
    rollback(Settings(name="m"))
    assert champion(client) == "1"


@pytest.mark.parametrize(
    ("step", "before"),
    [
        ("comparison.judged", True),
        ("ledger.append", True),
        ("ledger.claim", True),
        ("ledger.claim", False),
        ("registry.make_champion", False),
    ],
)
def test_of_two_at_once_one_is_champion_and_the_other_says_so(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, step: str, *, before: bool
) -> None:
    """The second does all of its work before or after a step of the first."""
    module, name = step.split(".")
    place = {"ledger": ledger, "registry": registry, "comparison": comparison}[module]
    act = getattr(place, name)

    def with_a_rival(*words: object) -> object:
        monkeypatch.setattr(place, name, act)
        if before:
            promoted(3)
            return act(*words)
        done = act(*words)
        promoted(3)
        return done

    register(client, *absent(3))
    monkeypatch.setattr(place, name, with_a_rival)
    with pytest.raises(
        ValueError,
        match=r"version 2 of m is not the champion: another attempt .* that is version 3; see promote --history",
    ):
        promoted(2)
    assert champion(client) == "3"
    ends = {(version, result) for _, version, result in results() if result != "allowed"}
    assert ends == {("2", "overtaken"), ("3", "done")}


def test_of_two_that_are_about_to_move_the_alias_one_does(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other has claimed it and not moved it yet; killed there, it is in nobody's way later."""

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    def with_a_rival(*words: Any) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(comparison, "judged", judged)
            patch.setattr(registry, "make_champion", kill)
            with pytest.raises(KeyboardInterrupt):
                promoted(3)
        return judged(*words)

    judged = comparison.judged
    register(client, *absent(3))
    with monkeypatch.context() as patch:
        patch.setattr(comparison, "judged", with_a_rival)
        with pytest.raises(
            ValueError, match=r"version 2 of m is not the champion: .* and that is version 1;"
        ):
            promoted(2)
    assert champion(client) == "1"
    promoted(2)
    assert champion(client) == "2"


@pytest.mark.slow
def test_several_processes_at_once_end_with_one_champion_and_a_whole_ledger(
    client: MlflowClient, database: Path, tmp_path: Path
) -> None:
    register(client, *absent(4))
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{database}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "credit_model", "promote", "--name", "m", "--version"]
    started = [
        subprocess.Popen(
            [*command, version], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        for version in "234"
    ]
    said = [process.communicate(timeout=300)[1] for process in started]
    entries = ledger.entries("m")
    done = [entry.version for entry in entries if entry.result == ledger.DONE]
    assert champion(client) == done[-1]
    for process, version, text in zip(started, "234", said, strict=True):
        assert (process.returncode == 0) == (version in done), text
        assert process.returncode == 0 or "another attempt was made at the same time" in text
        assert next(entry.result for entry in entries if entry.version == version) == ledger.ALLOWED
    ends = [entry.version for entry in entries if entry.result in {ledger.DONE, ledger.OVERTAKEN}]
    assert sorted(ends) == ["2", "3", "4"]


def test_the_ledger_only_grows(client: MlflowClient, as_user: Callable[[str], None]) -> None:
    as_user("ada")
    register(client, *absent(2))
    seen: dict[str, bytes] = {}
    steps: list[Callable[[], str]] = [
        lambda: promoted(2),
        lambda: approve(Settings(name="m")),
        lambda: rollback(Settings(name="m")),
        lambda: promoted(2),
    ]
    for step in steps:
        step()
        (run_id,) = runs(client)
        folder = Path(client.download_artifacts(run_id, "ledger"))
        now = {file.name: file.read_bytes() for file in folder.iterdir()}
        assert now.items() > seen.items()
        assert sorted(now)[: len(seen)] == sorted(seen)
        seen = now
    entries = ledger.entries("m")
    assert {entry.who for entry in entries} == {"ada"}
    assert [entry.when for entry in entries] == sorted(entry.when for entry in entries)
    assert all(entry.gates for entry in entries if entry.action == "promotion")
    assert client.get_model_version("m", "2").tags["last_promotion"].startswith("ada, 20")
    assert len(history("m").splitlines()) > len(entries)


def runs(client: MlflowClient) -> list[str]:
    experiment = client.get_experiment_by_name("credit-risk")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert {(run.info.run_name, run.info.status) for run in found} == {("promotions of m", "FINISHED")}
    return [run.info.run_id for run in found]


def test_a_model_of_before_ledgers_gets_one(client: MlflowClient) -> None:
    register(client, *absent(2))
    for held in runs(client):
        client.delete_run(held)
    assert history("m") == "nobody has promoted a version of m"
    promoted(2)
    assert results() == [("promotion", "2", "allowed"), ("promotion", "2", "done")]


def test_where_approvals_are_asked_for_another_person_approves(
    client: MlflowClient, as_user: Callable[[str], None]
) -> None:
    register(client, *absent(2))
    client.set_registered_model_tag("m", "approvals", "1")
    as_user("ada")
    for force in ({}, {"force": True, "reason": "now"}):
        with pytest.raises(
            ValueError,
            match=r"another person than ada has to approve version 2 of m first: python -m credit_model approve",
        ):
            promoted(2, **force)
    assert approve(Settings(name="m", version="2")) == "ada approves version 2 of m"
    with pytest.raises(ValueError, match="another person than ada"):
        promoted(2)
    as_user("bob")
    approve(Settings(name="m", version="2"))
    as_user("ada")
    assert "approved by another person: passed: approved by bob" in promoted(2)
    assert champion(client) == "2"
    assert [result for action, _, result in results() if action != "approval"] == ["refused"] * 3 + [
        "allowed",
        "done",
    ]


def test_the_user_of_the_server_is_who_is_recorded(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "grace")
    register(client, *absent(1))
    assert approve(Settings(name="m")) == "grace approves version 1 of m"


def test_it_needs_nothing_that_only_training_needs(tmp_path: Path) -> None:
    program = """
import sys
sys.modules.update(dict.fromkeys(["jinja2", "lightgbm", "matplotlib", "scipy", "sklearn", "threadpoolctl", "tqdm"]))
import credit_model.operations.promote
"""
    done = run(["-c", program], os.environ | {"PYTHONPATH": str(ROOT)}, tmp_path)
    assert done.returncode == 0, done.stderr
