"""The estimators are those of scikit-learn, and what they fit and compute is what ``train`` fits and computes."""

from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import loans
from credit_model import Scorecard, TransactionFeatures, WoeBinner
from credit_model.data.decisions import Attribute
from credit_model.scoring.calibrator import Calibrator
from credit_model.training.candidates import CANDIDATES
from credit_model.training.dataset import build_dataset
from credit_model.training.fit_linear import fit_scorecard
from credit_model.training.monotone_binning import fit_binnings
from credit_model.training.sample import Recipe
from small_table import BAD, TABLE

# No exception is asked for. TransactionFeatures is checked by its own tests alone: its X is a frame of decisions with named
# columns, and the checks make arrays of numbers.
ESTIMATORS = [WoeBinner(), Scorecard(), Scorecard(points="integer")]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_they_keep_the_rules_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


ARRAY = TABLE.to_pandas().to_numpy(dtype=object)
KINDS = {"polars": TABLE, "pandas": TABLE.to_pandas(), "numpy": ARRAY}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_is_read_alike(kind: str) -> None:
    table = KINDS[kind]
    binner, card = WoeBinner().fit(table, BAD), Scorecard().fit(table, BAD)
    expected = fit_binnings(TABLE, BAD)
    for place, (name, binning) in enumerate(expected.items()):
        assert np.array_equal(binner.transform(table)[:, place], binning.woe(TABLE[name]))
    plain = fit_scorecard(TABLE, BAD, 42, {}, CANDIDATES["scorecard"].default_parameters)
    assert np.array_equal(card.decision_function(table), plain.margin(TABLE))
    assert card.card_.weights == plain.weights


def test_the_card_is_that_of_the_pipeline() -> None:
    """On the features of decisions, with the directions that the catalogue knows."""
    decisions = loans.outcomes().with_columns(bad=pl.col("defaulted").cast(pl.Int8), part=pl.lit("train"))
    income = (Attribute("income", "number"),)
    dataset = build_dataset(
        loans.transactions(), decisions, Recipe(loans.HISTORY_DAYS, "observed_default", income)
    )
    candidate = CANDIDATES["scorecard"]
    expected = candidate.fit(
        dataset.features, dataset.bad, 42, dataset.directions, candidate.default_parameters
    )
    features = TransactionFeatures(
        loans.transactions().frame, history_days=loans.HISTORY_DAYS, attributes=["income"]
    )
    table = features.fit_transform(loans.outcomes())
    assert features.catalogue_ == dataset.catalogue
    assert_frame_equal(table.select(dataset.features.columns), dataset.features)
    card = Scorecard(directions=dataset.directions).fit(dataset.features, dataset.bad)
    assert card.card_ == expected
    pipeline = make_pipeline(features, Scorecard(directions=dataset.directions))
    found = pipeline.fit(loans.outcomes(), dataset.bad).predict_proba(loans.outcomes())[:, 1]
    assert np.allclose(found, Calibrator("sigmoid").probability(expected.margin(dataset.features)))


@pytest.mark.parametrize("points", ["exact", "integer"])
def test_the_points_add_up_to_the_score_and_are_those_of_the_table(points: Any) -> None:
    card = Scorecard(points=points, base_score=500.0).fit(TABLE, BAD).set_output(transform="pandas")
    each = card.transform(TABLE)
    score = card.scale_.score(card.predict_proba(TABLE)[:, 1])
    assert np.allclose(each.sum(axis=1), score, atol=1e-6)
    assert points == "exact" or (each == each.round()).all().all()
    table = card.table()
    assert set(table["characteristic"]) == set(each.columns) == set(card.card_.inputs)
    for name in each.columns:
        assert set(each[name]) <= set(table.filter(pl.col("characteristic") == name)["points"])


def test_they_work_in_pipelines_searches_and_with_any_labels() -> None:
    labels = np.where(BAD == 1, "no", "good")
    search = GridSearchCV(
        make_pipeline(WoeBinner(), LogisticRegression()), {"woebinner__max_bins": [2, 5]}, cv=3
    )
    search.fit(TABLE, labels)
    assert set(search.predict(TABLE)) <= {"good", "no"}
    assert search.best_score_ > 0.6
    card = Scorecard().fit(TABLE, labels)
    assert card.classes_.tolist() == ["good", "no"]
    assert ((card.predict(TABLE) == "no") == (card.predict_proba(TABLE)[:, 1] > 0.5)).all()


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(ValueError, match="y holds one class only; give cases of both"):
        WoeBinner().fit(TABLE, np.zeros(TABLE.height))
    with pytest.raises(ValueError, match="points: 'round' is no choice; give exact or integer"):
        Scorecard(points="round").fit(TABLE, BAD)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match="there are no transactions; give TransactionFeatures a frame of them"
    ):
        TransactionFeatures().fit(loans.outcomes())
    with pytest.raises(TypeError, match="X is a ndarray; give a DataFrame"):
        TransactionFeatures(loans.transactions().frame).fit(cast("Any", loans.outcomes().to_numpy()))


@pytest.mark.parametrize(
    ("given", "told", "kind"),
    [
        ("pandas", "default", pd.DataFrame),
        ("polars", "default", pl.DataFrame),
        ("pandas", "polars", pl.DataFrame),
        ("polars", "pandas", pd.DataFrame),
    ],
)
def test_features_come_in_the_kind_that_is_asked_for(given: str, told: Any, kind: Any) -> None:
    raw, decisions = loans.transactions().frame, loans.outcomes().head(5)
    asked = decisions.to_pandas().set_index(pd.Index(list("edcba"))) if given == "pandas" else decisions
    features = TransactionFeatures(raw, history_days=30).fit(asked).set_output(transform=told)
    table: Any = features.transform(asked)
    assert isinstance(table, kind)
    assert list(table.columns) == features.get_feature_names_out().tolist()
    if given == "pandas" and kind is pd.DataFrame:
        assert list(table.index) == list("edcba")
    recency = pl.Series(table["recency"], nan_to_null=True).to_list()
    expected = TransactionFeatures(raw, history_days=30).fit(decisions).transform(decisions)
    assert recency == pytest.approx(expected["recency"].to_list())


def test_clones_share_the_transactions() -> None:
    raw = loans.transactions().frame
    features = TransactionFeatures(raw, history_days=30, attributes=["income"])
    again = clone(features)
    assert again is not features
    assert again.transactions is raw
    assert again.get_params() == features.get_params()
