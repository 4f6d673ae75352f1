"""Counters and histograms that are kept as JSON and written in Prometheus' text format."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """One metric.

    Attributes:
        name: its name.
        kind: ``counter``, ``gauge`` or ``histogram``.
        meaning: one sentence.
        labels: names of its labels.
        buckets: upper bounds of a histogram, ascending, without infinity.
    """

    name: str
    kind: str
    meaning: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


class Values:
    """What was counted, by metric and label values: a number; of a histogram, counts by bucket and the sum of its values."""

    def __init__(self, plain: Mapping[str, Any] | None = None) -> None:
        """Start from ``plain`` JSON values, or from nothing."""
        self._values: dict[str, dict[Labels, list[float]]] = {
            name: {tuple(labels): numbers for labels, numbers in series}
            for name, series in (plain or {}).items()
        }

    def add(self, family: Family, *labels: str) -> None:
        """Count one."""
        self._numbers(family, labels)[0] += 1

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """Put a value into a histogram."""
        numbers = self._numbers(family, labels)
        numbers[bisect_left(family.buckets, value)] += 1
        numbers[-1] += value

    def latest(self, family: Family, value: float) -> None:
        """Keep the highest value."""
        numbers = self._numbers(family, ())
        numbers[0] = max(numbers[0], value)

    def value(self, family: Family) -> float | None:
        """The value of a metric without labels; None where there is none yet."""
        series = self._values.get(family.name, {})
        return series[()][0] if () in series else None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: [[*item] for item in series.items()] for name, series in self._values.items()}

    def text(self, families: Iterable[Family]) -> str:
        """In Prometheus' text format, every family with its meaning and kind, those without a value too."""
        return "".join(f"{line}\n" for family in families for line in self._lines(family))

    def _numbers(self, family: Family, labels: Labels) -> list[float]:
        size = len(family.buckets) + 2 if family.kind == "histogram" else 1
        return self._values.setdefault(family.name, {}).setdefault(labels, [0] * size)

    def _lines(self, family: Family) -> Iterator[str]:
        yield f"# HELP {family.name} {family.meaning}"
        yield f"# TYPE {family.name} {family.kind}"
        for labels, numbers in sorted(self._values.get(family.name, {}).items()):
            named = dict(zip(family.labels, labels, strict=True))
            if family.kind == "histogram":
                yield from _histogram(family, named, numbers)
            else:
                yield f"{family.name}{_labels(named)} {numbers[0]!r}"


def _histogram(family: Family, named: Mapping[str, str], numbers: list[float]) -> Iterator[str]:
    total: float = 0
    for bound, count in zip([*map(repr, family.buckets), "+Inf"], numbers, strict=False):
        total += count
        yield f"{family.name}_bucket{_labels({**named, 'le': bound})} {total!r}"
    yield f"{family.name}_sum{_labels(named)} {numbers[-1]!r}"
    yield f"{family.name}_count{_labels(named)} {total!r}"


def _labels(named: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in named.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
