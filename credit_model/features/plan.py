"""The only road from transactions to features, for training and serving alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from credit_model.data.transactions import SCHEMA, Tidy
from credit_model.features.aggregates import ROWS
from credit_model.features.catalogue import Catalogue
from credit_model.features.expression import Expression, col
from credit_model.features.history import history


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
    rows = history(transactions, decisions, catalogue.history_days)
    return FeaturePlan(catalogue, tuple(catalogue.features)).compute(rows.frame, decisions)


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

    def compute(self, history: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
        """The features of decisions from the frame of their ``history``."""
        *layers, aggregates, features = self._layers
        rows = history.select(self._needed)
        for layer in layers:
            rows = rows.with_columns(layer)
        aggregated = rows.group_by("decision", maintain_order=True).agg(aggregates)
        table = decisions.with_row_index("decision").join(
            aggregated, on="decision", how="left", maintain_order="left"
        )
        return table.select(features)

    @cached_property
    def _layers(self) -> list[list[pl.Expr]]:
        layers = [*self.rows, self.aggregates, self.features]
        return [[e.to_polars().alias(name) for name, e in layer.items()] for layer in layers]

    @cached_property
    def features(self) -> dict[str, Expression]:
        """The features wanted, of aggregates, attributes and ``as_of``; ``transaction_count`` is always among them."""
        features = {name: self.catalogue.features[name].expression for name in self.names}
        return features | {"transaction_count": col("transaction_count").fill_null(0.0)}

    @cached_property
    def aggregates(self) -> dict[str, Expression]:
        """What the features read of a decision's transactions taken together."""
        return _only(self.catalogue.aggregates, _columns(self.features))

    @cached_property
    def rows(self) -> list[dict[str, Expression]]:
        """What the aggregates read of each transaction, layer upon layer."""
        wanted = _columns(self.aggregates)
        layers: list[dict[str, Expression]] = []
        for layer in reversed(ROWS):
            needed = _only(layer, wanted)
            wanted |= _columns(needed)
            layers.insert(0, needed)
        return [layer for layer in layers if layer]

    @cached_property
    def _needed(self) -> list[str]:
        """The columns of a history that anything is computed from."""
        available = {*SCHEMA, "as_of", "decision"}
        read = _columns(self.aggregates).union(*map(_columns, self.rows))
        return list(available & (read | {"decision"}))


def _only(layer: Mapping[str, Expression], names: set[str]) -> dict[str, Expression]:
    return {name: expression for name, expression in layer.items() if name in names}


def _columns(layer: Mapping[str, Expression]) -> set[str]:
    """The columns that a layer reads."""
    return {name for expression in layer.values() for name in expression.columns()}
