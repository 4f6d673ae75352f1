"""Retraining: what is due is done once, by one process, and said."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from mlflow import MlflowClient
from polars.testing import assert_frame_equal

from credit_model.operations.erase import erase
from credit_model.operations.retrain import retrain, told_age
from credit_model.operations.train import tracked, train
from credit_model.serving.decision_log import KEY, keyed_hash
from credit_model.serving.jobs import Finding
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.tracking import ledger, registry, retrainings, store
from credit_model.tracking.lock import alone
from credit_model.tracking.model_folder import verify
from credit_model.training.workflow import TrainingResult
from logged import HASH_KEY
from processes import ROOT
from registries import clean_store

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Lender:
    """A store with a champion, and files: transactions, the loans that it learned from, all loans."""

    client: MlflowClient
    transactions: str
    early: str
    all: str

    @property
    def settings(self) -> Settings:
        return Settings(name="m", transactions=self.transactions, outcomes=self.all)

    @property
    def artifacts(self) -> Path:
        return Path(self.transactions).parent / "artifacts"

    @property
    def champion(self) -> str | None:
        return registry.champion_of("m")


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    """A scorecard that was trained on the earlier half of the loans."""
    folder = tmp_path_factory.mktemp("lender")
    generate.transactions(customers=1500, seed=1).write_parquet(folder / "t.parquet")
    loans = pl.concat(generate.loans(customers=1500, seed=1)).sort("as_of")
    paths = [str(folder / name) for name in ("t.parquet", "early.parquet", "all.parquet")]
    loans.head(loans.height // 2).write_parquet(paths[1])
    loans.write_parquet(paths[2])
    keyed = mock.patch.dict(os.environ, {KEY: HASH_KEY})
    with keyed, clean_store(folder / "mlflow.db") as client:
        own = {"candidate": "scorecard", "history_days": 30, "attributes": ("loan_amount", "income")}
        train(Settings(name="m", transactions=paths[0], outcomes=paths[1], **own))  # type: ignore[arg-type]
        registry.make_champion("m", "1")  # whatever its gates say
        yield Lender(client, *paths)


def test_without_alarm_and_schedule_nothing_is_done(lender: Lender) -> None:
    said = retrain(replace(lender.settings, outcomes=lender.early))
    assert "No decision is later than those of version 1 of m, the champion" in said
    assert said.endswith("No new model is wanted; nothing was done.")
    assert retrainings.of("m") == []


@pytest.fixture
def another_training(lender: Lender, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that makes its version the challenger between retrain's own training and its promotion."""

    def overtaken(settings: Settings) -> TrainingResult:
        result = tracked(settings)
        lender.client.set_registered_model_alias("m", registry.CHALLENGER, "1")
        return result

    monkeypatch.setattr("credit_model.operations.retrain.tracked", overtaken)


@pytest.mark.usefixtures("another_training")
def test_what_is_due_is_trained_as_the_champion_was_compared_and_recorded_once(lender: Lender) -> None:
    due = replace(lender.settings, max_age_days=1e-9)
    said = retrain(due)
    (kept,) = retrainings.of("m")
    assert (kept.champion, kept.version, kept.said) == ("1", "2", said)
    assert "its age" in kept.reasons
    assert lender.champion == ("2" if kept.promoted else "1")
    run = lender.client.get_run(lender.client.get_model_version("m", "2").run_id or "")
    assert run.data.params["setting_candidate"] == "scorecard"
    assert run.data.params["setting_attributes"] == "loan_amount,income"
    assert "version 2 was trained, with outcomes since 20" in said
    until = pl.Series([run.data.params["setting_until"]]).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ").item()
    late = pl.read_parquet(lender.all).filter(pl.col("as_of") >= until)
    assert 40 < late.height < pl.read_parquet(lender.all).height / 2
    gates = {gate["name"]: gate["state"] for gate in ledger.entries("m")[-2 if kept.promoted else -1].gates}
    assert gates["not worse than the champion"] != "not assessed"
    again = retrain(due)
    assert f"On the same data version 2 was trained at {kept.when} already" in again
    assert len(retrainings.of("m")) == 1


