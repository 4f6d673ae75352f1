"""``retrain``: monitors the champion, trains again on an alarm or when it is old, compares, and promotes or not.

It is made for a schedule such as cron's: of two at once on a machine one works, what was trained on once is not trained on again,
and a process that was killed leaves nothing behind that a next one would wait for. The new model is trained as the champion was,
on the files that are given now. Real outcomes of the latest decisions are kept back from it, so that both versions can be
compared on decisions that neither has seen.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from tempfile import TemporaryDirectory

import mlflow
import polars as pl
from mlflow.entities.model_registry import ModelVersion

from credit_model import metrics
from credit_model.data import files
from credit_model.data.cells import read, times
from credit_model.data.iso_time import read_iso
from credit_model.data.outcomes import observed
from credit_model.operations import promote
from credit_model.operations.monitor import monitored
from credit_model.operations.train import tracked
from credit_model.serving.jobs import Finding
from credit_model.serving.monitor_decisions import NoDecisionsError
from credit_model.settings.settings import Settings, resolve, texts
from credit_model.tracking import ledger, provenance, registry, retrainings, store
from credit_model.tracking.lock import alone
from credit_model.tracking.registry import CHAMPION, LEARNED_UNTIL
from credit_model.tracking.retrainings import Retraining
from credit_model.training.outcome_table import outcome_table, raw

KEPT_BACK = (0.3, 0.5, 0.7)  # shares of the unseen outcomes, the first that are enough to compare on
_NEW = (
    "transactions",
    "outcomes",
    "columns",
    "date_format",
    "decimal",
    "bad_values",
    "bad_days",
    "outcome_days",
)


def retrain(settings: Settings) -> str:
    """Do what is due; returns one paragraph on what was done, which is a ``Finding`` where an alarm stands.

    Raises:
        ValueError: there is no champion, or a file cannot be read or trained on.
    """
    with alone(f"retrain {settings.name} in {store.uri()}") as mine:
        if not mine:
            return f"another process is retraining {settings.name} at this moment; nothing was done"
        with store.asking(f"retrain {settings.name}"):
            store.reach(create=False)
            champion = registry.version_of(settings.name, CHAMPION)
        return _due(settings, champion)


@dataclass(frozen=True)
class _Wanted:
    """Why a new model is wanted.

    Attributes:
        said: what monitoring found, and how old the champion is.
        reasons: what speaks for a new model; none where nothing does.
        alarm: whether monitoring raised one.
    """

    said: str
    reasons: tuple[str, ...]
    alarm: bool

    def told(self, text: str, *, mended: bool) -> str:
        """The paragraph of what was done."""
        paragraph = f"{self.said} {text}"
        return Finding(paragraph) if self.alarm and not mended else paragraph


def _due(settings: Settings, champion: ModelVersion) -> str:
    wanted = _wanted(settings, champion)
    if not wanted.reasons:
        return wanted.told("No new model is wanted; nothing was done.", mended=True)
    anew = _anew(settings, champion)
    data = _digest(anew)
    with store.asking(f"retrain {settings.name}"):
        former = [each for each in retrainings.of(settings.name) if each.data == data]
    if former:
        last = former[-1]
        came = "became champion" if last.promoted else "did not become champion"
        return wanted.told(
            f"On the same data version {last.version} was trained at {last.when} already, and {came}; nothing was done.",
            mended=False,
        )
    return _trained(settings, champion, wanted, (anew, data))


def _wanted(settings: Settings, champion: ModelVersion) -> _Wanted:
    """What monitoring finds, and how old the champion is."""
    found, alarms = _watched(settings, champion)
    age = datetime.now(UTC) - datetime.fromtimestamp(champion.creation_timestamp / 1000, UTC)
    reasons = ["an alarm"] if alarms else []
    days = told_age(age)
    if settings.max_age_days is None:
        said = f"{found} {days}."
    else:
        said = f"{found} {days}; the limit is {settings.max_age_days:g}."
        reasons += ["its age"] if age > timedelta(days=settings.max_age_days) else []
    return _Wanted(said, tuple(reasons), bool(alarms))


def told_age(age: timedelta) -> str:
    """How long ago the champion was trained, by this clock; the beginning of a sentence."""
    days = age / timedelta(days=1)
    if days < 0:
        return f"It was trained {-days:.1f} days from now, so that this clock or the registry's is wrong"
    return f"It was trained {days:.1f} days ago"


def _watched(settings: Settings, champion: ModelVersion) -> tuple[str, list[str]]:
    """A sentence on what monitoring found, and the names of what is beyond its limit."""
    named = f"version {champion.version} of {settings.name}, the {CHAMPION}"
    asked = replace(settings, model=f"models:/{settings.name}/{champion.version}")
    with TemporaryDirectory(prefix="credit_model_") as folder:
        if settings.log is not None:
            asked = replace(asked, transactions=None)
        elif settings.outcomes is not None:
            like = _like_champion(settings, champion)
            unseen = _unseen(like, champion)
            if not unseen.height:
                return f"No decision is later than those of {named}, so that it was not monitored.", []
            unseen.write_parquet(f"{folder}/unseen.parquet")
            asked = replace(
                asked,
                outcomes=f"{folder}/unseen.parquet",
                bad_days=like.bad_days,
                outcome_days=like.outcome_days,
            )
        try:
            window = monitored(asked).window
        except NoDecisionsError:
            return f"{settings.log} has no decision of {named} to monitor.", []
    alarms = list(dict.fromkeys(str(row["subject"]) for row in window.alarms))
    of = f"was monitored on {window.figures['decisions']:.0f} decisions up to {window.end[:10]}"
    return f"{named.capitalize()}, {of}: {'alarm on ' + ', '.join(alarms) if alarms else 'no alarm'}.", alarms


def _unseen(settings: Settings, champion: ModelVersion) -> pl.DataFrame:
    """The rows of the outcomes, as they are in their file, of decisions after those that the champion learned from."""
    learned = read_iso(champion.tags.get(LEARNED_UNTIL, ""))
    rows = files.read(settings.outcomes or "", {}, ())
    if learned is None:
        return rows
    return rows.filter((read(raw(settings)["as_of"], times)[0] > learned).fill_null(value=True))


def _anew(settings: Settings, champion: ModelVersion) -> Settings:
    """The settings of a new training; the latest outcomes are kept back."""
    anew = _like_champion(settings, champion)
    return anew if anew.outcomes is None else replace(anew, until=_until(anew, champion))


def _like_champion(settings: Settings, champion: ModelVersion) -> Settings:
    """The settings of the champion's training with the files that are given now."""
    with store.asking("read the settings of the champion's training"):
        kept = mlflow.artifacts.download_artifacts(f"runs:/{champion.run_id}/settings.yaml")
    former = resolve("train", {"config": kept})
    given = {
        name: getattr(settings, name) for name in _NEW if getattr(settings, name) != getattr(Settings(), name)
    }
    return replace(former, **given, name=settings.name, until=None, snapshot=None, customers_table=None)


