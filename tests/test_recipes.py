"""docs/recipes.md: what runs here, as it stands; MLServer and BentoML, which scripts/trials/recipes.py tries, as stand-ins."""

import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from documents import blocks
from processes import run

ROWS = [{"CustomerId": "C-1", "TransactionStartTime": "2019-02-11", "Amount": 5}]
ANSWER = {"CustomerId": "C-1", "message": None, "reasons": [{"code": "R01"}]}


def recipe(part: str) -> str:
    """The page's program that has a part."""
    (text,) = [one.text for one in blocks("python") if one.page == "docs/recipes.md" and part in one.text]
    return text


class Model:
    """A model that keeps how it was asked."""

    def predict(self, table: pd.DataFrame, params: dict[str, Any] | None) -> pd.DataFrame:
        self.asked = table, params
        return pd.DataFrame([ANSWER], dtype=object)


@pytest.mark.slow
def test_mlflow_evaluates_scored_decisions(tmp_path: Path) -> None:
    lot = np.random.default_rng(0)
    table = pd.DataFrame({"probability": lot.uniform(size=200)})
    table["prediction"] = (table["probability"] > 0.5).astype(float)
    table["defaulted"] = lot.uniform(size=200) < table["probability"]
    table.to_parquet(tmp_path / "scored.parquet")
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    done = run(["-c", recipe("mlflow.models.evaluate")], environment, tmp_path)
    assert done.returncode == 0, done.stderr
    f1, auc = map(float, done.stdout.split()[-2:])
    assert auc == pytest.approx(roc_auc_score(table["defaulted"], table["probability"]))
    assert 0.6 < f1 < 1


def test_bentoml_answers_with_plain_values(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(service=lambda **_: lambda kind: kind, api=lambda method: method)
    monkeypatch.setitem(sys.modules, "bentoml", stand_in)
    model = Model()
    monkeypatch.setattr(import_module("mlflow.pyfunc"), "load_model", lambda _: model)
    names: dict[str, Any] = {}
    exec(recipe("import bentoml"), names)
    service = names["CreditService"]()
    assert service.decide(ROWS, "2019-02-13") == [ANSWER]
    assert model.asked[1] == {"as_of": "2019-02-13"}
    assert model.asked[0].to_dict(orient="records") == ROWS
    service.decide(ROWS)
    assert model.asked[1] is None


def test_mlserver_answers_with_a_text_each(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()

    class Runtime:
        _model, name = model, "credit-risk"

        def decode_request(self, payload: Any) -> pd.DataFrame:
            return pd.DataFrame(payload.rows)

    parts: dict[str, dict[str, Any]] = {
        "mlserver": {},
        "mlserver.codecs": {"StringCodec": SimpleNamespace(encode_output=lambda *sent: sent)},
        "mlserver.types": {"InferenceRequest": object, "InferenceResponse": SimpleNamespace},
        "mlserver_mlflow": {"MLflowRuntime": Runtime},
    }
    for name, members in parts.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    names: dict[str, Any] = {}
    exec(recipe("CreditRuntime"), names)
    parameters = SimpleNamespace(model_extra={"as_of": "2019-02-13"})
    for given, params in ((parameters, parameters.model_extra), (None, None)):
        response = asyncio.run(names["CreditRuntime"]().predict(SimpleNamespace(rows=ROWS, parameters=given)))
        ((output, texts),) = response.outputs
        assert (response.model_name, output, [json.loads(text) for text in texts]) == (
            "credit-risk",
            "answer",
            [ANSWER],
        )
        assert model.asked[1] == params
