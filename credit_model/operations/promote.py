"""``promote``: a registered version that passed its gates becomes the champion."""

from credit_model.tracking import store
from credit_model.tracking.registry import CHAMPION, make_champion, version_of


def promote(name: str, wanted: str) -> str:
    """Make a version of a registered model the champion; returns what to print.

    Args:
        name: name of the registered model.
        wanted: number or alias of the version.

    Raises:
        ValueError: there is no such model or version, or its gates failed.
    """
    with store.asking(f"promote versions of {name}"):
        store.reach(create=False)
        version = version_of(name, wanted)
        if version.tags.get("gates") != "passed":
            raise ValueError(
                f"version {version.version} of {name} did not pass its gates "
                f"({version.tags.get('gates_failed', 'none known')}); promote one that did"
            )
        make_champion(name, version.version)
    return f"version {version.version} of {name} is the {CHAMPION}"
