"""The whole training job: read, label, split, fit, compare, and say what was found."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl
from tqdm import tqdm

from credit_model import labels, metrics, scorecard, splits, synthetic, tables, training
from credit_model.candidates import CANDIDATES, cross_validate
from credit_model.cutoffs import Cutoffs, automatic_windows, cutoffs
from credit_model.decisions import learn_attributes, read_decisions
from credit_model.outcomes import observed
from credit_model.settings import Settings
from credit_model.training import FOLDS, Prepared, Recipe, Trained
from credit_model.transactions import REQUIRED, SCHEMA, Tidy, tidy_table

OBSERVED_HISTORY, OBSERVED_OUTCOME = 365, 30
SILENCE = 0.99


@dataclass(frozen=True)
class Sample:
    """Labelled decisions with their ``part``, and what is worth saying of them."""

    decisions: pl.DataFrame
    recipe: Recipe
    proxy: labels.Proxy | None
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a training leaves behind.

    Attributes:
        trained: the scorer and its measures.
        figures: every metric by name.
        summary: lines for the reader.
        failed_gates: why this model must not be promoted; empty where nothing speaks against it.
        used: parameters as they were decided.
        documents: texts to keep with the run, by path.
    """

    trained: Trained
    figures: Mapping[str, float]
    summary: tuple[str, ...]
    failed_gates: tuple[str, ...]
    used: Mapping[str, object]
    documents: Mapping[str, str]


def run(given: Settings) -> Outcome:
    """Train as the settings say.

    Raises:
        ValueError: the data cannot be read or trained on.
    """
    transactions = _transactions(given)
    sample = _observed(given) if given.target == "observed" else _proxy(given, transactions)
    with tqdm(disable=None, unit="fold", leave=False) as bar:

        def advance(name: str) -> None:
            bar.set_description(name)
            bar.update()

        trained = training.train(transactions, sample.decisions, sample.recipe, advance)
    prepared = trained.prepared
    comparison = _comparisons(transactions, sample, trained)
    figures = dict(trained.figures) | comparison
    failed = tuple(_failed_gates(sample, figures))
    used = {
        "history_days": sample.recipe.history_days,
        "target": sample.recipe.target,
        "candidate": trained.winner,
        "currency": prepared.currency,
        "features": len(prepared.features.columns),
        "inputs": len(trained.scorer.classifier.inputs),
    }
    lines = (*_data_lines(transactions), *sample.lines, *_result_lines(trained, figures))
    return Outcome(trained, _finite(figures), lines, failed, used, _documents(sample, trained, lines))


def _transactions(given: Settings) -> Tidy:
    if given.transactions is not None:
        return tidy_table(
            tables.rename(tables.read(given.transactions), given.columns, REQUIRED, given.transactions)
        )
    if given.outcomes is not None:
        return tidy_table(pl.DataFrame(schema=SCHEMA))
    return tidy_table(synthetic.transactions(seed=given.seed))


def _recipe(given: Settings, history_days: int, target: str) -> Recipe:
    scale = scorecard.Scale(given.points_to_double_odds, given.base_score, given.base_odds)
    costs = (given.cost_false_negative, given.cost_false_positive)
    bands = _bands(given, costs, target)
    return Recipe(history_days, target, (), given.include, given.candidate, scale, costs, bands, given.seed)


def _bands(given: Settings, costs: tuple[float, float], target: str) -> scorecard.Bands:
    """The bands asked for; else from the costs of errors with real outcomes, 0.30 and 0.60 with the proxy."""
    real = target == "observed_default"
    threshold = given.threshold or (scorecard.cost_threshold(*costs) if real else 0.5)
    if given.bands is not None:
        names, limits, decisions = given.bands
        return scorecard.Bands(tuple(names), tuple(limits), tuple(decisions), threshold)
    return scorecard.cost_bands(threshold) if real or given.threshold is not None else scorecard.Bands()


def _proxy(given: Settings, transactions: Tidy) -> Sample:
    moments = transactions.frame["TransactionStartTime"].drop_nulls()
    if moments.is_empty():
        raise ValueError(
            "there are no transactions with a readable time to make a proxy label of; give transactions"
        )
    first, last = moments.min(), moments.max()
    assert isinstance(first, datetime) and isinstance(last, datetime)  # noqa: PT018
    history_days, outcome_days = automatic_windows(first, last)
    plan = cutoffs(first, last, given.history_days or history_days, given.outcome_days or outcome_days)
    proxy = labels.rfm_proxy(transactions, plan, seed=given.seed)
    chosen = proxy.labels
    if given.target == "same_window":
        chosen = labels.same_window(transactions, proxy.labels.decisions, plan.history_days)
    parted = _parted(given, chosen.decisions, lambda decisions: splits.by_cutoff(decisions, plan.test))
    return Sample(parted, _recipe(given, plan.history_days, chosen.target), proxy, _proxy_lines(plan, proxy))


