"""The scorer as an MLflow pyfunc model, logged as code (no pickle)."""

import os
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import polars as pl
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.pyfunc import PythonModel, PythonModelContext
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, Object, Property

from credit_model.data.iso_time import read_iso
from credit_model.data.transactions import COLUMNS
from credit_model.scoring.scorer import WHAT_WOULD_HELP, Scorer
from credit_model.serving.decided import each
from credit_model.serving.decision_log import decision_log
from credit_model.serving.fast.answer import short_way
from credit_model.serving.request import UnreadableRequestError, read_request

MODEL_CONFIG = {"decision_log": ""}  # what load_model may set: a file, or - for standard output
PARAMS = ParamSchema(
    [
        ParamSpec("as_of", DataType.string, default=None),
        ParamSpec("one_row_per_decision", DataType.boolean, default=False),
        ParamSpec(WHAT_WOULD_HELP, DataType.boolean, default=False),
    ]
)


class RefusedRequestError(MlflowException):
    """A request from which no row can be read; the server answers 400 with one sentence.

    MLflow puts the repr of the input before an exception's message; this message cannot be changed, so that no data of a
    customer are repeated.
    """

    def __init__(self, sentence: str) -> None:
        """Refuse with a sentence."""
        self._sentence = sentence
        super().__init__(sentence, error_code=BAD_REQUEST)

    @property
    def message(self) -> str:
        """The sentence."""
        return self._sentence

    @message.setter
    def message(self, _: str) -> None:
        return

    def __str__(self) -> str:
        return self._sentence


class CreditModel(PythonModel):
    """The pyfunc model: from raw transactions to one answer per decision; ``docs/answer.md`` describes both."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the scorer from the model's artifacts, and start the decision log where it is on.

        Raises:
            ValueError: the decision log is on, and lacks the key of its hashes.
        """
        _keep_text_as_it_comes()
        self.scorer = Scorer.load(Path(context.artifacts["scorer"]))
        self.fields = pd.Index(list(self.scorer.answer_schema))
        self.short_way = short_way(self.scorer, os.environ)
        target = (context.model_config or {}).get("decision_log")
        self.log = decision_log(self.scorer, target, os.environ)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002, MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Answer a request.

        Raises:
            RefusedRequestError: no row can be read from it.
        """
        params = params or {}
        try:
            as_of = _moment(params.get("as_of"))
            arrays_only = bool(params.get("one_row_per_decision")) or _in_spark_task()
            helps = bool(params.get(WHAT_WOULD_HELP))
            answers = self._answers(model_input, as_of, arrays_only=arrays_only, what_would_help=helps)
            return to_pandas(answers, self.fields)
        except UnreadableRequestError as refusal:
            raise RefusedRequestError(str(refusal)) from None

    def _answers(
        self, table: pd.DataFrame, as_of: datetime, *, arrays_only: bool, what_would_help: bool
    ) -> dict[str, list[Any]]:
        if self.short_way and not what_would_help and not (arrays_only and len(table) > 1):
            decided = self.short_way.answer(table, as_of)
            if decided is not None:
                if self.log:
                    self.log.write([decided])
                return {name: [cell] for name, cell in decided.answer.items()}
        request = read_request(table, as_of, self.scorer.scalars, arrays_only=arrays_only)
        past = self.scorer.history(request.transactions, request.decisions)
        helps = what_would_help and self.scorer.tells_changes
        judgement = self.scorer.judge(past, request.decisions, what_would_help=helps)
        if self.log:
            self.log.write(each(self.scorer, judgement))
        return judgement.answer.to_dict(as_series=False)


def to_pandas(answer: Mapping[str, list[Any]], fields: pd.Index) -> pd.DataFrame:
    """The answer as a pandas table, with None and never NaN for a missing value, because JSON has no NaN."""
    cells = np.empty((len(answer["status"]), len(answer)), dtype=object)
    for place, column in enumerate(answer.values()):
        cells[:, place] = _objects(column)
    return pd.DataFrame(cells, columns=fields, dtype=object)


def _objects(column: list[Any]) -> np.ndarray:
    """Python's own objects: a list stays one cell."""
    objects = np.empty(len(column), dtype=object)
    objects[:] = column
    return objects


def signature(scorer: Scorer) -> ModelSignature:
    """The signature: every input by name, optional and of any type; the model's own validation decides what is required."""
    names = [*COLUMNS, "as_of", *(scalar.name for scalar in scorer.scalars)]
    any_type = AnyType()  # type: ignore[no-untyped-call]
    inputs = Schema([ColSpec(any_type, name=name, required=False) for name in names])
    outputs = Schema([ColSpec(_output_type(kind), name=name) for name, kind in scorer.answer_schema.items()])
    return ModelSignature(inputs=inputs, outputs=outputs, params=PARAMS)


def _output_type(kind: Any) -> DataType | Array | Object:
    if isinstance(kind, pl.List):
        return Array(_output_type(kind.inner))
    if isinstance(kind, pl.Struct):
        return Object([Property(field.name, _output_type(field.dtype)) for field in kind.fields])
    types = {pl.Float64: DataType.double, pl.Int64: DataType.long, pl.String: DataType.string}
    return types[type(kind)]


def _moment(as_of: str | None) -> datetime:
    if as_of is None:
        return datetime.now(UTC).replace(tzinfo=None)
    moment = read_iso(as_of)
    if moment is None:
        raise UnreadableRequestError(
            "the parameter as_of is not a time; send ISO-8601 text such as 2019-02-13T00:00:00Z"
        )
    return moment


def _keep_text_as_it_comes() -> None:
    """Let MLflow's scoring server make tables that hold text of any kind; elsewhere pandas stays as it is set.

    pandas' own type of text refuses a whole request for one lone surrogate, which JSON may carry; as Python's text it
    reaches the model, which answers that its customer is invalid.
    """
    if "mlflow.pyfunc.scoring_server.app" in sys.modules:
        with warnings.catch_warnings(action="ignore"):  # pandas 4, which we do not admit, has no such option
            pd.set_option("future.infer_string", False)


def _in_spark_task() -> bool:
    pyspark = sys.modules.get("pyspark")
    return pyspark is not None and pyspark.TaskContext.get() is not None


if __name__ != "credit_model.serving.pyfunc":
    mlflow.models.set_model(CreditModel())
