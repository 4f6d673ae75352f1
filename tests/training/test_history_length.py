"""How long a history to look at: 365 days, unless the training part speaks for another length beyond its error."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from credit_model.data.transactions import tidy_table
from credit_model.settings.settings import Settings
from credit_model.training.candidates import CANDIDATES, CrossValidation
from credit_model.training.history_length import USUAL, best_length, compared_lengths, line
from credit_model.training.sample import observed_sample
from credit_model.training.splits import first_customers

START = datetime(2015, 1, 1)


def result(*scores: float) -> CrossValidation:
    return CrossValidation(CANDIDATES["xgboost"], {}, np.zeros(1), scores)


def test_another_length_is_taken_where_it_gains_enough_and_more_than_two_errors() -> None:
    usual = result(0.70, 0.74, 0.66, 0.78)
    clearly, barely = result(0.72, 0.76, 0.68, 0.80), result(0.74, 0.73, 0.70, 0.77)
    steadily_little = result(0.705, 0.746, 0.664, 0.785)
    assert best_length({USUAL: usual, 730: clearly}) == 730
    for other in (barely, steadily_little):
        assert best_length({USUAL: usual, 730: other}) == USUAL
    assert best_length({}) == USUAL


def test_the_line_says_why_the_length_with_the_best_auc_may_not_be_taken() -> None:
    usual = result(0.70, 0.74, 0.66, 0.78)
    clearly, barely = result(0.72, 0.76, 0.68, 0.80), result(0.74, 0.73, 0.70, 0.77)
    assert line({}) == "history: 365 days"
    bar = "0.01 and 2 standard errors of the gain on the training part"
    kept = f"history: 365 days, as the length of the highest AUC does not gain more than {bar}"
    assert line({USUAL: usual, 730: barely}) == f"{kept} (AUC: 365 days 0.7200, 730 days 0.7350)"
    assert line({USUAL: usual, 730: clearly}).startswith(f"history: 730 days, which gains more than {bar}")


def planted(days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Customers of whom those are bad who bought something else, for as much, so many days before their decision."""
    random = np.random.default_rng(5)
    count = 600
    as_of = [START + timedelta(days=1_000 + int(day)) for day in random.integers(0, 60, count)]
    bad = random.uniform(size=count) < 0.4
    names = [f"c{number}" for number in range(count)]
    old = pl.DataFrame(
        {
            "CustomerId": names,
            "TransactionStartTime": [moment - timedelta(days=days) for moment in as_of],
            "Amount": random.uniform(50, 60, count),
            "ProductCategory": np.where(bad, "loan", "airtime"),
        }
    )
    recent = old.with_columns(
        TransactionStartTime=pl.Series([moment - timedelta(days=3) for moment in as_of]),
        Amount=pl.Series(random.uniform(50, 60, count)),
        ProductCategory=pl.lit("tv"),
    )
    outcomes = pl.DataFrame({"CustomerId": names, "as_of": as_of, "defaulted": bad.astype(int)})
    return pl.concat([old, recent]), outcomes


def test_what_only_a_longer_history_shows_makes_it_longer() -> None:
    transactions, outcomes = planted(500)
    sample = observed_sample(Settings(outcomes="x", outcome_days=0), outcomes)
    results = compared_lengths(tidy_table(transactions), sample.decisions, sample.recipe, lambda _: None)
    assert list(results) == [90, 180, 365, *sorted(set(results) - {90, 180, 365})]
    assert best_length(results) > 500


def test_no_more_decisions_are_compared_than_said_and_customers_stay_whole() -> None:
    decisions = pl.DataFrame({"CustomerId": [f"c{n % 50}" for n in range(200)], "n": range(200)})
    few = first_customers(decisions, 30)
    assert 20 < few.height <= 30
    assert set(few["CustomerId"].value_counts()["count"]) == {4}
    assert (
        first_customers(decisions.reverse(), 30)["CustomerId"]
        .unique()
        .sort()
        .equals(few["CustomerId"].unique().sort())
    )
    assert first_customers(decisions, 200).equals(decisions)
