"""The page of two models: it says what holds for the comparison in front of it, and nothing else."""

import json
import re
from collections.abc import Mapping
from functools import cache
from html import unescape

import polars as pl
import pytest
from matplotlib.figure import Figure

from credit_model.reporting import comparison_tables
from credit_model.reporting.comparison_page import page_of
from credit_model.reporting.comparison_tables import Sides
from credit_model.training.two_models import Comparison, compared
from two_answers import two_answers

SIDES = Sides(("m v1", "m v2"), ("both models are old",))


@cache
def comparison(*, outcomes: bool = True, rate: float | None = 0.5) -> Comparison:
    answers = two_answers()
    return compared(
        answers if outcomes else answers.with_columns(bad=pl.lit(None, pl.Int8)), (10.0, 1.0), 1, rate
    )


@cache
def shown(*, outcomes: bool = True) -> tuple[str, Mapping[str, Figure]]:
    return page_of(SIDES, comparison(outcomes=outcomes))


def text(*, outcomes: bool = True) -> str:
    """What a reader of the page reads, pictures and styles left out."""
    page, _ = shown(outcomes=outcomes)
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


def test_with_outcomes_everything_is_there_and_nothing_is_lacking() -> None:
    page, drawn = shown()
    assert list(drawn) == ["swap_set.png", "swap_set_bad_rates.png", "strategy.png", "calibration.png"]
    assert page.count("<img") == len(drawn)
    said = text()
    assert "A: m v1; B: m v2; 600 decisions from 2019-01-01 to 2020-08-22" in said
    assert "Both models are old." in said
    assert "nothing is said of" not in said
    assert "at an approval rate of 50.0%, as asked for; decisions of one probability" in said


def test_every_picture_and_table_says_whose_it_is_and_of_how_many() -> None:
    page, _ = shown()
    captions = re.findall(r"<figcaption>(.*?)</figcaption>|<caption><span>(.*?)</span></caption>", page)
    assert len(captions) == 10
    for caption in (unescape("".join(each)) for each in captions):
        assert "A and B, " in caption
        assert re.search(r"\d+ decisions", caption)


def test_without_outcomes_no_bad_rate_is_shown_and_it_is_said() -> None:
    blind = comparison(outcomes=False)
    said = text(outcomes=False)
    assert "No outcomes are given, so that nothing is said of bad rates, AUC, calibration and cost" in said
    assert set(shown(outcomes=False)[1]) == {"swap_set.png"}
    rest = said.replace("nothing is said of bad rates, AUC, calibration and cost", "")
    assert "bad rate" not in rest.lower()
    assert "known outcome" not in rest
    told = comparison_tables.files(SIDES, blind)
    assert not {"measures.csv", "calibration.csv", "strategy.csv"} & set(told)
    assert not any("bad" in name for name in json.loads(told["comparison.json"])["figures"])


def test_ties_and_unknown_outcomes_are_said_where_there_are_any() -> None:
    tied = compared(two_answers(levels=4), (10.0, 1.0), 1, 0.5)
    assert tied.swap_set is not None
    assert tied.swap_set.counts[0] != tied.swap_set.counts[1]
    first, second = tied.swap_set.counts
    said = comparison_tables.sentences(tied)
    assert any(
        line.startswith(f"A approves {first} and B {second}: decisions of one probability") for line in said
    )
    assert not any(line.startswith("A approves") for line in comparison_tables.sentences(comparison()))
    assert any("outcomes of" in line and "are not known" in line for line in said)
    full = compared(two_answers().drop_nulls("bad"), (10.0, 1.0), 1, 0.5)
    assert not any("not known" in line for line in comparison_tables.sentences(full))


def test_the_rate_is_told_as_what_it_is() -> None:
    own = "that of A at its own threshold"
    assert any(own in line for line in comparison_tables.sentences(comparison(rate=None)))
    assert own not in text()


def test_a_difference_is_chance_where_its_interval_holds_0() -> None:
    rows = {row["measure"]: row for row in comparison_tables.measures(comparison()).to_dicts()}
    assert rows["AUC"]["beyond_chance"]
    for row in rows.values():
        assert row["beyond_chance"] == (not row["low"] <= 0 <= row["high"])


def test_the_json_holds_every_figure_and_no_number_that_json_does_not_know() -> None:
    nobody = two_answers().with_columns(pl.lit(None, pl.Float64).alias("B probability"))
    told = comparison_tables.files(SIDES, compared(nobody, (10.0, 1.0), 1))
    assert "NaN" not in told["comparison.json"]
    assert json.loads(told["comparison.json"])["models"] == {"A": "m v1", "B": "m v2"}
    assert "no swap set" in " ".join(comparison_tables.sentences(compared(nobody, (10.0, 1.0), 1)))


@pytest.mark.parametrize("rate", [0.0005, 0.9995])
def test_a_rate_that_swaps_nobody_is_told(rate: float) -> None:
    assert any(
        "give another --approval_rate" in line
        for line in comparison_tables.sentences(comparison(outcomes=False, rate=rate))
    )
