"""Canaries and laws of a training: leaks are found, chance stays chance, one seed gives one model."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as oracle

from applications import ATTRIBUTES, applications
from credit_model import metrics
from credit_model.data.transactions import REQUIRED, SCHEMA, Tidy, tidy_table
from credit_model.reporting import tables
from credit_model.serving.batch import score_tables
from credit_model.settings.kinds import Levels, Search
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.training import evaluation, gate, gates, train, workflow
from credit_model.training.baselines import Baseline, baselines
from credit_model.training.calibration import cross_fitted
from credit_model.training.candidates import best_point
from credit_model.training.cross_validation import Cases, cross_validated
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.sample import Recipe, observed_sample, proxy_sample
from credit_model.training.train import Trained
from credit_model.training.yardstick import YARDSTICK
from processes import ROOT, run

NONE = tidy_table(pl.DataFrame(schema=SCHEMA))


@cache
def transactions() -> Tidy:
    return tidy_table(generate.transactions(customers=400, seed=5))


def trained_on(
    given: Settings, bad: np.ndarray | None = None, known: Tidy | None = None
) -> tuple[Trained, Recipe]:
    known = known or transactions()
    sample = proxy_sample(given, known)
    decisions = sample.decisions
    if bad is not None:
        decisions = decisions.with_columns(bad=pl.Series(bad[: decisions.height], dtype=pl.Int8))
    prepared = [
        build_dataset(known, decisions, sample.recipe, parts) for parts in (("train", "test"), ("train",))
    ]
    return train.train(prepared[0], prepared[1], sample.recipe), sample.recipe


@cache
def scorecard() -> tuple[Trained, Recipe]:
    return trained_on(Settings(candidate="scorecard"))


def failed(recipe: Recipe, figures: Mapping[str, float], free: tuple[Baseline, ...] = ()) -> tuple[str, ...]:
    return gate.sentences(gates.judge(recipe, figures, {}, free, ()), "failed")


def outcomes_of(rows: int, seed: int = 1) -> pl.DataFrame:
    return applications(rows, seed)[0]


def test_shuffled_labels_are_chance() -> None:
    lots = np.random.default_rng(3).integers(0, 2, 2_000).astype(np.int8)
    trained, _ = trained_on(Settings(candidate="xgboost"), lots)
    for part in ("grouped", "test"):
        low, high = (trained.figures[f"{part}_roc_auc_{end}"] for end in ("low", "high"))
        assert low - 0.02 < 0.5 < high + 0.02


def test_what_comes_after_the_decision_changes_no_feature_and_no_score() -> None:
    known, (trained, recipe) = transactions(), scorecard()
    decisions = trained.dataset.decisions
    last = decisions["as_of"].max()
    assert isinstance(last, datetime)
    later = known.frame.with_columns(
        TransactionStartTime=pl.lit(last + timedelta(hours=1)),
        Amount=pl.col("Amount") * 1000,
        TransactionId=pl.col("TransactionId") + "x",
    )
    injected = Tidy(pl.concat([known.frame, later]), known.faults)
    names = trained.dataset.features.columns
    assert build_dataset(injected, decisions, recipe).features.select(names).equals(trained.dataset.features)
    asked = decisions.select("CustomerId", "as_of").head(50)
    before = score_tables(trained.scorer, known, asked, datetime(2019, 1, 1))
    assert score_tables(trained.scorer, injected, asked, datetime(2019, 1, 1)).equals(before)


def test_a_same_window_label_is_too_good_and_refused() -> None:
    trained, recipe = trained_on(Settings(label="same_window", candidate="xgboost"))
    assert trained.figures["test_roc_auc"] > gates.REFUSED_AUC
    reasons = failed(recipe, trained.figures)
    assert "the label is made of the features' own window" in reasons
    assert any("too good to be honest" in reason for reason in reasons)
    hidden = failed(replace(recipe, target="observed_default"), trained.figures)
    assert any("too good to be honest" in reason for reason in hidden)


@pytest.mark.parametrize("kind", ["number", "text", "inverse"])
def test_a_feature_that_copies_the_label_is_named(kind: str, tmp_path: Path) -> None:
    table = outcomes_of(400)
    bad = table["defaulted"]
    copies = {
        "number": bad * 7 + 1,
        "inverse": 1 - bad,
        "text": bad.cast(pl.String).replace({"0": "no", "1": "yes"}),
    }
    table.with_columns(copies[kind].alias("sneaky")).write_csv(tmp_path / "o.csv")
    given = Settings(outcomes=str(tmp_path / "o.csv"), attributes=("age", "sneaky"), candidate="scorecard")
    outcome = workflow.run(given)
    assert any("the feature sneaky alone" in reason for reason in outcome.failed_gates)
    assert not any("age" in reason for reason in outcome.failed_gates)


@pytest.mark.parametrize(("confirm", "state"), [((), "failed"), (("late",), "warning")])
def test_the_outcome_plus_noise_is_a_suspected_leak_until_it_is_confirmed(
    confirm: tuple[str, ...], state: str, tmp_path: Path
) -> None:
    table = outcomes_of(800)
    late = table["defaulted"] + np.random.default_rng(1).normal(0, 1, 800)
    table.with_columns(late=late).write_csv(tmp_path / "o.csv")
    given = Settings(
        outcomes=str(tmp_path / "o.csv"), attributes=("age", "late"), candidate="scorecard", confirm=confirm
    )
    outcome = workflow.run(given)
    found = [gate for gate in outcome.gates if gate.name == "no suspected leak"]
    assert [(gate.state, "the attribute late" in gate.sentence) for gate in found] == [(state, True)]
    assert found[0].sentence in "\n".join(outcome.summary)
    assert tables.gates(outcome).filter(pl.col("state") == state)["sentence"].str.contains("late").any()
    assert tables.attributes(outcome)["confirmed"].to_list() == [False, bool(confirm)]


@pytest.mark.parametrize(
    ("own", "given"),
    [
        ({}, False),
        ({"cost_false_negative": 10.0}, False),
        ({"cost_false_negative": 12.0}, True),
        ({"cost_false_positive": 2.0}, True),
        ({"threshold": 0.3}, True),
        ({"threshold": 0.3, "bands": Levels(("low", "high"), (0.3,), ("approve", "review"))}, True),
    ],
)
def test_costs_are_the_readers_own_where_they_differ_from_the_defaults(
    own: dict[str, Any], given: bool
) -> None:
    settings = Settings(outcomes="x", attributes=("age",), **own)
    assert observed_sample(settings, outcomes_of(100)).recipe.costs_given == given


def test_only_an_attribute_can_be_confirmed(tmp_path: Path) -> None:
    outcomes_of(100).write_csv(tmp_path / "o.csv")
    given = Settings(outcomes=str(tmp_path / "o.csv"), attributes=("age",), confirm=("agee",))
    with pytest.raises(ValueError, match=r"confirm: agee is none of the attributes; did you mean age\?"):
        workflow.run(given)


def test_the_calibrator_of_a_probability_out_of_fold_had_not_seen_it() -> None:
    trained, recipe = scorecard()
    rows = trained.dataset.modelled
    cases = Cases.of(trained.dataset, rows)
    fold, parameters = cases.fold(recipe.seed), trained.comparison["scorecard"].parameters
    margin = cross_validated("scorecard", cases, parameters, fold, recipe, lambda _: None).margin
    expected = cross_fitted(margin, cases.bad, fold, linear=True)
    np.testing.assert_allclose(trained.probability[rows], expected)
    assert trained.figures["grouped_roc_auc"] == pytest.approx(metrics.roc_auc(cases.bad, margin))


def test_one_seed_gives_one_model_whatever_the_threads(tmp_path: Path) -> None:
    script = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from credit_model.settings.settings import Settings; from credit_model.training.candidates import CANDIDATES\n"
        "from credit_model.training import workflow; from credit_model.training.cross_validation import Cases, fit\n"
        "outcome = workflow.run(Settings(transactions='t.parquet', candidate='forest'))\n"
        "trained, recipe = outcome.trained, outcome.sample.recipe\n"
        "cases = Cases.of(trained.dataset, trained.dataset.modelled)\n"
        "logistic = fit('logistic', cases, CANDIDATES['logistic'].default_parameters, recipe)\n"
        "scorers = {'forest': trained.scorer, 'logistic': replace(trained.scorer, classifier=logistic)}\n"
        "for name, scorer in scorers.items():\n"
        "    print(name, scorer.save(Path(sys.argv[1]) / name))\n"
        "print('figures', outcome.figures, sum(logistic.margin(cases.table)))\n"
    )
    table = generate.transactions(customers=200, seed=5).select(*REQUIRED, "ProductCategory")
    table.write_parquet(tmp_path / "t.parquet")
    printed = []
    for threads in ("1", "2"):
        environment = os.environ | dict.fromkeys(
            ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads
        )
        done = run(["-c", script, threads], environment | {"PYTHONPATH": str(ROOT)}, tmp_path)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert [line.split()[0] for line in printed[0].splitlines()] == ["forest", "logistic", "figures"]


def test_the_points_of_a_cases_bins_add_up_to_its_score() -> None:
    trained, _ = scorecard()
    points = tables.points(trained)
    table = trained.dataset.features.head(200)
    total = np.zeros(table.height)
    for binning in trained.scorecard.binnings:
        own = points.filter(pl.col("feature") == binning.feature)["points"].to_numpy()
        total += own[binning.index(table[binning.feature])]
    decisions = trained.dataset.decisions.select("CustomerId", "as_of").head(200)
    answers = score_tables(trained.scorer, transactions(), decisions, datetime(2019, 1, 1))
    np.testing.assert_allclose(total, answers["score"].to_numpy(), atol=1e-9)


def test_figures_are_those_of_scikit_learn() -> None:
    trained, _ = scorecard()
    rows = ~np.isnan(trained.test_probability)
    bad, risk = trained.dataset.bad[rows], trained.test_probability[rows]
    figures, threshold = trained.figures, trained.scorer.bands.threshold
    said = (risk >= threshold).astype(int)
    expected = {
        "roc_auc": oracle.roc_auc_score(bad, risk),
        "pr_auc": oracle.average_precision_score(bad, risk),
        "brier": oracle.brier_score_loss(bad, risk),
        "log_loss": oracle.log_loss(bad, risk),
        "accuracy": oracle.accuracy_score(bad, said),
        "precision": oracle.precision_score(bad, said),
        "recall": oracle.recall_score(bad, said),
        "f1": oracle.f1_score(bad, said),
        "true_positives": oracle.confusion_matrix(bad, said)[1, 1],
    }
    for name, value in expected.items():
        assert figures[f"test_{name}"] == pytest.approx(value, rel=1e-9), name


def test_periods_add_up_to_the_whole() -> None:
    trained, _ = scorecard()
    table = evaluation.by_period(trained.dataset, trained.probability)
    known = ~np.isnan(trained.probability)
    assert table["decisions"].sum() == known.sum()
    assert table["bads"].sum() == trained.dataset.bad[known].sum()
    assert table["period"].is_sorted()


def test_a_customer_is_in_one_fold_and_on_one_side() -> None:
    table = pl.concat([outcomes_of(300), outcomes_of(300).with_columns(pl.col("as_of").dt.offset_by("1d"))])
    sample = observed_sample(Settings(outcomes="x", split="random", attributes=("age",)), table)
    sides = sample.decisions.group_by("CustomerId").agg(pl.col("part").n_unique())
    assert sides["part"].max() == 1
    prepared = build_dataset(NONE, sample.decisions, sample.recipe)
    cases = Cases.of(prepared, np.ones(prepared.decisions.height, dtype=np.bool_))
    folds = pl.DataFrame({"who": cases.customers.astype(str), "fold": cases.fold(1)})
    assert folds.group_by("who").agg(pl.col("fold").n_unique())["fold"].max() == 1


def prepared_with(bads: int) -> tuple[Dataset, Recipe]:
    table = outcomes_of(400).with_columns(
        defaulted=(pl.int_range(pl.len()) % (400 // bads) == 0).cast(pl.Int8)
    )
    sample = observed_sample(Settings(outcomes="x", attributes=ATTRIBUTES, candidate="scorecard"), table)
    return build_dataset(NONE, sample.decisions, sample.recipe), sample.recipe


def test_with_ten_bads_nothing_is_claimed() -> None:
    prepared, recipe = prepared_with(10)
    trained = train.train(prepared, prepared, recipe)
    assert "test_roc_auc" not in trained.figures
    assert trained.figures["test_bads"] < metrics.LEAST_CASES
    reasons = failed(recipe, trained.figures)
    assert any("not estimable" in reason for reason in reasons)
    assert any(
        f"has {trained.figures['train_bads']:.0f} bad and" in reason and "at least 20 of each" in reason
        for reason in reasons
    )


def test_with_four_bads_nothing_is_trained() -> None:
    prepared, recipe = prepared_with(4)
    with pytest.raises(
        ValueError, match="4 bad and 396 good decisions to train on are too few; give at least 5"
    ):
        train.train(prepared, prepared, recipe)


def test_outcomes_unknown_when_the_test_part_begins_are_not_trained_on() -> None:
    table = outcomes_of(500)
    sample = observed_sample(Settings(outcomes="x", outcome_days=60, attributes=("age",)), table)
    start = sample.decisions.filter(pl.col("part") == "test")["as_of"].min()
    trained = sample.decisions.filter(pl.col("part") == "train")
    excluded = sample.decisions.filter(pl.col("part") == "excluded")
    assert (trained["known_at"] <= start).all()
    assert excluded.height > 0
    assert (excluded["known_at"] > start).all()


def test_a_model_that_is_recency_does_not_beat_recency() -> None:
    trained, recipe = scorecard()
    prepared = trained.dataset
    recency = prepared.features["recency"].to_numpy() / 100
    same = np.where(prepared.part("test"), recency, np.nan)
    found = baselines(transactions(), prepared, same, recipe, 30)
    assert [baseline.name for baseline in found] == ["recency", "customer_base"]
    assert found[0].lift == (0, 0)
    reasons = failed(recipe, trained.figures, found)
    assert any("not clearly better than recency alone" in reason for reason in reasons)


def test_a_search_chooses_on_folds_of_its_own() -> None:
    sample = observed_sample(
        Settings(outcomes="x", attributes=ATTRIBUTES, candidate="scorecard", search=Search("random")),
        outcomes_of(400),
    )
    prepared = build_dataset(NONE, sample.decisions, sample.recipe)
    trained = train.train(prepared, prepared, sample.recipe)
    assert trained.trials[YARDSTICK] == (), "it has nothing to search"
    trials = trained.trials["scorecard"]
    assert len(trials) == 12
    best = best_point(trials)
    assert trained.comparison["scorecard"].parameters == best.parameters
    same = [t for t in trials if t.parameters == best.parameters]
    assert trained.comparison["scorecard"].fold_auc != same[0].fold_auc


def test_bads_of_one_customer_are_refused() -> None:
    bad = pl.int_range(pl.len()) < 20
    who = pl.when(bad).then(pl.lit("only one")).otherwise("CustomerId")
    table = outcomes_of(400).with_columns(CustomerId=who, defaulted=bad.cast(pl.Int8))
    settings = Settings(outcomes="x", attributes=ATTRIBUTES, candidate="scorecard", split="random")
    sample = observed_sample(settings, table)
    prepared = build_dataset(NONE, sample.decisions, sample.recipe)
    with pytest.raises(ValueError, match=r"all 20 bad of .* are of so few customers .* outcomes of more"):
        train.train(prepared, prepared, sample.recipe)
