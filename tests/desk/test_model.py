"""A model at hand: what its methods give is what the commands write, of the kind of the frames that went in."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import credit_model
import small_model
from credit_model.models.blend import Blend
from credit_model.models.scorecard import Scorecard
from credit_model.scoring.scorer import Scorer
from credit_model.synthetic import generate
from processes import ROOT, TrainedModel, commanded, run
from scorers import INPUTS

pytestmark = pytest.mark.slow

AS_OF = datetime(2019, 1, 10)
RAW = generate.transactions(customers=60, days=60, seed=3)
WHOM = pl.DataFrame(
    {
        "CustomerId": [*RAW["CustomerId"].unique().sort().head(9), "nobody", None, RAW["CustomerId"][0]],
        "as_of": ["2019-01-10"] * 10 + ["2019-01-09", "2019-01-12"],
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model.write(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[credit_model.Model]:
    with credit_model.load(folder) as loaded:
        yield loaded


def gone(pid: int) -> bool:
    """Whether no process has an id, not even a finished one that nobody waits for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_tables_are_those_that_the_commands_write(
    model: credit_model.Model, folder: Path, tmp_path: Path
) -> None:
    RAW.write_parquet(tmp_path / "t.parquet")
    WHOM.write_parquet(tmp_path / "d.parquet")
    words = ["--model", str(folder), "--transactions", "t.parquet", "--decisions", "d.parquet"]
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'none.db'}"}
    for command, more in (("score", ["--explain", "score.c.parquet"]), ("features", [])):
        done = commanded([command, *words, *more, "--output", f"{command}.parquet"], environment, tmp_path)
        assert done.returncode == 0, done.stderr
    wrote = {path.name: pl.read_parquet(path) for path in tmp_path.glob("*.parquet")}
    assert_frame_equal(model.score(RAW, WHOM), wrote["score.parquet"])
    assert_frame_equal(model.contributions(RAW, WHOM), wrote["score.c.parquet"])
    assert_frame_equal(model.features(RAW, WHOM), wrote["features.parquet"])
    from_paths = model.score(tmp_path / "t.parquet", str(tmp_path / "d.parquet"))
    assert_frame_equal(from_paths, wrote["score.parquet"])


def test_frames_of_pandas_give_frames_of_pandas_with_the_index_of_the_decisions(
    model: credit_model.Model,
) -> None:
    whom = WHOM.to_pandas().set_index(pd.Index(range(100, 100 + WHOM.height), name="loan"))
    answers, expected = model.score(RAW.to_pandas(), whom), model.score(RAW, WHOM)
    assert answers.index.equals(whom.index)
    assert answers["score"].tolist() == pytest.approx(
        expected["score"].fill_null(float("nan")).to_list(), nan_ok=True
    )
    assert answers["reasons"].tolist() == expected["reasons"].to_list()
    assert model.features(RAW.to_pandas(), whom).index.equals(whom.index)
    assert model.contributions(RAW.to_pandas(), whom, wide=True).index.equals(whom.index)
    long = model.contributions(RAW.to_pandas(), whom)
    assert_frame_equal(pl.from_pandas(long), model.contributions(RAW, WHOM), check_dtypes=False)
    everybody = model.score(RAW.to_pandas(), as_of=pd.Timestamp("2019-01-10"))
    assert_frame_equal(
        pl.from_pandas(everybody[["CustomerId", "as_of"]]),
        model.score(RAW, as_of="2019-01-10").select("CustomerId", "as_of"),
    )


def test_the_contributions_of_a_decision_add_up_to_its_score(model: credit_model.Model) -> None:
    answers = model.score(RAW, WHOM)
    scored = answers.filter(pl.col("status") == "scored")
    assert 0 < scored.height < answers.height
    sums = model.contributions(RAW, WHOM).group_by("row", maintain_order=True).agg(pl.col("points").sum())
    assert sums["points"].to_list() == pytest.approx(scored["score"].to_list())
    wide = model.contributions(RAW, WHOM, wide=True)
    assert wide.columns == ["CustomerId", "as_of", "score", "(start)", *INPUTS, "(calibration)"]
    assert_frame_equal(
        wide.select("CustomerId", "as_of", "score"), answers.select("CustomerId", "as_of", "score")
    )
    added = wide.select(pl.sum_horizontal(wide.columns[3:], ignore_nulls=False)).to_series()
    assert added.to_list() == [score if score is None else pytest.approx(score) for score in answers["score"]]


