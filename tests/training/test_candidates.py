"""Laws of every candidate, fitted on one small table with text, gaps and a signal."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from credit_model.metrics import roc_auc
from credit_model.models.blend import Blend
from credit_model.models.classifier import Classifier
from credit_model.models.load import load_classifier
from credit_model.models.logistic import Linear
from credit_model.models.scorecard import Scorecard
from credit_model.models.xgboost_trees import Trees
from credit_model.settings.kinds import Search
from credit_model.training.candidates import (
    CANDIDATES,
    CrossValidation,
    best_point,
    choose,
    cross_validate,
    points,
    usual_candidate,
)
from credit_model.training.cross_validation import Cases, paired_error
from credit_model.training.fit_linear import EVENTS_PER_CHARACTERISTIC, SCALINGS, fit_logistic
from credit_model.training.fit_trees import fit_tree
from small_table import BAD, ROWS, TABLE, make_table

NAMES = sorted(CANDIDATES)
DIRECTIONS = {"rising": 1}


@pytest.fixture(scope="module")
def fitted() -> Mapping[str, Classifier]:
    return {
        name: candidate.fit(TABLE, BAD, 42, DIRECTIONS, candidate.default_parameters)
        for name, candidate in CANDIDATES.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_it_ranks_new_cases(fitted: Mapping[str, Classifier], name: str) -> None:
    table, bad = make_table(seed=2)
    assert roc_auc(bad, fitted[name].margin(table)) > 0.7


@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_as_exactly_as_the_library_counts(
    fitted: Mapping[str, Classifier], name: str
) -> None:
    classifier = fitted[name]
    margin, contributions = classifier.margin_and_contributions(TABLE)
    tolerance = (
        5e-6 if classifier.kind in {"trees", "blend"} else 1e-9
    )  # XGBoost adds them in single precision
    total = classifier.neutral + contributions.sum(axis=1)
    np.testing.assert_allclose(total, margin, rtol=0, atol=tolerance)
    assert np.array_equal(margin, classifier.margin(TABLE))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_rows_changes_no_margin(fitted: Mapping[str, Classifier], name: str) -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    assert np.array_equal(fitted[name].margin(TABLE[order]), fitted[name].margin(TABLE)[order])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_is_what_was_saved(
    fitted: Mapping[str, Classifier], name: str, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path)
    loaded = load_classifier(tmp_path)
    assert loaded.inputs == fitted[name].inputs
    assert np.array_equal(loaded.margin(TABLE), fitted[name].margin(TABLE))
    assert np.array_equal(loaded.contributions(TABLE), fitted[name].contributions(TABLE))
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".json", ".txt"}


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_judged_the_same_alone(fitted: Mapping[str, Classifier], name: str) -> None:
    together = fitted[name].margin(TABLE.head(40))
    shares = fitted[name].contributions(TABLE.head(40))
    for place in range(40):
        assert fitted[name].margin(TABLE.slice(place, 1))[0] == together[place]
        assert np.array_equal(fitted[name].contributions(TABLE.slice(place, 1))[0], shares[place])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_known_and_the_never_seen_have_a_margin(fitted: Mapping[str, Classifier], name: str) -> None:
    odd = pl.DataFrame(
        {"rising": [None, 1e300], "noise": [None, -1e300], "amount": [None, 0.0], "level": [None, "new"]},
        schema=TABLE.schema,
    )
    assert np.isfinite(fitted[name].margin(odd)).all()
    assert np.isfinite(fitted[name].contributions(odd)).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_the_same_files(name: str, tmp_path: Path) -> None:
    candidate = CANDIDATES[name]
    for folder in ("first", "second"):
        candidate.fit(TABLE, BAD, 7, DIRECTIONS, candidate.default_parameters).save(tmp_path / folder)
    for path in (path for path in (tmp_path / "first").rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / "second" / path.relative_to(tmp_path / "first")).read_bytes()


@pytest.mark.parametrize(
    "name", ["scorecard", "tree", "forest", "xgboost", "deep_xgboost", "blend", "lightgbm"]
)
@given(low=st.floats(-4, 4), step=st.floats(0, 4))
def test_risk_never_falls_where_it_is_known_to_rise(
    fitted: Mapping[str, Classifier], name: str, low: float, step: float
) -> None:
    case = TABLE.slice(3, 1)
    pair = pl.concat([case.with_columns(rising=pl.lit(value)) for value in (low, low + step)])
    first, second = fitted[name].margin(pair)
    assert second >= first


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lightgbm"])
def test_it_is_served_without_the_training_libraries(
    fitted: Mapping[str, Classifier], name: str, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path)
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['sklearn', 'lightgbm', 'matplotlib', 'tqdm', 'fairlearn']));"
        "from pathlib import Path; from credit_model.models.load import load_classifier;"
        "import polars as pl; table = pl.read_parquet(sys.argv[2]);"
        "print(load_classifier(Path(sys.argv[1])).margin(table).tolist())"
    )
    TABLE.head(3).write_parquet(tmp_path / "table.parquet")
    command = [sys.executable, "-c", script, str(tmp_path), str(tmp_path / "table.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == fitted[name].margin(TABLE.head(3)).tolist()


def test_the_tree_is_the_textbooks() -> None:
    """The same splits as scikit-learn's Gini tree, so the same groups, ranked the same."""
    numbers = TABLE.select(pl.col("noise").round(1), pl.col("amount").log().round(1))
    ours = fit_tree(numbers, BAD, 1, {}, {"depth": 2, "leaf": 0.0001})
    theirs = DecisionTreeClassifier(max_depth=2, random_state=1).fit(
        numbers.to_numpy().astype(np.float32), BAD
    )
    rate = theirs.predict_proba(numbers.to_numpy().astype(np.float32))[:, 1]
    base = BAD.mean()
    expected = np.log(base / (1 - base)) + (rate - base) / (base * (1 - base))
    np.testing.assert_allclose(ours.margin(numbers), expected, atol=1e-4)


