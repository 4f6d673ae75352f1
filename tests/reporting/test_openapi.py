"""The OpenAPI document is made from the contract: whatever is in the one is in the other, and real traffic keeps to it."""

import json
import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mlflow.types import DataType, ParamSchema, ParamSpec
from openapi_spec_validator import validate

from credit_model.data.decisions import OPENING_BALANCE, Attribute
from credit_model.data.iso_time import read_iso
from credit_model.data.transactions import SCHEMA
from credit_model.reporting import contract_words
from credit_model.reporting.openapi import TIME, of_model, openapi, published
from credit_model.scoring.reasons import FIELDS
from credit_model.scoring.scorer import ANSWER, BALANCE_BASIS, WHAT_WOULD_HELP
from credit_model.serving import pyfunc
from credit_model.tracking.runs import input_example
from documents import blocks
from logged import EVERY, SCORED, ask, loaded
from openapi_schemas import Schemas
from processes import ROOT
from scorers import small_scorer

APPLICATION = (Attribute("income", "number"), Attribute("Wohnung / Haus", "category"))
DOCUMENT = json.loads(published())
MOMENT = "2019-02-13T00:00:00Z"
Plain = dict[str, Any]


def schemas(document: Plain) -> Plain:
    found: Plain = document["components"]["schemas"]
    return found


def test_the_published_document_is_that_of_the_code() -> None:
    written = (ROOT / "docs" / "openapi.json").read_text()
    assert written == published(), "run python scripts/openapi_document.py > docs/openapi.json"


@pytest.mark.parametrize("scalars", [(), (OPENING_BALANCE,), APPLICATION], ids=str)
def test_it_is_an_openapi_document(scalars: tuple[Attribute, ...]) -> None:
    validate(openapi(scalars, ANSWER))


def test_a_field_that_is_added_to_the_contract_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMA, "MerchantId", pl.String())
    urgent = ParamSpec("urgent", DataType.boolean, default=False)
    monkeypatch.setattr(pyfunc, "PARAMS", ParamSchema([*pyfunc.PARAMS.params, urgent]))
    reason = pl.List(pl.Struct({"code": pl.String(), "weight": pl.Float64()}))
    made = schemas(openapi(APPLICATION, ANSWER | {"limit": pl.Float64(), "reasons": reason}))
    for kind in ("Transaction", "Decision"):
        assert {"MerchantId", "income"} <= made[kind]["properties"].keys()
    assert {"MerchantId", "income"} <= made["Columns"]["properties"]["inputs"]["properties"].keys()
    assert made["Parameters"]["properties"]["urgent"] == {"type": "boolean", "default": False}
    assert made["Answer"]["properties"]["limit"] == {"type": ["number", "null"]}
    assert "limit" in made["Answer"]["required"]
    assert made["Answer"]["properties"]["reasons"]["items"]["required"] == ["code", "weight"]


def test_every_field_has_a_meaning_and_none_is_left_over() -> None:
    own = {WHAT_WOULD_HELP, BALANCE_BASIS}
    assert contract_words.TRANSACTION.keys() == SCHEMA.keys()
    assert contract_words.DECISION.keys() == {"as_of", OPENING_BALANCE.name}
    assert contract_words.PARAMETER.keys() == {spec.name for spec in pyfunc.PARAMS.params}
    assert contract_words.ANSWER.keys() == ANSWER.keys() | own
    assert contract_words.REASON.keys() == set(FIELDS)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("answer.md", contract_words.ANSWER),
        ("answer.md", contract_words.REASON),
        ("serve.md", contract_words.PARAMETER),
    ],
)
def test_the_pages_say_the_same(page: str, words: dict[str, str]) -> None:
    text = (ROOT / "docs" / page).read_text()
    for name, meaning in words.items():
        assert re.search(rf"^\| `{name}` \|( [\w ]+ \|)? {re.escape(meaning)}", text, re.MULTILINE), name


def asked_in_the_pages() -> list[Plain]:
    """The requests of README.md and docs/, as a reader would send them."""
    texts = [block.text for block in blocks("bash") if "/invocations" in block.text]
    return [
        json.loads(found[1]) for text in texts for found in re.finditer(r"-d '(\{.*?\n\})'", text, re.DOTALL)
    ]


def examples() -> list[Plain]:
    content = DOCUMENT["paths"]["/invocations"]["post"]["requestBody"]["content"]
    return [one["value"] for one in content["application/json"]["examples"].values()]


def test_requests_of_both_shapes_keep_to_it() -> None:
    sent = [*asked_in_the_pages(), *examples(), {"dataframe_records": EVERY, "params": {"as_of": None}}]
    shapes = [
        isinstance(one["dataframe_records"][0]["Amount"], list) for one in sent if "dataframe_records" in one
    ]
    assert set(shapes) == {True, False}
    mixed = {"dataframe_records": [SCORED, examples()[0]["dataframe_records"][0]]}
    for request in [*sent, mixed]:
        assert Schemas(DOCUMENT).faults("Request", request) == []


def test_a_decision_without_transactions_is_for_a_model_with_attributes() -> None:
    request = {"dataframe_records": [{"CustomerId": "C-1", "income": 3e4, "Wohnung / Haus": None}]}
    assert Schemas(openapi(APPLICATION, ANSWER)).faults("Request", request) == []
    assert Schemas(DOCUMENT).faults("Request", request)
    amount_alone = {"dataframe_records": [{"CustomerId": "C-1", "income": 3e4, "Amount": [5]}]}
    assert Schemas(openapi(APPLICATION, ANSWER)).faults("Request", amount_alone)


