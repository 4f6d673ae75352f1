"""``erase``: removes a customer from a decision log and its renamed files."""

import os
import re

from credit_model.serving.decision_log import hash_key, keyed_hash, log_file
from credit_model.serving.log_file import read_line


def erase(path: str, customer: str | None, customer_hash: str | None) -> str:
    """Remove every line of a customer; returns what to print.

    Args:
        path: of the decision log.
        customer: the customer's id; its hash is keyed with ``CREDIT_MODEL_HASH_KEY``.
        customer_hash: the hash itself, instead of the id.

    Raises:
        ValueError: both are given, the hash is none, the key is unset, or there is no such log.
    """
    if customer is not None and customer_hash is not None:
        raise ValueError("customer_hash: it stands for customer; give one of them")
    if customer_hash is not None and not re.fullmatch("[0-9a-f]{64}", customer_hash):
        raise ValueError("customer_hash: it has 64 hex digits; give the field customer of a line of the log")
    whom = customer_hash or keyed_hash(customer, hash_key(os.environ, "erase by customer id")) or ""
    removed, files = log_file(path, os.environ).rewrite(lambda text: not _is_of(text, whom))
    return f"{removed} lines of the customer removed from {files} files of the log {path}"


def _is_of(text: bytes, whom: str) -> bool:
    """Whether a line is of the customer of a hash."""
    return whom.encode() in text and (read_line(text) or {}).get("customer") == whom
