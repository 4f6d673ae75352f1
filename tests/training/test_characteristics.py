"""Information value, correlation and stability of single features against SciPy and their formulas."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from credit_model import metrics
from credit_model.features.catalogue import Catalogue
from credit_model.training.characteristics import correlations, information, shifts
from credit_model.training.dataset import Dataset
from credit_model.training.monotone_binning import fit_binning

ROWS = 2_000


def dataset() -> Dataset:
    random = np.random.default_rng(3)
    recency, noise = random.uniform(0, 60, ROWS), random.normal(size=ROWS)
    bad = (random.random(ROWS) < 1 / (1 + np.exp(2 - recency / 20))).astype(np.int8)
    moved = np.where(np.arange(ROWS) < 1_200, random.normal(size=ROWS), random.normal(1, 1, ROWS))
    features = pl.DataFrame(
        {
            "recency": recency,
            "tenure": recency + random.normal(0, 5, ROWS),
            "monetary": pl.Series(noise).set(pl.Series(random.random(ROWS) < 0.2), None),
            "debit": moved,
            "ChannelId": np.where(random.random(ROWS) < 0.3 + 0.4 * bad, "a", "b"),
            "transaction_count": np.ones(ROWS),
        }
    )
    decisions = pl.DataFrame({"CustomerId": [str(n) for n in range(ROWS)], "as_of": datetime(2024, 1, 1)})
    part = ["train"] * 1_200 + ["test"] * 800
    decisions = decisions.with_columns(bad=pl.Series(bad), part=pl.Series(part))
    return Dataset(decisions, features, Catalogue(60), None, 0)


DATA = dataset()


def test_the_ranking_is_by_information_value_of_the_features_that_vary() -> None:
    table = information(DATA, ["recency"])
    assert table["information_value"].is_sorted(descending=True)
    assert set(table["feature"]) == set(DATA.features.columns) - {"transaction_count"}
    row = table.row(by_predicate=pl.col("feature") == "ChannelId", named=True)
    goods, bads = (
        np.array(
            [((DATA.features["ChannelId"] == level).to_numpy() & (DATA.bad == kind)).sum() for level in "ab"]
        )
        for kind in (0, 1)
    )
    shares = goods / goods.sum() - bads / bads.sum()
    plain = (shares * np.log((goods / goods.sum()) / (bads / bads.sum()))).sum()
    assert row["information_value"] == pytest.approx(plain, rel=0.02)  # smoothing takes a little
    assert table.filter("used")["feature"].to_list() == ["recency"]
    missing = table.row(by_predicate=pl.col("feature") == "monetary", named=True)["missing"]
    assert missing == DATA.features["monetary"].null_count() / ROWS


def test_strong_correlations_are_spearmans() -> None:
    table = correlations(DATA)
    assert table.select("feature", "other").rows() == [("recency", "tenure")]
    expected = spearmanr(DATA.features["recency"], DATA.features["tenure"]).statistic
    assert table["correlation"].item() == pytest.approx(expected)


def test_the_stability_of_a_characteristic_is_that_of_its_bins() -> None:
    names = ["recency", "debit"]
    binnings = [fit_binning(DATA.features[name], DATA.bad) for name in names]
    table = shifts(DATA, binnings)
    for name, binning in zip(names, binnings, strict=True):
        rows = table.filter(pl.col("feature") == name)
        place = binning.index(DATA.features[name])
        assert rows["train"].to_list() == np.bincount(place[:1_200], minlength=len(binning.evidence)).tolist()
        assert rows["test"].to_list() == np.bincount(place[1_200:], minlength=len(binning.evidence)).tolist()
        filled = rows.filter(pl.col("train") + pl.col("test") > 0)
        csi = metrics.psi_of_counts(filled["train"].to_numpy(), filled["test"].to_numpy())
        assert rows["csi"].unique().item() == csi
        assert rows["csi_limit"].unique().item() == metrics.psi_limit(1_200, 800, filled.height)
