"""How long a history to look at: chosen on the training part, where real outcomes tell."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import polars as pl

from credit_model import metrics
from credit_model.data.transactions import Tidy
from credit_model.training.candidates import CrossValidation
from credit_model.training.cross_validation import DEFAULT, Advance, Cases, best_parameters, repeated
from credit_model.training.dataset import build_dataset
from credit_model.training.sample import Recipe
from credit_model.training.splits import first_customers

USUAL = 365
LENGTHS = (90, 180, USUAL, 730)
MOST_DECISIONS, REPEATS = 5_000, 2
ERRORS, LEAST_GAIN = 2.0, 0.01  # with a few folds and lengths, two errors alone are reached by chance


def compared_lengths(
    transactions: Tidy, decisions: pl.DataFrame, recipe: Recipe, advance: Advance
) -> Mapping[int, CrossValidation]:
    """Cross-validation of the default candidate on the training part, by the length of its history in days.

    Lengths are 90, 180, 365 and 730 days and all that the transactions cover; at most 5,000 decisions, of whole customers, are
    compared. Nothing is compared where a class has fewer than 20 decisions or there is no transaction.
    """
    train = first_customers(decisions.filter(pl.col("part") == "train"), MOST_DECISIONS, recipe.seed)
    if not transactions.frame.height or not metrics.estimable(train["bad"].to_numpy()):
        return {}
    results = {}
    for days in _lengths(transactions, train):
        dataset = build_dataset(transactions, train, replace(recipe, history_days=days), ("train",))
        cases = Cases.of(dataset, dataset.part("train"))
        advance(f"{days} days of history")
        seeds = range(recipe.seed, recipe.seed + REPEATS)
        results[days] = repeated(
            DEFAULT, cases, best_parameters(DEFAULT, (), recipe), recipe, lambda _: None, seeds
        )
    return results


def best_length(results: Mapping[int, CrossValidation]) -> int:
    """365 days, unless another length gains 0.01 of AUC, and more than two standard errors of that gain, fold by fold."""
    if USUAL not in results:
        return USUAL
    best = max(results, key=lambda days: results[days].mean)
    gain, error = results[USUAL].loss_to(results[best])
    return best if gain > max(ERRORS * error, LEAST_GAIN) else USUAL


def line(results: Mapping[int, CrossValidation]) -> str:
    """The line of the summary that names the length and why it was chosen."""
    days = best_length(results)
    if not results:
        return f"history: {days} days"
    aucs = ", ".join(f"{length} days {result.mean:.4f}" for length, result in results.items())
    bar = f"{LEAST_GAIN:g} and {ERRORS:g} standard errors of the gain on the training part"
    why = (
        "as the length of the highest AUC does not gain more than"
        if days == USUAL
        else "which gains more than"
    )
    return f"history: {days} days, {why} {bar} (AUC: {aucs})"


def _lengths(transactions: Tidy, decisions: pl.DataFrame) -> list[int]:
    """The lengths that differ: what the transactions cover bounds them; 365 is always among them."""
    first, last = transactions.frame["TransactionStartTime"].min(), decisions["as_of"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return []
    span = (last - first).days + 1
    return sorted({*(days for days in LENGTHS if days < span or days == USUAL), max(span, USUAL)})
