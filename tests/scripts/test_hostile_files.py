"""A short form of the trial of hostile files: refused in a sentence or answered rightly, and a loss would be found."""

import random
from collections.abc import Callable

import polars as pl
import pytest

import hostile_files
from hostile_files import Trial
from loans import transactions
from scorers import small_scorer


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    table = transactions().frame.with_columns(pl.col("ProductCategory").cast(pl.String))
    return Trial(tmp_path_factory.mktemp("hostile"), table, small_scorer())


@pytest.mark.parametrize("group", hostile_files.GROUPS.values(), ids=lambda group: group.__name__)
def test_damaged_files_are_refused_or_answered_rightly(
    trial: Trial, group: Callable[[Trial, random.Random, int], list[hostile_files.Case]]
) -> None:
    cases = {
        f"{case.group} {case.name}": hostile_files.tried(trial, case)
        for case in group(trial, random.Random(1), 6)
    }
    assert {name: faults for name, (_, faults) in cases.items() if faults} == {}
    assert hostile_files.REFUSED in {how for how, _ in cases.values()}


@pytest.mark.parametrize("large", [hostile_files.whale, hostile_files.years, hostile_files.crowd])
def test_large_and_old_files_are_answered_rightly(
    trial: Trial, large: Callable[[Trial, int], tuple[str, list[str]]]
) -> None:
    assert large(trial, 2_000) == (hostile_files.ANSWERED, [])


def test_a_lost_customer_is_found(trial: Trial) -> None:
    assert trial.expected is not None
    assert trial.differs(trial.expected.head(5), set()) == [
        f"{trial.expected.height - 5} intact customers are lost"
    ]
    changed = trial.expected.with_columns(probability=pl.lit(0.5))
    assert trial.differs(changed, set()) == ["an intact customer is answered otherwise"]
