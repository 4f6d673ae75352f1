"""A parameter's text and value are one thing; what cannot be read is said with its remedy."""

import string
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.transactions import COLUMNS
from credit_model.settings.kinds import Levels
from credit_model.settings.settings import COMMANDS, Settings, parameters, resolve, texts

WORDS = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8)
NAMES = st.lists(WORDS, unique=True, max_size=3).map(tuple)
POSITIVE = st.floats(0, 1e9, exclude_min=True, allow_nan=False)
LIMITS = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=3, unique=True).map(sorted)


@st.composite
def levels(draw: st.DrawFn) -> Levels:
    limits = draw(LIMITS)
    count = len(limits) + 1
    names = draw(st.lists(WORDS, unique=True, min_size=count, max_size=count))
    return Levels(
        tuple(names), tuple(limits), tuple(draw(st.sampled_from(["approve", "review"])) for _ in names)
    )


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "transactions": WORDS,
    "columns": st.dictionaries(WORDS, st.text(string.printable).map(str.strip).filter(bool)),
    "attributes": NAMES,
    "date_format": st.none() | st.sampled_from(["iso", "%d.%m.%Y", "%m/%d/%Y %H:%M"]),
    "decimal": st.none() | st.sampled_from(["point", "comma"]),
    "label": st.sampled_from(["auto", "rfm_proxy", "same_window"]),
    "history_days": st.none() | st.integers(1, 10**6),
    "candidate": st.sampled_from(["auto", "scorecard", "xgboost"]),
    "cost_false_negative": POSITIVE,
    "threshold": st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True),
    "bands": st.none() | levels(),
    "seed": st.integers(0, 2**32),
}


@given(values=st.fixed_dictionaries({}, optional=VALUES))
def test_the_text_of_settings_reads_as_the_same_settings(values: dict[str, Any]) -> None:
    given_settings = Settings(**values)
    assert resolve("train", texts("train", given_settings)) == given_settings


@given(moment=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)))
def test_the_text_of_a_moment_reads_as_the_same_moment(moment: datetime) -> None:
    written = texts("score", Settings(as_of=moment))["as_of"]
    assert resolve("score", {"as_of": written, "decisions": "d", "output": "o"}).as_of == moment


def test_a_moment_with_a_zone_is_utc() -> None:
    given_texts = {"as_of": "2019-02-13T03:00:00+03:00", "transactions": "t", "output": "o"}
    assert resolve("score", given_texts).as_of == datetime(2019, 2, 13)


OURS = {name.lower() for name in (*COLUMNS, "as_of", "defaulted", "outcome_known_at")}


def test_an_empty_text_is_unset() -> None:
    empty = dict.fromkeys([*parameters("train"), "config"], "")
    assert resolve("train", empty) == resolve("train", {}) == Settings()


def test_the_command_line_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("seed: 7\nsplit: random\ncustomers: 10\nname: ''\n")
    found = resolve("train", {"config": str(path), "seed": "8", "split": ""})
    assert (found.seed, found.split, found.label, found.name) == (8, "random", "auto", "credit-risk")
    assert found.customers == Settings().customers, "train does not take it"


@given(
    columns=st.dictionaries(
        WORDS.filter(lambda name: name.lower() not in OURS),
        st.text(string.printable, min_size=1).filter(lambda t: t == t.strip()),
    ),
    attributes=NAMES,
    days=st.integers(1, 999),
)
def test_a_file_says_what_the_command_line_says(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, str], attributes: tuple[str, ...], days: int
) -> None:
    path = tmp_path_factory.mktemp("config") / "run.yaml"
    plain = {
        "columns": columns,
        "attributes": list(attributes),
        "history_days": days,
        "bands": "a:0.5:review,b:reject",
    }
    path.write_text(yaml.safe_dump(plain, allow_unicode=True), encoding="utf-8")
    expected = Settings(
        columns=columns,
        attributes=attributes,
        history_days=days,
        bands=Levels(("a", "b"), (0.5,), ("review", "reject")),
    )
    assert resolve("train", {"config": str(path)}) == expected


def test_names_in_a_file_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("columns: {CustomerId: 007, Amount: yes}\nattributes: [2020, no]\n")
    found = resolve("train", {"config": str(path)})
    assert (found.columns, found.attributes) == ({"CustomerId": "007", "Amount": "yes"}, ("2020", "no"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sede: 1", r"unknown parameter 'sede'; did you mean seed\?"),
        ("config: other.yaml", "unknown parameter 'config'"),
        ("- seed", "holds no parameters"),
        ("seed: [", "cannot be read as YAML at line 1"),
        ("seed: 1\nseed: 2", "cannot be read as YAML at line 1: seed stands twice"),
        ("seed: {a: b}", "seed: a mapping is not a whole number"),
        ("columns: [a, b]", "columns: this is not a mapping of names"),
        ("attributes: {a: b}", "attributes: this is not a list of names"),
        ("attributes: [a, a]", "attributes: 'a' is named twice"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=said):
        resolve("train", {"config": str(path)})


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"there is no file absent\.yaml"):
        resolve("train", {"config": "absent.yaml"})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "history_days",
            "abc",
            "'abc' is not a whole number of at least 1; give a number such as 30, or auto",
        ),
        ("history_days", "0", "'0' is not a whole number"),
        ("history_days", "1.5", "'1.5' is not a whole number"),
        ("seed", "٣", "is not a whole number"),
        ("seed", "-1", "is not a whole number"),
        ("cost_false_negative", "dear", "'dear' is not a number; give a number above 0"),
        ("cost_false_negative", "nan", "out of range"),
        ("cost_false_negative", "inf", "out of range"),
        ("threshold", "1", "give a number above 0 and below 1, or auto"),
        ("label", "obsrved", "'obsrved' is no choice; did you mean observed"),
        ("split", "all", "choose from time, random"),
        ("columns", "client", "'client' is not a pair"),
        ("bands", "low:0.3:approve", "give name:upper limit:decision"),
        ("bands", "low:approve,high:reject", "give name:upper limit:decision"),
        ("bands", "low:x:approve,high:reject", "give name:upper limit:decision"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_remedy(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .*{said}"):
        resolve("train", {name: text})


def test_a_moment_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match=r"^as_of: 'soon' is not a time; give ISO-8601 text"):
        resolve("score", {"as_of": "soon"})


def test_an_amount_of_memory_has_a_unit() -> None:
    assert (
        resolve("score_spark", {"transactions": "t", "output": "o", "driver_memory": "2G"}).driver_memory
        == "2g"
    )
    for text in ("2", "0g", "2 g", "2gb", "much"):
        with pytest.raises(
            ValueError, match=f"^driver_memory: '{text}' is not an amount of memory; give a number"
        ):
            resolve("score_spark", {"driver_memory": text})


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="train takes no parameter 'history'; did you mean"):
        resolve("train", {"history": "3"})
    with pytest.raises(ValueError, match=r"score takes no parameter 'seed'"):
        resolve("score", {"seed": "3"})
    with pytest.raises(ValueError, match=r"no command 'trian'; did you mean train\?"):
        resolve("trian", {})


