"""The decisions that are monitored: what was answered and from which features, read from files by scoring them, or from a log.

They are kept in Parquet files, one per piece, because their features may be larger than memory: each file has the columns of
``ANSWERS`` and, with a prefix, those of the features. Whoever makes the folder removes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from credit_model import metrics
from credit_model.data.iso_time import read_iso
from credit_model.serving.decision_log import DECISION
from credit_model.serving.log_file import LogFile, read_line

ANSWERS: dict[str, pl.DataType] = {
    "customer": pl.String(),
    "moment": pl.Datetime("us"),
    "as_of": pl.Datetime("us"),
    "status": pl.String(),
    "probability": pl.Float64(),
    "score": pl.Float64(),
    "risk_level": pl.String(),
    "decision": pl.String(),
    "stands": pl.String(),
    "bad": pl.Int8(),
}
Entry = Mapping[str, Any]
_PREFIX = "feature "
_AT_ONCE = 20_000


class NoDecisionsError(ValueError):
    """There is nothing to monitor: the log has no decision of the model, or none in the window."""


@dataclass(frozen=True)
class Decisions:
    """Decisions of one window.

    Attributes:
        folder: of the Parquet files.
        real: whether they are real decisions, and not one of every customer of a file.
        logged: whether they come from a decision log, which knows what people decided otherwise.
        first: time of the first transaction of the files; None where there is none, and of a log.
        said: what to tell of how they were read.
        start: of the window; None is the first decision.
        end: of the window; None is the last decision.
    """

    folder: Path
    real: bool
    logged: bool
    first: datetime | None = None
    said: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    @cached_property
    def span(self) -> tuple[datetime, datetime]:
        """Start and end of the window."""
        ends = self.answers["moment"].min(), self.answers["moment"].max()
        first, last = (moment if isinstance(moment, datetime) else datetime.min for moment in ends)
        return self.start or first, self.end or last

    @cached_property
    def answers(self) -> pl.DataFrame:
        """``ANSWERS`` of every decision; ``stands`` is null where nobody decided otherwise, ``bad`` where it is not known."""
        return self._scanned.select(list(ANSWERS)).collect()

    @cached_property
    def independent(self) -> float:
        """How many independent cases a decision stands for."""
        return metrics.independent(self.answers["customer"].to_numpy())

    def feature(self, name: str) -> pl.Series | None:
        """A feature of every decision, in the order of ``answers``; None where the decisions do not tell it."""
        if _PREFIX + name not in self._scanned.collect_schema():
            return None
        return self._scanned.select(pl.col(_PREFIX + name).alias(name)).collect().to_series()

    @cached_property
    def _scanned(self) -> pl.LazyFrame:
        files = sorted(self.folder.glob("*.parquet"))
        return pl.scan_parquet(files, glob=False) if files else pl.LazyFrame(schema=ANSWERS)


def keep(folder: Path, number: int, answers: pl.DataFrame, features: pl.DataFrame) -> None:
    """Write one piece: ``answers`` with some columns of ``ANSWERS``, and the features, row by row."""
    absent = [pl.lit(None, kind).alias(name) for name, kind in ANSWERS.items() if name not in answers.columns]
    table = answers.with_columns(absent).select(
        pl.col(name).cast(kind, strict=False) for name, kind in ANSWERS.items()
    )
    named = [column.alias(_PREFIX + column.name) for column in features.get_columns()]
    table.hstack(named).write_parquet(folder / f"{number:06}.parquet", compression="lz4")


def moments(as_of: pl.Series) -> pl.Series:
    """The times of answers."""
    return as_of.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False)


@dataclass(frozen=True)
class LogWindow:
    """What to read of a decision log.

    Attributes:
        path: of the log, whose renamed files are read too, or a pattern of several files.
        version: ``model_version`` of the decisions to read.
        features: types of the features to read, by name.
        end: of the window; None is the time of the last decision.
        days: length of the window; None reaches back to the first decision.
    """

    path: str
    version: str
    features: Mapping[str, pl.DataType]
    end: datetime | None = None
    days: int | None = None

    def has(self, moment: datetime, last: datetime) -> bool:
        """Whether a decision of some moment is read, where the log's last one is of another."""
        end = self.end or last
        inside = moment < end if self.end else moment <= end
        return inside and (self.days is None or moment >= end - timedelta(days=self.days))


class _Survey(NamedTuple):
    """What a first reading of a log tells.

    Attributes:
        stands: the decision that stands, of each that was overridden, by its id.
        last: time of the last decision of the version.
        features: names of the features that are logged.
        others: number of decisions of other versions.
    """

    stands: Mapping[str, str]
    last: datetime | None
    features: frozenset[str]
    others: int


