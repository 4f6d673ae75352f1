"""From transactions to features: one computation for training and for serving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from credit_model.data.decisions import OPENING_BALANCE, Attribute
from credit_model.data.transactions import SCHEMA, Tidy
from credit_model.features.catalogue import Catalogue
from credit_model.features.expression import Expression, col
from credit_model.features.history import history


def customer_features(transactions: Tidy, decisions: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Compute every feature of every decision, from the transactions in its observation window.

    Args:
        transactions: tidy transactions.
        decisions: ``CustomerId``, ``as_of`` (UTC), the catalogue's attributes and, where decisions state it,
            ``opening_balance``, one row per decision.
        catalogue: how the features are defined; its ``history_days`` is the length of the observation window.

    Returns:
        One row per decision, in order: Float64 and String columns, null where unknown. A decision without history has
        ``transaction_count`` 0 and null in every other feature that needs a transaction.

    Example:
        >>> from datetime import datetime
        >>> from credit_model.data.transactions import tidy_table
        >>> paid = pl.DataFrame({"CustomerId": ["C-1", "C-1"], "TransactionStartTime": ["2019-01-20", "2019-01-30"],
        ...                      "Amount": [1000, -50]})
        >>> decisions = pl.DataFrame({"CustomerId": ["C-1", "C-2"], "as_of": [datetime(2019, 2, 1)] * 2})
        >>> table = customer_features(tidy_table(paid), decisions, Catalogue(history_days=30))
        >>> table.select("transaction_count", "recency", "debit", "credit").rows()
        [(2.0, 2.0, 1000.0, 50.0), (0.0, None, None, None)]
    """
    plan = FeaturePlan(catalogue, tuple(catalogue.features))
    days, opening = catalogue.history_days, plan.needs_opening
    rows = history(transactions, decisions, days, opening=opening, columns=plan.reads)
    return plan.compute(rows.frame, decisions)


@dataclass(frozen=True)
class FeaturePlan:
    """The computation of some of the catalogue's features, and of nothing that they do not need.

    Attributes:
        catalogue: where the features are defined.
        names: the features to compute, in order.

    Raises:
        KeyError: a name is not a feature of the catalogue.

    Example:
        >>> plan = FeaturePlan(Catalogue(history_days=30), ["credit_share", "overdue"])
        >>> sorted(plan.aggregates)
        ['credits', 'gap_mean', 'recency', 'transaction_count']
    """

    catalogue: Catalogue
    names: Sequence[str]

    def __post_init__(self) -> None:
        self.reads.sort()  # every layer is planned here, once, and not by the first request
        _ = self._layers

    def compute(self, history: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
        """Compute the features from the transactions of decisions.

        Args:
            history: the ``frame`` of what ``history.history`` gives for these decisions.
            decisions: ``as_of`` and the catalogue's attributes, one row per decision.

        Returns:
            One row per decision, in order: the features ``names``, and ``transaction_count``.
        """
        *layers, aggregates, features = self._layers
        rows = history.select(self.reads)
        for layer in layers:
            rows = rows.with_columns(layer)
        aggregated = rows.group_by("decision", maintain_order=True).agg(aggregates)
        table = decisions.with_row_index("decision").join(
            aggregated, on="decision", how="left", maintain_order="left"
        )
        return table.select(features)

    @cached_property
    def needs_balance(self) -> bool:
        """Whether a feature is of the account's balance."""
        return any("balance_after" in layer for layer in self.rows)

    @cached_property
    def needs_opening(self) -> bool:
        """Whether the balance at the window's start is needed, and so the transactions before the window."""
        return OPENING_BALANCE.name in self.reads

    @cached_property
    def scalars(self) -> tuple[Attribute, ...]:
        """What is read of a decision beside its customer and time: attributes, and ``opening_balance`` where it is needed."""
        return self.catalogue.attributes + ((OPENING_BALANCE,) if self.needs_opening else ())

    @cached_property
    def _layers(self) -> list[list[pl.Expr]]:
        layers = [*self.rows, self.aggregates, self.features]
        return [[e.to_polars().alias(name) for name, e in layer.items()] for layer in layers]

    @cached_property
    def features(self) -> dict[str, Expression]:
        """The features to compute, by name; ``transaction_count`` is always among them."""
        features = {name: self.catalogue.features[name].expression for name in self.names}
        return features | {"transaction_count": col("transaction_count").fill_null(0.0)}

    @cached_property
    def aggregates(self) -> dict[str, Expression]:
        """The aggregates of a decision's transactions that the features read."""
        return _only(self.catalogue.aggregates, _columns(self.features))

    @cached_property
    def rows(self) -> list[dict[str, Expression]]:
        """The columns of a transaction that the aggregates read, layer by layer."""
        wanted = _columns(self.aggregates)
        layers: list[dict[str, Expression]] = []
        for layer in reversed(self.catalogue.rows):
            needed = _only(layer, wanted)
            wanted |= _columns(needed)
            layers.insert(0, needed)
        return [layer for layer in layers if layer]

    @cached_property
    def reads(self) -> list[str]:
        """The columns of a history that anything is computed from."""
        available = {*SCHEMA, "as_of", "decision", OPENING_BALANCE.name}
        read = _columns(self.aggregates).union(*map(_columns, self.rows))
        return list(available & (read | {"decision"}))


def _only(layer: Mapping[str, Expression], names: set[str]) -> dict[str, Expression]:
    return {name: expression for name, expression in layer.items() if name in names}


def _columns(layer: Mapping[str, Expression]) -> set[str]:
    """The columns that a layer reads."""
    return {name for expression in layer.values() for name in expression.columns()}
