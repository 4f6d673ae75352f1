"""Leaks of the label into the features: a feature that copies it, and attributes that a person must confirm.

Features of transactions use only what happened before the decision; an attribute may have been filled in after the outcome.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.features.catalogue import Catalogue
from credit_model.training.monotone_binning import fit_binning

MOST_INFORMATION, MOST_LOSS = 0.5, 0.05
_CHANCE = 0.5


@dataclass(frozen=True)
class AttributeWeight:
    """How much the label and the model depend on one attribute.

    Attributes:
        name: of the attribute.
        information_value: of its monotone bins, on the decisions that the candidates were compared on.
        loss: AUC out of fold that the model loses without it and all that is made of it; None where it was left out together
            with others and all of them cost no more than ``MOST_LOSS``.
    """

    name: str
    information_value: float
    loss: float | None

    @property
    def suspected(self) -> bool:
        """Whether it predicts so well that it may have been filled in after the outcome."""
        return self.information_value > MOST_INFORMATION or (self.loss or 0.0) > MOST_LOSS


def attribute_weights(
    table: pl.DataFrame,
    bad: BadArray,
    margin: FloatArray,
    catalogue: Catalogue,
    refit: Callable[[pl.DataFrame], FloatArray],
) -> tuple[AttributeWeight, ...]:
    """How much depends on each attribute; empty where a class has fewer than 20 cases.

    Args:
        table: features of the compared decisions.
        bad: 0 or 1 per decision.
        margin: of the model, out of fold.
        catalogue: what the features are made of.
        refit: a table with fewer columns -> margins of the model fitted again, out of fold.
    """
    names = [attribute.name for attribute in catalogue.attributes if attribute.name in table.columns]
    if not names or not metrics.estimable(bad):
        return ()
    losses: dict[str, float] = {}
    whole = metrics.roc_auc(bad, margin)

    def search(together: Sequence[str]) -> None:
        """Halve what costs too much together until the attributes that cost it are found."""
        rest = table.drop(made_of(together, table.columns, catalogue))
        loss = whole - (metrics.roc_auc(bad, refit(rest)) if rest.width else _CHANCE)
        if len(together) == 1:
            losses[together[0]] = loss
        elif loss > MOST_LOSS:
            half = len(together) // 2
            search(together[:half])
            search(together[half:])

    search(names)
    return tuple(
        AttributeWeight(name, fit_binning(table[name], bad).information_value, losses.get(name))
        for name in names
    )


def made_of(attributes: Sequence[str], columns: Sequence[str], catalogue: Catalogue) -> list[str]:
    """The columns of a table that are some attributes, or are computed from them."""
    wanted = set(attributes)
    return [
        name
        for name in columns
        if name in catalogue.features and wanted & set(catalogue.features[name].expression.columns())
    ]


def separations(features: pl.DataFrame, bad: BadArray) -> dict[str, float]:
    """How well each feature alone ranks the label, either way round: its AUC; a copy of the label has 1.

    A categorical feature is ranked by the bad rate of its levels, those of fewer than 20 decisions taken together. What is
    missing may tell the label too: it is put at either end, and left out. With fewer than 20 of a class nothing can be said,
    and nothing is named.
    """
    if not metrics.estimable(bad):
        return {}
    return {name: _separation(_as_risk(features[name], bad), bad) for name in features.columns}


def _separation(risk: FloatArray, bad: BadArray) -> float:
    """The best AUC of a risk that is NaN where it is unknown, either way round."""
    told = ~np.isnan(risk)
    aucs = [metrics.roc_auc(bad, np.where(told, risk, end)) for end in (-np.inf, np.inf)]
    if metrics.estimable(bad[told]):
        aucs.append(metrics.roc_auc(bad[told], risk[told]))
    return max(max(auc, 1 - auc) for auc in aucs)


def _as_risk(values: pl.Series, bad: BadArray) -> FloatArray:
    if values.dtype != pl.String:
        return values.cast(pl.Float64).to_numpy()
    level, rare = pl.col("level"), pl.len().over("level") < metrics.LEAST_CASES
    table = pl.DataFrame({"level": values, "bad": bad}).with_columns(pooled=pl.when(~rare).then(level))
    rate = pl.col("bad").mean().over("pooled", level.is_null())
    return table.select(pl.when(level.is_not_null()).then(rate)).to_series().to_numpy()
