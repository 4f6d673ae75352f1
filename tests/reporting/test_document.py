"""What the model document says is true of the model that it is about: each sentence is tried where it is so and where not."""

import json
import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from applications import ATTRIBUTES, applications
from credit_model.reporting import plots
from credit_model.reporting.annex_iv import annex_iv
from credit_model.reporting.document_development import candidates, data, features, label
from credit_model.reporting.document_results import fairness, sensitivity, told_most
from credit_model.reporting.document_scorecard import scorecard
from credit_model.reporting.document_strategy import decisions
from credit_model.reporting.identity import Identity
from credit_model.reporting.model_document import model_document
from credit_model.reporting.page import Note, Section, Table
from credit_model.scoring.policy import Bands
from credit_model.scoring.scorer import Scorer
from credit_model.settings.settings import Settings
from credit_model.training import strategy, workflow
from credit_model.training.gate import Gate
from credit_model.training.whole_points import RankCheck
from credit_model.training.workflow import TrainingResult
from credit_model.training.yardstick import YARDSTICK
from scorers import small_scorer

IDENTITY = Identity(
    "cards", "0123456789ab", "0.1.0", {"outcomes": "my file.csv"}, {"o.csv": "f00d"}, "c0ffee"
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A scorecard of loan applications without any transactions, compared by a region that no feature knows."""
    table, _ = applications(700, 1)
    path = tmp_path_factory.mktemp("document") / "o.csv"
    region = pl.Series(["north", "south", "west"] * 234).head(700)
    table.with_columns(region=region).write_csv(path)
    settings = Settings(
        outcomes=str(path), attributes=ATTRIBUTES, candidate="scorecard", group="region", history_days=30
    )
    return workflow.run(settings)


@pytest.fixture(scope="module")
def pictures(result: TrainingResult) -> dict[str, Any]:
    return dict(plots.pictures(result.trained, result.sample.recipe.costs))


@pytest.fixture(scope="module")
def html(result: TrainingResult, pictures: dict[str, Any]) -> str:
    return unescape(model_document(result, pictures, IDENTITY)).replace("<wbr>", "")


def text(section: Section) -> str:
    """The sentences of a section."""
    blocks = (block.text if isinstance(block, Note) else block for block in section.blocks)
    return " ".join(block for block in blocks if isinstance(block, str))


def sampled(result: TrainingResult, **changes: Any) -> TrainingResult:
    """The same with another recipe."""
    return replace(result, sample=replace(result.sample, recipe=replace(result.sample.recipe, **changes)))


def known(result: TrainingResult, days: int | None) -> TrainingResult:
    """The same with outcomes that were known so many days after their decisions; None is another number for each."""
    dataset = result.trained.dataset
    lag = pl.int_range(pl.len()) if days is None else pl.lit(days)
    moved = dataset.decisions.with_columns(known_at=pl.col("as_of") + pl.duration(days=lag))
    return replace(result, trained=replace(result.trained, dataset=replace(dataset, decisions=moved)))


@pytest.mark.parametrize(
    ("days", "apart", "said", "unsaid"),
    [
        (
            30,
            "time",
            ["from 30 days after its decision", "whose outcome was known when it began"],
            ["at the moment"],
        ),
        (
            0,
            "time",
            ["known at the moment of its decision", "trained on decisions before it"],
            ["from the day"],
        ),
        (
            None,
            "time",
            ["from the day it was known", "whose outcome was known when it began"],
            ["days after"],
        ),
        (30, "customer", ["from 30 days after its decision", "other customers alone"], ["when it began"]),
        (0, "customer", ["known at the moment", "other customers alone"], ["from the day", "before it"]),
    ],
)
def test_the_label_says_when_outcomes_were_known(
    result: TrainingResult, days: int | None, apart: str, said: list[str], unsaid: list[str]
) -> None:
    found = text(label(sampled(known(result, days), apart=apart)))
    assert [part for part in said if part not in found] == []
    assert [part for part in unsaid if part in found] == []


@pytest.mark.parametrize(
    ("target", "said", "unsaid"),
    [
        ("rfm_proxy", "of the 30 days after each decision", "that the features see"),
        ("same_window", "of the same 60 days that the features see", "after each decision"),
    ],
)
def test_the_label_says_which_days_it_is_made_of(target: str, said: str, unsaid: str) -> None:
    recipe = SimpleNamespace(target=target, history_days=60)
    proxy = SimpleNamespace(cohorts=pl.DataFrame({"as_of": ["2024-01-01"]}))
    made: Any = SimpleNamespace(
        sample=SimpleNamespace(recipe=recipe, proxy=proxy, lines=(), outcome_days=30), figures={}
    )
    found = text(label(made))
    assert said in found
    assert unsaid not in found


def banded(result: TrainingResult, bands: Bands) -> TrainingResult:
    """The same with other bands, and a history of every decision so that they decide."""
    dataset = result.trained.dataset
    active = dataset.features.with_columns(transaction_count=pl.lit(1.0))
    scorer = replace(result.trained.scorer, bands=bands)
    trained = replace(result.trained, scorer=scorer, dataset=replace(dataset, features=active))
    told = tuple(strategy.lines(trained, Settings(outcomes="x")))
    return replace(result, trained=trained, summary=told)


@pytest.mark.parametrize(
    ("bands", "nobody"),
    [
        (Bands(limits=(0.1, 0.15), threshold=0.12), []),
        (Bands(limits=(1e-9, 0.3), threshold=0.3), ["approved"]),
        (Bands(limits=(0.2, 0.9999), threshold=0.3), ["rejected"]),
        (Bands(limits=(1e-9, 0.9999), threshold=0.3), ["approved", "rejected"]),
    ],
)
def test_nobody_is_approved_or_rejected_only_where_it_is_so(
    result: TrainingResult, pictures: dict[str, Any], bands: Bands, nobody: list[str]
) -> None:
    found = text(decisions(banded(result, bands), pictures))
    assert [each for each in ("approved", "rejected") if f"Nobody is {each}" in found] == nobody


def test_without_transactions_every_decision_is_reviewed_and_the_document_says_so(
    result: TrainingResult, pictures: dict[str, Any]
) -> None:
    section = decisions(result, pictures)
    assert "all go to review" in text(section)
    (table,) = (
        b.frame for b in section.blocks if isinstance(b, Table) and "What the bands decide" in b.caption
    )
    assert table["share"].to_list() == [0, 1, 0]


def test_a_target_that_is_met_is_no_warning(result: TrainingResult, pictures: dict[str, Any]) -> None:
    settings = Settings(outcomes="x", approval_rate=0.5)
    some = banded(result, Bands(limits=(0.1, 0.15), threshold=0.12))
    told = tuple(strategy.lines(some.trained, settings))
    notes = [b for b in decisions(replace(some, summary=told), pictures).blocks if isinstance(b, Note)]
    assert [(note.kind, "by approval_rate=0.5" in note.text) for note in notes] == [("note", True)]


@pytest.mark.parametrize("state", ["passed", "failed", "warning", "not assessed"])
def test_no_gate_failed_only_where_none_did(
    result: TrainingResult, pictures: dict[str, Any], state: Any
) -> None:
    gates = (Gate("one", "passed", None, None, "first"), Gate("two", state, None, None, "the second gate"))
    found = model_document(replace(result, gates=gates), pictures, IDENTITY)
    assert ("No gate failed" in found) == (state != "failed")
    assert ("Gates failed: the second gate" in found) == (state == "failed")
    assert ("Warnings: the second gate" in found) == (state == "warning")
    assert ("1 could not be assessed" in found) == (state == "not assessed")


def test_a_group_is_told_from_the_inputs_only_where_none_tells_it(result: TrainingResult) -> None:
    assert "No feature of the model is made of region" in text(fairness(result))
    trained, name = result.trained, result.trained.scorer.classifier.inputs[0]
    group = trained.dataset.decisions["fairness_group region"]
    telling = trained.dataset.features.with_columns(group.alias(name))
    changed = replace(result, trained=replace(trained, dataset=replace(trained.dataset, features=telling)))
    found = text(fairness(changed))
    assert "No feature of the model is made" not in found
    assert f"the model can know it: {name}" in found


def test_a_protected_attribute_that_was_allowed_is_called_a_feature(result: TrainingResult) -> None:
    attribute = replace(result.sample.recipe.attributes[0], name="region")
    found = text(fairness(sampled(result, attributes=(attribute,))))
    assert "offered to the model as a feature all the same" in found
    assert "No feature of the model is made" not in found


def test_the_features_say_what_they_are_computed_from(result: TrainingResult) -> None:
    found = text(features(result))
    assert "They come from the application alone." in found
    assert "transactions in the" not in found
    assert "are off" in found


BALANCES = small_scorer(("balance_now", "transaction_count", "credit_share", "ProductCategory"))
COLUMN = replace(BALANCES, catalogue=replace(BALANCES.catalogue, balance_column=True))
CALENDAR = small_scorer(("transaction_year", "transaction_count", "credit_share", "ProductCategory"))


def of_scorer(scorer: Scorer, result: TrainingResult) -> TrainingResult:
    """A result whose model is another scorer."""
    table = pl.DataFrame(schema=dict.fromkeys(scorer.classifier.inputs, pl.Float64))
    dataset = replace(result.trained.dataset, catalogue=scorer.catalogue, features=table)
    trained: Any = SimpleNamespace(
        scorer=scorer, dataset=SimpleNamespace(**vars(dataset)), winner="scorecard"
    )
    trained.dataset.bad = result.trained.dataset.bad
    trained.dataset.table = lambda _: table
    trained.dataset.modelled = result.trained.dataset.modelled
    return replace(sampled(result, attributes=(), history_days=60), trained=trained)


@pytest.mark.parametrize(
    ("scorer", "said", "unsaid"),
    [
        (BALANCES, "send all transactions before the decision, or opening_balance", "column Balance"),
        (COLUMN, "from the column Balance", "opening_balance"),
        (small_scorer(), "transactions in the 60 days before a decision", "balance"),
        (small_scorer(), "would let the model learn when instead of who are off", "Switched on"),
        (CALENDAR, "Switched on by include, though off by default: transaction_year", "are off"),
    ],
)
def test_the_features_say_what_the_model_needs_and_what_is_switched_on(
    result: TrainingResult, scorer: Scorer, said: str, unsaid: str
) -> None:
    found = text(features(of_scorer(scorer, result)))
    assert said in found
    assert unsaid not in found
    assert ("balance_basis" in found) == scorer.plan.needs_balance


def test_the_scorecard_is_the_winner_or_kept_beside_it(
    result: TrainingResult, pictures: dict[str, Any]
) -> None:
    found = text(scorecard(result, pictures))
    assert "The scorecard is the winner" in found
    other = replace(result, trained=replace(result.trained, winner="forest"))
    assert "The scorecard is not served; the winner is forest" in text(scorecard(other, pictures))
    assert "to load or serve: models:/m-1" in text(scorecard(other, pictures, "models:/m-1"))
    assert "whole numbers" not in found


@pytest.mark.parametrize(("rounded", "kind"), [(0.7015, "note"), (0.69, "warning")])
def test_whole_points_say_how_they_rank(
    result: TrainingResult, pictures: dict[str, Any], rounded: float, kind: str
) -> None:
    section = scorecard(replace(result, whole_points=RankCheck(0.999, 0.70, rounded)), pictures)
    (note,) = (b for b in section.blocks if isinstance(b, Note) and "whole numbers" in b.text)
    assert note.kind == kind
    assert f"AUC {rounded:.4f}, with exact points 0.7000" in note.text


def test_every_reason_that_is_given_is_shown_and_a_side_that_nobody_has_is_not(
    result: TrainingResult,
) -> None:
    scorer, dataset = result.trained.scorer, result.trained.dataset
    table = dataset.features.filter(pl.Series(dataset.modelled))
    pushes = scorer.classifier.contributions(table)
    given = [each for told in scorer.reasons.explain(table, pushes, 20.0).to_list() for each in told]
    shown = {row["feature"]: row["sentence"] for row in told_most(scorer, table).to_dicts()}
    assert {each["feature"] for each in given} <= set(shown)
    for feature in {each["feature"] for each in given}:
        texts = [each["text"] for each in given if each["feature"] == feature]
        assert any(all(part in text for part in shown[feature].split("…")) for text in texts), feature
    low, high = (told_most(scorer, table.filter(pl.Series(rows))) for rows in _halves(scorer, table))
    assert low.height < len(scorer.reasons.inputs)
    assert not low.equals(high)


def _halves(scorer: Scorer, table: pl.DataFrame) -> tuple[Any, Any]:
    """The safer and the riskier half of the decisions."""
    margin = scorer.classifier.margin(table)
    return margin < np.median(margin), margin >= np.median(margin)


def test_the_features_that_vary_are_counted_among_the_decisions_of_the_classifier(
    result: TrainingResult,
) -> None:
    dataset = result.trained.dataset
    varied = dataset.table(dataset.modelled).width
    assert f"{varied} features varied among" in text(features(result))
    assert result.used["features"] == varied


def test_days_that_no_outcome_waited_for_are_those_of_the_baseline(result: TrainingResult) -> None:
    waited, at_once = (workflow._used(result.sample, known(result, days).trained) for days in (30, 0))
    assert waited["outcome_days"] == 30
    assert at_once["outcome_days"] == "30, by the baseline customer base alone"


@pytest.mark.parametrize(
    ("csi", "said"), [(0.05, "of no characteristic"), (0.4, "above its limit for"), (None, "not assessed")]
)
def test_characteristics_that_moved_are_named(
    result: TrainingResult, pictures: dict[str, Any], csi: float | None, said: str
) -> None:
    moved = result.validation.shifts.with_columns(csi=pl.lit(csi, pl.Float64), csi_limit=pl.lit(0.1))
    found = text(scorecard(replace(result, validation=replace(result.validation, shifts=moved)), pictures))
    told = [part for part in ("of no characteristic", "above its limit for", "not assessed") if part in found]
    assert told == [said]


def test_the_points_can_be_recomputed_from_what_the_scorecard_section_says(
    result: TrainingResult, pictures: dict[str, Any]
) -> None:
    found = text(scorecard(result, pictures))
    pattern = r"margin is (\S+) less .* of bad are (\S+) times the margin ([+-]) ([\d.e-]+)\."
    ((neutral, slope, sign, intercept),) = re.findall(pattern, found)
    primary, dataset = result.trained.primary, result.trained.dataset
    table = dataset.features.filter(pl.Series(dataset.modelled))
    evidence = [binning.woe(table[binning.feature]) for binning in result.trained.scorecard.binnings]
    margin = float(neutral) - np.array(result.trained.scorecard.weights) @ np.array(evidence)
    odds = float(slope) * margin + float(f"{sign}{intercept}")
    told = primary.calibrator.probability(primary.classifier.margin(table))
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), told, rtol=1e-4)


@pytest.mark.parametrize(
    ("limits", "nobody"), [((0.1, 0.15), None), ((1e-9, 0.15), "approved"), ((0.2, 0.9999), "rejected")]
)
def test_the_first_section_says_where_nobody_is_approved_or_rejected(
    result: TrainingResult, pictures: dict[str, Any], limits: tuple[float, float], nobody: str | None
) -> None:
    bands = Bands(limits=limits, threshold=sum(limits) / 2)
    found = model_document(banded(result, bands), pictures, IDENTITY)
    assert ("Out of fold nobody is" in found) == (nobody is not None)
    assert nobody is None or f"Out of fold nobody is {nobody} by the bands" in found


def test_folds_are_counted(result: TrainingResult, pictures: dict[str, Any]) -> None:
    trained = result.trained
    once = {n: replace(r, fold_auc=r.fold_auc[:5]) for n, r in trained.comparison.items()}
    thrice = {n: replace(r, fold_auc=r.fold_auc[:5] * 3) for n, r in trained.comparison.items()}
    said = [
        text(candidates(replace(result, trained=replace(trained, comparison=compared)), pictures))
        for compared in (once, thrice)
    ]
    assert "same five folds, grouped" in said[0]
    assert "same five folds, 3 times, grouped" in said[1]


def test_the_winner_is_held_against_the_yardstick_unless_it_is_the_yardstick(
    result: TrainingResult, pictures: dict[str, Any]
) -> None:
    found = text(candidates(result, pictures))
    assert "the winner must not lose to it" in found
    same = replace(result, trained=replace(result.trained, winner=YARDSTICK))
    found = text(candidates(same, pictures))
    assert "the winner must not lose to it" not in found
    assert "the winner itself" in found


def test_what_is_not_missing_or_not_assessed_is_not_claimed(result: TrainingResult) -> None:
    validation = result.validation
    none = validation.missing.with_columns(pl.exclude("feature") * 0.0)
    whole = replace(result, validation=replace(validation, missing=none))
    assert "No input of the model is missing" in text(data(whole))
    assert "No input of the model is missing" not in text(data(result))
    empty = replace(result, validation=replace(validation, sensitivity=validation.sensitivity.clear()))
    assert "Not assessed" in text(sensitivity(empty))
    assert "Not assessed" not in text(sensitivity(result))


NO_FIGURES = (
    *(
        "Rules",
        "Population",
        "Features that the model reads",
        "Reasons this model",
        "Bands of",
        "Plan",
        "What the training",
    ),
    *("Input files", "Environment", "To be filled", "Decisions by part"),
)


def test_every_caption_says_whose_figure_it_is_and_of_how_many(html: str) -> None:
    captions = re.findall(r"<caption><span>(.*?)</span>|<figcaption>(.*?)</figcaption>", html)
    told = [table or picture for table, picture in captions]
    of_figures = [caption for caption in told if not caption.startswith(NO_FIGURES)]
    assert len(of_figures) > 20
    whose = re.compile(r"(winner|primary scorecard|every candidate|without any model).* [\d,]+ decisions")
    assert [caption for caption in of_figures if not whose.search(caption)] == []


def test_it_names_what_it_was_made_from(html: str) -> None:
    for said in ("f00d", "c0ffee", "--outcomes 'my file.csv'", "drawn from the seed 42"):
        assert said in html


def test_the_law_is_that_of_november_2026(html: str) -> None:
    for said in (
        "SR 26-2",
        "2 December 2027",
        "20 November 2026",
        "The effects test left Regulation B",
        "C-203/22",
    ):
        assert said in html


def test_annex_iv_has_nine_points_and_is_plain_json(result: TrainingResult) -> None:
    plain = json.loads(json.dumps(annex_iv(result, IDENTITY), allow_nan=False))
    assert list(plain["points"]) == [str(number) for number in range(1, 10)]
    assert plain["points"]["1"]["content"]["version"] == IDENTITY.model_version
    assert plain["points"]["2"]["content"]["validation"]["figures"] == dict(result.figures)
    unfilled = [n for n, point in plain["points"].items() if point["content"] is None]
    assert unfilled == ["5", "7", "8"]
    assert all(plain["points"][number]["to_be_supplied"] for number in unfilled)
