"""Samples: labelled decisions, each with its part (train, test or excluded), and the recipe to train on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from credit_model.data import cells, files
from credit_model.data.decisions import OPENING_BALANCE, Attribute, learn_attributes, read_decisions
from credit_model.data.formats import AS_READ, Formats, row
from credit_model.data.outcomes import KNOWN_AT, counted, declined, observed
from credit_model.data.suggest import suggest
from credit_model.data.transactions import Tidy
from credit_model.scoring.policy import Bands
from credit_model.scoring.scale import Scale
from credit_model.settings.kinds import Search
from credit_model.settings.settings import Settings
from credit_model.training import protected, rfm_proxy, splits
from credit_model.training.costs import cost_bands, cost_threshold
from credit_model.training.language import Language, english, read_language
from credit_model.training.observation_dates import ObservationDates, automatic_windows, observation_dates
from credit_model.training.own_bins import AS_TRAINED, OwnBins, read_bins
from credit_model.training.own_candidates import own_parameters, own_spaces


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        history_days: length of the observation window in days.
        target: ``rfm_proxy``, ``same_window`` or ``observed_default``.
        attributes: application attributes among the decisions' columns.
        ratios: pairs of numbers, attributes or features, whose quotients are features.
        include: features to use that are not used by default.
        candidate: the candidate to serve, or ``auto``, which chooses it.
        tolerance: the most AUC that a simpler candidate may lose to the best.
        apart: how the test part was set apart: ``time`` or ``customer``.
        search: how each candidate's parameters are chosen.
        parameters: of the candidates that a person gave some, by name; the others have their default ones.
        spaces: for each candidate that a person gave some, the values that a search tries.
        scale: between probability and points.
        costs: of a false negative (a bad approved) and of a false positive (a good rejected).
        bands: risk levels and decisions.
        columns: contract name -> column name of the files, kept in the model.
        formats: how cells of the files are written, kept in the model.
        seed: of everything random.
        costs_given: whether costs, a threshold or bands were asked for.
        confirmed: attributes that look like a leak and that a person has confirmed.
        language: what applicants are told.
        bins: what a person asks of the scorecard's bins.
        segment: the text whose levels may have scorecards of their own.
    """

    history_days: int
    target: str
    attributes: tuple[Attribute, ...] = ()
    ratios: tuple[tuple[str, str], ...] = ()
    include: tuple[str, ...] = ()
    candidate: str = "auto"
    search: Search = field(default_factory=Search)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spaces: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    tolerance: float = 0.002
    apart: str = "time"
    scale: Scale = field(default_factory=Scale)
    costs: tuple[float, float] = (10.0, 1.0)
    bands: Bands = field(default_factory=Bands)
    columns: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = AS_READ
    seed: int = 42
    costs_given: bool = False
    confirmed: tuple[str, ...] = ()
    language: Language = field(default_factory=english)
    bins: OwnBins = AS_TRAINED
    segment: str | None = None

    @property
    def tested(self) -> str:
        """What the test part is, in words: ``out of time`` or ``out of customer``."""
        return f"out of {self.apart}"


OBSERVED_HISTORY, OBSERVED_OUTCOME = 365, 30
SILENCE = 0.99
ONE_MOMENT = (
    "test: a draw of customers, since all decisions were made at one moment and none is later than another"
)
_GROUP = "fairness_group "  # before the name of its column


@dataclass(frozen=True)
class Sample:
    """Labelled decisions and how to train on them.

    Attributes:
        decisions: ``CustomerId``, ``as_of``, ``bad``, ``known_at``, ``part``, attributes, ``opening_balance`` where it is
            given, a column for each group to compare.
        recipe: how to train on them.
        outcome_days: length of the performance window in days.
        proxy: the proxy label; None with real outcomes.
        lines: lines about them for the training's summary.
        left_out: how many rows of the outcomes are no decision to learn from, by reason.
        declined: declined applicants: ``CustomerId``, ``as_of``, attributes, ``opening_balance`` where it is given; never
            learned from.
    """

    decisions: pl.DataFrame
    recipe: Recipe
    outcome_days: int
    proxy: rfm_proxy.Proxy | None
    lines: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    declined: pl.DataFrame = field(default_factory=pl.DataFrame)


