"""A table of features, computed here or on Spark, and the catalogue file beside it that says how they are defined.

The catalogue of the table ``PATH`` is the file ``PATH.catalogue.json``. From both a model is trained without the transactions;
it then scores raw transactions by the same catalogue.
"""

import json
from pathlib import Path

import polars as pl

from credit_model.data.decisions import Decisions
from credit_model.data.faults import messages, together
from credit_model.data.transactions import SCHEMA, Tidy, tidy_table
from credit_model.data.writers import write_text
from credit_model.features.catalogue import Catalogue
from credit_model.features.history import History, history
from credit_model.features.plan import FeaturePlan, customer_features

HEAD = ("CustomerId", "as_of", "status", "message", "CurrencyCode")
INVALID = "invalid"


def computed(transactions: Tidy, asked: Decisions, plan: FeaturePlan) -> pl.DataFrame:
    """Compute a table of features.

    Args:
        transactions: tidy transactions, tied to their decisions as in ``history``.
        asked: the decisions and their faults.
        plan: the features to compute.

    Returns:
        One row per decision, in order: the columns of ``HEAD``, then the features. ``status`` is ``computed``, ``no_history``
        or ``invalid``; the features of an invalid decision are null, except its attributes.

    Example:
        >>> from datetime import datetime
        >>> from credit_model.data.decisions import read_decisions
        >>> paid = pl.DataFrame({"CustomerId": ["C-1"], "TransactionStartTime": ["2019-01-30"], "Amount": [1000]})
        >>> asked = read_decisions({"CustomerId": ["C-1", "C-2"]}, height=2, default_as_of=datetime(2019, 2, 1))
        >>> table = computed(tidy_table(paid), asked, FeaturePlan(Catalogue(history_days=30), ["recency"]))
        >>> table.select("CustomerId", "status", "recency").rows()
        [('C-1', 'computed', 2.0), ('C-2', 'no_history', None)]
    """
    past = history(transactions, asked.frame, plan.catalogue.history_days, opening=plan.needs_opening)
    return of_history(past, asked, plan)


def of_history(past: History, asked: Decisions, plan: FeaturePlan) -> pl.DataFrame:
    """The same table, from the history of the decisions.

    Example:
        >>> from datetime import datetime
        >>> from credit_model.data.decisions import read_decisions
        >>> paid = pl.DataFrame({"CustomerId": ["C-1"], "TransactionStartTime": ["2019-01-30"], "Amount": [1000]})
        >>> asked = read_decisions({"CustomerId": ["C-1"]}, height=1, default_as_of=datetime(2019, 2, 1))
        >>> past = history(tidy_table(paid), asked.frame, history_days=30)
        >>> of_history(past, asked, FeaturePlan(Catalogue(history_days=30), ["recency"]))["recency"].to_list()
        [2.0]
    """
    features = plan.compute(past.frame, asked.frame)
    said = messages(together([asked.faults, past.faults]))
    head = _head(asked.frame, past, said, features["transaction_count"])
    kept = {attribute.name for attribute in plan.catalogue.attributes}
    valid = head["status"] != INVALID
    return head.hstack(
        features.select(
            pl.col(name) if name in kept else pl.when(valid).then(pl.col(name)) for name in features.columns
        )
    )


def _head(asked: pl.DataFrame, past: History, said: pl.DataFrame, count: pl.Series) -> pl.DataFrame:
    codes = past.frame.group_by("decision").agg(pl.col("CurrencyCode").drop_nulls().first())
    table = asked.with_row_index("decision")
    for part in (said, codes):
        table = table.join(part, on="decision", how="left", maintain_order="left")
    silent = pl.when(count == 0).then(pl.lit("no_history")).otherwise(pl.lit("computed"))
    valid = pl.col("message").is_null()
    return table.select(
        "CustomerId",
        pl.col("as_of").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
        pl.when(valid).then(silent).otherwise(pl.lit(INVALID)).alias("status"),
        "message",
        pl.when(valid).then(pl.col("CurrencyCode")),
    )


def schema(catalogue: Catalogue) -> dict[str, pl.DataType]:
    """The type of each feature's column, by name: Float64, or String for a categorical feature.

    Example:
        >>> types = schema(Catalogue(history_days=30))
        >>> types["recency"], types["ProductCategory"]
        (Float64, String)
    """
    attributes = {attribute.name: attribute.dtype for attribute in catalogue.attributes}
    nobody = pl.DataFrame(schema={"CustomerId": pl.String(), "as_of": pl.Datetime("us"), **attributes})
    return dict(customer_features(tidy_table(pl.DataFrame(schema=SCHEMA)), nobody, catalogue).schema)


def write_catalogue(catalogue: Catalogue, path: str) -> None:
    """Write the catalogue of a table of features beside the table.

    Args:
        catalogue: how the features are defined.
        path: of the table.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_catalogue(Catalogue(history_days=30), f"{folder}/features.parquet")
        ...     [file.name for file in Path(folder).iterdir()]
        ['features.parquet.catalogue.json']
    """
    write_text(json.dumps(catalogue.to_dict(), indent=1, sort_keys=True), str(_beside(path)))


def read_catalogue(path: str) -> Catalogue:
    """Read the catalogue of a table of features from the file beside the table.

    Args:
        path: of the table.

    Raises:
        ValueError: the catalogue is absent or cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_catalogue(Catalogue(history_days=30), f"{folder}/features.parquet")
        ...     read_catalogue(f"{folder}/features.parquet").history_days
        30
    """
    try:
        return Catalogue.from_dict(json.loads(_beside(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{_beside(path)} cannot be read as the catalogue of the features; "
            "write both with the command features, or with credit_model.serving.spark.features.write"
        ) from None


def _beside(path: str) -> Path:
    table = Path(path)
    return table.with_name(f"{table.name}.catalogue.json")
