"""Synthetic loans of customers with transactions: when each was asked for, and whether it went bad."""

from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from credit_model.data.transactions import Tidy, tidy_table
from credit_model.synthetic import generate
from credit_model.training.rfm import rfm

START = datetime(2019, 1, 15)
HISTORY_DAYS = 40


@cache
def transactions() -> Tidy:
    """Those of 250 customers over 90 days."""
    return tidy_table(generate.transactions(customers=250, seed=6))


@cache
def outcomes() -> pl.DataFrame:
    """Two decisions of every customer; the silent and the poor default more often."""
    once = transactions().frame["CustomerId"].unique().sort()
    people = pl.concat([once, once]).shuffle(3)
    lot = np.random.default_rng(2)
    minutes = np.sort(lot.integers(0, 30 * 24 * 60, len(people)))
    table = pl.DataFrame({"CustomerId": people}).with_columns(
        as_of=pl.Series([START + timedelta(minutes=int(m)) for m in minutes]),
        income=pl.Series(lot.lognormal(7, 0.5, len(people))),
    )
    silent = (
        rfm(transactions(), table, HISTORY_DAYS)["recency"].fill_null(HISTORY_DAYS).to_numpy() / HISTORY_DAYS
    )
    chance = 0.2 + 0.4 * silent + 0.3 * (table["income"].to_numpy() < 1000)
    return table.with_columns(defaulted=pl.Series((lot.uniform(size=len(people)) < chance).astype(int)))
