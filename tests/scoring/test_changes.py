"""What is said to reach the next safer band reaches it, is the smallest such change, and is told only where asked for."""

import json
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from credit_model.data.decisions import Attribute, read_decisions
from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.topics import ANY_WAY, DOWN, NO_WAY, TO_ZERO, influenced, way
from credit_model.models.logistic import Linear, Term
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.policy import Bands
from credit_model.scoring.reference import Reference, fit_distribution
from credit_model.scoring.scale import Scale
from credit_model.scoring.scorer import Scorer
from credit_model.synthetic import generate
from credit_model.training.fit_reasons import fit_reasons
from credit_model.training.language import built_in

AS_OF = datetime(2019, 2, 10)
CATALOGUE = Catalogue(60, attributes=(Attribute("age", "number"), Attribute("loan_amount", "number")))
EFFECTS = {"gap_mean": 1.0, "transaction_count": -1.0, "age": 3.0, "tenure": 2.0}
BANDS = Bands(limits=(0.3, 0.6), threshold=0.6)


def scorer(effects: dict[str, float]) -> Scorer:
    """Margins rise or fall in a straight line over 0 to 60 of each input."""
    terms = tuple(
        Term(name, (0.0, 60.0), (-effect, effect), {}, 0.0, 0.0) for name, effect in effects.items()
    )
    known = pl.DataFrame({name: np.linspace(0.0, 60.0, 121) for name in effects})
    reasons = fit_reasons(CATALOGUE, list(effects), known, built_in("en"), "UGX", 0.01)
    inputs = {name: fit_distribution(known[name]) for name in effects}
    reference = Reference(inputs, fit_distribution(pl.Series("score", [500.0] * 20)), 0.0, 0.2, None)
    return Scorer(
        *(CATALOGUE, Linear(terms, 0.0), Calibrator("sigmoid"), Scale(), BANDS, reasons, "observed_default"),
        reference=reference,
    )


def table(**cells: float) -> pl.DataFrame:
    return pl.DataFrame({name: [cells.get(name, 30.0)] for name in EFFECTS | cells})


def after(model: Scorer, features: pl.DataFrame, changes: list[dict[str, str]]) -> float:
    """Probability of bad once the changes are made, read from what is shown."""
    for change in changes:
        number = (
            0.0
            if change["needed"] == "less than a day"
            else float(change["needed"].split()[0].replace(",", ""))
        )
        features = features.with_columns(pl.lit(number).alias(change["feature"]))
    return float(model.calibrator.probability(model.classifier.margin(features))[0])


def found(model: Scorer, features: pl.DataFrame) -> list[dict[str, str]]:
    probability = model.calibrator.probability(model.classifier.margin(features))
    return model.changes.smallest(features, probability)[0]


def test_one_feature_is_enough_and_the_smallest_step_is_said() -> None:
    model, features = scorer({"gap_mean": 2.0, "transaction_count": -1.0}), table(gap_mean=40.0)
    changes = found(model, features)
    assert [change["feature"] for change in changes] == ["gap_mean"]
    assert after(model, features, changes) < BANDS.limits[1] <= after(model, features, [])
    (change,) = changes
    assert change["value"] == "40 days"
    assert change["text"] == f"The average time between your transactions: {change['needed']}."
    grid = model.changes._tried[0]
    less = grid[(grid > float(change["needed"].split()[0])) & (grid < 40)]
    for number in less:
        assert after(model, features.with_columns(gap_mean=pl.lit(number)), []) >= BANDS.limits[1]


def test_two_features_are_changed_where_one_is_not_enough() -> None:
    model = scorer({"gap_mean": 0.5, "transaction_count": -0.5, "age": 3.0})
    features = table(gap_mean=58.0, transaction_count=2.0, age=42.0)
    changes = found(model, features)
    assert {change["feature"] for change in changes} == {"gap_mean", "transaction_count"}
    assert after(model, features, changes) < BANDS.limits[1]
    for change in changes:
        assert after(model, features, [change]) >= BANDS.limits[1]


