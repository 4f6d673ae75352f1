"""The gains table against pandas and SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from credit_model.training.gains import gains


def drawn(rows: int, seed: int, decimals: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probability = random.beta(2, 6, rows).round(decimals)
    return (random.random(rows) < probability).astype(np.int8), probability


@pytest.mark.parametrize("rows", [200, 1_003])
def test_groups_and_shares_are_those_of_pandas(rows: int) -> None:
    bad, probability = drawn(rows, 3)
    table = gains(bad, probability)
    frame = pd.DataFrame({"bad": bad, "p": probability})
    frame["group"] = np.ceil(frame["p"].rank(ascending=False) * 10 / rows).clip(1).astype(int)
    by_group = frame.groupby("group")["bad"].agg(["size", "sum"])
    whole, bads = by_group["size"], by_group["sum"]
    assert np.abs(table["decisions"].to_numpy() - whole.to_numpy()).max() <= 1
    if rows % 10 == 0:
        assert table["bads"].to_list() == bads.to_list()
        goods = (whole - bads).cumsum() / (whole - bads).sum()
        assert table["ks"].to_list() == pytest.approx((bads.cumsum() / bads.sum() - goods).to_list())
        assert table["lift"].to_list() == pytest.approx((bads / whole / bad.mean()).to_list())


def test_everything_adds_up_and_ks_lies_below_that_of_scipy() -> None:
    bad, probability = drawn(2_000, 5)
    table = gains(bad, probability)
    assert table["decisions"].sum() == 2_000
    assert table["bads"].sum() == bad.sum()
    ends = [table[f"cumulative_{name}"][-1] for name in ("decisions", "bads", "goods", "lift")]
    assert ends == pytest.approx([1, 1, 1, 1])
    assert table["lowest_probability"].is_sorted(descending=True)
    exact = ks_2samp(probability[bad == 1], probability[bad == 0]).statistic
    assert exact - 0.05 < table["ks"].to_numpy().max() <= exact + 1e-12


def test_decisions_of_one_probability_stay_together() -> None:
    bad, probability = drawn(500, 7, decimals=1)
    table = gains(bad, probability)
    assert table.height < 10
    bounds = table["lowest_probability"].to_numpy()
    counted = [
        ((probability >= low) & (probability < high)).sum()
        for low, high in zip(bounds, [2, *bounds], strict=False)
    ]
    assert table["decisions"].to_list() == counted
