"""The fitted scorer: from transactions and decisions to answers. It is saved and loaded as plain files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.data.decisions import OPENING_BALANCE, Attribute, Decisions
from credit_model.data.faults import messages, together
from credit_model.data.formats import AS_READ, Formats
from credit_model.data.transactions import Tidy
from credit_model.features.catalogue import Catalogue
from credit_model.features.history import History, history
from credit_model.features.plan import FeaturePlan
from credit_model.models.classifier import Classifier
from credit_model.models.load import load_classifier
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.changes import Changes
from credit_model.scoring.policy import Bands
from credit_model.scoring.reasons import FIELDS, Reasons
from credit_model.scoring.reference import Reference
from credit_model.scoring.scale import Scale

FORMAT_VERSION = 2  # in 1 a reason had a code and a sentence alone
_SCORER, _MANIFEST = "scorer.json", "manifest.json"

ANSWER: dict[str, pl.DataType] = {
    "CustomerId": pl.String(),
    "as_of": pl.String(),
    "status": pl.String(),
    "message": pl.String(),
    "probability": pl.Float64(),
    "score": pl.Float64(),
    "prediction": pl.Float64(),
    "risk_level": pl.String(),
    "decision": pl.String(),
    "reasons": Reasons((), 0.0).dtype,
    "transaction_count": pl.Int64(),
    "target": pl.String(),
    "model_version": pl.String(),
}
WHAT_WOULD_HELP = (
    "what_would_help"  # JSON text, because MLflow's Spark udf takes no null list; null unless asked for
)
BALANCE_BASIS = "balance_basis"  # of the models that read a balance: what it was counted from
REACH = "tenure"  # days from the oldest transaction in the observation window to as_of
BALANCE_COLUMN, STATED, GIVEN_ROWS = "balance_column", "opening_balance", "given_rows"


class Judgement(NamedTuple):
    """Decisions, and what they were made from.

    Attributes:
        answer: one row per decision, in order, with the columns of ``Scorer.answer_schema``.
        features: the classifier's inputs, ``tenure`` and ``transaction_count``, one row per decision.
        contributions: of the inputs to the margins of the decisions that the classifier judged, in order, shape
            (judged decisions, number of inputs).

    Example:
        >>> answer, features = pl.DataFrame({"status": ["no_history"]}), pl.DataFrame({"recency": [None]})
        >>> Judgement(answer, features, contributions=np.zeros((0, 1))).answer["status"].to_list()
        ['no_history']
    """

    answer: pl.DataFrame
    features: pl.DataFrame
    contributions: FloatArray


@dataclass(frozen=True)
class Scorer:
    """Everything that turns transactions into answers.

    Attributes:
        catalogue: the features, and the length of the observation window.
        classifier: the fitted classifier, in its served form.
        calibrator: from margin to probability of bad.
        scale: between probability and points.
        bands: from probability to risk level and decision, with the threshold.
        reasons: from contributions to reason codes.
        target: what bad means: ``rfm_proxy``, ``same_window`` or ``observed_default``.
        currency: the only currency allowed, or None.
        no_history_probability: probability of bad of a decision without transactions in its observation window; None where
            training saw too few of them, or where the classifier scores them by their attributes.
        columns: contract name -> column name of the files, as training was told; requests use the contract's names.
        formats: how cells of the files are written, as training was told; requests have ISO-8601 times and decimal points.
        reference: how inputs and scores were distributed in training, or None.
        version: first 12 hex digits of the manifest's SHA-256; empty unless the scorer was loaded.

    Example:
        >>> from datetime import datetime
        >>> from credit_model.data.decisions import read_decisions
        >>> from credit_model.data.transactions import tidy_table
        >>> from credit_model.models.logistic import Linear, Term
        >>> from credit_model.scoring.displayed import Style
        >>> from credit_model.scoring.sides import Input
        >>> recency = Term("recency", knots=(0.0, 30.0), effects=(-1.5, 1.5), levels={}, missing=1.5, unseen=0.0)
        >>> parts = Catalogue(30), Linear((recency,), neutral=-1.0), Calibrator("sigmoid"), Scale(), Bands()
        >>> late = {"high": ("You last used the platform ", " ago.")}
        >>> told = Input("recency", "recency", "1 to 9 days", 1.0, 9.0, None, Style(many="{number} days"), late)
        >>> scorer = Scorer(*parts, Reasons((told,), minimum=0.1), target="observed_default")
        >>> paid = pl.DataFrame({"CustomerId": ["C-1"], "TransactionStartTime": ["2019-01-29"], "Amount": [1000]})
        >>> decisions = read_decisions({"CustomerId": ["C-1", "C-2"]}, height=2, default_as_of=datetime(2019, 2, 1))
        >>> answer = scorer.answer(tidy_table(paid), decisions)
        >>> answer.select("CustomerId", "status", pl.col("probability").round(2), "decision").rows()
        [('C-1', 'scored', 0.1, 'approve'), ('C-2', 'no_history', None, 'review')]
    """

    catalogue: Catalogue
    classifier: Classifier
    calibrator: Calibrator
    scale: Scale
    bands: Bands
    reasons: Reasons
    target: str
    currency: str | None = None
    no_history_probability: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = AS_READ
    reference: Reference | None = None
    version: str = ""

    def answer(
        self, transactions: Tidy, decisions: Decisions, *, what_would_help: bool = False
    ) -> pl.DataFrame:
        """Score decisions by the transactions in their observation windows.

        Args:
            transactions: tidy transactions.
            decisions: the decisions, with the catalogue's attributes.
            what_would_help: whether to look for the changes that reach the next safer band.

        Returns:
            One row per decision, in order, with the columns of ``answer_schema``. Faulty data make a decision ``invalid``;
            they raise nothing.
        """
        past = self.history(transactions, decisions)
        return self.answer_history(past, decisions, what_would_help=what_would_help)

    def history(self, transactions: Tidy, decisions: Decisions) -> History:
        """The transactions in the observation window of each decision, and what is wrong with them."""
        days, opening = self.catalogue.history_days, self.plan.needs_opening
        return history(
            transactions, decisions.frame, days, self.currency, opening=opening, columns=self.plan.reads
        )

    def answer_history(
        self, history: History, decisions: Decisions, *, what_would_help: bool = False
    ) -> pl.DataFrame:
        """Score decisions by their history: one row per decision, in order, with the columns of ``answer_schema``."""
        return self.judge(history, decisions, what_would_help=what_would_help).answer

    def judge(self, history: History, decisions: Decisions, *, what_would_help: bool = False) -> Judgement:
        """Score decisions by their history, and tell what the answers were made from."""
        features = self.plan.compute(history.frame, decisions.frame)
        message = _messages(history, decisions)
        return self.judge_features(features, decisions.frame, message, what_would_help=what_would_help)

    def judge_features(
        self,
        features: pl.DataFrame,
        decisions: pl.DataFrame,
        message: pl.Series,
        *,
        what_would_help: bool = False,
    ) -> Judgement:
        """Score decisions by their features.

        Args:
            features: what ``plan.compute`` gives, one row per decision.
            decisions: ``CustomerId``, ``as_of`` (UTC) and, where decisions state it, ``opening_balance``.
            message: what is wrong with each decision; null where nothing is.
            what_would_help: whether to look for the changes that reach the next safer band.
        """
        invalid = message.is_not_null().to_numpy() if message.null_count() < len(message) else False
        count = np.where(invalid, 0.0, features["transaction_count"].to_numpy())
        status = np.where(invalid, "invalid", np.where(count > 0, "scored", "no_history"))
        probability, reasons, contributions = self._explained(features, status)
        helps = self._changes(features, status, probability) if what_would_help else None
        answer = self._table(decisions, status, message, count, probability, reasons, helps)
        return Judgement(answer, features, contributions)

    @cached_property
    def plan(self) -> FeaturePlan:
        """The computation of the features that the classifier reads, and of those that monitoring watches of every model."""
        return FeaturePlan(self.catalogue, tuple(dict.fromkeys((*self.classifier.inputs, REACH))))

    @cached_property
    def answer_schema(self) -> dict[str, pl.DataType]:
        """The fields of this model's answers: ``ANSWER``, and ``BALANCE_BASIS`` where it reads a balance.

        Reasons of a model of format 1 have fewer fields.
        """
        own = {"reasons": self.reasons.dtype}
        if self.tells_changes:
            own[WHAT_WOULD_HELP] = pl.String()
        return ANSWER | own | ({BALANCE_BASIS: pl.String()} if self.plan.needs_balance else {})

    def balance_basis(self, *, opening_stated: bool) -> str:
        """What the balance of a decision is counted from, which may have stated its ``opening_balance``."""
        if self.catalogue.balance_column:
            return BALANCE_COLUMN
        return STATED if opening_stated else GIVEN_ROWS

    @cached_property
    def points_per_unit(self) -> float:
        """Points that a unit of the margin takes off the score; before the calibration where that is isotonic, and so bent."""
        return self.scale.points_per_unit * self.calibrator.slope

    @cached_property
    def neutral(self) -> float:
        """Margin of a case whose contributions are all zero; a blend adds up those of its parts."""
        return self.classifier.neutral

    @property
    def tells_changes(self) -> bool:
        """Whether answers have the field ``what_would_help``: models of format 1 do not."""
        return self.reasons.fields == FIELDS

    @cached_property
    def changes(self) -> Changes:
        """What can be tried to reach the next safer band."""
        inputs = {} if self.reference is None else self.reference.inputs
        return Changes(self.classifier, self.calibrator, self.bands, self.reasons, inputs)

    def _changes(self, features: pl.DataFrame, status: np.ndarray, probability: np.ndarray) -> pl.Series:
        scored = np.flatnonzero(status == "scored")
        found = ["[]"] * len(status)
        told = self.changes.smallest(features[scored], probability[scored])
        for row, changes in zip(scored.tolist(), told, strict=True):
            found[row] = json.dumps(changes, ensure_ascii=False)
        return pl.Series(WHAT_WOULD_HELP, found, dtype=pl.String)

    @property
    def scalars(self) -> tuple[Attribute, ...]:
        """What the model reads of a decision beside its customer and time."""
        return self.plan.scalars

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the scalars that are numbers."""
        return tuple(scalar.name for scalar in self.scalars if scalar.kind == "number")

    def judged(self, status: np.ndarray) -> np.ndarray:
        """Whether the classifier judged decisions of a ``status``: with attributes also those without history; shape (n,)."""
        return np.isin(status, ("scored", "no_history") if self.catalogue.attributes else ("scored",))

    def _explained(
        self, features: pl.DataFrame, status: np.ndarray
    ) -> tuple[np.ndarray, pl.Series, FloatArray]:
        """Probability, NaN where there is none, reasons, empty where there are none, and contributions where judged."""
        modelled, silent = self.judged(status), status == "no_history"
        probability = np.full(len(status), np.nan)
        if self.no_history_probability is not None:
            probability[silent] = self.no_history_probability
        contributions: FloatArray = np.zeros((0, len(self.classifier.inputs)))
        table = features if modelled.all() else features.filter(pl.Series(modelled))
        if modelled.any():
            margin, contributions = self.classifier.margin_and_contributions(table)
            probability[modelled] = self.calibrator.probability(margin)
        explained = self.reasons.explain_all(
            table, contributions, self.points_per_unit, modelled, silent & ~modelled
        )
        return probability, explained, contributions

    def _table(
        self,
        decisions: pl.DataFrame,
        status: np.ndarray,
        message: pl.Series,
        count: np.ndarray,
        probability: np.ndarray,
        reasons: pl.Series,
        helps: pl.Series | None,
    ) -> pl.DataFrame:
        bands = self.bands.assign(probability)
        judged = status == "scored"
        columns = {
            "CustomerId": decisions["CustomerId"],
            "as_of": decisions["as_of"].dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
            "status": status.tolist(),
            "message": message,
            "probability": _known(probability),
            "score": _known(self.scale.score(probability)),
            "prediction": _known(bands.prediction),
            "risk_level": bands.risk_level,
            "decision": np.where(judged, np.array(bands.decision, dtype=object), "review").tolist(),
            "reasons": reasons,
            "transaction_count": count.astype(np.int64),
            "target": [self.target] * len(status),
            "model_version": [self.version] * len(status),
        }
        if self.tells_changes:
            columns[WHAT_WOULD_HELP] = [None] * len(status) if helps is None else helps
        if self.plan.needs_balance:
            columns[BALANCE_BASIS] = self._balance_bases(decisions, pl.Series(judged))
        return pl.DataFrame(columns, schema=self.answer_schema)

    def _balance_bases(self, decisions: pl.DataFrame, judged: pl.Series) -> pl.Series:
        """``balance_basis`` of decisions; null where they were not judged by their transactions."""
        stated, given = (pl.lit(self.balance_basis(opening_stated=known)) for known in (True, False))
        name = OPENING_BALANCE.name
        known = pl.col(name).is_not_null() if name in decisions.columns else pl.lit(value=False)
        return decisions.select(
            pl.when(judged).then(pl.when(known).then(stated).otherwise(given))
        ).to_series()

    def save(
        self,
        folder: Path,
        jobs: Mapping[str, Any] | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> str:
        """Write the scorer as plain files with a manifest of their hashes; returns the version.

        Args:
            folder: where to write; it is made where it does not exist.
            jobs: the job protocol of the code beside the scorer and its module for each command (``serving.jobs``); None
                where no code lies beside it.
            beside: SHA-256 of the files of the model beside the scorer, by path, which the manifest then lists too.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.classifier.save(folder / "classifier")
        (folder / _SCORER).write_text(json.dumps(self._plain(), indent=1, sort_keys=True, allow_nan=False))
        files = {path.relative_to(folder).as_posix(): _digest(path) for path in _files(folder)}
        said = {"jobs": jobs, "beside": beside}
        manifest = {"format_version": FORMAT_VERSION, "files": files} | {
            k: dict(v) for k, v in said.items() if v
        }
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
        return _digest(folder / _MANIFEST)[:12]

    def _plain(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).to_dict() for name in _PARTS}
        scalars = {name: getattr(self, name) for name in _SCALARS}
        reference = None if self.reference is None else self.reference.to_dict()
        files = {"columns": dict(self.columns), "formats": self.formats.to_dict()}
        return parts | scalars | files | {"profile": reference}

    @classmethod
    def load(cls, folder: Path) -> "Scorer":
        """Read the scorer that ``save`` wrote into a folder.

        Raises:
            ValueError: the hash of a file is not the manifest's, or the format is newer than this code.
        """
        manifest = json.loads((folder / _MANIFEST).read_text())
        if manifest["format_version"] > FORMAT_VERSION:
            raise ValueError(
                f"the model has format {manifest['format_version']} and this code reads up to {FORMAT_VERSION}; "
                "load it with the package it was trained with"
            )
        for name, digest in manifest["files"].items():
            if _digest(folder / name) != digest:
                raise ValueError(f"{name} of the model is not the file that was saved; fetch the model again")
        plain = json.loads((folder / _SCORER).read_text())
        parts = {name: kind.from_dict(plain[name]) for name, kind in _PARTS.items()}
        scalars = {name: plain[name] for name in _SCALARS}
        reference = Reference.from_dict(plain["profile"]) if plain.get("profile") else None
        scorer = cls(
            classifier=load_classifier(folder / "classifier"),
            version=_digest(folder / _MANIFEST)[:12],
            columns=plain.get("columns", {}),
            formats=Formats.from_dict(plain.get("formats", {})),
            reference=reference,
            **parts,
            **scalars,
        )
        _ = scorer.plan  # made here, not by the first request
        return scorer


_PARTS: Mapping[str, Any] = {
    "catalogue": Catalogue,
    "calibrator": Calibrator,
    "scale": Scale,
    "bands": Bands,
    "reasons": Reasons,
}
_SCALARS = ("target", "currency", "no_history_probability")


def _messages(history: History, decisions: Decisions) -> pl.Series:
    nothing = pl.Series("message", [None], dtype=pl.String).new_from_index(0, decisions.frame.height)
    if not decisions.faults.height + history.faults.height:
        return nothing
    sentences = messages(together([decisions.faults, history.faults]))
    return nothing.scatter(sentences["decision"], sentences["message"])


def _known(values: np.ndarray) -> pl.Series:
    return pl.Series(values, nan_to_null=True)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
