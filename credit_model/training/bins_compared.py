"""The scorecard with the bins that a person decided, beside the one that training would have made alone."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.models.binning import Binning
from credit_model.models.scorecard import Scorecard
from credit_model.training.cross_validation import PRIMARY, Advance, Cases, cross_validated, fit
from credit_model.training.dataset import Dataset
from credit_model.training.own_bins import AS_TRAINED, OwnBins
from credit_model.training.paired import paired
from credit_model.training.sample import Recipe
from credit_model.training.train import Trained

_CHARACTERISTICS = {
    "characteristic": pl.String,
    "asked": pl.String,
    "bins": pl.Int64,
    "bins_alone": pl.Int64,
    "information_value": pl.Float64,
    "information_value_alone": pl.Float64,
    "weight": pl.Float64,
    "weight_alone": pl.Float64,
}
_RANKS = {
    "decisions": pl.String,
    "auc": pl.Float64,
    "auc_alone": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


@dataclass(frozen=True)
class BinsCompared:
    """What bins of a person's own changed in the scorecard.

    Attributes:
        source: the file that asked for them.
        characteristics: one row per characteristic that was asked for or that the scorecards do not share: ``asked`` in words,
            bins (without those of missing and unseen values), information value and weight (null: not in the card), each also
            as training alone has it; fitted on every decision.
        ranks: AUC of both cards ``out of fold`` and on the ``test part``, the difference and its 95 % interval, customers
            resampled.
    """

    source: str
    characteristics: pl.DataFrame
    ranks: pl.DataFrame

    @property
    def sentence(self) -> str:
        """What was asked, and what it does to the AUC."""
        asked = self.characteristics.filter(pl.col("asked") != "")
        if asked.is_empty():
            return f"bins: {self.source} asks for nothing that training would not do alone"
        parts = [f"{name} ({words})" for name, words in asked.select("characteristic", "asked").iter_rows()]
        told = [
            f"{where} AUC {auc:.4f}, alone {alone:.4f} (difference {gain:+.4f}, 95 % interval {low:+.4f} to {high:+.4f})"
            for where, auc, alone, gain, low, high in self.ranks.iter_rows()
        ]
        return f"bins: {self.source} decides {', '.join(parts)}; scorecard {'; '.join(told)}"


def with_own_bins(recipe: Recipe, all_known: Dataset) -> Recipe:
    """A recipe whose bins are checked against the data and hold only what training would do otherwise.

    Raises:
        ValueError: as ``OwnBins.binding`` does.
    """
    cases = Cases.of(all_known, all_known.modelled)
    features = all_known.catalogue.features
    return replace(recipe, bins=recipe.bins.binding(cases.table, cases.bad, cases.directions, features))


def compared(
    trained: Trained, train_only: Dataset, recipe: Recipe, advance: Advance = lambda _: None
) -> BinsCompared | None:
    """The scorecard beside the one that training makes alone; None where no file of bins was given.

    Args:
        trained: what was trained.
        train_only: the decisions, with levels and constant features learned from the training part alone.
        recipe: how it was trained.
        advance: called after each fold.
    """
    if recipe.bins.source is None:
        return None
    alone = replace(recipe, bins=AS_TRAINED)
    if not recipe.bins.asked:
        return BinsCompared(
            recipe.bins.source, pl.DataFrame(schema=_CHARACTERISTICS), pl.DataFrame(schema=_RANKS)
        )
    result = trained.comparison[PRIMARY]
    early = Cases.of(train_only, train_only.part("train") & train_only.modelled)
    cases = early if trained.choosable else Cases.of(trained.dataset, trained.dataset.modelled)
    fold = cases.fold(recipe.seed)
    plain = cross_validated(PRIMARY, cases, result.parameters, fold, alone, advance)
    ranks = [_ranked("out of fold", cases.bad, (result.margin, plain.margin), cases.customers, recipe.seed)]
    rows = train_only.part("test") & train_only.modelled
    if PRIMARY in trained.test_auc and metrics.estimable(train_only.bad[rows]):
        table = train_only.features.filter(pl.Series(rows))
        margins = [fit(PRIMARY, early, result.parameters, each).margin(table) for each in (recipe, alone)]
        judged = train_only.bad[rows], (margins[0], margins[1]), train_only.customers[rows]
        ranks.append(_ranked("test part", *judged, recipe.seed))
    return BinsCompared(
        recipe.bins.source,
        _characteristics(trained, recipe, alone),
        pl.DataFrame(ranks, schema=_RANKS, orient="row"),
    )


def _ranked(
    where: str,
    bad: BadArray,
    margins: tuple[FloatArray, FloatArray],
    customers: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    seed: int,
) -> tuple[str, float, float, float, float, float]:
    found = paired(metrics.roc_auc, bad, margins[::-1], customers, seed)
    return where, found.second, found.first, found.difference, found.low, found.high


def _characteristics(trained: Trained, recipe: Recipe, alone: Recipe) -> pl.DataFrame:
    cases = Cases.of(trained.dataset, trained.dataset.modelled)
    fitted = fit(PRIMARY, cases, _parameters(trained), alone)
    if not isinstance(fitted, Scorecard):
        raise TypeError(f"the primary is a scorecard, not {type(fitted).__name__}")
    cards = [_weights(card) for card in (trained.scorecard, fitted)]
    asked = recipe.bins.asked
    names = [*asked, *(name for name in {**cards[0], **cards[1]} if name not in asked)]
    shown = [name for name in names if name in asked or (name in cards[0]) != (name in cards[1])]
    table = cases.table.select(shown)
    binnings = [bins.binnings(table, cases.bad, cases.directions) for bins in (recipe.bins, OwnBins())]
    rows = [_row(name, asked[name].words if name in asked else "", binnings, cards) for name in shown]
    return pl.DataFrame(rows, schema=_CHARACTERISTICS, orient="row")


def _parameters(trained: Trained) -> dict[str, object]:
    return dict(trained.comparison[PRIMARY].parameters)


def _weights(card: Scorecard) -> dict[str, float]:
    return dict(zip(card.inputs, card.weights, strict=True))


def _row(
    name: str, words: str, binnings: list[dict[str, Binning]], cards: list[dict[str, float]]
) -> tuple[object, ...]:
    own, alone = (each[name] for each in binnings)
    return (
        *(name, words, own.missing, alone.missing, own.information_value, alone.information_value),
        *(card.get(name) for card in cards),
    )
