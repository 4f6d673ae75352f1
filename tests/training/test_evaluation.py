"""Figures of judged decisions against scikit-learn and plain counting."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn import metrics as oracle

from credit_model.features.catalogue import Catalogue
from credit_model.scoring.policy import Bands
from credit_model.training.dataset import Dataset
from credit_model.training.evaluation import MOST_PERIODS, by_period, figures, measure
from credit_model.training.sample import Recipe

FloatArray = npt.NDArray[np.float64]
RECIPE = Recipe(90, "observed_default", costs=(7.0, 2.0))
BANDS = Bands(limits=(0.2, 0.5), threshold=0.35)
START = datetime(2024, 1, 1)


def judged(rows: int = 1_200, days: int = 360, seed: int = 1) -> tuple[Dataset, FloatArray]:
    """Decisions in order of time, about three per customer, and a calibrated probability of each."""
    random = np.random.default_rng(seed)
    probability = random.beta(2, 5, rows)
    as_of = [START + timedelta(days=int(day)) for day in np.sort(random.integers(0, days, rows))]
    decisions = pl.DataFrame(
        {
            "CustomerId": [f"c{number}" for number in random.integers(0, rows // 3, rows)],
            "as_of": as_of,
            "bad": (random.random(rows) < probability).astype(np.int8),
            "part": ["train"] * (rows * 6 // 10) + ["excluded"] * (rows // 10) + ["test"] * (rows * 3 // 10),
        }
    )
    features = pl.DataFrame({"transaction_count": (random.random(rows) < 0.8).astype(np.float64)})
    return Dataset(decisions, features, Catalogue(90), None, 0), probability


def test_every_figure_is_that_of_scikit_learn_on_the_same_decisions() -> None:
    prepared, probability = judged()
    test_probability = np.where(prepared.part("test"), np.roll(probability, 1), np.nan)
    found = figures(prepared, BANDS, probability, test_probability, RECIPE)
    history = prepared.features["transaction_count"].to_numpy() > 0
    cases = {
        "grouped": (probability, np.ones(len(history), dtype=np.bool_)),
        "grouped_with_history": (probability, history),
        "test": (test_probability, prepared.part("test")),
        "test_with_history": (test_probability, prepared.part("test") & history),
    }
    for part, (risk, rows) in cases.items():
        bad, p = prepared.bad[rows], risk[rows]
        said = (p >= BANDS.threshold).astype(int)
        (kept, refused), (missed, caught) = oracle.confusion_matrix(bad, said)
        expected = {
            "decisions": rows.sum(),
            "bads": bad.sum(),
            "bad_rate": bad.mean(),
            "roc_auc": oracle.roc_auc_score(bad, p),
            "gini": 2 * oracle.roc_auc_score(bad, p) - 1,
            "pr_auc": oracle.average_precision_score(bad, p),
            "brier": oracle.brier_score_loss(bad, p),
            "log_loss": oracle.log_loss(bad, p),
            "calibration_in_the_large": bad.sum() / p.sum(),
            "accuracy": oracle.accuracy_score(bad, said),
            "precision": oracle.precision_score(bad, said),
            "recall": oracle.recall_score(bad, said),
            "f1": oracle.f1_score(bad, said),
            "true_negatives": kept,
            "false_positives": refused,
            "false_negatives": missed,
            "true_positives": caught,
            "expected_cost": (7 * missed + 2 * refused) / rows.sum(),
        }
        for name, value in expected.items():
            assert found[f"{part}_{name}"] == pytest.approx(value, rel=1e-9), (part, name)
        for name in ("roc_auc", "ks", "brier"):
            low, high = found[f"{part}_{name}_low"], found[f"{part}_{name}_high"]
            assert low < found[f"{part}_{name}"] < high, (part, name)


def test_a_calibrated_probability_has_intercept_zero_and_slope_one() -> None:
    prepared, probability = judged(6_000)
    found = measure(prepared, probability, np.ones(6_000, dtype=np.bool_), BANDS, RECIPE)
    assert found["calibration_intercept"] == pytest.approx(0, abs=0.15)
    assert found["calibration_slope"] == pytest.approx(1, abs=0.15)
    squared = measure(prepared, probability**2, np.ones(6_000, dtype=np.bool_), BANDS, RECIPE)
    assert squared["calibration_slope"] < 0.7


@pytest.mark.parametrize("bads", [0, 1, 19])
def test_of_few_bads_only_the_counts_are_told(bads: int) -> None:
    prepared, probability = judged()
    bad = (np.arange(1_200) < bads).astype(np.int8)
    few = replace(prepared, decisions=prepared.decisions.with_columns(bad=pl.Series(bad)))
    found = measure(few, probability, np.ones(1_200, dtype=np.bool_), BANDS, RECIPE)
    assert found == {"decisions": 1_200, "bads": bads}


def test_decisions_that_were_not_judged_count_nowhere() -> None:
    prepared, probability = judged()
    gaps = np.where(np.arange(1_200) % 4 == 0, np.nan, probability)
    found = figures(prepared, BANDS, gaps, np.full(1_200, np.nan), RECIPE)
    assert found["grouped_decisions"] == 900
    assert found["grouped_bads"] == prepared.bad[~np.isnan(gaps)].sum()
    assert found["test_decisions"] == 0
    assert "test_roc_auc" not in found
    assert by_period(prepared, gaps)["decisions"].sum() == 900


@pytest.mark.parametrize(("moments", "length"), [(MOST_PERIODS, 10), (MOST_PERIODS + 1, 7)])
def test_periods_are_days_while_they_are_few_else_months_and_add_up(moments: int, length: int) -> None:
    prepared, probability = judged()
    day = pl.int_range(pl.len()) * moments // pl.len() * 9
    decisions = prepared.decisions.with_columns(as_of=pl.lit(START) + pl.duration(days=day))
    prepared = replace(prepared, decisions=decisions)
    table = by_period(prepared, probability)
    assert table["period"].is_sorted()
    assert table["period"].str.len_chars().unique().to_list() == [length]
    plain = decisions.with_columns(
        p=pl.Series(probability), period=pl.col("as_of").cast(pl.String).str.head(length)
    )
    expected = plain.group_by("period").agg(
        decisions=pl.len(),
        bads=pl.col("bad").sum(),
        bad_rate=pl.col("bad").mean(),
        mean_probability=pl.col("p").mean(),
        observed_to_expected=pl.col("bad").sum() / pl.col("p").sum(),
    )
    for name in expected.drop("period").columns:
        assert table[name].to_list() == pytest.approx(expected.sort("period")[name].to_list()), name
    assert table["decisions"].sum() == 1_200
    assert table["bads"].sum() == prepared.bad.sum()


def test_weeks_are_shown_where_the_decisions_span_too_few_months() -> None:
    prepared, probability = judged(days=40)
    table = by_period(prepared, probability)
    weeks = prepared.decisions["as_of"].dt.strftime("%G-W%V").value_counts().sort("as_of")
    assert table["period"].to_list() == weeks["as_of"].to_list()
    assert table["decisions"].to_list() == weeks["count"].to_list()


def test_a_period_with_few_bads_has_no_auc() -> None:
    prepared, probability = judged(200, 2)
    first = prepared.decisions["as_of"] == START
    bad = prepared.decisions["bad"].set(first, 0)
    table = by_period(replace(prepared, decisions=prepared.decisions.with_columns(bad=bad)), probability)
    assert table["roc_auc"].is_null().to_list() == [True, False]
    assert table["observed_to_expected"][0] == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_population_that_stays_the_same_has_not_drifted_and_one_that_moves_has(seed: int) -> None:
    prepared, probability = judged(seed=seed)
    worse = np.where(prepared.part("test"), np.sqrt(probability), probability)
    still, moved = (figures(prepared, BANDS, p, p, RECIPE) for p in (probability, worse))
    assert still["test_score_psi"] < still["test_score_psi_limit"]
    assert moved["test_score_psi"] > moved["test_score_psi_limit"]


def test_another_model_on_the_test_part_is_no_drift() -> None:
    prepared, probability = judged()
    earlier = np.where(prepared.part("test"), probability.round(1) / 2, np.nan)
    found = figures(prepared, BANDS, probability, earlier, RECIPE)
    assert found["test_score_psi"] < found["test_score_psi_limit"]


def test_a_ranking_that_decays_is_less_stable() -> None:
    prepared, probability = judged(3_000)
    fresh = np.random.default_rng(9).random(3_000)
    share = np.linspace(0, 1, 3_000)
    nothing = np.full(3_000, np.nan)
    steady, decaying = (
        figures(prepared, BANDS, p, nothing, RECIPE)["grouped_stability"]
        for p in (probability, np.where(fresh < share, fresh, probability))
    )
    assert decaying < steady


def test_stability_is_over_the_iso_weeks_with_both_classes_and_needs_eight() -> None:
    prepared, probability = judged(3_000, days=70)
    nothing, monday = np.full(3_000, np.nan), prepared.decisions["as_of"].dt.strftime("%G-W%V").to_numpy()
    clean = np.isin(monday, np.unique(monday)[:2])
    for without, told in ((clean, True), (np.isin(monday, np.unique(monday)[:4]), False)):
        bad = pl.Series(np.where(without, 0, prepared.bad), dtype=pl.Int8)
        fewer = replace(prepared, decisions=prepared.decisions.with_columns(bad=bad))
        found = figures(fewer, BANDS, probability, nothing, RECIPE)
        assert found["grouped_stability_weeks"] == len(np.unique(monday[~without]))
        assert ("grouped_stability" in found) == told


def test_the_auc_of_a_period_is_that_of_the_ranking() -> None:
    prepared, probability = judged(400, 2)
    rows = (prepared.decisions["as_of"] == START).to_numpy()
    ranked = np.where(np.arange(400) % 2, probability, probability / 2)
    first = by_period(prepared, probability, ranked)
    assert first["roc_auc"][0] == pytest.approx(oracle.roc_auc_score(prepared.bad[rows], ranked[rows]))
    assert first["mean_probability"][0] == pytest.approx(probability[rows].mean())


def test_one_seed_gives_one_interval() -> None:
    prepared, probability = judged()
    rows = np.ones(1_200, dtype=np.bool_)
    first = measure(prepared, probability, rows, BANDS, RECIPE)
    assert measure(prepared, probability, rows, BANDS, RECIPE) == first
    other = measure(prepared, probability, rows, BANDS, replace(RECIPE, seed=7))
    assert other["roc_auc_low"] != first["roc_auc_low"]
