"""Paths of tables: which files a path names, and whether a path can be written to."""

import os
from collections.abc import Iterable
from pathlib import Path

_ENDINGS = {".csv": "CSV", ".csv.gz": "CSV", ".parquet": "Parquet"}


def named(path: str) -> list[Path]:
    """The files that a path names, in order.

    A folder stands for its ``.csv``, ``.csv.gz`` and ``.parquet`` files, in folders inside it too; names that begin with a
    point or an underscore are ignored. A pattern (``*``, ``?``, ``[a-z]``, ``**``) may match files and folders.

    Raises:
        ValueError: there are none.
    """
    files, folders = _named(path)
    if not files:
        matched = "matches no file" if _is_pattern(path) else "does not exist"
        problem = "holds no .csv, .csv.gz or .parquet file" if Path(path) in folders else matched
        raise ValueError(f"{path} {problem}; check the path")
    return files


def kind_of(file: Path) -> str:
    """``CSV`` or ``Parquet``, by the ending of the file's name in upper or lower case.

    Raises:
        ValueError: it is neither.
    """
    for ending, kind in _ENDINGS.items():
        if file.name.lower().endswith(ending):
            return kind
    raise ValueError(f"{file} is neither CSV nor Parquet by its ending; name it .csv or .parquet")


def check_output(path: str) -> None:
    """Check, before the work begins, that its result can be written to a path.

    Raises:
        ValueError: the path ends neither in ``.csv`` nor in ``.parquet`` and is no folder, it is a folder that is not empty,
            or the folder that contains it is absent or not writable.
    """
    target = Path(path)
    if is_folder(path):
        if target.is_file() or (target.is_dir() and any(target.iterdir())):
            raise ValueError(f"{path} exists already and is not empty; name a new folder")
    elif target.suffix.lower() not in {".csv", ".parquet"}:
        raise ValueError(
            f"{path} is neither CSV nor Parquet by its ending; name it .csv or .parquet, or a folder: {path}/"
        )
    check_place(path)


def check_place(path: str) -> None:
    """Check, before the work begins, that the folder that contains a path can be written to.

    Raises:
        ValueError: the folder is absent or not writable.
    """
    folder = final(path).parent
    if not folder.is_dir():
        raise ValueError(f"the folder of {path} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder of {path} is not writable; choose another")


def check_apart(output: str, inputs: Iterable[str]) -> None:
    """Check, before the work begins, that its result would not overwrite what it reads; links are followed.

    Args:
        output: the file or folder to write.
        inputs: files, folders and patterns that are read; one that does not exist is compared by its path.

    Raises:
        ValueError: the output is an input, one of the files that an input names, or a folder inside an input folder.
    """
    target = final(output)
    for path in inputs:
        files, folders = _named(path)
        if target == final(path) or _is_one_of(target, files):
            raise ValueError(f"{output} would overwrite what {path} names; write to another place")
        if is_folder(output) and any(target.is_relative_to(final(str(folder))) for folder in folders):
            raise ValueError(
                f"{output} would lie inside the folder that {path} names; write to another place"
            )


def final(path: str) -> Path:
    """The absolute path that a path leads to, through every link on it."""
    return Path(os.path.realpath(path))


def is_folder(path: str) -> bool:
    """Whether a path is, or is meant to be, a folder."""
    return path.endswith("/") or Path(path).is_dir()


def _is_one_of(target: Path, files: Iterable[Path]) -> bool:
    """Whether a file that exists is one of others, under their names or by another hard link."""
    return target.exists() and any(target.samefile(file) for file in files)


def _named(path: str) -> tuple[list[Path], list[Path]]:
    """The files that a path names, in order, and the folders among what it names itself."""
    target = Path(path)
    matches = [target] if target.exists() else _matches(target) if _is_pattern(path) else []
    folders = [match for match in matches if match.is_dir()]
    files = [match for match in matches if match not in folders]
    return sorted({*files, *(file for folder in folders for file in _inside(folder))}), folders


def _is_pattern(path: str) -> bool:
    return any(mark in path for mark in "*?[")


def _inside(folder: Path) -> list[Path]:
    endings = tuple(_ENDINGS)
    return [
        file
        for file in folder.rglob("*")
        if file.name.lower().endswith(endings) and file.is_file() and not _hidden(file.relative_to(folder))
    ]


def _matches(pattern: Path) -> list[Path]:
    paths = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
    return [match for match in paths if not _hidden(Path(match.name)) or _hidden(Path(pattern.name))]


def _hidden(inside: Path) -> bool:
    return any(part.startswith((".", "_")) for part in inside.parts)
