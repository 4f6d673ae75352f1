"""The OpenAPI 3.1 document of a served model: what ``/invocations`` takes and answers, made from the contract in the code.

The schemas say what a good request is. The model takes more than that: a cell that is no time or no number makes one customer
``invalid`` and fails nobody else, and columns outside the contract are ignored. What MLflow's server answers by itself, such as
its errors, is described as it is. ``docs/openapi.json`` is that of a model which reads the balance and has no attributes; every
model carries its own.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC
from typing import Any

import polars as pl
from mlflow.types import DataType, ParamSpec

from credit_model import __version__
from credit_model.data.cells import LARGEST_NUMBER, Reader, numbers, texts, times
from credit_model.data.decisions import OPENING_BALANCE, Attribute, reader_for
from credit_model.data.iso_time import EARLIEST, LATEST
from credit_model.data.transactions import REQUIRED, SCHEMA, reader_of
from credit_model.reporting import contract_words
from credit_model.scoring import scorer
from credit_model.scoring.policy import DECISIONS
from credit_model.scoring.reasons import MOST_REASONS
from credit_model.scoring.scorer import BALANCE_BASIS, WHAT_WOULD_HELP, Scorer
from credit_model.serving import pyfunc

Plain = dict[str, Any]
TIME = (
    "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
    "( ?([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?))?)?$"
)
_STATUSES = ("scored", "no_history", "invalid")
_TARGETS = ("rfm_proxy", "same_window", "observed_default")
_BASES = (scorer.BALANCE_COLUMN, scorer.STATED, scorer.GIVEN_ROWS)
_JSON_TYPES: Mapping[Any, str] = {DataType.string: "string", DataType.boolean: "boolean"}
_NULL: Plain = {"type": "null"}
_KNOWN: Mapping[str, Plain] = {
    "as_of": {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"},
    "status": {"type": "string", "enum": list(_STATUSES)},
    "probability": {"minimum": 0, "maximum": 1},
    "prediction": {"enum": [0, 1, None]},
    "decision": {"type": "string", "enum": list(DECISIONS)},
    "reasons": {"maxItems": MOST_REASONS},
    "transaction_count": {"minimum": 0},
    "target": {"type": "string", "enum": list(_TARGETS)},
    "model_version": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    BALANCE_BASIS: {"enum": [*_BASES, None]},
}
_KNOWN_OF_REASON: Mapping[str, Plain] = {
    "code": {"type": "string", "pattern": "^R[0-9]{2}(-.+)?$"},
    "text": {"type": "string", "minLength": 1},
}
_EXAMPLE = {
    "CustomerId": "C-1",
    "TransactionStartTime": ("2019-01-20T09:12:44Z", "2019-02-11T07:45:31Z"),
    "Amount": (1000, -50),
}
_MOMENT = "2019-02-13T00:00:00Z"


def of_model(model: Scorer) -> str:
    """The document of one model, as JSON text that is the same for the same contract."""
    return text(openapi(model.scalars, model.answer_schema))


def published() -> str:
    """The document of a model that reads the balance and has no attributes, as ``docs/openapi.json`` shows it."""
    own = {WHAT_WOULD_HELP: pl.String(), BALANCE_BASIS: pl.String()}
    return text(openapi((OPENING_BALANCE,), scorer.ANSWER | own))


def text(document: Plain) -> str:
    """A document as JSON text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def openapi(scalars: Sequence[Attribute], answer: Mapping[str, pl.DataType]) -> Plain:
    """The document of a contract, as plain JSON values.

    Args:
        scalars: what the model reads of a decision beside its customer and time.
        answer: the fields of its answers.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "credit_model",
            "version": __version__,
            "summary": "One credit decision per customer, from raw transactions",
            "description": "The stock MLflow scoring server of one model. A customer whose data are at fault is answered "
            "`invalid`, and the others are scored.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/invocations": {"post": _invocations()},
            **{f"/{name}": {"get": _get(name, said)} for name, said in _OTHERS.items()},
        },
        "components": {"schemas": _requests(scalars) | _answers(answer)},
    }


_OTHERS = {
    "ping": "Whether the server is up; the body is empty but for a line break",
    "health": "The same as `/ping`",
    "version": "The version of MLflow, as bare text",
}


def _get(name: str, said: str) -> Plain:
    answered = {"description": said, "content": {"application/json": {}}}
    return {"operationId": name, "summary": said, "responses": {"200": answered}}


def _invocations() -> Plain:
    return {
        "operationId": "decide",
        "summary": "Decide",
        "description": "Rows of single transactions are grouped by `CustomerId` and, where they have it, `as_of`: one answer "
        "each, in order of first appearance. A row of arrays is a decision of its own. Columns outside the contract are ignored.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref("Request"), "examples": _examples()},
                "application/vnd.apache.parquet": {
                    "schema": {
                        "description": "The rows as a table; without parameters: put `as_of` into a column."
                    }
                },
            },
        },
        "responses": _responses(),
    }


def _responses() -> Plain:
    return {
        "200": {"description": "An answer to every decision", "content": _json(_ref("Answers"))},
        "400": {
            "description": "No row can be read: one sentence that repeats nothing of the request. Or MLflow refused the request "
            "before the model saw it: then the message may repeat the request.",
            "content": _json(_ref("Error")),
        },
        "415": {"description": "MLflow does not take this content type", "content": _plain_text()},
        "500": {
            "description": "MLflow met no Content-Type, or JSON that Python cannot read",
            "content": _plain_text(),
        },
        "504": {
            "description": "The server's time for a request was over",
            "content": {"application/json": {}},
        },
    }


def _json(schema: Plain) -> Plain:
    return {"application/json": {"schema": schema}}


def _plain_text() -> Plain:
    return {"text/plain": {"schema": {"type": "string"}}}


def _examples() -> Plain:
    columns = {name: list(cells) for name, cells in _EXAMPLE.items() if isinstance(cells, tuple)}
    customer = {"CustomerId": _EXAMPLE["CustomerId"]}
    rows = [
        customer | dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
    ]
    params = {"params": {"as_of": _MOMENT}}
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    values = {
        "transactions": {"dataframe_records": rows} | params,
        "decisions": {"dataframe_records": [customer | {"as_of": _MOMENT} | columns]},
        "split": {"dataframe_split": split} | params,
        "inputs": {"inputs": {name: [row[name] for row in rows] for name in rows[0]}} | params,
    }
    return {name: {"value": value} for name, value in values.items()}


def _requests(scalars: Sequence[Attribute]) -> Plain:
    """The schemas of requests."""
    forms = {"Records": "dataframe_records", "Split": "dataframe_split", "Columns": "inputs"}
    tables = {"Records": _records(), "Split": _split(scalars), "Columns": _columns(scalars)}
    return {
        "Request": {"oneOf": [_ref(name) for name in forms]},
        **{name: _body(key, tables[name]) for name, key in forms.items()},
        "Parameters": _parameters(),
        "Transaction": _transaction(scalars),
        "Decision": _decision(scalars),
        **_cells(),
    }


def _body(key: str, table: Plain) -> Plain:
    """A body that holds a table; MLflow ignores other keys, which a caller who sends them would not want."""
    return _object({key: table, "params": _ref("Parameters")}, [key])


def _records() -> Plain:
    return {"type": "array", "minItems": 1, "items": {"anyOf": [_ref("Transaction"), _ref("Decision")]}}


def _split(scalars: Sequence[Attribute]) -> Plain:
    required = [{"contains": {"const": name}} for name in _required(scalars)]
    names = {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "allOf": required}
    rows = {"type": "array", "minItems": 1, "items": {"type": "array"}}
    properties = {"columns": names, "data": rows, "index": {"type": "array"}}
    return _object(properties, ["columns", "data"]) | {
        "description": "Rows of either kind; every row has a cell for every column."
    }


def _columns(scalars: Sequence[Attribute]) -> Plain:
    """Columns of cells, or of arrays of cells."""
    columns = {
        name: cell if name == "CustomerId" else {"anyOf": [cell, _array(cell)]}
        for name, cell in _of_transactions().items()
    }
    filled = {
        name: _array(cell) | {"minItems": 1} for name, cell in (columns | _of_decisions(scalars)).items()
    }
    return _object(filled, _required(scalars)) | {
        "description": "Columns of equal length, of rows of either kind. MLflow may refuse columns outside the contract here."
    }


def _transaction(scalars: Sequence[Attribute]) -> Plain:
    """A row that is one transaction."""
    cells = _told(_of_transactions(), contract_words.TRANSACTION)
    decided = _told(_of_decisions(scalars), contract_words.DECISION)
    return _object(cells | decided, REQUIRED, others=True) | {"description": "One transaction of a decision."}


def _decision(scalars: Sequence[Attribute]) -> Plain:
    """A row that is one decision, its transactions as arrays of one length."""
    arrays = {
        name: cell if name == "CustomerId" else _array(cell, null=name not in REQUIRED)
        for name, cell in _of_transactions().items()
    }
    cells = _told(arrays, contract_words.TRANSACTION)
    decided = _told(_of_decisions(scalars), contract_words.DECISION)
    _, time, amount = REQUIRED
    return _object(cells | decided, _required(scalars), others=True) | {
        "description": "One decision with its transactions, whose columns are arrays of one length.",
        "dependentRequired": {time: [amount], amount: [time]},
    }


def _required(scalars: Sequence[Attribute]) -> list[str]:
    """The columns that a request must have; with attributes of an application a decision may come without transactions."""
    application = any(scalar != OPENING_BALANCE for scalar in scalars)
    return list(REQUIRED[:1] if application else REQUIRED)


def _of_transactions() -> dict[str, Plain]:
    """The cells of a transaction's columns."""
    return {name: _cell(reader_of(name), null=name not in REQUIRED) for name in SCHEMA}


