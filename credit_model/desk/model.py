"""A model at hand: a process that runs the model's own code, asked with frames or files as often as you like."""

import os
import shutil
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, TypedDict, Unpack, overload

import numpy as np
import polars as pl
import polars.selectors as cs

from credit_model.data import files
from credit_model.data.cells import read, times
from credit_model.data.frames import AnyFrame, InMemory
from credit_model.data.outcomes import KNOWN_AT, OUTCOME_COLUMNS, observed
from credit_model.data.suggest import suggest
from credit_model.desk import tables
from credit_model.desk.explanation import Explanation
from credit_model.desk.tables import File, Moment, Table
from credit_model.models.scorecard import Scorecard
from credit_model.models.segmented import Segmented
from credit_model.reporting.tables import card_table, segment_table
from credit_model.scoring.scorer import Scorer
from credit_model.serving.warm import WarmModel
from credit_model.settings.settings import Settings
from credit_model.tracking.environment import mlflow_defaults
from credit_model.tracking.model_folder import verified_folder
from credit_model.training.strategy import strategy

_USERS = 3  # place of the line of the user on the stack of a warning
_ROW = "row"
_DEFAULTS = Settings()


class Written(TypedDict, total=False):
    """How tables are written, where they are not as the model's training was told.

    Attributes:
        columns: contract name -> column name of the tables.
        date_format: of times held as text: ``iso``, or codes such as ``%d.%m.%Y``.
        decimal: mark of numbers held as text.
    """

    columns: Mapping[str, str]
    date_format: str
    decimal: Literal["point", "comma"]


class _Asked(NamedTuple):
    """What a model is asked about."""

    transactions: Table | None
    decisions: Table | None
    as_of: Moment | None
    written: Written
    called: str = "decisions"

    @property
    def pandas(self) -> bool:
        """Whether tables of pandas are wanted."""
        return tables.of_pandas(self.transactions, self.decisions)

    def like_decisions(self, table: pl.DataFrame) -> Any:
        """A table with one row per decision as a frame of the kind that is wanted, of pandas with the index of the decisions."""
        frame, index = tables.wanted(table, pandas=self.pandas), getattr(self.decisions, "index", None)
        return frame if index is None or isinstance(self.decisions, str | Path) else frame.set_index(index)


def load(model: str | Path = _DEFAULTS.model, *, tracking_uri: str | None = None) -> "Model":
    """Load a model into a process that runs the code which the model carries, so that it answers as it did when it was trained.

    The process is kept for all calls; end it with ``close``, or use the model in a ``with`` statement.

    Args:
        model: an MLflow URI such as ``models:/credit-risk@champion`` or ``models:/credit-risk/3``, or a model's folder.
        tracking_uri: the MLflow store; without it, that of MLflow itself, and else ``mlflow.db`` in the current folder.

    Raises:
        ValueError: there is no such model, a file of it is not the one that was registered, or its code is older than this.
    """
    with at_store(tracking_uri):
        folder = verified_folder(str(model))
    return Model(folder, str(model), tracking_uri=tracking_uri)


@contextmanager
def at_store(uri: str | None) -> Iterator[None]:
    """Use an MLflow store, or without one that of MLflow, or of the current folder."""
    os.environ.update(mlflow_defaults(Path.cwd(), os.environ))
    if uri is None:
        yield
        return
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