def _until(anew: Settings, champion: ModelVersion) -> datetime | None:
    """From when on outcomes are kept back: the latest of those that the champion has not seen; None where they are too few."""
    learned = read_iso(champion.tags.get(LEARNED_UNTIL, ""))
    if learned is None:
        return None
    became = observed(
        outcome_table(anew).frame, 0, anew.bad_values, files.place(anew.outcomes or "")
    ).decisions
    unseen = became.filter(pl.col("as_of") > learned).sort("as_of")
    for share in KEPT_BACK if unseen.height else ():
        start: datetime = unseen["as_of"][round((1 - share) * (unseen.height - 1))]
        if metrics.estimable(unseen.filter(pl.col("as_of") >= start)["bad"].to_numpy()):
            return start
    return None


def _digest(anew: Settings) -> str:
    """Of what a training would be made from: the files' contents, and the settings that do not name them."""
    own = replace(anew, transactions=None, outcomes=None, until=None)
    parts = [texts("train", own), provenance.file_hashes(anew)]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _trained(settings: Settings, champion: ModelVersion, wanted: _Wanted, what: tuple[Settings, str]) -> str:
    """Train, compare and promote, and record it."""
    anew, data = what
    try:
        registered = tracked(anew).registered
    except ValueError as fault:
        why = ", ".join(wanted.reasons)
        raise ValueError(
            f"{wanted.said} Because of this ({why}) a new version was to be trained: {fault}"
        ) from None
    with store.asking(f"retrain {settings.name}"):
        version = registry.version_of(settings.name, str(registered))
    promoted, said = _promoted(settings, anew, version)
    kept = (
        ", with no outcomes kept back"
        if anew.until is None
        else f", with outcomes since {anew.until:%Y-%m-%d} kept back"
    )
    done = (
        f"Because of this ({', '.join(wanted.reasons)}), version {version.version} was trained{kept}. {said}"
    )
    text = wanted.told(done, mended=promoted)
    with store.using("record the retraining"):
        entry = Retraining(
            ledger.moment(),
            ledger.user(),
            str(champion.version),
            wanted.reasons,
            data,
            str(version.version),
            promoted,
            str(text),
        )
        retrainings.record(settings.name, entry)
    return text


def _promoted(settings: Settings, anew: Settings, version: ModelVersion) -> tuple[bool, str]:
    """Whether the new version became champion, and what to say of it."""
    compared = replace(
        settings,
        version=str(version.version),
        transactions=None if anew.outcomes is None else anew.transactions,
        outcomes=anew.outcomes,
        columns=anew.columns,
        bad_values=anew.bad_values,
        bad_days=anew.bad_days,
        outcome_days=None if anew.bad_days is None else anew.outcome_days,
        date_format=anew.date_format,
        decimal=anew.decimal,
        reason=None,
        force=False,
    )
    try:
        told = promote.promote(compared)
    except ValueError as refusal:
        return False, f"It was not promoted: {refusal}."
    gates = [line.removeprefix("gate ") for line in told.splitlines()[1:]]
    return True, f"It is the {CHAMPION} now ({'; '.join(gates)})."
