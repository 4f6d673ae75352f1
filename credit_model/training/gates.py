"""What speaks against a model: each gate holds one figure against one limit, and says so in one sentence.

A failed gate keeps a version from becoming champion; a warning is shown. Limits allow for the sample: a gate fails where the
whole interval of its figure is beyond the limit, so that all of them together stop few sound models
(``scripts/trials/gates.py`` measures how few), base rates that move from month to month included.
"""

from collections.abc import Mapping, Set

from credit_model import metrics
from credit_model.settings import lists
from credit_model.training.baselines import ANY_HISTORY, CUSTOMER_BASE, RECENCY, Baseline
from credit_model.training.gate import Gate, State, not_assessed
from credit_model.training.leaks import MOST_INFORMATION, MOST_LOSS, AttributeWeight
from credit_model.training.sample import Recipe
from credit_model.training.yardstick import YARDSTICK

Figures = Mapping[str, float]

REFUSED_AUC, CHANCE = 0.98, 0.5
LEAST_LIFT = 0.02
CALIBRATED, NEARLY_CALIBRATED = (0.8, 1.25), (0.67, 1.5)
LEAST_SPREAD = 0.1
DRIFT = 0.25
_BETTER = "better than {} alone"
_FEW = f"the test part has fewer than {metrics.LEAST_CASES} of a class"


def judge(
    recipe: Recipe,
    figures: Figures,
    separations: Mapping[str, float],
    baselines: tuple[Baseline, ...],
    attributes: tuple[AttributeWeight, ...],
) -> tuple[Gate, ...]:
    """Every gate of a model.

    Args:
        recipe: how it was trained.
        figures: of the evaluation.
        separations: how well each feature alone ranks the label.
        baselines: what needs no model.
        attributes: what hangs on each attribute.
    """
    return (
        _label(recipe.target),
        _learned_from(figures),
        _judged_by(figures),
        *_discrimination(figures),
        *_copies(separations),
        *map(_baseline, baselines),
        *_without_baseline({baseline.name for baseline in baselines}),
        _yardstick(figures, recipe),
        _calibration(figures),
        _spread(figures),
        _stability(figures),
        _cost(figures, given=recipe.costs_given),
        *_leaks(attributes, recipe.confirmed, _compared_on(figures)),
    )


def _label(target: str) -> Gate:
    if target == "same_window":
        return Gate("label", "failed", None, None, "the label is made of the features' own window")
    return Gate("label", "passed", None, None, "the label comes after the features' window")


def _learned_from(figures: Figures) -> Gate:
    bads, goods, least = figures["train_bads"], figures["train_goods"], metrics.LEAST_CASES
    said = f"the training part has {bads:.0f} bad and {goods:.0f} good decisions to learn from; at least {least} of each"
    rarer = min(bads, goods)
    return Gate("cases to learn from", _state(failed=rarer < least), rarer, least, f"{said} are needed")


def _judged_by(figures: Figures) -> Gate:
    decisions, bads, least = figures["test_decisions"], figures["test_bads"], metrics.LEAST_CASES
    rarer = min(bads, decisions - bads)
    said = f"the test part has {bads:.0f} bad of {decisions:.0f} decisions; at least {least} of each class are needed"
    said += ": not estimable" if rarer < least else ""
    if not decisions:
        said = (
            "no decision of the test part was judged: it has none with a history, or the training part is too small to fit a "
            "model on alone; give more decisions, a shorter outcome_days or split=random: not estimable"
        )
    return Gate("cases to judge by", _state(failed=rarer < least), rarer, least, said)


def _discrimination(figures: Figures) -> tuple[Gate, ...]:
    better, honest = "better than chance", "not too good"
    auc = figures.get("test_roc_auc")
    if auc is None:
        return not_assessed(better, _FEW), not_assessed(honest, _FEW)
    low, high = figures["test_roc_auc_low"], figures["test_roc_auc_high"]
    said = f"test AUC {auc:.3f} ({low:.3f} to {high:.3f})"
    chance = f"{said} is {'not ' if low <= CHANCE else ''}clearly better than chance, whose AUC is {CHANCE:g}"
    leak = f"test AUC {auc:.3f} is at most {REFUSED_AUC:g}"
    if auc > REFUSED_AUC:
        leak = f"test AUC {auc:.3f} is above {REFUSED_AUC:g}, too good to be honest: look for a leak"
    return (
        Gate(better, _state(failed=low <= CHANCE), low, CHANCE, chance),
        Gate(honest, _state(failed=auc > REFUSED_AUC), auc, REFUSED_AUC, leak),
    )