class Model:
    """A model at hand, as ``load`` gives it, and ``train``.

    Tables that go in are frames of pandas or Polars, or paths; those that come out are of pandas where a frame of pandas went
    in, else of Polars. Every method that takes transactions also takes ``columns``, ``date_format`` and ``decimal``, as the
    command ``score`` does.

    Attributes:
        name: what the model was called when it was loaded.
    """

    def __init__(
        self, folder: Path, name: str, *, tracking_uri: str | None = None, temporary: bool = False
    ) -> None:
        """Start the process of a model.

        Args:
            folder: of the model's files.
            name: what the user calls the model.
            tracking_uri: the MLflow store that the model is of.
            temporary: whether the folder is removed with the model.
        """
        self.name, self._folder, self._store = name, folder, tracking_uri
        self._files = weakref.finalize(self, shutil.rmtree, folder, True) if temporary else None
        self._warm = WarmModel(folder, name)

    def close(self) -> None:
        """End the process. A closed model answers nothing any more."""
        self._warm.close()
        if self._files is not None:
            self._files()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<credit_model.Model {self.name}>"

    @property
    def version(self) -> str:
        """The ``model_version`` of its answers."""
        return self._scorer.version

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features that it reads."""
        return self._scorer.classifier.inputs

    @overload
    def score(  # type: ignore[overload-overlap]
        self,
        transactions: File | None,
        decisions: File | None = None,
        *,
        as_of: Moment | None = None,
        what_would_help: bool = False,
        **written: Unpack[Written],
    ) -> pl.DataFrame: ...

    @overload
    def score(
        self,
        transactions: AnyFrame | File | None,
        decisions: AnyFrame | File | None = None,
        *,
        as_of: Moment | None = None,
        what_would_help: bool = False,
        **written: Unpack[Written],
    ) -> AnyFrame: ...

    def score(
        self,
        transactions: Table | None,
        decisions: Table | None = None,
        *,
        as_of: Moment | None = None,
        what_would_help: bool = False,
        **written: Unpack[Written],
    ) -> Any:
        """Answer for every decision, as the command ``score`` does.

        Args:
            transactions: raw transactions, or None where decisions alone are judged.
            decisions: whom to judge and when: ``CustomerId``, ``as_of`` and the model's attributes; without them, every
                customer of the transactions.
            as_of: moment of the decisions that give none; without it, now.
            what_would_help: also look for the smallest change that reaches the next safer band.
            **written: how the tables are written.

        Returns:
            One row per decision, in order, with the fields of an answer; of pandas with the index of ``decisions``.

        Raises:
            TypeError: a table is neither a frame nor a path.
            ValueError: the model is closed, or the data cannot be read.
        """
        asked = _Asked(transactions, decisions, as_of, written)
        (answers,) = self._done("score", asked, what_would_help="yes" if what_would_help else "no")
        return asked.like_decisions(answers)

    @overload
    def features(  # type: ignore[overload-overlap]
        self,
        transactions: File | None,
        decisions: File | None = None,
        *,
        as_of: Moment | None = None,
        **written: Unpack[Written],
    ) -> pl.DataFrame: ...

    @overload
    def features(
        self,
        transactions: AnyFrame | File | None,
        decisions: AnyFrame | File | None = None,
        *,
        as_of: Moment | None = None,
        **written: Unpack[Written],
    ) -> AnyFrame: ...

    def features(
        self,
        transactions: Table | None,
        decisions: Table | None = None,
        *,
        as_of: Moment | None = None,
        **written: Unpack[Written],
    ) -> Any:
        """Every feature of the model's catalogue for every decision, as the command ``features`` computes them.

        Arguments, rows and errors are those of ``score``; the model reads those that ``inputs`` names.
        """
        asked = _Asked(transactions, decisions, as_of, written)
        (computed,) = self._done("features", asked)
        return asked.like_decisions(computed)

    @overload
    def contributions(  # type: ignore[overload-overlap]
        self,
        transactions: File | None,
        decisions: File | None = None,
        *,
        as_of: Moment | None = None,
        wide: bool = False,
        **written: Unpack[Written],
    ) -> pl.DataFrame: ...

    @overload
    def contributions(
        self,
        transactions: AnyFrame | File | None,
        decisions: AnyFrame | File | None = None,
        *,
        as_of: Moment | None = None,
        wide: bool = False,
        **written: Unpack[Written],
    ) -> AnyFrame: ...

    def contributions(
        self,
        transactions: Table | None,
        decisions: Table | None = None,
        *,
        as_of: Moment | None = None,
        wide: bool = False,
        **written: Unpack[Written],
    ) -> Any:
        """What each feature adds to each score, in points; those of a decision add up to its score.

        Args:
            transactions: as for ``score``.
            decisions: as for ``score``.
            as_of: as for ``score``.
            wide: one row per decision and one column per feature, instead of one row for each of both.
            **written: as for ``score``.

        Returns:
            Long, as ``score --explain`` writes it: ``row`` (of the decision, from 0 on), ``CustomerId``, ``as_of``,
            ``feature``, ``value`` (as text) and ``points``, without the decisions that the model did not judge. Wide:
            ``CustomerId``, ``as_of``, ``score``, then the points of ``(start)``, every feature and ``(calibration)``, null
            where the model did not judge; of pandas with the index of ``decisions``.
        """
        asked = _Asked(transactions, decisions, as_of, written)
        answers, points = self._done("score", asked, "explain")
        return (
            asked.like_decisions(_wide(answers, points))
            if wide
            else tables.wanted(points, pandas=asked.pandas)
        )

    def explain(
        self,
        transactions: Table | None,
        customer: object,
        *,
        decisions: Table | None = None,
        as_of: Moment | None = None,
        **written: Unpack[Written],
    ) -> Explanation:
        """One decision with its answer, its reasons, its contributions and a picture of them.

        Args:
            transactions: as for ``score``.
            customer: the ``CustomerId``.
            decisions: decisions of which one is the customer's, with the model's attributes; without them, the customer is
                judged at ``as_of``.
            as_of: as for ``score``; where the customer has several decisions, the moment of the one that is meant.
            **written: as for ``score``.

        Raises:
            ValueError: as for ``score``, or there is no such decision, or more than one.
        """
        whom = pl.DataFrame({"CustomerId": [str(customer)]}) if decisions is None else decisions
        asked = _Asked(transactions, whom, as_of, written)
        answers, points = self._done("score", asked, "explain")
        row = _only(answers, str(customer), as_of)
        mine = points.filter(pl.col(_ROW) == row).select("feature", "value", "points")
        pandas = tables.of_pandas(transactions, decisions)
        return Explanation(self.name, answers.row(row, named=True), mine, pandas)

    def strategy(
        self,
        transactions: Table | None,
        outcomes: Table,
        *,
        bad_values: Sequence[str] = (),
        cost_false_negative: float = _DEFAULTS.cost_false_negative,
        cost_false_positive: float = _DEFAULTS.cost_false_positive,
        **written: Unpack[Written],
    ) -> Any:
        """What each cut-off would have approved, what became of it, and what its errors cost.

        Decisions that the model was trained on look better than new ones: give outcomes of later decisions.

        Args:
            transactions: as for ``score``.
            outcomes: decisions with what became of them: ``CustomerId``, ``as_of``, ``defaulted`` and the model's attributes.
            bad_values: values of ``defaulted`` that mean bad; without them 1 is bad and 0 is good.
            cost_false_negative: of approving a bad customer.
            cost_false_positive: of rejecting a good customer.
            **written: as for ``score``.

        Returns:
            A row for approving nobody and for every twentieth of the scored decisions approved below a cut-off:
            ``cut_off``, ``approval_rate``, ``bad_rate`` (among the approved), ``cost`` (per decision), ``approved`` and
            ``bads_approved``.

        Raises:
            ValueError: as for ``score``, or the outcomes cannot be read, or none of them was scored.
        """
        asked = _Asked(transactions, outcomes, None, written, "outcomes")
        (answers,) = self._done("score", asked)
        source = tables.source("outcomes", outcomes)
        scorer = self._scorer
        columns = {**scorer.columns, **written.get("columns", {})}
        formats = scorer.formats.said(written.get("date_format"), written.get("decimal")).of_numbers(())
        became = files.read(source, columns, OUTCOME_COLUMNS, formats=formats)
        known = became.drop(KNOWN_AT, strict=False).with_columns(
            *answers.select("CustomerId", "as_of", "status", "probability")
        )
        labelled = observed(known, 0, list(bad_values), files.place(source)).decisions
        scored = labelled.filter(pl.col("status") == "scored")
        if scored.is_empty():
            raise ValueError(
                f"{source}: the model scored none of the decisions; check as_of and the transactions"
            )
        bad, probability = scored["bad"].to_numpy().astype(np.int8), scored["probability"].to_numpy()
        table = strategy(bad, probability, (cost_false_negative, cost_false_positive))
        return tables.wanted(table, pandas=asked.pandas)

    def scorecard(self) -> pl.DataFrame:
        """The points of a scorecard: one row per bin of each characteristic.

        Returns:
            ``feature``, ``bin``, ``count`` (of training decisions), ``bad_rate``, ``woe`` and ``points``; the points of the
            bins that a case is in add up to its score. Of scorecards by segment, the level comes first, and a case has the
            bins of its level.

        Raises:
            ValueError: the model is no scorecard; the message names the scorecard of its training.
        """
        return self._card.drop("goods", "bads", "iv")

    def bins(self, feature: str) -> pl.DataFrame:
        """The bins of one characteristic of a scorecard: counts, bad rate, weight of evidence, information value, points.

        Raises:
            ValueError: the model is no scorecard, or does not read the feature.
        """
        card = self._card
        if feature not in self.inputs:
            raise ValueError(f"{self.name} reads no feature {feature!r}; {suggest(feature, self.inputs)}")
        return card.filter(pl.col("feature") == feature).drop("feature")

    @cached_property
    def _scorer(self) -> Scorer:
        """What the model has learned, as data; nothing is computed with it here."""
        return Scorer.load(self._folder / "artifacts" / "scorer")

    @property
    def _card(self) -> pl.DataFrame:
        scorer = self._scorer
        if isinstance(scorer.classifier, Segmented):
            return segment_table(scorer.classifier, scorer.calibrator, scorer.scale)
        if not isinstance(scorer.classifier, Scorecard):
            raise ValueError(
                f"{self.name} is of the kind {scorer.classifier.kind}, which has no bins; {self._other()}"
            )
        return card_table(scorer.classifier, scorer.calibrator, scorer.scale)

    def _other(self) -> str:
        """Where the scorecard is that was trained beside the model."""
        from credit_model.tracking.primary import primary_of

        with at_store(self._store):
            primary = primary_of(self._folder)
        if primary is None:
            return "train with candidate=scorecard for a model that has"
        store = "" if self._store is None else f", tracking_uri={self._store!r}"
        return f"load the scorecard of its training: credit_model.load({primary!r}{store})"

    def _done(self, command: str, asked: _Asked, *outputs: str, **more: str) -> list[pl.DataFrame]:
        """Have the process do a job; returns the tables that it wrote: its output, and those of other parameters.

        Args:
            command: its name.
            asked: what it is about.
            *outputs: other parameters that name a table to write.
            **more: parameters of the command.
        """
        _check_names(asked.written)
        with TemporaryDirectory(prefix="credit_model_") as folder:
            given = {
                "transactions": (asked.transactions, "transactions"),
                "decisions": (asked.decisions, asked.called),
            }
            sources = {
                name: tables.source(called, table)
                for name, (table, called) in given.items()
                if table is not None
            }
            paths = {name: _filed(source, f"{folder}/{name}.parquet") for name, source in sources.items()}
            wrote = {name: f"{folder}/{name}.parquet" for name in ("output", *outputs)}
            parameters = {"as_of": asked.as_of, **asked.written, **more, **wrote}
            settings = tables.settings(command, paths, parameters)
            names = [(path, sources[name]) for name, path in paths.items()]
            try:
                warned = self._warm.submit(command, settings)
            except ValueError as fault:
                raise ValueError(_told(str(fault), names)) from None
            for text in warned:
                warnings.warn(_told(text, names).removeprefix("warning: "), stacklevel=_USERS)
            return [pl.read_parquet(path) for path in wrote.values()]


def _check_names(written: Mapping[str, object]) -> None:
    known = list(Written.__annotations__)
    for name in written:
        if name not in known:
            raise TypeError(f"there is no argument {name!r}; {suggest(name, known)}")


def _filed(source: str, path: str) -> str:
    """The path of a table: its own, or that of the file to which a frame is written."""
    if not isinstance(source, InMemory):
        return source
    files.read(source).select(~cs.object()).write_parquet(path, compression="lz4")
    return path


def _told(text: str, names: Sequence[tuple[str, str]]) -> str:
    """A text in which frames have their names instead of those of their files."""
    for path, name in names:
        text = text.replace(path, name)
    return text


def _wide(answers: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """One row per decision with the points of everything that adds to its score."""
    columns = points["feature"].unique(maintain_order=True).to_list()
    wide = points.pivot("feature", index=_ROW, values="points", maintain_order=True)
    who = answers.select("CustomerId", "as_of", "score").with_row_index(_ROW)
    return who.join(wide, _ROW, "left", maintain_order="left").select(
        "CustomerId", "as_of", "score", *columns
    )


def _only(answers: pl.DataFrame, customer: str, as_of: Moment | None) -> int:
    """The row of the one answer that is about a customer, at a moment where there are several.

    Raises:
        ValueError: there is none, or more than one.
    """
    mine = answers.with_row_index(_ROW).filter(pl.col("CustomerId") == customer)
    if mine.height > 1 and as_of is not None:
        mine = mine.filter(read(mine["as_of"], times)[0] == read([as_of], times)[0].item())
    if mine.height != 1:
        count = mine.height or "none"
        raise ValueError(
            f"of the decisions, {count} is the one that is asked for; give customer and as_of of one of them"
        )
    return int(mine[_ROW].item())
