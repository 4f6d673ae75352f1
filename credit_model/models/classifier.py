"""What serving asks of a fitted classifier, whatever its kind.

A classifier gives every decision a margin, a real number that rises with risk, and splits it exactly into contributions:
``neutral + contributions.sum(axis=1) == margin``. It is plain numbers in plain files: no pickle, no training library.
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
    """The features of one decision by name, null being NaN or None: a table of one row, without the cost of one."""

    values: Mapping[str, Any]

    def __getitem__(self, feature: str) -> pl.Series:
        """The column of a feature."""
        return pl.Series(feature, [self.values[feature]])


FeatureValues = pl.DataFrame | Case


class Classifier(Protocol):
    """What serving asks of a fitted classifier."""

    kind: ClassVar[str]

    @property
    def requirements(self) -> tuple[str, ...]:
        """The libraries that it needs where it is served."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that it reads."""

    @property
    def neutral(self) -> float:
        """The margin that the contributions start from."""

    def margin(self, table: FeatureValues) -> FloatArray:
        """(n,) margins of the rows of a feature table, uncalibrated."""

    def contributions(self, table: FeatureValues) -> FloatArray:
        """(n, number of inputs) shares of the margin."""

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """Margins and contributions together, in one reading of the table."""

    def save(self, folder: Path) -> None:
        """Write plain files."""


def describe(folder: Path, plain: Mapping[str, object]) -> None:
    """Write a classifier's description."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).write_text(json.dumps(plain, indent=1, sort_keys=True, allow_nan=False))
