"""The waterfall of counts is that of plain counting."""

from datetime import datetime, timedelta

import polars as pl

from credit_model.data.transactions import tidy_table
from credit_model.settings.settings import Settings
from credit_model.training.dataset import build_dataset
from credit_model.training.population import COPIES, population
from credit_model.training.sample import observed_sample
from loans import HISTORY_DAYS, outcomes, transactions


def test_every_step_is_counted() -> None:
    frame = transactions().frame
    twice = tidy_table(pl.concat([frame, frame.head(7)]))
    table = outcomes()
    gaps = table.with_columns(defaulted=pl.when(pl.int_range(pl.len()) >= 5).then("defaulted"))
    late = gaps.with_columns(
        as_of=pl.col("as_of")
        + pl.when(pl.int_range(pl.len()) % 9 == 0).then(timedelta(days=900)).otherwise(timedelta())
    )
    rows = pl.concat([late, late.tail(3)])
    sample = observed_sample(Settings(outcomes="x", history_days=HISTORY_DAYS), rows)
    dataset = build_dataset(twice, sample.decisions, sample.recipe)
    counts = dict(population(twice, sample, dataset).iter_rows())
    assert counts["transactions read"] == frame.height + 7
    assert counts[COPIES] == -7
    assert counts["outcomes read"] == table.height + 3
    assert counts["indeterminate outcomes"] == -5
    assert counts["repeated outcomes"] == -3
    assert counts["labelled decisions"] == table.height - 5
    silent = counts["decisions without a transaction in the observation window: not scored by the classifier"]
    far = sample.decisions.filter(pl.col("as_of") > datetime(2020, 1, 1)).height
    assert far > 0
    assert silent <= -far
    modelled = counts["decisions that the classifier is fitted on or judged by"]
    assert modelled == counts["labelled decisions"] + silent
    assert sum(count for step, count in counts.items() if step.startswith("of these")) == modelled