def _spans_less_than(moments: pl.Series, days: int) -> bool:
    """Whether holding back outcomes for a month would leave nothing to train on before the test part starts."""
    span = moments.to_frame("t").select((pl.col("t").max() - pl.col("t").min()).dt.total_days()).item()
    return span is None or int(span) < days


def _parted(
    given: Settings, decisions: pl.DataFrame, by_time: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    return splits.out_of_customer(decisions, given.seed) if given.split == "random" else by_time(decisions)


def _observed(given: Settings) -> Sample:
    if given.outcomes is None:
        raise ValueError(
            "label=observed needs real outcomes; give outcomes, a table of CustomerId, as_of, defaulted"
        )
    table = tables.rename(tables.read(given.outcomes), given.columns, (), given.outcomes)
    found = observed(table, given.outcome_days or OBSERVED_OUTCOME)
    if given.outcome_days is None and _spans_less_than(found.decisions["as_of"], 3 * OBSERVED_OUTCOME):
        found = observed(table, 0)
    attributes = learn_attributes(found.decisions, given.attributes)
    read = read_decisions(
        {c: found.decisions[c] for c in found.decisions.columns}, found.decisions.height, attributes
    )
    decisions = read.frame.hstack(found.decisions.select("bad", "known_at"))
    recipe = replace(
        _recipe(given, given.history_days or OBSERVED_HISTORY, found.target), attributes=attributes
    )
    parted = _parted(given, decisions, splits.out_of_time)
    left_out = {**found.left_out, **splits.exclusions(parted)}
    lag = decisions.select((pl.col("known_at") - pl.col("as_of")).dt.total_days().mean()).item()
    lines = (
        f"label: observed defaults, history {recipe.history_days} days; outcomes known after {lag:.0f} days on average",
        f"not trained on before the test: {', '.join(f'{count} {why}' for why, count in left_out.items())}",
    )
    return Sample(parted, recipe, None, lines)


def _proxy_lines(plan: Cutoffs, proxy: labels.Proxy) -> tuple[str, ...]:
    silence = f"{proxy.silent:.1%} of the decisions are silent afterwards; the label equals silence in {proxy.agreement:.1%}"
    if proxy.agreement >= SILENCE:
        silence += ": this proxy is silence"
    return (
        f"label: {proxy.labels.target}, history {plan.history_days} days, outcome {plan.outcome_days} days",
        f"training cutoffs: {len(plan.train)}; test cutoff: {plan.test:%Y-%m-%d}",
        f"clusters of the outcome window (recency, frequency, monetary; share): {_clusters(proxy)}",
        silence,
    )


def _clusters(proxy: labels.Proxy) -> str:
    labeller = proxy.labeller
    units = zip(labeller.centroids_in_units, labeller.shares, strict=True)
    texts = [
        f"({', '.join(f'{value:.1f}' for value in unit.values())}; {share:.1%})" for unit, share in units
    ]
    texts[labeller.high_risk] += " high risk"
    return ", ".join(texts)


def _comparisons(transactions: Tidy, sample: Sample, trained: Trained) -> dict[str, float]:
    """The same model's AUC under the same-window label, and recency alone on the test part."""
    figures: dict[str, float] = {}
    prepared = trained.prepared
    test = prepared.part("test") & prepared.modelled & ~np.isnan(trained.test_probability)
    if "recency" in prepared.features.columns and metrics.estimable(prepared.bad[test]):
        recency = prepared.features["recency"].fill_null(sample.recipe.history_days).to_numpy()[test]
        figures["test_recency_roc_auc"] = metrics.roc_auc(prepared.bad[test], recency)
        pair = (trained.test_probability[test], recency)
        people = prepared.customers[test]
        low, high = metrics.paired_interval(
            metrics.roc_auc, prepared.bad[test], pair, people, sample.recipe.seed
        )
        figures |= {"test_lift_over_recency_low": low, "test_lift_over_recency_high": high}
    if sample.proxy is not None:
        figures |= {
            "proxy_silent_share": sample.proxy.silent,
            "proxy_silence_agreement": sample.proxy.agreement,
        }
        figures["same_window_roc_auc"] = _same_window_auc(transactions, sample, trained)
    return figures


def _same_window_auc(transactions: Tidy, sample: Sample, trained: Trained) -> float:
    prepared = trained.prepared
    rows = pl.Series(prepared.modelled)
    leaking = labels.same_window(transactions, prepared.decisions.filter(rows), sample.recipe.history_days)
    bad = leaking.decisions["bad"].to_numpy().astype(np.int8)
    table = prepared.features.filter(rows)
    table = table.select([name for name in table.columns if table[name].n_unique() > 1])
    fold = splits.customer_folds(leaking.decisions["CustomerId"], FOLDS, sample.recipe.seed).to_numpy()
    candidate = CANDIDATES[trained.winner]
    result = cross_validate(
        candidate, table, bad, fold, sample.recipe.seed, training.directions(prepared.catalogue)
    )
    return metrics.roc_auc(bad, result.margin)


def _failed_gates(sample: Sample, figures: Mapping[str, float]) -> list[str]:
    failed = []
    if sample.recipe.target == "same_window":
        failed.append("the label is made of the features' own window")
    auc = figures.get("test_roc_auc")
    if auc is None:
        return [*failed, "the test part has fewer than 20 of a class: not estimable"]
    if auc > training.REFUSED_AUC:
        failed.append(f"test AUC {auc:.3f} is too good to be honest: look for a leak")
    if figures.get("test_lift_over_recency_low", 0) < 0:
        failed.append("not clearly better than recency alone on the test part")
    return failed


def _data_lines(transactions: Tidy) -> list[str]:
    frame = transactions.frame
    moments = frame["TransactionStartTime"]
    people = frame["CustomerId"].n_unique()
    return [
        f"data: {frame.height} transactions of {people} customers, {moments.min()!s} to {moments.max()!s}"
    ]


def _result_lines(trained: Trained, figures: Mapping[str, float]) -> list[str]:
    lines = [f"{part}: {_counts(trained.prepared, part)}" for part in training.PARTS]
    lines += [
        f"candidate {n}: AUC {r.mean:.4f} ± {r.standard_error:.4f}" for n, r in trained.comparison.items()
    ]
    lines.append(f"chosen: {trained.winner}, {len(trained.scorer.classifier.inputs)} features")
    lines.append(f"AUC out of fold, all decisions, grouped by customer: {_auc(figures, 'grouped')}")
    lines.append(f"AUC out of time, trained on the earlier part alone: {_auc(figures, 'test')}")
    silent = ~trained.prepared.modelled
    if silent.any():
        lines.append(
            f"with history only: {_auc(figures, 'grouped_with_history')} out of fold, "
            f"{_auc(figures, 'test_with_history')} out of time"
        )
    if "test_recency_roc_auc" in figures:
        lines.append(f"recency alone, out of time: {figures['test_recency_roc_auc']:.4f}")
    if "same_window_roc_auc" in figures:
        lines.append(
            f"the same model under the same_window label: {figures['same_window_roc_auc']:.4f}; higher because that label is "
            "made of the very transactions that the features see, so it measures arithmetic, not foresight"
        )
    return lines


def _counts(prepared: Prepared, part: str) -> str:
    rows = prepared.part(part)
    bads, cases = int(prepared.bad[rows].sum()), int(rows.sum())
    rate = f"{bads / cases:.1%}" if cases else "none"
    return f"{cases} decisions of {len(set(prepared.customers[rows]))} customers, {bads} bad ({rate})"


def _auc(figures: Mapping[str, float], part: str) -> str:
    if f"{part}_roc_auc" not in figures:
        return f"not estimable ({figures[f'{part}_bads']:.0f} bad of {figures[f'{part}_decisions']:.0f})"
    low, high = figures[f"{part}_roc_auc_low"], figures[f"{part}_roc_auc_high"]
    return f"{figures[f'{part}_roc_auc']:.4f} (95 % interval {low:.4f} to {high:.4f})"


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}


def _documents(sample: Sample, trained: Trained, lines: tuple[str, ...]) -> dict[str, str]:
    features = trained.prepared.catalogue.features
    used = set(trained.scorer.classifier.inputs)
    rows = [
        {"feature": n, "meaning": features[n].meaning, "topic": features[n].topic, "used": n in used}
        for n in trained.prepared.features.columns
    ]
    documents = {"summary.txt": "\n".join(lines) + "\n", "features.csv": pl.DataFrame(rows).write_csv()}
    if sample.proxy is not None:
        documents["labeller.json"] = json.dumps(sample.proxy.labeller.to_dict(), indent=1)
        documents["cohorts.csv"] = sample.proxy.cohorts.write_csv()
    return documents
