"""Suggestions for a name that does not exist."""

import difflib
from collections.abc import Iterable

_MOST = 20


def suggest(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the most similar known one, in upper or lower case, or else the first twenty.

    Example:
        >>> suggest("amount", ["Amount", "Value"])
        'did you mean Amount?'
        >>> suggest("when", ["Amount", "Value"])
        'choose from Amount, Value'
    """
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    if near:
        return f"did you mean {folded[near[0]]}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"choose from {', '.join(names[:_MOST])}{more}" if names else "there is none to choose from"
