"""Logistic regression in its served form: for each feature, what each of its values adds to the log-odds of bad."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.models.classifier import FeatureValues, describe


@dataclass(frozen=True)
class Term:
    """What one feature adds to the log-odds of bad; scaling and one-hot coding are already multiplied in.

    Attributes:
        feature: name of the feature.
        knots: ascending values of a numeric feature.
        effects: log-odds at the knots; straight lines between them, constant outside.
        levels: log-odds of each learned level of a categorical feature.
        missing: log-odds where the value is null.
        unseen: log-odds of a level that training did not see often enough.
    """

    feature: str
    knots: tuple[float, ...]
    effects: tuple[float, ...]
    levels: Mapping[str, float]
    missing: float
    unseen: float

    def effect(self, values: pl.Series) -> FloatArray:
        """Log-odds of bad that each value adds, shape (n,), always finite."""
        if not self.knots:
            return np.array(
                [self.missing if v is None else self.levels.get(v, self.unseen) for v in values.to_list()]
            )
        numbers = values.to_numpy()
        effects: FloatArray = np.interp(numbers, self.knots, self.effects)
        return np.where(np.isnan(numbers), self.missing, effects)


@dataclass(frozen=True)
class Linear:
    """Logistic regression: the margin is a sum of one term per feature.

    Attributes:
        terms: one per input, in order; each averages zero over the training cases.
        neutral: the mean margin of the training cases, in log-odds.
    """

    kind: ClassVar[str] = "linear"
    requirements: ClassVar[tuple[str, ...]] = ()
    terms: tuple[Term, ...]
    neutral: float

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(term.feature for term in self.terms)

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin, shape (n, number of inputs)."""
        return np.stack([term.effect(table[term.feature]) for term in self.terms], axis=1)

    def margin(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad of the rows of a feature table, shape (n,)."""
        return self.margin_and_contributions(table)[0]

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """``margin`` and ``contributions`` together, reading the table once."""
        contributions = self.contributions(table)
        return self.neutral + contributions.sum(axis=1), contributions

    def save(self, folder: Path) -> None:
        """Write plain files into a folder."""
        terms = [asdict(term) for term in self.terms]
        describe(folder, {"kind": self.kind, "terms": terms, "neutral": self.neutral})

    @classmethod
    def load(cls, _: Path, plain: Mapping[str, Any]) -> "Linear":
        """Read what ``save`` wrote."""
        terms = (
            Term(**(term | {"knots": tuple(term["knots"]), "effects": tuple(term["effects"])}))
            for term in plain["terms"]
        )
        return cls(tuple(terms), plain["neutral"])
