"""Parameters and search spaces of a person's own: checked by name and value, used as given, told in run and document."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

import credit_model
from credit_model.data.transactions import REQUIRED
from credit_model.metrics import ks
from credit_model.models.xgboost_trees import Trees
from credit_model.reporting.document_development import _parameters
from credit_model.reporting.page import Table
from credit_model.settings.kinds import Search
from credit_model.settings.settings import Settings, parameters, resolve, texts
from credit_model.synthetic import generate
from credit_model.training.candidates import CANDIDATES, cross_validate, points
from credit_model.training.cross_validation import Cases, asked, best_parameters, fit, search
from credit_model.training.own_candidates import asked_of, changes, own_parameters, own_spaces
from credit_model.training.sample import Recipe
from credit_model.training.workflow import TrainingResult
from processes import ROOT
from quick import quick_yardstick
from small_table import BAD, ROWS, TABLE

CASES = Cases(TABLE, BAD, np.arange(ROWS).astype(str).astype(object), {}, frozenset())
EXAMPLE = ROOT / "docs" / "train.yaml"


def settings(**raw: Any) -> Settings:
    return resolve("train", raw)


def recipe(**raw: Any) -> Recipe:
    given = settings(**raw)
    return Recipe(
        30,
        "observed_default",
        parameters=own_parameters(given.candidates),
        search=given.search,
        spaces=own_spaces(given.search),
    )


def test_what_is_given_is_fitted_and_the_rest_stays() -> None:
    mine = recipe(candidates={"xgboost": {"depth": 3, "trees": 7}})
    used = best_parameters("xgboost", (), mine)
    assert used == {**CANDIDATES["xgboost"].default_parameters, "depth": 3, "trees": 7}
    fitted = fit("xgboost", CASES, used, mine)
    assert isinstance(fitted, Trees)
    assert fitted.booster.num_boosted_rounds() == 7
    assert best_parameters("forest", (), mine) == CANDIDATES["forest"].default_parameters
    assert changes("xgboost", used) == [("trees", 400, 7), ("depth", 2, 3)]


def test_the_blend_follows_its_parts_unless_it_names_others() -> None:
    usual = CANDIDATES["blend"].default_parameters
    found = own_parameters({"xgboost": {"l2": "3"}, "blend": {"plain_xgboost": {"trees": "9"}}})
    assert found["blend"]["xgboost"] == {**usual["xgboost"], "l2": 3}
    assert found["xgboost"]["depth"] < found["blend"]["xgboost"]["depth"], (
        "what is not asked stays the part's own"
    )
    assert found["blend"]["plain_xgboost"] == {**usual["plain_xgboost"], "trees": 9}
    assert ("plain_xgboost.trees", 600, 9) in changes("blend", found["blend"])
    own = own_parameters({"xgboost": {"depth": "3"}, "blend": {"xgboost": {"depth": "4"}}})
    assert own["blend"]["xgboost"]["depth"] == 4


def test_what_a_person_fixed_is_not_searched_unless_they_give_its_values() -> None:
    fixed = own_parameters({"tree": {"depth": "5"}})
    assert set(asked_of(CANDIDATES["tree"], fixed, {}).space) == {"leaf"}
    space = own_spaces(Search("grid", space={"tree": {"depth": ["2", "5"], "leaf": ["0.1"]}}))
    tried = points(asked_of(CANDIDATES["tree"], fixed, space), Search("grid"), 1)
    assert tried == [{"depth": 5, "leaf": 0.05}, {"depth": 2, "leaf": 0.1}, {"depth": 5, "leaf": 0.1}]
    assert points(asked_of(CANDIDATES["tree"], fixed, space), Search("random", trials=2), 1)[0] == tried[0]


def test_a_search_has_its_own_folds_and_metric() -> None:
    mine = recipe(search="{trials: 2, folds: 3, metric: ks, space: {tree: {depth: [2]}}}")
    tried = search("tree", CASES, mine, lambda _: None)
    assert [trial.parameters["depth"] for trial in tried] == [4, 2]
    fold = CASES.fold(mine.seed + 1, 3)
    plain = cross_validate(CANDIDATES["tree"], TABLE, BAD, fold, mine.seed, {})
    expected = [ks(BAD[fold == each], plain.margin[fold == each]) for each in range(3)]
    assert tried[0].fold_auc[:3] == pytest.approx(expected)
    assert (tried[0].figure, plain.figure) == ("ks", "auc")
    assert asked("tree", mine).default_parameters == CANDIDATES["tree"].default_parameters


@pytest.mark.parametrize("form", ["text", "python"])
def test_a_text_reads_as_what_python_gives(form: str) -> None:
    nested = {"xgboost": {"depth": 3, "rate": 0.05}, "logistic": {"c": None}}
    given = {"trials": 30, "metric": "ks", "space": {"tree": {"depth": [3, 4]}}}
    found = settings(candidates=nested, search=given)
    if form == "text":
        found = resolve("train", texts("train", found))
    assert found.search == Search("random", 30, 5, "ks", {"tree": {"depth": ["3", "4"]}})
    assert own_parameters(found.candidates)["logistic"] == CANDIDATES["logistic"].default_parameters
    assert own_parameters(found.candidates)["xgboost"]["rate"] == 0.05


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ("{xgbost: {depth: 3}}", r"there is no candidate 'xgbost'; did you mean xgboost\?"),
        ("{xgboost: {dept: 3}}", r"xgboost: 'dept' is unknown; did you mean depth\?"),
        ("{xgboost: {depth: 0}}", "xgboost: depth: '0' is not a whole number of at least 1 and at most 12"),
        ("{xgboost: {rate: 2}}", "xgboost: rate: '2' is no share; give a number above 0 and at most 1"),
        ("{scorecard: {c: auto}}", "scorecard: c: 'auto' is not a number"),
        ("{logistic: {scaling: robst}}", r"logistic: scaling: 'robst' is no choice; did you mean robust\?"),
        ("{plain_xgboost: {depth: 3}}", "plain_xgboost is the yardstick, which is never tuned; leave it out"),
        ("{blend: {xgboost: 3}}", "blend: xgboost is a part; give its parameters, such as xgboost:"),
        ("{blend: {xgboost: {dep: 3}}}", "blend: xgboost: 'dep' is unknown; did you mean depth"),
        ("{tree: [3]}", "this is no mapping of mappings; give name: {parameter: value}"),
        ("{tree: {depth: 3}", "this cannot be read as YAML"),
    ],
)
def test_a_parameter_that_is_none_is_refused(candidates: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^candidates: {said}"):
        own_parameters(settings(candidates=candidates).candidates)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("al", "'al' is no choice; choose from none, grid, random"),
        ("{trails: 3}", r"'trails' is unknown; did you mean trials\?"),
        ("{trials: 1}", "trials: '1' is not a whole number of at least 2"),
        ("{folds: 50}", "folds: '50' is not a whole number of at least 2 and at most 20"),
        ("{metric: auc}", "metric: 'auc' is no choice; "),
        ("{method: grid, trials: 9}", "trials: a grid tries every point; leave trials out"),
        ("{space: {tre: {depth: [1]}}}", r"space: there is no candidate 'tre'; did you mean tree\?"),
        ("{space: {tree: {dept: [1]}}}", r"space: tree: 'dept' is unknown; did you mean depth\?"),
        (
            "{space: {tree: {depth: 1}}}",
            r"space: tree: depth is no list of values; give one, such as depth: \[4\]",
        ),
        ("{space: {tree: {depth: [x]}}}", "space: tree: depth: 'x' is not a whole number"),
        (
            "{space: {blend: {xgboost: [1]}}}",
            "space: blend: xgboost is a part of it, and parts are not searched",
        ),
        ("{space: {plain_xgboost: {depth: [1]}}}", "space: plain_xgboost is the yardstick"),
    ],
)
def test_a_search_that_is_none_is_refused(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^search: {said}"):
        own_spaces(settings(search=written).search)


def test_a_space_too_large_to_list_is_refused() -> None:
    wide = [str(each) for each in range(1, 402)]
    space = {"xgboost": {"trees": wide, "inputs": wide}}
    with pytest.raises(
        ValueError, match="xgboost has 160801 points; give fewer values, at most 10000 points"
    ):
        own_spaces(Search("random", space=space))


def test_the_example_names_every_parameter_and_no_other() -> None:
    text = EXAMPLE.read_text()
    named = set(re.findall(r"^(?:# )?([a-z_]+):", text, re.MULTILINE))
    assert named >= set(parameters("train"))
    found = resolve("train", {"config": str(EXAMPLE)})
    assert set(own_parameters(found.candidates)) == {*CANDIDATES} - {
        "plain_xgboost",
        "deep_xgboost",
        "lightgbm",
    }


@cache
def trained() -> TrainingResult:
    """The example, on few customers of whom ten have a history."""
    size = (400, 60, 1)
    made, past = (pl.concat(frames) for frames in (generate.generate(*size), generate.loans(*size)))
    few = pl.col("CustomerId").is_in(past["CustomerId"].unique().sort().head(10).implode())
    with quick_yardstick():
        return credit_model.train(made.filter(few).select(*REQUIRED), past, config=str(EXAMPLE)).result


def test_the_example_trains_as_it_says() -> None:
    result = trained()
    found = result.trained.comparison["scorecard"].parameters
    assert (found["correlation"], result.trained.winner) == (0.6, "scorecard")
    tried = [(t.parameters["characteristics"], t.parameters["c"]) for t in result.trained.trials["scorecard"]]
    assert sorted(tried) == [(8, 0.05), (8, 0.5), (10, 0.05), (10, 0.5)]
    assert tried[0] == (10, 0.5)
    assert "correlation=0.6" in str(result.used["parameters"])


def test_document_and_run_tell_what_was_changed_and_by_whom() -> None:
    result = trained()
    said, table = _parameters(result)
    assert "A search (random) tried 4 points of scorecard by roc_auc on 3 folds of its own" in str(said)
    assert isinstance(table, Table)
    rows = {row["parameter"]: row for row in table.frame.to_dicts()}
    assert (rows["correlation"]["default"], rows["correlation"]["used"]) == ("0.7", "0.6")
    assert rows["correlation"]["by"] == "asked for"
    first = result.trained.trials["scorecard"][0]
    without = replace(first, parameters=CANDIDATES["scorecard"].default_parameters)
    plain = replace(result.trained, comparison={"scorecard": without}, trials={"scorecard": ()})
    assert _parameters(replace(result, trained=plain)) == ["Every candidate has its default parameters."]
    other = replace(first, parameters={**first.parameters, "c": 0.05})
    searched = replace(result.trained, comparison={"scorecard": other})
    _, table = _parameters(replace(result, trained=searched))
    assert isinstance(table, Table)
    assert ("c", "search") in table.frame.select("parameter", "by").rows()
