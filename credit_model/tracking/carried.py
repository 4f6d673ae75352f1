"""What a model carries of this package: the code that it answers with."""

from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import credit_model

PACKAGE = Path(credit_model.__file__).parent
CARRIED = (
    "__init__.py",
    "arrays.py",
    "metrics.py",
    "data",
    "features",
    "models",
    "scoring",
    "serving",
    "settings",
)


def carried_code(folder: Path) -> Path:
    """A copy of the package, made in a folder, with what a model carries and nothing else."""
    code = folder / PACKAGE.name
    code.mkdir(parents=True)
    for name in CARRIED:
        if (PACKAGE / name).is_dir():
            copytree(PACKAGE / name, code / name, ignore=ignore_patterns("__pycache__"))
        else:
            copy(PACKAGE / name, code / name)
    return code