def test_the_points_of_the_bins_of_a_case_add_up_to_its_score(
    model: credit_model.Model, folder: Path
) -> None:
    card = Scorer.load(folder / "artifacts" / "scorer").classifier
    assert isinstance(card, Scorecard)
    features = model.features(RAW, as_of=AS_OF).filter(pl.col("status") == "computed")
    points = [
        model.bins(each.feature)["points"].to_numpy()[each.index(features[each.feature])]
        for each in card.binnings
    ]
    scored = model.score(RAW, as_of=AS_OF).filter(pl.col("status") == "scored")
    assert np.sum(points, axis=0) == pytest.approx(scored["score"].to_numpy())
    table = model.scorecard()
    assert table["feature"].unique(maintain_order=True).to_list() == list(model.inputs) == list(INPUTS)
    assert (
        table.filter(pl.col("feature") == "recency")["points"].to_list()
        == model.bins("recency")["points"].to_list()
    )


def test_one_decision_is_explained(model: credit_model.Model) -> None:
    customer = RAW["CustomerId"][0]
    told = model.explain(RAW.to_pandas(), customer, as_of=AS_OF)
    assert isinstance(told.contributions, pd.DataFrame)
    assert told.contributions["points"].sum() == pytest.approx(told.answer["score"])
    assert told.waterfall is not None
    assert told.reasons == told.answer["reasons"]
    assert "data:image/png" in told._repr_html_()
    later = model.explain(RAW, customer, decisions=WHOM, as_of="2019-01-12T00:00:00Z")
    assert (later.answer["CustomerId"], later.answer["as_of"][:10]) == (customer, "2019-01-12")
    with pytest.warns(UserWarning, match="1 of 1 decisions have no history"):
        unknown = model.explain(RAW, "nobody", as_of=AS_OF)
    assert (unknown.waterfall, unknown.contributions.height) == (None, 0)
    assert "nothing contributed to a score" in unknown.page.html
    with pytest.raises(ValueError, match="of the decisions, none is the one that is asked for"):
        model.explain(RAW, "somebody", decisions=WHOM)


def test_the_strategy_counts_what_became_of_the_approved(model: credit_model.Model) -> None:
    answers = model.score(RAW, as_of=AS_OF)
    became = answers.select("CustomerId", "as_of", bad=pl.Series(range(answers.height)) % 3 == 0)
    outcomes = became.select(
        "CustomerId", "as_of", defaulted=pl.when("bad").then(pl.lit("late")).otherwise(pl.lit("paid"))
    )
    table = model.strategy(RAW, outcomes, bad_values=["late"], cost_false_negative=5, cost_false_positive=2)
    scored = answers.with_columns(bad=became["bad"]).filter(pl.col("status") == "scored")
    assert table["approved"].max() == scored.height
    for row in table.iter_rows(named=True):
        approved = scored.filter(pl.col("probability") < row["cut_off"])
        refused = scored.filter(pl.col("probability") >= row["cut_off"])
        assert (row["approved"], row["bads_approved"]) == (approved.height, approved["bad"].sum())
        cost = 5 * int(approved["bad"].sum()) + 2 * int((~refused["bad"]).sum())
        assert row["cost"] == pytest.approx(cost / scored.height)
    assert isinstance(model.strategy(RAW.to_pandas(), outcomes, bad_values=["late"]), pd.DataFrame)
    with pytest.raises(
        ValueError, match=r"defaulted: \d+ rows .* \(the first: row 1 of the frame of outcomes\)"
    ):
        model.strategy(RAW, outcomes)


def test_the_names_that_its_training_was_told_are_remembered(
    model: credit_model.Model, tmp_path: Path
) -> None:
    names = {"CustomerId": "client", "Amount": "paid", "defaulted": "bad"}
    own = [table.rename(names, strict=False) for table in (RAW, WHOM)]
    outcomes = WHOM.drop_nulls().with_columns(defaulted=pl.lit(0))
    with credit_model.load(small_model.write(tmp_path / "model", columns=names)) as named:
        answers = named.score(*own).drop("model_version")
        assert_frame_equal(answers, model.score(RAW, WHOM).drop("model_version"))
        strategy = named.strategy(own[0], outcomes.rename(names, strict=False))
        assert_frame_equal(strategy, model.strategy(RAW, outcomes))


