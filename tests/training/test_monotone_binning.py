"""Laws of weight-of-evidence binning; the oracle of an index is bisect, of a count a Polars filter."""

import json
import subprocess
import sys
from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model.models.binning import Binning
from credit_model.reporting.tables import binning_table
from credit_model.training.monotone_binning import (
    BinningRules,
    CellCounts,
    fit_binning,
    fit_binnings,
    monotone_cuts,
)

SEEDS = st.integers(0, 10_000)
NUMBERS = st.one_of(st.none(), st.floats(width=64), st.sampled_from([0.0, -1.0, 3.5]))


def risky_number(seed: int, size: int = 600, slope: float = 2.0) -> tuple[pl.Series, pl.Series]:
    """A number that raises the risk (a tenth of it missing), and the labels."""
    rng = np.random.default_rng(seed)
    number = np.round(rng.normal(size=size), 1)
    bad = rng.random(size) < 1 / (1 + np.exp(1 - slope * number))
    values = pl.Series("number", np.where(rng.random(size) < 0.1, np.nan, number)).fill_nan(None)
    return values, pl.Series("bad", bad.astype(np.int8))


def risky_text(seed: int, size: int = 600) -> tuple[pl.Series, pl.Series]:
    """A text with six levels (one of them rare) of very different risk, and the labels."""
    rng = np.random.default_rng(seed)
    levels = rng.choice(6, size=size, p=[0.3, 0.2, 0.2, 0.15, 0.14, 0.01])
    bad = rng.random(size) < np.array([0.1, 0.2, 0.4, 0.6, 0.8, 0.5])[levels]
    return pl.Series("text", np.array(list("abcdef"))[levels]), pl.Series("bad", bad.astype(np.int8))


@given(seed=SEEDS, numbers=st.lists(NUMBERS, max_size=40))
@settings(max_examples=40, deadline=None)
def test_index_is_the_interval_and_woe_is_its_evidence(seed: int, numbers: list[float | None]) -> None:
    binning = fit_binning(*risky_number(seed))
    numbers = [*numbers, *binning.edges]
    finite = [number is not None and np.isfinite(number) for number in numbers]
    expected = [
        bisect_right(binning.edges, number) if known and number is not None else len(binning.edges) + 1
        for number, known in zip(numbers, finite, strict=True)
    ]
    column = pl.Series("number", numbers, dtype=pl.Float64)
    assert binning.index(column).tolist() == expected
    assert binning.index(column.to_numpy()).tolist() == expected
    assert binning.woe(column).tolist() == [binning.evidence[i] for i in expected]


@pytest.mark.parametrize("slope", [0.0, 0.2, 0.4, 2.0])
@pytest.mark.parametrize("direction", [1, -1])
def test_what_grows_no_tree_would_not_have_been_cut(
    monkeypatch: pytest.MonkeyPatch, direction: int, slope: float
) -> None:
    numbers = [risky_number(seed, slope=slope) for seed in range(20)]
    found = [fit_binning(*number, direction) for number in numbers]
    monkeypatch.setattr("credit_model.training.monotone_binning.ROUNDING", np.inf)  # every tree is grown
    assert [fit_binning(*number, direction) for number in numbers] == found