def logged(window: LogWindow, folder: Path, outcomes: pl.DataFrame | None = None) -> Decisions:
    """Read the decisions of one model from its log.

    Args:
        window: what to read.
        folder: to write them to.
        outcomes: ``customer`` (keyed hash), ``as_of`` and ``bad`` of decisions, or None.

    Raises:
        NoDecisionsError: the log has no such decision.
        ValueError: there is no such log.
    """
    survey = _survey(window)
    if survey.last is None:
        raise NoDecisionsError(_nothing(window, survey.others))
    kinds = {name: kind for name, kind in window.features.items() if name in survey.features}
    found = _decisions(window, survey.last)
    for number, entries in enumerate(iter(lambda: list(islice(found, _AT_ONCE)), [])):
        answers = _answers(entries, survey.stands)
        if outcomes is not None:
            answers = answers.join(outcomes, ["customer", "as_of"], "left", maintain_order="left")
        keep(folder, number, answers, _features(entries, kinds))
    read = Decisions(folder, real=True, logged=True, said=_others(survey.others))
    if not read.answers.height:
        raise NoDecisionsError(
            f"{window.path}: no decision of the version {window.version} is of the window; check as_of and window_days"
        )
    end = window.end or survey.last
    start = None if window.days is None else end - timedelta(days=window.days)
    return replace(read, start=start, end=end)


def _survey(window: LogWindow) -> _Survey:
    stands: dict[str, str] = {}
    last, features, others = None, frozenset[str](), 0
    for entry in _entries(window.path):
        if entry["kind"] != DECISION:
            stands[entry["decision_id"]] = entry["to"]
        elif entry["answer"]["model_version"] != window.version:
            others += 1
        else:
            last = max(filter(None, (last, _time(entry))))
            features = features or frozenset(entry["features"] or ())
    return _Survey(stands, last, features, others)


def _decisions(window: LogWindow, last: datetime) -> Iterator[Entry]:
    """The lines of the window's decisions, each once."""
    known: set[str] = set()
    for entry in _entries(window.path):
        if entry["kind"] == DECISION and entry["answer"]["model_version"] == window.version:
            if entry["decision_id"] not in known and window.has(_time(entry), last):
                yield entry
            known.add(entry["decision_id"])


def _answers(entries: Sequence[Entry], stands: Mapping[str, str]) -> pl.DataFrame:
    columns = {
        name: pl.Series([entry["answer"].get(name) for entry in entries], dtype=ANSWERS[name])
        for name in ("status", "probability", "score", "risk_level", "decision")
    }
    columns["customer"] = pl.Series([entry["customer"] for entry in entries], dtype=pl.String)
    columns["stands"] = pl.Series([stands.get(entry["decision_id"]) for entry in entries], dtype=pl.String)
    columns["moment"] = pl.Series(list(map(_time, entries)), dtype=pl.Datetime("us"))
    columns["as_of"] = moments(pl.Series([entry["answer"]["as_of"] for entry in entries], dtype=pl.String))
    return pl.DataFrame(columns)


def _features(entries: Sequence[Entry], kinds: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The logged features; a number that JSON does not know is logged as a text."""
    cells = [entry["features"] or {} for entry in entries]
    return pl.DataFrame(
        [
            pl.Series(name, [cell.get(name) for cell in cells], dtype=kind)
            if kind == pl.String
            else pl.Series(name, [_number(cell.get(name)) for cell in cells], dtype=kind)
            for name, kind in kinds.items()
        ]
    )


def _number(cell: Any) -> float | None:
    return None if cell is None else float(cell)


def _time(entry: Entry) -> datetime:
    return read_iso(entry["time"]) or datetime.min


def _entries(path: str) -> Iterator[Entry]:
    if not any(sign in path for sign in "*?["):
        yield from LogFile(Path(path)).entries()
        return
    place = Path(path)
    files = sorted(place.parent.glob(place.name))
    if not files:
        raise ValueError(f"there is no decision log {path}; check the pattern")
    for file in files:
        with file.open("rb") as lines:
            yield from filter(None, map(read_line, lines))


def _others(count: int) -> tuple[str, ...]:
    return (f"decisions of other versions, left out: {count}",) if count else ()


def _nothing(window: LogWindow, others: int) -> str:
    if others:
        return (
            f"{window.path}: no decision is of the version {window.version}, {others} are of others; name the model that "
            "made them: its tag model_version is that of the answers"
        )
    return f"{window.path}: there is no decision; check the file"