ROW = {"CustomerId": "C-1", "TransactionStartTime": MOMENT, "Amount": 5}
WRONG_REQUESTS: dict[str, Plain] = {
    "no table": {"params": {}},
    "two tables": {"dataframe_records": [ROW], "inputs": {name: [cell] for name, cell in ROW.items()}},
    "no rows": {"dataframe_records": []},
    "a column missing": {"dataframe_records": [{"CustomerId": "C-1", "Amount": 5}]},
    "a column missing of a split": {
        "dataframe_split": {"columns": ["CustomerId", "Amount"], "data": [["a", 5]]}
    },
    "a misspelled parameter": {"dataframe_records": [ROW], "params": {"asof": MOMENT}},
    "a parameter that is no time": {"dataframe_records": [ROW], "params": {"as_of": "yesterday"}},
    "a parameter of another type": {"dataframe_records": [ROW], "params": {"one_row_per_decision": "yes"}},
    "no time": {"dataframe_records": [ROW | {"TransactionStartTime": "yesterday"}]},
    "nobody": {"dataframe_records": [ROW | {"CustomerId": None}]},
    "an amount that is a list among single cells": {"dataframe_records": [ROW | {"Amount": [5]}]},
}


@pytest.mark.parametrize("request_", WRONG_REQUESTS.values(), ids=WRONG_REQUESTS)
def test_a_wrong_request_breaks_it(request_: Plain) -> None:
    assert Schemas(DOCUMENT).faults("Request", request_)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pyfunc.CreditModel:
    return loaded(small_scorer(), tmp_path_factory.mktemp("scorer"))


@pytest.fixture(scope="module")
def own(model: pyfunc.CreditModel) -> Schemas:
    return Schemas(json.loads(of_model(model.scorer)))


def answers(model: pyfunc.CreditModel, **params: object) -> list[Plain]:
    """As the server sends them."""
    plain: list[Plain] = json.loads(json.dumps(ask(model, *EVERY, **params).to_dict(orient="records")))
    return plain


@pytest.mark.parametrize("helps", [False, True])
def test_answers_keep_to_the_models_own_document(
    model: pyfunc.CreditModel, own: Schemas, *, helps: bool
) -> None:
    given_ = answers(model, what_would_help=helps)
    assert {answer["status"] for answer in given_} == {"scored", "no_history", "invalid"}
    assert own.faults("Answers", {"predictions": given_}) == []


def test_what_the_document_gives_as_examples_is_scored(model: pyfunc.CreditModel) -> None:
    for request in examples():
        if "dataframe_records" in request:
            told = ask(model, *request["dataframe_records"], as_of=MOMENT)
            assert told["status"].to_list() == ["scored"]


WRONG_ANSWERS: dict[str, Callable[[Plain], object]] = {
    "a field is missing": lambda answer: answer.pop("target"),
    "a field is added": lambda answer: answer.update(income=5),
    "a probability above one": lambda answer: answer.update(probability=1.2),
    "a number as text": lambda answer: answer.update(score="500"),
    "another status": lambda answer: answer.update(status="fine"),
    "another decision": lambda answer: answer.update(decision="perhaps"),
    "a moment of another form": lambda answer: answer.update(as_of="2019-02-13"),
    "a message of one who is scored": lambda answer: answer.update(message="Amount: 1 missing"),
    "invalid, and judged": lambda answer: answer.update(status="invalid", message="Amount: 1 missing"),
    "a score without a probability": lambda answer: answer.update(probability=None),
    "five reasons": lambda answer: answer.update(reasons=[answer["reasons"][0]] * 5),
    "a reason without points": lambda answer: answer["reasons"][0].pop("points"),
    "another version": lambda answer: answer.update(model_version="latest"),
}


@pytest.mark.parametrize("fault", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_a_wrong_answer_breaks_it(
    fault: Callable[[Plain], object], model: pyfunc.CreditModel, own: Schemas
) -> None:
    (scored,) = [answer for answer in answers(model) if answer["CustomerId"] == "C-risky"]
    assert scored["reasons"]
    scored |= {"model_version": "0123456789ab"}
    assert own.faults("Answer", scored) == []
    fault(scored)
    assert own.faults("Answer", scored)


@given(st.from_regex(TIME.removesuffix("$") + r"\Z", fullmatch=True))
@example("2019-02-13")
@example("2019-02-13 07:45")
@example("2019-02-13T07:45:31,123456789 +0300")
def test_a_time_that_the_document_takes_is_read(moment: str) -> None:
    assume(int(moment[8:10]) <= 28)
    assume(1900 < int(moment[:4]) < 2199)
    assert read_iso(moment) is not None


def test_the_document_is_the_same_for_the_same_contract() -> None:
    assert of_model(small_scorer()) == of_model(small_scorer())


def test_the_input_example_of_a_model_keeps_to_it() -> None:
    scorer = small_scorer()
    rows = json.loads(input_example(scorer).to_json(orient="records"))
    assert Schemas(json.loads(of_model(scorer))).faults("Request", {"dataframe_records": rows}) == []
