"""Whether the files of a model's folder are those that were registered.

The manifest of the scorer lists the SHA-256 of every file that an answer depends on, the code among them, and its own SHA-256
stands as a tag with the registered version. Nothing here runs the model's code. Left out, because MLflow or Python write them
after the manifest, or because no answer depends on them: what MLmodel says beside how the model is loaded,
``registered_model_meta``, the input examples, bytecode in ``__pycache__``, and the model document, which names the manifest and
has a tag of its own.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCORER = Path("artifacts") / "scorer"
MANIFEST_TAG, DOCUMENT_TAG = "manifest_sha256", "document_sha256"
DOCUMENT = "artifacts/model_document.html"
_MANIFEST, _MLMODEL, _BESIDE = "manifest.json", "MLmodel", "beside"
LEFT_OUT = {
    "registered_model_meta",
    "input_example.json",
    "serving_input_example.json",
    DOCUMENT,
}
_BYTECODE = "__pycache__"
_LOADS = ("loader_module", "code", "config", "env", "streamable")


def beside(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a model's folder beside its scorer, by path; of MLmodel what says how the model is loaded."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: _loading(path) if name == _MLMODEL else digest(path)
        for name, path in sorted(files.items())
        if name not in LEFT_OUT and _BYTECODE not in path.parts and not name.startswith(SCORER.as_posix())
    }


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(folder: Path, model: str, registered: Mapping[str, str]) -> str:
    """Check the files of a model's folder against its manifest, and manifest and document against their registered hashes.

    Args:
        folder: of the model.
        model: what the user calls it.
        registered: the hashes that stand as tags with the registered version; empty where there is none.

    Returns:
        What was checked, as a sentence.

    Raises:
        ValueError: a file is another one, is missing or was added, or the manifest is not the registered one.
    """
    manifest = folder / SCORER / _MANIFEST
    if not manifest.is_file():
        raise ValueError(
            f"{model} has no {SCORER.as_posix()}/{_MANIFEST}, so that it is no model of credit_model; name another one"
        )
    for tag, path in ((MANIFEST_TAG, manifest), (DOCUMENT_TAG, folder / DOCUMENT)):
        if tag in registered and not (path.is_file() and digest(path) == registered[tag]):
            raise _changed(model, f"{path.name} is not the one that was registered")
    stored = json.loads(manifest.read_text(encoding="utf-8"))
    listed = {f"{SCORER.as_posix()}/{name}": value for name, value in stored["files"].items()}
    present = _of_scorer(folder)
    if _BESIDE in stored:
        listed, present = listed | stored[_BESIDE], present | beside(folder)
    faults = _faults(listed, present)
    if faults:
        raise _changed(model, faults)
    return _said(model, len(listed), stored, registered)


def _of_scorer(folder: Path) -> dict[str, str]:
    """SHA-256 of the files of the scorer but its manifest, by their path in the model's folder."""
    scorer = folder / SCORER
    files = (path for path in scorer.rglob("*") if path.is_file() and path != scorer / _MANIFEST)
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def _faults(listed: Mapping[str, str], present: Mapping[str, str]) -> str:
    """The files that are not as they were; at most three are named of a kind."""
    kinds = {
        "changed": [name for name in listed if name in present and present[name] != listed[name]],
        "missing": [name for name in listed if name not in present],
        "added": [name for name in present if name not in listed],
    }
    return "; ".join(
        f"{len(names)} {'file' if len(names) == 1 else 'files'} {kind}: {', '.join(sorted(names)[:3])}"
        for kind, names in kinds.items()
        if names
    )


def _changed(model: str, what: str) -> ValueError:
    return ValueError(
        f"{model} is not as it was registered: {what}; find out who changed it, and fetch it again or train it again"
    )


def _said(model: str, count: int, stored: Mapping[str, Any], registered: Mapping[str, str]) -> str:
    files = "files" if _BESIDE in stored else "files of the scorer alone, as an older model lists them,"
    tag = (
        "the manifest is that of the registered version"
        if MANIFEST_TAG in registered
        else "there is no registered hash to compare the manifest with"
    )
    return f"{model}: {count} {files} are as the manifest lists them; {tag}"


def _loading(mlmodel: Path) -> str:
    """Hash of what MLmodel says of how the model is loaded and what it takes and gives."""
    import yaml

    plain = yaml.safe_load(mlmodel.read_text(encoding="utf-8"))
    pyfunc = plain["flavors"]["python_function"]
    loading = {name: pyfunc.get(name) for name in _LOADS} | {
        "flavors": sorted(plain["flavors"]),
        "artifacts": {name: one["path"] for name, one in (pyfunc.get("artifacts") or {}).items()},
        "model_code": Path(pyfunc.get("model_code_path", "")).name,
        "signature": plain.get("signature"),
    }
    return hashlib.sha256(json.dumps(loading, sort_keys=True).encode()).hexdigest()
