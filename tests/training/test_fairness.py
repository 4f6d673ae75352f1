"""Groups compared, against plain pandas, fairlearn and by hand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fairlearn.metrics import (
    demographic_parity_difference,
    demographic_parity_ratio,
    equalized_odds_difference,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from credit_model.settings.settings import Settings
from credit_model.training.fairness import (
    EVEN,
    LEAST_GROUP,
    RATES,
    SMALL,
    Fairness,
    Judged,
    disparities,
    fairness,
)
from credit_model.training.sample import groups, observed_sample

THRESHOLD, APPROVED_BELOW = 0.4, 0.25


def population(seed: int = 1, rows: int = 900) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    group = random.choice(["north", "south", "east"], rows, p=[0.5, 0.3, 0.2])
    probability = random.beta(2, 4, rows) + np.where(group == "south", 0.1, 0)
    frame = pd.DataFrame({"group": group, "probability": np.clip(probability, 0.001, 0.999)})
    frame["bad"] = (random.random(rows) < frame.probability).astype(np.int8)
    return frame


def compare(frame: pd.DataFrame, times: int = 20) -> Fairness:
    risk = frame.probability.to_numpy()
    customers = frame.customer if "customer" in frame else pd.Series(np.arange(len(frame)))
    judged = Judged(
        customers.astype(str).to_numpy(dtype=object),
        frame.bad.to_numpy().astype(np.int8),
        risk,
        risk < APPROVED_BELOW,
        (risk >= THRESHOLD).astype(np.int8),
    )
    names = [name if isinstance(name, str) else None for name in frame.group]
    return fairness(pl.Series(names, dtype=pl.String), judged, 7, times)


def values(found: Fairness) -> dict[str, float]:
    return dict(found.disparities.select("measure", "value").iter_rows())


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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disparities_are_those_of_fairlearn(seed: int) -> None:
    frame = population(seed)
    approved = (frame.probability < APPROVED_BELOW).astype(int)
    said = (frame.probability >= THRESHOLD).astype(int)
    parity = {"y_true": frame.bad, "y_pred": approved, "sensitive_features": frame.group}
    assert values(compare(frame)) == pytest.approx(
        {
            "demographic_parity_difference": demographic_parity_difference(**parity),
            "demographic_parity_ratio": demographic_parity_ratio(**parity),
            "equalized_odds_difference": equalized_odds_difference(
                frame.bad, said, sensitive_features=frame.group
            ),
        }
    )


@pytest.mark.parametrize("rate", RATES)
def test_an_interval_of_a_rate_is_as_wide_as_its_binomial(rate: str) -> None:
    frame = population(11, 2000)
    table = compare(frame, 500).table
    cases = {"false_positive_rate": table["decisions"] - table["bads"], "false_negative_rate": table["bads"]}
    width = 2 * 1.96 * (table[rate] * (1 - table[rate]) / cases.get(rate, table["decisions"])).sqrt()
    assert (table[f"{rate}_high"] - table[f"{rate}_low"]).to_list() == pytest.approx(width.to_list(), rel=0.2)
    assert table[rate].is_between(table[f"{rate}_low"], table[f"{rate}_high"]).all()


def test_intervals_resample_customers_not_decisions() -> None:
    frame = population(12).assign(customer=lambda found: found.index)
    once, thrice = compare(frame, 100), compare(pd.concat([frame] * 3), 100)
    rates = [f"{rate}_{end}" for rate in RATES for end in ("low", "high")]
    for rate in rates:
        assert thrice.table[rate].to_list() == pytest.approx(once.table[rate].to_list())
    for end in ("value", "low", "high"):
        assert thrice.disparities[end].to_list() == pytest.approx(once.disparities[end].to_list())


def covered(truth: dict[str, float], drawn: Callable[[int], pd.DataFrame]) -> dict[str, int]:
    """How often of 40 times the interval of a sample holds the truth of its population."""
    hits = dict.fromkeys(truth, 0)
    for seed in range(40):
        for row in compare(drawn(100 + seed), 100).disparities.to_dicts():
            hits[row["measure"]] += row["low"] <= truth[row["measure"]] <= row["high"]
    return hits


def test_an_interval_of_a_disparity_covers_what_is_true_of_the_population() -> None:
    truth = values(compare(population(0, 200_000), 1))
    assert min(covered(truth, population).values()) >= 33


def even_by_lot(seed: int, groups: int, per_customer: int, rows: int = 600) -> tuple[pl.Series, Judged]:
    """Decisions of customers whose group was drawn by lot, independent of everything."""
    random = np.random.default_rng(seed)
    customers = rows // per_customer
    owner = random.integers(0, customers, rows)
    probability = 0.7 * random.beta(2, 4, rows) + 0.3 * random.beta(2, 4, customers)[owner]
    bad = (random.random(rows) < probability).astype(np.int8)
    group = pl.Series([f"g{lot}" for lot in random.integers(0, groups, customers)[owner]])
    approved, prediction = probability < APPROVED_BELOW, (probability >= THRESHOLD).astype(np.int8)
    return group, Judged(owner.astype(str).astype(object), bad, probability, approved, prediction)


@pytest.mark.parametrize(("groups", "per_customer"), [(2, 1), (6, 3)])
def test_the_interval_of_groups_drawn_by_lot_excludes_evenness_in_five_of_a_hundred_draws(
    groups: int, per_customer: int
) -> None:
    excluded = dict.fromkeys(EVEN, 0)
    for seed in range(200):
        for row in disparities(*even_by_lot(seed, groups, per_customer), seed, 100).to_dicts():
            excluded[row["measure"]] += not row["low"] <= EVEN[row["measure"]] <= row["high"]
            assert (row["chance"] <= 0.05) == (not row["low"] <= EVEN[row["measure"]] <= row["high"])
    assert all(3 <= count <= 18 for count in excluded.values()), excluded


def test_an_uneven_treatment_is_seen_and_breaks_the_four_fifths_rule() -> None:
    found = compare(population(1), 100)
    for row in found.disparities.to_dicts():
        assert not row["low"] <= EVEN[row["measure"]] <= row["high"], row
    assert found.four_fifths is False
    assert compare(population(7).assign(group="all")).four_fifths is True


@given(st.integers(0, 50))
@settings(max_examples=8)
def test_the_order_of_decisions_does_not_matter(seed: int) -> None:
    frame = population(3, 300)
    mixed = frame.sample(frac=1, random_state=seed)
    assert values(compare(mixed)) == pytest.approx(values(compare(frame)))
    points = ["group", "decisions", "bads", *RATES, "roc_auc"]
    assert compare(mixed).table.select(points).equals(compare(frame).table.select(points))


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
    assert values(found)["equalized_odds_difference"] == pytest.approx(widest)


def test_where_nobody_is_approved_there_is_no_ratio() -> None:
    frame = population(6)
    frame["probability"] = frame.probability / 2 + 0.5
    found = compare(frame)
    assert values(found) == {"demographic_parity_difference": 0, "equalized_odds_difference": 0}
    assert found.four_fifths is None


def test_groups_treated_alike_are_even() -> None:
    half = population(7).assign(group="one")
    found = compare(pd.concat([half, half.assign(group="other")]))
    assert values(found) == {
        "demographic_parity_difference": 0,
        "demographic_parity_ratio": 1,
        "equalized_odds_difference": 0,
    }


def test_one_group_is_even_with_itself() -> None:
    found = compare(population(8).assign(group="all"))
    assert found.table.height == 1
    assert values(found)["demographic_parity_ratio"] == 1


@pytest.mark.parametrize("attributes", [("age", "region"), ("Region",)])
def test_a_group_that_the_model_would_decide_by_is_refused(attributes: tuple[str, ...]) -> None:
    table = pl.DataFrame(
        {
            "CustomerId": ["a", "b"],
            "as_of": ["2019-01-01", "2019-01-02"],
            "defaulted": [0, 1],
            "age": [30, 40],
            "region": ["n", "s"],
            "Region": ["n", "s"],
        }
    )
    with pytest.raises(ValueError, match=r"group region is an attribute too, .* take it out of attributes"):
        observed_sample(Settings(group="region", attributes=attributes), table)
    assert list(groups(observed_sample(Settings(group="region"), table).decisions)) == ["region"]