def _of_decisions(scalars: Sequence[Attribute]) -> dict[str, Plain]:
    """The cells of what belongs to the decision itself."""
    readers = {"as_of": times} | {scalar.name: reader_for(scalar) for scalar in scalars}
    return {name: _cell(reader, null=True) for name, reader in readers.items()}


def _told(schemas: Mapping[str, Plain], words: Mapping[str, str]) -> dict[str, Plain]:
    """Schemas with what each field means, where that is said."""
    return {name: _described(schema, words.get(name)) for name, schema in schemas.items()}


def _cell(reader: Reader, *, null: bool) -> Plain:
    """A cell that a reader can read."""
    cell = _ref(_CELLS[reader])
    return {"anyOf": [cell, _NULL]} if null else cell


_CELLS: Mapping[Reader, str] = {texts: "Text", numbers: "Number", times: "Time"}


def _cells() -> Plain:
    """The schemas of cells, by the reader that reads them."""
    return {
        "Text": {
            "type": ["string", "number", "boolean"],
            "description": "text, or a number taken as its text",
        },
        "Number": {
            "type": ["number", "string"],
            "minimum": -LARGEST_NUMBER,
            "maximum": LARGEST_NUMBER,
            "description": "a number, or text that is one",
        },
        "Time": {
            "type": ["string", "number"],
            "pattern": TIME,
            "minimum": EARLIEST.replace(tzinfo=UTC).timestamp(),
            "exclusiveMaximum": LATEST.replace(tzinfo=UTC).timestamp(),
            "description": "ISO-8601 text, UTC where it has no zone, or epoch seconds",
        },
    }


