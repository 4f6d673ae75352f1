"""The whole training job: read, label, split, fit, compare, and say what was found."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from tqdm import tqdm

from credit_model import metrics
from credit_model.data import files, outcomes
from credit_model.data.decisions import Attribute
from credit_model.data.doubts import refuse_doubtful
from credit_model.data.formats import AS_READ
from credit_model.data.past_due import PastDue
from credit_model.data.transactions import COLUMNS, REQUIRED, SCHEMA, Tidy, tidy_table
from credit_model.settings.settings import Settings
from credit_model.synthetic import generate
from credit_model.training import (
    baselines,
    bins_compared,
    bins_file,
    feature_table,
    gate,
    gates,
    history_length,
    leaks,
    protected,
    rfm_proxy,
    strategy,
    train,
)
from credit_model.training.baselines import Baseline
from credit_model.training.bins_compared import BinsCompared
from credit_model.training.candidate_figures import candidate_figures
from credit_model.training.cross_validation import Advance, Cases, cross_validated
from credit_model.training.customer_table import customer_table
from credit_model.training.dataset import PARTS, Dataset, build_dataset
from credit_model.training.declined import Declined, declined
from credit_model.training.fairness import Fairness, Judged, fairness
from credit_model.training.feature_table import FeatureTable
from credit_model.training.gate import Gate
from credit_model.training.outcome_table import OutcomeTable, days_past_due, outcome_table
from credit_model.training.own_candidates import changes
from credit_model.training.sample import Sample, check_confirmed, groups, observed_sample, proxy_sample
from credit_model.training.summary import summary
from credit_model.training.train import Trained
from credit_model.training.validation import Validation, validation
from credit_model.training.whole_points import RankCheck, with_whole_points
from credit_model.training.yardstick import YARDSTICK


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves behind.

    Attributes:
        trained: the scorer and its measures.
        sample: what it was trained on.
        baselines: what the model was compared with.
        fairness: how it treats the groups, by the column of the outcomes that holds them.
        figures: every metric by name.
        summary: lines for the reader.
        gates: what was asked of the model, and whether it passed.
        used: parameters as they were decided.
        validation: tables for who validates the model.
        candidates: metrics of each candidate, by its name; those of the winner are among ``figures`` too.
        whole_points: how the card with whole points ranks; None where points are exact.
        declined: what declined applicants leave open; None without any.
        registered: number of the version that the model was registered as; None where it was not.
        own_bins: what bins of a person's own changed in the scorecard; None where no file of bins was given.
    """

    trained: Trained
    sample: Sample
    baselines: tuple[Baseline, ...]
    fairness: Mapping[str, Fairness]
    figures: Mapping[str, float]
    summary: tuple[str, ...]
    gates: tuple[Gate, ...]
    used: Mapping[str, object]
    validation: Validation
    candidates: Mapping[str, Mapping[str, float]]
    whole_points: RankCheck | None = None
    declined: Declined | None = None
    registered: int | None = None
    own_bins: BinsCompared | None = None

    @property
    def bins(self) -> str:
        """The text of ``bins.yaml``: the bins of the scorecard, for a person to change and hand to the next training."""
        return bins_file.bins_file(self.trained, self.sample.recipe.bins, self.validation.information)

    @property
    def failed_gates(self) -> tuple[str, ...]:
        """Why this model must not be promoted; empty where nothing speaks against it."""
        return gate.sentences(self.gates, "failed")

    @property
    def warned_gates(self) -> tuple[str, ...]:
        """What to look at, though it does not stop the model."""
        return gate.sentences(self.gates, "warning")


