"""``monitor``: reads or makes the decisions of a window, compares them, and keeps the course of a registered version.

The decisions of files are made again by the model's own code. A decision log tells its features, and is compared by the code of
today, whatever model made it. A model whose code does not tell features gives a table of its inputs, and its answers; what is
lacking then is said to be absent.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from credit_model.data import files
from credit_model.data.outcomes import OUTCOME_COLUMNS, observed
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs, monitor_decisions
from credit_model.serving.decision_log import hash_key, keyed_hash
from credit_model.serving.jobs import Finding, Job
from credit_model.serving.monitor import written
from credit_model.serving.monitor_decisions import Decisions, LogWindow, logged
from credit_model.serving.monitor_window import Window, lines, window_of
from credit_model.serving.replay import Replay
from credit_model.settings.settings import Settings
from credit_model.tracking.model_folder import verified_folder
from credit_model.training.outcome_table import plain_outcomes

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_TELLS_FEATURES = 5  # the protocol of jobs


@dataclass(frozen=True)
class Monitored:
    """What a monitoring left.

    Attributes:
        window: what it found.
        kept: where it was recorded, in words; None where it was not.
        changed: whether the record did not have it before.
    """

    window: Window
    kept: str | None
    changed: bool = True


def monitor(settings: Settings) -> str:
    """Monitor a window; returns what to print, which is a ``Finding`` on an alarm.

    Raises:
        ValueError: the model has no reference, a file or log cannot be read, or no decision could be judged.
    """
    found = monitored(settings)
    text = "\n".join([*lines(found.window), *filter(None, [found.kept])])
    return Finding(text) if found.window.alarms else text


def monitored(settings: Settings) -> Monitored:
    """Monitor a window, write what the settings ask for, and record it where the model is registered."""
    version = _registered(settings.model)
    folder = verified_folder(
        settings.model if version is None else f"models:/{version.name}/{version.version}"
    )
    with plain_outcomes(settings) as plain:
        window, scorer = _seen(plain, folder)
    if version is None:
        page = _page(settings.model, [window], scorer) if settings.page is not None else ""
        _write(settings, window, page)
        return Monitored(window, None)
    return _recorded(settings, window, scorer, version)


def _registered(model: str) -> "ModelVersion | None":
    """The registered version that is monitored; of a folder none is known, and no store is asked."""
    if ":/" not in model or Path(model).is_dir():
        return None
    from credit_model.tracking import registry

    return registry.named(model)


def _recorded(settings: Settings, window: Window, scorer: Scorer, version: "ModelVersion") -> Monitored:
    """Add the window to the course of a version, unless it is there as it is."""
    from credit_model.tracking import monitoring, store

    named = f"{version.name} v{version.version}"
    with store.using("record the monitoring"):
        past = monitoring.windows(version)
        former = next((one for one in past if one.end == window.end), None)
        course = sorted([*(one for one in past if one is not former), window], key=lambda one: one.end)
        page = _page(named, course, scorer)
        _write(settings, window, page)
        if former is not None and former.to_dict() == window.to_dict():
            kept = f"recorded before, in the run monitoring of {named}; nothing has changed"
            return Monitored(window, kept, changed=False)
        run_id = monitoring.record(version, window, former, page)
    kept = f"recorded in the run monitoring of {named} ({run_id}), with the page {monitoring.PAGE}"
    return Monitored(window, kept)


def _page(named: str, course: list[Window], scorer: Scorer) -> str:
    """The page of a course; its libraries are needed here alone."""
    from credit_model.reporting.monitoring_page import monitoring_page

    return monitoring_page(named, course, scorer.bands.names)


def _write(settings: Settings, window: Window, page: str) -> None:
    if settings.output is not None:
        files.write(window.table, settings.output)
    if settings.page is not None:
        Path(settings.page).write_text(page, encoding="utf-8")


def _seen(settings: Settings, folder: Path) -> tuple[Window, Scorer]:
    """The window, and the model's scorer."""
    place = folder / "artifacts" / "scorer"
    scorer = Scorer.load(place)
    with TemporaryDirectory(prefix="credit_model_") as kept:
        if settings.log is not None:
            return window_of(scorer, _of_log(settings, scorer, Path(kept))), scorer
        if jobs.spoken(place)[0] >= _TELLS_FEATURES:
            _do("monitor", settings, folder, decided=Path(kept))
            return window_of(scorer, written(Path(kept))), scorer
        decisions, inputs = _of_older(settings, folder, Path(kept))
        return window_of(scorer, decisions, inputs), scorer


def _do(command: str, settings: Settings, folder: Path, decided: Path | None = None) -> None:
    """Submit a job; where it fails it has said why, and its exit code is that of this process."""
    code = jobs.submit(command, settings, folder, DEVNULL, decided)
    if code:
        raise SystemExit(code)


def _of_log(settings: Settings, scorer: Scorer, folder: Path) -> Decisions:
    kinds = Replay(scorer).nobody.schema
    window = LogWindow(settings.log or "", scorer.version, kinds, settings.as_of, settings.window_days)
    outcomes = None if settings.outcomes is None else _hashed(settings, scorer)
    return logged(window, folder, outcomes)


def _hashed(settings: Settings, scorer: Scorer) -> pl.DataFrame:
    """The outcomes by the keyed hashes of the log."""
    key = hash_key(os.environ, "outcomes beside a decision log")
    path = settings.outcomes or ""
    job = Job("", columns=settings.columns, date_format=settings.date_format, decimal=settings.decimal)
    table = job.read_decisions(path, scorer, OUTCOME_COLUMNS)
    became = observed(table, 0, settings.bad_values, files.place(path)).decisions
    hashes = [keyed_hash(customer, key) for customer in became["CustomerId"].to_list()]
    known = became.select(pl.Series("customer", hashes, pl.String), "as_of", "bad")
    return known.unique(["customer", "as_of"], keep="first", maintain_order=True)


def _of_older(settings: Settings, folder: Path, place: Path) -> tuple[Decisions, pl.DataFrame]:
    """The decisions of a model that does not tell their features, and the table that its own code makes of its inputs."""
    with TemporaryDirectory(prefix="credit_model_") as own:
        table, answers = f"{own}/inputs.parquet", f"{own}/answers.parquet"
        _do("monitor", replace(settings, output=table), folder)
        asked = settings.decisions or settings.outcomes
        _do("score", replace(settings, decisions=asked, outcomes=None, bad_values=(), output=answers), folder)
        inputs, made = pl.read_parquet(table), pl.read_parquet(answers)
    named = made.rename({"CustomerId": "customer"}).with_columns(monitor_decisions.moments(made["as_of"]))
    if settings.outcomes is not None:
        named = _with_outcomes(settings, named)
    monitor_decisions.keep(
        place,
        0,
        named.with_columns(moment="as_of"),
        named.select(pl.col("transaction_count").cast(pl.Float64)),
    )
    return Decisions(place, real=asked is not None, logged=False), inputs


def _with_outcomes(settings: Settings, answers: pl.DataFrame) -> pl.DataFrame:
    """The answers to the decisions of the outcomes, row by row, with what became of them."""
    path = settings.outcomes or ""
    became = files.filled(files.read(path, settings.columns, OUTCOME_COLUMNS), path)
    table = became.select("defaulted").hstack(answers.rename({"customer": "CustomerId"}))
    decided = observed(table, 0, settings.bad_values, files.place(path)).decisions
    return decided.rename({"CustomerId": "customer"})
