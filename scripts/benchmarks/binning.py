"""Compare this package's monotone trees with optbinning: AUC of a WoE logistic regression, IV, time, size.

Give a Parquet table of features with a column of labels and one of customers; folds are grouped by it.
Without a table one is made up; without optbinning only this package is measured.

    python scripts/benchmarks/binning.py [table=features.parquet] [label=bad] [customers=CustomerId] [drop=as_of]
"""

import importlib
import importlib.util
import re
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from credit_model.metrics import interval, paired_interval, roc_auc
from credit_model.training.monotone_binning import fit_binnings

FloatArray = npt.NDArray[np.float64]
BadArray = npt.NDArray[np.int8]
Transform = Callable[[pl.DataFrame], FloatArray]
Fit = Callable[[pl.DataFrame, BadArray], tuple[Transform, float]]


class Result(NamedTuple):
    """Out-of-fold log-odds (n,), IV of all features (mean over the folds), seconds to fit all binnings."""

    risk: FloatArray
    information_value: float
    seconds: float


def main(arguments: list[str]) -> int:
    """Print one row per method, then the paired difference."""
    asked = dict(argument.split("=", 1) for argument in arguments)
    table = pl.read_parquet(asked["table"]) if "table" in asked else _synthetic()
    label, owner = asked.get("label", "bad"), asked.get("customers", "CustomerId")
    bad = table[label].to_numpy().astype(np.int8)
    customers = table[owner].cast(pl.String).to_numpy().astype(object)
    features = table.drop(label, owner, *asked.get("drop", "").split(","), strict=False)
    methods: dict[str, tuple[Fit, str]] = {"monotone trees": (_monotone_trees, "scikit-learn")}
    if importlib.util.find_spec("optbinning"):
        methods["optbinning"] = (_optbinning, "optbinning")
    results = {name: _out_of_fold(fit, features, bad, customers) for name, (fit, _) in methods.items()}
    for name, result in results.items():
        print(_row(name, result, bad, customers, methods[name][1]))
    if len(results) == 2:
        risks = results["monotone trees"].risk, results["optbinning"].risk
        low, high = paired_interval(roc_auc, bad, risks, customers, seed=0)
        print(f"AUC, monotone trees less optbinning: 95 % interval {low:+.4f} to {high:+.4f}")
    return 0


def _row(name: str, result: Result, bad: BadArray, customers: npt.NDArray[np.object_], package: str) -> str:
    low, high = interval(roc_auc, bad, result.risk, customers, seed=0)
    auc = f"{roc_auc(bad, result.risk):.4f} ({low:.3f} to {high:.3f})"
    cost = f"fit {result.seconds:.2f} s  installed {_megabytes(package):.0f} MB"
    return f"{name:15} AUC {auc}  IV {result.information_value:.3f}  {cost}"


def _out_of_fold(
    fit: Fit, features: pl.DataFrame, bad: BadArray, customers: npt.NDArray[np.object_], repeats: int = 3
) -> Result:
    """Log-odds of a WoE logistic regression, five folds grouped by customer, mean of repeated splits."""
    risk, values, seconds = np.zeros(len(bad)), [], []
    for seed in range(repeats):
        for train, test in GroupKFold(5, shuffle=True, random_state=seed).split(bad, groups=customers):
            start = time.perf_counter()
            transform, value = fit(features[train], bad[train])
            seconds.append(time.perf_counter() - start)
            values.append(value)
            model = LogisticRegression(max_iter=1000).fit(transform(features[train]), bad[train])
            risk[test] += model.decision_function(transform(features[test])) / repeats
    return Result(risk, float(np.mean(values)), float(np.median(seconds)))


def _monotone_trees(features: pl.DataFrame, bad: BadArray) -> tuple[Transform, float]:
    binnings = fit_binnings(features, bad)

    def transform(table: pl.DataFrame) -> FloatArray:
        return np.column_stack([binning.woe(table[name]) for name, binning in binnings.items()])

    return transform, sum(binning.information_value for binning in binnings.values())


def _optbinning(features: pl.DataFrame, bad: BadArray) -> tuple[Transform, float]:
    """Optimal binning as its users call it, monotone, with the evidence of missing values learned."""
    binner = importlib.import_module("optbinning").OptimalBinning
    fitted = {}
    for column in features:
        kind = "categorical" if column.dtype == pl.String else "numerical"
        trend = None if kind == "categorical" else "auto_asc_desc"
        fitted[column.name] = binner(column.name, dtype=kind, monotonic_trend=trend).fit(_cells(column), bad)
    total = sum(float(binning.binning_table.build()["IV"].iloc[-1]) for binning in fitted.values())

    def transform(table: pl.DataFrame) -> FloatArray:
        columns = [
            b.transform(_cells(table[n]), metric="woe", metric_missing="empirical") for n, b in fitted.items()
        ]
        return np.nan_to_num(np.column_stack(columns).astype(np.float64))

    return transform, total


def _cells(column: pl.Series) -> npt.NDArray[np.object_] | FloatArray:
    if column.dtype == pl.String:
        return column.to_numpy().astype(object)
    return column.cast(pl.Float64).to_numpy()


def _megabytes(package: str) -> float:
    """Size of a distribution with all that it requires, numpy, pandas and polars not counted."""
    sizes = dict.fromkeys(("numpy", "pandas", "polars"), 0)
    _weigh(package, sizes)
    return sum(sizes.values()) / 2**20


def _weigh(package: str, sizes: dict[str, int]) -> None:
    name = re.sub(r"[-_.]+", "-", package).lower()
    if name in sizes:
        return
    sizes[name] = 0
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    paths = [Path(str(file.locate())) for file in found.files or []]
    sizes[name] = sum(path.stat().st_size for path in paths if path.is_file())
    for need in found.requires or []:
        if "extra ==" not in need:
            _weigh(re.split(r"[^\w.-]", need)[0], sizes)


def _synthetic(rows: int = 4000) -> pl.DataFrame:
    """Twenty numbers and two texts of made-up decisions, half of them noise, a tenth of the cells empty."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 20)).cumsum(axis=1) / np.sqrt(np.arange(1, 21))
    logit = numbers[:, :10] @ np.linspace(0.5, 0.05, 10) - 1.5
    bad = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    columns = {f"number_{i}": pl.Series(np.exp(numbers[:, i])).fill_nan(None) for i in range(20)}
    texts = {
        "told": pl.Series(np.digitize(logit + random.normal(size=rows), [-3, -2, -1, 0])).cast(pl.String),
        "idle": pl.Series(random.integers(0, 12, rows)).cast(pl.String),
    }
    owners = pl.Series(random.integers(0, rows // 2, rows))
    return pl.DataFrame({"CustomerId": owners, "bad": bad} | columns | texts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
