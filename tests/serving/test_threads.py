"""One loaded model under many threads answers as it does alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import mlflow
import pandas as pd
import polars as pl
import pytest

from processes import TrainedModel

AS_OF = {"as_of": "2019-02-13T00:00:00Z"}
THREADS, ROUNDS = 8, 3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def requests(trained_model: TrainedModel) -> list[pd.DataFrame]:
    """One request per customer, in both shapes, and one of them all."""
    raw = pl.read_parquet(trained_model.transactions)
    few = raw["CustomerId"].unique(maintain_order=True).head(12)
    flat = raw.filter(pl.col("CustomerId").is_in(few.implode())).to_pandas()
    arrays = flat.groupby("CustomerId", sort=False).agg(list).reset_index()
    alone = [table[table["CustomerId"] == customer] for table in (flat, arrays) for customer in few]
    return [*alone, flat]


def test_many_threads_get_the_answers_of_one(
    trained_model: TrainedModel, requests: list[pd.DataFrame]
) -> None:
    mlflow.set_tracking_uri(trained_model.tracking)
    expected = [mlflow.pyfunc.load_model(trained_model.uri).predict(table, AS_OF) for table in requests]
    assert any((answer["status"] == "scored").any() for answer in expected)
    fresh, together = mlflow.pyfunc.load_model(trained_model.uri), Barrier(THREADS)

    def hammer(first: int) -> int:
        together.wait(timeout=60)
        turns = range(first, first + ROUNDS * len(requests))
        for turn in (turn % len(requests) for turn in turns):
            pd.testing.assert_frame_equal(
                fresh.predict(requests[turn], AS_OF), expected[turn], check_exact=True
            )
        return len(turns)

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(hammer, range(THREADS))) == THREADS * ROUNDS * len(requests)
