"""Registered models: their versions, the aliases champion and challenger, and their files."""

import re
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

from credit_model.settings import lists
from credit_model.tracking import ledger, store
from credit_model.tracking.integrity import DOCUMENT_TAG, MANIFEST_TAG
from credit_model.tracking.ledger import Entry

CHAMPION, CHALLENGER = "champion", "challenger"
HAD_CHAMPION = "had_champion"
LEARNED_UNTIL = "learned_until"
APPROVALS, APPROVED_BY = "approvals", "approved_by"
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_VERSION = re.compile(r"models:/([^/]+)(?:@([^/@]+)|/(\d+))")


def check_writable(name: str) -> None:
    """Check, before the work begins, that a version can be registered.

    Raises:
        ValueError: the store does not allow it.
    """
    with store.asking(f"register versions of {name}"):
        try:
            # Taking away a tag that is not there needs the right to write, and changes nothing.
            MlflowClient().delete_registered_model_tag(name, "credit_model.asked")
        except MlflowException as fault:
            if fault.error_code != _ABSENT:
                raise


def set_aliases(name: str, version: int, *, passed: bool, entry: Entry | None = None) -> bool:
    """Make a new version the challenger, and the champion too if its gates passed and the model never had one.

    If the champion's alias was deleted later, only ``promote`` sets it again. A tag of the registered model records whether it
    ever had a champion; a model without the tag is treated as if it had. Of trainings at once one makes the champion.

    Args:
        name: of the registered model.
        version: the new one.
        passed: whether its gates passed.
        entry: of the ledger, for a version that may become champion; kept before the alias moves, and with what came of it.

    Returns:
        Whether it became champion.
    """
    client = MlflowClient()
    client.set_registered_model_alias(name, CHALLENGER, str(version))
    begun = ledger.opened(name)
    if version == 1 and HAD_CHAMPION not in client.get_registered_model(name).tags:
        client.set_registered_model_tag(name, HAD_CHAMPION, "false")
    if not passed or client.get_registered_model(name).tags.get(HAD_CHAMPION) != "false":
        return False
    if entry is not None:
        ledger.append(begun, entry.now(ledger.ALLOWED))
    first = ledger.claim(begun, uuid4().hex if entry is None else entry.attempt)
    if first:
        make_champion(name, str(version))
    if entry is not None:
        ledger.append(begun, entry.now(ledger.DONE if first else ledger.OVERTAKEN))
    return first


def make_champion(name: str, version: str) -> None:
    """Set the alias ``champion`` to a version, and record in a tag that the model has had one."""
    client = MlflowClient()
    client.set_registered_model_tag(name, HAD_CHAMPION, "true")
    client.set_registered_model_alias(name, CHAMPION, version)


def champion_of(name: str) -> str | None:
    """Number of the version that is champion; None without one."""
    number = _model(name).aliases.get(CHAMPION)
    return None if number is None else str(number)


def needs_approval(name: str) -> bool:
    """Whether the tag ``approvals`` of a registered model asks for a second person's approval of what is promoted."""
    return str(_model(name).tags.get(APPROVALS, "")).lower() not in {"", "0", "no", "false"}


def approvers(version: ModelVersion) -> list[str]:
    """Who has approved a version, in the order of approval."""
    return lists.split(version.tags.get(APPROVED_BY, ""))


def approve(version: ModelVersion, who: str) -> None:
    """Keep with a version that a person approves it."""
    record(version, {APPROVED_BY: lists.join(dict.fromkeys([*approvers(version), who]))})


def record_force(version: ModelVersion, who: str, reason: str, failed: str) -> None:
    """Keep with a version who promoted it though its gates failed, why, and over which gates."""
    record(version, {"forced_by": who, "forced_reason": reason, "forced_over": failed})


def record(version: ModelVersion, tags: Mapping[str, str]) -> None:
    """Set tags of a version."""
    for key, value in tags.items():
        MlflowClient().set_model_version_tag(version.name, version.version, key, value)


def named(uri: str) -> ModelVersion | None:
    """The registered version that a model URI names; None where it names a folder or a run's model.

    Raises:
        ValueError: there is no such model or version, or the store does not answer.
    """
    parts = _VERSION.fullmatch(uri)
    if parts is None:
        return None
    with store.asking("read models"):
        store.reach(create=False)
        return version_of(parts[1], parts[2] or parts[3])


def fetched(uri: str) -> Path:
    """The folder of a model's files, downloaded unless they are on this machine.

    Args:
        uri: such as ``models:/credit-risk@champion`` or ``models:/credit-risk/3``, or another model URI of MLflow.

    Raises:
        ValueError: there is no such model, or the store does not give it.
    """
    named(uri)
    with store.asking("read models"):
        store.reach(create=False)
        files = _place(uri)
    with store.asking("read artifacts", f"the artifact store {store.shown(files)}"):
        if not store.within_time(lambda: mlflow.artifacts.list_artifacts(files), files):
            raise ValueError(
                f"the files of {store.shown(uri)} are not in {store.shown(files)}, where the MLflow store {store.uri()} "
                "has them; make that place reachable from here, or name another model"
            )
    with store.using("read artifacts"):
        return Path(mlflow.artifacts.download_artifacts(uri))


def hashes(uri: str) -> dict[str, str]:
    """The hashes that stand as tags with a registered version; none for a URI that names no version, or an older one.

    Raises:
        ValueError: the store does not give the version.
    """
    version = named(uri)
    tags = {} if version is None else version.tags
    return {name: tags[name] for name in (MANIFEST_TAG, DOCUMENT_TAG) if name in tags}


def _place(uri: str) -> str:
    """The place of a model's files."""
    while uri.startswith("models:"):
        uri = str(ModelsArtifactRepository.get_underlying_uri(uri))  # type: ignore[no-untyped-call]
    return uri


def version_of(name: str, wanted: str) -> ModelVersion:
    """A version by its number or alias."""
    model = _model(name)
    latest = max((int(version.version) for version in model.latest_versions), default=None)
    if latest is None:
        raise ValueError(f"{name} has no version in {store.uri()}; train one first")
    number = wanted if wanted.isdecimal() else model.aliases.get(wanted)
    if number is None:
        raise ValueError(f"{name} has version {latest}, but no alias {wanted}; {_remedy(name, latest)}")
    try:
        return MlflowClient().get_model_version(name, number)
    except MlflowException as fault:
        if fault.error_code != _ABSENT:
            raise
    raise ValueError(f"{name} has no version {number}; its latest is {latest}: models:/{name}/{latest}")


def _remedy(name: str, latest: int) -> str:
    """What to do without the version that an alias would stand for: the latest that passed its gates can be promoted."""
    versions = MlflowClient().search_model_versions(f"name = '{name}'")
    passed = [int(version.version) for version in versions if version.tags.get("gates") == "passed"]
    if not passed:
        return (
            f"none that passed its gates can be promoted; models:/{name}/{latest} can be named all the same"
        )
    promote = f"python -m credit_model promote --name {name} --version {max(passed)}"
    return f"promote one that passed its gates with {promote}, or name models:/{name}/{latest}"


def _model(name: str) -> RegisteredModel:
    client = MlflowClient()
    try:
        return client.get_registered_model(name)
    except MlflowException as fault:
        if fault.error_code != _ABSENT:
            raise
    others = ", ".join(model.name for model in client.search_registered_models(max_results=5))
    named = f", or name one that is there: {others}" if others else ""
    raise ValueError(f"there is no model {name} in {store.uri()}; train one first{named}")
