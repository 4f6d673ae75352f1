"""Sensitivity: what the model loses where one of its inputs tells nothing, and how often an input is missing."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.models.classifier import Classifier
from credit_model.training.cross_validation import Cases, fit
from credit_model.training.dataset import Dataset
from credit_model.training.sample import Recipe
from credit_model.training.train import Trained

MOST_INPUTS, TIMES, MOST_EXPLAINED = 15, 2, 1_000
_LOST = {"feature": pl.String, "contribution": pl.Float64, "auc_lost": pl.Float64}


def sensitivity(train_only: Dataset, trained: Trained, recipe: Recipe) -> pl.DataFrame:
    """AUC that the winner, fitted on the training part alone, loses on the test part where an input's values change places.

    The values of one input are dealt out among the test part's decisions at random, twice (Breiman, Random forests, 2001).
    Inputs that tell the same stand in for each other, so that a loss near 0 does not say that an input is not used.

    Args:
        train_only: the decisions, with levels and constant features learned from the training part alone.
        trained: the model.
        recipe: how it was trained.

    Returns:
        ``feature``, ``contribution`` (``importance`` on the test part) and ``auc_lost`` of the 15
        inputs with the largest contributions, what costs most first; empty where the test part has fewer than 20 of a class.
    """
    rows = train_only.part("test") & train_only.modelled
    if trained.winner not in trained.tests or not metrics.estimable(train_only.bad[rows]):
        return pl.DataFrame(schema=_LOST)
    cases = Cases.of(train_only, train_only.part("train") & train_only.modelled)
    parameters = trained.comparison[trained.winner].parameters
    classifier = fit(trained.winner, cases, parameters, recipe)
    return auc_lost(
        classifier, train_only.features.filter(pl.Series(rows)), train_only.bad[rows], recipe.seed
    )


def auc_lost(classifier: Classifier, table: pl.DataFrame, bad: BadArray, seed: int) -> pl.DataFrame:
    """As ``sensitivity``, of any classifier on any cases.

    Args:
        classifier: the classifier.
        table: feature table, one row per case.
        bad: 0 or 1 per row, both present.
        seed: of the dealing out.
    """
    whole, size = metrics.roc_auc(bad, classifier.margin(table)), importance(classifier, table)
    lost = []
    for place in np.argsort(-size, kind="stable")[:MOST_INPUTS]:
        name, random = classifier.inputs[place], np.random.default_rng(seed)
        orders = [random.permutation(table.height) for _ in range(TIMES)]
        mixed = [table.with_columns(table[name].gather(order)) for order in orders]
        aucs = [metrics.roc_auc(bad, classifier.margin(each)) for each in mixed]
        lost.append((name, float(size[place]), whole - float(np.mean(aucs))))
    return pl.DataFrame(lost, schema=_LOST, orient="row").sort(
        "auc_lost", descending=True, maintain_order=True
    )


def importance(classifier: Classifier, table: pl.DataFrame) -> FloatArray:
    """Mean absolute contribution of each input to the margin, in log-odds, shape (number of inputs,).

    Of more than 1,000 rows, those of ``explained`` count.
    """
    return np.asarray(np.abs(classifier.contributions(explained(table))).mean(axis=0))


def explained(table: pl.DataFrame) -> pl.DataFrame:
    """At most 1,000 rows, evenly spaced."""
    return table[
        np.unique(np.linspace(0, table.height - 1, min(table.height, MOST_EXPLAINED)).astype(np.intp))
    ]


def missing_rates(dataset: Dataset, inputs: Sequence[str]) -> pl.DataFrame:
    """Share of the modelled decisions that lack an input, by part.

    Returns:
        ``feature``, then a column for each of ``train`` and ``test`` that has decisions, in the order of the inputs.
    """
    shares = {"feature": pl.Series(inputs, dtype=pl.String)}
    for part in ("train", "test"):
        rows = dataset.part(part) & dataset.modelled
        if rows.any():
            table = dataset.features.filter(pl.Series(rows))
            shares[part] = pl.Series([table[name].null_count() / table.height for name in inputs])
    return pl.DataFrame(shares)
