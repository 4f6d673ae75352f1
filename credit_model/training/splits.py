"""Splits of decisions into train and test, by time or by customer; never by transaction.

Every split adds ``part`` to the decisions: ``train``, ``test`` or ``excluded``. Random splits use a hash of ``CustomerId`` and
the seed, so that they depend neither on the order of rows nor on the version of a library.
"""

import hashlib
from datetime import datetime

import polars as pl

TEST_SHARE, RANDOM_TEST_SHARE = 0.3, 0.2


def by_observation_date(decisions: pl.DataFrame, test_start: datetime) -> pl.DataFrame:
    """Test on the decisions from a date on; train on the earlier ones whose outcome was known by then.

    Args:
        decisions: labelled decisions.
        test_start: the test observation date.

    Returns:
        The decisions with ``part``. An earlier decision whose outcome was not known by then is excluded, and so is
        any decision without a label.
    """
    part = (
        pl.when(pl.col("bad").is_null())
        .then(pl.lit("excluded"))
        .when(pl.col("as_of") >= test_start)
        .then(pl.lit("test"))
        .when(pl.col("known_at") <= test_start)
        .then(pl.lit("train"))
        .otherwise(pl.lit("excluded"))
    )
    return decisions.with_columns(part=part)


def out_of_time(decisions: pl.DataFrame, share: float = TEST_SHARE) -> pl.DataFrame:
    """Test on the last ``share`` of the decisions, and on all others made at the same time as the first of them.

    Args:
        decisions: labelled decisions.
        share: share of the decisions that have a label, rounded to whole decisions, at least one.

    Returns:
        What ``by_observation_date`` gives at that time; where all decisions have the same ``as_of``, none is left to train
        on.

    Raises:
        ValueError: no decision has a label.
    """
    moments = _labelled(decisions)["as_of"].sort(descending=True)
    return by_observation_date(decisions, moments[max(round(share * len(moments)), 1) - 1])


def out_of_customer(
    decisions: pl.DataFrame, seed: int = 42, share: float = RANDOM_TEST_SHARE
) -> pl.DataFrame:
    """Test on a random share of the customers: of those who were ever bad, and of the others.

    Args:
        decisions: labelled decisions.
        seed: of the draw.
        share: of the customers in each of the two groups, rounded to whole ones.

    Returns:
        The decisions with ``part``: all decisions of a customer have the same, except those without a label, which
        are excluded.

    Raises:
        ValueError: no decision has a label.
    """
    labelled = _labelled(decisions)
    customers = labelled.group_by("CustomerId").agg(ever_bad=pl.col("bad").max())
    lot = _hashes(customers["CustomerId"], seed).alias("lot")
    drawn = (pl.col("lot").rank("ordinal") <= (pl.len() * share).round()).over("ever_bad")
    tested = customers.with_columns(lot).filter(drawn)["CustomerId"]
    part = (
        pl.when(pl.col("bad").is_null())
        .then(pl.lit("excluded"))
        .when(pl.col("CustomerId").is_in(tested.implode()))
        .then(pl.lit("test"))
        .otherwise(pl.lit("train"))
    )
    return decisions.with_columns(part=part)


def first_customers(decisions: pl.DataFrame, most: int, seed: int = 42) -> pl.DataFrame:
    """At most so many decisions, in order: those of the customers whose hashes come first, whole customers only."""
    if decisions.height <= most:
        return decisions
    sizes = decisions.group_by("CustomerId").len()
    ranked = sizes.with_columns(_hashes(sizes["CustomerId"], seed).alias("lot")).sort("lot")
    kept = ranked.filter(pl.col("len").cum_sum() <= most)["CustomerId"]
    return decisions.filter(pl.col("CustomerId").is_in(kept.implode()))


def _labelled(decisions: pl.DataFrame) -> pl.DataFrame:
    determinate = decisions.drop_nulls("bad")
    if determinate.is_empty():
        raise ValueError("no decision has a known outcome; give outcomes with defaulted 0 or 1")
    return determinate


def exclusions(parted: pl.DataFrame) -> dict[str, int]:
    """Number of decisions that a split excluded, by reason: ``indeterminate`` (no label) or ``unknown yet``."""
    reason = pl.when(pl.col("bad").is_null()).then(pl.lit("indeterminate")).otherwise(pl.lit("unknown yet"))
    reasons = parted.filter(pl.col("part") == "excluded").select(reason=reason)
    return dict(reasons["reason"].value_counts().sort("reason").iter_rows())


def customer_folds(customers: pl.Series, folds: int = 5, seed: int = 42) -> pl.Series:
    """The cross-validation fold of each decision; all decisions of a customer share one.

    Args:
        customers: ``CustomerId`` of each decision.
        folds: number of folds, at least 2.
        seed: another seed gives other folds.

    Returns:
        Int64 in ``[0, folds)``, one per decision, in order. A customer's fold does not depend on the others.

    Raises:
        ValueError: fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"folds={folds}: out of customer needs 2 folds or more")
    unique = customers.unique()
    fold = (_hashes(unique, seed) % folds).cast(pl.Int64)
    return customers.replace_strict(unique, fold, return_dtype=pl.Int64).alias("fold")


def _hashes(unique_customers: pl.Series, seed: int) -> pl.Series:
    key = seed.to_bytes(16, "big", signed=True)
    digests = (
        hashlib.blake2b(customer.encode(), digest_size=8, key=key).digest() for customer in unique_customers
    )
    return pl.Series([int.from_bytes(digest, "big") for digest in digests], dtype=pl.UInt64)