@given(
    seed=SEEDS,
    texts=st.lists(st.one_of(st.none(), st.text(max_size=3), st.sampled_from("abcdef")), max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_every_text_has_a_finite_woe_and_an_unseen_one_is_neutral(seed: int, texts: list[str | None]) -> None:
    binning = fit_binning(*risky_text(seed))
    column = pl.Series("text", texts, dtype=pl.String)
    woe = binning.woe(column)
    assert np.isfinite(woe).all()
    assert all(
        woe[i] == 0 for i, text in enumerate(texts) if text is None or text not in "abcdef" or not text
    )
    assert all(
        text in binning.levels[binning.index(column)[i]]
        for i, text in enumerate(texts)
        if text in [*"abcdef"]
    )


def test_long_and_short_texts_are_looked_up_alike() -> None:
    binning = fit_binning(*risky_text(1))
    short = pl.Series("text", ["a", "f", None, "new", ""])
    long = pl.concat([short] * 5_000)
    assert binning.index(long).tolist() == binning.index(short).tolist() * 5_000


@given(seed=SEEDS, kind=st.sampled_from([risky_number, risky_text]))
@settings(max_examples=30, deadline=None)
def test_what_is_stored_as_json_is_the_same_binning(seed: int, kind: object) -> None:
    binning = fit_binning(*(risky_number if kind is risky_number else risky_text)(seed))
    assert Binning.from_dict(json.loads(json.dumps(binning.to_dict(), allow_nan=False))) == binning


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_swapping_good_and_bad_flips_the_sign(seed: int) -> None:
    values, bad = risky_number(seed)
    there, back = fit_binning(values, bad, direction=1), fit_binning(values, 1 - bad, direction=-1)
    assert there.edges == back.edges
    np.testing.assert_allclose(there.evidence, -np.array(back.evidence), atol=1e-12)
    assert there.information_value == pytest.approx(back.information_value)


@given(
    seed=SEEDS,
    slope=st.floats(-3, 3),
    direction=st.sampled_from([None, 1, -1]),
    smoothing=st.sampled_from([0.1, 1.0, 100.0, 1000.0]),
)
@settings(max_examples=60, deadline=None)
def test_evidence_moves_in_one_direction_and_in_the_one_that_is_known(
    seed: int, slope: float, direction: int | None, smoothing: float
) -> None:
    rules = BinningRules(smoothing=smoothing, significance=1.0, min_share=0.01, min_cases=5, min_events=1)
    binning = fit_binning(*risky_number(seed, slope=slope), direction, rules)
    steps = np.diff(binning.evidence[:-2])
    assert (steps < 0).all() or (steps > 0).all()
    assert direction is None or (direction * steps < 0).all()


def test_the_direction_is_found_in_the_data() -> None:
    values, bad = risky_number(3)
    rising, falling = fit_binning(values, bad), fit_binning(-values, bad)
    assert rising.evidence[0] > 0 > rising.evidence[-3]
    assert falling.evidence[0] < 0 < falling.evidence[-3]
    assert fit_binning(values, bad, direction=-1).edges == ()


@given(seed=SEEDS, kind=st.sampled_from(["number", "text"]))
@settings(max_examples=40, deadline=None)
def test_counts_are_those_of_the_training_rows_and_large_enough(seed: int, kind: str) -> None:
    values, bad = risky_number(seed) if kind == "number" else risky_text(seed)
    rules = BinningRules(min_share=0.1, min_events=8)
    binning = fit_binning(values, bad, rules=rules)
    rows = pl.DataFrame({"bin": binning.index(values), "bad": bad})
    for i, (goods, bads) in enumerate(zip(binning.goods, binning.bads, strict=True)):
        own = rows.filter(pl.col("bin") == i)
        assert (len(own) - own["bad"].sum(), own["bad"].sum()) == (goods, bads)
        if i < binning.missing:
            assert goods + bads >= 0.1 * values.count()
            assert min(goods, bads) >= rules.min_events


def test_woe_is_the_log_of_good_share_over_bad_share() -> None:
    values = pl.Series("flag", [0.0] * 1000 + [1.0] * 1000)
    bad = [1] * 100 + [0] * 900 + [1] * 300 + [0] * 700
    binning = fit_binning(values, bad, rules=BinningRules(smoothing=1e-9))
    expected = [np.log((900 / 1600) / (100 / 400)), np.log((700 / 1600) / (300 / 400))]
    np.testing.assert_allclose(binning.evidence, [*expected, 0, 0], rtol=1e-9)
    shares = [900 / 1600 - 100 / 400, 700 / 1600 - 300 / 400]
    assert binning.information_value == pytest.approx(np.dot(shares, expected))
    assert binning.edges == (0.5,)


def test_smoothing_draws_small_bins_towards_neutral() -> None:
    values, bad = risky_number(5)
    raw, smooth = (fit_binning(values, bad, 1, BinningRules(max_bins=3, smoothing=s)) for s in (0.01, 50.0))
    assert raw.edges == smooth.edges
    assert raw.edges
    assert all(abs(s) < abs(r) for s, r in zip(smooth.evidence[:-2], raw.evidence[:-2], strict=True))


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_only_the_order_of_the_values_counts(seed: int) -> None:
    values, bad = risky_number(seed)
    stretched = (values.exp() * 7 + 1e6).alias("number")
    np.testing.assert_array_equal(
        fit_binning(values, bad).index(values), fit_binning(stretched, bad).index(stretched)
    )


@given(seed=SEEDS, kind=st.sampled_from(["number", "text"]))
@settings(max_examples=30, deadline=None)
def test_row_order_changes_nothing(seed: int, kind: str) -> None:
    values, bad = risky_number(seed) if kind == "number" else risky_text(seed)
    order = np.random.default_rng(seed).permutation(len(values))
    assert fit_binning(values[order], bad.to_numpy()[order]) == fit_binning(values, bad)


@given(seed=SEEDS, digits=st.sampled_from([1e-10, 1e-13, 1e-16]))
@settings(max_examples=30, deadline=None)
def test_last_digits_cross_no_edge(seed: int, digits: float) -> None:
    values, bad = risky_number(seed)
    rng = np.random.default_rng(seed)
    noise = rng.uniform(-1, 1, len(values)) * digits
    shaken = values * (1 + noise / 4) + pl.Series(np.where(values.fill_null(1) == 0, noise * 1e-4, 0))
    assert (shaken != values).any()
    learned_shaken, learned = fit_binning(shaken, bad), fit_binning(values, bad)
    np.testing.assert_array_equal(learned_shaken.index(values), learned.index(values))
    np.testing.assert_array_equal(learned.index(shaken), learned.index(values))


def test_missing_speaks_only_where_its_cases_are_enough_and_differ() -> None:
    rng = np.random.default_rng(0)
    number = pl.Series("n", rng.normal(size=1159))
    bad = np.zeros(1159, dtype=int)
    bad[:53], bad[200:218] = 1, 1
    telling = pl.Series("n", [None] * 158 + number[158:].to_list())
    assert fit_binning(telling, bad).evidence[-2] == pytest.approx(
        np.log((105 + 5 * 1088 / 1159) / (53 + 5 * 71 / 1159)) - np.log(1088 / 71), rel=1e-9
    )
    few = pl.Series("n", [None] * 25 + number[25:].to_list())
    assert fit_binning(few, bad).evidence[-2] == 0
    same = pl.Series("n", np.where(np.arange(1159) % 4 == 1, np.nan, number))
    assert fit_binning(same, bad).evidence[-2] == 0


@pytest.mark.parametrize("kind", ["number", "text", "missing"])
def test_noise_is_hardly_ever_cut_and_worth_nothing(kind: str) -> None:
    rng = np.random.default_rng(11)
    bad = (rng.random(1000) < 0.2).astype(int)
    values = []
    for _ in range(60):
        number = rng.random(1000)
        text = pl.Series("x", rng.integers(0, 15, 1000)).cast(pl.String)
        holes = pl.Series("x", np.where(number < 0.2, np.nan, number))
        values.append({"number": pl.Series("x", number), "text": text, "missing": holes}[kind])
    binnings = [fit_binning(column, bad) for column in values]
    assert np.mean([binning.information_value for binning in binnings]) < 0.01
    assert np.mean([len(binning.evidence) > 3 for binning in binnings]) <= 0.2


def test_rare_levels_are_pooled() -> None:
    rng = np.random.default_rng(2)
    common = pl.Series("shop", rng.choice(["x", "y"], 2000))
    rare = pl.Series("shop", [f"r{i}" for i in range(60)])
    rate = np.where(common == "x", 0.3, 0.05)
    bad = np.concatenate([rng.random(2000) < rate, rng.random(60) < 0.9])
    binning = fit_binning(
        pl.concat([common, rare]), bad.astype(int), rules=BinningRules(min_share=0.02, min_events=1)
    )
    assert binning.levels == (("y",), ("x",), tuple(sorted(rare)))


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("x", [None] * 100, dtype=pl.Float64),
        pl.Series("x", [None] * 100, dtype=pl.String),
        pl.Series("x", [None] * 100),
        pl.Series("x", [1.0] * 100),
        pl.Series("x", ["only"] * 100),
        pl.Series("x", [float("inf")] * 50 + [float("nan")] * 50),
        pl.Series("x", [0, 1] * 50),
        pl.Series("x", [True, False] * 50),
    ],
)
def test_a_column_without_evidence_is_worth_nothing(values: pl.Series) -> None:
    binning = fit_binning(values, [0, 0, 1, 1] * 25)
    assert binning.information_value == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(binning.woe(values), 0, atol=1e-12)
    assert binning_table(binning)["count"].sum() == 100