def run(settings: Settings) -> TrainingResult:
    """Train as the settings say.

    Raises:
        ValueError: the data cannot be read or trained on.
    """
    table = None if settings.features is None else feature_table.read(settings.features)
    transactions = _transactions(settings)
    sample = _sample(settings, transactions) if table is None else _tabled_sample(settings, table)
    check_confirmed(sample.recipe)
    customers = _customers(settings, transactions, sample)
    with _progress() as advance:
        if settings.history_days is None and table is None and settings.target == "observed":
            sample = _with_history(transactions, sample, advance)
        parts = (PARTS, ("train",))
        all_known, train_only = (_dataset(transactions, table, sample, part) for part in parts)
        sample = replace(sample, recipe=bins_compared.with_own_bins(sample.recipe, all_known))
        trained = train.train(all_known, train_only, sample.recipe, advance)
        own_bins = bins_compared.compared(trained, train_only, sample.recipe, advance)
    target = strategy.target_of(settings)
    if target is not None:
        trained = strategy.with_target(trained, target, sample.recipe)
    trained, check = with_whole_points(trained) if settings.points == "integer" else (trained, None)
    if target is not None or check is not None:
        trained = train.with_reference(trained, sample.recipe)
    validated = validation(transactions, sample, trained, train_only)
    beaten = _baselines(transactions, table, sample, trained)
    result = _result(transactions, sample, trained, beaten, validated)
    result = _told(replace(result, own_bins=own_bins), settings, check)
    result = _with_declined(result, declined(transactions, table, sample, trained))
    return result if customers is None else _written(result, customers, settings.customers_table or "")


@dataclass(frozen=True)
class Explored:
    """What there is to explore.

    Attributes:
        transactions: as their files have them.
        decisions: labelled; None where no outcomes are named, or days past due without what is bad.
        past_due: what was seen of loans; None where the outcomes are no table of days past due.
    """

    transactions: pl.DataFrame
    decisions: pl.DataFrame | None = None
    past_due: PastDue | None = None


def read(settings: Settings) -> Explored:
    """The transactions that the settings name, or the synthetic ones, and what is known of decisions where outcomes are named.

    Raises:
        ValueError: a file cannot be read.
    """
    transactions = _table(settings)
    if settings.transactions is not None:
        files.filled(transactions, settings.transactions)
    if settings.outcomes is None:
        return Explored(transactions)
    seen = days_past_due(settings)
    if seen is not None and settings.bad_days is None:
        return Explored(transactions, past_due=seen)
    place = files.place(settings.outcomes)
    became = outcome_table(settings).frame
    return Explored(transactions, outcomes.observed(became, 0, settings.bad_values, place).decisions, seen)


def _told(result: TrainingResult, settings: Settings, check: RankCheck | None) -> TrainingResult:
    """The same, with the lines on what its bands do and how its whole points rank."""
    lines = [*strategy.lines(result.trained, settings), *([] if check is None else [check.sentence])]
    told = (result.own_bins, result.trained.segments)
    lines += [each.sentence for each in told if each is not None]
    used = {**result.used, "bands": strategy.made_by(settings)}
    return replace(result, summary=(*result.summary, *lines), used=used, whole_points=check)


def _with_declined(result: TrainingResult, found: Declined | None) -> TrainingResult:
    """The same, with what declined applicants leave open where there are any."""
    return result if found is None else replace(result, declined=found, summary=(*result.summary, found.line))


def _result(
    transactions: Tidy,
    sample: Sample,
    trained: Trained,
    beaten: tuple[Baseline, ...],
    validated: Validation,
) -> TrainingResult:
    dataset, recipe = trained.dataset, sample.recipe
    candidates = candidate_figures(trained, recipe)
    figures = dict(trained.figures) | candidates[trained.winner]
    figures |= _proxy_figures(transactions, sample, trained) | _lifts(beaten)
    rows = dataset.modelled
    alone = leaks.separations(dataset.features.filter(pl.Series(rows)), dataset.bad[rows])
    judged = gates.judge(recipe, figures, alone, beaten, trained.attributes)
    return TrainingResult(
        trained,
        sample,
        beaten,
        _fairness(trained, recipe.seed),
        {name: float(value) for name, value in figures.items() if np.isfinite(value)},
        (*summary(transactions, sample, trained, figures, beaten), *gate.lines(judged)),
        judged,
        _used(sample, trained),
        validated,
        candidates,
    )


