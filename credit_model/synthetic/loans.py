"""Loans of a synthetic block: who applies for one, when and for how much, and whether it is repaid when due.

The risk of a loan shows in the transactions in part: customers who are about to leave, have little loyalty or come seldom
default more often. The attributes that they state add to it; the rest is chance.
"""

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray, IntArray
from credit_model.synthetic.constants import CUSTOMERS
from credit_model.synthetic.customers import DAY, Customers, Window

STATED = ("loan_amount", "loan_days", "income", "age", "employment_years", "home_ownership", "region")

BORROWERS = 0.6  # of the customers
LOANS_A_DAY, STRANGERS_A_DAY = 1 / 40, 1 / 1200  # of a borrower; of a stranger, who asks once
ASK_AFTER = 30.0  # days after the drop-out in which customers still ask
NEW_DAYS, NEW_SHARE = 7.0, 0.1  # the last days, at most a tenth of the window: asked for, and not decided yet
UNDECIDED = 0.02

BAD_RATE = 0.12
LUCK = 0.4
STRANGE = 2.0
LEFT = 1.8
DISLOYAL, SELDOM = 0.6, 0.9
BURDEN, YOUTH, UNSETTLED, RENT = 1.2, 0.6, 0.6, 0.6

INCOME, LOAN_SHARE = 600_000.0, 0.3  # UGX a month; the loan as a share of it
AGES, EMPLOYMENT_YEARS = (18, 75), 6.0
TERMS, TERM_SHARES = (7, 14, 30), (0.3, 0.4, 0.3)
HOMES, HOME_SHARES = ("rent", "family", "own"), (0.5, 0.3, 0.2)
REGIONS = ("central", "east", "north", "west")
REGION_SHARES, REGION_INCOMES = (0.4, 0.25, 0.15, 0.2), (0.2, -0.05, -0.25, -0.05)
UNKNOWN_EMPLOYMENT = 0.05


def draw_people(rng: np.random.Generator, customers: Customers) -> pl.DataFrame:
    """Draw everyone who may apply: the customers of a block, then as many strangers, who have no transactions.

    Returns:
        One row per person: the attributes that they state, except those of the loan; ``first`` and ``dropout`` (seconds from
        the start of the window; null of strangers); and ``strain``, the hidden part of their risk, in log-odds.
    """
    count = 2 * CUSTOMERS
    taste, pace, loyalty = _hidden(rng, customers)
    region = rng.choice(len(REGIONS), count, p=REGION_SHARES)
    spread = 0.3 * taste + 0.25 * pace + 0.4 * rng.standard_normal(count)
    age = np.clip(AGES[0] + rng.gamma(2.0, 8.0, count), *AGES).astype(np.int64)
    employed = np.minimum(rng.gamma(1.5, EMPLOYMENT_YEARS / 1.5, count), age - AGES[0]).round(1)
    stated = rng.random(count) >= UNKNOWN_EMPLOYMENT
    return pl.DataFrame(
        {
            "income": (INCOME * np.exp(spread + np.array(REGION_INCOMES)[region])).round(-3),
            "age": age,
            "employment_years": employed,
            "home_ownership": rng.choice(HOMES, count, p=HOME_SHARES),
            "region": np.array(REGIONS)[region],
            "strain": -DISLOYAL * loyalty - SELDOM * pace,
            "first": _of_customers(customers.first),
            "dropout": _of_customers(customers.dropout),
        }
    ).with_columns(pl.when(pl.Series(stated)).then("employment_years"))


def draw_loans(rng: np.random.Generator, people: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Draw the loans that people apply for: customers from their first purchase on, strangers at any time.

    Returns:
        One row per loan, in order of time: ``person``, ``seconds`` from the start of the window, ``STATED``, ``new``
        (applied for so late that its outcome is open) and ``defaulted`` (null where the outcome stays indeterminate).
    """
    end = window.days * DAY
    begin = people["first"].fill_null(0.0).to_numpy()
    time = (people["dropout"] + ASK_AFTER * DAY).fill_null(end).clip(upper_bound=end).to_numpy() - begin
    person = np.repeat(np.arange(people.height), _numbers(rng, time / DAY))
    seconds = np.floor(begin[person] + rng.random(len(person)) * time[person])
    share = LOAN_SHARE * np.exp(0.7 * rng.standard_normal(len(person)))
    loans = people[person].with_columns(
        person=person,
        seconds=seconds,
        loan_amount=pl.Series((people["income"].to_numpy()[person] * share).round(-3)).clip(1000.0),
        loan_days=rng.choice(TERMS, len(person), p=TERM_SHARES),
        new=seconds >= end - min(NEW_DAYS * DAY, NEW_SHARE * end),
    )
    defaulted = pl.Series(rng.random(len(person)) < _probability(rng, loans))
    decided = pl.Series(rng.random(len(person)) >= UNDECIDED)
    return loans.with_columns(defaulted=pl.when(decided).then(defaulted.cast(pl.Int64))).sort(
        "seconds", maintain_order=True
    )


def _hidden(rng: np.random.Generator, customers: Customers) -> FloatArray:
    """Taste for high amounts, pace and loyalty of everyone, each about standard normal; shape (3, people)."""
    pace = np.log(customers.rate.clip(min=0.001))
    own = np.stack([customers.ticket, (pace - pace.mean()) / pace.std(), customers.loyalty])
    return np.concatenate([own, rng.standard_normal(own.shape)], axis=1)


def _of_customers(values: FloatArray) -> pl.Series:
    return pl.Series(values).extend_constant(None, len(values))


def _numbers(rng: np.random.Generator, days: FloatArray) -> IntArray:
    """How many loans each person asks for; the last customer of a block is the platform itself."""
    pace = np.repeat([LOANS_A_DAY, STRANGERS_A_DAY], CUSTOMERS)
    pace[:CUSTOMERS] *= rng.random(CUSTOMERS) < BORROWERS
    pace[CUSTOMERS - 1] = 0.0
    return rng.poisson(pace * days).clip(max=np.repeat([10**6, 1], CUSTOMERS))


def _probability(rng: np.random.Generator, loans: pl.DataFrame) -> FloatArray:
    """That each loan is not repaid when due: as many as ``BAD_RATE`` says on average of the block."""
    due = pl.col("seconds") + pl.col("loan_days") * DAY
    burden = (pl.col("loan_amount") / pl.col("income") / LOAN_SHARE).log()
    risk = (
        pl.col("strain")
        + LEFT * (pl.col("dropout") < due).fill_null(value=False)
        + STRANGE * pl.col("first").is_null()
        + BURDEN * burden
        + YOUTH * (pl.col("age") < 25)
        + UNSETTLED * (pl.col("employment_years").fill_null(0.0) < 1)
        + RENT * (pl.col("home_ownership") == "rent")
    )
    logits = loans.select(risk).to_series().to_numpy() + LUCK * rng.standard_normal(loans.height)
    return _with_mean(logits, BAD_RATE)


def _with_mean(logits: FloatArray, mean: float) -> FloatArray:
    """Probabilities of shifted logits, with a given mean; the shift is found by bisection."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _logistic(logits + middle).mean() < mean else (low, middle)
    return _logistic(logits + low)


def _logistic(logits: FloatArray) -> FloatArray:
    probability: FloatArray = 1.0 / (1.0 + np.exp(-logits))
    return probability
