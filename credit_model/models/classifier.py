"""The interface of a fitted classifier, whatever its kind.

A classifier gives every decision a margin, a real number in log-odds that rises with risk, and splits it into contributions of
its inputs: ``neutral + contributions.sum(axis=1) == margin``, up to rounding. It is saved as plain files, never as pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import polars as pl

from credit_model.arrays import FloatArray

DESCRIPTION = "classifier.json"


@dataclass(frozen=True)
class Case:
    """The features of one decision by name, None or NaN where null; it stands in for a table of one row, and is faster."""

    values: Mapping[str, Any]

    def __getitem__(self, feature: str) -> pl.Series:
        """The column of a feature."""
        return pl.Series(feature, [self.values[feature]])


FeatureValues = pl.DataFrame | Case


class Classifier(Protocol):
    """The interface of a fitted classifier."""

    kind: ClassVar[str]

    @property
    def requirements(self) -> tuple[str, ...]:
        """Names of the packages that it needs where it is served, beyond those of every model."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features that it reads, in order."""

    @property
    def neutral(self) -> float:
        """The margin of a decision whose contributions are all zero."""

    def margin(self, table: FeatureValues) -> FloatArray:
        """Margins of the rows of a feature table, shape (n,): uncalibrated log-odds of bad."""

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Contributions of the inputs to the margin, shape (n, number of inputs); positive raises the risk."""

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """``margin`` and ``contributions`` together, reading the table once."""

    def save(self, folder: Path) -> None:
        """Write plain files into a folder."""


def describe(folder: Path, plain: Mapping[str, object]) -> None:
    """Write a classifier's description, plain JSON values, into a folder; the folder is made where it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).write_text(json.dumps(plain, indent=1, sort_keys=True, allow_nan=False))
