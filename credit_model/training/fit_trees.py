"""Fitting trees: boosted trees, a forest and a single tree by XGBoost; and, on request, boosted trees by LightGBM.

XGBoost's forest mode is the textbook's: one round of parallel trees from the base rate has a constant second derivative, so
that the gain of a split is its fall in Gini impurity (Breiman et al., 1984; Breiman, 2001), and a leaf's value rises linearly
with its bad rate. Serving needs one form for all of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.models.lightgbm_trees import LightGbmTrees
from credit_model.models.xgboost_trees import Trees, codes_of, encode

LEAST_LEVEL = 10
SCOUTS = 3  # a third of a forest is enough to see which features gain
_ONE_THREAD = {
    "nthread": 1,
    "tree_method": "hist",
    "objective": "binary:logistic",
}  # more would add in another order


def fit_xgboost(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> Trees:
    """Fit shallow, strongly regularised boosted trees with a low learning rate, monotone where the direction is known.

    The least weight of a leaf is a share of all the information in the labels, so that few bads still allow a split. Of all
    features the ``inputs`` that gained most are kept, and the trees are grown again on them: each costs time in serving.
    """
    parameters = {
        "max_depth": params["depth"],
        "eta": params["rate"],
        "subsample": 0.5,
        "lambda": params["l2"],
        "min_child_weight": max(0.5, params["leaf"] * _information(bad)),
        "colsample_bytree": params["columns"],
    }
    if table.width > params["inputs"]:
        scout = grow(table, bad, seed, directions, parameters, params["trees"])
        table = _most_gaining(table, _gains(scout), params["inputs"])
    return grow(table, bad, seed, directions, parameters, params["trees"])


def fit_plain_xgboost(
    table: pl.DataFrame, bad: BadArray, seed: int, _directions: Mapping[str, int], params: Mapping[str, Any]
) -> Trees:
    """Fit boosted trees to a table as it is: no choice of inputs, no direction, no least leaf."""
    return fit_untuned_xgboost(table, bad, seed, {}, params)


def fit_untuned_xgboost(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> Trees:
    """Fit boosted trees to all of a table, monotone where the direction is known."""
    parameters = {
        "max_depth": params["depth"],
        "eta": params["rate"],
        "subsample": params["rows"],
        "colsample_bytree": params["columns"],
        "lambda": params["l2"],
    }
    return grow(table, bad, seed, directions, parameters, params["trees"])


def fit_forest(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> Trees:
    """Fit a random forest (Breiman, 2001): every tree on its own draw of cases, every split on its own draw of features."""
    parameters = _one_round(bad, params) | {"subsample": 0.632, "colsample_bynode": params["columns"]}
    if table.width > params["inputs"]:
        few = {**parameters, "num_parallel_tree": params["trees"] // SCOUTS}
        scout = grow(table, bad, seed, directions, few, 1)
        table = _most_gaining(table, _gains(scout), params["inputs"])
    return grow(table, bad, seed, directions, {**parameters, "num_parallel_tree": params["trees"]}, 1)


def fit_tree(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> Trees:
    """Fit one decision tree on all cases; it is grown again on the features that it splits, so that it needs no other."""
    parameters = _one_round(bad, params)
    scout = grow(table, bad, seed, directions, parameters, 1)
    used = len(scout.booster.get_score())
    return grow(_most_gaining(table, _gains(scout), max(used, 1)), bad, seed, directions, parameters, 1)


def fit_lightgbm(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> LightGbmTrees:
    """Fit LightGBM's boosted trees with the regularisation and the number of inputs of ``fit_xgboost``."""
    if table.width > params["inputs"]:
        scout = _grow_lightgbm(table, bad, seed, directions, params)
        table = _most_gaining(table, scout.booster.feature_importance("gain"), params["inputs"])
    return _grow_lightgbm(table, bad, seed, directions, params)


def _grow_lightgbm(
    table: pl.DataFrame, bad: BadArray, seed: int, directions: Mapping[str, int], params: Mapping[str, Any]
) -> LightGbmTrees:
    import lightgbm

    inputs, levels = tuple(table.columns), _levels(table)
    parameters = {
        "objective": "binary",
        "max_depth": params["depth"],
        "num_leaves": 2 ** params["depth"],
        "learning_rate": params["rate"],
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "feature_fraction": params["columns"],
        "lambda_l2": params["l2"],
        "min_sum_hessian_in_leaf": max(0.5, params["leaf"] * _information(bad)),
        "min_data_in_leaf": 1,
        "monotone_constraints": [directions.get(name, 0) for name in inputs],
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(encode(table, inputs, codes_of(levels)), label=bad, params={"verbosity": -1})
    return LightGbmTrees(inputs, levels, lightgbm.train(parameters, data, num_boost_round=params["trees"]))


def _one_round(bad: BadArray, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "eta": 1.0,
        "lambda": 0.0,
        "base_score": float(bad.mean()),
        "max_depth": params["depth"],
        "min_child_weight": params["leaf"] * _information(bad),
    }


def grow(
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],
    parameters: Mapping[str, Any],
    rounds: int,
) -> Trees:
    """Trees of a table by XGBoost: ``parameters`` in its own words, a categorical feature by the code of its level."""
    import xgboost

    inputs, levels = tuple(table.columns), _levels(table)
    matrix = xgboost.DMatrix(encode(table, inputs, codes_of(levels)), label=bad, nthread=1)
    monotone = {"monotone_constraints": tuple(directions.get(name, 0) for name in inputs), "seed": seed}
    booster = xgboost.train({**_ONE_THREAD, **parameters, **monotone}, matrix, num_boost_round=rounds)
    return Trees(inputs, levels, bytes(booster.save_raw("json")))


def _gains(scout: Trees) -> FloatArray:
    gain = scout.booster.get_score(importance_type="total_gain")
    return np.array([np.sum(gain.get(f"f{place}", 0.0)) for place in range(len(scout.inputs))])


def _most_gaining(table: pl.DataFrame, gains: FloatArray, most: int) -> pl.DataFrame:
    """The columns that gained a first fit most, in their order."""
    kept = sorted(np.argsort(-gains, kind="stable")[:most])
    return table.select([table.columns[place] for place in kept])


def _information(bad: BadArray) -> float:
    """Sum of p (1 - p) over the cases at the base rate: the weight of all of them in a logistic loss."""
    rate = float(bad.mean())
    return len(bad) * rate * (1 - rate)


def _levels(table: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Levels of each categorical feature by frequency, then name; those with fewer than 10 cases are left out."""
    levels = {}
    for name, dtype in table.schema.items():
        if dtype == pl.String:
            counts = table[name].drop_nulls().value_counts().filter(pl.col("count") >= LEAST_LEVEL)
            levels[name] = tuple(counts.sort(["count", name], descending=[True, False])[name].to_list())
    return levels
