"""Frequent levels of categories, folded so that no line says what a few customers did."""

from collections.abc import Collection

import polars as pl

LEAST_CUSTOMERS = 5
MOST_LEVELS = 12
RARE = "(rare)"
CATEGORIES = (
    "ProductCategory",
    "ProductId",
    "ProviderId",
    "ChannelId",
    "PricingStrategy",
    "CurrencyCode",
    "CountryCode",
)


def levels(known: pl.DataFrame, present: Collection[str]) -> pl.DataFrame:
    """Frequent levels of every category that the files have and that varies; of the first where none does.

    Returns:
        ``column``, ``level``, ``transactions`` and ``turnover``, empty where the files have no category.
    """
    there = [name for name in CATEGORIES if name in present]
    varied = [name for name in there if known[name].drop_nulls().n_unique() > 1]
    empty = pl.DataFrame(schema={"column": pl.String, "level": pl.String})
    return pl.concat([empty, *(_levels(known, name) for name in varied or there[:1])], how="diagonal")


def _levels(known: pl.DataFrame, name: str) -> pl.DataFrame:
    """Frequent levels of one column; those of fewer than five customers, and the tail, are folded.

    A fold of fewer than five customers takes in the least frequent level besides: it would say what one did.
    """
    level = pl.col(name).fill_null("(missing)")
    counted = known.group_by(level.alias("level")).agg(
        transactions=pl.len(), customers=pl.col("CustomerId").n_unique(), turnover=pl.col("Value").sum()
    )
    ranked = counted.sort(["transactions", "level"], descending=[True, False]).with_row_index("rank")
    folded = (pl.col("customers") < LEAST_CUSTOMERS) | (pl.col("rank") >= MOST_LEVELS)
    kept = ranked.filter(~folded)["level"]
    hidden = known.filter(~level.is_in(kept.implode()))["CustomerId"].n_unique()
    kept = kept.head(-1) if 0 < hidden < LEAST_CUSTOMERS else kept
    shown = ranked.with_columns(
        level=pl.when(pl.col("level").is_in(kept.implode())).then("level").otherwise(pl.lit(RARE))
    )
    return (
        shown.group_by("level", maintain_order=True)
        .agg(pl.col("transactions").sum(), pl.col("turnover").sum())
        .select(pl.lit(name).alias("column"), "level", "transactions", "turnover")
    )
