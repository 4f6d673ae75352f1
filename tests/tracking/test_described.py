"""What MLflow's pages say of a training: true of the run in front of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from credit_model.data.frames import InMemory
from credit_model.reporting.identity import Identity
from credit_model.settings.settings import Settings
from credit_model.tracking import described
from credit_model.training.workflow import TrainingResult

FIGURES = {"test_ks": 0.41, "test_roc_auc": 0.712, "test_roc_auc_low": 0.69, "test_roc_auc_high": 0.734}


def result(
    failed: tuple[str, ...] = (), warned: tuple[str, ...] = (), figures: dict[str, float] | None = None
) -> TrainingResult:
    days = [datetime(2017, 6, 1), datetime(2017, 7, 30, 23)]
    trained = SimpleNamespace(
        winner="forest",
        scorer=SimpleNamespace(target="observed_default"),
        dataset=SimpleNamespace(decisions=pl.DataFrame({"as_of": days})),
    )
    parts = {"trained": trained, "figures": figures or {}, "failed_gates": failed, "warned_gates": warned}
    return cast("TrainingResult", SimpleNamespace(**parts))


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"transactions": "superlender/transactions.csv"}, "superlender"),
        ({"transactions": "shop_2017.parquet"}, "shop_2017"),
        ({"transactions": "x.csv", "features": "made/by_spark"}, "by_spark"),
        ({"transactions": InMemory("mine", pl.DataFrame())}, "table"),
        ({}, "synthetic"),
    ],
)
def test_a_run_is_named_by_data_winner_and_latest_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path(each) for each in given.values() if not isinstance(each, InMemory)):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert described.run_name(replace(Settings(), **given), result()) == f"{source} forest 2017-07-30"


def test_only_a_name_that_nobody_gave_is_replaced() -> None:
    settings = Settings(transactions="lender/absent.csv")
    begun = described.begun("train", settings)
    assert begun == "absent train"
    for name, replaced in {
        None: True,
        "masked-newt-922": True,
        begun: True,
        "my run of masked-newt-922": False,
        "champion-2017": False,
    }.items():
        assert described.nobody_named(name, "train", settings) == replaced


def test_the_description_says_what_was_measured_and_nothing_else() -> None:
    said = described.description(result(figures=FIGURES))
    assert "| AUC | 0.712 | 0.690 to 0.734 |" in said
    assert "| KS | 0.410 |  |" in said
    assert "Brier" not in said
    assert "No figure of the test part" in described.description(result(figures={"train_bads": 3.0}))


def gates() -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    yield (), (), "Gates passed."
    yield (), ("few cases",), "Gates passed, with warnings:\n\n- warning: few cases"
    yield ("no signal",), ("few cases",), "Gates failed:\n\n- failed: no signal\n- warning: few cases"


@pytest.mark.parametrize(("failed", "warned", "said"), gates())
def test_the_description_says_how_the_gates_ended(
    failed: tuple[str, ...], warned: tuple[str, ...], said: str
) -> None:
    assert described.description(result(failed, warned, FIGURES)).endswith(said)


def test_the_hash_of_the_data_is_that_of_their_contents() -> None:
    def of(**files: str) -> str:
        return described.tags(result(), Identity("credit-risk", "1", "1", {}, files))["data_hash"]

    assert of(a="1", b="2") == of(c="2", d="1") != of(a="1", b="3")
    assert of() == "none"


def test_metrics_that_matter_come_first_and_none_is_lost() -> None:
    figures = {"b": 1.0, "test_ks": 2.0, "a": 3.0, "test_roc_auc": 4.0}
    first, rest = described.headlines_first(figures)
    assert list(first) == ["test_roc_auc", "test_ks"]
    assert list(rest) == ["a", "b"]
    assert first | rest == figures
