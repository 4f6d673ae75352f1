"""A challenger beside the champion: on the same decisions out of time for both, in the time of a request, and in size.

Each is asked in a process that runs its own code.
"""

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from mlflow.entities.model_registry import ModelVersion

from credit_model import metrics
from credit_model.data import files
from credit_model.data.iso_time import read_iso
from credit_model.data.outcomes import KNOWN_AT, OUTCOME_COLUMNS, observed
from credit_model.operations import request_time
from credit_model.serving import jobs
from credit_model.settings.settings import Settings
from credit_model.tracking.model_folder import verified_folder
from credit_model.tracking.registry import CHALLENGER, CHAMPION, LEARNED_UNTIL
from credit_model.training.gate import Gate, not_assessed
from credit_model.training.outcome_table import plain_outcomes

NOT_WORSE, LATENCY, SIZE = f"not worse than the {CHAMPION}", "time of a request", "size of the artifact"
REQUESTS = 200
_MEGABYTE = 1e6


def gates(settings: Settings, challenger: ModelVersion, champion: ModelVersion | None) -> tuple[Gate, ...]:
    """What a challenger must pass beside the champion; each gate is not assessed where it cannot be.

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
    return (
        _not_worse(settings, folders, since),
        _latency(folders, settings.latency_limit),
        _size(folders, settings.size_limit),
    )


def _folder(version: ModelVersion) -> Path:
    return verified_folder(f"models:/{version.name}/{version.version}")


def _none_assessed(reason: str) -> tuple[Gate, ...]:
    return tuple(not_assessed(name, reason) for name in (NOT_WORSE, LATENCY, SIZE))


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


def _not_worse(settings: Settings, folders: dict[str, Path], since: datetime | str) -> Gate:
    if settings.outcomes is None:
        return not_assessed(NOT_WORSE, "they were not compared, because no outcomes are given (--outcomes)")
    if isinstance(since, str):
        return not_assessed(NOT_WORSE, f"they were not compared: {since}")
    late = _judged(settings, folders).filter(pl.col("as_of") > since)
    both = late.drop_nulls([CHAMPION, CHALLENGER])
    bad = both["bad"].to_numpy().astype(np.int8)
    bads, until = int(bad.sum()), f"after {since:%Y-%m-%d}, the last that either was fitted on"
    if not metrics.estimable(bad):
        return not_assessed(
            NOT_WORSE,
            f"they were not compared: of {late.height} decisions {until}, both scored {bads} bad and {len(bad) - bads} good; "
            f"{metrics.LEAST_CASES} of each are needed",
        )
    return _difference(both, settings.seed, f"{len(bad)} decisions ({bads} bad) {until},")


def _difference(both: pl.DataFrame, seed: int, said: str) -> Gate:
    """The gate of decisions that both scored: it fails where the whole interval says that the challenger is worse."""
    bad, customers = both["bad"].to_numpy().astype(np.int8), both["CustomerId"].to_numpy()
    risks = both[CHALLENGER].to_numpy(), both[CHAMPION].to_numpy()
    new, old = (metrics.roc_auc(bad, risk) for risk in risks)
    low, high = metrics.paired_interval(metrics.roc_auc, bad, risks, customers, seed)
    sentence = (
        f"on the same {said} the {CHALLENGER}'s AUC is {new:.3f} and the {CHAMPION}'s {old:.3f}: "
        f"{new - old:+.3f} ({low:+.3f} to {high:+.3f}); the interval must reach 0"
    )
    if high < 0:
        return Gate(NOT_WORSE, "failed", new - old, 0.0, sentence)
    return Gate(NOT_WORSE, "warning" if new < old else "passed", new - old, 0.0, sentence)


def _judged(settings: Settings, folders: dict[str, Path]) -> pl.DataFrame:
    """The labelled decisions, with the probability of each of the two."""
    with plain_outcomes(settings) as plain:
        return _judged_plain(plain, folders)


def _judged_plain(settings: Settings, folders: dict[str, Path]) -> pl.DataFrame:
    path = settings.outcomes or ""
    answers = {role: _answers(settings, folder, role) for role, folder in folders.items()}
    became = files.filled(files.read(path, settings.columns, OUTCOME_COLUMNS), path).drop(
        KNOWN_AT, strict=False
    )
    known = answers[CHAMPION].select("CustomerId", "as_of")
    risks = [answer["probability"].alias(role) for role, answer in answers.items()]
    table = became.with_columns(*known, *risks)
    return observed(table, 0, settings.bad_values, files.place(path)).decisions


def _answers(settings: Settings, folder: Path, role: str) -> pl.DataFrame:
    """The answers of a model's own code to the decisions of the outcomes, row by row."""
    with TemporaryDirectory(prefix="credit_model_") as place:
        output = f"{place}/answers.parquet"
        asked = replace(
            settings, decisions=settings.outcomes, outcomes=None, bad_values=(), output=output, model=role
        )
        if jobs.submit("score", asked, folder, subprocess.DEVNULL):
            raise ValueError(f"the {role} could not score {settings.outcomes}; see its message above")
        return pl.read_parquet(output, columns=["CustomerId", "as_of", "probability"])


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