def _copies(separations: Mapping[str, float]) -> tuple[Gate, ...]:
    name = "no copy of the label"
    if not separations:
        reason = f"there are fewer than {metrics.LEAST_CASES} decisions of a class"
        return (not_assessed(name, reason),)
    said = "on all parts the feature {} alone gives AUC {:.3f}, above {:g}: it copies the label"
    copies = {feature: auc for feature, auc in separations.items() if auc > REFUSED_AUC}
    if copies:
        return tuple(
            Gate(name, "failed", auc, REFUSED_AUC, said.format(feature, auc, REFUSED_AUC))
            for feature, auc in copies.items()
        )
    best = max(separations.values())
    passed = f"on all parts no feature alone gives an AUC above {REFUSED_AUC:g}; the highest is {best:.3f}"
    return (Gate(name, "passed", best, REFUSED_AUC, passed),)


def _baseline(baseline: Baseline) -> Gate:
    """What is free must not be better; of recency and the customer base, a model that may gain next to nothing fails too."""
    alone, (low, high) = baseline.words, baseline.lift
    name = _BETTER.format(alone)
    least = LEAST_LIFT if baseline.name in {RECENCY, CUSTOMER_BASE} else 0.0
    said = (
        f"AUC of {alone} alone {baseline.roc_auc:.3f} on {baseline.decisions:,} decisions of the test part; the model's AUC less "
        f"that: {low:+.3f} to {high:+.3f}"
    )
    if low > 0:
        return Gate(name, "passed", low, 0.0, f"{said}, above 0: clearly better")
    if high > least:
        return Gate(name, "warning", high, least, f"{said}, which reaches 0: not clearly better")
    found = "clearly worse" if high < 0 else "not clearly better"
    return Gate(name, "failed", high, least, f"{said}, not above {least:g}: {found} than {alone} alone")


def _without_baseline(measured: Set[str]) -> tuple[Gate, ...]:
    reasons = dict.fromkeys((RECENCY, CUSTOMER_BASE), f"{_FEW} with a history")
    reasons[ANY_HISTORY] = f"{_FEW}, or all of it or none has a history"
    return tuple(
        not_assessed(_BETTER.format(name.replace("_", " ")), reason)
        for name, reason in reasons.items()
        if name not in measured
    )


def _yardstick(figures: Figures, recipe: Recipe) -> Gate:
    name, most = "not below the yardstick", 0.0 - recipe.tolerance
    model, plain = figures["compared_roc_auc"], figures["yardstick_roc_auc"]
    low, high = figures["lift_over_yardstick_low"], figures["lift_over_yardstick_high"]
    said = (
        f"AUC out of fold on {_compared_on(figures)}, all folds together, {model:.3f}, of the yardstick, {YARDSTICK}, "
        f"{plain:.3f}; difference {low:+.4f} to {high:+.4f}, whose upper end {high:+.4f} is "
    )
    if high >= 0:
        return Gate(name, "passed", high, most, f"{said}not below {most:g} (tolerance)")
    if high >= most:
        return Gate(name, "warning", high, most, f"{said}below 0; {most:g} is allowed (tolerance)")
    if recipe.candidate != "auto":
        asked = f"candidate={recipe.candidate} was asked for"
        return Gate(name, "warning", high, most, f"{said}below {most:g}; {asked}")
    return Gate(name, "failed", high, most, f"{said}below {most:g}")


def _compared_on(figures: Figures) -> str:
    """The decisions that the candidates were compared on."""
    rarer = min(figures["train_bads"], figures["train_goods"])
    return "the training part" if rarer >= metrics.LEAST_CASES else "all parts"


def _calibration(figures: Figures) -> Gate:
    name, ratio = "calibration of the test part", figures.get("test_calibration_in_the_large")
    if ratio is None:
        return not_assessed(name, _FEW)
    low, high = (figures[f"test_calibration_in_the_large_{end}"] for end in ("low", "high"))
    least, most = NEARLY_CALIBRATED
    said = (
        f"on the test part {ratio:.2f} bads were observed for each one expected ({low:.2f} to {high:.2f}); "
    )
    limit = least if ratio < 1 else most
    if high < least or low > most:
        return Gate(name, "failed", ratio, limit, f"{said}the interval must reach {least:g} to {most:g}")
    if (high < 1 or low > 1) and not CALIBRATED[0] <= ratio <= CALIBRATED[1]:
        return Gate(
            name, "warning", ratio, limit, f"{said}the probability is off; {least:g} to {most:g} is allowed"
        )
    return Gate(name, "passed", ratio, limit, f"{said}{least:g} to {most:g} is allowed")