def _with_history(transactions: Tidy, sample: Sample, advance: Advance) -> Sample:
    """A sample with the length of history that its training part speaks for, and the line that says why."""
    results = history_length.compared_lengths(transactions, sample.decisions, sample.recipe, advance)
    days = history_length.best_length(results)
    told = (*sample.lines, history_length.line(results))
    return replace(sample, recipe=replace(sample.recipe, history_days=days), lines=told)


def _customers(settings: Settings, transactions: Tidy, sample: Sample) -> pl.DataFrame | None:
    """The table of customers, where one is asked for."""
    if settings.customers_table is None or sample.proxy is None:
        return None
    labeller = sample.proxy.labeller
    return customer_table(transactions, labeller, sample.recipe.history_days, settings.snapshot)


def _written(result: TrainingResult, customers: pl.DataFrame, path: str) -> TrainingResult:
    """The same, with the line that says where its customers are."""
    files.write(customers, path)
    line = f"{customers.height} customers, {customers['is_high_risk'].sum()} of them high risk, written to {path}"
    return replace(result, summary=(*result.summary, line))


def _dataset(transactions: Tidy, table: FeatureTable | None, sample: Sample, parts: Sequence[str]) -> Dataset:
    if table is None:
        return build_dataset(transactions, sample.decisions, sample.recipe, parts)
    return table.build_dataset(sample.decisions, sample.recipe, parts)


def _baselines(
    transactions: Tidy, table: FeatureTable | None, sample: Sample, trained: Trained
) -> tuple[Baseline, ...]:
    judged = (trained.dataset, trained.test_probability, sample.recipe, sample.outcome_days)
    if table is None:
        return baselines.baselines(transactions, *judged)
    return baselines.baselines_of(table.measured(trained.dataset.decisions), *judged)


@contextmanager
def _progress() -> Iterator[Advance]:
    """A bar on a terminal, silence in logs."""
    with tqdm(disable=None, unit="fit", leave=False) as bar:

        def advance(name: str) -> None:
            bar.set_description(name)
            bar.update()

        yield advance


def _transactions(settings: Settings) -> Tidy:
    return tidy_table(_table(settings))


def _table(settings: Settings) -> pl.DataFrame:
    """Transactions as their files have them, under the contract's names; columns that it does not know are left out."""
    if settings.transactions is not None:
        return _filed(settings, settings.transactions)
    if settings.outcomes is not None:
        return pl.DataFrame(schema=SCHEMA)
    return generate.transactions(seed=settings.seed)


def _filed(settings: Settings, path: str) -> pl.DataFrame:
    needed = dict.fromkeys([*REQUIRED, *(name for name in settings.columns if name in COLUMNS)])
    formats = AS_READ.said(settings.date_format, settings.decimal)
    table = files.read(path, settings.columns, needed, COLUMNS, formats)
    refuse_doubtful(table, settings.decimal, files.place(path))
    return table if settings.target == "observed" else files.filled(table, path)


def _sample(settings: Settings, transactions: Tidy) -> Sample:
    if settings.target != "observed":
        return proxy_sample(settings, transactions)
    if settings.outcomes is None:
        raise ValueError(
            "label=observed needs real outcomes; give outcomes, a table of CustomerId, as_of, defaulted"
        )
    return _observed(settings, outcome_table(settings))


def _observed(settings: Settings, became: OutcomeTable, both: tuple[Attribute, ...] | None = None) -> Sample:
    """Decisions with real outcomes, and how these follow from days past due where they do."""
    sample = observed_sample(settings, became.frame, both)
    return replace(sample, lines=(*sample.lines, *became.lines))


