"""Datasets: features and labels of decisions, and the feature catalogue with the levels learned from the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.arrays import BadArray, BoolArray
from credit_model.data.transactions import Tidy
from credit_model.features.aggregates import CATEGORIES, CROSSED, CROSSED_PARTS
from credit_model.features.catalogue import Catalogue
from credit_model.features.expression import col, joined
from credit_model.features.history import history
from credit_model.features.plan import FeaturePlan
from credit_model.training.sample import Recipe

PARTS = ("train", "test", "excluded")


@dataclass(frozen=True)
class Dataset:
    """Features and labels of decisions.

    Attributes:
        decisions: the labelled decisions: ``CustomerId``, ``as_of``, ``bad``, ``part``, attributes.
        features: one row per decision, in the same order.
        catalogue: the features, with the learned levels.
        currency: the one currency of the data, or None where none is named.
        invalid: number of decisions left out because their transactions are faulty.
    """

    decisions: pl.DataFrame
    features: pl.DataFrame
    catalogue: Catalogue
    currency: str | None
    invalid: int

    def part(self, name: str) -> npt.NDArray[np.bool_]:
        """True for the decisions of a part (``train``, ``test`` or ``excluded``), shape (n,)."""
        return (self.decisions["part"] == name).to_numpy()

    @property
    def bad(self) -> BadArray:
        """1 for bad, 0 for good, shape (n,)."""
        return self.decisions["bad"].to_numpy().astype(np.int8)

    @property
    def customers(self) -> npt.NDArray[np.object_]:
        """Customer of each decision, shape (n,)."""
        return self.decisions["CustomerId"].to_numpy()

    @property
    def modelled(self) -> npt.NDArray[np.bool_]:
        """True for the decisions that the classifier scores, shape (n,): with attributes all, else those with history."""
        return self.active | bool(self.catalogue.attributes)

    @property
    def active(self) -> BoolArray:
        """True for the decisions with a transaction in their observation window, shape (n,)."""
        return (self.features["transaction_count"] > 0).to_numpy()

    @property
    def directions(self) -> dict[str, int]:
        """For each feature whose effect on risk is known: +1 where risk rises with it, -1 where it falls."""
        features = self.catalogue.features.items()
        return {name: feature.direction for name, feature in features if feature.direction}

    def table(self, rows: npt.NDArray[np.bool_]) -> pl.DataFrame:
        """The features of the decisions where ``rows``, shape (n,), is true, without those that are constant there."""
        table = self.features.filter(pl.Series(rows))
        return table.select([name for name in table.columns if table[name].n_unique() > 1])


def build_dataset(
    transactions: Tidy, decisions: pl.DataFrame, recipe: Recipe, parts: Sequence[str] = PARTS
) -> Dataset:
    """Compute the features of labelled decisions; decisions with faulty transactions are left out and counted.

    Args:
        transactions: tidy transactions.
        decisions: labelled decisions with their ``part``.
        recipe: how to train.
        parts: parts that the levels of categorical columns are learned from, and in which a feature must vary to be kept.

    Raises:
        ValueError: the data hold two currencies, or a feature to include does not exist.
    """
    currency = only_currency(transactions.frame["CurrencyCode"])
    past = history(transactions, decisions, recipe.history_days, currency, opening=True)
    valid = ~decisions.with_row_index("decision")["decision"].is_in(past.faults["decision"].implode())
    learned = decisions["part"].is_in(list(parts)) & valid
    rows = past.frame.filter(pl.col("decision").is_in(learned.arg_true().implode()))
    levels, balance_column = learn_levels(rows), has_balances(rows)
    catalogue = Catalogue(recipe.history_days, levels, recipe.attributes, recipe.ratios, balance_column)
    features = FeaturePlan(catalogue, wanted(catalogue, recipe.include)).compute(past.frame, decisions)
    return keep(decisions, features, valid, catalogue, currency, parts)


def keep(
    decisions: pl.DataFrame,
    features: pl.DataFrame,
    valid: pl.Series,
    catalogue: Catalogue,
    currency: str | None,
    parts: Sequence[str],
) -> Dataset:
    """The dataset of the valid decisions and of the features that vary in some parts; ``transaction_count`` always stays."""
    decisions, features = decisions.filter(valid), features.filter(valid)
    learned = features.filter(decisions["part"].is_in(list(parts)))
    varying = [name for name in features.columns if learned[name].n_unique() > 1]
    kept = features.select(list(dict.fromkeys([*varying, "transaction_count"])))
    return Dataset(decisions, kept, catalogue, currency, int((~valid).sum()))


def wanted(catalogue: Catalogue, include: Sequence[str]) -> list[str]:
    """Names of the features that are used by default, and of those that ``include`` adds.

    Raises:
        ValueError: a feature to include does not exist.
    """
    unknown = [name for name in include if name not in catalogue.features]
    if unknown:
        raise ValueError(f"there is no feature {', '.join(unknown)} to include; data/FEATURES.md lists them")
    return [name for name, feature in catalogue.features.items() if feature.default or name in include]


def only_currency(codes: pl.Series) -> str | None:
    """The one currency of the data, None where none is named.

    Raises:
        ValueError: there are several.
    """
    currencies = codes.drop_nulls().unique().sort().to_list()
    if len(currencies) > 1:
        raise ValueError(
            f"CurrencyCode: the transactions hold {len(currencies)} currencies; train one model per currency"
        )
    return currencies[0] if currencies else None


_MOST_LEVELS, _LEAST_SHARE = 12, 0.02
_LEAST_BALANCES = 0.95


def has_balances(history: pl.DataFrame) -> bool:
    """Whether ``Balance`` is known of at least 95 % of the transactions of the training decisions' ``history``."""
    return history.height > 0 and history["Balance"].count() >= _LEAST_BALANCES * history.height


def learn_levels(history: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Learn the levels of each categorical column, and of the crossed ones, that are frequent enough for features of their own.

    Args:
        history: the frame of the training decisions' ``history``.

    Returns:
        For each column at most 12 levels, each seen in at least 2 % of the decisions with history, most frequent first; a
        column with fewer than two such levels is left out.
    """
    decisions = history["decision"].n_unique()
    crossed = joined(*map(col, CROSSED_PARTS)).to_polars().replace("", None).alias(CROSSED)
    history = history.with_columns(crossed)
    levels = {}
    for column in (*CATEGORIES, CROSSED):
        seen = (
            history.filter(pl.col(column).is_not_null()).group_by(column).agg(n=pl.col("decision").n_unique())
        )
        frequent = seen.filter(pl.col("n") >= _LEAST_SHARE * decisions).sort(
            ["n", column], descending=[True, False]
        )
        if frequent.height > 1:
            levels[column] = tuple(frequent[column].head(_MOST_LEVELS).to_list())
    return levels
