"""The command line: ``python -m credit_model NAME --parameter value``.

One thin handler for each entry point of MLproject.

Exit codes: 0 done, 2 bad input (one sentence on standard error), 3 an alarm, or a replayed decision that differs, 1 anything
else.
"""

import errno
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path

from credit_model import __version__
from credit_model.data.paths import check_apart, check_output, check_place
from credit_model.serving import jobs
from credit_model.settings.settings import CONFIG, Settings, parameters, resolve, texts
from credit_model.tracking.environment import mlflow_defaults
from credit_model.tracking.model_folder import verified_folder, verify

_BAD_INPUT = 2
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_EXTRAS = {"pyspark": "spark", "py4j": "spark"}


def _generate(settings: Settings) -> int:
    """Write a synthetic set of transactions, and of loans."""
    from credit_model.data import files
    from credit_model.synthetic import generate

    size = (settings.customers, settings.days, settings.seed)
    for path in filter(None, (settings.output, settings.truth, settings.outcomes, settings.applications)):
        check_output(path)
    rows = files.write_frames(generate.generate(*size), settings.output or "")
    print(f"{rows} transactions of {settings.customers} customers written to {settings.output}")
    if settings.truth is not None:
        files.write(generate.truth(*size), settings.truth)
        print(f"their drop-out times written to {settings.truth}")
    if settings.outcomes is not None:
        rows = files.write_frames(generate.loans(*size), settings.outcomes)
        print(f"{rows} loans with their outcomes written to {settings.outcomes}")
    if settings.applications is not None:
        rows = files.write_frames(generate.applications(*size), settings.applications)
        print(f"{rows} new applications written to {settings.applications}")
    return 0


def _explore(settings: Settings) -> int:
    """Show what the data are, in pictures and one page."""
    from credit_model.operations.explore import explore

    print(explore(settings))
    return 0


def _train(settings: Settings) -> int:
    """Train, compare, document and register a model."""
    from credit_model.operations.train import train

    if settings.customers_table is not None:
        check_output(settings.customers_table)
    print(train(settings))
    return 0


def _promote(settings: Settings) -> int:
    """Make a registered version the champion, through its gates, or by force for a reason; or roll back."""
    from credit_model.operations import promote

    if settings.history:
        print(promote.history(settings.name))
    else:
        print(promote.rollback(settings) if settings.rollback else promote.promote(settings))
    return 0


def _approve(settings: Settings) -> int:
    """Record that you approve a registered version, for another person to promote it."""
    from credit_model.operations import promote

    print(promote.approve(settings))
    return 0


def _compare(settings: Settings) -> int:
    """Compare two models on the same decisions: who comes in, who goes out, and what is gained."""
    from credit_model.operations.compare import compare

    if settings.output is not None:
        check_place(settings.output)
    print(compare(settings))
    return 0


def _features(settings: Settings) -> int:
    """Compute every feature of decisions, as a table to train from or to explore."""
    from credit_model.serving import features

    check_output(settings.output or "")
    if settings.history_days is None:
        return jobs.submit("features", settings, verified_folder(settings.model))
    job = jobs.Job.of(settings)
    print(features.write(job, features.without_model(job, settings.history_days, settings.attributes)))
    return 0


def _export(settings: Settings) -> int:
    """Write a scorecard as SQL, or what every feature of a model means."""
    from credit_model.operations.export import export

    check_place(settings.output or "")
    print(export(settings))
    return 0


def _score(settings: Settings) -> int:
    """Answer for every decision of a file."""
    if settings.output is not None:
        check_output(settings.output)
    return jobs.submit("score", settings, verified_folder(settings.model))


def _score_spark(settings: Settings) -> int:
    """The same on Spark."""
    from credit_model.serving.spark.job import score_spark

    return score_spark(settings, verified_folder(settings.model))


def _verify(settings: Settings) -> int:
    """Check that the files of a model are those that were registered, without running its code."""
    print(verify(settings.model))
    return 0


def _monitor(settings: Settings) -> int:
    """Compare new decisions with those the model was trained on."""
    from credit_model.operations.monitor import monitor

    if settings.output is not None:
        check_output(settings.output)
    if settings.page is not None:
        check_place(settings.page)
    return _told(monitor(settings))


def _retrain(settings: Settings) -> int:
    """Monitor the champion, and train, compare and promote anew on an alarm or when it is old."""
    from credit_model.operations.retrain import retrain

    return _told(retrain(settings))


def _told(text: str) -> int:
    """Print what a command found; returns its exit code."""
    print(text)
    return jobs.FINDING if isinstance(text, jobs.Finding) else 0


def _replay(settings: Settings) -> int:
    """Make logged decisions again, and compare to the last digit."""
    return jobs.submit("replay", settings, verified_folder(settings.model))


def _review(settings: Settings) -> int:
    """Write the letter for the applicant of a logged decision, and the page for its reviewer."""
    from credit_model.operations.review import review

    print(review(settings.log or "", settings.decision or "", settings.output or ""))
    return 0


def _override(settings: Settings) -> int:
    """Record that a person decided otherwise than a logged decision."""
    from credit_model.operations.override import override

    said = settings.who or "", settings.to or "", settings.reason or ""
    print(override(settings.log or "", settings.decision or "", *said))
    return 0


