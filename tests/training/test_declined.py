"""Declined applicants: nothing is learned from them, and what they leave open holds whatever they would have done."""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from applications import applications
from credit_model.data.outcomes import declined as turned_down
from credit_model.reporting import model_document, tables
from credit_model.reporting.document_declined import declined as section
from credit_model.reporting.page import Note
from credit_model.settings.settings import Settings
from credit_model.training import workflow
from credit_model.training.declined import (
    ALL_BAD,
    ALL_GOOD,
    APPROVED,
    LEAST,
    MOST,
    Declined,
    bands,
    expected_roc_auc,
    figures,
    roc_auc_bounds,
)
from credit_model.training.workflow import TrainingResult

ROWS, DECLINED = 320, 60
ATTRIBUTES = ("income", "total_debt")


def trained(table: pl.DataFrame, path: Path) -> TrainingResult:
    table.write_parquet(path)
    given = Settings(outcomes=str(path), attributes=ATTRIBUTES, candidate="scorecard", history_days=30)
    return workflow.run(given)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, TrainingResult]:
    """The same approved decisions, without and with declined applicants among them."""
    folder, table = tmp_path_factory.mktemp("declined"), applications(ROWS + DECLINED, 1)[0]
    lot = np.random.default_rng(2).permutation(table.height) < DECLINED
    asked = table.with_columns(approved=pl.Series(~lot)).with_columns(
        defaulted=pl.when("approved").then("defaulted")
    )
    alone = asked.filter("approved").drop("approved")
    return trained(alone, folder / "alone.parquet"), trained(asked, folder / "all.parquet")


def test_the_model_is_the_same_to_the_last_digit(both: tuple[TrainingResult, TrainingResult]) -> None:
    alone, among = both
    assert among.trained.scorer.version == alone.trained.scorer.version
    assert among.figures == alone.figures
    np.testing.assert_array_equal(among.trained.probability, alone.trained.probability)
    assert [line for line in among.summary if "declined" not in line] == [
        line for line in alone.summary if "not trained on before" not in line
    ]


def test_they_are_counted_and_scored(both: tuple[TrainingResult, TrainingResult]) -> None:
    alone, among = both
    found = among.declined
    assert alone.declined is None
    assert found is not None
    assert (found.scored, found.unscored, found.approved) == (DECLINED, 0, ROWS)
    assert among.sample.left_out["declined"] == DECLINED
    assert "indeterminate" in among.sample.left_out
    steps = dict(among.validation.population.iter_rows())
    assert (steps["outcomes read"], steps["declined outcomes"]) == (ROWS + DECLINED, -DECLINED)
    assert found.bands["declined"].sum() == DECLINED
    assert found.bands["approved"].sum() == ROWS
    assert among.summary[-1] == found.line


def test_without_declined_applicants_there_is_nothing_of_them(
    both: tuple[TrainingResult, TrainingResult],
) -> None:
    alone, among = both
    assert [shown.title for shown in model_document.declined(among)] == ["Declined applicants"]
    assert model_document.declined(alone) == []
    told = [{name for name in tables.documents(each) if "declined" in name} for each in both]
    assert told == [set(), {"declined.csv", "declined_by_band.csv"}]
    assert "declined" not in " ".join(alone.summary)


cases = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1), st.booleans()), min_size=4, max_size=9
).filter(lambda rows: {bad for _, bad, lacking in rows if not lacking} == {0, 1})


@settings(max_examples=20, deadline=None)
@given(cases)
def test_the_bounds_are_those_of_every_outcome_that_is_possible(rows: list[tuple[int, int, bool]]) -> None:
    risk, bad, lacking = (np.array(each) for each in zip(*rows, strict=True))
    low, high = roc_auc_bounds(bad[~lacking], risk[~lacking] / 6, risk[lacking] / 6)
    every = np.concatenate([risk[~lacking], risk[lacking]])
    possible = [
        oracle.roc_auc_score([*bad[~lacking], *made], every)
        for made in product((0, 1), repeat=int(lacking.sum()))
    ]
    assert (low, high) == pytest.approx((min(possible), max(possible)))


@settings(max_examples=20, deadline=None)
@given(cases, st.integers(0, 10))
def test_the_more_are_declined_the_wider_the_bounds(rows: list[tuple[int, int, bool]], place: int) -> None:
    risk, bad, lacking = (np.array(each) for each in zip(*rows, strict=True))
    more = lacking.copy()
    more[place % len(more)] = True

    def width(gone: np.ndarray) -> tuple[float, float]:
        low, high = roc_auc_bounds(bad[~gone], risk[~gone] / 6, risk[gone] / 6)
        table = figures(bad[~gone], risk[~gone] / 6, risk[gone] / 6)
        rates = dict(table.select("assumption", "bad_rate").iter_rows())
        return high - low, rates[MOST] - rates[LEAST]

    if len(set(bad[~more])) == 2:
        assert all(wide >= narrow - 1e-12 for narrow, wide in zip(width(lacking), width(more), strict=True))


