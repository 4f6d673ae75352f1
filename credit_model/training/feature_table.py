"""Training from a table of features computed elsewhere, and the catalogue beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from credit_model.arrays import BoolArray
from credit_model.data import cells, files
from credit_model.features.catalogue import Catalogue
from credit_model.features.offline_table import HEAD, INVALID, read_catalogue, schema
from credit_model.settings.settings import Settings
from credit_model.training.dataset import PARTS, Dataset, keep, only_currency, wanted
from credit_model.training.sample import Recipe

_KEY = ("CustomerId", "as_of")


@dataclass(frozen=True)
class FeatureTable:
    """Features computed elsewhere.

    Attributes:
        frame: ``HEAD`` and every feature of the catalogue, one row per decision; ``status`` is ``invalid`` where cells of
            the customer are faulty.
        catalogue: how the features are defined.
    """

    frame: pl.DataFrame
    catalogue: Catalogue

    def adopted(self, settings: Settings) -> Settings:
        """The settings of a training on this table, with the history and the attributes of the catalogue.

        Raises:
            ValueError: the settings name another history or other attributes.
        """
        own = (self.catalogue.history_days, tuple(attribute.name for attribute in self.catalogue.attributes))
        days, names = settings.history_days or own[0], settings.attributes or own[1]
        if (days, set(names)) != (own[0], set(own[1])):
            raise ValueError(
                f"the features were computed over {own[0]} days with the attributes {', '.join(own[1]) or '(none)'}; "
                "leave history_days and attributes out"
            )
        return replace(settings, history_days=own[0], attributes=own[1])

    def build_dataset(self, decisions: pl.DataFrame, recipe: Recipe, parts: Sequence[str] = PARTS) -> Dataset:
        """The dataset as ``dataset.build_dataset`` gives it, with the features and levels of this table.

        Raises:
            ValueError: a decision is not in the table, or several times with different features; or there are two currencies.
        """
        rows = self._of(decisions)
        features = rows.select(wanted(self.catalogue, recipe.include))
        currency = only_currency(rows["CurrencyCode"])
        return keep(decisions, features, rows["status"] != INVALID, self.catalogue, currency, parts)

    def measured(self, decisions: pl.DataFrame) -> pl.DataFrame:
        """The columns of ``rfm`` that the baselines read, from the features of decisions; one row per decision.

        The catalogue counts ``active_days`` in calendar days, ``rfm`` in days of 24 hours back from the decision; the count is
        limited to what recency and tenure allow.
        """
        between = pl.col("tenure").floor() - pl.col("recency").floor()
        return self._of(decisions).select(
            "recency",
            "tenure",
            frequency=pl.col("transaction_count").fill_null(0.0),
            active_days=pl.col("active_days").clip(1 + (between > 0), between + 1).fill_null(0.0),
        )

    def of_known(self, decisions: pl.DataFrame) -> tuple[pl.DataFrame, BoolArray]:
        """The features of decisions, in their order, and for whom the table has them; null for the others."""
        named = decisions.select(self._key(decisions)).with_row_index("decision")
        there = named.join(
            self.frame, on=self._key(decisions), how="semi", nulls_equal=True, maintain_order="left"
        )
        rows = self._of(there).with_columns(there["decision"])
        features = named.select("decision").join(rows, on="decision", how="left", maintain_order="left")
        valid = features["status"].is_not_null() & (features["status"] != INVALID)
        return features.select(list(self.catalogue.features)), valid.fill_null(value=False).to_numpy()

    def _key(self, decisions: pl.DataFrame) -> list[str]:
        return [*_KEY, *(a.name for a in self.catalogue.attributes if a.name in decisions.columns)]

    def _of(self, decisions: pl.DataFrame) -> pl.DataFrame:
        """The rows of decisions, in their order; where decisions have attributes, these tell them apart too."""
        key = self._key(decisions)
        rows = decisions.select(key).join(
            self.frame.unique(), on=key, how="left", nulls_equal=True, maintain_order="left"
        )
        if rows.height > decisions.height:
            raise ValueError(
                f"the features tell {', '.join(key)} apart, and {rows.height - decisions.height} rows of them come "
                "again with other values; keep one row per decision"
            )
        absent = rows["status"].null_count()
        if absent:
            raise ValueError(
                f"the features lack {absent} of {rows.height} decisions of the outcomes; compute them for these too, "
                "or leave these outcomes out"
            )
        return rows


def read(path: str) -> FeatureTable:
    """Read a table of features, CSV or Parquet, and its catalogue.

    Raises:
        ValueError: the table or its catalogue is absent or cannot be read, or the table lacks a column.
    """
    catalogue, table = read_catalogue(path), files.read(path)
    dtypes = schema(catalogue)
    absent = [name for name in (*HEAD, *dtypes) if name not in table.columns]
    if absent:
        raise ValueError(f"{path} lacks {', '.join(absent)}; compute the features again with its catalogue")
    head = [
        cells.read(table[name], cells.times if name == "as_of" else cells.texts)[0].alias(name)
        for name in HEAD
    ]
    with files.reading(path):
        features = table.select(pl.col(name).cast(dtype) for name, dtype in dtypes.items())
    return FeatureTable(pl.DataFrame(head).hstack(features), catalogue)
