"""Drift is called where something drifted, and hardly ever where nothing did."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model import metrics
from credit_model.scoring.reference import Reference, fit_distribution
from credit_model.scoring.scorer import Scorer
from credit_model.serving.jobs import Job
from credit_model.serving.monitor import counts, drift, had_history, monitored, performance
from processes import ROOT, TrainedModel, run

INPUTS, AS_OF = 40, datetime(2019, 1, 13)


@cache
def reference() -> Reference:
    table = sample(1500, 1)
    inputs = {name: fit_distribution(table[name]) for name in table.columns}
    return Reference(inputs, fit_distribution(score(1500, 1)), 0.1, 0.2, 0.8)


def sample(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    numbers = {f"n{k}": random.lognormal(size=rows) for k in range(INPUTS - 1)}
    text = random.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    return pl.DataFrame(numbers).with_columns(text=pl.Series(text))


def score(rows: int, seed: int) -> pl.Series:
    return pl.Series("score", np.random.default_rng(seed).normal(550, 30, rows))


def drifted(features: pl.DataFrame, scores: pl.Series) -> list[str]:
    return (
        drift(reference(), counts(reference(), features, scores))
        .filter(pl.col("drifted"))["subject"]
        .to_list()
    )


def test_without_drift_alarms_are_as_rare_as_promised() -> None:
    alarms = sum(bool(drifted(sample(300, seed), score(300, seed))) for seed in range(100, 200))
    assert alarms <= 14  # 5 % of 100, and the chance of more than 14 is below 1 in 1,000


@pytest.mark.parametrize("rows", [300, 3000])
def test_what_changed_is_named_first(rows: int) -> None:
    table = sample(rows, 7)
    changed = table.with_columns(pl.col("n3") * 4, text=pl.col("text").replace({"a": "renamed"}))
    assert set(drifted(changed, score(rows, 7))) == {"n3", "text"}
    assert drifted(table, score(rows, 7) - 40) == ["score"]
    gone = table.with_columns(pl.when(pl.int_range(pl.len()) % 2 == 0).then("n5").alias("n5"))
    row = drift(reference(), counts(reference(), gone, score(rows, 7))).row(0, named=True)
    assert (row["subject"], row["missing_then"], row["missing_now"]) == ("n5", 0, 0.5)


@given(values=st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=300))
def test_every_number_is_counted_once(values: list[float | None]) -> None:
    series = pl.Series(values, dtype=pl.Float64)
    known = fit_distribution(series)
    assert sum(known.counts) == len(values)
    assert known.counts[-1] == series.null_count()
    assert known.count(series).tolist() == list(known.counts)


@given(values=st.lists(st.none() | st.sampled_from(["a", "b", "c", "rare"]), min_size=1, max_size=100))
def test_every_text_is_counted_once_and_the_rare_have_no_name(values: list[str | None]) -> None:
    series = pl.Series("x", values, dtype=pl.String)
    known = fit_distribution(series)
    assert sum(known.counts) == len(values)
    assert all(values.count(level) >= 10 for level in known.levels)


@given(
    values=st.lists(st.sampled_from([-1.5, 0.0, 2.0, 7.0]) | st.floats(-1e9, 1e9), min_size=1, max_size=300)
)
def test_no_bin_of_a_number_tells_of_fewer_than_ten(values: list[float]) -> None:
    known = fit_distribution(pl.Series(values))
    assert len(known.counts) <= 11
    assert len(known.counts) == 2 or min(known.counts[:-1]) >= 10


def one_input(reference: pl.Series, now: pl.Series) -> dict[str, object]:
    known = Reference({"x": fit_distribution(reference)}, fit_distribution(score(500, 1)), 0.0, 0.2, None)
    found = drift(known, counts(known, pl.DataFrame({"x": now}), score(300, 2)))
    return found.row(by_predicate=pl.col("subject") == "x", named=True)


def test_a_number_that_is_nearly_always_the_same() -> None:
    mostly = pl.Series("x", [0.0] * 950 + [5.0] * 50)
    assert not one_input(mostly, pl.Series([0.0] * 285 + [5.0] * 15))["drifted"]
    assert one_input(mostly, pl.Series([0.0] * 240 + [5.0] * 60))["drifted"]


@pytest.mark.parametrize(
    ("always", "kind"), [("a", pl.String), (None, pl.String), (1.0, pl.Float64), (None, pl.Float64)]
)
def test_an_input_that_never_varied(always: object, kind: type[pl.DataType]) -> None:
    reference = pl.Series("x", [always] * 300, dtype=kind)
    assert one_input(reference, reference) | {"missing_now": 0, "missing_then": 0} == {
        "subject": "x",
        "psi": 0.0,
        "limit": 0.1,
        "missing_then": 0,
        "missing_now": 0,
        "drifted": False,
    }


@pytest.mark.parametrize(
    ("then", "now", "all_judged", "expected"),
    [(0.0, 0.45, False, True), (0.1, 0.1, False, False), (0.1, 0.6, True, True), (0.6, 0.1, True, True)],
)
def test_a_change_in_who_has_a_history_is_drift(
    then: float, now: float, all_judged: bool, expected: bool
) -> None:
    known = replace(reference(), no_history_share=then)
    status = ["no_history"] * round(300 * now) + ["scored"] * round(300 * (1 - now)) + ["invalid"] * 50
    subject = had_history(known, pl.Series(status), all_judged=all_judged)
    assert sum(subject[0].counts) == (1500 if all_judged else round(1500 / (1 - then)))
    row = drift(known, counts(known, sample(300, 5), score(300, 5)), subject).filter(
        pl.col("subject") == "history"
    )
    assert row["drifted"].to_list() == [expected]


def test_a_reference_survives_json() -> None:
    assert Reference.from_dict(json.loads(json.dumps(reference().to_dict()))) == reference()


def test_what_became_of_decisions() -> None:
    random = np.random.default_rng(1)
    risk = random.uniform(size=400)
    bad = (random.uniform(size=400) < risk).astype(np.int8)
    decision = np.where(risk < 0.3, "approve", np.where(risk < 0.6, "review", "reject"))
    people = [str(k) for k in range(400)]
    answers = pl.DataFrame({"CustomerId": people, "bad": bad, "probability": risk, "decision": decision})
    found = performance(answers, reference())
    assert found["roc_auc"] == metrics.roc_auc(bad, risk)
    assert found["bad_rate_of_approve"] == pytest.approx(bad[risk < 0.3].mean())
    assert found["observed_to_expected"] == pytest.approx(bad.sum() / risk.sum())
    few = performance(answers.head(15), reference())
    assert few["roc_auc"] == "not estimable: fewer than 20 of a class"


@pytest.mark.slow
@pytest.mark.parametrize("named", ["nothing", "decisions", "outcomes"])
def test_pieces_change_no_figure(named: str, trained_model: TrainedModel, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(trained_model.tracking)
    scorer = Scorer.load(
        Path(mlflow.artifacts.download_artifacts(trained_model.uri)) / "artifacts" / "scorer"
    )
    people = pl.read_parquet(trained_model.transactions)["CustomerId"].unique(maintain_order=True)
    table = pl.DataFrame({"CustomerId": people, "as_of": AS_OF})
    for part in range(2):
        mine = table.gather_every(2, part).with_columns(defaulted=pl.int_range(pl.len()) % 3 == 0)
        mine.write_parquet(tmp_path / f"{part}.parquet")
    given: dict[str, str | None] = {"decisions": None, "outcomes": None, named: str(tmp_path / "?.parquet")}
    job = Job(
        "",
        str(trained_model.transactions),
        given["decisions"],
        given["outcomes"],
        {},
        AS_OF.isoformat(),
        None,
    )
    whole, cut = (monitored(job, scorer, rows) for rows in (10**6, 1000))
    assert cut == whole
    assert ("roc auc:" in whole) == (named == "outcomes")


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1, 30])
def test_the_command(factor: int, trained_model: TrainedModel, tmp_path: Path) -> None:
    table = pl.read_parquet(trained_model.transactions)
    table.with_columns(pl.col("Amount", "Value") * factor).write_parquet(tmp_path / "t.parquet")
    recent = table.filter(
        pl.col("TransactionStartTime").is_between(AS_OF - timedelta(days=30), AS_OF, "left")
    )
    recent.select(pl.col("CustomerId").unique()).write_csv(tmp_path / "asked.csv")
    command = ["-m", "credit_model", "monitor", "--transactions", "t.parquet", "--as_of", AS_OF.isoformat()]
    done = run(
        [*command, "--decisions", "asked.csv", "--model", trained_model.uri, "--output", "drift.csv"],
        trained_model.environment | {"PYTHONPATH": str(ROOT)},
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = pl.read_csv(tmp_path / "drift.csv")
    assert done.stdout.startswith("no drift beyond chance" if factor == 1 else "drifted: ")
    assert found["drifted"].any() == (factor != 1)
    assert "in training" in done.stdout