def simulated(share: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, probabilities, and who was declined by somebody who knew more than the model."""
    lot = np.random.default_rng(seed)
    seen, unseen = lot.normal(size=(2, 2_000))
    bad = (lot.uniform(size=2_000) < 1 / (1 + np.exp(2 - seen - unseen))).astype(np.int8)
    worst = seen + 2 * unseen
    return bad, 1 / (1 + np.exp(2 - seen)), worst > np.quantile(worst, 1 - share)


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_lies_within_the_bounds(seed: int) -> None:
    widths = []
    for share in (0.05, 0.2, 0.5):
        bad, risk, gone = simulated(share, seed)
        table = figures(bad[~gone], risk[~gone], risk[gone])
        low, high = (
            table.row(by_predicate=pl.col("assumption") == name, named=True) for name in (LEAST, MOST)
        )
        truth = oracle.roc_auc_score(bad, risk)
        assert low["bad_rate"] <= bad.mean() <= high["bad_rate"]
        assert low["roc_auc"] <= truth <= high["roc_auc"]
        assert table["roc_auc"].is_between(low["roc_auc"] - 1e-12, high["roc_auc"] + 1e-12)[1:].all()
        widths.append((high["bad_rate"] - low["bad_rate"], high["roc_auc"] - low["roc_auc"]))
    assert widths == sorted(widths)
    assert widths[0] < widths[1] < widths[2]


def test_each_assumption_is_the_average_over_what_it_allows() -> None:
    bad, risk, gone = simulated(0.3, 5)
    table = figures(bad[~gone], risk[~gone], risk[gone])
    rows = {row["assumption"]: row for row in table.to_dicts()}
    assert rows[APPROVED]["roc_auc"] == pytest.approx(oracle.roc_auc_score(bad[~gone], risk[~gone]))
    for name, label in ((ALL_GOOD, 0), (ALL_BAD, 1)):
        every = np.where(gone, label, bad)
        assert rows[name]["bad_rate"] == pytest.approx(every.mean())
        assert rows[name]["roc_auc"] == pytest.approx(oracle.roc_auc_score(every, risk))
    said = "the model's own rate, times 1.5"
    chance = np.minimum(1.5 * risk[gone], 1)
    assert rows[said]["declined_bad_rate"] == pytest.approx(chance.mean())
    lot = np.random.default_rng(1)
    draws = [np.concatenate([bad[~gone], lot.uniform(size=gone.sum()) < chance]) for _ in range(30)]
    ordered = np.concatenate([risk[~gone], risk[gone]])
    drawn = np.mean([oracle.roc_auc_score(draw, ordered) for draw in draws])
    assert rows[said]["roc_auc"] == pytest.approx(drawn, abs=0.01)


def test_the_expected_auc_of_known_outcomes_is_the_auc() -> None:
    bad, risk, _ = simulated(0.1, 7)
    risk = risk.round(2)
    assert expected_roc_auc(bad.astype(float), risk) == pytest.approx(oracle.roc_auc_score(bad, risk))
    assert np.isnan(expected_roc_auc(np.ones(3), np.arange(3.0)))


def test_with_few_bads_no_auc_is_given() -> None:
    bad = np.array([1] * 19 + [0] * 200, dtype=np.int8)
    table = figures(bad, np.linspace(0.9, 0.1, 219), np.full(5, 0.4))
    assert table["roc_auc"].null_count() == table.height


def made(beyond: int, unscored: int) -> Declined:
    bad, risk, gone = simulated(0.2, 3)
    tables = (each(bad[~gone], risk[~gone], risk[gone]) for each in (figures, bands))
    return Declined(int(gone.sum()), unscored, int((~gone).sum()), int(bad[~gone].sum()), beyond, *tables)


@pytest.mark.parametrize(("beyond", "unscored"), [(0, 0), (12, 7)])
def test_the_section_says_what_holds(beyond: int, unscored: int) -> None:
    shown = section(made(beyond, unscored), "blend")
    said = " ".join(block.text if isinstance(block, Note) else str(block) for block in shown.blocks[:-2])
    assert ("than any approved decision" in said) == (beyond > 0)
    assert ("are not scored" in said) == (unscored > 0)
    assert "no label is made up for them" in said
    assert "extrapolation" in said


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"approved": [1, 2]},
            r"approved: 1 row is neither 0 nor 1 \(the first: row 2\); write 1 for approved, 0 for declined",
        ),
        (
            {"approved": [0, 0]},
            r"approved: 1 row is of declined applicants and have an outcome \(the first: row 1\)",
        ),
    ],
)
def test_who_was_declined_is_said_plainly(columns: dict[str, list[int]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        turned_down(pl.DataFrame({"defaulted": [1, None], **columns}))


@pytest.mark.parametrize(
    "cells", [[1, 0, None], ["true", " False ", ""], [True, False, None], [1.0, 0.0, None]]
)
def test_approved_reads_like_defaulted_and_unknown_is_not_declined(cells: list[object]) -> None:
    table = pl.DataFrame({"approved": pl.Series(cells), "defaulted": [1, None, None]})
    assert turned_down(table).to_list() == [False, True, False]
    assert turned_down(table.drop("approved")).to_list() == [False] * 3
