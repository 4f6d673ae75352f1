"""Whole points: a scorecard whose bins have integer points, and how far it ranks as the exact one does.

The base is dealt out evenly over the characteristics, as in the table of points, and the points of each bin are rounded. The
rounded card is served as its points say: a score is their sum, a whole number, and the probability follows from the score.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import FloatArray
from credit_model.models.binning import Binning
from credit_model.models.logistic import Linear
from credit_model.models.scorecard import Scorecard
from credit_model.scoring.calibrator import LOWEST, Calibrator
from credit_model.scoring.scale import Scale
from credit_model.scoring.scorer import Scorer
from credit_model.training.cross_validation import PRIMARY
from credit_model.training.train import Trained

MOST_DIFFERENCE = 0.002


@dataclass(frozen=True)
class RankCheck:
    """How the rounded card ranks the decisions that the card was fitted on.

    Attributes:
        correlation: Spearman's, of rounded and exact margins.
        exact: AUC of the exact card.
        rounded: AUC of the rounded card.
    """

    correlation: float
    exact: float
    rounded: float

    @property
    def ranks_alike(self) -> bool:
        """Whether the AUC differs by no more than 0.002."""
        return abs(self.rounded - self.exact) <= MOST_DIFFERENCE

    @property
    def sentence(self) -> str:
        """The check in words, a warning where the AUC differs by more than 0.002."""
        difference = self.rounded - self.exact
        said = (
            f"points: whole numbers; on the decisions that the card was fitted on AUC {self.rounded:.4f}, with exact points "
            f"{self.exact:.4f} (difference {difference:+.4f}), rank correlation {self.correlation:.4f}"
        )
        if self.ranks_alike:
            return said
        return f"{said}; warning: more than {MOST_DIFFERENCE:g} apart, give more points_to_double_odds"


def with_whole_points(trained: Trained) -> tuple[Trained, RankCheck]:
    """The same model with whole points in its primary scorecard, and in what is served where that is the scorecard.

    Raises:
        ValueError: the points would leave the range of probabilities.
    """
    exact = trained.scorecard
    card = rounded(exact, trained.primary.calibrator, trained.primary.scale)
    rows = trained.dataset.modelled
    table, bad = trained.dataset.features.filter(pl.Series(rows)), trained.dataset.bad[rows]
    plain, whole_margin = exact.margin(table), card.margin(table)
    correlation = float(np.corrcoef(_ranks(plain), _ranks(whole_margin))[0, 1])
    check = RankCheck(correlation, metrics.roc_auc(bad, plain), metrics.roc_auc(bad, whole_margin))
    whole = replace(trained, primary=_served(trained.primary, card))
    if trained.winner == PRIMARY:
        whole = replace(whole, scorer=_served(trained.scorer, card))
    return whole, check


def rounded(card: Scorecard, calibrator: Calibrator, scale: Scale) -> Scorecard:
    """The card with the points of each bin rounded to a whole number.

    Args:
        card: the exact card.
        calibrator: a sigmoid, from the card's margin to the probability.
        scale: from probability to points.

    Raises:
        ValueError: the points would leave the range of probabilities.
    """
    share, per_margin = shares(card, calibrator, scale)
    points = [np.round(share + per_margin * w * np.array(b.evidence)) for w, b in _weighted(card)]
    steps = tuple(tuple(((share - each) / per_margin).tolist()) for each in points)
    ends = [card.neutral + sum(end(each) for each in steps) for end in (min, max)]
    if np.abs(calibrator.slope * np.array(ends) + calibrator.intercept).max() > -np.log(LOWEST):
        raise ValueError("points: the card's whole points leave the range of probabilities; leave points out")
    return replace(card, rounded=steps)


def points_of_bins(card: Scorecard, calibrator: Calibrator, scale: Scale) -> list[FloatArray]:
    """Points of every bin of each characteristic, in order; those of a case's bins add up to its score."""
    share, per_margin = shares(card, calibrator, scale)
    if card.rounded:
        return [np.round(share - per_margin * np.array(steps)) for steps in card.rounded]
    return [share + per_margin * w * np.array(b.evidence) for w, b in _weighted(card)]


def shares(card: Scorecard | Linear, calibrator: Calibrator, scale: Scale) -> tuple[float, float]:
    """The base's points for each input, and the points per unit of margin."""
    per_unit = scale.points_per_unit
    log_odds = calibrator.intercept + calibrator.slope * card.neutral
    base = scale.base_score - per_unit * (float(np.log(scale.base_odds)) + log_odds)
    return base / len(card.inputs), per_unit * calibrator.slope


def _weighted(card: Scorecard) -> list[tuple[float, Binning]]:
    return list(zip(card.weights, card.binnings, strict=True))


def _ranks(values: FloatArray) -> FloatArray:
    return pl.Series(values).rank().to_numpy()


def _served(scorer: Scorer, card: Scorecard) -> Scorer:
    """The scorer with the rounded card."""
    return replace(scorer, classifier=card, scale=replace(scorer.scale, whole=True))
