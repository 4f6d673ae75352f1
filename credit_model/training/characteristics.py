"""What single features tell: information value, correlation with one another, and how their bins move between the parts."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import FloatArray
from credit_model.models.binning import Binning
from credit_model.training.dataset import Dataset
from credit_model.training.own_bins import AS_TRAINED, OwnBins

STRONG = 0.5


def information(dataset: Dataset, used: Iterable[str], bins: OwnBins = AS_TRAINED) -> pl.DataFrame:
    """Every feature that varies among the modelled decisions, by the information value of its monotone bins.

    Args:
        dataset: features and labels; decisions of every part count.
        used: names of the inputs of the served model.
        bins: what a person asks of the bins.

    Returns:
        ``feature``, ``information_value``, ``bins`` (without those of missing and unseen values), ``missing`` (share), ``used``
        and ``topic``, the most informative first.
    """
    rows, inputs, definitions = dataset.modelled, set(used), dataset.catalogue.features
    table = dataset.table(rows)
    fitted = bins.binnings(table, dataset.bad[rows], dataset.directions)
    lines = [
        (
            name,
            binning.information_value,
            binning.missing,
            table[name].null_count() / table.height,
            name in inputs,
            definitions[name].topic,
        )
        for name, binning in fitted.items()
    ]
    schema = {"feature": pl.String, "information_value": pl.Float64, "bins": pl.Int64, "missing": pl.Float64}
    ranking = pl.DataFrame(lines, schema=schema | {"used": pl.Boolean, "topic": pl.String}, orient="row")
    return ranking.sort(["information_value", "feature"], descending=[True, False])


def correlations(dataset: Dataset) -> pl.DataFrame:
    """Spearman's rank correlation of every two numeric features among the modelled decisions, at least 0.5 in size.

    A missing value has the middle rank.

    Returns:
        ``feature``, ``correlation``, ``other``, the strongest first.
    """
    table = dataset.table(dataset.modelled)
    numeric = [name for name in table.columns if table[name].dtype != pl.String]
    names = [name for name in numeric if table[name].drop_nulls().n_unique() > 1]
    size = np.corrcoef(_ranks(table, names), rowvar=False).reshape(len(names), len(names))
    first, second = np.nonzero(np.triu(np.abs(size) >= STRONG, 1))
    columns = {
        "feature": [names[place] for place in first],
        "correlation": size[first, second],
        "other": [names[place] for place in second],
    }
    schema = {"feature": pl.String, "correlation": pl.Float64, "other": pl.String}
    order = [pl.col("correlation").abs(), pl.col("feature"), pl.col("other")]
    return pl.DataFrame(columns, schema=schema).sort(order, descending=[True, False, False])


def _ranks(table: pl.DataFrame, names: list[str]) -> FloatArray:
    ranks = table.select(pl.col(name).cast(pl.Float64).rank() for name in names)
    return ranks.select(pl.all().fill_null(pl.all().mean())).to_numpy()


def shifts(dataset: Dataset, binnings: Iterable[Binning]) -> pl.DataFrame:
    """How the cases of each bin moved from the training part to the test part.

    Returns:
        One row per bin, in order, of the modelled decisions: ``feature``, ``bin``, ``train`` and ``test`` (counts), and of
        the whole feature ``csi``, the characteristic stability index (the population stability index over its bins), with the
        ``csi_limit`` that chance allows; null where a part has no decision.
    """
    counts = [_shift(dataset, binning) for binning in binnings]
    return pl.concat(counts)


def _shift(dataset: Dataset, binning: Binning) -> pl.DataFrame:
    bins = len(binning.evidence)
    train, test = (
        np.bincount(binning.index(dataset.features[binning.feature].filter(pl.Series(rows))), minlength=bins)
        for rows in (dataset.part(name) & dataset.modelled for name in ("train", "test"))
    )
    filled = (train + test) > 0
    columns = {"feature": [binning.feature] * bins, "bin": range(bins), "train": train, "test": test}
    both = bool(train.any() and test.any())
    csi = metrics.psi_of_counts(train[filled], test[filled]) if both else None
    limit = metrics.psi_limit(int(train.sum()), int(test.sum()), int(filled.sum())) if both else None
    numbers = {"csi": csi, "csi_limit": limit}
    return pl.DataFrame(columns).with_columns(
        pl.lit(v, dtype=pl.Float64).alias(n) for n, v in numbers.items()
    )
