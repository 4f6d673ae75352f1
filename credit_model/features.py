"""The only road from transactions to features, for training and serving alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from credit_model.aggregates import CATEGORIES, ROWS
from credit_model.catalogue import Catalogue
from credit_model.expression import Expression, col
from credit_model.history import history
from credit_model.program import Program, translate
from credit_model.transactions import SCHEMA, Tidy

_MOST_LEVELS, _LEAST_SHARE = 12, 0.02


def customer_features(transactions: Tidy, decisions: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Every feature of every decision.

    Args:
        transactions: tidy transactions.
        decisions: ``CustomerId``, ``as_of`` and the catalogue's attributes, one row per decision.
        catalogue: what the features are.

    Returns:
        One row per decision, in order: Float64 and String columns, null where unknown. A decision without history has
        ``transaction_count`` 0 and, beside its attributes, nulls.
    """
    known = history(transactions, decisions, catalogue.history_days)
    return FeaturePlan(catalogue, tuple(catalogue.features)).compute(known.frame, decisions)


@dataclass(frozen=True)
class FeaturePlan:
    """What has to be computed for some of the catalogue's features, and nothing else.

    Attributes:
        catalogue: where the features are defined.
        names: the features wanted, in order.
    """

    catalogue: Catalogue
    names: Sequence[str]

    def __post_init__(self) -> None:
        self._needed.sort()  # every layer is planned here, once, and not by the first request
        _ = self._layers

    def compute(self, known: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
        """The features of decisions from the frame of their ``history``."""
        *layers, aggregates, features = self._layers
        rows = known.select(self._needed)
        for layer in layers:
            rows = rows.with_columns(layer)
        aggregated = rows.group_by("decision", maintain_order=True).agg(aggregates)
        table = decisions.with_row_index("decision").join(
            aggregated, on="decision", how="left", maintain_order="left"
        )
        return table.select(features)

    def program(self) -> Program:
        """The same for one decision with a history.

        Raises:
            KeyError: a feature has an operation that only Polars knows.
        """
        return translate(self._rows, self._aggregates, self._features)

    @cached_property
    def _layers(self) -> list[list[pl.Expr]]:
        layers = [*self._rows, self._aggregates, self._features]
        return [[e.to_polars().alias(name) for name, e in layer.items()] for layer in layers]

    @cached_property
    def _features(self) -> dict[str, Expression]:
        features = {name: self.catalogue.features[name].expression for name in self.names}
        return features | {"transaction_count": col("transaction_count").fill_null(0.0)}

    @cached_property
    def _aggregates(self) -> dict[str, Expression]:
        return _only(self.catalogue.aggregates, _columns(self._features))

    @cached_property
    def _rows(self) -> list[dict[str, Expression]]:
        wanted = _columns(self._aggregates)
        layers: list[dict[str, Expression]] = []
        for layer in reversed(ROWS):
            needed = _only(layer, wanted)
            wanted |= _columns(needed)
            layers.insert(0, needed)
        return [layer for layer in layers if layer]

    @cached_property
    def _needed(self) -> list[str]:
        """The columns of a history that anything is computed from."""
        given = {*SCHEMA, "as_of", "decision"}
        read = _columns(self._aggregates).union(*map(_columns, self._rows))
        return list(given & (read | {"decision"}))


def learn_levels(known: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """The levels of each category column that are frequent enough to be measured one by one.

    Args:
        known: the frame of the training decisions' ``history``.

    Returns:
        For each column at most 12 levels, each seen in at least 2 % of the decisions, most frequent first.
    """
    decisions = known["decision"].n_unique()
    levels = {}
    for column in CATEGORIES:
        seen = (
            known.filter(pl.col(column).is_not_null()).group_by(column).agg(n=pl.col("decision").n_unique())
        )
        frequent = seen.filter(pl.col("n") >= _LEAST_SHARE * decisions).sort(
            ["n", column], descending=[True, False]
        )
        if frequent.height > 1:
            levels[column] = tuple(frequent[column].head(_MOST_LEVELS).to_list())
    return levels


def _only(layer: Mapping[str, Expression], names: set[str]) -> dict[str, Expression]:
    return {name: expression for name, expression in layer.items() if name in names}


def _columns(layer: Mapping[str, Expression]) -> set[str]:
    """The columns that a layer reads."""
    return {name for expression in layer.values() for name in expression.columns()}