def _erase(settings: Settings) -> int:
    """Remove a customer from a decision log and from training tables."""
    from credit_model.operations.erase import erase

    print(erase(settings.log, settings.customer, settings.customer_hash))
    return 0


def _metrics(settings: Settings) -> int:
    """Turn the decision log and nginx's access log into metrics for Prometheus."""
    from credit_model.operations.metrics import metrics

    print(metrics(settings.log, settings.access, settings.output or "", settings.watched))
    return 0


_HANDLERS: Mapping[str, Callable[[Settings], int]] = {
    "generate": _generate,
    "explore": _explore,
    "features": _features,
    "train": _train,
    "promote": _promote,
    "approve": _approve,
    "compare": _compare,
    "score": _score,
    "score_spark": _score_spark,
    "monitor": _monitor,
    "export": _export,
    "retrain": _retrain,
    "verify": _verify,
    "replay": _replay,
    "review": _review,
    "override": _override,
    "erase": _erase,
    "metrics": _metrics,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; ``argv`` is by default the process's arguments. Returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        print(__version__)
        return 0
    try:
        if not words or words[0] in {"--help", "-h"}:
            print(_overview())
            return 0 if words else _BAD_INPUT
        command, *rest = words
        if {"--help", "-h"} & set(rest):
            print(_help(command))
            return 0
        return _run(command, resolve(command, _pairs(rest, _flags(command))))
    except (ValueError, OSError) as fault:
        print(f"credit_model: {_sentence(fault)}", file=sys.stderr)
        return _BAD_INPUT


def _run(command: str, settings: Settings) -> int:
    _check_apart(command, settings)
    os.environ.update(mlflow_defaults(Path.cwd(), os.environ))
    try:
        return _HANDLERS[command](settings)
    except ModuleNotFoundError as fault:
        library = (fault.name or "").partition(".")[0]
        if library in {"", "credit_model"}:
            raise
        extra = _EXTRAS.get(library, "train")
        raise ValueError(
            f"{command} needs {library}; pip install '.[{extra}]' in a clone of the repository, "
            f"or pip install 'credit_model-{__version__}-py3-none-any.whl[{extra}]'"
        ) from fault


def _check_apart(command: str, settings: Settings) -> None:
    """What a command writes must not be what it reads, nor what else it writes."""
    read = [settings.transactions, settings.decisions, settings.features, settings.log, settings.access]
    written = [
        settings.output,
        settings.page,
        settings.explain,
        settings.truth,
        settings.applications,
        settings.customers_table,
    ]
    (written if command == "generate" else read).append(settings.outcomes)
    for path in filter(None, written):
        check_apart(path, filter(None, read))
        read.append(path)


def _flags(command: str) -> frozenset[str]:
    """The parameters of a command whose name alone means yes."""
    taken = parameters(command).items() if command in _HANDLERS else ()
    return frozenset(name for name, parameter in taken if parameter.metadata["kind"].flag)


def _pairs(words: Sequence[str], flags: Container[str] = ()) -> dict[str, str]:
    """Read ``--name value``, ``--name=value``, and ``--name`` alone of a flag."""
    pairs: dict[str, str] = {}
    rest = deque(words)
    while rest:
        word = rest.popleft()
        if not word.startswith("--"):
            quoted = ", and a pattern of files in quotes" if Path(word).is_file() else ""
            raise ValueError(f"{word!r} is not a parameter; write --name value{quoted}")
        name, equals, value = word[2:].partition("=")
        if name in pairs:
            raise ValueError(f"--{name} is given twice; give it once")
        alone = not rest or rest[0].startswith("--")
        if not equals and alone and name in flags:
            value = "yes"
        elif not equals:
            if not rest:
                raise ValueError(f"--{name} has no value; give one after it")
            value = rest.popleft()
        pairs[name] = value
    return pairs


def _sentence(fault: ValueError | OSError) -> str:
    if isinstance(fault, OSError) and fault.errno in _FULL:
        return f"{fault.filename or tempfile.gettempdir()}: {fault.strerror}; make room on its disk"
    if isinstance(fault, OSError) and fault.filename is not None:
        return f"{fault.filename}: {fault.strerror}; check the path and its permissions"
    if isinstance(fault, OSError) and fault.strerror:
        return f"{fault.strerror}; check the disk, the room on it and its permissions"
    return " ".join(str(fault).split())


def _overview() -> str:
    lines = [f"  {name:<12} {handler.__doc__}" for name, handler in _HANDLERS.items()]
    head = "usage: python -m credit_model NAME --parameter value …\n"
    return "\n".join(
        [head, *lines, "\npython -m credit_model NAME --help lists the parameters of a command."]
    )


def _help(command: str) -> str:
    lines = [
        f"usage: python -m credit_model {command} --parameter value …",
        "",
        f"{_HANDLERS[command].__doc__}",
        "",
    ]
    defaults = texts(command, Settings())
    for name, parameter in parameters(command).items():
        shown = f" [{defaults[name]}]" if defaults[name] else ""
        lines.append(f"  --{name:<22} {parameter.metadata['meaning']}{shown}")
    return "\n".join([*lines, f"  --{'config':<22} {CONFIG}"])


if __name__ == "__main__":
    sys.exit(main())
