"""``promote``: a registered version that passed its gates becomes the champion, or one that a person forces, for a reason."""

import getpass

from mlflow.entities.model_registry import ModelVersion

from credit_model.tracking import store
from credit_model.tracking.registry import CHAMPION, make_champion, record_force, version_of


def promote(name: str, wanted: str, reason: str | None = None) -> str:
    """Make a version of a registered model the champion; returns what to print.

    Args:
        name: name of the registered model.
        wanted: number or alias of the version.
        reason: why it is promoted whatever its gates say; kept on the version, with who did it and the gates that failed.

    Raises:
        ValueError: there is no such model or version, or its gates failed and no reason is given.
    """
    with store.asking(f"promote versions of {name}"):
        store.reach(create=False)
        version = version_of(name, wanted)
        forced = version.tags.get("gates") != "passed"
        if forced and reason is None:
            raise ValueError(
                f"version {version.version} of {name} did not pass its gates ({_failed(version)}); promote one that did, "
                "or this one by force with --force --reason TEXT, which is recorded"
            )
        if forced and reason is not None:
            record_force(version, _user(), reason, _failed(version))
        make_champion(name, version.version)
    said = f"version {version.version} of {name} is the {CHAMPION}"
    return f"{said}, by force, though it did not pass its gates ({_failed(version)})" if forced else said


def _failed(version: ModelVersion) -> str:
    return str(version.tags.get("gates_failed", "none known"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may have no name for who runs in it
        return "unknown"
