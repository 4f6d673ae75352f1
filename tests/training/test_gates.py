"""What speaks against a model is found and named, and nothing else is."""

from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from credit_model.data.transactions import Tidy, tidy_table
from credit_model.synthetic import generate
from credit_model.synthetic.constants import START
from credit_model.training import gates
from credit_model.training.dataset import Dataset, build_dataset
from credit_model.training.gates import Baseline, copies, failed
from credit_model.training.sample import Recipe

ROWS = 600
RANDOM = np.random.default_rng(1)
BAD = (np.arange(ROWS) % 10 == 0).astype(np.int8)
HISTORY, OUTCOME = 30, 20
TEST = START + timedelta(days=60)


def at_auc(auc: float, low: float = 0.6) -> dict[str, float]:
    return {"test_roc_auc": auc, "test_roc_auc_low": low}


def number(bad: np.ndarray, good: np.ndarray) -> pl.Series:
    return pl.Series(np.where(BAD == 1, bad, good), nan_to_null=True)


def text(bad: list[str | None], good: list[str | None]) -> pl.Series:
    return pl.Series([(bad if is_bad else good)[i // 10 % len(bad)] for i, is_bad in enumerate(BAD)])


NOISE = RANDOM.normal(size=ROWS)
LEAKS = {
    "the label": number(np.ones(ROWS), np.zeros(ROWS)),
    "turned round": number(np.zeros(ROWS), np.ones(ROWS)),
    "shifted amounts": number(50 + NOISE, NOISE),
    "days past due, missing for the good": number(RANDOM.integers(1, 90, ROWS), np.full(ROWS, np.nan)),
    "days of standing, missing for the bad": number(np.full(ROWS, np.nan), RANDOM.integers(1, 90, ROWS)),
    "the label with gaps": number(np.ones(ROWS), np.zeros(ROWS)).set(
        pl.Series(RANDOM.random(ROWS) < 0.3), None
    ),
    "two words": text(["yes"] * 2, ["no"] * 2),
    "one word or nothing": text(["written off"] * 2, [None] * 2),
    "many rare words or nothing": text([f"stage {n}" for n in range(9)], [None] * 9),
    "many rare words or a common one": text([f"stage {n}" for n in range(9)], ["paid"] * 9),
    "two words with gaps": text(["yes", "yes", None], ["no", "no", None]),
}
HONEST = {
    "noise": pl.Series(NOISE),
    "a strong signal": number(1.8 + NOISE, NOISE),
    "noise with gaps": pl.Series(NOISE).set(pl.Series(RANDOM.random(ROWS) < 0.5), None),
    "constant": pl.Series(np.zeros(ROWS)),
    "never known": pl.Series([None] * ROWS, dtype=pl.Float64),
    "words": pl.Series(RANDOM.choice(["a", "b", "c"], ROWS)),
    "a word for each": pl.Series([f"w{i}" for i in range(ROWS)]),
    "words never known": pl.Series([None] * ROWS, dtype=pl.String),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_feature_that_copies_the_label_is_named(name: str) -> None:
    found = copies(pl.DataFrame({"noise": NOISE, name: LEAKS[name]}), BAD)
    assert list(found) == [name]
    assert gates.REFUSED_AUC < found[name] <= 1
    reasons = failed("observed_default", at_auc(0.8), found, ())
    assert reasons == [f"the feature {name} alone gives AUC {found[name]:.3f}: it copies the label"]


@pytest.mark.parametrize("name", HONEST)
def test_a_feature_that_does_not_copy_the_label_is_not_named(name: str) -> None:
    assert copies(pl.DataFrame({name: HONEST[name]}), BAD) == {}


def test_with_nineteen_bads_no_feature_is_named() -> None:
    for bads, names in ((19, []), (20, ["copy"])):
        bad = (np.arange(ROWS) < bads).astype(np.int8)
        assert list(copies(pl.DataFrame({"copy": bad.astype(np.float64)}), bad)) == names


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_the_auc_named_is_that_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=ROWS) + 4 * BAD
    auc = roc_auc_score(BAD, values)
    found = copies(pl.DataFrame({"x": values}), BAD)
    assert found == ({"x": pytest.approx(auc)} if auc > gates.REFUSED_AUC else {})


BEATEN = Baseline("recency", 0.7, (0.01, 0.05))


@pytest.mark.parametrize(
    ("target", "figures", "beaten", "said"),
    [
        ("rfm_proxy", at_auc(0.9), (BEATEN,), []),
        ("observed_default", at_auc(gates.REFUSED_AUC), (), []),
        ("same_window", at_auc(0.9), (), ["features' own window"]),
        ("rfm_proxy", at_auc(0.981), (), ["too good to be honest"]),
        ("rfm_proxy", at_auc(0.6, 0.501), (), []),
        ("observed_default", at_auc(0.6, 0.5), (), ["clearly better than chance"]),
        ("rfm_proxy", at_auc(0.4, 0.3), (BEATEN,), ["clearly better than chance"]),
        ("rfm_proxy", {}, (BEATEN,), ["not estimable"]),
        (
            "rfm_proxy",
            at_auc(0.9),
            (Baseline("recency", 0.9, (0.0, 0.1)),),
            ["better than recency"],
        ),
        (
            "rfm_proxy",
            at_auc(0.9),
            (Baseline("recency", 0.9, (-0.1, 0.1)),),
            ["better than recency"],
        ),
        (
            "rfm_proxy",
            at_auc(0.9),
            (BEATEN, Baseline("customer_base", 0.9, (float("nan"), float("nan")))),
            ["better than customer base"],
        ),
        ("same_window", at_auc(0.999), (), ["features' own window", "too good to be honest"]),
    ],
)
def test_each_gate_binds_and_says_why(
    target: str, figures: dict[str, float], beaten: tuple[Baseline, ...], said: list[str]
) -> None:
    reasons = failed(target, figures, {}, beaten)
    assert len(reasons) == len(said)
    for reason, part in zip(reasons, said, strict=True):
        assert part in reason


@cache
def prepared() -> tuple[Tidy, Dataset, Recipe]:
    """Decisions at two observation dates, bad where no transaction followed."""
    known = tidy_table(generate.transactions(customers=500, days=90, seed=3))
    frame, recipe, parts = known.frame, Recipe(HISTORY, "rfm_proxy"), []
    for moment, part in ((TEST - timedelta(days=OUTCOME), "train"), (TEST, "test")):
        when = pl.col("TransactionStartTime")
        before = frame.filter((when >= moment - timedelta(days=HISTORY)) & (when < moment))
        after = frame.filter((when >= moment) & (when < moment + timedelta(days=OUTCOME)))
        people = before.select("CustomerId").unique(maintain_order=True)
        silent = ~pl.col("CustomerId").is_in(after["CustomerId"].unique().implode())
        parts.append(people.with_columns(as_of=pl.lit(moment), bad=silent.cast(pl.Int8), part=pl.lit(part)))
    return known, build_dataset(known, pl.concat(parts), recipe), recipe


def on_test(risk: np.ndarray) -> tuple[Baseline, ...]:
    known, ready, recipe = prepared()
    return gates.baselines(known, ready, np.where(ready.part("test"), risk, np.nan), recipe, OUTCOME)


def test_baselines_are_judged_on_the_decisions_that_the_model_judged() -> None:
    _, ready, _ = prepared()
    recency = ready.features["recency"].to_numpy()
    judged = ready.part("test") & (np.arange(len(recency)) % 3 > 0)
    found = on_test(np.where(judged, recency, np.nan))
    assert [baseline.name for baseline in found] == ["recency", "customer_base"]
    assert found[0].roc_auc == pytest.approx(roc_auc_score(ready.bad[judged], recency[judged]))
    assert found[0].lift == (0, 0)


def test_a_model_that_ranks_as_recency_does_fails_and_one_that_knows_more_passes() -> None:
    _, ready, recipe = prepared()
    recency = ready.features["recency"].to_numpy()
    equal = on_test(1 / (1 + np.exp(-recency / 10)))
    assert equal[0].lift == (0, 0)
    assert "not clearly better than recency alone on the test part" in failed(
        recipe.target, at_auc(0.8), {}, equal
    )
    better = on_test(recency + 60 * ready.bad * (np.arange(len(recency)) % 2))
    assert all(baseline.lift[0] > 0 for baseline in better)
    assert failed(recipe.target, at_auc(0.9), {}, better) == []


def test_a_model_worse_than_the_baselines_has_a_lift_below_zero() -> None:
    _, ready, _ = prepared()
    for baseline in on_test(-ready.features["recency"].to_numpy()):
        assert baseline.roc_auc > 0.6
        assert baseline.lift[1] < 0


def test_too_few_to_say_is_no_baseline() -> None:
    _, ready, _ = prepared()
    bads = np.flatnonzero(ready.part("test") & (ready.bad == 1))
    for count, names in ((19, []), (20, ["recency", "customer_base"])):
        risk = np.where((ready.bad == 1) & ~np.isin(np.arange(len(ready.bad)), bads[:count]), np.nan, 0.5)
        assert [baseline.name for baseline in on_test(risk)] == names
