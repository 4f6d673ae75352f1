"""The reference that a model carries for monitoring: how its inputs and scores were distributed in training, as counts.

Counts identify no customer: numbers are counted in quantile bins of the training decisions, and rare levels together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import FloatArray

BINS = 10
LEAST_LEVEL = 10
MOST_LEVELS = 20
SCORE = "score"
_NUMBERS = (
    *("no_history_share", "bad_rate", "roc_auc", "roc_auc_error", "invalid_share", "independent"),
    "estimated_roc_auc",
)
_DISTRIBUTIONS = ("reach", "transactions", "decisions")

Counts = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Distribution:
    """How one input, or the score, was distributed over bins in training.

    Attributes:
        edges: inner edges of a number's bins, ascending; a value at an edge belongs to the higher bin.
        levels: levels of a categorical input that have a bin of their own.
        counts: training decisions per bin. Of a number: the bins that ``edges`` divide, then missing. Of a categorical
            input: one bin for each of ``levels``, then all other levels, then missing.

    Example:
        >>> score = Distribution(edges=(560.0, 600.0), levels=(), counts=(20, 50, 30, 0))
        >>> score.count(pl.Series([555.0, 560.0, 640.0, 660.0])).tolist()
        [1, 1, 2, 0]
    """

    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]

    def count(self, values: pl.Series) -> Counts:
        """Count values per bin, in the order of ``counts``; shape (bins,)."""
        return _count(values, self.edges, self.levels)


@dataclass(frozen=True)
class Reference:
    """What monitoring compares new decisions with.

    Attributes:
        inputs: distribution of each of the classifier's inputs, by name, among the training decisions that it scores.
        score: distribution of the score, in points, among the same decisions.
        no_history_share: share of all training decisions that have no transaction in their observation window.
        bad_rate: share of bads among all training decisions.
        roc_auc: out of time where it could be estimated, else out of fold; None where neither could.
        roc_auc_error: standard error of ``roc_auc``.
        reach: distribution of the days from a decision's oldest transaction in its observation window to ``as_of``.
        transactions: distribution of the number of transactions of a decision; both of the decisions with a history.
        decisions: how many decisions with a history the bands approve, review and reject, out of fold.
        invalid_share: share of the training's decisions that were left out because their transactions are faulty.
        independent: how many independent cases a decision stands for: 1 where no customer has several.
        estimated_roc_auc: the AUC to expect of the probabilities out of fold, without their outcomes.
        bads_by_score: for each bin of ``score``, the number of decisions and of bads, by the score out of fold.
        costs: of a false negative and of a false positive.

    What is None was not kept by the code that trained the model.

    Example:
        >>> score = Distribution(edges=(600.0,), levels=(), counts=(40, 60, 0))
        >>> reference = Reference(inputs={}, score=score, no_history_share=0.1, bad_rate=0.08, roc_auc=None)
        >>> Reference.from_dict(reference.to_dict()) == reference
        True
    """

    inputs: Mapping[str, Distribution]
    score: Distribution
    no_history_share: float
    bad_rate: float
    roc_auc: float | None
    roc_auc_error: float | None = None
    reach: Distribution | None = None
    transactions: Distribution | None = None
    decisions: Distribution | None = None
    invalid_share: float | None = None
    independent: float | None = None
    estimated_roc_auc: float | None = None
    bads_by_score: tuple[tuple[int, int], ...] | None = None
    costs: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Reference":
        """The inverse of ``to_dict``; of a model that was trained by earlier code it has what that kept."""
        inputs = {name: _distribution(stored) for name, stored in plain["inputs"].items()}
        rest: dict[str, Any] = {name: plain[name] for name in _NUMBERS if name in plain}
        parts: dict[str, Any] = {
            name: _distribution(plain[name]) for name in _DISTRIBUTIONS if plain.get(name)
        }
        if plain.get("bads_by_score"):
            rest["bads_by_score"] = tuple((cases, bads) for cases, bads in plain["bads_by_score"])
        if plain.get("costs"):
            rest["costs"] = tuple(plain["costs"])
        return cls(inputs, _distribution(plain["score"]), **rest, **parts)


def fit_distribution(values: pl.Series) -> Distribution:
    """Bin the training values of one input, or the score; each bin has at least 10 decisions.

    Args:
        values: one value per decision, null where it is missing.

    Returns:
        At most ten quantile bins of a number, or a bin for each of the at most 20 most frequent levels of a text. Other
        levels, and what is missing, have bins of their own, whatever their size.

    Example:
        Forty values are too few for ten bins of at least ten:

        >>> fit_distribution(pl.Series("recency", range(40))).counts
        (12, 12, 16, 0)
        >>> channel = fit_distribution(pl.Series("channel", ["web"] * 30 + ["app"] * 12 + ["fax", None]))
        >>> channel.levels, channel.counts
        (('web', 'app'), (30, 12, 1, 1))
    """
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    present = values.drop_nulls()
    if values.dtype == pl.String:
        frequent = present.value_counts().filter(pl.col("count") >= LEAST_LEVEL)
        ranked = frequent.sort(["count", values.name], descending=[True, False])
        levels = tuple(ranked[values.name].head(MOST_LEVELS).to_list())
    else:
        edges = _edges(present.cast(pl.Float64).to_numpy())
    return Distribution(edges, levels, tuple(_count(values, edges, levels).tolist()))


def _edges(numbers: FloatArray) -> tuple[float, ...]:
    """Inner edges of the bins: a value falls into the tenth of its middle rank, so that a frequent one has its own bin."""
    values, counts = np.unique(numbers, return_counts=True)
    tenth = np.floor(BINS * (np.cumsum(counts) - counts / 2) / max(len(numbers), 1))
    begins = np.flatnonzero(np.diff(tenth)) + 1
    edges: list[float] = []
    last = 0
    for place in begins.tolist():
        if min(counts[last:place].sum(), counts[place:].sum()) >= LEAST_LEVEL:
            edges.append(_between(float(values[place - 1]), float(values[place])))
            last = place
    return tuple(edges)


def _between(lower: float, upper: float) -> float:
    middle = lower / 2 + upper / 2
    return middle if middle > lower else upper


def _count(values: pl.Series, edges: tuple[float, ...], levels: tuple[str, ...]) -> Counts:
    if values.dtype == pl.String:
        place = {level: number for number, level in enumerate(levels)}
        bins = values.replace_strict(place, default=len(levels), return_dtype=pl.Int64)
        bins = bins.zip_with(values.is_not_null(), pl.Series([len(levels) + 1]))
        return np.bincount(bins.to_numpy(), minlength=len(levels) + 2)
    numbers = values.cast(pl.Float64).to_numpy()
    places = np.searchsorted(np.array(edges), numbers, side="right")
    places[np.isnan(numbers)] = len(edges) + 1
    return np.bincount(places, minlength=len(edges) + 2)


def _distribution(stored: Mapping[str, Any]) -> Distribution:
    return Distribution(*(tuple(stored[name]) for name in ("edges", "levels", "counts")))
