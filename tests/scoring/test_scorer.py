"""Laws of an answer, on a small scorer made by hand."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.formats import AS_READ, Formats
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.scorer import ANSWER, Scorer
from credit_model.serving.pyfunc import to_pandas
from credit_model.serving.request import UnreadableRequestError, read_request
from scorers import INPUTS, small_scorer

NOW = datetime(2019, 3, 1)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return small_scorer()


def answer(scorer: Scorer, rows: list[dict[str, object]]) -> pl.DataFrame:
    request = read_request(pd.DataFrame(rows, dtype=object), NOW)
    return scorer.answer(request.transactions, request.decisions)


def bought(customer: object, days_ago: float, amount: object = 100, **more: object) -> dict[str, object]:
    when = (NOW - timedelta(days=days_ago)).isoformat()
    return {
        "CustomerId": customer,
        "TransactionStartTime": when,
        "Amount": amount,
        "ProductCategory": "tv",
    } | more


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.datetimes(),
    st.just([1, "x"]),
    st.just({"a": 1}),
)
rows = st.lists(
    st.fixed_dictionaries(
        {"CustomerId": anything, "TransactionStartTime": anything, "Amount": anything, "as_of": anything}
    )
    | st.fixed_dictionaries(
        {"CustomerId": st.just("a"), "TransactionStartTime": st.just("2019-02-20"), "Amount": anything}
    ),
    min_size=1,
    max_size=6,
)


@given(rows=rows)
def test_no_data_makes_it_raise_or_answer_nan(scorer: Scorer, rows: list[dict[str, object]]) -> None:
    try:
        answers = to_pandas(
            answer(scorer, rows).to_dict(as_series=False), pd.Index(list(scorer.answer_schema))
        )
    except UnreadableRequestError:
        return
    text = json.dumps(answers.to_dict(orient="records"), allow_nan=False)
    assert len(json.loads(text)) >= 1


@given(
    amounts=st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=6),
    ages=st.lists(st.floats(0.1, 59), min_size=6, max_size=6),
)
def test_probability_score_prediction_and_decision_agree(
    scorer: Scorer, amounts: list[float], ages: list[float]
) -> None:
    row = answer(scorer, [bought("a", age, amount) for age, amount in zip(ages, amounts, strict=False)]).row(
        0, named=True
    )
    assert row["status"] == "scored"
    assert scorer.scale.probability(np.array([row["score"]]))[0] == pytest.approx(
        row["probability"], rel=1e-9
    )
    assert row["prediction"] == (row["probability"] >= scorer.bands.threshold)
    assert row["decision"] != ("approve" if row["prediction"] else "reject")


def test_customers_are_independent(scorer: Scorer) -> None:
    together = answer(
        scorer, [bought("a", 3), bought("b", 40, -5), bought("c", 90), bought("d", 2, "oops"), bought("a", 9)]
    )
    for place, mine in enumerate(
        [[bought("a", 3), bought("a", 9)], [bought("b", 40, -5)], [bought("c", 90)], [bought("d", 2, "oops")]]
    ):
        assert answer(scorer, mine).equals(together.slice(place, 1))


def test_each_status_gets_its_answer(scorer: Scorer) -> None:
    answers = answer(scorer, [bought("a", 3), bought("b", 90), bought("c", 3, None)])
    assert answers["status"].to_list() == ["scored", "no_history", "invalid"]
    assert answers["message"].to_list() == [None, None, "Amount: 1 missing"]
    assert answers["transaction_count"].to_list() == [1, 0, 0]
    assert answers["decision"].to_list()[1:] == ["review", "review"]
    assert (
        answers["probability"].null_count()
        == answers["score"].null_count()
        == answers["risk_level"].null_count()
        == 2
    )
    assert answers["reasons"].to_list()[1] == scorer.reasons.no_history


@pytest.mark.parametrize(
    "extra", [{"ProductCategory": "never seen"}, {"ProductCategory": None}, {"Colour": "red"}]
)
def test_the_unknown_is_scored(scorer: Scorer, extra: dict[str, object]) -> None:
    assert answer(scorer, [bought("a", 3, **extra)])["status"].to_list() == ["scored"]


def test_another_currency_is_invalid(scorer: Scorer) -> None:
    assert answer(scorer, [bought("a", 3, CurrencyCode="KES")])["status"].to_list() == ["invalid"]


def test_the_moment_is_echoed_to_the_microsecond(scorer: Scorer) -> None:
    row = bought("a", 3, as_of="2019-02-28T03:00:00.25+03:00")
    assert answer(scorer, [row])["as_of"].to_list() == ["2019-02-28T00:00:00.250000Z"]


def test_reasons_are_what_pushed_towards_risk_worst_first(scorer: Scorer) -> None:
    contributions = np.array([[0.5, 0.1, -1.0, 0.3], [-1, -1, -1, -1], [0.01, 0.01, 0.0, 0.03]])
    table = pl.DataFrame(
        {"recency": 90.0, "transaction_count": 1.0, "credit_share": 1.0, "ProductCategory": ["airtime"] * 3}
    )
    reasons = scorer.reasons.explain(table, contributions, scorer.points_per_unit).to_list()
    assert [[each["code"] for each in named] for named in reasons] == [["R01", "R12", "R02"], [], ["R12"]]


def test_points_are_what_the_score_would_gain_without_the_reason(scorer: Scorer) -> None:
    bent = replace(scorer, calibrator=Calibrator("sigmoid", slope=0.7, intercept=0.4))
    worst = {
        "recency": [90.0],
        "transaction_count": [1.0],
        "credit_share": [1.0],
        "ProductCategory": ["airtime"],
    }
    features = pl.DataFrame(worst)
    margin, contributions = bent.classifier.margin_and_contributions(features)
    (named,) = bent.reasons.explain(features, contributions, bent.points_per_unit).to_list()
    assert named
    for each in named:
        push = contributions[0, INPUTS.index(each["feature"])]  # every input has a topic of its own
        without, score = bent.scale.score(
            bent.calibrator.probability(np.array([margin[0] - push, margin[0]]))
        )
        assert each["points"] == pytest.approx(without - score, abs=0.0051)


def test_a_neutral_first_reason_raises_the_score(scorer: Scorer) -> None:
    table = pl.DataFrame(
        {"recency": [29.0], "transaction_count": [1.0], "credit_share": [0.5], "ProductCategory": ["airtime"]}
    )
    contributions = scorer.classifier.contributions(table)
    worst = INPUTS[int(contributions.argmax())]
    assert contributions.max() > 0
    neutral = table.with_columns(pl.lit(None, table[worst].dtype).alias(worst))
    assert scorer.classifier.margin(neutral)[0] < scorer.classifier.margin(table)[0]


def test_a_saved_scorer_answers_the_same(scorer: Scorer, tmp_path: Path) -> None:
    version = scorer.save(tmp_path / "scorer")
    loaded = Scorer.load(tmp_path / "scorer")
    rows = [bought("a", 3), bought("b", 30, -7), bought("c", 100)]
    assert loaded.version == version
    assert answer(loaded, rows).drop("model_version").equals(answer(scorer, rows).drop("model_version"))
    assert scorer.save(tmp_path / "again") == version


def test_how_files_are_written_is_remembered_and_older_models_load_without(
    scorer: Scorer, tmp_path: Path
) -> None:
    written = Formats("%d.%m.%Y", "comma")
    replace(scorer, formats=written).save(tmp_path)
    assert Scorer.load(tmp_path).formats == written
    path, manifest = tmp_path / "scorer.json", tmp_path / "manifest.json"
    plain = {key: value for key, value in json.loads(path.read_text()).items() if key != "formats"}
    path.write_text(json.dumps(plain))
    digest = {"scorer.json": hashlib.sha256(path.read_bytes()).hexdigest()}
    known = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(known | {"files": known["files"] | digest}))
    assert Scorer.load(tmp_path).formats == AS_READ


def test_a_changed_file_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    scorer.save(tmp_path)
    path = tmp_path / "scorer.json"
    path.write_text(path.read_text().replace("600.0", "700.0"))
    with pytest.raises(ValueError, match=r"scorer\.json of the model is not the file that was saved"):
        Scorer.load(tmp_path)


def test_a_newer_format_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    scorer.save(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format_version": 99}))
    with pytest.raises(ValueError, match="the model has format 99 and this code reads up to 2"):
        Scorer.load(tmp_path)


def test_the_artifact_is_text(scorer: Scorer, tmp_path: Path) -> None:
    scorer.save(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json"}


def test_the_answer_has_the_fields_of_the_contract() -> None:
    judged = "CustomerId as_of status message probability score prediction risk_level decision reasons"
    assert list(ANSWER) == [*judged.split(), "transaction_count", "target", "model_version"]