def _tabled_sample(settings: Settings, table: FeatureTable) -> Sample:
    """Decisions with real outcomes, to be matched with a table of features by the attributes that both have."""
    adopted, catalogue = table.adopted(settings), table.catalogue
    became = outcome_table(adopted)
    both = tuple(attribute for attribute in catalogue.attributes if attribute.name in became.frame.columns)
    protected.refuse_computed(adopted)
    sample = _observed(adopted, became, both)
    line = f"features: {table.frame.height} decisions of {settings.features}, {len(catalogue.features)} features each"
    return replace(sample, lines=(line, *sample.lines))


def _used(sample: Sample, trained: Trained) -> dict[str, object]:
    dataset, days = trained.dataset, sample.outcome_days
    lag = (dataset.decisions["known_at"] - dataset.decisions["as_of"]).dt.total_days()
    waited = sample.proxy is not None or bool((lag == days).any())
    return {
        "history_days": sample.recipe.history_days,
        "outcome_days": days if waited else f"{days}, by the baseline customer base alone",
        "target": sample.recipe.target,
        "candidate": trained.winner,
        "parameters": _parameters(trained),
        "currency": dataset.currency,
        "features": dataset.table(dataset.modelled).width,
        "inputs": len(trained.scorer.classifier.inputs),
    }


def _parameters(trained: Trained) -> str:
    """The winner's parameters that are not the default ones, in words."""
    changed = changes(trained.winner, trained.comparison[trained.winner].parameters)
    return ", ".join(f"{name}={used}" for name, _, used in changed) or "the default ones"


def _lifts(beaten: tuple[Baseline, ...]) -> dict[str, float]:
    """Those whose names are the package's own; an attribute's name may be none that MLflow takes."""
    lifts = {}
    for baseline in (each for each in beaten if each.name in baselines.OWN):
        lifts[f"test_{baseline.name}_roc_auc"] = baseline.roc_auc
        lifts[f"test_lift_over_{baseline.name}_low"] = baseline.lift[0]
        lifts[f"test_lift_over_{baseline.name}_high"] = baseline.lift[1]
    return lifts


def _fairness(trained: Trained, seed: int) -> dict[str, Fairness]:
    dataset = trained.dataset
    scored = ~np.isnan(trained.probability)
    probability, bands = trained.probability[scored], trained.scorer.bands
    approved = np.array(strategy.decisions(dataset, trained.probability, bands))[scored] == "approve"
    prediction = (probability >= bands.threshold).astype(np.int8)
    judged = Judged(dataset.customers[scored], dataset.bad[scored], probability, approved, prediction)
    return {
        name: fairness(group.filter(pl.Series(scored)), judged, seed)
        for name, group in groups(dataset.decisions).items()
    }


def _proxy_figures(transactions: Tidy, sample: Sample, trained: Trained) -> dict[str, float]:
    if sample.proxy is None:
        return {}
    return {
        "proxy_silent_share": sample.proxy.silent,
        "proxy_silence_agreement": sample.proxy.agreement,
        **_same_window_auc(transactions, sample, trained),
    }


def _same_window_auc(transactions: Tidy, sample: Sample, trained: Trained) -> dict[str, float]:
    """The yardstick's AUC under the leaking label, where that has 20 decisions of each class."""
    dataset, recipe = trained.dataset, sample.recipe
    rows = dataset.modelled
    leaking = rfm_proxy.same_window(
        transactions, dataset.decisions.filter(pl.Series(rows)), recipe.history_days
    )
    bad = leaking.decisions["bad"].to_numpy().astype(np.int8)
    if not metrics.estimable(bad):
        return {}
    cases = replace(Cases.of(dataset, rows), bad=bad)
    parameters, fold = trained.comparison[YARDSTICK].parameters, cases.fold(recipe.seed)
    margin = cross_validated(YARDSTICK, cases, parameters, fold, recipe, lambda _: None).margin
    return {"same_window_roc_auc": metrics.roc_auc(bad, margin)}
