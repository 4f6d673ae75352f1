"""A challenger beside the champion: on the same decisions out of time for both, in the time of a request, and in size.

Each is asked in a process that runs its own code.
"""

import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from mlflow.entities.model_registry import ModelVersion

from credit_model import metrics
from credit_model.data import files
from credit_model.data.iso_time import read_iso
from credit_model.data.outcomes import KNOWN_AT, OUTCOME_COLUMNS, observed
from credit_model.operations import request_time, side_by_side
from credit_model.serving import jobs
from credit_model.settings.settings import Settings
from credit_model.tracking.model_folder import verified_folder
from credit_model.tracking.registry import CHALLENGER, CHAMPION, LEARNED_UNTIL
from credit_model.training.gate import Gate, State, not_assessed
from credit_model.training.outcome_table import plain_outcomes
from credit_model.training.paired import paired
from credit_model.training.two_models import swap_set_of

NOT_WORSE, LATENCY, SIZE = f"not worse than the {CHAMPION}", "time of a request", "size of the artifact"
REQUESTS = 200
_MEGABYTE = 1e6


class Judged(NamedTuple):
    """What a challenger is beside the champion.

    Attributes:
        gates: what it must pass.
        swap_set: who would come in and who would go out at the champion's approval rate, on the decisions that the first gate
            compares: rows as those of ``SwapSet.table``; none where that gate was not assessed.
    """

    gates: tuple[Gate, ...]
    swap_set: tuple[Mapping[str, object], ...] = ()


def judged(settings: Settings, challenger: ModelVersion, champion: ModelVersion | None) -> Judged:
    """Hold a challenger against the champion; each gate is not assessed where it cannot be.

    Args:
        settings: of ``promote``: files to compare on, and limits.
        challenger: the version that is to become champion.
        champion: the version that is, or None.

    Raises:
        ValueError: the files cannot be read or scored.
    """
    if champion is None:
        return _none_assessed(f"there is no {CHAMPION}")
    if champion.version == challenger.version:
        return _none_assessed(f"version {challenger.version} is the {CHAMPION} already")
    try:
        folders = {CHAMPION: _folder(champion), CHALLENGER: _folder(challenger)}
    except ValueError as fault:
        return _none_assessed(str(fault))
    since = _learned_until(champion, challenger)
    not_worse = _not_worse(settings, folders, since)
    others = _latency(folders, settings.latency_limit), _size(folders, settings.size_limit)
    return not_worse._replace(gates=(*not_worse.gates, *others))


def _folder(version: ModelVersion) -> Path:
    return verified_folder(f"models:/{version.name}/{version.version}")


def _none_assessed(reason: str) -> Judged:
    return Judged(tuple(not_assessed(name, reason) for name in (NOT_WORSE, LATENCY, SIZE)))


def _learned_until(*versions: ModelVersion) -> datetime | str:
    """The latest decision that any of the versions was fitted on; or why that is not known."""
    moments = []
    for version in versions:
        moment = read_iso(version.tags.get(LEARNED_UNTIL, ""))
        if moment is None:
            return (
                f"version {version.version} has no tag {LEARNED_UNTIL} that says until when it learned, so that "
                "no decision is known to be out of time for it; train it again"
            )
        moments.append(moment)
    return max(moments)


def _not_worse(settings: Settings, folders: dict[str, Path], since: datetime | str) -> Judged:
    """The gate of the AUC, and the swap set of the decisions that it compares."""
    if settings.outcomes is None:
        return _not_compared(", because no outcomes are given (--outcomes)")
    if isinstance(since, str):
        return _not_compared(f": {since}")
    late = _judged(settings, folders).filter(pl.col("as_of") > since)
    both = late.drop_nulls([f"{CHAMPION} probability", f"{CHALLENGER} probability"])
    bad = both["bad"].to_numpy().astype(np.int8)
    bads, until = int(bad.sum()), f"after {since:%Y-%m-%d}, the last that either was fitted on"
    if not metrics.estimable(bad):
        return _not_compared(
            f": of {late.height} decisions {until}, both scored {bads} bad and {len(bad) - bads} good; "
            f"{metrics.LEAST_CASES} of each are needed"
        )
    gate = _difference(both, settings.seed, f"{len(bad)} decisions ({bads} bad) {until},")
    swapped = swap_set_of(both, (CHAMPION, CHALLENGER))
    return Judged((gate,), () if swapped is None else tuple(swapped.table.to_dicts()))


