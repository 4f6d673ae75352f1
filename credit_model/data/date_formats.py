"""Date formats in ``strftime`` codes: which are supported, and what text they describe."""

import re
from datetime import UTC, datetime

ISO = "iso"
_TWO = {"m": "[0-9]", "d": "[0-9]", "H": "[0-9]", "I": "[0-9]", "M": "[0-5]", "S": "[0-5]"}  # the first digit
_OTHERS = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "j": "[0-9]{3}",
    "f": "[0-9]{1,9}",
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]+",
    "p": "[AaPp][Mm]",
    "z": "[+-][0-9]{2}:?[0-9]{2}",
}
_DIGITS = {*_TWO, "Y", "y", "j", "f"}
_PROBE = datetime(2019, 2, 13, 14, 5, 6, 789_000, UTC)
_CLOCKS = {(0, 0, 0, 0), (14, 5, 0, 0), (14, 5, 6, 0), (14, 5, 6, 789_000)}


def read_date_format(text: str) -> str:
    """Check a date format and return it unchanged.

    It must give a whole date, use no code twice and, where it has an hour, give a whole time of day.

    Raises:
        ValueError: it has a code that is not supported, or does not give a whole date.
    """
    if text == ISO or _says_a_moment(text):
        return text
    codes = " ".join(f"%{code}" for code in (*_TWO, *_OTHERS))
    raise ValueError(
        f"{text!r} does not say a whole date, once; give iso, or codes such as %d.%m.%Y or %Y-%m-%d %H:%M:%S "
        f"(understood: {codes}; %f after a point)"
    )


def pattern(date_format: str) -> str:
    """The regular expression of text in a format; codes side by side, as in ``%Y%m%d``, need all their digits."""
    tokens = _tokens(date_format)
    beside = zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False)
    return "".join(_expression(token, before, after) for before, token, after in beside)


def chrono(date_format: str) -> str:
    """The format in the codes of Polars, where the code of a fraction of a second includes its point."""
    return date_format.replace(".%f", "%.f")


def _tokens(date_format: str) -> list[str]:
    """Codes and single characters, in order."""
    return re.findall("%.|.", date_format, re.DOTALL)


def _expression(token: str, before: str, after: str) -> str:
    code = token[1:]
    if code in _OTHERS:
        return _OTHERS[code]
    if code in _TWO:
        touching = {before[1:], after[1:]} & _DIGITS
        return f"{_TWO[code]}[0-9]" if touching else f"(?:{_TWO[code]}[0-9]|[0-9])"
    return re.escape(token)


def _says_a_moment(text: str) -> bool:
    codes = [token[1:] for token in _tokens(text) if token.startswith("%")]
    understood = len(set(codes)) == len(codes) and set(codes) <= {*_TWO, *_OTHERS}
    if not understood or not {"Y", "y"} & set(codes) or text.count("%f") != text.count(".%f"):
        return False
    try:
        read_back = datetime.strptime(_PROBE.strftime(text), text)
    except ValueError:
        return False
    clock = (read_back.hour, read_back.minute, read_back.second, read_back.microsecond)
    return read_back.date() == _PROBE.date() and clock in _CLOCKS
