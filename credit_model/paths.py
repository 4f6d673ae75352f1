"""The files of tables that a path names: one file, those of a folder, or those that a pattern matches."""

import os
from pathlib import Path

_ENDINGS = {".csv": "CSV", ".csv.gz": "CSV", ".parquet": "Parquet"}


def named(path: str) -> list[Path]:
    """The files that a path names, in order.

    A folder's are those that end as tables do, in folders inside too; what begins with a point or an underscore is
    passed over. A pattern (``*``, ``?``, ``[a-z]``, ``**``) may match folders.

    Raises:
        ValueError: there are none.
    """
    given = Path(path)
    if given.is_file():
        return [given]
    if given.is_dir():
        found = _inside(given)
        problem = "holds no .csv, .csv.gz or .parquet file"
    elif any(mark in path for mark in "*?["):
        found = [
            file for match in _matches(given) for file in (_inside(match) if match.is_dir() else [match])
        ]
        problem = "matches no file"
    else:
        found, problem = [], "does not exist"
    if not found:
        raise ValueError(f"{path} {problem}; check the path")
    return sorted(set(found))


def kind_of(file: Path) -> str:
    """``CSV`` or ``Parquet``, by the file's ending in any case.

    Raises:
        ValueError: it is neither.
    """
    for ending, kind in _ENDINGS.items():
        if file.name.lower().endswith(ending):
            return kind
    raise ValueError(f"{file} is neither CSV nor Parquet by its ending; name it .csv or .parquet")


def check_output(path: str) -> None:
    """Find out before the work whether its result can be written.

    Raises:
        ValueError: the path ends neither in ``.csv`` nor in ``.parquet`` and is no folder, the folder holds something,
            or the folder around it is absent or not writable.
    """
    target = Path(path)
    if is_folder(path):
        if target.is_file() or (target.is_dir() and any(target.iterdir())):
            raise ValueError(f"{path} exists already and is not empty; name a new folder")
    elif target.suffix.lower() not in {".csv", ".parquet"}:
        raise ValueError(
            f"{path} is neither CSV nor Parquet by its ending; name it .csv or .parquet, or a folder: {path}/"
        )
    if not target.parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist; create it first")
    if not os.access(target.parent, os.W_OK):
        raise ValueError(f"the folder of {path} is not writable; choose another")


def is_folder(path: str) -> bool:
    """Whether a path is, or is meant to be, a folder."""
    return path.endswith("/") or Path(path).is_dir()


def _inside(folder: Path) -> list[Path]:
    endings = tuple(_ENDINGS)
    return [
        file
        for file in folder.rglob("*")
        if file.name.lower().endswith(endings) and file.is_file() and not _hidden(file.relative_to(folder))
    ]


def _matches(pattern: Path) -> list[Path]:
    found = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
    return [match for match in found if not _hidden(Path(match.name)) or _hidden(Path(pattern.name))]


def _hidden(inside: Path) -> bool:
    return any(part.startswith((".", "_")) for part in inside.parts)
