"""One time in ISO-8601 text, read as ``cells.times`` reads it but by Python alone, so that no library is loaded."""

import re
from datetime import datetime, timedelta

EARLIEST, LATEST = datetime(1900, 1, 1), datetime(2200, 1, 1)
ISO = (
    r"^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r" ?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$"
)


def read_iso(text: str) -> datetime | None:
    """The time in UTC, cut to the microsecond; no zone means UTC. None if unreadable or outside the years 1900 to 2199."""
    parts = re.fullmatch(ISO, text.strip(), re.ASCII)
    if not parts:
        return None
    *clock, fraction, zone = parts.groups(default="")
    year, month, day, hour, minute, second = (int(part or 0) for part in clock)
    micros = int(fraction.ljust(6, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, micros) - _offset(zone)
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment < LATEST else None


def _offset(zone: str) -> timedelta:
    """The offset of a zone such as ``+03:00`` from UTC.

    Raises:
        ValueError: it is a day or more.
    """
    digits = re.sub(r"\D", "", zone).ljust(4, "0")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    if minutes >= 24 * 60:
        raise ValueError
    return timedelta(minutes=-minutes if zone.startswith("-") else minutes)