_SPREADS = {
    "served_spread": "by the served calibrator, out of fold",
    "test_spread": "by the fit on the training part alone, on the test part",
}


def _spread(figures: Figures) -> Gate:
    spreads = {whose: figures[name] for name, whose in _SPREADS.items() if name in figures}
    whose, least = min(spreads.items(), key=lambda each: each[1])
    said = f"{whose}, the middle 98 % of the probabilities span {least:.3g} times their mean; at least {LEAST_SPREAD:g}"
    same = ": all these decisions get nearly the same" if least < LEAST_SPREAD else ""
    state = _state(failed=least < LEAST_SPREAD)
    return Gate("spread of the probability", state, least, LEAST_SPREAD, f"{said} are needed{same}")


def _stability(figures: Figures) -> Gate:
    name, psi = "stability of the score", figures.get("test_score_psi")
    if psi is None:
        return not_assessed(name, "there are not two parts to compare")
    noted = figures["test_score_psi_limit"]
    limit = max(DRIFT, noted)
    said = f"PSI of the score, out of fold, from the training to the test part is {psi:.3f}; the limit is {limit:.3g}"
    if limit >= psi > noted:
        return Gate(name, "warning", psi, limit, f"{said}, and above {noted:.3g} it has moved")
    return Gate(name, _state(failed=psi > limit), psi, limit, said)


def _cost(figures: Figures, *, given: bool) -> Gate:
    name = "worth its errors"
    excess = figures.get("test_excess_cost")
    if excess is None:
        return not_assessed(name, _FEW)
    low, cost = figures["test_excess_cost_low"], figures["test_expected_cost"]
    free = cost - excess
    said = (
        f"on the test part errors of the model's predictions cost {cost:.3f} a decision, and {free:.3f} with everybody approved "
        "or rejected"
    )
    if excess < 0:
        return Gate(name, "passed", cost, free, said)
    if low > 0 and given:
        return Gate(name, "failed", cost, free, f"{said}: the model costs more than none")
    way = "give bands and a threshold that fit the costs" if given else _WAY_OUT
    return Gate(name, "warning", cost, free, f"{said}; {way}")


_WAY_OUT = "the costs are the defaults: give cost_false_negative and cost_false_positive of your business"


def _leaks(
    attributes: tuple[AttributeWeight, ...], confirmed: tuple[str, ...], where: str
) -> tuple[Gate, ...]:
    name = "no suspected leak"
    if not attributes:
        return (not_assessed(name, "there are no attributes, or too few cases to say"),)
    suspects = [attribute for attribute in attributes if attribute.suspected]
    if not suspects:
        most = max(attribute.information_value for attribute in attributes)
        said = f"on {where} no attribute has an information value above {MOST_INFORMATION:g}; the highest is {most:.2f}"
        return (
            Gate(
                name,
                "passed",
                most,
                MOST_INFORMATION,
                f"{said}, and none is worth more than {MOST_LOSS:g} of AUC",
            ),
        )
    return tuple(_suspect(name, attribute, confirmed, where) for attribute in suspects)


def _suspect(name: str, attribute: AttributeWeight, confirmed: tuple[str, ...], where: str) -> Gate:
    information, loss = attribute.information_value, attribute.loss
    informs = information > MOST_INFORMATION
    said = f"on {where} the attribute {attribute.name} has an information value of {information:.2f}, "
    said += f"{'above' if informs else 'not above'} the limit {MOST_INFORMATION:g}"
    if loss is not None:
        beyond = "more" if loss > MOST_LOSS else "not more"
        said += (
            f"; without it AUC out of fold changes by {-loss:+.3f}, {beyond} than the limit -{MOST_LOSS:g}"
        )
    figure, limit = (information, MOST_INFORMATION) if informs else (loss, MOST_LOSS)
    if attribute.name in confirmed:
        return Gate(
            name, "warning", figure, limit, f"{said}; confirmed to be known at the decision (confirm)"
        )
    way = f"if it is known at the decision, say so with confirm={lists.join([attribute.name])}"
    return Gate(name, "failed", figure, limit, f"{said}: a suspected leak; {way}")


def _state(*, failed: bool) -> State:
    return "failed" if failed else "passed"