def _array(cell: Plain, *, null: bool = False) -> Plain:
    return {"type": ["array", "null"] if null else "array", "items": cell}


def _parameters() -> Plain:
    specs = {spec.name: _parameter(spec) for spec in pyfunc.PARAMS.params}
    return _object(_told(specs, contract_words.PARAMETER), []) | {
        "description": "MLflow ignores a parameter of another name, and logs a warning."
    }


def _parameter(spec: ParamSpec) -> Plain:
    kind = _JSON_TYPES[spec.dtype]
    schema: Plain = {"type": [kind, "null"] if spec.default is None else kind, "default": spec.default}
    return schema | ({"pattern": TIME} if spec.name == "as_of" else {})


def _answers(answer: Mapping[str, pl.DataType]) -> Plain:
    """The schemas of answers and of MLflow's error."""
    one = _told({name: _field(name, dtype) for name, dtype in answer.items()}, contract_words.ANSWER)
    error = {name: {"type": "string"} for name in ("error_code", "message", "stack_trace")}
    return {
        "Answers": _object({"predictions": {"type": "array", "items": _ref("Answer")}}, ["predictions"]),
        "Answer": _object(one, list(answer)) | {"allOf": [_INVALID_OR_NOT, _KNOWN_OR_NOT]},
        "Error": _object(error, ["error_code", "message"], others=True),
    }


_INVALID_OR_NOT: Plain = {
    "if": {"properties": {"status": {"const": "invalid"}}},
    "then": {
        "properties": {"message": {"type": "string"}, "probability": _NULL, "transaction_count": {"const": 0}}
    },
    "else": {"properties": {"message": _NULL}},
}
_KNOWN_OR_NOT: Plain = {
    "if": {"properties": {"probability": _NULL}},
    "then": {"properties": dict.fromkeys(("score", "prediction", "risk_level"), _NULL)},
    "else": {
        "properties": {
            "score": {"type": "number"},
            "prediction": {"type": "number"},
            "risk_level": {"type": "string"},
        }
    },
}


def _field(name: str, dtype: Any) -> Plain:
    """A field of an answer, from the type of its column."""
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
        parts = {
            part.name: _column(part.dtype) | _KNOWN_OF_REASON.get(part.name, {})
            for part in dtype.inner.fields
        }
        schema = _array(_object(_told(parts, contract_words.REASON), list(parts)))
    else:
        schema = _column(dtype)
    return schema | _KNOWN.get(name, {})


def _column(dtype: Any) -> Plain:
    kinds = {pl.Float64: ["number", "null"], pl.Int64: "integer", pl.String: ["string", "null"]}
    return {"type": kinds[type(dtype)]}


def _described(schema: Plain, meaning: str | None) -> Plain:
    return schema | ({"description": meaning} if meaning else {})


def _object(properties: Plain, required: Collection[str], *, others: bool = False) -> Plain:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return schema | ({} if others else {"additionalProperties": False})


def _ref(name: str) -> Plain:
    return {"$ref": f"#/components/schemas/{name}"}