@pytest.mark.parametrize("scaling", sorted(SCALINGS))
def test_the_terms_of_the_logistic_are_the_regression(scaling: str) -> None:
    """An independent fit on the transformed columns gives the same log-odds."""
    table = TABLE.select("noise", "amount")
    given = {"scaling": scaling, "c": 1.0, "inputs": 9}
    ours = fit_logistic(table, BAD, 1, {}, given)
    columns = []
    for name in table.columns:
        knots, effects = SCALINGS[scaling](table[name].to_numpy())
        columns.append(np.interp(table[name].to_numpy(), knots, effects))
    design = np.stack(columns, axis=1)
    theirs = LogisticRegression(C=1.0, max_iter=2000, tol=1e-10).fit(design, BAD)
    np.testing.assert_allclose(ours.margin(table), theirs.decision_function(design), atol=3e-3)
    np.testing.assert_allclose(ours.contributions(table).mean(axis=0), 0, atol=1e-9)


def test_few_bads_afford_few_characteristics() -> None:
    bad = np.zeros(ROWS, dtype=np.int8)
    bad[np.argsort(-TABLE["amount"].to_numpy())[:12]] = 1
    card = CANDIDATES["scorecard"].fit(TABLE, bad, 1, {}, CANDIDATES["scorecard"].default_parameters)
    assert len(card.inputs) <= 12 // EVENTS_PER_CHARACTERISTIC


def test_only_the_best_inputs_are_kept() -> None:
    wide = TABLE.with_columns(
        pl.lit(np.random.default_rng(n).normal(size=ROWS)).alias(f"n{n}") for n in range(80)
    )
    for name in ("logistic", "forest", "xgboost", "lightgbm"):
        candidate = CANDIDATES[name]
        classifier = candidate.fit(wide, BAD, 1, {}, {**candidate.default_parameters, "inputs": 10})
        assert len(classifier.inputs) == 10
        assert {"rising", "amount"} <= set(classifier.inputs)