def _not_compared(why: str) -> Judged:
    return Judged((not_assessed(NOT_WORSE, f"they were not compared{why}"),))


def _difference(both: pl.DataFrame, seed: int, said: str) -> Gate:
    """The gate of decisions that both scored: it fails where the whole interval says that the challenger is worse."""
    bad, customers = both["bad"].to_numpy().astype(np.int8), both["CustomerId"].to_numpy()
    risks = [both[f"{role} probability"].to_numpy() for role in (CHAMPION, CHALLENGER)]
    auc = paired(metrics.roc_auc, bad, risks, customers, seed)
    sentence = (
        f"on the same {said} the {CHALLENGER}'s AUC is {auc.second:.3f} and the {CHAMPION}'s {auc.first:.3f}: "
        f"{auc.difference:+.3f} ({auc.low:+.3f} to {auc.high:+.3f}); the interval must reach 0"
    )
    if auc.high < 0:
        return Gate(NOT_WORSE, "failed", auc.difference, 0.0, sentence)
    state: State = "warning" if auc.difference < 0 else "passed"
    return Gate(NOT_WORSE, state, auc.difference, 0.0, sentence)


def _judged(settings: Settings, folders: dict[str, Path]) -> pl.DataFrame:
    """The labelled decisions, with the answers of both."""
    with plain_outcomes(settings) as plain:
        return _judged_plain(plain, folders)


def _judged_plain(settings: Settings, folders: dict[str, Path]) -> pl.DataFrame:
    path = settings.outcomes or ""
    table = side_by_side.answers(settings, folders)
    became = files.filled(files.read(path, settings.columns, OUTCOME_COLUMNS), path).drop(
        KNOWN_AT, strict=False
    )
    return observed(
        became.with_columns(*table.get_columns()), 0, settings.bad_values, files.place(path)
    ).decisions


def _latency(folders: dict[str, Path], limit: float) -> Gate:
    lacking = [role for role, folder in folders.items() if not (folder / request_time.EXAMPLE).exists()]
    if lacking:
        return not_assessed(LATENCY, f"the {lacking[0]} carries no example of a request")
    old, new = _times(folders)
    if new is None:
        return Gate(
            LATENCY, "failed", None, limit, f"the {CHALLENGER} does not answer its own example request"
        )
    if old is None:
        return not_assessed(LATENCY, f"the {CHAMPION} does not answer its own example request")
    if new > limit * old:  # perhaps because of what else the machine did meanwhile
        old, new = (min(filter(None, pair)) for pair in zip((old, new), _times(folders), strict=True))
    said = f"the {CHALLENGER} takes {1000 * new:.1f} ms for a request and the {CHAMPION} {1000 * old:.1f} ms (p50)"
    return _ratio(LATENCY, new / old, limit, said)


def _times(folders: dict[str, Path]) -> tuple[float | None, float | None]:
    """The median time of a request to the champion, and of one to the challenger."""
    return median_seconds(folders[CHAMPION]), median_seconds(folders[CHALLENGER])


def _size(folders: dict[str, Path], limit: float) -> Gate:
    old, new = (megabytes(folders[role]) for role in (CHAMPION, CHALLENGER))
    said = f"the {CHALLENGER} has {new:.1f} MB and the {CHAMPION} {old:.1f} MB"
    return _ratio(SIZE, new / old, limit, said)


def _ratio(name: str, ratio: float, limit: float, said: str) -> Gate:
    sentence = f"{said}: {ratio:.2f} times; the limit is {limit:g}"
    return Gate(name, "failed" if ratio > limit else "passed", ratio, limit, sentence)


def megabytes(folder: Path) -> float:
    """Size of a model's files, without what Python has compiled of them."""
    kept = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return sum(file.stat().st_size for file in kept) / _MEGABYTE


def median_seconds(folder: Path, requests: int = REQUESTS) -> float | None:
    """The median time of a model's own example request, asked in a process with its own code; None where it does not answer."""
    command = [sys.executable, "-P", request_time.__file__, str(folder), str(requests)]
    done = subprocess.run(command, env=jobs.own_code(folder), capture_output=True, text=True, check=False)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None