def proxy_sample(settings: Settings, transactions: Tidy) -> Sample:
    """The customers at rolling observation dates, labelled by the performance window after each.

    Raises:
        ValueError: no transaction has a time, the span is too short, or no labeller can be fitted.
    """
    moments = transactions.frame["TransactionStartTime"].drop_nulls()
    first, last = moments.min(), moments.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise ValueError(
            "there are no transactions with a readable time to make a proxy label of; give transactions"
        )
    history_days, outcome_days = automatic_windows(first, last)
    plan = observation_dates(
        first, last, settings.history_days or history_days, settings.outcome_days or outcome_days
    )
    proxy = rfm_proxy.rfm_proxy(transactions, plan, seed=settings.seed)
    chosen = proxy.labels
    if settings.target == "same_window":
        chosen = rfm_proxy.same_window(transactions, proxy.labels.decisions, plan.history_days)
    if settings.split == "random":
        share = settings.test_share or splits.RANDOM_TEST_SHARE
        parted, apart = splits.out_of_customer(chosen.decisions, settings.seed, share), "customer"
    else:
        parted, apart = splits.by_observation_date(chosen.decisions, plan.test), "time"
    recipe = replace(_recipe(settings, plan.history_days, chosen.target), apart=apart)
    return Sample(parted, recipe, plan.outcome_days, proxy, _proxy_lines(plan, proxy))


def observed_sample(
    settings: Settings, outcomes: pl.DataFrame, attributes: tuple[Attribute, ...] | None = None
) -> Sample:
    """Decisions with real outcomes.

    Where the settings name no ``outcome_days`` and the table has no ``outcome_known_at``, an outcome is taken as known 30 days
    after its decision; but where the decisions then span less than 90 days, as known at once, because a split by what was
    known would leave nothing to train on.

    Args:
        settings: of the training.
        outcomes: the table of outcomes, as in ``data.outcomes.observed``.
        attributes: the application attributes; by default those that the settings name.

    Raises:
        ValueError: the table cannot be read, or lacks an attribute or a group.
    """
    wait = OBSERVED_OUTCOME if settings.outcome_days is None else settings.outcome_days
    source = files.place(settings.outcomes) if settings.outcomes else row
    labels = observed(outcomes, wait, settings.bad_values, source)
    untold = settings.outcome_days is None and KNOWN_AT not in outcomes.columns
    at_once = untold and _spans_less_than(labels.decisions["as_of"], 3 * OBSERVED_OUTCOME)
    if at_once:
        labels = observed(outcomes, 0, settings.bad_values, source)
    turned_down = outcomes.filter(declined(outcomes, source))
    table = labels.decisions
    if settings.until is not None:
        table = table.filter(pl.col("as_of") < settings.until)
    if attributes is None:
        aside = protected.set_aside(settings)
        attributes = learn_attributes(table, [name for name in settings.attributes if name not in aside])
    scalars = attributes + ((OPENING_BALANCE,) if OPENING_BALANCE.name in table.columns else ())
    read = read_decisions({c: table[c] for c in table.columns}, table.height, scalars)
    _check_attributes(read.faults)
    decisions = read.frame.hstack(table.select("bad", "known_at", *_groups(table, settings, attributes)))
    recipe = replace(
        _recipe(settings, settings.history_days or OBSERVED_HISTORY, labels.target), attributes=attributes
    )
    parted, apart = _observed_parts(settings, decisions)
    unlearned = _without_declined(labels.left_out, turned_down.height)
    left_out = {**unlearned, **splits.exclusions(parted)}
    lag = decisions.select((pl.col("known_at") - pl.col("as_of")).dt.total_days().mean()).item()
    waiting = f"outcomes known after {lag:.0f} days on average"
    if KNOWN_AT not in outcomes.columns:
        waiting = f"outcomes taken as known after {wait} days (outcome_days)"
    if at_once:
        waiting = f"outcomes taken as known at once: the decisions span less than {3 * OBSERVED_OUTCOME} days"
    lines = (
        f"label: observed defaults; {waiting}",
        *((ONE_MOMENT,) if apart == "customer" and settings.split == "time" else ()),
        f"not trained on before the test: {', '.join(f'{count} {why}' for why, count in left_out.items())}",
        *_bad_lines(outcomes, settings),
        *protected.warnings(settings),
    )
    applicants = _applicants(turned_down, scalars, settings)
    return Sample(parted, replace(recipe, apart=apart), wait, None, lines, unlearned, applicants)


