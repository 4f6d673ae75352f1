"""How often the gates stop a sound model: simulated lenders whose models are as good as they can be.

``python scripts/trials/gates.py --lenders 200`` prints the share of lenders whose model fails or is warned of, by gate and
together; exit code 1 where more than 5 % of them are stopped. Every lender is made from its number: customers with one or
several decisions over one to two years, a bad rate and customers that move from month to month, some decisions without
history, one attribute, and costs of its own. Its model knows as much as the yardstick does, and was calibrated on the earlier
part; nothing is trained.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray, IntArray
from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.training import evaluation, leaks
from credit_model.training.baselines import baselines_of
from credit_model.training.calibration import cross_fitted, fit_calibrator
from credit_model.training.costs import cost_bands, cost_threshold
from credit_model.training.dataset import Dataset
from credit_model.training.gate import Gate
from credit_model.training.gates import judge
from credit_model.training.sample import Recipe
from credit_model.training.splits import customer_folds, out_of_time
from credit_model.training.yardstick import lift_over

HISTORY_DAYS, OUTCOME_DAYS, MOST_STOPPED = 365, 90, 0.05
START = datetime(2023, 1, 1)


@dataclass(frozen=True)
class Lender:
    """What the gates judge a model by, one entry per decision.

    Attributes:
        dataset: decisions with their outcomes; the attribute is called income.
        purchases: recency, tenure, frequency and active days, as the baselines read them.
        recipe: with the lender's costs.
        margin: of the model, out of fold.
        test_margin: of the model fitted on the training part alone.
        yardstick: margin of the yardstick, out of fold.
        without: margin of the model fitted without the attribute, out of fold.
    """

    dataset: Dataset
    purchases: pl.DataFrame
    recipe: Recipe
    margin: FloatArray
    test_margin: FloatArray
    yardstick: FloatArray
    without: FloatArray

    @property
    def fold(self) -> IntArray:
        """The fold of every decision."""
        return customer_folds(pl.Series(self.dataset.customers)).to_numpy()


def lender(number: int, size: int | None = None) -> Lender:
    """A lender made from its number, with 1,000 to 8,000 decisions unless told how many."""
    random = np.random.default_rng(number)
    size = size or int(np.exp(random.uniform(np.log(1_000), np.log(8_000))))
    owner = random.integers(0, size * 2 // 3, size)
    months = int(random.integers(12, 25))
    month = np.sort(random.integers(0, months, size))
    history = random.random(size) > random.uniform(0, 0.15)
    moves = random.normal(0, 0.1, months)[month]
    signal = 0.6 * random.normal(size=size)[owner] + 0.8 * random.normal(size=size) + moves
    rate = random.normal(0, 0.2, months)[month] + random.uniform(-0.2, 0.2) * month / months
    strength = random.uniform(0.7, 1.4)
    log_odds = np.log(random.uniform(0.06, 0.3)) + rate + strength * np.where(history, signal, 0.7)
    frame = pl.DataFrame(
        {
            "CustomerId": np.char.add("c", owner.astype(str)),
            "as_of": [START + timedelta(days=30 * int(at), minutes=place) for place, at in enumerate(month)],
            "bad": (random.random(size) < 1 / (1 + np.exp(-log_odds))).astype(np.int8),
        }
    )
    decisions = out_of_time(frame.with_columns(known_at=pl.col("as_of") + pl.duration(days=OUTCOME_DAYS)))
    income = 0.3 * signal + random.normal(size=size)
    features = pl.DataFrame(
        {"transaction_count": np.where(history, 1.0 + random.poisson(20, size), 0.0), "income": income}
    )
    attributes = (Attribute("income", "number"),)
    costs = (float(random.choice([3.0, 5.0, 10.0, 20.0])), 1.0)
    dataset = Dataset(decisions, features, Catalogue(HISTORY_DAYS, {}, attributes), None, 0)
    recipe = Recipe(
        HISTORY_DAYS,
        "observed_default",
        attributes,
        costs=costs,
        bands=cost_bands(cost_threshold(*costs)),
        costs_given=True,
        seed=number,
    )
    known = np.where(history, signal, 0.7)
    margin, test_margin, yardstick = (known + random.normal(0, 0.2, size) for _ in range(3))
    without = known + random.normal(0, 0.25, size)
    purchases = _purchases(random, history, signal, features["transaction_count"].to_numpy())
    return Lender(dataset, purchases, recipe, margin, test_margin, yardstick, without)


def _purchases(
    random: np.random.Generator, history: np.ndarray, signal: FloatArray, count: FloatArray
) -> pl.DataFrame:
    """Purchases of which the riskier customers make the last one earlier."""
    tenure = random.uniform(60, HISTORY_DAYS, len(history))
    recency = tenure * (1 - np.exp(-np.exp(0.5 * signal + random.normal(size=len(history)) - 2)))
    active = np.minimum(np.maximum(count, 1), np.floor(tenure) - np.floor(recency) + 1)
    active = np.where(np.floor(tenure) > np.floor(recency), np.maximum(active, 2), 1)
    numbers = {"recency": recency, "tenure": tenure}
    columns = {name: np.where(history, values, np.nan) for name, values in numbers.items()}
    table = pl.DataFrame(columns).fill_nan(None)
    return table.with_columns(
        frequency=pl.Series(count), active_days=pl.Series(np.where(history, active, 0.0))
    )


def judged(given: Lender) -> tuple[Gate, ...]:
    """The gates of a lender's model, by what a training measures."""
    dataset, recipe, fold = given.dataset, given.recipe, given.fold
    bad, train, test = dataset.bad, dataset.part("train"), dataset.part("test")
    served = fit_calibrator(given.margin, bad).probability(given.margin)
    probability = cross_fitted(given.margin, bad, fold)
    calibrator = fit_calibrator(given.margin[train], bad[train])
    tested = np.where(test, calibrator.probability(given.test_margin), np.nan)
    later = evaluation.measure(dataset, tested, test, recipe.bands, recipe)
    figures = {f"test_{name}": value for name, value in later.items()}
    figures |= evaluation.over_time(dataset, probability, served)
    figures |= lift_over(
        given.yardstick[train], given.margin[train], bad[train], dataset.customers[train], recipe.seed
    )
    figures |= {
        "train_bads": float(bad[train].sum()),
        "train_goods": float((1 - bad[train]).sum()),
        "served_spread": evaluation.spread(served),
        "test_spread": evaluation.spread(tested[test]),
    }
    weights = leaks.attribute_weights(
        dataset.features.filter(pl.Series(train)),
        bad[train],
        given.margin[train],
        dataset.catalogue,
        lambda _: given.without[train],
    )
    free = baselines_of(given.purchases, dataset, tested, recipe, OUTCOME_DAYS)
    return judge(recipe, figures, leaks.separations(dataset.features, bad), free, weights)


def stopped(gates: tuple[Gate, ...]) -> bool:
    """Whether a model with these gates becomes no champion."""
    return any(gate.state == "failed" for gate in gates)


def main() -> int:
    """Judge lenders; print shares."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--lenders", type=int, default=200)
    ask.add_argument("--size", type=int, default=None, help="decisions of every lender")
    wanted = ask.parse_args()
    results = [judged(lender(number, wanted.size)) for number in range(wanted.lenders)]
    counts = Counter((gate.name, gate.state) for gates in results for gate in gates)
    print(f"{'gate':<40}{'failed':>10}{'warning':>10}{'not assessed':>14}")
    for name in dict.fromkeys(gate.name for gates in results for gate in gates):
        shares = [counts[name, state] / len(results) for state in ("failed", "warning", "not assessed")]
        print(f"{name:<40}{shares[0]:>10.1%}{shares[1]:>10.1%}{shares[2]:>14.1%}")
    share = sum(map(stopped, results)) / len(results)
    print(f"{'stopped by any':<40}{share:>10.1%}")
    return int(share > MOST_STOPPED)


if __name__ == "__main__":
    sys.exit(main())
