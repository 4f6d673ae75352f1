"""Bins of a person's own: what a training wrote changes nothing when handed back, what is changed holds, no word is guessed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import credit_model
from applications import applications
from credit_model.models.binning import Binning
from credit_model.reporting.document_scorecard import scorecard
from credit_model.reporting.page import Note, Section
from credit_model.reporting.tables import documents
from credit_model.training.bins_file import _bins, _quoted
from credit_model.training.fit_linear import fit_scorecard
from credit_model.training.monotone_binning import fit_binning, given_edges, given_levels
from credit_model.training.own_bins import AS_TRAINED, OwnBin, OwnBins, read_bins
from credit_model.training.workflow import TrainingResult
from quick import quick_yardstick
from small_table import BAD, ROWS, TABLE

PARAMETERS = {"characteristics": 15, "correlation": 0.7, "c": 0.5}
FEATURES = dict.fromkeys([*TABLE.columns, "recency"])


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_yardstick():
        yield


def train(**parameters: Any) -> TrainingResult:
    table, _ = applications(900, 1)
    attributes = ["income", "loan_amount", "employment_length", "derogatory_marks"]
    known: dict[str, Any] = {"attributes": attributes, "candidate": "scorecard", "history_days": 30}
    return credit_model.train(outcomes=table, **known, **parameters).result


@pytest.fixture(scope="module")
def alone() -> TrainingResult:
    return train()


@pytest.fixture(scope="module")
def changed(alone: TrainingResult, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """Trained on the file that a training wrote, with some of it changed by hand."""
    text = alone.bins.replace("edges: [5.95]", "edges: [2, 10]")
    text = text.replace("derogatory_marks:", "derogatory_marks:\n  use: excluded")
    text += "income:\n  edges: [25000, 40000]\n  direction: none\n  use: required\n"
    path = tmp_path_factory.mktemp("bins") / "bins.yaml"
    path.write_text(text)
    return train(bins=str(path))


def test_what_a_training_wrote_changes_nothing_when_handed_back(
    alone: TrainingResult, tmp_path: Path
) -> None:
    (tmp_path / "bins.yaml").write_text(documents(alone)["bins.yaml"])
    again = train(bins=tmp_path / "bins.yaml")
    assert again.trained.primary.classifier == alone.trained.primary.classifier
    assert again.trained.primary.calibrator == alone.trained.primary.calibrator
    assert again.figures == alone.figures
    assert again.bins == alone.bins
    assert again.summary[-1].endswith("bins.yaml asks for nothing that training would not do alone")


def test_what_was_changed_holds_in_the_card_and_in_the_next_file(changed: TrainingResult) -> None:
    card = {binning.feature: binning for binning in changed.trained.scorecard.binnings}
    assert card["employment_length"].edges == (2.0, 10.0)
    assert card["income"].edges == (25000.0, 40000.0)
    assert "derogatory_marks" not in card
    assert all(text in changed.bins for text in ("edges: [2.0, 10.0]", "direction: none", "use: excluded"))


def test_the_difference_is_told_with_both_cards(alone: TrainingResult, changed: TrainingResult) -> None:
    own = changed.own_bins
    assert own is not None
    rows = {row["characteristic"]: row for row in own.characteristics.to_dicts()}
    assert set(rows) >= {"employment_length", "income", "derogatory_marks"}
    assert (rows["employment_length"]["bins"], rows["employment_length"]["bins_alone"]) == (3, 2)
    assert rows["income"]["weight_alone"] is None
    assert rows["derogatory_marks"]["weight"] is None
    weights = dict(zip(alone.trained.scorecard.inputs, alone.trained.scorecard.weights, strict=True))
    assert rows["derogatory_marks"]["weight_alone"] == weights["derogatory_marks"]
    (_, auc, plain, gain, low, high), *_ = own.ranks.rows()
    assert auc == pytest.approx(changed.trained.comparison["scorecard"].fold_auc[0], abs=0.2)
    assert gain == auc - plain
    assert low <= gain <= high
    assert own.sentence in changed.summary


def text(section: Section) -> str:
    blocks = (block.text if isinstance(block, Note) else block for block in section.blocks)
    return " ".join(block for block in blocks if isinstance(block, str))


def test_the_document_says_who_decided_the_bins(alone: TrainingResult, changed: TrainingResult) -> None:
    drawn = {"binnings.png": Figure()}
    by_training, by_hand = (text(scorecard(each, drawn)) for each in (alone, changed))
    assert "Training chose characteristics and bins alone" in by_training
    assert "may have seen" not in by_training
    assert "A person decided part of this scorecard" in by_hand
    assert "Whoever gave edges or levels may have seen the decisions of every fold" in by_hand
    assert "in any way, as asked, along those of income" in by_hand
    assert "Training chose" not in by_hand


def test_given_bins_count_as_fitted_ones_do() -> None:
    for name in TABLE.columns:
        fitted = fit_binning(TABLE[name], BAD)
        if fitted.kind == "numeric":
            assert given_edges(TABLE[name], BAD, fitted.edges) == fitted
        else:
            assert given_levels(TABLE[name], BAD, fitted.levels[::-1]) == fitted


def test_a_level_that_no_bin_names_counts_as_unseen() -> None:
    values = pl.Series("city", ["a", "b", "c", None] * (ROWS // 4))
    binning = given_levels(values, BAD[: len(values)], [["a"], ["b"]])
    assert binning.goods[-1] + binning.bads[-1] == ROWS // 4
    assert binning.goods[-2] + binning.bads[-2] == ROWS // 4
    assert binning.evidence[-1] == 0
    assert sum(binning.goods) + sum(binning.bads) == len(values)


def own(**asked: OwnBin) -> OwnBins:
    return OwnBins("bins.yaml", asked)


def test_required_comes_before_what_tells_more_and_excluded_never() -> None:
    card = fit_scorecard(TABLE, BAD, 1, {}, PARAMETERS | {"characteristics": 1})
    (best,) = card.inputs
    bins = own(noise=OwnBin(use="required"), **{best: OwnBin(use="excluded")})
    mine = fit_scorecard(TABLE, BAD, 1, {}, PARAMETERS | {"characteristics": 1}, bins)
    assert mine.inputs == ("noise",)
    assert min(mine.weights) >= 0
    everything = own(**dict.fromkeys(TABLE.columns, OwnBin(use="excluded")))
    with pytest.raises(ValueError, match="every feature is excluded; leave one to the scorecard"):
        everything.binding(TABLE, BAD, {}, FEATURES)


def test_what_is_as_training_finds_it_alone_does_not_bind() -> None:
    edges = fit_binning(TABLE["rising"], BAD).edges
    bound = own(rising=OwnBin(edges=edges, use="required")).binding(TABLE, BAD, {}, FEATURES)
    assert bound.asked == {"rising": OwnBin(use="required")}
    assert AS_TRAINED.binding(TABLE, BAD, {}, FEATURES) is AS_TRAINED
    other = OwnBin(edges=(edges[0],))
    assert own(rising=other).binding(TABLE, BAD, {}, FEATURES).asked == {"rising": other}


UP_AND_DOWN = pl.Series("wave", np.where(BAD == 1, 1.0, np.arange(ROWS) % 3))


@pytest.mark.parametrize(
    ("asked", "directions", "said"),
    [
        ({"risng": OwnBin(edges=(1.0,))}, {}, r"there is no feature risng; did you mean rising\?"),
        ({"recency": OwnBin(edges=(1.0,))}, {}, "recency is switched off or has one value alone"),
        ({"wave": OwnBin(levels=(("a",),))}, {}, "wave: it is a number and has no levels; give its edges"),
        ({"level": OwnBin(edges=(1.0,))}, {}, "level: it is a text and has no edges; give its levels"),
        ({"level": OwnBin(levels=(("nowhere",),))}, {}, "level: there is no level 'nowhere'; choose from"),
        ({"level": OwnBin(direction="rising")}, {}, "level: a text has no direction"),
        ({"wave": OwnBin(edges=(1e9,))}, {}, r"wave: the bin 1e\+09 and above holds no decision; merge it"),
        (
            {"wave": OwnBin(edges=(0.5, 1.5))},
            {},
            "wave: the bad rate must only rise or only fall .* '0.5 to 1.5' to '1.5 and above'; merge these bins, or",
        ),
        ({"rising": OwnBin(edges=(0.0,), direction="falling")}, {}, "rising: the bad rate must fall"),
        (
            {"rising": OwnBin(direction="falling")},
            {"rising": 1},
            "rising: direction falling contradicts what is known of the feature, rising; leave direction out",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_refused(
    asked: dict[str, OwnBin], directions: dict[str, int], said: str
) -> None:
    table = TABLE.with_columns(UP_AND_DOWN, level=pl.Series(["a", "b"] * (ROWS // 2)))
    features = FEATURES | dict.fromkeys(table.columns)
    with pytest.raises(ValueError, match=rf"^bins: bins.yaml: {said}"):
        own(**asked).binding(table, BAD, directions, features)


def test_a_bad_rate_may_go_up_and_down_where_that_is_asked() -> None:
    asked = OwnBin(edges=(0.5, 1.5), direction="none")
    table = TABLE.with_columns(UP_AND_DOWN)
    bound = own(wave=asked).binding(table, BAD, {}, FEATURES | {"wave": None})
    assert bound.asked == {"wave": asked}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[a", "cannot be read as YAML at line 1"),
        ("- a", "holds no characteristics; write characteristics, and for each edges"),
        ("age: 5", "age asks nothing; give edges, levels, direction or use"),
        ("age: {edge: [1]}", r"age: 'edge' is unknown; did you mean edges\?"),
        ("age: {edges: 7}", "age: edges are not a list of numbers; give numbers that increase"),
        ("age: {edges: [1, x]}", "age: edges are not a list of numbers"),
        ("age: {edges: [1, nan]}", "age: edges are not a list of numbers"),
        ("age: {edges: [1, 7, 7]}", "age: edges do not increase from 7 to 7; give numbers that increase"),
        ("age: {levels: [a, b]}", "age: levels are not groups of texts; give a list of lists"),
        ("age: {levels: [[a], [b, a]]}", "age: the level 'a' is in two bins; name it once"),
        (
            "age: {levels: [[a]], edges: [1]}",
            "age: edges are of numbers and levels of texts; give one of them",
        ),
        ("age: {direction: up}", "age: direction 'up' is no choice; choose from rising, falling, none"),
        ("age: {use: require}", r"age: use 'require' is no choice; did you mean required\?"),
        ("age: {use: required}\nage: {use: excluded}", "cannot be read as YAML at line 1: age stands twice"),
    ],
)
def test_what_no_file_of_bins_holds_is_refused(written: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_text(written)
    with pytest.raises(ValueError, match=rf"^bins: {path}:? {said}"):
        read_bins(str(path))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"bins: there is no file nowhere\.yaml; check the path"):
        read_bins("nowhere.yaml")


EDGES = st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, max_size=4).map(sorted)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=60)
@given(name=TEXTS, edges=EDGES, levels=st.lists(TEXTS, min_size=1, max_size=4, unique=True))
def test_edges_and_levels_are_read_as_they_were_written(
    name: str, edges: list[float], levels: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    number = Binning("n", "numeric", tuple(edges), (), (), (), ())
    other = Binning("t", "categorical", (), tuple((each,) for each in levels), (), (), ())
    path.write_text(
        f"{_quoted(name)}:\n{_bins(number)}\n{_quoted(name + '2')}:\n{_bins(other)}\n", encoding="utf-8"
    )
    read = read_bins(str(path)).asked
    assert read[name].edges == tuple(edges)
    assert read[name + "2"].levels == other.levels