def _without_declined(left_out: Mapping[str, int], count: int) -> dict[str, int]:
    """What was left out, with the declined apart from those of undecided outcome; as it is where nobody was declined."""
    apart = {"declined": count} if count else {}
    return {**left_out, "indeterminate": left_out["indeterminate"] - count, **apart}


def _applicants(
    turned_down: pl.DataFrame, scalars: tuple[Attribute, ...], settings: Settings
) -> pl.DataFrame:
    """The declined with their attributes, those before ``until``, each once; without whom cannot be read."""
    if turned_down.is_empty():
        return pl.DataFrame()
    read = read_decisions({c: turned_down[c] for c in turned_down.columns}, turned_down.height, scalars)
    known = read.frame.filter(~pl.int_range(pl.len()).is_in(read.faults["decision"].implode()))
    if settings.until is not None:
        known = known.filter(pl.col("as_of") < settings.until)
    return known.unique(maintain_order=True)


def _check_attributes(faults: pl.DataFrame) -> None:
    if faults.height:
        name, count = faults["field"].value_counts(sort=True).row(0)
        raise ValueError(
            f"attribute {name}: {count} cells of the outcomes are neither text nor numbers; correct them"
        )


def _bad_lines(outcomes: pl.DataFrame, settings: Settings) -> tuple[str, ...]:
    """A line on how many rows each of ``bad_values`` made bad."""
    counts = counted(outcomes["defaulted"], settings.bad_values)
    parts = [f"{count} by {value!r}" for value, count in counts.items()]
    return (f"rows that are bad (bad_values): {', '.join(parts)}",) if parts else ()


def _recipe(settings: Settings, history_days: int, target: str) -> Recipe:
    scale = Scale(settings.points_to_double_odds, settings.base_score, settings.base_odds)
    costs = (settings.cost_false_negative, settings.cost_false_positive)
    return Recipe(
        history_days,
        target,
        ratios=_pairs(settings.ratios),
        include=settings.include,
        candidate=settings.candidate,
        search=settings.search,
        parameters=own_parameters(settings.candidates),
        spaces=own_spaces(settings.search),
        tolerance=settings.tolerance,
        scale=scale,
        costs=costs,
        bands=_bands(settings, costs, target),
        columns=settings.columns,
        formats=AS_READ.said(settings.date_format, settings.decimal),
        seed=settings.seed,
        costs_given=_costs_given(settings),
        confirmed=settings.confirm,
        language=read_language(settings.language, settings.reasons),
        bins=read_bins(settings.bins),
        segment=settings.segment,
    )


