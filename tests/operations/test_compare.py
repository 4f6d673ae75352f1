"""``compare``: by the models' own code, with the outcomes of each decision, to a page, tables and a run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow import MlflowClient

from credit_model.operations import compare as compare_command
from credit_model.operations import side_by_side
from credit_model.operations.compare import compare
from credit_model.scoring.scorer import Scorer
from credit_model.settings.settings import Settings, resolve
from processes import at_desk
from registries import clean_store
from rivals import as_the_good_expects, good_and_bad
from scorers import small_scorer


@pytest.fixture
def client(database: Path) -> Iterator[MlflowClient]:
    """A client of the store in use, without models."""
    with clean_store(database) as client:
        yield client


def test_two_versions_are_compared_on_a_page_in_tables_and_in_a_run(
    client: MlflowClient, database: Path, tmp_path: Path
) -> None:
    client.create_registered_model("m")
    for folder in good_and_bad(tmp_path):
        client.create_model_version("m", folder.as_uri(), tags={"learned_until": "2019-01-20"})
    files, output = as_the_good_expects(tmp_path), tmp_path / "comparison"
    with at_desk({"MLFLOW_TRACKING_URI": f"sqlite:///{database}"}, tmp_path):
        said = compare(Settings(models=("models:/m/1", "models:/m/2"), output=str(output), **files))  # type: ignore[arg-type]
    assert "A: m v1\nB: m v2\n" in said
    assert "outcomes are of decisions up to 2019-01-20, the last that either was fitted on" in said
    assert "both models predict the proxy rfm_proxy" in said
    told = json.loads((output / "comparison.json").read_text())
    figures = told["figures"]
    assert figures["roc_auc_difference_high"] < 0
    table = pl.read_csv(output / "swap_set.csv")
    assert table["decisions"].sum() == figures["decided_by_both"]
    assert table["outcomes"].sum() == figures["decided_by_both"]
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    (run,) = (run for run in runs if run.info.run_name.startswith("compare m v1, m v2 2019-02-"))
    assert run.data.metrics["roc_auc_difference"] == figures["roc_auc_difference"]
    assert (run.data.tags["model_A"], run.data.tags["outcomes"]) == ("m v1", "given")
    assert f"- AUC: A {figures['roc_auc_A']:.3f}, B " in run.data.tags["mlflow.note.content"]
    logged = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {path.name for path in output.iterdir()} | {"pictures"} <= logged
    assert "<h1>Comparison of two models</h1>" in (output / "comparison.html").read_text()


ASKED = pl.DataFrame(
    {"CustomerId": ["a", "a", "b", "c"], "as_of": [datetime(2019, 1, day) for day in (1, 2, 2, 3)]}
)


def labels(
    tmp_path: Path, rows: list[tuple[str, str, Any]], table: pl.DataFrame = ASKED, **given: Any
) -> pl.DataFrame:
    """The outcomes that decisions get from the rows of a file."""
    became = pl.DataFrame(
        rows, schema={"CustomerId": pl.String, "as_of": pl.String, "defaulted": pl.Int64}, orient="row"
    )
    became.write_csv(tmp_path / "o.csv")
    settings = Settings(outcomes=str(tmp_path / "o.csv"), **given)
    return side_by_side.labelled(settings, table, small_scorer())


def test_outcomes_find_their_decisions_by_customer_and_moment(tmp_path: Path) -> None:
    rows = [
        ("b", "2019-01-02", 1),
        ("a", "2019-01-02T00:00:00Z", 0),
        ("z", "2019-01-02", 1),
        ("c", "2019-01-03", None),
    ]
    assert labels(tmp_path, rows, decisions="d.csv")["bad"].to_list() == [None, 0, 1, None]
    with pytest.raises(ValueError, match=r"o.csv: no outcome is of one of the decisions; .* those of d.csv"):
        labels(tmp_path, [("z", "2019-01-02", 1)], decisions="d.csv")


def test_outcomes_that_are_the_decisions_have_their_own_and_are_there_once(tmp_path: Path) -> None:
    rows = [
        ("a", "2019-01-01", 1),
        ("a", "2019-01-02", None),
        ("b", "2019-01-02", 0),
        ("c", "2019-01-03", None),
    ]
    assert labels(tmp_path, rows)["bad"].to_list() == [1, None, 0, None]
    again = [*rows[:2], ("a", "2019-01-02", 1), rows[2]]
    table = ASKED[[0, 1, 1, 2]]
    found = labels(tmp_path, again, table)
    assert (found["CustomerId"].to_list(), found["bad"].to_list()) == (["a", "a", "b"], [1, 1, 0])
    with pytest.raises(ValueError, match="repeated with a different defaulted"):
        labels(tmp_path, [rows[0], ("a", "2019-01-01", 0), *rows[2:]])


def test_models_that_read_the_files_differently_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([ASKED, ASKED.with_columns(pl.col("as_of").dt.offset_by("30d"))])
    monkeypatch.setattr(side_by_side, "_asked", lambda *_: next(moments))
    with pytest.raises(
        ValueError, match=r"A and B read CustomerId or as_of of the decisions differently.*--date_format"
    ):
        side_by_side.answers(Settings(), {"A": Path(), "B": Path()}, own=())


def test_both_models_are_asked_at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime | None] = []

    def answer(settings: Settings, *_: object) -> pl.DataFrame:
        asked.append(settings.as_of)
        return ASKED

    monkeypatch.setattr(side_by_side, "_asked", answer)
    side_by_side.answers(Settings(), {"A": Path(), "B": Path()}, own=())
    assert len(set(asked)) == 1
    assert asked[0] is not None


def test_costs_are_those_of_the_first_and_it_is_said_where_the_others_differ() -> None:
    def side(costs: tuple[float, float] | None) -> Any:
        scorer: Scorer = small_scorer()
        reference = None if costs is None else type("Reference", (), {"costs": costs})()
        return compare_command._Side("m", Path(), replace(scorer, reference=reference), None)

    assert compare_command._costs([side((5.0, 2.0)), side((5.0, 2.0))]) == ((5.0, 2.0), ())
    costs, (said,) = compare_command._costs([side((5.0, 2.0)), side(None)])
    assert costs == (5.0, 2.0)
    assert "A was trained with costs of 5 to 2 and B with 10 to 1" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"transactions": "t"}, "compare needs models; give --models A,B"),
        ({"models": "a,b"}, "compare needs transactions or decisions or outcomes"),
        (
            {"models": "a", "transactions": "t"},
            "models: two are compared, and these are 1; give --models A,B",
        ),
        ({"models": "a,b,c", "transactions": "t"}, "these are 3"),
        ({"models": "a,a", "transactions": "t"}, "models: 'a' is named twice"),
        (
            {"models": "a,b", "transactions": "t", "bad_values": "x"},
            "bad_values: they are values of outcomes",
        ),
    ],
)
def test_what_is_asked_for_is_two_models_and_decisions(words: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve("compare", words)