def test_bad_input_is_told_in_the_sentence_of_the_command(model: credit_model.Model, tmp_path: Path) -> None:
    lacking = RAW.drop("Amount")
    with pytest.raises(
        ValueError, match=r"^the frame of transactions lacks the column Amount; .*columns=Amount=yours$"
    ):
        model.score(lacking, as_of=AS_OF)
    mapped = model.score(RAW.rename({"Amount": "paid"}), as_of=AS_OF, columns={"Amount": "paid"})
    assert_frame_equal(mapped, model.score(RAW, as_of=AS_OF))
    with pytest.raises(ValueError, match=r"nowhere.csv does not exist; check the path"):
        model.features(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match=r"^the frame of decisions has a header and no rows; give a table"):
        model.score(RAW, WHOM.clear())
    with pytest.raises(ValueError, match="as_of: 'soon' is not a time"):
        model.score(RAW, as_of="soon")
    with pytest.raises(
        TypeError, match="the frame of transactions is a list; give a DataFrame of pandas or Polars"
    ):
        model.score([1])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="there is no argument 'decimals'; did you mean decimal"):
        model.score(RAW, decimals="comma")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="reads no feature 'Recency'; did you mean recency"):
        model.bins("Recency")
    with pytest.raises(
        ValueError, match="the frame of decisions holds CustomerId as Object; write it as text"
    ):
        model.score(RAW.to_pandas(), pd.DataFrame({"CustomerId": ["a", 1]}), as_of=AS_OF)
    with pytest.warns(UserWarning, match=r"^as_of: 1 row .*row 2 of the frame of decisions"):
        model.score(
            RAW, pl.DataFrame({"CustomerId": RAW["CustomerId"].head(2), "as_of": ["2019-01-10", "10.1.2019"]})
        )


def test_a_process_that_dies_is_told_and_one_that_is_interrupted_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with credit_model.load(folder) as model:
        expected = model.score(RAW, as_of=AS_OF)
        first = model._warm.pid
        os.kill(first, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"the process of .*model ended with exit code -9"):
            model.score(RAW, as_of=AS_OF)
        assert_frame_equal(model.score(RAW, as_of=AS_OF), expected)
        assert gone(first)
        second = model._warm.pid
        with monkeypatch.context() as patched:
            patched.setattr("json.loads", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                model.score(RAW, as_of=AS_OF)
        assert gone(second)
        assert_frame_equal(model.score(RAW, as_of=AS_OF), expected)


def test_two_models_answer_beside_each_other_and_a_closed_one_no_more(
    model: credit_model.Model, folder: Path
) -> None:
    other = credit_model.load(str(folder))
    pid = other._warm.pid
    assert pid != model._warm.pid
    assert_frame_equal(other.score(RAW, as_of=AS_OF), model.score(RAW, as_of=AS_OF))
    other.close()
    other.close()
    assert gone(pid)
    with pytest.raises(ValueError, match=r"model is closed and answers nothing any more; load it again$"):
        other.score(RAW, as_of=AS_OF)
    assert model.score(RAW, as_of=AS_OF).height == 60


def test_no_process_is_left_where_nobody_closes_the_model(folder: Path, tmp_path: Path) -> None:
    program = f"""
import gc, credit_model
one, two = (credit_model.load({str(folder)!r}) for _ in range(2))
print(one._warm.pid, two._warm.pid)
del one
gc.collect()
"""
    done = run(["-c", program], os.environ | {"PYTHONPATH": str(ROOT)}, tmp_path)
    assert done.returncode == 0, done.stderr
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_a_model_of_before_is_refused_and_a_damaged_one(folder: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(ROOT / "tests" / "held" / "reasons" / "model.zip", tmp_path / "old")
    with pytest.raises(ValueError, match="old cannot be kept warm, because it is older than that; train"):
        credit_model.load(tmp_path / "old")
    shutil.copytree(folder, tmp_path / "damaged")
    with (tmp_path / "damaged" / "artifacts" / "scorer" / "scorer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ValueError, match=r"scorer\.json"):
        credit_model.load(tmp_path / "damaged")


def test_the_champion_of_a_store_is_loaded_and_the_scorecard_beside_it(
    trained_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = pl.read_parquet(trained_model.transactions)
    with credit_model.load(trained_model.uri, tracking_uri=trained_model.tracking) as model:
        assert repr(model) == f"<credit_model.Model {trained_model.uri}>"
        answers = model.score(raw, as_of="2019-02-10")
        assert answers["model_version"].unique().to_list() == [model.version]
        features = model.features(raw, as_of="2019-02-10")
        assert set(model.inputs) < set(features.columns)
        other = replace(model._scorer, classifier=Blend((model._scorer.classifier,), (1.0,)))
        monkeypatch.setattr(model, "_scorer", other)
        with pytest.raises(ValueError, match="is of the kind blend, which has no bins; load the") as refused:
            model.scorecard()
    asked = re.search(r"load\('(.*)', tracking_uri='(.*)'\)$", str(refused.value))
    assert asked is not None
    with credit_model.load(asked[1], tracking_uri=asked[2]) as primary:
        assert primary.scorecard()["points"].is_finite().all()
        assert primary.score(raw, as_of="2019-02-10").height == answers.height