def test_two_features_of_one_topic_which_hang_together_are_not_changed_together() -> None:
    worst = {"gap_mean": 58.0, "gap_max": 58.0, "transaction_count": 2.0, "age": 42.0}
    for other, effect, count in (("transaction_count", -0.5, 2), ("gap_max", 0.5, 0)):
        model = scorer({"gap_mean": 0.5, other: effect, "age": 3.0})
        assert len(found(model, table(**worst))) == count


def test_what_a_customer_cannot_influence_is_left_alone() -> None:
    assert found(scorer({"age": 3.0, "tenure": 2.0}), table(age=50.0)) == []
    assert not influenced("tenure")


def test_a_time_that_grows_by_itself_only_starts_again() -> None:
    (change,) = found(scorer({"recency": 2.0}), table(recency=40.0))
    assert (change["value"], change["needed"]) == ("40 days", "less than a day")
    assert found(scorer({"recency": -2.0}), table(recency=10.0)) == []


def test_nobody_is_told_to_ask_for_more_or_to_move_a_ratio_of_the_balance() -> None:
    (change,) = found(scorer({"loan_amount": 2.0}), table(loan_amount=50.0))
    assert float(change["needed"].split()[0]) < 50
    assert found(scorer({"loan_amount": -2.0}), table(loan_amount=10.0)) == []
    for name in ("balance_now_to_inflow", "overdue", "drawdown_share"):
        assert found(scorer({name: 2.0}), table(**{name: 50.0})) == []
    assert {way(name, feature.topic) for name, feature in CATALOGUE.features.items()} == {
        *(NO_WAY, DOWN, TO_ZERO, ANY_WAY)
    }


@pytest.mark.parametrize("probability", [0.0, 0.29])
def test_in_the_safest_band_nothing_needs_to_change(probability: float) -> None:
    model = scorer({"gap_mean": 2.0})
    assert model.changes.smallest(table(), np.array([probability])) == [[]]


def test_every_change_of_many_customers_reaches_a_safer_band() -> None:
    random = np.random.default_rng(1)
    model = scorer(EFFECTS)
    features = pl.DataFrame({name: random.uniform(0, 60, 300) for name in EFFECTS})
    probability = model.calibrator.probability(model.classifier.margin(features))
    told = model.changes.smallest(features, probability)
    assert sum(len(changes) == 1 for changes in told) > 20
    assert sum(len(changes) == 2 for changes in told) > 5
    for row, changes in enumerate(told):
        level = np.searchsorted(BANDS.limits, probability[row], side="right")
        if changes:
            assert after(model, features[row], changes) < BANDS.limits[level - 1]


def test_a_missing_value_is_left_alone() -> None:
    model = scorer({"gap_mean": 2.0, "transaction_count": -2.0})
    features = table(transaction_count=5.0).with_columns(gap_mean=pl.lit(None, pl.Float64))
    assert {change["feature"] for change in found(model, features)} == {"transaction_count"}


def test_an_answer_has_changes_only_if_asked_and_only_of_the_scored() -> None:
    model = scorer(EFFECTS)
    transactions = tidy_table(generate.transactions(customers=50, seed=3))
    names = [*transactions.frame["CustomerId"].unique().sort(), "nobody", None]
    columns = {"CustomerId": names, "age": [55.0] * len(names)}
    decisions = read_decisions(columns, len(names), model.scalars, AS_OF)
    silent = model.answer(transactions, decisions)["what_would_help"]
    assert silent.null_count() == len(names)
    told = model.answer(transactions, decisions, what_would_help=True)
    assert told["what_would_help"].null_count() == 0
    others = told.filter(pl.col("status") != "scored")["what_would_help"]
    assert others.to_list() == ["[]"] * len(others)
    changes = [json.loads(cell) for cell in told["what_would_help"]]
    assert max(map(len, changes)) in {1, 2}
    assert {tuple(change) for each in changes for change in each} == {("feature", "value", "needed", "text")}
    assert told.drop("what_would_help").equals(model.answer(transactions, decisions).drop("what_would_help"))
