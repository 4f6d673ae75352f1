"""The summary that a training prints, line by line."""

from collections.abc import Mapping

from credit_model.data.transactions import Tidy
from credit_model.training.baselines import Baseline
from credit_model.training.cross_validation import PRIMARY
from credit_model.training.dataset import PARTS, Dataset
from credit_model.training.sample import Sample
from credit_model.training.train import Trained
from credit_model.training.yardstick import YARDSTICK


def summary(
    transactions: Tidy,
    sample: Sample,
    trained: Trained,
    figures: Mapping[str, float],
    beaten: tuple[Baseline, ...],
) -> tuple[str, ...]:
    """The lines of the summary: data, label, result, comparisons."""
    return (
        *_data(transactions),
        *sample.lines,
        *_result(trained, figures),
        *_comparisons(figures, beaten, trained.tested),
    )


def auc(figures: Mapping[str, float], part: str) -> str:
    """Text of the AUC of ``grouped`` or ``test`` figures with its 95 % interval, or why it cannot be estimated."""
    if f"{part}_roc_auc" not in figures:
        return f"not estimable ({figures[f'{part}_bads']:.0f} bad of {figures[f'{part}_decisions']:.0f})"
    low, high = figures[f"{part}_roc_auc_low"], figures[f"{part}_roc_auc_high"]
    return f"{figures[f'{part}_roc_auc']:.4f} (95 % interval {low:.4f} to {high:.4f})"


def _data(transactions: Tidy) -> list[str]:
    frame = transactions.frame
    if not frame.height:
        return ["data: no transactions"]
    moments = frame["TransactionStartTime"]
    people = frame["CustomerId"].n_unique()
    return [
        f"data: {frame.height} transactions of {people} customers, {moments.min()!s} to {moments.max()!s}"
    ]


def _result(trained: Trained, figures: Mapping[str, float]) -> list[str]:
    lines = [f"{part}: {_counts(trained.dataset, part)}" for part in PARTS]
    if trained.dataset.invalid:
        lines.append(f"left out: {trained.dataset.invalid} decisions whose transactions are at fault")
    lines += [_candidate(name, trained) for name in trained.comparison]
    lines.append(f"chosen: {trained.winner}, {len(trained.scorer.classifier.inputs)} features{_why(trained)}")
    lines.append(f"AUC out of fold, all decisions, grouped by customer: {auc(figures, 'grouped')}")
    lines.append(f"AUC {trained.tested}, trained on the training part alone: {auc(figures, 'test')}")
    if figures["grouped_with_history_decisions"] < figures["grouped_decisions"]:
        lines.append(
            f"with history only: {auc(figures, 'grouped_with_history')} out of fold, "
            f"{auc(figures, 'test_with_history')} {trained.tested}"
        )
    return lines


def _why(trained: Trained) -> str:
    """Why a candidate was taken that was neither asked for nor compared on the training part alone."""
    if trained.choosable:
        return ""
    return "; the training part has too few cases of a class to choose a candidate on it"


def _candidate(name: str, trained: Trained) -> str:
    result = trained.comparison[name]
    line = f"candidate {name}: AUC {result.mean:.4f} ± {result.standard_error:.4f}"
    if name in trained.test_auc:
        line += f", {trained.tested} {trained.test_auc[name]:.4f}"
    roles = {PRIMARY: " (interpretable primary)", YARDSTICK: " (yardstick)"}
    return line + roles.get(name, "")


def _comparisons(figures: Mapping[str, float], beaten: tuple[Baseline, ...], tested: str) -> list[str]:
    lines = [
        f"{baseline.words} alone, {tested}: {baseline.roc_auc:.4f}; the model's lift over it: "
        f"{baseline.lift[0]:+.4f} to {baseline.lift[1]:+.4f}"
        for baseline in beaten
    ]
    if "same_window_roc_auc" in figures:
        lines.append(
            f"the yardstick under the same_window label: {figures['same_window_roc_auc']:.4f}; that label is made of the "
            "very transactions that the features see, so that this figure says nothing of what comes after a decision"
        )
    return lines


def _counts(dataset: Dataset, part: str) -> str:
    rows = dataset.part(part)
    bads, cases = int(dataset.bad[rows].sum()), int(rows.sum())
    rate = f"{bads / cases:.1%}" if cases else "none"
    return f"{cases} decisions of {len(set(dataset.customers[rows]))} customers, {bads} bad ({rate})"
