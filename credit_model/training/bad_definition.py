"""What days past due say of when a loan should count as bad: roll rates, vintages, maturity and cures.

Nothing is chosen here: the tables show what each choice of days and window means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from credit_model.data.past_due import DAYS, IMMATURE, UNFOLLOWED, PastDue, first_days, state

BUCKETS = {0: "0", 1: "1-29", 30: "30-59", 60: "60-89", 90: "90+"}
THRESHOLDS = (30, 60, 90)
WINDOWS = (30, 60, 90, 120, 180, 270, 365, 540, 730)
LEAST = 20  # loans, or pairs of windows, of which a share is read
HALF = 0.5
_ROLLS = (365, 180, 90, 30)
_MONTHLY = 12  # months of decisions from which vintages are quarters


@dataclass(frozen=True)
class BadDefinition:
    """What there is to choose a bad definition by.

    Attributes:
        loans: number of loans.
        window: days of the two windows of the roll rates, and in which a cure is looked for.
        horizon: the longest performance window that is over for half of the loans; None where none is.
        rolls: ``roll_rates``.
        vintages: ``vintages``.
        maturity: ``maturity`` over the horizon; empty without one.
        choices: ``choices`` up to the horizon; empty without one.
        cures: ``cures``.
        gone: loans that are neither repaid nor seen in the last 31 days of the table.
    """

    loans: int
    window: int
    horizon: int | None
    rolls: pl.DataFrame
    vintages: pl.DataFrame
    maturity: pl.DataFrame
    choices: pl.DataFrame
    cures: pl.DataFrame
    gone: int


def bad_definition(past_due: PastDue, outcome_days: int | None = None) -> BadDefinition:
    """Every table.

    Args:
        past_due: what was seen of loans.
        outcome_days: days of the windows of the roll rates, and a performance window to show; by default the longest of 365,
            180, 90 and 30 days of which half of the loans are followed for two.
    """
    window = outcome_days or _window(past_due)
    over = [
        days
        for days in sorted({*WINDOWS, *([outcome_days] if outcome_days else [])})
        if _mature(past_due, days)
    ]
    horizon = over[-1] if over else None
    return BadDefinition(
        past_due.loans.height,
        window,
        horizon,
        roll_rates(past_due, window),
        vintages(past_due),
        maturity(past_due, horizon or 0),
        choices(past_due, over),
        cures(past_due, window),
        _gone(past_due),
    )


def roll_rates(past_due: PastDue, window: int) -> pl.DataFrame:
    """From the worst bucket of a loan in a window to its worst in the following one, over all such pairs of windows.

    Windows follow one another from the day after the decision on, whose day belongs to the first. A pair counts where the
    loan was seen in its first window and followed to the end of its second; a repaid loan has 0 days there.

    Args:
        past_due: what was seen of loans.
        window: length of each window in days.

    Returns:
        ``worst`` and ``next`` (buckets of days past due), ``pairs`` and ``share`` (of those with the same ``worst``, null
        without any), one row for each two buckets, in order.
    """
    number = ((pl.col("day") - 1) // window).clip(0).cast(pl.Int64)
    worst = past_due.rows.group_by("loan", number.alias("window")).agg(pl.col(DAYS).max())
    later = worst.select("loan", pl.col("window") - 1, pl.col(DAYS).alias("later"))
    known = pl.DataFrame({"followed": past_due.followed, "repaid": past_due.repaid}).with_row_index("loan")
    pairs = (
        worst.join(known, on="loan")
        .filter((pl.col("window") + 2) * window <= pl.col("followed"))
        .join(later, on=["loan", "window"], how="left")
        .with_columns(
            pl.when("repaid").then(pl.col("later").fill_null(0.0)).otherwise("later").alias("later")
        )
        .drop_nulls("later")
    )
    counted = pairs.group_by(_bucket(DAYS).alias("worst"), _bucket("later").alias("next")).agg(pairs=pl.len())
    names = pl.DataFrame({"worst": list(BUCKETS.values())})
    grid = names.join(names.rename({"worst": "next"}), how="cross")
    filled = grid.join(counted, on=["worst", "next"], how="left", maintain_order="left")
    return filled.with_columns(pl.col("pairs").fill_null(0).cast(pl.Int64)).with_columns(
        share=_share(pl.col("pairs"), pl.col("pairs").sum().over("worst"))
    )


def rolled(rolls: pl.DataFrame) -> pl.DataFrame:
    """The roll rate of each bucket: the share of its pairs that were worse in the next window; of the last, as late again.

    Returns:
        ``worst``, ``pairs`` and ``roll_rate`` (null without pairs), the least late first.
    """
    place = {name: number for number, name in enumerate(BUCKETS.values())}
    order = [pl.col(name).replace_strict(place, return_dtype=pl.Int64) for name in ("worst", "next")]
    on = (order[1] > order[0]) | (pl.col("worst") == BUCKETS[90]) & (pl.col("next") == BUCKETS[90])
    return rolls.group_by("worst", maintain_order=True).agg(
        pl.col("pairs").sum(), roll_rate=_share(pl.col("pairs").filter(on).sum(), pl.col("pairs").sum())
    )


def vintages(past_due: PastDue) -> pl.DataFrame:
    """The share of the loans of a vintage that were ever seen 30, 60 or 90 days past due, by months on book.

    A month on book is the difference of calendar months. A vintage is a quarter of decisions, a month where these span a
    year or less, and is shown as far as the table follows its youngest month. All its loans count, also those that left the
    table before.

    Returns:
        ``vintage``, ``loans``, ``days`` (the threshold), ``month`` and ``share``, in order.
    """
    decided = past_due.loans["as_of"]
    span = _month_of(decided.max()) - _month_of(decided.min())
    name = pl.col("as_of").dt.strftime("%Y-%m")
    if span >= _MONTHLY:
        name = pl.format("{} Q{}", pl.col("as_of").dt.year(), pl.col("as_of").dt.quarter())
    born = (pl.col("as_of").dt.year().cast(pl.Int64) * 12 + pl.col("as_of").dt.month()).alias("born")
    loans = past_due.loans.select(vintage=name, born=born).with_row_index("loan")
    last = _month_of(past_due.end)
    groups = loans.group_by("vintage").agg(loans=pl.len().cast(pl.Int64), shown=last - pl.col("born").max())
    grid = groups.with_columns(month=pl.int_ranges(0, pl.col("shown") + 1)).explode("month")
    tables = [_of_threshold(past_due, days, loans, grid) for days in THRESHOLDS]
    return pl.concat(tables).sort("vintage", "days", "month")


def maturity(past_due: PastDue, horizon: int) -> pl.DataFrame:
    """When the bads of a performance window show: the share of them that were seen by each day.

    Args:
        past_due: what was seen of loans.
        horizon: length of the window in days.

    Returns:
        ``days`` (the threshold), ``bads`` (of the window), ``day`` and ``share``, one row for each day on which one showed.
    """
    tables = []
    for days in THRESHOLDS:
        known = _known(past_due, days, horizon).filter(pl.col("state") == "bad")
        shown = first_days(past_due, days).join(known, on="loan").group_by("day").len("n").sort("day")
        shares = shown.select(
            pl.lit(days).cast(pl.Int64).alias("days"),
            bads=pl.col("n").sum().cast(pl.Int64),
            day=pl.col("day"),
            share=pl.col("n").cum_sum() / pl.col("n").sum(),
        )
        tables.append(shares)
    return pl.concat(tables)


def choices(past_due: PastDue, windows: Sequence[int]) -> pl.DataFrame:
    """What each choice of days and window means.

    Args:
        past_due: what was seen of loans.
        windows: performance windows in days, ascending; the last is what the others are compared with.

    Returns:
        ``bad_days``, ``outcome_days``, ``known`` (loans), ``bads``, ``bad_rate``, ``share_of_bads`` (of the loans that are
        known over the last window, those bad in it that are bad in this one already), ``immature`` and
        ``not_followed`` (loans of which it is not known), in order.
    """
    schema = {
        "bad_days": pl.Int64,
        "outcome_days": pl.Int64,
        "known": pl.Int64,
        "bads": pl.Int64,
        "bad_rate": pl.Float64,
        "share_of_bads": pl.Float64,
        "immature": pl.Int64,
        "not_followed": pl.Int64,
    }
    rows = [
        _choice(past_due, days, window, windows[-1])
        for days in THRESHOLDS
        for window in windows
        if window >= days
    ]
    return pl.DataFrame(rows, schema=schema)


def cures(past_due: PastDue, window: int) -> pl.DataFrame:
    """How many of the loans that reach a threshold are seen at 0 days again within a window after that.

    Only loans that are followed for so long after they reached it count.

    Returns:
        ``bad_days``, ``reached``, ``cured`` and ``cure_rate`` (null where none reached it).
    """
    rows = []
    followed = pl.DataFrame({"followed": past_due.followed}).with_row_index("loan")
    for days in THRESHOLDS:
        reached = first_days(past_due, days).select("loan", from_day="day").join(followed, on="loan")
        reached = reached.filter(pl.col("from_day") + window <= pl.col("followed"))
        back = past_due.rows.filter(pl.col(DAYS) < 1).join(reached, on="loan")
        soon = (pl.col("day") > pl.col("from_day")) & (pl.col("day") <= pl.col("from_day") + window)
        cured = back.filter(soon)["loan"].n_unique()
        rows.append({"bad_days": days, "reached": reached.height, "cured": cured})
    table = pl.DataFrame(rows, schema=dict.fromkeys(("bad_days", "reached", "cured"), pl.Int64))
    return table.with_columns(cure_rate=_share(pl.col("cured"), pl.col("reached")))


def _window(past_due: PastDue) -> int:
    """The longest of some windows of which half of the loans are followed for two; else the shortest."""
    followed = past_due.followed.fill_null(0)
    return next((days for days in _ROLLS if (followed >= 2 * days).mean() >= HALF), _ROLLS[-1])  # type: ignore[operator]


def _mature(past_due: PastDue, days: int) -> bool:
    """Whether a performance window is over for half of the loans."""
    aged = (pl.lit(past_due.end) - pl.col("as_of").dt.date()).dt.total_days() >= days
    return bool(past_due.loans.select(aged.mean()).item() >= HALF)


def _gone(past_due: PastDue) -> int:
    aged = past_due.loans.select(
        (pl.lit(past_due.end) - pl.col("as_of").dt.date()).dt.total_days()
    ).to_series()
    unseen = (aged - past_due.followed.fill_null(0)) > 31
    return int((unseen & ~past_due.repaid).sum())


def _known(past_due: PastDue, bad_days: int, window: int) -> pl.DataFrame:
    return state(past_due, bad_days, window).to_frame("state").with_row_index("loan")


def _choice(past_due: PastDue, bad_days: int, window: int, last: int) -> dict[str, float | None]:
    states, finally_ = (state(past_due, bad_days, days) for days in (window, last))
    bads, goods = int((states == "bad").sum()), int((states == "good").sum())
    later = int((finally_ == "bad").sum())
    already = int(((finally_ == "bad") & (states == "bad")).sum())
    return {
        "bad_days": bad_days,
        "outcome_days": window,
        "known": bads + goods,
        "bads": bads,
        "bad_rate": bads / (bads + goods) if bads + goods else None,
        "share_of_bads": already / later if later else None,
        "immature": int((states == IMMATURE).sum()),
        "not_followed": int((states == UNFOLLOWED).sum()),
    }


def _of_threshold(past_due: PastDue, days: int, loans: pl.DataFrame, grid: pl.DataFrame) -> pl.DataFrame:
    """The vintages of one threshold; arguments as ``vintages`` makes them."""
    seen = first_days(past_due, days).join(loans, on="loan")
    month = pl.col("seen").dt.year().cast(pl.Int64) * 12 + pl.col("seen").dt.month() - pl.col("born")
    reached = seen.group_by("vintage", month.alias("month")).agg(n=pl.len().cast(pl.Int64))
    table = grid.join(reached, on=["vintage", "month"], how="left").sort("vintage", "month")
    share = pl.col("n").fill_null(0).cum_sum().over("vintage") / pl.col("loans")
    return table.select("vintage", "loans", pl.lit(days).cast(pl.Int64).alias("days"), "month", share=share)


def _bucket(name: str) -> pl.Expr:
    """The bucket of days past due."""
    bucket = pl.when(pl.col(name) < 1).then(pl.lit(BUCKETS[0]))
    limits = [limit for limit in BUCKETS if limit > 1]
    for limit, low in zip(limits, list(BUCKETS)[1:], strict=False):
        bucket = bucket.when(pl.col(name) < limit).then(pl.lit(BUCKETS[low]))  # type: ignore[assignment]
    return bucket.otherwise(pl.lit(BUCKETS[90]))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)


def _month_of(moment: object) -> int:
    return moment.year * 12 + moment.month  # type: ignore[attr-defined,no-any-return]
