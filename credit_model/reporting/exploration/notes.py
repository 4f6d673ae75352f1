"""Notes on an exploration: what a person should look at."""

from collections.abc import Callable

import polars as pl

from credit_model.reporting.exploration.analysis import Exploration


def notes(exploration: Exploration) -> list[str]:
    """What a person should look at, one sentence each, with its number."""
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
    return [text for check in checks if (text := check(exploration)) is not None]


def _note_absent(exploration: Exploration) -> str | None:
    derived = " Value is taken as the absolute Amount." if "Value" in exploration.absent else ""
    return (
        f"Optional columns that are absent: {', '.join(exploration.absent)}.{derived}"
        if exploration.absent
        else None
    )


def _note_constant(exploration: Exploration) -> str | None:
    names = exploration.quality.filter(pl.col("constant"))["column"].to_list()
    return f"Constant, and so without information: {', '.join(names)}." if names else None


def _note_faults(exploration: Exploration) -> str | None:
    faulty = exploration.quality.filter(pl.col("unreadable") > 0)
    texts = [f"{name} ({count})" for name, count in faulty.select("column", "unreadable").iter_rows()]
    return f"Unreadable cells, whose customers will be invalid: {', '.join(texts)}." if texts else None


def _note_duplicates(exploration: Exploration) -> str | None:
    if not exploration.duplicates["transactions"].sum():
        return None
    same, other = exploration.duplicates["transactions"]
    return f"{same} transactions were sent again with the same content and count once; {other} came again with another content."


def _note_value(exploration: Exploration) -> str | None:
    if "Value" in exploration.absent or (share := exploration.amount_against_value["value"][0]) == 1:
        return None
    return f"Value differs from the absolute Amount in {1 - share:.1%} of the transactions."


def _note_tail(exploration: Exploration) -> str | None:
    amounts = exploration.amounts.row(-1, named=True)
    middle, top = amounts["50%"], amounts["100%"]
    if not middle or top / middle < 1000:
        return None
    return f"The largest {amounts['amount']} is {top / middle:,.0f} times the median: means and sums follow a few transactions."


def _note_single(exploration: Exploration) -> str | None:
    share = exploration.rfm.filter(pl.col("frequency") == 1).height / exploration.rfm.height
    return f"{share:.1%} of the customers have exactly one transaction." if share > 0.05 else None


def _note_gap(exploration: Exploration) -> str | None:
    span = exploration.days["day"]
    quiet = (
        exploration.days.select((pl.col("day").max() - pl.col("day").min()).dt.total_days()).item()
        + 1
        - len(span)
    )
    return f"{quiet} days between the first and the last have no transaction." if quiet else None


def _note_heavy(exploration: Exploration) -> str | None:
    top, total = exploration.rfm.select(
        pl.col("frequency").max(), pl.col("frequency").sum().alias("total")
    ).row(0)
    return f"One customer made {top / total:.1%} of the transactions." if top / total > 0.02 else None
