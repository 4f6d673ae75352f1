"""Monitoring compares like with like: every kind of model, every way of asking."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from credit_model.data.transactions import tidy_table
from credit_model.reporting.model_document import monitoring_plan
from credit_model.reporting.page import Table
from credit_model.scoring.scorer import Scorer
from credit_model.serving.jobs import Job
from credit_model.serving.monitor import monitored
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.training import train
from credit_model.training.dataset import PARTS, build_dataset
from credit_model.training.sample import Sample, observed_sample, proxy_sample

SEED, CUSTOMERS, AS_OF = 3, 600, datetime(2019, 2, 13)
SECOND = timedelta(seconds=1)
FEATURES = ("transaction_count", "recency", "tenure", "monetary", "avg_transaction_amount", "credit_share")
QUIET = "no alarm"


@cache
def transactions() -> pl.DataFrame:
    return generate.transactions(customers=CUSTOMERS, seed=SEED)


@cache
def sample(kind: str) -> Sample:
    attributes = ("loan_amount", "income", "home_ownership") if kind == "attributes" else ()
    candidate = "tree" if kind == "tree" else "scorecard"
    given = Settings(candidate=candidate, attributes=attributes, history_days=30, seed=SEED)
    if kind in {"proxy", "tree"}:
        return proxy_sample(given, tidy_table(transactions()))
    return observed_sample(given, pl.concat(generate.loans(customers=CUSTOMERS, seed=SEED)))


@cache
def scorer(kind: str) -> Scorer:
    """Trained on few features, which is quick."""
    known, labelled = tidy_table(transactions()), sample(kind)
    both = [build_dataset(known, labelled.decisions, labelled.recipe, parts) for parts in (PARTS, ("train",))]
    chosen = [*FEATURES, *(attribute.name for attribute in labelled.recipe.attributes)]
    every, earlier = (replace(one, features=one.features.select(chosen)) for one in both)
    return train.train(every, earlier, labelled.recipe).scorer


def asked(kind: str, folder: Path, way: str, decisions: pl.DataFrame) -> str:
    """What monitoring prints of decisions, asked for in one of three ways: nothing, decisions, outcomes."""
    transactions().write_parquet(folder / "t.parquet")
    named = decisions.rename({"bad": "defaulted"}).drop("known_at", "part", strict=False)
    named.write_parquet(folder / "d.parquet")
    paths = dict.fromkeys(("decisions", "outcomes")) | {way: str(folder / "d.parquet")}
    job = Job(
        "", str(folder / "t.parquet"), paths["decisions"], paths["outcomes"], {}, AS_OF.isoformat(), None
    )
    return monitored(job, scorer(kind))


def drifted(said: str) -> set[str]:
    found = re.match(r"alarm: (.*?) \(", said)
    return set(found[1].split(", ")) if found else set()


def with_strangers(decisions: pl.DataFrame) -> pl.DataFrame:
    """As many decisions again, of customers without any transactions."""
    others = decisions.with_columns(CustomerId=pl.format("stranger {}", pl.int_range(pl.len())))
    return pl.concat([decisions, others])


@pytest.mark.parametrize("way", ["nothing", "decisions", "outcomes"])
def test_a_proxy_is_compared_with_who_has_a_history_however_many_have_none(way: str, tmp_path: Path) -> None:
    decisions = sample("proxy").decisions
    said = asked("proxy", tmp_path, way, with_strangers(decisions))
    assert "no history:" not in said
    assert "not watched: in training, by its label, everyone had one" in said
    if way != "nothing":
        assert drifted(said) == set()
        count = decisions.height
        assert f"compared: {count} of {2 * count} decisions with {count} decisions of the training" in said
        assert "without history: 50.0%" in said


def test_every_customer_of_the_file_is_compared_where_no_decisions_are_given(tmp_path: Path) -> None:
    said = asked("proxy", tmp_path, "nothing", sample("proxy").decisions)
    recent = transactions().filter(
        pl.col("TransactionStartTime").is_between(datetime(2019, 1, 14), AS_OF, closed="left")
    )
    count = recent["CustomerId"].n_unique()
    assert f"compared: {count} of {CUSTOMERS} customers of the file with" in said
    assert f"without history: {1 - count / CUSTOMERS:.1%}, not watched" in said


@pytest.mark.parametrize("kind", ["observed", "attributes"])
@pytest.mark.parametrize("way", ["decisions", "outcomes"])
def test_real_decisions_without_history_are_watched_against_real_decisions(
    kind: str, way: str, tmp_path: Path
) -> None:
    decisions = sample(kind).decisions
    share = scorer(kind).reference.no_history_share  # type: ignore[union-attr]
    assert 0.02 < share < 0.3
    same = asked(kind, tmp_path, way, decisions)
    assert same.startswith(QUIET)
    assert f"without history: {share:.1%}, in training {share:.1%}" in same
    assert "no history" in drifted(asked(kind, tmp_path, way, with_strangers(decisions)))


def test_customers_of_a_file_are_no_real_decisions(tmp_path: Path) -> None:
    said = asked("observed", tmp_path, "nothing", sample("observed").decisions)
    assert "no history" not in drifted(said)
    assert "not watched: every customer of the file is judged" in said


def test_applications_cannot_be_made_up_from_transactions(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"by loan_amount, income, home_ownership, .*give --decisions or --outcomes"
    ):
        asked("attributes", tmp_path, "nothing", sample("attributes").decisions)


@pytest.mark.parametrize("kind", ["proxy", "observed", "attributes"])
def test_decisions_drawn_from_the_training_are_quiet_and_a_planted_drift_is_found(
    kind: str, tmp_path: Path
) -> None:
    draws = [sample(kind).decisions.sample(fraction=0.5, seed=seed) for seed in range(8)]
    alarms = [drifted(asked(kind, tmp_path, "decisions", drawn)) for drawn in draws]
    assert alarms == [set()] * len(draws)
    late = sample(kind).decisions.with_columns(as_of=pl.lit(AS_OF + timedelta(days=10)))
    assert "recency" in drifted(asked(kind, tmp_path, "decisions", late))


@pytest.mark.parametrize("kind", ["proxy", "tree", "attributes"])
def test_the_training_itself_is_what_the_reference_says(kind: str, tmp_path: Path) -> None:
    """Its scores too, which are the model's own and not those of the folds' other models."""
    said = asked(kind, tmp_path, "decisions", sample(kind).decisions)
    found = re.findall(r"(?:PSI|KS) (\S+),", said)
    assert len(found) >= 3
    assert set(found) <= {"0.000", "0.001"}  # half a case is added to each bin of either


def test_the_proxy_s_own_figures_are_not_put_beside_defaults(tmp_path: Path) -> None:
    loans = sample("observed").decisions
    twice = pl.concat([loans, loans.with_columns(pl.col("as_of") + SECOND)])  # 20 bads and more
    proxy, real = (asked(kind, tmp_path, "outcomes", twice) for kind in ("proxy", "observed"))
    assert "the model's label is the proxy rfm_proxy, and" in proxy
    assert "the proxy stays until 100 decisions of each class have a real outcome" in proxy
    assert ("\nroc auc:" in proxy, "\nroc auc:" in real) == (True, True)
    assert ("\nobserved to expected:" in proxy, "\nobserved to expected:" in real) == (False, True)
    assert ("calibration: " in proxy, "calibration: " in real) == (False, True)
    few = asked("proxy", tmp_path, "outcomes", loans.head(50))
    assert "the model's label is the proxy rfm_proxy, and" in few


@pytest.mark.parametrize(("days", "short"), [(29, True), (31, False)])
def test_a_file_that_does_not_reach_back_far_enough_is_said_so(
    days: int, short: bool, tmp_path: Path
) -> None:
    first = transactions()["TransactionStartTime"].min()
    assert isinstance(first, datetime)
    decisions = sample("observed").decisions.with_columns(as_of=pl.lit(first + timedelta(days=days) - SECOND))
    line = f"the model looks back 30 days, and {decisions.height} of {decisions.height} decisions have fewer"
    assert (line in asked("observed", tmp_path, "decisions", decisions)) == short


PROMISED = {
    "drift of every input and of the score": r"\(\d+ figures watched",
    "number of invalid decisions": r"invalid: \d+",
    "how far back histories reach": r"history reach: PSI [\d.]+, limit",
    "share of decisions without history": r"without history: [\d.]+%, in training [\d.]+%",
    "AUC with its interval": r"roc auc: .*\n.*roc auc low: .*\n.*roc auc high: ",
    "observed to expected bads": "observed to expected: ",
    "bad rate by decision": "bad rate of ",
}


@pytest.mark.parametrize("kind", ["proxy", "observed"])
def test_the_document_s_plan_promises_what_monitor_gives(kind: str, tmp_path: Path) -> None:
    trained = SimpleNamespace(scorer=scorer(kind))
    (plan,) = monitoring_plan(SimpleNamespace(sample=sample(kind), trained=trained)).blocks  # type: ignore[arg-type]
    assert isinstance(plan, Table)
    loans = sample("observed").decisions
    twice = pl.concat([loans, loans.with_columns(pl.col("as_of") + SECOND)])  # 20 bads and more
    told = asked(kind, tmp_path, "outcomes", twice)
    command = pl.col("by the command")  # test_monitor_course has what a log tells
    rows = plan.frame.filter(command.str.starts_with("monitor") & ~command.str.contains("--log"))
    assert [what for what in rows["what"] if not re.search(PROMISED[what], told)] == [], told
    assert len(rows) == (7 if kind == "observed" else 5)
