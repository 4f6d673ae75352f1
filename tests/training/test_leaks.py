"""A feature that copies the label, and an attribute that too much hangs on, are named, and nothing else is."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.training.gates import REFUSED_AUC
from credit_model.training.leaks import AttributeWeight, attribute_weights, made_of, separations

ROWS = 600
RANDOM = np.random.default_rng(1)
BAD = (np.arange(ROWS) % 10 == 0).astype(np.int8)


def number(bad: np.ndarray, good: np.ndarray) -> pl.Series:
    return pl.Series(np.where(BAD == 1, bad, good), nan_to_null=True)


def text(bad: list[str | None], good: list[str | None]) -> pl.Series:
    return pl.Series([(bad if is_bad else good)[i // 10 % len(bad)] for i, is_bad in enumerate(BAD)])


NOISE = RANDOM.normal(size=ROWS)
LEAKS = {
    "the label": number(np.ones(ROWS), np.zeros(ROWS)),
    "turned round": number(np.zeros(ROWS), np.ones(ROWS)),
    "shifted amounts": number(50 + NOISE, NOISE),
    "days past due, missing for the good": number(RANDOM.integers(1, 90, ROWS), np.full(ROWS, np.nan)),
    "days of standing, missing for the bad": number(np.full(ROWS, np.nan), RANDOM.integers(1, 90, ROWS)),
    "the label with gaps": number(np.ones(ROWS), np.zeros(ROWS)).set(
        pl.Series(RANDOM.random(ROWS) < 0.3), None
    ),
    "two words": text(["yes"] * 2, ["no"] * 2),
    "one word or nothing": text(["written off"] * 2, [None] * 2),
    "many rare words or nothing": text([f"stage {n}" for n in range(9)], [None] * 9),
    "many rare words or a common one": text([f"stage {n}" for n in range(9)], ["paid"] * 9),
    "two words with gaps": text(["yes", "yes", None], ["no", "no", None]),
}
HONEST = {
    "noise": pl.Series(NOISE),
    "a strong signal": number(1.8 + NOISE, NOISE),
    "noise with gaps": pl.Series(NOISE).set(pl.Series(RANDOM.random(ROWS) < 0.5), None),
    "constant": pl.Series(np.zeros(ROWS)),
    "never known": pl.Series([None] * ROWS, dtype=pl.Float64),
    "words": pl.Series(RANDOM.choice(["a", "b", "c"], ROWS)),
    "a word for each": pl.Series([f"w{i}" for i in range(ROWS)]),
    "words never known": pl.Series([None] * ROWS, dtype=pl.String),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_feature_that_copies_the_label_is_named(name: str) -> None:
    found = separations(pl.DataFrame({"noise": NOISE, name: LEAKS[name]}), BAD)
    assert found["noise"] < 0.7
    assert REFUSED_AUC < found[name] <= 1


@pytest.mark.parametrize("name", HONEST)
def test_a_feature_that_does_not_copy_the_label_is_not_named(name: str) -> None:
    assert separations(pl.DataFrame({name: HONEST[name]}), BAD)[name] <= REFUSED_AUC


def test_with_nineteen_bads_no_feature_is_named() -> None:
    for bads, names in ((19, []), (20, ["copy"])):
        bad = (np.arange(ROWS) < bads).astype(np.int8)
        assert list(separations(pl.DataFrame({"copy": bad.astype(np.float64)}), bad)) == names


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_the_auc_named_is_that_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=ROWS) + 4 * BAD
    auc = roc_auc_score(BAD, values)
    assert separations(pl.DataFrame({"x": values}), BAD) == {"x": pytest.approx(max(auc, 1 - auc))}


def weighed(columns: dict[str, np.ndarray]) -> tuple[dict[str, AttributeWeight], list[list[str]]]:
    """Attributes of a model that adds them up, and the tables that it was fitted on again."""
    catalogue = Catalogue(90, {}, tuple(Attribute(name, "number") for name in columns))
    table, fitted = pl.DataFrame(columns), []

    def refit(rest: pl.DataFrame) -> np.ndarray:
        fitted.append(rest.columns)
        return rest.sum_horizontal().to_numpy()

    weights = attribute_weights(table, BAD, table.sum_horizontal().to_numpy(), catalogue, refit)
    return {weight.name: weight for weight in weights}, fitted


def noise(*names: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    return {name: random.normal(0, 0.3, ROWS) for name in names}


def test_the_outcome_plus_noise_of_one_standard_deviation_is_suspected() -> None:
    found, _ = weighed(noise("age", "income", "debt") | {"late": BAD + RANDOM.normal(0, 1, ROWS)})
    assert [name for name, weight in found.items() if weight.suspected] == ["late"]
    assert found["late"].information_value > 0.5


def test_what_is_worth_too_much_of_the_ranking_is_found_among_many_in_few_fits() -> None:
    late = 1.5 * BAD + np.random.default_rng(3).normal(0, 1, ROWS)
    values = noise(*(f"a{number}" for number in range(16))) | {"late": late}
    found, fitted = weighed(values)
    assert found["late"].loss == pytest.approx(
        roc_auc_score(BAD, sum(values.values())) - roc_auc_score(BAD, sum(values.values()) - values["late"])
    )
    assert found["late"].suspected
    assert len(fitted) <= 11
    assert all("late" not in columns or len(columns) < len(values) for columns in fitted)


def test_honest_attributes_are_left_out_together_once() -> None:
    values = noise("age", "income", "debt") | {"transactions": BAD + RANDOM.normal(0, 1, ROWS)}
    catalogue = Catalogue(90, {}, tuple(Attribute(name, "number") for name in ("age", "income", "debt")))
    fitted: list[Sequence[str]] = []

    def refit(rest: pl.DataFrame) -> np.ndarray:
        fitted.append(rest.columns)
        return rest["transactions"].to_numpy()

    table = pl.DataFrame(values)
    found = attribute_weights(table, BAD, values["transactions"], catalogue, refit)
    assert fitted == [["transactions"]]
    assert not any(weight.suspected for weight in found)
    assert [weight.loss for weight in found] == [None] * 3


def test_all_that_is_made_of_an_attribute_is_left_out_with_it() -> None:
    numbers = ("loan_amount", "income", "age")
    catalogue = Catalogue(90, {}, tuple(Attribute(name, "number") for name in numbers))
    columns = ["recency", *catalogue.features]
    assert {"income", "loan_amount_to_income"} <= set(made_of(["income"], columns, catalogue))
    assert not {"recency", "age", "loan_amount"} & set(made_of(["income"], columns, catalogue))


def test_with_nineteen_bads_no_attribute_is_weighed() -> None:
    bad = (np.arange(ROWS) < 19).astype(np.int8)
    catalogue = Catalogue(90, {}, (Attribute("age", "number"),))
    table = pl.DataFrame(noise("age"))
    assert attribute_weights(table, bad, NOISE, catalogue, lambda _: NOISE) == ()
