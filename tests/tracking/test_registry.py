"""Registered models: who becomes champion, and what is said where one is not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from credit_model.operations import promote
from credit_model.settings.settings import Settings
from credit_model.tracking import ledger, registry, store
from credit_model.tracking.ledger import Entry
from credit_model.tracking.model_folder import model_folder
from registries import clean_store


@pytest.fixture
def client(database: Path) -> Iterator[MlflowClient]:
    """A client of the store in use, which holds no model."""
    with clean_store(database) as client:
        yield client


def promoted(wanted: str, reason: str | None = None) -> str:
    return promote.promote(Settings(name="m", version=wanted, reason=reason, force=reason is not None))


def register(client: MlflowClient, *gates: str, source: str = "file:/absent/model") -> None:
    """A model ``m`` with a version for each, its gates passed or failed, made as a training makes it."""
    client.create_registered_model("m")
    for passed in gates:
        version = client.create_model_version("m", source, tags={"gates": passed})
        registry.set_aliases("m", int(version.version), passed=passed == "passed")


def champion(client: MlflowClient) -> int | None:
    found = client.get_registered_model("m").aliases.get("champion")
    return None if found is None else int(found)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        (["passed"], 1),
        (["failed"], None),
        (["passed", "passed"], 1),
        (["failed", "passed"], 2),
        (["failed", "passed", "passed"], 2),
        (["failed", "failed"], None),
    ],
)
def test_the_first_version_that_passes_becomes_champion_by_training(
    client: MlflowClient, gates: list[str], expected: int | None
) -> None:
    register(client, *gates)
    assert champion(client) == expected
    assert int(client.get_registered_model("m").aliases["challenger"]) == len(gates)


def test_a_model_of_which_nobody_knows_whether_it_had_a_champion_gets_none_by_training(
    client: MlflowClient,
) -> None:
    register(client, "passed")
    client.delete_registered_model_alias("m", "champion")
    client.delete_registered_model_tag("m", "had_champion")
    client.create_model_version("m", "file:/absent/model")
    assert not registry.set_aliases("m", 2, passed=True)
    assert champion(client) is None


@pytest.mark.parametrize("gone", [False, True])
def test_a_champion_that_was_taken_away_comes_back_by_promotion_alone(
    client: MlflowClient, *, gone: bool
) -> None:
    register(client, "passed")
    client.delete_registered_model_alias("m", "champion")
    if gone:
        client.delete_model_version("m", "1")
    version = client.create_model_version("m", "file:/absent/model", tags={"gates": "passed"})
    assert not registry.set_aliases("m", int(version.version), passed=True)
    assert champion(client) is None
    assert promoted("challenger").startswith("version 2 of m is the champion\n")
    assert champion(client) == 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            "challenger",
            r"version 2 of m did not pass its gates \(it guesses\); promote one that did, or .* --force --reason TEXT",
        ),
        ("9", "m has no version 9; its latest is 2: models:/m/2"),
        (
            "steady",
            "m has version 2, but no alias steady; promote one .* --name m --version 1, or name models:/m/2$",
        ),
    ],
)
def test_what_cannot_be_promoted(client: MlflowClient, wanted: str, said: str) -> None:
    register(client, "passed", "failed")
    client.set_model_version_tag("m", "2", "gates_failed", "it guesses")
    with pytest.raises(ValueError, match=said):
        promoted(wanted)
    assert champion(client) == 1


def test_a_version_is_forced_for_a_reason_that_is_recorded(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(client, "passed", "failed")
    client.set_model_version_tag("m", "2", "gates_failed", "it guesses")
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    said = promoted("2", "the regulator's date").splitlines()[0]
    assert said == "version 2 of m is the champion, by force, though it did not pass its gates (it guesses)"
    assert champion(client) == 2
    tags = client.get_model_version("m", "2").tags
    assert (tags["forced_by"], tags["forced_reason"], tags["forced_over"]) == (
        "ada",
        "the regulator's date",
        "it guesses",
    )
    assert tags["gates"] == "failed"


def test_what_passed_needs_no_force_and_records_none(client: MlflowClient) -> None:
    register(client, "passed", "passed")
    assert promoted("2", "to be sure").startswith("version 2 of m is the champion\n")
    assert not {name for name in client.get_model_version("m", "2").tags if name.startswith("forced")}


def test_nobody_by_name_can_force_too(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid")

    register(client, "failed")
    monkeypatch.setattr("getpass.getuser", nobody)
    promoted("1", "a trial")
    assert client.get_model_version("m", "1").tags["forced_by"] == "unknown"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (
            "models:/m@champion",
            "m has version 1, but no alias champion; none that passed its gates can be promoted; models:/m/1 can be named",
        ),
        ("models:/m/7", "m has no version 7; its latest is 1: models:/m/1"),
        (
            "models:/other/1",
            "there is no model other in sqlite:.*; train one first, or name one that is there: m",
        ),
        (
            "models:/m/1",
            "the files of models:/m/1 are not in file:/absent/model, where the MLflow store sqlite:.* has them; make that place",
        ),
    ],
)
def test_a_model_that_cannot_be_fetched(client: MlflowClient, uri: str, said: str) -> None:
    register(client, "failed")
    with pytest.raises(ValueError, match=said):
        model_folder(uri)


def test_without_any_model_one_is_to_be_trained(client: MlflowClient) -> None:
    assert client.search_registered_models() == []
    with pytest.raises(ValueError, match=r"there is no model m in .*; train one first$"):
        model_folder("models:/m@champion")
    register(client)
    with pytest.raises(ValueError, match=r"m has no version in .*; train one first"):
        promoted("challenger")


def test_a_model_is_fetched_by_version_and_alias(client: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}")
    register(client, "passed", source=tmp_path.as_uri())
    for uri in ("models:/m@champion", "models:/m/1"):
        assert (model_folder(uri) / "MLmodel").read_text() == "flavors: {}"


def test_asking_for_the_right_to_register_changes_nothing(client: MlflowClient) -> None:
    registry.check_writable("m")
    assert client.search_registered_models() == []
    register(client, "passed")
    before = client.get_registered_model("m")
    registry.check_writable("m")
    assert dict(client.get_registered_model("m")) == dict(before)


def test_a_store_that_is_not_there_is_not_made_by_a_question(client: MlflowClient, tmp_path: Path) -> None:
    assert client
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'absent.db'}")
    for ask in (lambda: model_folder("models:/m@champion"), lambda: promoted("challenger")):
        with pytest.raises(ValueError, match=r"there is no MLflow store .*absent\.db; train one first"):
            ask()
    assert store.uri().endswith("absent.db")
    assert list(tmp_path.iterdir()) == []


def entry(version: int) -> Entry:
    return Entry(ledger.TRAINING, "m", str(version), None, "", "ada", ledger.moment())


def test_of_two_first_trainings_at_once_one_makes_the_champion(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one comes between what the first has seen and what it does."""
    client.create_registered_model("m")
    for _ in range(2):
        client.create_model_version("m", "file:/absent/model", tags={"gates": "passed"})
    claim = ledger.claim

    def with_a_rival(*words: Any) -> bool:
        monkeypatch.setattr(ledger, "claim", claim)
        assert registry.set_aliases("m", 2, passed=True, entry=entry(2))
        return claim(*words)

    monkeypatch.setattr(ledger, "claim", with_a_rival)
    assert not registry.set_aliases("m", 1, passed=True, entry=entry(1))
    assert champion(client) == 2
    told = sorted((one.version, one.result) for one in ledger.entries("m"))
    assert told == [("1", "allowed"), ("1", "overtaken"), ("2", "allowed"), ("2", "done")]


@pytest.mark.parametrize("place", ["opened", "append", "claim"])
def test_a_first_training_that_is_killed_leaves_the_next_one_to_make_the_champion(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    client.create_registered_model("m")
    client.set_registered_model_tag("m", registry.HAD_CHAMPION, "false")
    for version in (1, 2):
        client.create_model_version("m", "file:/absent/model", tags={"gates": "passed"})
        with monkeypatch.context() as patch:
            if version == 1:
                patch.setattr(ledger, place, kill)
                with pytest.raises(KeyboardInterrupt):
                    registry.set_aliases("m", version, passed=True, entry=entry(version))
                assert champion(client) is None
            else:
                assert registry.set_aliases("m", version, passed=True, entry=entry(version))
    assert champion(client) == 2