def _pairs(ratios: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in ratios:
        upper, slash, lower = text.partition("/")
        if not (upper and slash and lower) or "/" in lower:
            raise ValueError(f"ratios: {text!r} is no quotient; write two names, such as bill/limit_bal")
        pairs.append((upper, lower))
    return tuple(pairs)


def _costs_given(settings: Settings) -> bool:
    """Whether what an error costs, or what follows from it, is the user's own and not the default."""
    own, default = (
        (each.cost_false_negative, each.cost_false_positive, each.threshold, each.bands)
        for each in (settings, Settings())
    )
    return own != default


def check_confirmed(recipe: Recipe) -> None:
    """Refuse to confirm what is no attribute.

    Raises:
        ValueError: a name is none of the attributes.
    """
    names = [attribute.name for attribute in recipe.attributes]
    for name in recipe.confirmed:
        if name not in names:
            raise ValueError(f"confirm: {name} is none of the attributes; {suggest(name, names)}")


def _bands(settings: Settings, costs: tuple[float, float], target: str) -> Bands:
    """The bands asked for; else from the costs of errors with real outcomes, 0.30 and 0.60 with the proxy."""
    real = target == "observed_default"
    threshold = settings.threshold or (cost_threshold(*costs) if real else 0.5)
    if settings.bands is not None:
        names, limits, decisions = settings.bands
        return Bands(tuple(names), tuple(limits), tuple(decisions), threshold)
    return cost_bands(threshold) if real or settings.threshold is not None else Bands()


def groups(decisions: pl.DataFrame) -> dict[str, pl.Series]:
    """The columns that treatment is compared by, by their names in the outcomes."""
    return {
        name.removeprefix(_GROUP): decisions[name] for name in decisions.columns if name.startswith(_GROUP)
    }


def _groups(table: pl.DataFrame, settings: Settings, attributes: Sequence[Attribute]) -> list[pl.Series]:
    features = {attribute.name.lower() for attribute in attributes} - {
        name.lower() for name in settings.allow_protected
    }
    for name in protected.compared_groups(settings):
        parameter = "group" if name == settings.group else "protected"
        if name.lower() in features:
            raise ValueError(
                f"{parameter} {name} is an attribute too, so that the model would decide by it; take it out of attributes, "
                "or name another"
            )
        if name not in table.columns:
            columns = [column for column in table.columns if column not in {"bad", "known_at"}]
            raise ValueError(f"{parameter} {name} is not a column of the outcomes; {suggest(name, columns)}")
    return [
        cells.read(table[name], cells.texts)[0].alias(f"{_GROUP}{name}")
        for name in protected.compared_groups(settings)
    ]


def _spans_less_than(moments: pl.Series, days: int) -> bool:
    span = moments.to_frame("t").select((pl.col("t").max() - pl.col("t").min()).dt.total_days()).item()
    return span is None or int(span) < days


def _observed_parts(settings: Settings, decisions: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Decisions with their part, and whether it was set apart by time or by customer."""
    if settings.split == "random":
        share = settings.test_share or splits.RANDOM_TEST_SHARE
        return splits.out_of_customer(decisions, settings.seed, share), "customer"
    share = settings.test_share or splits.TEST_SHARE
    if decisions["as_of"].n_unique() == 1:
        return splits.out_of_customer(decisions, settings.seed, share), "customer"
    return splits.out_of_time(decisions, share), "time"


def _proxy_lines(plan: ObservationDates, proxy: rfm_proxy.Proxy) -> tuple[str, ...]:
    silence = f"{proxy.silent:.1%} of the decisions are silent afterwards; the label equals silence in {proxy.agreement:.1%}"
    if proxy.agreement >= SILENCE:
        silence += ": this proxy is silence"
    return (
        f"label: {proxy.labels.target}, history {plan.history_days} days, outcome {plan.outcome_days} days",
        f"training observation dates: {len(plan.train)}; test observation date: {plan.test:%Y-%m-%d}",
        f"clusters of the performance window (recency, frequency, monetary; share): {_clusters(proxy)}",
        silence,
    )


def _clusters(proxy: rfm_proxy.Proxy) -> str:
    labeller = proxy.labeller
    units = zip(labeller.centroids_in_units, labeller.shares, strict=True)
    texts = [
        f"({', '.join(f'{value:.1f}' for value in unit.values())}; {share:.1%})" for unit, share in units
    ]
    texts[labeller.high_risk] += " high risk"
    return ", ".join(texts)
