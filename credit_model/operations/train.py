"""``train``: the training job, its run, its registered version and that version's aliases."""

from dataclasses import asdict, replace

from credit_model.reporting import plots
from credit_model.settings.settings import Settings, texts
from credit_model.tracking import described, ledger, registry, store
from credit_model.tracking.ledger import Entry
from credit_model.tracking.registry import CHALLENGER, CHAMPION
from credit_model.tracking.runs import log_model, log_run
from credit_model.training import workflow
from credit_model.training.workflow import TrainingResult


def train(settings: Settings) -> str:
    """Train, track and register a model; returns what to print."""
    return "\n".join(tracked(settings).summary)


def tracked(settings: Settings) -> TrainingResult:
    """Train, track and register a model; the summary ends with what the new version is and what to do next.

    Raises:
        ValueError: the store does not accept the run, or the data cannot be trained on; then no version is registered and no
            alias changes.
    """
    with store.run(store.EXPERIMENT, texts("train", settings), described.begun("train", settings)):
        registry.check_writable(settings.name)
        result = workflow.run(settings)
        pictures = plots.pictures(result.trained, result.sample.recipe.costs)
        with store.using(f"log the run and register {settings.name}"):
            log_run(result, pictures)
            registered = log_model(settings, result, pictures)
            entry = _entry(settings.name, registered, result)
            champion = registry.set_aliases(
                settings.name, registered, passed=not result.failed_gates, entry=entry
            )
    standing = _standing(settings.name, registered, result, champion=champion)
    return replace(result, summary=(*result.summary, *standing), registered=registered)


def _entry(name: str, registered: int, result: TrainingResult) -> Entry:
    """What the ledger keeps of a first champion, which its training makes."""
    judged = [asdict(gate) for gate in result.gates]
    who, when = ledger.user(), ledger.moment()
    return Entry(ledger.TRAINING, name, str(registered), None, "", who, when, None, judged)


def _standing(name: str, registered: int, result: TrainingResult, *, champion: bool) -> list[str]:
    """What the new version is, and what to do next."""
    uri = f"models:/{name}/{registered}"
    aliases = f"{CHALLENGER} and {CHAMPION}" if champion else CHALLENGER
    score = f"python -m credit_model score --model {uri} --transactions FILE --output FILE"
    promote = f"python -m credit_model promote --name {name} --version {registered}"
    lines = [f"registered as {name} version {registered}, {aliases}: {uri}"]
    if result.failed_gates:
        return [
            *lines,
            f"gates failed: {'; '.join(result.failed_gates)}",
            f"so it does not become {CHAMPION}; to try it all the same: {score}",
            f"to make it the {CHAMPION} all the same, which is recorded: {promote} --force --reason TEXT",
        ]
    if champion:
        return [*lines, f"gates passed; to score with it: {score}"]
    return [*lines, f"gates passed; to try it: {score}", f"to make it the {CHAMPION}: {promote}"]
