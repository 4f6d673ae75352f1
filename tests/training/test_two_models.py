"""Two models on the same decisions: the laws of the swap set, and of what is said of a difference."""

from functools import cache

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest, spearmanr

from credit_model import metrics
from credit_model.training.swap_set import CELLS
from credit_model.training.two_models import SIDES, Comparison, compared, decided, swap_set_of
from two_answers import swapped, twice, two_answers

COSTS, SEED = (10.0, 1.0), 1


@cache
def comparison(rate: float | None = None) -> Comparison:
    return compared(two_answers(), COSTS, SEED, rate)


def test_a_model_beside_itself_differs_in_nothing() -> None:
    found = compared(twice(two_answers()), COSTS, SEED)
    assert found.swap_set is not None
    assert [found.swap_set.cells[cell]["decisions"] for cell in ("goes out", "comes in")] == [0, 0]
    assert {
        name: (one.difference, one.low, one.high) for name, one in found.measures.items()
    } == dict.fromkeys(found.measures, (0.0, 0.0, 0.0))
    assert len(found.measures) == 7
    assert found.agreement == pytest.approx(1, abs=1e-12)
    assert found.changed_reasons[0] == 0
    assert found.statuses["A"].to_list() == found.statuses["B"].to_list()


def test_exchanging_the_models_mirrors_every_figure() -> None:
    one, other = comparison(0.4), compared(swapped(two_answers()), COSTS, SEED, 0.4)
    assert one.swap_set is not None
    assert other.swap_set is not None
    mirror = dict(zip(CELLS, ("approved by both", "comes in", "goes out", "refused by both"), strict=True))
    assert one.swap_set.cells == {mirror[cell]: row for cell, row in other.swap_set.cells.items()}
    for name, measure in one.measures.items():
        mirrored = other.measures[name]
        assert (measure.first, measure.second) == (mirrored.second, mirrored.first)
        assert (measure.low, measure.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)
    assert one.agreement == other.agreement
    assert one.changed_reasons == other.changed_reasons
    exchanged = other.reasons.select(
        "reason", pl.col("A first").alias("B first"), pl.col("B first").alias("A first")
    )
    assert one.reasons.select(exchanged.columns).sort("reason").equals(exchanged.sort("reason"))


@pytest.mark.parametrize("levels", [3, 20, 10_000])
@pytest.mark.parametrize("rate", [0.001, 0.3, 0.77, 0.999])
def test_the_cells_add_up_and_both_approve_as_many_as_ties_allow(levels: int, rate: float) -> None:
    answers = two_answers(levels=levels)
    found = swap_set_of(answers, rate=rate)
    count_decided = int(decided(answers).sum())
    assert found is not None
    assert int(found.table["decisions"].sum()) == count_decided
    assert found.table["share"].sum() == pytest.approx(1)
    both, out, comes, _ = found.table["decisions"]
    assert (both + out, both + comes) == found.counts
    pairs = answers.filter((pl.col("A status") == "scored") & (pl.col("B status") == "scored"))
    for side, count in zip(SIDES, found.counts, strict=True):
        risk = pairs[f"{side} probability"].to_numpy()
        possible = {int((risk < cut).sum()) for cut in (*np.unique(risk), 1.0)}
        assert abs(count - round(rate * count_decided)) == min(
            abs(each - round(rate * count_decided)) for each in possible
        )
        if levels == 10_000:
            assert abs(count - round(rate * count_decided)) <= 2


def test_the_rate_is_that_of_the_first_at_its_own_threshold() -> None:
    found = comparison().swap_set
    assert found is not None
    pairs = two_answers().filter(pl.Series(comparison().decided))
    assert found.counts[0] == (pairs["A prediction"] == 0).sum()
    assert (found.approved[0] == (pairs["A prediction"] == 0).to_numpy()).all()


def test_bad_rates_are_those_that_sql_finds() -> None:
    found = comparison(0.5).swap_set
    assert found is not None
    first, second = found.cut_offs
    pairs = two_answers()
    query = """
        select case when a and b then 'approved by both' when a then 'goes out' when b then 'comes in'
                    else 'refused by both' end, count(*), count(bad), sum(bad), avg(bad)
        from (select bad, "A probability" < $first a, "B probability" < $second b from pairs
              where "A status" = 'scored' and "B status" = 'scored')
        group by 1"""
    tables = duckdb.connect().register("pairs", pairs.select(pl.exclude("A reasons", "B reasons")))
    rows = tables.execute(query, {"first": first, "second": second}).fetchall()
    expected = {cell: figures for cell, *figures in rows}
    for cell, row in found.cells.items():
        figures = [row[name] for name in ("decisions", "outcomes", "bads", "bad_rate")]
        assert figures == pytest.approx(expected[cell], abs=1e-12)


