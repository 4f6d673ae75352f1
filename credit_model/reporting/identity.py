"""What identifies a trained version, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Identity:
    """What identifies a version.

    Attributes:
        name: of the registered model.
        model_version: first 12 hex digits of the artifact's manifest hash.
        package: version of this package.
        parameters: of the training command, by name, as text.
        files: SHA-256 of every input file, by its name; empty where the data came from memory or are synthetic.
        commit: git commit of the package's folder; None where there is none.
        environment: versions of Python and of the packages, by name.
        primary: where the primary scorecard can be loaded from; None where it is the winner.
    """

    name: str
    model_version: str
    package: str
    parameters: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    primary: str | None = None
