"""Principal reasons of a decision: at most four, worst first, each a sentence that is true of the customer.

The contributions of a topic's inputs are added up, and a topic is named where their sum raised the risk by more than a minimum.
Its reason is told by its lead: the input that raised the risk most among those whose value lies off the range that is typical of
good customers, so that a true sentence can be said of it. A topic without such an input is passed over. Regulation B
(12 CFR 1002.9(b)(2)) asks for the specific principal reasons; its official interpretation says that more than four are not
likely to be helpful to the applicant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from credit_model.arrays import BoolArray, FloatArray
from credit_model.features.topics import NO_HISTORY, code
from credit_model.scoring.sides import IS, MISSING, NOTHING, SIDES, Input, Places, SideArray, Sides

MOST_REASONS = 4
_KINDS: Mapping[str, pl.DataType] = {
    "code": pl.String(),
    "text": pl.String(),
    "feature": pl.String(),
    "value": pl.String(),
    "typical": pl.String(),
    "points": pl.Float64(),
}
FIELDS = tuple(_KINDS)
_HEADS = dict.fromkeys(("code", "feature", "typical"), pl.String)
_TEXTS = {"text": pl.String, "value": pl.String}
FIELDS_OF_FORMAT_1 = ("code", "text")


class _Named(NamedTuple):
    """The reasons of decisions, one after the other: each decision's together, worst first.

    Attributes:
        rows: number of the decision.
        leads: number of the input that tells the reason.
        sides: on which side of the typical its value lies.
        pushes: what the reason adds to the margin.
        shown: the value as shown; of a text its place in ``words``, 0 where it is missing.
        words: the values of texts.
    """

    rows: Places
    leads: Places
    sides: SideArray
    pushes: FloatArray
    shown: FloatArray
    words: Sequence[str]


@dataclass(frozen=True)
class Reasons:
    """The reasons that can be given for a fitted classifier's decisions.

    Attributes:
        inputs: what can be said of each of the classifier's inputs, in order.
        minimum: a topic is named only where the sum of its contributions, in units of the margin, is above this and above 0.
        no_history_text: what is said where there are no transactions and nothing else to judge by.
        fields: the fields of a reason; the first two in models of format 1, whose reasons their own code gives.

    Example:
        Both customers are riskier by their recency; only of the second can it be said that it is high.

        >>> from credit_model.scoring.displayed import Style
        >>> said = {"high": ("You were last here ", " days ago.")}
        >>> told = Input("recency", "recency", "1 to 9", 1.0, 9.0, None, Style(decimals=0), said)
        >>> values, pushes = pl.DataFrame({"recency": [5.0, 41.0]}), np.array([[0.5], [0.5]])
        >>> reasons = Reasons((told,), minimum=0.05)
        >>> found = reasons.explain(values, pushes, points_per_unit=20.0)
        >>> [[(each["text"], each["points"]) for each in entries] for entries in found.to_list()]
        [[], [('You were last here 41 days ago.', 10.0)]]
    """

    inputs: tuple[Input, ...]
    minimum: float
    no_history_text: str = ""
    fields: tuple[str, ...] = FIELDS

    @property
    def dtype(self) -> pl.DataType:
        """The type of a decision's reasons."""
        return pl.List(pl.Struct({name: _KINDS[name] for name in self.fields}))

    @property
    def topics(self) -> tuple[str, ...]:
        """The topic of each input."""
        return tuple(each.topic for each in self.inputs)

    @cached_property
    def sides(self) -> Sides:
        """On which side of the typical values of the inputs lie."""
        return Sides(self.inputs)

    def explain(self, table: pl.DataFrame, contributions: FloatArray, points_per_unit: float) -> pl.Series:
        """Name the reasons of decisions.

        Args:
            table: the inputs, of n decisions.
            contributions: shape (n, number of inputs), in units of the margin; positive raises the risk.
            points_per_unit: points of the score per unit of the margin.

        Returns:
            For each decision a list of at most four structs, worst first; ties go to the smaller code. ``points`` is what
            the contributions of the reason's topic together take off the score; positive.

        Raises:
            ValueError: the model is of format 1.
        """
        told, owners = self._told(table, contributions, points_per_unit)
        return self._lists(told, owners, len(contributions))

    def explain_all(
        self,
        table: pl.DataFrame,
        contributions: FloatArray,
        points_per_unit: float,
        judged: BoolArray,
        silent: BoolArray,
    ) -> pl.Series:
        """Name the reasons of decisions of which some are not judged by the classifier.

        Args:
            table: the inputs of those that are judged.
            contributions: theirs, as for ``explain``.
            points_per_unit: points of the score per unit of the margin.
            judged: which decisions those are, shape (m,).
            silent: which of the others are told that they have no transactions, shape (m,); the rest gets no reason.

        Returns:
            What ``explain`` gives, of all m decisions.

        Raises:
            ValueError: the model is of format 1, and some decision is judged.
        """
        told, owners = self._told(table, contributions, points_per_unit)
        owners = np.concatenate([np.flatnonzero(judged)[owners], np.flatnonzero(silent)])
        order = np.argsort(owners, kind="stable")
        silence = pl.DataFrame(self.no_history, schema=told.schema)
        every = pl.concat([told, silence])[np.minimum(order, told.height)]
        return self._lists(every, owners[order], len(judged))

    def _told(
        self, table: pl.DataFrame, contributions: FloatArray, points_per_unit: float
    ) -> tuple[pl.DataFrame, Places]:
        """One row per reason, those of a decision together and worst first, and the number of the decision of each."""
        named = self._named(table, contributions)
        return self._rows(named, points_lost(named.pushes, points_per_unit)), named.rows

    def _lists(self, told: pl.DataFrame, owners: Places, count: int) -> pl.Series:
        """The reasons of each of ``count`` decisions as a list."""
        flat = told.to_struct("").to_arrow(compat_level=pl.CompatLevel.oldest())
        ends = np.cumsum(np.bincount(owners, minlength=count))
        lists = pa.LargeListArray.from_arrays(np.concatenate([[0], ends]), flat)
        return pl.Series("reasons", lists).cast(self.dtype)

    def entry(self, lead: int, side: int, shown: float | str | None, points: float) -> dict[str, Any]:
        """One reason.

        Args:
            lead: number of the input that tells it.
            side: number of the side, of ``SIDES``.
            shown: the value, rounded if it is a number; None where it is missing.
            points: what it takes off the score.
        """
        told = self.inputs[lead]
        text, value = told.said(side, shown)
        fixed = {"code": self._codes[lead], "text": text, "feature": told.feature}
        return fixed | {"value": value, "typical": told.typical, "points": points}

    def pushes(self, contributions: FloatArray) -> FloatArray:
        """What the inputs of each topic together add to the margin, shape (n, topics); topics are those of ``segments``."""
        return np.add.reduceat(contributions[:, self._by_topic], self._starts, axis=1)

    def _named(self, table: pl.DataFrame, contributions: FloatArray) -> _Named:
        if self.fields != FIELDS and len(contributions):
            raise ValueError(
                "the model has format 1 and only the code that it carries gives its reasons; use score, or serve it"
            )
        numbers = self.sides.numbers_of(table)
        sides = self.sides.of_table(table, numbers)
        rows, leads, pushes = self._chosen(sides, contributions)
        shown, words, sides = self.sides.shown(numbers[rows, leads], leads), list[str](), sides[rows, leads]
        for place in self.sides.texts:
            mine = np.flatnonzero((leads == place) & (sides == IS))
            shown[mine] = np.arange(len(words), len(words) + len(mine))
            words += table[self.inputs[place].feature].gather(rows[mine]).to_list()
        return _Named(rows, leads, sides, pushes, shown, words)

    def _chosen(self, sides: SideArray, contributions: FloatArray) -> tuple[Places, Places, FloatArray]:
        """Of each reason its decision, its lead and what it adds to the margin; each decision's together, worst first."""
        told = np.where(sides != NOTHING, contributions, 0.0)
        pushes = self.pushes(contributions)
        best = np.maximum.reduceat(told[:, self._by_topic], self._starts, axis=1)
        above = pushes > max(self.minimum, 0.0)
        worst = np.where(above & (best > 0), pushes, -np.inf)
        order = np.argsort(-worst, axis=1, kind="stable")[:, :MOST_REASONS]
        worst = np.take_along_axis(worst, order, axis=1)
        rows, places = np.nonzero(np.isfinite(worst))
        members = self._members[order[rows, places]]
        leads = members[np.arange(len(rows)), told[rows[:, None], members].argmax(axis=1)]
        alone = np.flatnonzero(above.any(axis=1) & ~np.isfinite(worst).any(axis=1) & (told > 0).any(axis=1))
        if not len(alone):
            return rows, leads, worst[rows, places]
        single = told[alone].argmax(axis=1)
        every = np.concatenate([rows, alone])
        turn = np.argsort(every, kind="stable")
        pushed = np.concatenate([worst[rows, places], told[alone, single]])
        return every[turn], np.concatenate([leads, single])[turn], pushed[turn]

    def _rows(self, named: _Named, points: FloatArray) -> pl.DataFrame:
        """One row per reason; texts are made once for reasons of one input, side and value."""
        group = named.leads * len(SIDES) + named.sides
        order = np.lexsort((named.shown, group))
        new = np.append(True, (np.diff(group[order]) != 0) | (np.diff(named.shown[order]) != 0))[: len(order)]
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.cumsum(new) - 1
        said = [self._said(named, reason) for reason in order[new].tolist()]
        texts = pl.DataFrame(said, schema=["text", "value"], orient="row", schema_overrides=_TEXTS)
        fixed = [
            (own, told.feature, told.typical) for own, told in zip(self._codes, self.inputs, strict=True)
        ]
        heads = pl.DataFrame(fixed, schema=_HEADS, orient="row")
        return texts[place].hstack(heads[named.leads]).with_columns(points=points).select(self.fields)

    def _said(self, named: _Named, reason: int) -> tuple[str, str | None]:
        """The sentence of a reason, and the text of the value."""
        told = self.inputs[int(named.leads[reason])]
        side, shown = int(named.sides[reason]), float(named.shown[reason])
        if side == MISSING:
            return told.said(side, None)
        return told.said(side, shown if told.levels is None else named.words[int(shown)])

    @property
    def no_history(self) -> list[dict[str, Any]]:
        """The reasons of a decision without transactions."""
        nothing = dict.fromkeys(self.fields)
        return [nothing | {"code": code(NO_HISTORY), "text": self.no_history_text}]

    @cached_property
    def _codes(self) -> list[str]:
        return [code(topic) for topic in self.topics]

    @cached_property
    def segments(self) -> list[list[int]]:
        """Numbers of the inputs of each topic; topics are in the order of their codes."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(self._codes):
            places.setdefault(name, []).append(place)
        return [places[name] for name in sorted(places)]

    @cached_property
    def _by_topic(self) -> Places:
        return np.array([place for segment in self.segments for place in segment], dtype=np.intp)

    @cached_property
    def _starts(self) -> Places:
        """Where the topics begin in ``_by_topic``."""
        sizes = [len(segment) for segment in self.segments]
        return np.cumsum([0, *sizes], dtype=np.intp)[:-1]

    @cached_property
    def _members(self) -> Places:
        """The inputs of each topic, shape (topics, most inputs); a smaller topic repeats its first."""
        most = max(map(len, self.segments), default=1)
        padded = [segment + segment[:1] * (most - len(segment)) for segment in self.segments]
        return np.array(padded, dtype=np.intp).reshape(-1, most)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        inputs = [told.to_dict() for told in self.inputs]
        return {"inputs": inputs, "minimum": self.minimum, "no_history_text": self.no_history_text}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Reasons":
        """The inverse of ``to_dict``; of format 1 only the fields of a reason are kept."""
        if "inputs" not in plain:
            return cls((), plain["minimum"], fields=FIELDS_OF_FORMAT_1)
        inputs = tuple(map(Input.from_dict, plain["inputs"]))
        return cls(inputs, plain["minimum"], plain["no_history_text"])


def points_lost(pushes: FloatArray, points_per_unit: float) -> FloatArray:
    """What reasons take off a score, to two decimals, by what they add to the margin; both shape (k,).

    Example:
        >>> points_lost(np.array([0.5, 0.1234]), points_per_unit=20.0).tolist()
        [10.0, 2.47]
    """
    points: FloatArray = np.rint(pushes * points_per_unit * 100) / 100
    return points
