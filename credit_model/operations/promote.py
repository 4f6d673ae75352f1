"""``promote`` and ``approve``: who becomes champion, through which gates, by whose will; the ledger keeps every attempt.

The alias of the champion moves last, after everything that led to it is in the ledger: whoever is killed before leaves the former
champion served. Of several attempts at once one moves the alias, and the others say that they were overtaken.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from typing import Any

import mlflow
import polars as pl
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from credit_model.operations import comparison
from credit_model.settings.settings import Settings
from credit_model.tracking import ledger, registry, store
from credit_model.tracking.ledger import ALLOWED, DONE, OVERTAKEN, REFUSED, Entry, Ledger
from credit_model.tracking.registry import CHALLENGER, CHAMPION
from credit_model.training.gate import Gate, lines, sentences

OWN, APPROVED = "its own gates", "approved by another person"


def promote(settings: Settings) -> str:
    """Make a version of a registered model the champion; returns what to print.

    Args:
        settings: name and version (the challenger where none is given), files to compare on, limits, and the reason where it
            is promoted whatever its gates say, which is kept with who did it and the gates that failed.

    Raises:
        ValueError: there is no such model or version; a gate failed and no reason is given; another person has to approve;
            or another attempt came first.
    """
    name = settings.name
    with _asking(name):
        store.reach(create=False)
        version = registry.version_of(name, settings.version or CHALLENGER)
        begun, former = ledger.opened(name), _champion(name)
        asked = (_own(version), *_approval(version))
    beside = comparison.judged(settings, version, former)
    judged = (*asked, *beside.gates)
    entry = replace(
        _entry(ledger.PROMOTION, version, former, settings.reason, judged), swap_set=beside.swap_set
    )
    failed = sentences(judged, "failed")
    unapproved = [gate.sentence for gate in judged if (gate.name, gate.state) == (APPROVED, "failed")]
    if unapproved or (failed and not settings.force):
        _refuse(begun, entry, *unapproved or [_unfit(version, failed)])
    if failed:
        with _asking(name):
            registry.record_force(version, entry.who, settings.reason or "", "; ".join(failed))
    _succeed(begun, entry, version)
    said = f"version {version.version} of {name} is the {CHAMPION}"
    said += f", by force, though it did not pass its gates ({'; '.join(failed)})" if failed else ""
    return "\n".join([said, *lines(judged), *_swapped(beside.swap_set)])


def rollback(settings: Settings) -> str:
    """Make the former champion the champion again, as the ledger knows it; returns what to print.

    Raises:
        ValueError: the ledger knows no former champion, its version is gone, or another attempt came first.
    """
    name = settings.name
    with _asking(name):
        store.reach(create=False)
        now = registry.version_of(name, CHAMPION)
        begun = ledger.opened(name)
        version = registry.version_of(name, _former(name, str(now.version)))
    _succeed(begun, _entry(ledger.ROLLBACK, version, now, settings.reason), version)
    return f"version {version.version} of {name} is the {CHAMPION} again, in place of version {now.version}"


def approve(settings: Settings) -> str:
    """Record that the user approves a version; returns what to print.

    Raises:
        ValueError: there is no such model or version.
    """
    name = settings.name
    with _asking(name, "approve"):
        store.reach(create=False)
        version = registry.version_of(name, settings.version or CHALLENGER)
        entry = _entry(ledger.APPROVAL, version, _champion(name), settings.reason)
        ledger.append(ledger.opened(name), entry.now(DONE))
        registry.approve(version, entry.who)
    return f"{entry.who} approves version {version.version} of {name}"


def history(name: str) -> str:
    """The ledger of a registered model, as text to print.

    Raises:
        ValueError: there is no such model.
    """
    with _asking(name, "read"):
        store.reach(create=False)
        registry.champion_of(name)
        entries = ledger.entries(name)
    finished = {entry.attempt for entry in entries if entry.result != ALLOWED}
    told = [line for entry in entries for line in _told(entry, finished)]
    return "\n".join(told) or f"nobody has promoted a version of {name}"


def _asking(name: str, what: str = "promote") -> AbstractContextManager[None]:
    return store.asking(f"{what} versions of {name}")


def _champion(name: str) -> ModelVersion | None:
    number = registry.champion_of(name)
    return None if number is None else registry.version_of(name, number)


def _own(version: ModelVersion) -> Gate:
    """The gates of the version's training, as one."""
    if version.tags.get("gates") == "passed":
        return Gate(OWN, "passed", None, None, "those of its training passed")
    return Gate(OWN, "failed", None, None, str(version.tags.get("gates_failed", "none known")))


