"""Scorecards by segment: fitted where a level has cases enough, kept where they surely rank better than the common card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray
from credit_model.data.suggest import suggest
from credit_model.models.classifier import Classifier
from credit_model.models.scorecard import Scorecard
from credit_model.models.segmented import Segmented
from credit_model.training.candidates import CANDIDATES, Candidate, CrossValidation
from credit_model.training.fit_linear import fit_scorecard
from credit_model.training.own_bins import AS_TRAINED, OwnBins
from credit_model.training.paired import paired

SEGMENTED = "segmented"
COMMON = "scorecard"
LEAST = 40
_LEVELS = {
    "level": pl.String,
    "decisions": pl.Int64,
    "bads": pl.Int64,
    "own_card": pl.Boolean,
    "auc": pl.Float64,
    "auc_common": pl.Float64,
}


@dataclass(frozen=True)
class SegmentCards:
    """What scorecards by segment gain over the common one, out of fold on the decisions of the comparison.

    Attributes:
        column: whose levels the segments are.
        auc: of the segmented card, and of the common one.
        interval: of the difference, 95 %, customers resampled.
        levels: one row per level: ``level``, ``decisions``, ``bads``, ``own_card`` (whether the cases suffice for one),
            ``auc`` and ``auc_common`` within the level (null with fewer than 20 cases of a class).
    """

    column: str
    auc: tuple[float, float]
    interval: tuple[float, float]
    levels: pl.DataFrame

    @property
    def kept(self) -> bool:
        """Whether the gain is beyond its error: its 95 % interval is above 0."""
        return bool(self.levels["own_card"].any()) and self.interval[0] > 0

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        own = self.levels.filter("own_card")["level"].to_list()
        if not own:
            return (
                f"segments: no level of {self.column} has {LEAST} good and {LEAST} bad decisions, so that the common scorecard "
                "judges all"
            )
        (auc, common), (low, high) = self.auc, self.interval
        end = "beyond its error" if self.kept else "not beyond its error, so that the common one stands"
        return (
            f"segments: scorecards for {', '.join(own)} of {self.column} have AUC {auc:.4f} out of fold, the common one alone "
            f"{common:.4f} (difference {auc - common:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}), which is {end}"
        )


def segmented(column: str, common: Candidate) -> Candidate:
    """The candidate of scorecards by the levels of a text, with the parameters of the common one."""
    parameters = {**common.default_parameters, "segment": column}
    return Candidate(SEGMENTED, CANDIDATES[COMMON].rank + 1, fit_segmented, parameters, {}, binned=True)


def fit_segmented(
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],
    params: Mapping[str, Any],
    bins: OwnBins = AS_TRAINED,
) -> Classifier:
    """Fit the common card, and one for every level with 40 cases of each class; the common card alone where there is none.

    Arguments as in ``fit_scorecard``; ``params`` also has ``segment``, the name of the text.
    """
    common = fit_scorecard(table, bad, seed, directions, params, bins)
    cards: dict[str, Scorecard] = {}
    for level in _own(table, bad, params["segment"]):
        rows = (table[params["segment"]] == level).fill_null(value=False)
        part = table.filter(rows)
        varying = part.select([name for name in part.columns if part[name].n_unique() > 1])
        if varying.width:
            cards[level] = fit_scorecard(varying, bad[rows.to_numpy()], seed, directions, params, bins)
    return Segmented(params["segment"], common, cards) if cards else common


def check_segment(column: str | None, table: pl.DataFrame) -> None:
    """Refuse a column that is no text among the features.

    Raises:
        ValueError: it is none.
    """
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
    if column is not None and column not in texts:
        what = (
            "is a number" if column in table.columns else "is none of the attributes and categories that vary"
        )
        raise ValueError(f"segment: {column} {what}; {suggest(column, texts)}")


def compared(
    column: str,
    results: Mapping[str, CrossValidation],
    table: pl.DataFrame,
    bad: BadArray,
    customers: npt.NDArray[np.object_],
    seed: int,
) -> SegmentCards:
    """The segmented card beside the common one.

    Args:
        column: whose levels the segments are.
        results: of both candidates, on the same folds.
        table: features of the compared cases.
        bad: 0 or 1 per case.
        customers: of the cases.
        seed: of the resampling.
    """
    margins = results[SEGMENTED].margin, results[COMMON].margin
    found = paired(metrics.roc_auc, bad, margins[::-1], customers, seed)
    own, rows = _own(table, bad, column), []
    for level in table[column].drop_nulls().unique().sort():
        held = (table[column] == level).fill_null(value=False).to_numpy()
        within = (
            [metrics.roc_auc(bad[held], each[held]) for each in margins]
            if metrics.estimable(bad[held])
            else [None] * 2
        )
        rows.append((level, int(held.sum()), int(bad[held].sum()), level in own, *within))
    levels = pl.DataFrame(rows, schema=_LEVELS, orient="row")
    return SegmentCards(column, (found.second, found.first), (found.low, found.high), levels)


def _own(table: pl.DataFrame, bad: BadArray, column: str) -> list[str]:
    """The levels with cases enough for a card of their own, most frequent first; none where the column was left out."""
    if column not in table.columns:
        return []
    counts = (
        pl.DataFrame({"level": table[column], "bad": bad})
        .drop_nulls("level")
        .group_by("level")
        .agg(cases=pl.len(), bads=pl.col("bad").cast(pl.Int64).sum())
        .filter((pl.col("bads") >= LEAST) & (pl.col("cases") - pl.col("bads") >= LEAST))
    )
    return counts.sort(["cases", "level"], descending=[True, False])["level"].to_list()
