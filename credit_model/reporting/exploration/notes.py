"""What a person should look at in an exploration."""

from collections.abc import Callable

import polars as pl

from credit_model.reporting.exploration.analysis import Exploration


def notes(found: Exploration) -> list[str]:
    """What a person should look at, each with its number."""
    checks: tuple[Callable[[Exploration], str | None], ...] = (
        _note_absent,
        _note_constant,
        _note_faults,
        _note_duplicates,
        _note_value,
        _note_tail,
        _note_single,
        _note_gap,
        _note_heavy,
    )
    return [text for check in checks if (text := check(found)) is not None]


def _note_absent(found: Exploration) -> str | None:
    derived = " Value is taken as the absolute Amount." if "Value" in found.absent else ""
    return f"Optional columns that are absent: {', '.join(found.absent)}.{derived}" if found.absent else None


def _note_constant(found: Exploration) -> str | None:
    names = found.quality.filter(pl.col("constant"))["column"].to_list()
    return f"Constant, and so without information: {', '.join(names)}." if names else None


def _note_faults(found: Exploration) -> str | None:
    faulty = found.quality.filter(pl.col("unreadable") > 0)
    texts = [f"{name} ({count})" for name, count in faulty.select("column", "unreadable").iter_rows()]
    return f"Unreadable cells, whose customers will be invalid: {', '.join(texts)}." if texts else None


def _note_duplicates(found: Exploration) -> str | None:
    if not found.duplicates["transactions"].sum():
        return None
    same, other = found.duplicates["transactions"]
    return f"{same} transactions were sent again with the same content and count once; {other} came again with another content."


def _note_value(found: Exploration) -> str | None:
    if "Value" in found.absent or (share := found.amount_against_value["value"][0]) == 1:
        return None
    return f"Value differs from the absolute Amount in {1 - share:.1%} of the transactions."


def _note_tail(found: Exploration) -> str | None:
    amounts = found.amounts.row(-1, named=True)
    middle, top = amounts["50%"], amounts["100%"]
    if not middle or top / middle < 1000:
        return None
    return f"The largest {amounts['amount']} is {top / middle:,.0f} times the median: means and sums follow a few transactions."


def _note_single(found: Exploration) -> str | None:
    share = found.rfm.filter(pl.col("frequency") == 1).height / found.rfm.height
    return f"{share:.1%} of the customers have exactly one transaction." if share > 0.05 else None


def _note_gap(found: Exploration) -> str | None:
    span = found.days["day"]
    quiet = (
        found.days.select((pl.col("day").max() - pl.col("day").min()).dt.total_days()).item() + 1 - len(span)
    )
    return f"{quiet} days between the first and the last have no transaction." if quiet else None


def _note_heavy(found: Exploration) -> str | None:
    top, total = found.rfm.select(pl.col("frequency").max(), pl.col("frequency").sum().alias("total")).row(0)
    return f"One customer made {top / total:.1%} of the transactions." if top / total > 0.02 else None