def _swapped(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The swap set in a line; none where there is none."""
    cells = {row["cell"]: row for row in rows if row["cell"] in ("comes in", "goes out")}
    if not cells:
        return []
    came, went = (f"{row['decisions']} ({row['bads']} bad)" for _, row in sorted(cells.items()))
    return [f"swap set: at the former {CHAMPION}'s approval rate {came} come in and {went} go out"]


def _approval(version: ModelVersion) -> tuple[Gate, ...]:
    """Whether another person than the user approves the version, where the registered model's tag asks for it."""
    if not registry.needs_approval(version.name):
        return ()
    others = [who for who in registry.approvers(version) if who != ledger.user()]
    if others:
        return (Gate(APPROVED, "passed", None, None, f"approved by {', '.join(others)}"),)
    way = f"python -m credit_model approve --name {version.name} --version {version.version}"
    said = f"another person than {ledger.user()} has to approve version {version.version} of {version.name} first: {way}"
    return (Gate(APPROVED, "failed", None, None, said),)


def _entry(
    action: str,
    version: ModelVersion,
    former: ModelVersion | None,
    reason: str | None,
    judged: tuple[Gate, ...] = (),
) -> Entry:
    return Entry(
        action,
        version.name,
        str(version.version),
        None if former is None else str(former.version),
        "",
        ledger.user(),
        ledger.moment(),
        reason,
        _plain(judged),
        _training_gates(version) if judged else (),
    )


def _plain(judged: Iterable[Gate]) -> list[Mapping[str, object]]:
    return [asdict(gate) for gate in judged]


def _training_gates(version: ModelVersion) -> Sequence[Mapping[str, object]]:
    """The gates of the version's training with their figures; none where its run does not have them."""
    with suppress(MlflowException, OSError):
        text = mlflow.artifacts.load_text(f"runs:/{version.run_id}/gates.csv")
        return pl.read_csv(text.encode()).to_dicts()
    return []


def _refuse(begun: Ledger, entry: Entry, why: str) -> None:
    with _asking(entry.name):
        ledger.append(begun, entry.now(REFUSED))
    raise ValueError(why)


def _unfit(version: ModelVersion, failed: tuple[str, ...]) -> str:
    return (
        f"version {version.version} of {version.name} did not pass its gates ({'; '.join(failed)}); promote one that did, "
        "or this one by force with --force --reason TEXT, which is recorded"
    )


def _succeed(begun: Ledger, entry: Entry, version: ModelVersion) -> None:
    """Move the alias, after all else, if nobody else has since the attempt began; either is in the ledger."""
    name = entry.name
    with _asking(name):
        ledger.append(begun, entry.now(ALLOWED))
        registry.record(
            version, {f"last_{entry.action}": f"{entry.who}, {entry.when}, attempt {entry.attempt}"}
        )
        first = ledger.claim(begun, entry.attempt) and registry.champion_of(name) == entry.former
        if first:
            registry.make_champion(name, entry.version)
        now = registry.champion_of(name)
        moved = first and now == entry.version
        ledger.append(begun, entry.now(DONE if moved else OVERTAKEN))
    if not moved:
        standing = "there is none yet" if now is None else f"that is version {now}"
        raise ValueError(
            f"version {entry.version} of {name} is not the {CHAMPION}: another attempt was made at the same time, and "
            f"{standing}; see promote --history, and promote again if this version should be"
        )


def _former(name: str, now: str) -> str:
    """The champion before the one of now, by the latest promotion of the latter that was not overtaken."""
    entries = [entry for entry in ledger.entries(name) if entry.action == ledger.PROMOTION]
    lost = {entry.attempt for entry in entries if entry.result in {OVERTAKEN, REFUSED}}
    order = ledger.moves(name)
    kept = sorted(
        (entry for entry in entries if entry.attempt not in lost),
        key=lambda entry: order.get(entry.attempt, 0),
    )
    formers = [entry.former for entry in kept if entry.version == now != entry.former]
    if not formers or formers[-1] is None:
        raise ValueError(
            f"the ledger of {name} knows no {CHAMPION} before version {now}; promote the version that you mean with --version N"
        )
    return formers[-1]


def _told(entry: Entry, finished: Collection[str]) -> list[str]:
    """An entry in lines; the gates are with what was decided by them."""
    before = "no champion" if entry.former is None else f"champion version {entry.former}"
    reason = "" if entry.reason is None else f", because {entry.reason}"
    open_end = ", not finished" if entry.result == ALLOWED and entry.attempt not in finished else ""
    head = f"{entry.when} {entry.who}: {entry.action} of version {entry.version} ({before}): {entry.result}{open_end}{reason}"
    if entry.result not in {ALLOWED, REFUSED}:
        return [head]
    judged = (f"  {gate['name']}: {gate['state']}: {gate['sentence']}" for gate in entry.gates)
    return [head, *judged, *(f"  {line}" for line in _swapped(entry.swap_set))]
