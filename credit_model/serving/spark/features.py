"""Every feature of every decision, computed on Spark: a table to explore, or to train from without moving transactions.

A customer's transactions come together as they do for scoring, and the features are computed by the code of training and
serving; the workers need this package for it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from credit_model.data.decisions import OPENING_BALANCE, read_decisions
from credit_model.data.transactions import COLUMNS, Tidy, tidy
from credit_model.features import offline_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.offline_table import HEAD
from credit_model.features.plan import FeaturePlan
from credit_model.serving.spark.rows import decision_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def customer_features(transactions: "DataFrame", decisions: "DataFrame", catalogue: Catalogue) -> "DataFrame":
    """Compute every feature of every decision, from the transactions in its observation window.

    Args:
        transactions: of any partitioning and column types; columns outside the contract are ignored.
        decisions: ``CustomerId``, ``as_of``, the catalogue's attributes and, where decisions state it, ``opening_balance``;
            other columns are ignored.
        catalogue: how the features are defined.

    Returns:
        One row per decision, in no order: ``CustomerId``; ``as_of`` as text, in UTC; ``status`` (``computed``,
        ``no_history`` or ``invalid``); ``message``, which names fields and counts of faults; ``CurrencyCode``; the
        features. Those of an invalid decision are null, except its attributes.

    Raises:
        ValueError: a column is absent, or two would have names that differ only in case, which Spark does not distinguish.
    """
    asked = ["CustomerId", "as_of", *(attribute.name for attribute in catalogue.attributes)]
    absent = [name for name in asked if name not in decisions.columns]
    if absent:
        raise ValueError(
            f"decisions lack {', '.join(absent)} (found: {', '.join(decisions.columns)}); rename or add them"
        )
    asked += [name for name in decisions.columns if name == OPENING_BALANCE.name]
    schema, plain = _schema(catalogue), catalogue.to_dict()
    _check_names(schema.names, decisions)

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        own = Catalogue.from_dict(plain)
        plan = FeaturePlan(own, tuple(own.features))
        for batch in batches:
            table = _computed(pl.DataFrame(batch), plan).to_arrow()
            yield from table.cast(schema).to_batches()

    return decision_rows(transactions, decisions.select(*asked)).mapInArrow(compute, _ddl(schema))


def write(features: "DataFrame", path: str, catalogue: Catalogue) -> None:
    """Write a table of features as Parquet, and its catalogue beside it, for ``train --features``.

    Args:
        features: from ``customer_features``.
        path: a folder that does not exist yet, on storage that the executors and this process share.
        catalogue: how the features are defined.
    """
    features.write.parquet(path)
    offline_table.write_catalogue(catalogue, path)


def _schema(catalogue: Catalogue) -> pa.Schema:
    head = [(name, pa.string()) for name in HEAD]
    kinds = offline_table.schema(catalogue).items()
    return pa.schema(
        [*head, *((name, pa.string() if kind == pl.String else pa.float64()) for name, kind in kinds)]
    )


def _ddl(schema: pa.Schema) -> str:
    quoted = (name.replace("`", "``") for name in schema.names)
    kinds = ("string" if kind == pa.string() else "double" for kind in schema.types)
    return ", ".join(f"`{name}` {kind}" for name, kind in zip(quoted, kinds, strict=True))


def _check_names(names: list[str], table: "DataFrame") -> None:
    exact = table.sparkSession.conf.get("spark.sql.caseSensitive") == "true"
    times = Counter(name if exact else name.lower() for name in names)
    same = [name for name in names if times[name if exact else name.lower()] > 1]
    if same:
        raise ValueError(
            f"Spark does not tell the columns {', '.join(same)} apart; rename the attribute, or set "
            "spark.sql.caseSensitive to true where levels differ in case"
        )


def _computed(rows: pl.DataFrame, plan: FeaturePlan) -> pl.DataFrame:
    """The table of features of some decision rows."""
    asked = read_decisions({name: rows[name] for name in rows.columns}, rows.height, plan.scalars)
    return offline_table.computed(_transactions(rows), asked, plan)


def _transactions(rows: pl.DataFrame) -> Tidy:
    """The arrays of decision rows as one tidy table, each transaction tied to its decision."""
    fields = [name for name in COLUMNS[1:] if name in rows.columns]
    flat = rows.select("CustomerId", *fields).with_row_index("decision")
    flat = flat.filter(pl.col(fields[0]).list.len() > 0).explode(fields)
    read = tidy({name: flat[name] for name in flat.columns}, flat.height)
    return Tidy(read.frame.with_columns(flat["decision"]), read.faults)
