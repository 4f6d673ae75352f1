"""What MLflow's pages say of a training: the run's name, descriptions and tags, and the metrics that matter first."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from credit_model.data.frames import InMemory
from credit_model.data.paths import named
from credit_model.reporting.identity import Identity
from credit_model.settings.settings import Settings
from credit_model.training.workflow import TrainingResult

HEADLINES = {
    "test_roc_auc": "AUC",
    "test_ks": "KS",
    "test_brier": "Brier score",
    "test_calibration_in_the_large": "bads observed for each one expected",
    "test_score_psi": "PSI of the score, training to test part",
}
_GENERATED = re.compile(r"[a-z]+-[a-z]+-\d+")  # what MLflow names a run that nobody named
_USUAL_NAMES = ("transactions", "data", "features")


def headlines_first(figures: Mapping[str, float]) -> list[dict[str, float]]:
    """The metrics in two parts: those that matter most, and the rest by name, so that equal prefixes stand together."""
    first = {name: figures[name] for name in HEADLINES if name in figures}
    return [first, {name: figures[name] for name in sorted(figures) if name not in first}]


def begun(command: str, settings: Settings) -> str:
    """The name of a run until more is known of it, and for good where it fails: ``superlender train``."""
    return f"{_source(settings)} {command}"


def nobody_named(run_name: str | None, command: str, settings: Settings) -> bool:
    """Whether a run still has the name that it began with, or one that MLflow made up."""
    return run_name in (None, begun(command, settings)) or _GENERATED.fullmatch(run_name or "") is not None


def run_name(settings: Settings, result: TrainingResult) -> str:
    """What was trained on, the winner, and the day of the latest decision: ``superlender blend 2017-07-30``."""
    latest = str(result.trained.dataset.decisions["as_of"].dt.to_string("%Y-%m-%d").max())
    return f"{_source(settings)} {result.trained.winner} {latest}"


def _source(settings: Settings) -> str:
    """The name of the file of transactions, or of its folder where every lender's file has that name."""
    given = settings.transactions if settings.features is None else settings.features
    if given is None:
        return "synthetic"
    if isinstance(given, InMemory):
        return "table"
    path = Path(given)
    with suppress(ValueError):  # there is no such file, of which the run says more than its name
        path = Path(named(given)[0])
    path = path.resolve()
    return path.parent.name if path.stem in _USUAL_NAMES and path.parent.name else path.stem


def tags(result: TrainingResult, identity: Identity) -> dict[str, str]:
    """Tags to find a run by: ``candidate``, ``gates``, ``label``, and ``data_hash`` of the files it was trained on."""
    return {
        "candidate": result.trained.winner,
        "gates": "failed" if result.failed_gates else "passed",
        "label": result.trained.scorer.target,
        "data_hash": data_hash(identity.files),
    }


def data_hash(files: Mapping[str, str]) -> str:
    """One hash of the hashes of all files, whatever they are called; ``none`` where the data are no files."""
    if not files:
        return "none"
    return hashlib.sha256(json.dumps(sorted(files.values())).encode()).hexdigest()


def description(result: TrainingResult) -> str:
    """The figures that matter and the gates, in Markdown."""
    trained = result.trained
    head = f"**{trained.winner}** for the target `{trained.scorer.target}`"
    return "\n\n".join([head, _figures(result.figures), _gates(result)])


def version_description(result: TrainingResult, name: str, version: int) -> str:
    """The same with how to score and serve the version."""
    uri = f"models:/{name}/{version}"
    use = (
        f"Score files: `python -m credit_model score --model {uri} --transactions FILE --output FILE`\n\n"
        f"Serve: `mlflow models serve -m {uri} --env-manager local`"
    )
    return f"{description(result)}\n\n{use}"


def _figures(figures: Mapping[str, float]) -> str:
    rows = [_row(name, meaning, figures) for name, meaning in HEADLINES.items() if name in figures]
    if not rows:
        return "No figure of the test part: it has too few cases of a class."
    return "\n".join(["| on the test part | | 95 % interval |", "|---|---|---|", *rows])


def _row(name: str, meaning: str, figures: Mapping[str, float]) -> str:
    low, high = (figures.get(f"{name}_{end}") for end in ("low", "high"))
    interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
    return f"| {meaning} | {figures[name]:.3f} | {interval} |"


def _gates(result: TrainingResult) -> str:
    said = [f"- failed: {sentence}" for sentence in result.failed_gates]
    said += [f"- warning: {sentence}" for sentence in result.warned_gates]
    head = "Gates failed:" if result.failed_gates else "Gates passed" + (", with warnings:" if said else ".")
    return "\n".join([head, "", *said]) if said else head