def test_rare_levels_are_in_no_file(fitted: Mapping[str, Classifier], tmp_path: Path) -> None:
    for name, classifier in fitted.items():
        classifier.save(tmp_path / name)
        if name != "scorecard":  # its bins pool them
            assert "once" not in (tmp_path / name / "classifier.json").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_search_tries_the_defaults_first_and_no_point_twice(name: str) -> None:
    candidate = CANDIDATES[name]
    grid, random = points(candidate, Search("grid"), 1), points(candidate, Search("random"), 1)
    assert points(candidate, Search(), 1) == [dict(candidate.default_parameters)]
    assert grid[0] == random[0] == candidate.default_parameters
    assert all(candidate.default_parameters[key] in values for key, values in candidate.space.items())
    assert len({json.dumps(point, sort_keys=True) for point in grid}) == len(grid) <= 24
    assert len(random) == min(Search().trials, len(grid))
    assert random == points(candidate, Search("random"), 1)


def result(name: str, *scores: float) -> CrossValidation:
    return CrossValidation(CANDIDATES[name], {}, np.zeros(1), scores)


def chosen(tolerance: float, error: float, *compared: CrossValidation) -> str:
    return choose({each.candidate.name: each for each in compared}, "blend", tolerance, lambda *_: error)


def test_the_usual_candidate_is_served_unless_another_surely_gains() -> None:
    blend = result("blend", 0.70, 0.74, 0.66, 0.78, 0.72)
    ahead = result("forest", 0.705, 0.745, 0.665, 0.785, 0.725)
    assert chosen(0.002, 0.0030, blend, ahead) == "forest"
    assert chosen(0.002, 0.0031, blend, ahead) == "blend", "more than an error, but nobody knows"
    assert chosen(0.002, 0.0, blend, result("forest", *blend.fold_auc)) == "blend"
    beside = [result(name, *np.subtract(blend.fold_auc, 0.1)) for name in ("xgboost", "deep_xgboost")]
    assert chosen(0.002, 0.0030, blend, ahead, *beside) == "blend", "one of three is ahead by luck more often"
    assert chosen(0.002, 0.0023, blend, ahead, *beside) == "forest"


def test_a_simpler_candidate_is_served_where_its_loss_is_surely_within_the_tolerance() -> None:
    blend = result("blend", 0.70, 0.80, 0.60, 0.78, 0.72)
    close = result("scorecard", 0.699, 0.799, 0.599, 0.779, 0.719)
    assert chosen(0.002, 0.0006, blend, close) == "scorecard"
    assert chosen(0.002, 0.0007, blend, close) == "blend", "no less than the loss, but nobody knows"
    alike = replace(close, candidate=CANDIDATES["xgboost"])
    assert chosen(0.002, 0.0006, blend, alike) == "blend", "nobody can follow either"


def test_the_error_of_a_difference_is_that_of_customers_drawn_again() -> None:
    customers = np.arange(ROWS).astype(str).astype(object)
    cases = Cases(TABLE, BAD, customers, {}, frozenset())
    one, other = (np.random.default_rng(seed).normal(BAD, 2.0) for seed in (1, 2))
    results = [CrossValidation(CANDIDATES["tree"], {}, margin, ()) for margin in (one, other)]
    rng = np.random.default_rng(3)
    drawn = [rng.integers(0, ROWS, ROWS) for _ in range(400)]
    spread = np.std([roc_auc(BAD[rows], one[rows]) - roc_auc(BAD[rows], other[rows]) for rows in drawn])
    assert paired_error(cases, 1)(results[0], results[1]) == pytest.approx(spread, rel=0.25)
    assert paired_error(cases, 1)(results[0], results[0]) == 0


def test_trees_are_deeper_where_many_bads_tell_more() -> None:
    assert usual_candidate(1_999) == "blend"
    assert usual_candidate(2_000) == "deep_xgboost"


