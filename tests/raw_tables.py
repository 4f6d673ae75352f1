"""Raw transactions of three customers, drawn by hypothesis, with decisions about them."""

from datetime import datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from credit_model.features.catalogue import Catalogue

AS_OF = datetime(2019, 3, 1, 12)
CATALOGUE = Catalogue(
    60, {"ProductCategory": ("airtime", "tv"), "ChannelId": ("c1",), "crossed": ("airtime+c1", "tv+c2")}
)

transaction = st.fixed_dictionaries(
    {
        "CustomerId": st.sampled_from(["a", "b", "c"]),
        "TransactionStartTime": st.integers(1, 70 * 24 * 60).map(lambda m: AS_OF - timedelta(minutes=m)),
        "Amount": st.one_of(
            st.integers(-5_000, 5_000).map(float), st.floats(-1e6, 1e6).map(lambda amount: round(amount, 4))
        ),
        "ProductCategory": st.sampled_from(["airtime", "tv", "movies", None]),
        "ChannelId": st.sampled_from(["c1", "c2"]),
    }
)
tables = st.lists(transaction, min_size=1, max_size=20).map(
    lambda rows: pl.DataFrame(
        [row | {"TransactionId": f"t{n}"} for n, row in enumerate(rows)],
        schema_overrides={"ProductCategory": pl.String},
    )
)
DECISIONS = pl.DataFrame({"CustomerId": ["c", "a", "b"], "as_of": [AS_OF] * 3})
