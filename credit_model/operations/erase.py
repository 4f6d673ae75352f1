"""``erase``: removes a customer from a decision log and its renamed files, and from the training tables in MLflow."""

import os
import re

from credit_model.serving.decision_log import KEY, hash_key, keyed_hash, log_file
from credit_model.serving.log_file import read_line
from credit_model.tracking import store, training_tables
from credit_model.tracking.training_tables import Erased


def erase(path: str | None, customer: str | None, customer_hash: str | None) -> str:
    """Remove every line and row of a customer; returns what to print.

    Args:
        path: of the decision log; None where there is none on this machine.
        customer: the customer's id; its hash is keyed with ``CREDIT_MODEL_HASH_KEY``.
        customer_hash: the hash itself, instead of the id.

    Raises:
        ValueError: both are given, the hash is none, the key is unset, there is no such log, or the store or one of its tables
            cannot be read; the sentence says what was removed all the same.
    """
    if customer is not None and customer_hash is not None:
        raise ValueError("customer_hash: it stands for customer; give one of them")
    if customer_hash is not None and not re.fullmatch("[0-9a-f]{64}", customer_hash):
        raise ValueError("customer_hash: it has 64 hex digits; give the field customer of a line of the log")
    whom = customer_hash or keyed_hash(customer, hash_key(os.environ, "erase by customer id")) or ""
    lines = [] if path is None else [_from_log(path, whom)]
    try:
        return "\n".join([*lines, _from_tables(whom, os.environ.get(KEY))])
    except ValueError as fault:
        raise ValueError("; ".join([*lines, str(fault)])) from None


def _from_log(path: str, whom: str) -> str:
    removed, files = log_file(path, os.environ).rewrite(lambda text: not _is_of(text, whom))
    return f"{removed} lines of the customer removed from {files} files of the log {path}"


def _is_of(text: bytes, whom: str) -> bool:
    """Whether a line is of the customer of a hash."""
    return whom.encode() in text and (read_line(text) or {}).get("customer") == whom


def _from_tables(whom: str, key: str | None) -> str:
    if not store.exists():
        return f"no training tables: there is no MLflow store {store.uri()}"
    with store.asking("read runs"):
        store.reach(create=False)
    with store.using("change the training tables of runs"):
        found = training_tables.erase(whom, key)
    said = (
        f"{found.rows} rows of the customer removed from {found.tables} of {found.searched} training tables in "
        f"{store.uri()}{_unknown(found)}"
    )
    if found.unreadable:
        raise ValueError(
            f"{said}; the table of run {', '.join(found.unreadable)} cannot be read: delete its file {training_tables.FILE}"
        )
    return said


def _unknown(found: Erased) -> str:
    if not found.unknown:
        return ""
    return f"; {found.unknown} of these are hashed with another key or one that is forgotten: nobody is found in them"
