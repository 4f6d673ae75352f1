"""The short way answers as the long way does; where it is off, only the time differs."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from credit_model.data.decisions import Attribute
from credit_model.features import aggregates, families
from credit_model.features.expression import Expression, col
from credit_model.features.feature import Feature
from credit_model.scoring.scorer import Scorer
from credit_model.serving.fast import kernels
from credit_model.serving.fast.answer import SWITCH, short_way
from credit_model.serving.pyfunc import CreditModel
from scorers import INPUTS, small_scorer

AS_OF = {"as_of": "2019-03-01"}
ONE = {
    "CustomerId": "C-1",
    "TransactionStartTime": ["2019-02-20", "2019-02-20", "2019-02-11", "2019-02-20"],
    "Amount": [500.0, -120.0, 40.0, 500.0],
    "ProductCategory": ["tv", "airtime", None, "airtime"],
}
REQUESTS = (pd.DataFrame([ONE]), pd.DataFrame(ONE), pd.DataFrame([ONE, ONE | {"CustomerId": "C-2"}]))


def loaded(scorer: Scorer, folder: Path) -> CreditModel:
    scorer.save(folder)
    model = CreditModel()
    model.load_context(SimpleNamespace(artifacts={"scorer": str(folder)}, model_config=None))  # type: ignore[arg-type]
    return model


def answers(model: CreditModel) -> list[pd.DataFrame]:
    return [model.predict(None, request, AS_OF) for request in REQUESTS]  # type: ignore[arg-type]


@pytest.fixture
def long_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    with monkeypatch.context() as off:
        off.setenv(SWITCH, "0")
        model = loaded(small_scorer(), tmp_path / "long")
    assert model.short_way is None
    return answers(model)


def test_with_it_off_the_answers_are_the_same(long_answers: list[pd.DataFrame], tmp_path: Path) -> None:
    model = loaded(small_scorer(), tmp_path / "short")
    assert model.short_way
    assert model.short_way.answer(REQUESTS[0], datetime(2019, 3, 1)) is not None
    for found, expected in zip(answers(model), long_answers, strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def fails(*_: object) -> float:
    raise ValueError("not today")


@pytest.mark.parametrize("broken", [None, fails, lambda: 0.0])
def test_what_fails_in_it_fails_when_the_model_is_loaded(
    broken: object,
    long_answers: list[pd.DataFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = {name: function for name, function in kernels.FUNCTIONS.items() if name != "min"}
    monkeypatch.setattr(kernels, "FUNCTIONS", known | ({"min": broken} if broken else {}))
    model = loaded(small_scorer(), tmp_path / "short")
    assert model.short_way is None
    assert "every request is computed by Polars" in caplog.text
    for found, expected in zip(answers(model), long_answers, strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_feature_that_only_polars_knows_takes_every_request_the_long_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kurtosis = Expression("kurtosis", (col("Amount"),))
    general, every = families.general, aggregates.aggregates
    feature = Feature("kurtosis", "kurtosis of the amounts", "amount", col("kurtosis"))
    monkeypatch.setattr(families, "general", lambda days: (*general(days), feature))
    monkeypatch.setattr(
        "credit_model.features.catalogue.aggregates", lambda *of: every(*of) | {"kurtosis": kurtosis}
    )
    scorer = small_scorer(("kurtosis", *INPUTS[1:]))
    assert short_way(scorer, {}) is None
    rows, arrays, _ = answers(loaded(scorer, tmp_path))
    assert rows["status"].to_list() == ["scored"]
    pd.testing.assert_frame_equal(rows, arrays, check_exact=True)


def test_attributes_of_both_kinds_do_not_stop_it() -> None:
    attributes = (Attribute("income", "number"), Attribute("branch", "category"))
    scorer = small_scorer()
    assert short_way(replace(scorer, catalogue=replace(scorer.catalogue, attributes=attributes)), {})
