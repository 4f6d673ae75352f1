"""``override``: records in the decision log that a person decided otherwise."""

import os

from credit_model.operations.recorded import OVERRIDE, recorded
from credit_model.serving.decision_log import log_file
from credit_model.serving.log_file import line, now_text


def override(path: str, decision: str, who: str, to: str, why: str) -> str:
    """Record an override; returns what to print.

    Args:
        path: of the decision log.
        decision: id of the decision that is overridden.
        who: the person who decides.
        to: the new decision.
        why: the reason.

    Raises:
        ValueError: the log has no such decision, it stands so already, or a name or reason is blank.
        OSError: the log cannot be written.
    """
    log = log_file(path, os.environ)
    if not who.strip() or not why.strip():
        raise ValueError(
            "override: it is recorded with a person and a reason; give --who NAME and --reason TEXT"
        )
    now = recorded(log, decision)
    if now.stands == to:
        raise ValueError(f"decision {decision} is {to} already; there is nothing to override")
    entry = {
        "time": now_text(),
        "kind": OVERRIDE,
        "decision_id": decision,
        "customer": now.entry["customer"],
        "who": who,
        "from": now.stands,
        "to": to,
        "why": why,
    }
    log.write(line(entry))
    return f"decision {decision}: {now.stands} overridden to {to} by {who}, recorded in {path}"