def test_the_parts_of_a_blend_read_what_they_may_and_count_alike() -> None:
    blend = CANDIDATES["blend"]
    plain = [TABLE.columns[0], TABLE.columns[1]]
    fitted = blend.fit(TABLE, BAD, 1, {}, blend.default_parameters, plain=frozenset(plain))
    assert isinstance(fitted, Blend)
    first, second, forest = fitted.parts
    assert list(first.inputs) == plain
    assert set(second.inputs) > set(plain)
    booster = CANDIDATES["xgboost"].fit(TABLE, BAD, 1, {}, blend.default_parameters["xgboost"])
    assert_array_equal(second.margin(TABLE), booster.margin(TABLE))
    assert set(forest.inputs) == {*first.inputs, *second.inputs} == set(fitted.inputs)
    weighted = [w * part.margin(TABLE).std() for w, part in zip(fitted.weights, fitted.parts, strict=True)]
    spreads = [part.margin(TABLE).std() for part in fitted.parts]
    assert weighted == pytest.approx([np.mean(spreads) / 3] * 3)


def test_a_blend_of_parts_that_tell_no_case_from_another_still_answers() -> None:
    blend, same = CANDIDATES["blend"], pl.DataFrame({"constant": np.ones(ROWS)})
    fitted = blend.fit(same, BAD, 1, {}, blend.default_parameters)
    margin, contributions = fitted.margin_and_contributions(same)
    assert np.ptp(margin) == 0
    assert margin == pytest.approx(fitted.neutral)
    assert not contributions.any()


def test_a_search_leaves_the_defaults_only_for_what_is_beyond_luck() -> None:
    usual = result("tree", 0.70, 0.74, 0.66, 0.78, 0.72)
    lucky = result("tree", 0.72, 0.73, 0.70, 0.75, 0.73)
    better = result("tree", 0.71, 0.76, 0.67, 0.79, 0.73)
    assert best_point([usual, lucky]) is usual
    assert best_point([usual, lucky, better]) is better


def test_a_tree_asks_only_for_what_it_splits() -> None:
    everything = CANDIDATES["tree"].fit(TABLE, BAD, 1, {}, {"depth": 1, "leaf": 0.05})
    assert len(everything.inputs) == 1


def test_out_of_fold_margins_come_from_fits_that_had_not_seen_the_case() -> None:
    """A feature that copies the label in one fold only is worthless out of fold."""
    fold = np.arange(ROWS, dtype=np.int64) % 5
    leaking = TABLE.select("noise").with_columns(copy=pl.Series(np.where(fold == 0, BAD, 0.5)))
    found = cross_validate(CANDIDATES["tree"], leaking, BAD, fold, 1, {})
    assert found.fold_auc[0] < 0.65
    assert not np.isnan(found.margin).any()


def test_the_kinds_that_are_served(fitted: Mapping[str, Classifier]) -> None:
    assert isinstance(fitted["scorecard"], Scorecard)
    assert isinstance(fitted["logistic"], Linear)
    assert {name for name, candidate in CANDIDATES.items() if candidate.on_request} == {"lightgbm"}
    assert all(
        isinstance(fitted[name], Trees)
        for name in ("tree", "forest", "xgboost", "plain_xgboost", "deep_xgboost")
    )
    needs = {name: fitted[name].requirements for name in NAMES if fitted[name].requirements}
    assert needs == {"lightgbm": ("lightgbm",)}


@pytest.mark.parametrize("name", NAMES)
def test_moving_the_worst_feature_to_its_best_value_lowers_the_risk(
    fitted: Mapping[str, Classifier], name: str
) -> None:
    """What the first reason names is what would help: the case's own contribution of it falls, and the margin with it."""
    classifier = fitted[name]
    shares = classifier.contributions(TABLE)
    risky = np.argsort(-classifier.margin(TABLE))[:30]
    for place in risky:
        worst = int(shares[place].argmax())
        feature = classifier.inputs[worst]
        neutral = TABLE[feature][int(shares[:, worst].argmin())]
        case = TABLE.slice(int(place), 1)
        moved = case.with_columns(pl.lit(neutral, TABLE[feature].dtype).alias(feature))
        assert classifier.margin(moved)[0] < classifier.margin(case)[0]
