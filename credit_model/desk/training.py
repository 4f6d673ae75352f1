"""Training in Python: what ``train`` leaves behind, as tables, a document and a model at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from credit_model.desk import tables
from credit_model.desk.model import Model, at_store, load
from credit_model.desk.page import Page
from credit_model.desk.tables import Table
from credit_model.reporting import plots
from credit_model.reporting.model_document import model_document
from credit_model.reporting.tables import comparison, gates, training_table
from credit_model.serving import jobs
from credit_model.settings.settings import Settings
from credit_model.tracking import provenance
from credit_model.tracking.carried import carried_code
from credit_model.tracking.integrity import DOCUMENT
from credit_model.tracking.model_folder import verified_folder
from credit_model.training import workflow
from credit_model.training.train import Trained
from credit_model.training.workflow import TrainingResult


def train(
    transactions: Table | None = None,
    outcomes: Table | None = None,
    *,
    track: bool = False,
    **parameters: Any,
) -> "Training":
    """Train a model as the command ``train`` does.

    Args:
        transactions: a frame, or the path of a file, a folder or a pattern; synthetic ones where neither they nor outcomes
            are given.
        outcomes: real outcomes: ``CustomerId``, ``as_of``, ``defaulted`` and attributes, or days past due with ``bad_days``;
            without them the label is a proxy.
        track: keep the run in MLflow and register the model, as the command does; else nothing is kept.
        **parameters: those of ``python -m credit_model train --help``: texts as there, or Python's own values, such as
            ``history_days=60``, ``attributes=["income"]``, ``columns={"Amount": "value"}``.

    Raises:
        TypeError: a table is neither a frame nor a path.
        ValueError: a parameter or the data cannot be read, or cannot be trained on.
    """
    given = {"transactions": transactions, "outcomes": outcomes}
    settings = tables.settings("train", given, parameters)
    if settings.customers_table is not None:
        raise ValueError("customers_table: only the command writes files; python -m credit_model train does")
    pandas = tables.of_pandas(*given.values())
    if not track:
        return Training(workflow.run(settings), settings, pandas)
    with at_store(None):
        from credit_model.operations.train import tracked

        return Training(tracked(settings), settings, pandas)


@dataclass(frozen=True)
class Training:
    """What a training leaves behind. Tables are of pandas where a frame of pandas was given, else of Polars.

    Attributes:
        result: all of it, as the package itself uses it.
        settings: of the training.
    """

    result: TrainingResult = field(repr=False)
    settings: Settings = field(repr=False)
    _pandas: bool = field(repr=False)

    @property
    def summary(self) -> tuple[str, ...]:
        """What the command prints, line by line."""
        return self.result.summary

    @property
    def metrics(self) -> Mapping[str, float]:
        """Every measure of the model by the name that MLflow shows it under."""
        return self.result.figures

    @property
    def figures(self) -> Mapping[str, float]:
        """The same as ``metrics``."""
        return self.result.figures

    @property
    def trained(self) -> Trained:
        """The scorer, its primary scorecard and what they were fitted on."""
        return self.result.trained

    @property
    def failed_gates(self) -> tuple[str, ...]:
        """Why this model must not be promoted; empty where nothing speaks against it."""
        return self.result.failed_gates

    @cached_property
    def table(self) -> Any:
        """One row per decision that was learned from: who, ``as_of``, ``bad``, ``part``, the features, and scores out of fold.

        ``probability`` is what bands and strategy are made of, ``ranked`` what measures of ranking are made of, and
        ``test_probability`` is by the fit on the training part alone.
        """
        trained = self.trained
        return self._wanted(training_table(trained, trained.dataset.decisions["CustomerId"]))

    @cached_property
    def comparison(self) -> Any:
        """One row per candidate, the best first: AUC of the folds with its error, loss to the best, AUC of the test part."""
        return self._wanted(comparison(self.trained))

    @cached_property
    def gates(self) -> Any:
        """One row per gate: ``gate``, ``state``, ``figure``, ``limit`` and ``sentence``."""
        return self._wanted(gates(self.result))

    @cached_property
    def document(self) -> Page:
        """The model document: what a tracked training registered, or else the same without a version's name."""
        if self.registered is not None:
            with at_store(None):
                return Page((verified_folder(self.registered) / DOCUMENT).read_text(encoding="utf-8"))
        pictures = plots.pictures(self.trained, self.result.sample.recipe.costs)
        identity = provenance.identity(self.settings, self.model.version)
        return Page(model_document(self.result, pictures, identity))

    @cached_property
    def model(self) -> Model:
        """The model at hand: the registered one, or else one in a temporary folder that goes with it."""
        if self.registered is not None:
            return load(self.registered)
        folder = Path(mkdtemp(prefix="credit_model_"))
        self.trained.scorer.save(folder / "artifacts" / "scorer", jobs.MANIFEST)
        carried_code(folder / "code")
        return Model(folder, "the trained model", temporary=True)

    @property
    def registered(self) -> str | None:
        """The URI of the registered version; None where the training was not tracked."""
        number = self.result.registered
        return None if number is None else f"models:/{self.settings.name}/{number}"

    def _wanted(self, table: Any) -> Any:
        return tables.wanted(table, pandas=self._pandas)

    def _repr_html_(self) -> str:
        return self.document._repr_html_()
