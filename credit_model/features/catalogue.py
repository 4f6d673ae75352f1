"""The feature catalogue of one model.

There are three layers, each computed from the one before: columns of a transaction (``aggregates.rows``), aggregates of a
decision's transactions, and features. A model computes only the columns and aggregates that its own features read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from credit_model.data.decisions import Attribute
from credit_model.features import families, learned
from credit_model.features.aggregates import CROSSED, aggregates, rows
from credit_model.features.expression import Expression
from credit_model.features.feature import Feature
from credit_model.features.topics import APPLICATION


@dataclass(frozen=True)
class Catalogue:
    """The features that one model can compute, and what their definition depends on.

    Attributes:
        history_days: length of the observation window in days; shorter windows within it, such as the last 30 days, are
            built only where they are shorter than it.
        levels: frequent levels of each categorical column, learned at training.
        attributes: attributes of the application, such as the income stated.
        ratios: pairs of numbers, attributes or features by name, whose quotients are features too.
        balance_column: whether balances are the column ``Balance``, as training had it; else they are running sums.

    Raises:
        ValueError: an attribute has the name of a feature or of an aggregate.

    Example:
        >>> catalogue = Catalogue(history_days=60, levels={"ProductCategory": ("airtime",)})
        >>> catalogue.features["recency"].meaning
        'days from the last transaction to the decision'
        >>> "count_30d" in catalogue.features, "count_60d" in catalogue.features
        (True, False)
        >>> Catalogue.from_dict(catalogue.to_dict()) == catalogue
        True
    """

    history_days: int
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: tuple[Attribute, ...] = ()
    ratios: tuple[tuple[str, str], ...] = ()
    balance_column: bool = False

    def __post_init__(self) -> None:
        others = (
            *families.general(self.history_days),
            *learned.learned(self.levels, self.attributes, self.history_days),
        )
        taken = {feature.name.lower() for feature in others if not feature.topic.startswith(APPLICATION)}
        taken |= {name.lower() for name in self.aggregates}
        for attribute in self.attributes:
            if attribute.name.lower() in taken:
                raise ValueError(
                    f"attribute {attribute.name} is named like a feature; rename it in the decisions table"
                )

    @cached_property
    def features(self) -> dict[str, Feature]:
        """Every feature by name."""
        known = (
            *families.general(self.history_days),
            *learned.learned(self.levels, self.attributes, self.history_days),
        )
        defined = {feature.name: feature for feature in known}
        quotients = learned.quotients(self.ratios, defined, self.attributes)
        return {feature.name: feature for feature in quotients} | defined

    @cached_property
    def aggregates(self) -> dict[str, Expression]:
        """The aggregates that features are computed from, by name."""
        return aggregates(self.history_days, self.levels)

    @cached_property
    def rows(self) -> tuple[dict[str, Expression], ...]:
        """The columns of a transaction that aggregates are written in, layer upon layer."""
        return rows(balance_column=self.balance_column)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the attributes that are numbers."""
        return tuple(attribute.name for attribute in self.attributes if attribute.kind == "number")

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, read back by ``from_dict``."""
        attributes = [{"name": attribute.name, "kind": attribute.kind} for attribute in self.attributes]
        levels = {column: list(names) for column, names in self.levels.items()}
        return {
            "history_days": self.history_days,
            "levels": levels,
            "attributes": attributes,
            "ratios": self.ratios,
            "balance_column": self.balance_column,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Catalogue":
        """The inverse of ``to_dict``; older plain data have no balance column."""
        attributes = tuple(Attribute(**attribute) for attribute in plain["attributes"])
        levels = {column: tuple(names) for column, names in plain["levels"].items()}
        ratios = tuple((upper, lower) for upper, lower in plain.get("ratios", ()))
        return cls(plain["history_days"], levels, attributes, ratios, plain.get("balance_column", False))


def documentation() -> str:
    """Describe every feature in a Markdown table; one level stands for those that training learns.

    Example:
        >>> [row for row in documentation().splitlines() if "`recency`" in row]
        ['| `recency` | days from the last transaction to the decision | recency | yes |']
    """
    shown = Catalogue(
        366,
        {"{column}": ("{level}",), CROSSED: ("{level}",)},
        (Attribute("loan_amount", "number"), Attribute("income", "number")),
    )
    head = [
        "# Features",
        "",
        _INTRODUCTION,
        "",
        "| feature | meaning | topic | by default |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| `{f.name}` | {f.meaning} | {f.topic} | {'yes' if f.default else 'no'} |"
        for f in shown.features.values()
    ]
    return "\n".join([*head, *rows, ""])


_INTRODUCTION = (
    "Every feature of a decision, from the transactions in its observation window alone; the balance also counts from the one "
    "at the window's start, which earlier transactions or `opening_balance` tell, or is the column `Balance`, where training "
    "had it. `{column}` stands for each of "
    "ProductCategory, ProductId, ProviderId, ChannelId and PricingStrategy, `{level}` for each of its frequent levels, "
    "learned at training; `crossed` are ProductCategory, ChannelId and ProductId taken together; windows as long as the "
    "history or longer are not built; `loan_amount` and `income` stand for "
    "application attributes. This table is generated: `python scripts/feature_table.py > data/FEATURES.md`."
)