@pytest.mark.parametrize(
    ("command", "given_texts", "said"),
    [
        ("generate", {}, "generate needs output"),
        ("score", {"output": "o"}, "score needs transactions or decisions"),
        ("score_spark", {"decisions": "d"}, "score_spark needs output"),
        ("train", {"label": "observed"}, "give --outcomes FILE"),
        ("replay", {}, "replay needs log; give --log FILE"),
        ("review", {"log": "l", "output": "o"}, "review needs decision; give --decision ID"),
        (
            "override",
            {"log": "l", "decision": "d", "who": "w", "to": "reject"},
            "needs reason; give --reason TEXT",
        ),
        ("erase", {"log": "l"}, "erase needs customer or customer_hash; give --customer ID"),
    ],
)
def test_what_a_command_cannot_do_without(command: str, given_texts: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve(command, given_texts)


def test_the_label_is_observed_where_there_are_outcomes() -> None:
    assert resolve("train", {}).target == "rfm_proxy"
    assert resolve("train", {"outcomes": "o"}).target == "observed"
    assert resolve("train", {"outcomes": "o", "label": "rfm_proxy"}).target == "rfm_proxy"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_parameter_has_a_meaning_and_a_readable_default(command: str) -> None:
    defaults = texts(command, Settings())
    for name, known in parameters(command).items():
        assert known.metadata["meaning"]
        kind, text = known.metadata["kind"], defaults[name]
        assert text == "" or kind.read(text) == getattr(Settings(), name)


def test_what_is_found_out_from_the_data_is_called_auto() -> None:
    defaults = texts("train", Settings())
    assert [name for name, text in defaults.items() if text == "auto"] == [
        "label",
        "history_days",
        "outcome_days",
        "test_share",
        "candidate",
        "threshold",
    ]


@pytest.mark.parametrize("target", ["approval_rate", "bad_rate"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bands", "low:0.1:approve,high:review"),
        ("threshold", "0.2"),
        ("cost_false_negative", "5"),
        ("cost_false_positive", "2"),
    ],
)
def test_bands_follow_from_one_thing(target: str, name: str, text: str) -> None:
    assert getattr(resolve("train", {target: "0.4"}), target) == 0.4
    with pytest.raises(
        ValueError, match=f"{target}: it sets the bands, and so does {name}; give one of them"
    ):
        resolve("train", {target: "0.4", name: text})


def test_one_business_target_is_enough() -> None:
    with pytest.raises(ValueError, match="approval_rate: it sets the bands, and so does bad_rate"):
        resolve("train", {"approval_rate": "0.4", "bad_rate": "0.05"})


def test_every_parameter_belongs_to_a_command() -> None:
    taken = {name for command in COMMANDS for name in parameters(command)}
    assert taken == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(("given", "meant"), [("customerid=client", "CustomerId"), ("AS_OF=when", "as_of")])
def test_a_mapped_name_in_another_case_is_a_slip(given: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"is none of ours; did you mean {meant}\\?"):
        resolve("train", {"columns": given})


def test_a_group_is_a_column_of_outcomes() -> None:
    with pytest.raises(ValueError, match="group: it is a column of the outcomes; give --outcomes FILE"):
        resolve("train", {"group": "region"})
    assert resolve("train", {"group": "region", "outcomes": "o.csv"}).group == "region"


@pytest.mark.parametrize(
    ("command", "texts", "said"),
    [
        ("train", {"until": "2019-02-01"}, "until: it leaves out real outcomes; give --outcomes FILE"),
        (
            "monitor",
            {"transactions": "t.csv", "window_days": "30"},
            "window_days: they are days of a decision",
        ),
        (
            "monitor",
            {"transactions": "t.csv", "log": "l"},
            "log: its decisions were made already; leave --trans",
        ),
        ("retrain", {"log": "l"}, "retrain needs transactions; give --transactions FILE"),
    ],
)
def test_what_does_not_go_together(command: str, texts: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve(command, texts)


def test_a_retraining_takes_a_log_to_monitor_beside_the_files_to_train_on() -> None:
    assert resolve("retrain", {"log": "l", "transactions": "t.csv", "window_days": "30"}).window_days == 30
