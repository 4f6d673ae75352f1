"""The comparison of two models in sentences and in tables, for programs and for the page."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import BadArray, FloatArray
from credit_model.data.writers import csv_text
from credit_model.training.paired import Paired
from credit_model.training.strategy import strategy
from credit_model.training.swap_set import TIES, SwapSet
from credit_model.training.two_models import MEASURES, SIDES, Comparison

_COMES_IN, _GOES_OUT = "comes in", "goes out"
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Sides:
    """Which two models are compared.

    Attributes:
        names: of A and of B.
        notes: what a reader must know of them before the figures.
    """

    names: tuple[str, str]
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> list[str]:
        """Who is who, and the notes."""
        return [*(f"{side}: {name}" for side, name in zip(SIDES, self.names, strict=True)), *self.notes]


def files(sides: Sides, comparison: Comparison) -> dict[str, str]:
    """Every table as CSV and all of it as JSON, by file name."""
    shown = tables(comparison)
    plain = {
        "models": dict(zip(SIDES, sides.names, strict=True)),
        "notes": [*sides.notes, *comparison.lacking],
        "figures": figures(comparison),
        "tables": {name: table.to_dicts() for name, table in shown.items()},
    }
    text = json.dumps(_finite(plain), indent=1, ensure_ascii=False) + "\n"
    return {"comparison.json": text} | {f"{name}.csv": csv_text(table) for name, table in shown.items()}


def tables(comparison: Comparison) -> dict[str, pl.DataFrame]:
    """Every table by name; those that there is nothing for are left out."""
    made = {
        "approvals": comparison.approvals,
        "measures": measures(comparison),
        "calibration": calibration(comparison),
        "strategy": strategies(comparison),
        "reasons": comparison.reasons,
        "statuses": comparison.statuses,
        "decisions": comparison.answered,
    }
    if comparison.swap_set is not None:
        made = {"swap_set": comparison.swap_set.table} | made
    return {name: table for name, table in made.items() if table.height}


def figures(comparison: Comparison) -> dict[str, float]:
    """The figures by name, as MLflow keeps them; NaN is left out."""
    found: dict[str, float] = {"decisions": comparison.answers.height, "agreement": comparison.agreement}
    found["statuses_that_differ"] = differing(comparison.statuses)
    if comparison.swap_set is not None:
        found |= _of_swap_set(comparison.swap_set, int(comparison.decided.sum()))
        changed, refused = comparison.changed_reasons
        found |= {"refused_by_both": refused, "first_reasons_that_change": changed}
    for name, one in comparison.measures.items():
        key = name.replace(" ", "_")
        found |= {f"{key}_A": one.first, f"{key}_B": one.second, f"{key}_difference": one.difference}
        found |= {f"{key}_difference_low": one.low, f"{key}_difference_high": one.high}
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def _of_swap_set(swapped: SwapSet, decided: int) -> dict[str, float]:
    first, second = swapped.counts
    found: dict[str, float] = {"decided_by_both": decided, "approval_rate": swapped.rate}
    found |= {"approved_by_A": first, "approved_by_B": second}
    found |= {"cut_off_A": swapped.cut_offs[0], "cut_off_B": swapped.cut_offs[1]}
    for cell, row in swapped.cells.items():
        key = cell.replace(" ", "_")
        found |= {f"{key}_{name}": math.nan if value is None else value for name, value in row.items()}
    return found


def measures(comparison: Comparison) -> pl.DataFrame:
    """A row for each paired measure: of A, of B, and the difference with its interval."""
    rows = [
        {
            "measure": MEASURES.get(name, name),
            **dict(zip(SIDES, (one.first, one.second), strict=True)),
            "difference": one.difference,
            "low": one.low,
            "high": one.high,
            "beyond_chance": beyond_chance(one),
        }
        for name, one in comparison.measures.items()
    ]
    return pl.DataFrame(rows)


def beyond_chance(one: Paired) -> bool:
    """Whether the interval of a difference leaves out 0."""
    return one.low > 0 or one.high < 0


def differing(pairs: pl.DataFrame) -> int:
    """How many decisions of a table of pairs are not the same for both."""
    return int(pairs.filter(pl.col(SIDES[0]) != pl.col(SIDES[1]))["decisions"].sum())


def risks(comparison: Comparison) -> tuple[BadArray, dict[str, FloatArray]]:
    """What became of the decisions that measures are made of, and their probabilities by each model."""
    table = comparison.answers.filter(pl.Series(comparison.known))
    bad = table["bad"].to_numpy().astype(np.int8)
    return bad, {side: table[f"{side} probability"].cast(pl.Float64).to_numpy() for side in SIDES}


def calibration(comparison: Comparison) -> pl.DataFrame:
    """The calibration of each model in groups of about equal size; empty where measures are not estimable."""
    bad, by_side = risks(comparison)
    rows = [
        {"model": side, "mean_probability": said, "bad_rate": came, "decisions": cases}
        for side, risk in by_side.items()
        for said, came, cases in (metrics.reliability(bad, risk) if comparison.measures else ())
    ]
    return pl.DataFrame(rows)


def strategies(comparison: Comparison) -> pl.DataFrame:
    """What each approval rate leads to with each model; empty where measures are not estimable."""
    if not comparison.measures:
        return pl.DataFrame()
    bad, by_side = risks(comparison)
    each = [
        strategy(bad, risk, comparison.costs).select(pl.lit(side).alias("model"), pl.all())
        for side, risk in by_side.items()
    ]
    return pl.concat(each)


def sentences(comparison: Comparison) -> list[str]:
    """What the comparison found, one sentence each."""
    return [
        *_swapped(comparison),
        *_measured(comparison),
        *_answered(comparison),
        *comparison.lacking,
    ]


def of_rate(comparison: Comparison, swapped: SwapSet) -> str:
    """The approval rate, and whose it is."""
    whose = "that of A at its own threshold" if comparison.by_own_rate else "as asked for"
    return f"an approval rate of {swapped.rate:.1%}, {whose}"


def _swapped(comparison: Comparison) -> Iterator[str]:
    swapped, count = comparison.swap_set, int(comparison.decided.sum())
    if swapped is None:
        yield "no decision has a probability of both models, so that there is no swap set"
        return
    cells = swapped.cells
    moved = f"{cells[_COMES_IN]['decisions']:,} come in with B and {cells[_GOES_OUT]['decisions']:,} go out"
    yield f"at {of_rate(comparison, swapped)}, {moved}, of {count:,} decisions that both decide"
    first, second = swapped.counts
    if not first == second == round(swapped.rate * count):
        yield f"A approves {first:,} and B {second:,}: {TIES}"
    if not _LEAST_SHARE <= swapped.rate <= 1 - _LEAST_SHARE:
        yield "a rate that approves nearly nobody, or nearly everybody, swaps next to nobody: give another --approval_rate"
    if comparison.with_outcomes:
        yield from _became(swapped)


def _became(swapped: SwapSet) -> Iterator[str]:
    for cell, named in ((_COMES_IN, "those who come in"), (_GOES_OUT, "those who go out")):
        row = swapped.cells[cell]
        if row["outcomes"]:
            yield f"of {named} {rate(row)} were bad, of {row['outcomes']:,} with a known outcome"
    unknown = int(swapped.table["decisions"].sum()) - int(swapped.table["outcomes"].sum())
    if unknown:
        yield (
            f"the outcomes of {unknown:,} decisions are not known: bad rates are of the others, and who was refused may have none"
        )


def rate(row: Mapping[str, Any]) -> str:
    """A bad rate with its interval."""
    return f"{row['bad_rate']:.1%} ({row['low']:.1%} to {row['high']:.1%})"


def _measured(comparison: Comparison) -> Iterator[str]:
    for name, one in comparison.measures.items():
        chance = "more than chance" if beyond_chance(one) else "could be chance"
        yield (
            f"{MEASURES.get(name, name)}: A {one.first:.3f}, B {one.second:.3f}, difference {one.difference:+.3f} "
            f"({one.low:+.3f} to {one.high:+.3f}): {chance}"
        )


def _answered(comparison: Comparison) -> Iterator[str]:
    count = comparison.answers.height
    if math.isfinite(comparison.agreement):
        yield f"rank correlation of the probabilities (Spearman): {comparison.agreement:.3f}"
    yield f"the status differs for {differing(comparison.statuses):,} of {count:,} decisions"
    yield f"the decision as served differs for {differing(comparison.answered):,} of {count:,}"
    changed, refused = comparison.changed_reasons
    if refused:
        yield f"of {refused:,} decisions that both refuse, {changed:,} get another first reason"


def _finite(value: Any) -> Any:
    """Plain JSON values, in which NaN and infinity are null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
