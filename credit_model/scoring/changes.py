"""What would change a decision: the smallest change of at most two features that reaches the next safer band.

Features that a customer can influence are changed with everything else as it is, and the change is checked by scoring it. That is
the procedure as it works on this customer's data, which a customer may ask for (GDPR, Article 15(1)(h); Court of Justice,
C-203/22, Dun & Bradstreet Austria, 2025). It is no promise for a later application, whose other data will differ too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.features.topics import ANY_WAY, DOWN, NO_WAY, TO_ZERO, way
from credit_model.models.classifier import Classifier
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.displayed import rounded
from credit_model.scoring.policy import Bands
from credit_model.scoring.reasons import Reasons
from credit_model.scoring.reference import Distribution

_MOST_PAIRED = 8  # features of which pairs are tried


class _Trials(NamedTuple):
    """Changes to try.

    Attributes:
        places: numbers of the inputs that are changed, shape (trials, 1 or 2).
        values: what each is changed to, of the same shape.
        steps: how far that is, in steps between the values that are tried, shape (trials,).
    """

    places: np.ndarray
    values: FloatArray
    steps: FloatArray


@dataclass(frozen=True)
class Changes:
    """The changes that can be tried for a classifier's decisions.

    Attributes:
        classifier: the fitted classifier.
        calibrator: from margin to probability.
        bands: from probability to risk level.
        reasons: how each input is told.
        distributions: of the inputs in training, by name: the ends of their bins and the middles between them are tried.

    Example:
        >>> from credit_model.models.logistic import Linear, Term
        >>> from credit_model.scoring.displayed import Style
        >>> from credit_model.scoring.sides import Input
        >>> gap = Term("gap_mean", knots=(0.0, 30.0), effects=(-1.5, 1.5), levels={}, missing=1.5, unseen=0.0)
        >>> told = Input("gap_mean", "regularity", "1 to 9", 1.0, 9.0, None, Style(), {"change": ("Mean gap, in days: ", "")})
        >>> known = {"gap_mean": Distribution((10.0, 20.0), (), (40, 30, 30, 0))}
        >>> parts = Linear((gap,), neutral=0.0), Calibrator("sigmoid"), Bands(), Reasons((told,), 0.1)
        >>> changes = Changes(*parts, known).smallest(pl.DataFrame({"gap_mean": [25.0]}), np.array([0.73]))
        >>> [change["text"] for change in changes[0]]
        ['Mean gap, in days: 15']
    """

    classifier: Classifier
    calibrator: Calibrator
    bands: Bands
    reasons: Reasons
    distributions: Mapping[str, Distribution]

    def smallest(self, features: pl.DataFrame, probability: FloatArray) -> list[list[dict[str, Any]]]:
        """For each decision the changes that together reach the next safer band; empty where there are none.

        Args:
            features: the inputs, one row per decision.
            probability: of bad, shape (n,).
        """
        levels = np.searchsorted(self.bands.limits, probability, side="right")
        numbers = self.reasons.sides.numbers_of(features)
        return [
            self._of_one(features[row], numbers[row], self.bands.limits[level - 1]) if level else []
            for row, level in enumerate(levels.tolist())
        ]

    def _of_one(self, features: pl.DataFrame, numbers: FloatArray, limit: float) -> list[dict[str, Any]]:
        single = self._singles(numbers)
        judged = self._probability(features, single)
        trials, probability = single, judged
        if not (judged < limit).any():
            trials = _pairs(single, judged, [told.topic for told in self.reasons.inputs])
            probability = self._probability(features, trials)
        reached = np.flatnonzero(probability < limit)
        if not len(reached):
            return []
        best = reached[np.lexsort((probability[reached], trials.steps[reached]))[0]]
        return [
            self._told(int(place), numbers[place], float(value))
            for place, value in zip(trials.places[best], trials.values[best], strict=True)
        ]

    def _singles(self, numbers: FloatArray) -> _Trials:
        """Every value to try of every input that is not missing, the way that a customer can move it."""
        rows = [
            (place, value, step)
            for place, values in self._tried.items()
            if np.isfinite(numbers[place])
            for value, step in zip(values, _steps(values, float(numbers[place])), strict=True)
            if step and self._can_move(place, float(numbers[place]), value)
        ]
        places, values, steps = (
            (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
        )
        return _Trials(places.astype(np.intp)[:, None], values[:, None], steps)

    def _can_move(self, place: int, number: float, value: float) -> bool:
        told = self.reasons.inputs[place]
        which = way(told.feature, told.topic)
        return which == ANY_WAY or (value < number if which == DOWN else value == 0)

    def _probability(self, features: pl.DataFrame, trials: _Trials) -> FloatArray:
        """Probability of bad after each trial."""
        count = len(trials.steps)
        table = features[np.zeros(count, dtype=np.int64)]
        columns = {}
        for place in np.unique(trials.places).tolist():
            name = self.classifier.inputs[place]
            column = table[name].to_numpy(writable=True)
            rows, which = np.nonzero(trials.places == place)
            column[rows] = trials.values[rows, which]
            columns[name] = pl.Series(name, column, nan_to_null=True)
        return self.calibrator.probability(self.classifier.margin(table.with_columns(**columns)))

    def _told(self, place: int, number: float, needed: float) -> dict[str, Any]:
        told = self.reasons.inputs[place]
        value, text = (told.style.shown(each) for each in (number, needed))
        return {
            "feature": told.feature,
            "value": told.style.number(value),
            "needed": told.style.number(text),
            "text": told.style.number(text).join(told.sentences["change"]),
        }

    @cached_property
    def _tried(self) -> Mapping[int, FloatArray]:
        """The values to try of each input, ascending, each as it is shown."""
        tried = {}
        for place, told in enumerate(self.reasons.inputs):
            edges = (
                np.array(self.distributions[told.feature].edges)
                if told.feature in self.distributions
                else np.zeros(0)
            )
            which = way(told.feature, told.topic)
            if which != NO_WAY and "change" in told.sentences and len(edges):
                least = [0.0] * (which == TO_ZERO)
                values = np.unique(np.concatenate([least, edges, (edges[1:] + edges[:-1]) / 2]))
                shown = rounded(values * told.style.scale, told.style.decimals) / told.style.scale
                tried[place] = np.unique(shown)
        return tried


def _steps(values: FloatArray, number: float) -> list[float]:
    """How many of the values lie between a number and each of them, that one included; 0 for the number itself."""
    below, above = np.searchsorted(values, number, "left"), np.searchsorted(values, number, "right")
    places = np.arange(len(values))
    steps: list[float] = np.where(
        places < below, below - places, np.where(places >= above, places - above + 1, 0)
    ).tolist()
    return steps


def _pairs(single: _Trials, probability: FloatArray, topics: Sequence[str]) -> _Trials:
    """Every pair of changes of the features that alone lower the risk most, of two topics: a mean and a maximum hang together."""
    places = single.places[:, 0]
    best = {place: probability[places == place].min() for place in np.unique(places).tolist()}
    chosen = sorted(best, key=lambda place: best[place])[:_MOST_PAIRED]
    where = {place: np.flatnonzero(places == place) for place in sorted(chosen)}
    apart = [pair for pair in combinations(where, 2) if topics[pair[0]] != topics[pair[1]]]
    parts = [_product(where[one], where[other]) for one, other in apart]
    rows = np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.intp)
    return _Trials(places[rows], single.values[:, 0][rows], single.steps[rows].sum(axis=1))


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(one, other, indexing="ij"), axis=-1).reshape(-1, 2)
