"""Alarms are raised where something changed, and hardly ever where nothing did."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
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
from credit_model.serving.monitor import monitored
from credit_model.serving.monitor_estimates import estimates
from credit_model.serving.monitor_figures import Subject, figures_of, training_histories
from credit_model.serving.monitor_limits import Limits
from credit_model.serving.monitor_outcomes import performance
from credit_model.serving.monitor_window import Window, lines
from monitor import DRIFTS, decisions, found, lender, most_alarms, quiet, window
from processes import ROOT, TrainedModel, run

AS_OF = datetime(2019, 1, 13)
SIZES = ((60, 1.01), (400, 3.0))


@pytest.mark.parametrize(("size", "repeated"), SIZES)
def test_without_drift_alarms_are_as_rare_as_promised(size: int, repeated: float) -> None:
    """A short form of ``scripts/trials/monitor.py``."""
    alarms = sum(not quiet(number, size, repeated) for number in range(8))
    assert alarms <= most_alarms(8)


@pytest.mark.parametrize("name", sorted(DRIFTS))
def test_a_planted_drift_of_each_kind_is_found(name: str) -> None:
    assert found(name, number=7, size=1500)


def test_windows_of_a_few_customers_with_many_decisions_are_small_samples() -> None:
    """A hundred decisions of one customer are alike: no sign of drift."""
    scorer, random = lender(3, 1.01), np.random.default_rng(3)
    drawn = decisions(random, 4, 1.0).drop("customer").with_row_index("customer")
    several = pl.concat([drawn] * 100).with_columns(pl.col("customer").cast(pl.String))
    assert not window(random, scorer, several).alarms
    assert window(
        random, scorer, several.with_columns(customer=pl.int_range(pl.len()).cast(pl.String))
    ).alarms


def test_the_limit_is_the_same_every_time() -> None:
    counts = np.array([40, 60, 0])
    assert Limits(9).of("x", counts, 50, ["psi"]) == Limits(9).of("x", counts, 50, ["psi"])


def test_the_chance_of_an_alarm_is_shared_by_the_figures() -> None:
    counts, random = np.array([300, 500, 200, 0]), np.random.default_rng(5)
    shares = random.dirichlet(counts + 0.5, 2000)
    drawn = random.multinomial(80, shares)
    limit = Limits(5).of("x", counts, 80, ["psi"])["psi"]
    alarms = sum(metrics.psi_of_counts(counts, each) > limit for each in drawn)
    assert alarms <= 2000 * 0.01 / 5 + 10


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


def one_input(reference: pl.Series, now: pl.Series) -> dict[str, bool]:
    known = fit_distribution(reference)
    subject = Subject.counted("x", known.counts, known.count(now), figures_of(known))
    return {str(row["figure"]): bool(row["alarm"]) for row in subject.rows(Limits(20))}


def test_a_number_that_is_nearly_always_the_same() -> None:
    mostly = pl.Series("x", [0.0] * 950 + [5.0] * 50)
    assert not one_input(mostly, pl.Series([0.0] * 285 + [5.0] * 15))["psi"]
    assert one_input(mostly, pl.Series([0.0] * 225 + [5.0] * 75))["psi"]


@pytest.mark.parametrize(
    ("always", "kind"), [("a", pl.String), (None, pl.String), (1.0, pl.Float64), (None, pl.Float64)]
)
def test_an_input_that_never_varied(always: object, kind: type[pl.DataType]) -> None:
    reference = pl.Series("x", [always] * 300, dtype=kind)
    assert not any(one_input(reference, reference).values())


def test_a_level_that_training_did_not_see_and_what_is_missing_have_figures_of_their_own() -> None:
    reference = pl.Series("x", ["a"] * 600 + ["b"] * 400)
    unseen = one_input(reference, pl.Series(["a"] * 170 + ["b"] * 115 + ["new"] * 15))
    assert unseen == {"psi": unseen["psi"], "missing": False, "unseen": True}
    missing = one_input(reference, pl.Series(["a"] * 170 + ["b"] * 115 + [None] * 15))
    assert missing == {"psi": missing["psi"], "missing": True, "unseen": False}


@pytest.mark.parametrize(
    ("share", "all_judged", "expected"),
    [(0.0, False, (0, 1500)), (0.25, False, (500, 1500)), (0.2, True, (300, 1200))],
)
def test_how_many_of_the_training_had_a_history(
    share: float, all_judged: bool, expected: tuple[int, int]
) -> None:
    score = fit_distribution(pl.Series(np.random.default_rng(1).normal(550, 30, 1500)))
    known = Reference({}, score, share, 0.2, None)
    assert training_histories(known, all_judged=all_judged) == expected


def test_a_reference_survives_json() -> None:
    known = lender(1, 2.0).reference
    assert known is not None
    assert known.reach is not None
    assert Reference.from_dict(json.loads(json.dumps(known.to_dict()))) == known


def test_a_reference_of_earlier_code_is_read_and_says_what_it_lacks() -> None:
    scorer, random = lender(2, 1.01), np.random.default_rng(2)
    assert scorer.reference is not None
    plain = json.loads(json.dumps(scorer.reference.to_dict()))
    kept = ("inputs", "score", "no_history_share", "bad_rate", "roc_auc")
    older = Reference.from_dict({name: plain[name] for name in kept})
    said = window(random, replace(scorer, reference=older), decisions(random, 300, 1.0))
    assert not {"history reach", "approved", "invalid"} & {row["subject"] for row in said.watched}
    absent = (
        "how far back histories reach, the share approved, the share invalid, estimated calibration, cost"
    )
    assert any(note.endswith(f"before it was kept: {absent}") for note in said.notes)
    assert {"score", "n0"} <= {row["subject"] for row in said.watched}


def test_a_window_survives_json() -> None:
    scorer, random = lender(1, 1.01), np.random.default_rng(1)
    made = window(random, scorer, decisions(random, 100, 1.0))
    assert Window.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_short_history_is_told_though_the_score_is_as_ever() -> None:
    scorer, random = lender(4, 1.01), np.random.default_rng(4)
    short = decisions(random, 500, 1.0).with_columns(pl.col("tenure").clip(upper_bound=30))
    made = window(random, scorer, short)
    assert {row["subject"] for row in made.alarms} == {"history reach"}
    (line,) = [note for note in made.notes if "reached back" in note]
    assert line.endswith("days or more; now 0%")


def test_estimates_are_what_calibrated_probabilities_become() -> None:
    random = np.random.default_rng(1)
    probability = random.beta(1, 6, 20_000)
    bad = (random.uniform(size=len(probability)) < probability).astype(np.int8)
    scorer = lender(1, 1.01)
    assert scorer.reference is not None
    score = scorer.reference.score.count(pl.Series(scorer.scale.score(probability)))
    said = estimates(probability, 0.3, scorer.reference, score)
    assert said["estimated_roc_auc"] == pytest.approx(metrics.roc_auc(bad, probability), abs=0.01)
    assert said["expected_bad_rate"] == pytest.approx(bad.mean(), abs=0.01)
    cells = metrics.confusion(bad, (probability >= 0.3).astype(np.int8))
    assert all(said[f"expected_{name}"] == pytest.approx(count, abs=150) for name, count in cells.items())
    cost = metrics.expected_cost(bad, (probability >= 0.3).astype(np.int8), *(scorer.reference.costs or ()))
    assert said["expected_cost"] == pytest.approx(cost, rel=0.05)


def test_what_became_of_decisions() -> None:
    random = np.random.default_rng(1)
    risk = random.uniform(size=400)
    bad = (random.uniform(size=400) < risk).astype(np.int8)
    decision = np.where(risk < 0.3, "approve", np.where(risk < 0.6, "review", "reject"))
    people = [str(k) for k in range(400)]
    answers = pl.DataFrame(
        {"customer": people, "bad": bad, "probability": risk, "decision": decision, "risk_level": decision}
    ).with_columns(stands=pl.when(pl.int_range(pl.len()) < 50).then(pl.lit("approve")))
    scorer = lender(1, 1.01)
    assert scorer.reference is not None
    told = performance(scorer, scorer.reference, answers, Limits(10)).figures
    assert told["roc_auc"] == metrics.roc_auc(bad, risk)
    assert told["roc_auc_in_training"] == scorer.reference.roc_auc
    assert told["bad_rate_of_approve"] == pytest.approx(bad[risk < 0.3].mean())
    assert told["observed_to_expected"] == pytest.approx(bad.sum() / risk.sum())
    assert told["observed_to_expected_low"] < told["observed_to_expected"] < told["observed_to_expected_high"]
    changed = (decision[:50] != "approve").nonzero()[0]
    assert told["bad_rate_of_overridden"] == pytest.approx(bad[changed].mean())
    few = performance(scorer, scorer.reference, answers.head(15), Limits(10))
    assert "not estimable: fewer than 20 of a class" in few.sentences[0]
    proxy = performance(replace(scorer, target="rfm_proxy"), scorer.reference, answers, Limits(10))
    assert proxy.sentences[0].endswith("so the proxy should be retired: train with --outcomes FILE")
    assert "observed_to_expected" not in proxy.figures
    soon = performance(replace(scorer, target="rfm_proxy"), scorer.reference, answers.head(120), Limits(10))
    assert "the proxy stays until 100 decisions of each class have a real outcome" in soon.sentences[0]


def test_the_verdict_comes_first() -> None:
    scorer, random = lender(1, 1.01), np.random.default_rng(1)
    table = decisions(random, 300, 1.0)
    assert lines(window(random, scorer, table))[0].startswith("no alarm: nothing beyond chance (")
    moved = table.with_columns(pl.col("n0") * 4, pl.col("n3") * 4)
    assert lines(window(random, scorer, moved))[0].split(" (")[0] in {"alarm: n0, n3", "alarm: n3, n0"}


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
    assert ("\nroc auc:" in whole) == (named == "outcomes")


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
    assert done.returncode == (0 if factor == 1 else 3), done.stderr
    table = pl.read_csv(tmp_path / "drift.csv")
    assert done.stdout.startswith("no alarm" if factor == 1 else "alarm: ")
    assert table["alarm"].any() == (factor != 1)
    assert "in training" in done.stdout
