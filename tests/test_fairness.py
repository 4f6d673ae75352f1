"""Groups compared, against plain pandas and by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from credit_model.fairness import LEAST_GROUP, SMALL, Fairness, fairness

THRESHOLD, APPROVED_BELOW = 0.4, 0.25


def population(seed: int = 1, rows: int = 900) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    group = random.choice(["north", "south", "east"], rows, p=[0.5, 0.3, 0.2])
    probability = random.beta(2, 4, rows) + np.where(group == "south", 0.1, 0)
    frame = pd.DataFrame({"group": group, "probability": np.clip(probability, 0.001, 0.999)})
    frame["bad"] = (random.random(rows) < frame.probability).astype(np.int8)
    return frame


def compare(frame: pd.DataFrame) -> Fairness:
    risk = frame.probability.to_numpy()
    return fairness(
        pl.Series([name if isinstance(name, str) else None for name in frame.group], dtype=pl.String),
        frame.bad.to_numpy().astype(np.int8),
        risk,
        risk < APPROVED_BELOW,
        (risk >= THRESHOLD).astype(np.int8),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_every_number_is_that_of_plain_pandas(seed: int) -> None:
    frame = population(seed)
    found = compare(frame)
    frame["said"], frame["approved"] = frame.probability >= THRESHOLD, frame.probability < APPROVED_BELOW
    by_group, goods, bads = frame.groupby("group"), frame[frame.bad == 0], frame[frame.bad == 1]
    oracle = pd.DataFrame(
        {
            "decisions": by_group.size(),
            "bads": by_group.bad.sum(),
            "bad_rate": by_group.bad.mean(),
            "approval_rate": by_group.approved.mean(),
            "false_positive_rate": goods.groupby("group").said.mean(),
            "false_negative_rate": 1 - bads.groupby("group").said.mean(),
            "observed_to_expected": by_group.bad.sum() / by_group.probability.sum(),
            "roc_auc": {name: roc_auc_score(part.bad, part.probability) for name, part in by_group},
        }
    )
    assert found.table["group"].to_list() == oracle.index.tolist()
    for column in oracle.columns.astype(str):
        assert found.table[column].to_list() == pytest.approx(oracle[column].tolist()), column
    rates = oracle.approval_rate
    errors = oracle[["false_positive_rate", "false_negative_rate"]]
    assert found.disparities == pytest.approx(
        {
            "demographic_parity_difference": rates.max() - rates.min(),
            "demographic_parity_ratio": rates.min() / rates.max(),
            "equalized_odds_difference": (errors.max() - errors.min()).max(),
        }
    )


@given(st.integers(0, 50))
@settings(max_examples=8)
def test_the_order_of_decisions_does_not_matter(seed: int) -> None:
    frame = population(3, 300)
    mixed = frame.sample(frac=1, random_state=seed)
    assert compare(mixed).disparities == pytest.approx(compare(frame).disparities)
    assert (
        compare(mixed)
        .table.drop("observed_to_expected")
        .equals(compare(frame).table.drop("observed_to_expected"))
    )


def test_small_groups_are_pooled_and_a_missing_one_is_its_own() -> None:
    frame = population(4, 300)
    frame.loc[: LEAST_GROUP - 2, "group"] = "few"
    frame.loc[LEAST_GROUP - 1 : LEAST_GROUP + 3, "group"] = "fewer"
    frame.loc[100 : 99 + LEAST_GROUP, "group"] = "just enough"
    frame.loc[150:199, "group"] = None
    table = compare(frame).table
    counts = dict(zip(table["group"], table["decisions"], strict=True))
    assert counts[SMALL] == LEAST_GROUP + 4
    assert counts["just enough"] == LEAST_GROUP
    assert counts["(missing)"] == 50
    assert sum(counts.values()) == 300
    assert not {"few", "fewer"} & set(counts)


def test_a_rate_that_a_group_does_not_have_is_null_and_no_disparity() -> None:
    frame = population(5)
    frame.loc[frame.group == "east", "bad"] = 0
    found = compare(frame)
    east = found.table.filter(pl.col("group") == "east")
    assert east["false_negative_rate"].item() is None
    assert east["roc_auc"].item() is None
    assert east["false_positive_rate"].item() is not None
    spread = [found.table[f"false_{kind}_rate"].drop_nulls() for kind in ("positive", "negative")]
    widest = max(rates.to_numpy().max() - rates.to_numpy().min() for rates in spread)
    assert found.disparities["equalized_odds_difference"] == pytest.approx(widest)


def test_where_nobody_is_approved_there_is_no_ratio() -> None:
    frame = population(6)
    frame["probability"] = frame.probability / 2 + 0.5
    assert compare(frame).disparities == {"demographic_parity_difference": 0, "equalized_odds_difference": 0}


def test_groups_treated_alike_are_even() -> None:
    half = population(7).assign(group="one")
    found = compare(pd.concat([half, half.assign(group="other")]))
    assert found.disparities == {
        "demographic_parity_difference": 0,
        "demographic_parity_ratio": 1,
        "equalized_odds_difference": 0,
    }


def test_one_group_is_even_with_itself() -> None:
    found = compare(population(8).assign(group="all"))
    assert found.table.height == 1
    assert found.disparities["demographic_parity_ratio"] == 1
