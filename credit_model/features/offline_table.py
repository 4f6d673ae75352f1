"""A table of features computed elsewhere, and the catalogue beside it that says what they are.

The catalogue of ``PATH`` is ``PATH.catalogue.json``. With both, a model is trained without a transaction at hand, and scores
raw transactions by the very same catalogue.
"""

import json
from pathlib import Path

import polars as pl

from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.data.writers import write_text
from credit_model.features.catalogue import Catalogue
from credit_model.features.plan import customer_features

HEAD = ("CustomerId", "as_of", "status", "message", "CurrencyCode")
INVALID = "invalid"


def schema(catalogue: Catalogue) -> dict[str, pl.DataType]:
    """The column type of every feature: Float64 or String."""
    attributes = {attribute.name: attribute.dtype for attribute in catalogue.attributes}
    nobody = pl.DataFrame(schema={"CustomerId": pl.String(), "as_of": pl.Datetime("us"), **attributes})
    return dict(customer_features(tidy_table(pl.DataFrame(schema=SCHEMA)), nobody, catalogue).schema)


def write_catalogue(catalogue: Catalogue, path: str) -> None:
    """Write the catalogue of the table of features at a path, beside it."""
    write_text(json.dumps(catalogue.to_dict(), indent=1, sort_keys=True), str(_beside(path)))


def read_catalogue(path: str) -> Catalogue:
    """Read the catalogue of the table of features at a path.

    Raises:
        ValueError: it is absent or cannot be read.
    """
    try:
        return Catalogue.from_dict(json.loads(_beside(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{_beside(path)} cannot be read as the catalogue of the features; "
            "write both with credit_model.serving.spark.features.write"
        ) from None


def _beside(path: str) -> Path:
    table = Path(path)
    return table.with_name(f"{table.name}.catalogue.json")
