"""What a validator asks of a trained model beyond its measures, as tables."""

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from credit_model.data.transactions import Tidy
from credit_model.training.characteristics import correlations, information, shifts
from credit_model.training.dataset import Dataset
from credit_model.training.gains import gains
from credit_model.training.population import population
from credit_model.training.sample import Sample
from credit_model.training.segments import by_segment
from credit_model.training.sensitivity import missing_rates, sensitivity
from credit_model.training.strategy import considered, strategy
from credit_model.training.train import Trained


@dataclass(frozen=True)
class Validation:
    """Tables about a trained model; each function named below describes its columns.

    Attributes:
        population: waterfall of counts (``population.population``).
        information: information value of every feature (``characteristics.information``).
        correlations: strong ones between features (``characteristics.correlations``).
        shifts: bins of the primary scorecard in both parts (``characteristics.shifts``).
        gains: of the winner, out of fold (``gains.gains``).
        strategy: of the winner, out of fold, on the decisions that the bands decide (``strategy.strategy``).
        segments: calibration of the winner, out of fold (``segments.by_segment``).
        sensitivity: of the winner, on the test part (``sensitivity.sensitivity``).
        missing: of the winner's inputs (``sensitivity.missing_rates``).
    """

    population: pl.DataFrame
    information: pl.DataFrame
    correlations: pl.DataFrame
    shifts: pl.DataFrame
    gains: pl.DataFrame
    strategy: pl.DataFrame
    segments: pl.DataFrame
    sensitivity: pl.DataFrame
    missing: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def validation(transactions: Tidy, sample: Sample, trained: Trained, train_only: Dataset) -> Validation:
    """Every table about a trained model.

    Args:
        transactions: tidy transactions.
        sample: the labelled decisions and the recipe.
        trained: the model.
        train_only: the decisions, with levels and constant features learned from the training part alone.
    """
    dataset, inputs = trained.dataset, trained.scorer.classifier.inputs
    probability, bad = trained.probability, dataset.bad
    scored, considers = ~np.isnan(probability), considered(dataset, probability)
    return Validation(
        population(transactions, sample, dataset),
        information(dataset, inputs, sample.recipe.bins),
        correlations(dataset),
        shifts(dataset, trained.scorecard.binnings),
        gains(bad[scored], trained.ranked[scored]),
        strategy(bad[considers], probability[considers], sample.recipe.costs),
        by_segment(dataset, probability),
        sensitivity(train_only, trained, sample.recipe),
        missing_rates(dataset, inputs),
    )
