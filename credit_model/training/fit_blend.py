"""Fitting a blend: two boosters and a forest of shallow trees, of which each counts alike."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import polars as pl

from credit_model.arrays import BadArray
from credit_model.models.blend import Blend
from credit_model.models.xgboost_trees import Trees
from credit_model.training.fit_trees import fit_forest, fit_untuned_xgboost, fit_xgboost

SHALLOW = "shallow_forest"


def fit_blend(
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],
    params: Mapping[str, Any],
    plain: Collection[str] = (),
) -> Blend:
    """The mean of two boosters and a forest, with their margins brought to one spread.

    The plain booster reads the features in ``plain`` alone, or all where none of those varies. The forest reads what the
    boosters read, so that serving computes no feature for it alone.
    """
    some = [name for name in table.columns if name in plain] or table.columns
    told = (bad, seed, directions)
    boosters = (
        fit_untuned_xgboost(table.select(some), *told, params["plain_xgboost"]),
        fit_xgboost(table, *told, params["xgboost"]),
    )
    read = {name for booster in boosters for name in booster.inputs}
    forest = fit_forest(table.select(n for n in table.columns if n in read), *told, params[SHALLOW])
    parts = (*boosters, forest)
    return Blend(parts, _weights(parts, table))


def _weights(parts: tuple[Trees, ...], table: pl.DataFrame) -> tuple[float, ...]:
    """Those that give every part the same spread on the cases that it was fitted on: the parts' mean one, over their number.

    The margins of a part that has learned more by heart spread more, and so it is weighted less. A part that tells no case
    from another has nothing to weight.
    """
    spreads = [float(np.std(part.margin(table))) for part in parts]
    mean = sum(spreads) / len(parts)
    return tuple(mean / spread / len(parts) if spread else 1.0 / len(parts) for spread in spreads)