def test_intervals_of_bad_rates_are_wilsons_where_every_customer_decides_once() -> None:
    for bads, cases in ((0, 7), (3, 40), (12, 12)):
        wilson = binomtest(bads, cases).proportion_ci(method="wilson")
        alone = metrics.rate_interval(bads, np.arange(cases).astype(object))
        assert alone == pytest.approx((wilson.low, wilson.high), abs=1e-6)
    assert np.isnan(metrics.rate_interval(0, np.array([], dtype=object))).all()


def test_the_model_that_knows_more_wins_and_brings_in_the_safe() -> None:
    found = comparison(0.5)
    assert found.measures["roc_auc"].low > 0
    assert found.measures["brier"].high < 0
    assert found.measures["bad rate of the approved"].high < 0
    assert found.measures["cost at the approval rate"].high < 0
    assert found.swap_set is not None
    coming, going = (found.swap_set.cells[cell] for cell in ("comes in", "goes out"))
    assert coming["high"] < going["bad_rate"]  # type: ignore[operator]


def test_without_outcomes_everything_else_is_the_same() -> None:
    blind = compared(two_answers().with_columns(bad=pl.lit(None, pl.Int8)), COSTS, SEED)
    known = comparison()
    assert blind.swap_set is not None
    assert known.swap_set is not None
    assert blind.measures == {}
    assert not blind.with_outcomes
    assert blind.swap_set.table.equals(known.swap_set.table.select("cell", "decisions", "share"))
    assert blind.approvals.columns == ["group", "decisions", "share"]
    assert (blind.agreement, blind.changed_reasons) == (known.agreement, known.changed_reasons)
    assert blind.reasons.equals(known.reasons)
    (said,) = blind.lacking
    assert "give --outcomes FILE" in said


def test_too_few_outcomes_give_no_measure_and_bad_rates_all_the_same() -> None:
    answers = two_answers().with_columns(bad=pl.when(pl.int_range(pl.len()) < 30).then(pl.col("bad")))
    found = compared(answers, COSTS, SEED)
    assert found.measures == {}
    assert "20 of each are needed" in found.lacking[0]
    assert found.swap_set is not None
    assert 0 < found.swap_set.table["outcomes"].sum() <= 30


def test_the_agreement_is_spearmans() -> None:
    both = two_answers(levels=7).drop_nulls(["A probability", "B probability"])
    expected = spearmanr(both["A probability"], both["B probability"]).statistic
    assert compared(two_answers(levels=7), COSTS, SEED).agreement == pytest.approx(expected, abs=1e-12)


def test_reasons_are_of_those_whom_both_refuse() -> None:
    found = comparison(0.5)
    assert found.swap_set is not None
    pairs = two_answers().filter(pl.Series(found.decided))
    refused = pairs.filter(pl.Series(~found.swap_set.approved[0] & ~found.swap_set.approved[1]))
    firsts = [[(each or ["none"])[0] for each in refused[f"{side} reasons"].to_list()] for side in SIDES]
    assert found.changed_reasons == (sum(a != b for a, b in zip(*firsts, strict=True)), refused.height)
    for row in found.reasons.to_dicts():
        assert [row["A first"], row["B first"]] == [own.count(row["reason"]) for own in firsts]
        assert row["change"] == row["B first"] - row["A first"]


def test_where_no_decision_has_a_history_those_with_a_probability_are_compared() -> None:
    answers = two_answers().with_columns(pl.lit("no_history").alias(f"{side} status") for side in SIDES)
    judged = answers.drop_nulls(["A probability", "B probability"]).height
    assert compared(answers, COSTS, SEED).decided.sum() == judged
    nobody = answers.with_columns(pl.lit(None, pl.Float64).alias("B probability"))
    found = compared(nobody, COSTS, SEED)
    assert found.swap_set is None
    assert np.isnan(found.agreement)
