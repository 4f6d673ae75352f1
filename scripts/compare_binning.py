"""Compare this package's monotone trees with optbinning: AUC of a WoE logistic regression, IV, time, installed size.

Give a feature table with a column of labels, and optionally one of customers by which the folds are grouped; without
a table, one is made up. Without optbinning only this package is measured.

    python scripts/compare_binning.py [--table features.parquet] [--label bad] [--customers CustomerId] [--drop as_of]
"""

import argparse
import importlib
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from credit_model.metrics import interval, paired_interval, roc_auc
from credit_model.woe import fit_binnings

FloatArray = npt.NDArray[np.float64]
BadArray = npt.NDArray[np.int8]
Fitted = tuple[Callable[[pl.DataFrame], FloatArray], float]
SEEDS = (0, 1, 2)


def main() -> int:
    """Print one row per method, then the paired difference."""
    asked = _asked()
    table = pl.read_parquet(asked.table) if asked.table else _synthetic()
    bad = table[asked.label].to_numpy().astype(np.int8)
    customers = (
        table[asked.customers].to_numpy() if asked.customers in table.columns else np.arange(len(table))
    )
    features = table.drop(asked.label, asked.customers, *asked.drop, strict=False)
    methods = {"monotone trees": (_trees, "scikit-learn")}
    if importlib.util.find_spec("optbinning"):
        methods["optbinning"] = (_optbinning, "optbinning")
    ...