def cells(goods: list[int], bads: list[int]) -> CellCounts:
    return CellCounts(np.array(goods, dtype=float), np.array(bads, dtype=float), sum(goods), sum(bads))


@pytest.mark.parametrize(
    ("counts", "strict", "lax"),
    [
        (cells([5, 500], [25, 100]), {"min_share": 0.1}, {}),
        (cells([5, 500], [25, 100]), {"min_cases": 31}, {}),
        (cells([4, 500], [25, 100]), {"min_events": 5}, {"min_events": 4}),
        (cells([300, 302], [60, 100]), {"significance": 0.001}, {"significance": 0.01}),
    ],
)
def test_each_rule_forbids_a_cut(counts: CellCounts, strict: dict[str, float], lax: dict[str, float]) -> None:
    loose = BinningRules(min_share=0.01, min_cases=10, min_events=1)
    direction = 1 if counts.bads[0] > 50 else -1
    assert monotone_cuts(counts, direction, replace(loose, **lax), 1).tolist() == [1]  # type: ignore[arg-type]
    assert monotone_cuts(counts, direction, replace(loose, **strict), 1).tolist() == []  # type: ignore[arg-type]


def test_a_thin_bin_between_others_joins_its_nearer_neighbour() -> None:
    counts = cells([1000, 38, 100], [10, 2, 50])
    loose = BinningRules(min_share=0.01, min_cases=10, min_events=1, significance=1.0)
    assert monotone_cuts(counts, 1, loose, 1).tolist() == [1, 2]
    assert monotone_cuts(counts, 1, replace(loose, min_events=5), 1).tolist() == [2]


