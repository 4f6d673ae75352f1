"""Where a training came from: its input files by hash, the git commit of the package, the versions of what ran it."""

import hashlib
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from credit_model import __version__
from credit_model.data.frames import InMemory
from credit_model.data.paths import named
from credit_model.reporting.identity import Identity
from credit_model.settings.settings import Settings, texts
from credit_model.tracking.carried import PACKAGE

_PACKAGES = (
    *(
        "credit-model",
        "lightgbm",
        "matplotlib",
        "mlflow",
        "mlflow-skinny",
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
    ),
    *("scikit-learn", "scipy", "xgboost", "xgboost-cpu"),
)
_SECONDS = 10


def identity(settings: Settings, version: str, primary: str | None = None) -> Identity:
    """What identifies a trained version.

    Args:
        settings: of its training.
        version: hash of its files.
        primary: where its primary scorecard can be loaded from; None where it is the winner, or was not kept.
    """
    return Identity(
        settings.name,
        version,
        __version__,
        _own_parameters(settings),
        file_hashes(settings),
        commit(PACKAGE),
        environment(),
        primary,
    )


def _own_parameters(settings: Settings) -> dict[str, str]:
    """The parameters that differ from their defaults, as texts."""
    defaults = texts("train", Settings())
    return {name: text for name, text in texts("train", settings).items() if text != defaults[name]}


def file_hashes(settings: Settings) -> dict[str, str]:
    """SHA-256 of every file that a training or a comparison read, by the file's name; its folder too where names are equal."""
    paths = [path for given in _given(settings) for path in named(given)]
    names = [path.name for path in paths]
    return {
        str(path) if names.count(path.name) > 1 else path.name: _digest(path) for path in dict.fromkeys(paths)
    }


def _given(settings: Settings) -> Iterator[str]:
    for path in (
        settings.transactions,
        settings.decisions,
        settings.outcomes,
        settings.features,
        settings.reasons,
        settings.bins,
    ):
        if path is not None and not isinstance(path, InMemory):
            yield path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def commit(package: Path) -> str | None:
    """The git commit of the clone that a package's folder is the top of; else None.

    A remark follows where files of the package differ from it, or are new.
    """
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or Path(top) != package.resolve().parent:
        return None
    changed = _git(
        package, "status", "--porcelain", "--untracked-files=normal", "--", package.name, cwd=package.parent
    )
    found = _git(package, "rev-parse", "HEAD")
    return f"{found}, with changes that are not committed" if changed else found


def _git(package: Path, *words: str, cwd: Path | None = None) -> str | None:
    """What git prints; None where it is not installed, fails, or finds no clone."""
    command = ["git", "-C", str(cwd or package), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def environment() -> dict[str, str]:
    """Versions of Python, of the system, and of the packages that are installed."""
    versions = {"Python": platform.python_version(), platform.system(): platform.release()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
