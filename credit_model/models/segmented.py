"""A scorecard per segment: the level of a text decides which card judges; every other level, and none, has the common card."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import BoolArray, FloatArray
from credit_model.models.classifier import FeatureValues, describe
from credit_model.models.scorecard import Scorecard


@dataclass(frozen=True)
class Segmented:
    """Scorecards by the level of a text.

    Attributes:
        column: name of the text, a feature.
        common: the card of decisions whose level has none of its own, was never seen or is missing.
        cards: by level.
    """

    kind: ClassVar[str] = "segmented"
    requirements: ClassVar[tuple[str, ...]] = ()
    column: str
    common: Scorecard
    cards: Mapping[str, Scorecard]

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The text, and what any of the cards reads."""
        read = (name for card in (self.common, *self.cards.values()) for name in card.inputs)
        return tuple(dict.fromkeys((self.column, *read)))

    @property
    def neutral(self) -> float:
        """That of the common card."""
        return self.common.neutral

    def margin(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad of the rows of a feature table, shape (n,)."""
        return self.margin_and_contributions(table)[0]

    def contributions(self, table: FeatureValues) -> FloatArray:
        """Log-odds of bad that each feature adds to the neutral margin, shape (n, number of inputs).

        The text adds what its card's neutral margin differs from the common one by.
        """
        contributions = np.zeros((len(table[self.column]), len(self.inputs)))
        for card, rows in self._judged(table[self.column]):
            values = pl.DataFrame([table[name].filter(pl.Series(rows)) for name in card.inputs])
            contributions[np.ix_(rows, self._places(card))] = card.contributions(values)
            contributions[rows, 0] += card.neutral - self.neutral
        return contributions

    def margin_and_contributions(self, table: FeatureValues) -> tuple[FloatArray, FloatArray]:
        """``margin`` and ``contributions`` together, reading the table once."""
        contributions = self.contributions(table)
        return self.neutral + contributions.sum(axis=1), contributions

    def _judged(self, levels: pl.Series) -> Iterator[tuple[Scorecard, BoolArray]]:
        """Each card that judges some rows, and these rows."""
        texts = levels.cast(pl.String).to_list()
        whose = np.array([text if text in self.cards else None for text in texts], dtype=object)
        for level in dict.fromkeys(whose):
            card = self.common if level is None else self.cards[level]
            yield card, np.array([each == level for each in whose], dtype=np.bool_)

    def _places(self, card: Scorecard) -> npt.NDArray[np.intp]:
        """Where the inputs of a card stand among all inputs."""
        return np.array([self.inputs.index(name) for name in card.inputs], dtype=np.intp)

    def save(self, folder: Path) -> None:
        """Write plain files, each card in a folder of its own."""
        describe(folder, {"kind": self.kind, "column": self.column, "levels": list(self.cards)})
        self.common.save(folder / "common")
        for number, card in enumerate(self.cards.values()):
            card.save(folder / f"segment_{number}")

    @classmethod
    def load(cls, folder: Path, plain: Mapping[str, Any]) -> "Segmented":
        """Read what ``save`` wrote."""
        common, *cards = (_card(folder / name) for name in ("common", *_folders(plain)))
        return cls(plain["column"], common, dict(zip(plain["levels"], cards, strict=True)))


def _folders(plain: Mapping[str, Any]) -> list[str]:
    return [f"segment_{number}" for number in range(len(plain["levels"]))]


def _card(folder: Path) -> Scorecard:
    from credit_model.models.load import load_classifier

    card = load_classifier(folder)
    if not isinstance(card, Scorecard):
        raise TypeError(f"a segment has a scorecard, not {card.kind}")
    return card