def test_the_best_cut_in_a_known_direction_is_found_beside_a_better_one_against_it() -> None:
    counts = cells([100, 190, 190, 160], [60, 10, 10, 60])
    rules = BinningRules(max_bins=2)
    assert monotone_cuts(counts, 1, rules, 3).tolist() == [3]
    assert monotone_cuts(counts, -1, rules, 3).tolist() == [1]


def test_the_table_reads_like_the_bins() -> None:
    values, bad = risky_number(4)
    binning = fit_binning(values, bad, rules=BinningRules(max_bins=3))
    table = binning_table(binning)
    low, high = (f"{edge:.6g}" for edge in binning.edges)
    assert table["range"].to_list() == [
        f"below {low}",
        f"{low} to {high}",
        f"{high} and above",
        "missing",
        "unseen",
    ]
    assert table["iv"].sum() == pytest.approx(binning.information_value)
    assert table["bad_rate"][-1] is None
    rows = pl.DataFrame({"bin": binning.index(values), "bad": bad.cast(pl.Float64)})
    rates = rows.group_by("bin").agg(bad_rate=pl.col("bad").mean()).sort("bin").cast({"bin": pl.Int64})
    assert_frame_equal(table.filter(pl.col("count") > 0).select("bin", "bad_rate"), rates)


def test_edges_lie_midway_between_observed_values() -> None:
    values, bad = risky_number(8)
    observed = sorted(set(values.drop_nulls()))
    middles = {(low + high) / 2 for low, high in pairwise(observed)}
    edges = fit_binning(values, bad).edges
    assert len(edges) > 1
    assert all(min(abs(edge - middle) for middle in middles) < 1e-12 for edge in edges)


def test_a_table_is_binned_column_by_column_in_known_directions() -> None:
    number, bad = risky_number(9)
    table = pl.DataFrame({"up": number, "down": number, "text": risky_text(9)[0]})
    binnings = fit_binnings(table, bad, directions={"down": -1})
    assert list(binnings) == ["up", "down", "text"]
    assert binnings["up"] == fit_binning(table["up"], bad)
    assert binnings["down"].edges == ()
    assert binnings["text"].kind == "categorical"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0, 1], "one label per value"),
        ([0, 0, 0], "both of them"),
        ([0, 1, 2], "0 and 1"),
        ([0, 1, None], "0 and 1"),
    ],
)
def test_labels_that_cannot_be_binned_are_refused(bad: list[int | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_binning(pl.Series("x", [1.0, 2.0, 3.0]), pl.Series(bad).cast(pl.Float64))


def test_applying_imports_no_training_library() -> None:
    modules = "import sys, credit_model.models.binning, credit_model.scoring.policy"
    code = f"{modules}; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
