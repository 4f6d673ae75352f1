"""Logistic regression in its served form: what each value of each feature adds to the log-odds, as plain numbers."""

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
        feature: its name.
        knots: ascending values of a numeric feature; beyond the first and the last nothing changes.
        effects: at the knots, straight lines between them.
        levels: effect of each known level of a categorical feature.
        missing: effect where nothing is known.
        unseen: effect of a level that training did not see often enough.
    """

    feature: str
    knots: tuple[float, ...]
    effects: tuple[float, ...]
    levels: Mapping[str, float]
    missing: float
    unseen: float

    def effect(self, values: pl.Series) -> FloatArray:
        """Log-odds that each value adds, shape (n,), always finite."""
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
        neutral: the mean margin of the training cases.
    """

    kind: ClassVar[str] = "linear"
    requirements: ClassVar[tuple[str, ...]] = ()
    terms: tuple[Term, ...]
    neutral: float

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The features of the terms."""
        return tuple(term.feature for term in self.terms)

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin."""
        return np.stack([term.effect(table[term.feature]) for term in self.terms], axis=1)

    def margin(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad."""
        return self.margin_and_contributions(table)[0]

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """Margins and contributions together, in one reading of the table."""
        contributions = self.contributions(table)
        return self.neutral + contributions.sum(axis=1), contributions

    def save(self, folder: Path) -> None:
        """Write plain files."""
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
