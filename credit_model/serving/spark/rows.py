"""Scoring a Spark table with ``mlflow.pyfunc.spark_udf``: one row per decision, with its transactions in arrays.

A customer's transactions must reach the model together, and rows per transaction would be split over Arrow batches. So every
column is collected into an array, and the model is told to refuse rows per transaction.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from credit_model.data.transactions import COLUMNS, REQUIRED
from credit_model.serving.spark.cells import cell, doubtful, identity, is_number, moment

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def decision_rows(
    transactions: "DataFrame",
    decisions: "DataFrame | None" = None,
    as_of: datetime | str | None = None,
) -> "DataFrame":
    """Collect raw transactions into one row per decision.

    Args:
        transactions: of any partitioning and column types; columns outside the contract are ignored.
        decisions: ``CustomerId`` and, where the table has them, ``as_of``, attributes and ``opening_balance``; without it
            every customer is a decision.
        as_of: the ``as_of`` of decisions that give none, in UTC.

    Returns:
        One row per decision: its own columns, ``as_of``, and an array per transaction column, empty for a customer
        without transactions. A numeric ``CustomerId`` stays a number, so that the model can refuse one of 2^53 or more.

    Raises:
        ValueError: a required column is absent, or ``as_of`` cannot be read as a time.
    """
    from pyspark.sql import functions as F  # noqa: N812

    absent = [name for name in REQUIRED if name not in transactions.columns]
    if absent:
        raise ValueError(
            f"transactions lack {', '.join(absent)} (found: {', '.join(transactions.columns)}); rename them"
        )
    fields = [name for name in COLUMNS[1:] if name in transactions.columns]
    sure = transactions if decisions is None else transactions.where(doubtful(transactions).isNull())
    whole = F.struct(*(cell(transactions, name) for name in fields)).alias("transaction")
    grouped = (
        sure.select(identity(sure), whole)
        .groupBy("CustomerId")
        .agg(F.collect_list("transaction").alias("transactions"))
    )
    if decisions is not None:
        kept = [cell(decisions, name) for name in decisions.columns if name != "CustomerId"]
        asked = decisions.select(identity(decisions), *kept)
        grouped = asked.join(grouped, asked["CustomerId"].eqNullSafe(grouped["CustomerId"]), "left").drop(
            grouped["CustomerId"]
        )
    taken = {"CustomerId", "transactions", "as_of"}
    scalars = [name for name in grouped.columns if name not in taken]
    arrays = [F.coalesce(F.col(f"transactions.{name}"), F.array()).alias(name) for name in fields]
    owner = F.col("CustomerId")
    if is_number(transactions if decisions is None else decisions, "CustomerId"):
        owner = owner.cast("double")
    return grouped.select(owner, *scalars, moment(grouped, as_of), *arrays)


def of_asked(transactions: "DataFrame", decisions: "DataFrame") -> "DataFrame":
    """The transactions of the customers in ``decisions``; it saves ``decision_rows`` work where these are few."""
    from pyspark.sql import functions as F  # noqa: N812

    asked = decisions.select(identity(decisions).alias("asked"))
    return transactions.join(asked, identity(transactions).eqNullSafe(F.col("asked")), "left_semi")


def answers(rows: "DataFrame", model: str) -> "DataFrame":
    """Score the rows of ``decision_rows`` with a registered model.

    Args:
        rows: from ``decision_rows``.
        model: MLflow URI of the model.

    Returns:
        One row per decision with the fields of the answer as columns.
    """
    import mlflow
    from pyspark.sql import functions as F  # noqa: N812

    only_arrays = {"one_row_per_decision": True}
    score = mlflow.pyfunc.spark_udf(rows.sparkSession, model, env_manager="local", params=only_arrays)
    answered = rows.select(identity(rows).alias("asked"), score(F.struct(*rows.columns)).alias("answer"))
    fields = answered.select("answer.*").columns
    return answered.select(*(_field(name) for name in fields))


def _field(name: str) -> "Column":
    """A field of the answer; MLflow's cast has made the text 'None' of null, as it does under ``env_manager="local"``."""
    from pyspark.sql import functions as F  # noqa: N812

    if name == "CustomerId":
        return F.col("asked").alias(name)
    column = F.col(f"answer.{name}")
    may_be_null = {"as_of", "message", "risk_level", "what_would_help", "balance_basis"}
    return (F.nullif(column, F.lit("None")) if name in may_be_null else column).alias(name)