def test_nothing_but_the_training_tables_tells_of_a_customer(lender: Lender) -> None:
    """Of two trainings, their models, their monitoring, the ledger and the record of retrainings."""
    retrain(replace(lender.settings, max_age_days=1e-9))  # nothing, where the test before did it
    files = [file for file in lender.artifacts.rglob("*") if file.is_file()]
    folders = {file.relative_to(lender.artifacts).parts[2] for file in files}
    assert folders >= {"windows", "retrainings", "ledger", "training_table.parquet"}
    customers = pl.read_parquet(lender.transactions)["CustomerId"].unique().to_list()
    named = [name.encode() for name in customers if len(name) > len("CustomerId_123")]
    hashes = [(keyed_hash(name, HASH_KEY) or "")[:16].encode() for name in customers]
    assert len(named) > 50
    for file in files:
        if file.name != "training_table.parquet":
            text = file.read_bytes()
            assert not [name for name in (*named, *hashes) if name in text], file


def test_an_erased_customer_is_in_no_training_table_and_the_models_verify(lender: Lender) -> None:
    tables = sorted(lender.artifacts.rglob("training_table.parquet"))
    before = [pl.read_parquet(table) for table in tables]
    customer = pl.read_parquet(lender.early)["CustomerId"][0]
    whom = (keyed_hash(customer, HASH_KEY) or "")[:16]
    rows = sum((table["customer_hash"] == whom).sum() for table in before)
    count = len(tables)
    assert rows >= count > 0
    said = f"{rows} rows of the customer removed from {count} of {count} training tables in {store.uri()}"
    assert erase(None, customer, None) == said
    for table, former in zip(tables, before, strict=True):
        assert_frame_equal(pl.read_parquet(table), former.filter(pl.col("customer_hash") != whom))
    assert erase(None, customer, None).startswith("0 rows of the customer removed from 0 of ")
    assert [verify(f"models:/m/{number}") for number in range(1, count + 1)]


def test_an_alarm_is_a_reason_and_is_told_where_the_training_fails(lender: Lender, tmp_path: Path) -> None:
    loans, before = pl.read_parquet(lender.all), retrainings.of("m")
    late = loans.drop("outcome_known_at").with_columns(
        pl.col("as_of") + timedelta(days=30), loan_amount=pl.col("loan_amount") * 20, defaulted=0
    )
    late.head(200).write_parquet(tmp_path / "drifted.parquet")
    with pytest.raises(
        ValueError, match=r"alarm on .*\(an alarm\) a new version was to be trained: 0 bad and 200"
    ):
        retrain(replace(lender.settings, outcomes=str(tmp_path / "drifted.parquet")))
    assert retrainings.of("m") == before


def test_of_two_at_once_one_works(lender: Lender) -> None:
    with alone(f"retrain m in {store.uri()}") as first:
        said = retrain(lender.settings)
    assert first
    assert said == "another process is retraining m at this moment; nothing was done"
    assert not isinstance(said, Finding)


def test_a_killed_process_leaves_no_lock() -> None:
    program = (
        "from credit_model.tracking.lock import alone\n"
        "with alone('a test') as mine:\n print(mine, flush=True); input()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "True\n"
        with alone("a test") as mine:
            assert not mine
        held.kill()
        held.wait()
    with alone("a test") as mine:
        assert mine


def test_without_a_champion_it_says_so(lender: Lender) -> None:
    with pytest.raises(ValueError, match="there is no model other in"):
        retrain(replace(lender.settings, name="other"))


def test_a_clock_that_jumped_is_told_instead_of_a_negative_age() -> None:
    assert told_age(timedelta(hours=36)) == "It was trained 1.5 days ago"
    jumped = told_age(timedelta(hours=-36))
    assert jumped == "It was trained 1.5 days from now, so that this clock or the registry's is wrong"
