"""What people do with logged decisions: a letter, an override, an erasure."""

import html
import json
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from credit_model.operations.erase import erase
from credit_model.operations.override import override
from credit_model.operations.recorded import recorded
from credit_model.operations.review import review
from credit_model.reporting.decision_pages import letter
from credit_model.scoring.scorer import WHAT_WOULD_HELP
from credit_model.serving.decision_log import KEY, keyed_hash
from credit_model.serving.log_file import LogFile
from logged import EVERY, HASH_KEY, INVALID, RISKY, SCORED, SILENT, Entries, ask, entries, loaded
from scorers import small_scorer


@pytest.fixture(autouse=True)
def no_store(tmp_path: Path) -> Iterator[None]:
    """The machine has decision logs, and no store of MLflow."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/none.db")
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of two files, with every decision in each."""
    monkeypatch.setenv(KEY, HASH_KEY)
    path = tmp_path / "log" / "decisions.jsonl"
    path.parent.mkdir()
    model = loaded(small_scorer(), tmp_path / "model", path)
    ask(model, *EVERY)
    path.rename(path.with_name(f"{path.name}.20260101T000000000000Z"))
    ask(model, *EVERY)
    return path


def of(log: Path, customer: object) -> Entries:
    return [entry for entry in entries(log) if entry["customer"] == keyed_hash(str(customer), HASH_KEY)]


def test_an_erased_customer_is_in_no_file_and_others_are_untouched(log: Path) -> None:
    target = of(log, SCORED["CustomerId"])[0]
    override(str(log), target["decision_id"], "A. Person", "review", "an error")
    others = [entry for entry in entries(log) if entry["customer"] != target["customer"]]
    assert erase(str(log), "C-scored", None).splitlines() == [
        f"3 lines of the customer removed from 2 files of the log {log}",
        f"no training tables: there is no MLflow store sqlite:///{log.parents[1]}/none.db",
    ]
    assert entries(log) == others
    assert not list(log.parent.glob(".*"))


def test_a_hash_erases_as_its_customer_does(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whom = keyed_hash("C-silent", HASH_KEY)
    monkeypatch.delenv(KEY)
    assert erase(str(log), None, whom).startswith("2 lines of the customer removed from 2 files")
    assert erase(str(log), None, whom).startswith("0 lines of the customer removed from 0 files")


def test_a_store_that_does_not_answer_is_said_beside_what_was_erased(log: Path) -> None:
    (log.parents[1] / "none.db").write_text("no database")
    with pytest.raises(
        ValueError, match=r"^2 lines of the customer removed from 2 files .*; the MLflow store "
    ):
        erase(str(log), "C-scored", None)
    assert of(log, "C-scored") == []


def test_the_server_writes_on_after_an_erasure(log: Path, tmp_path: Path) -> None:
    model = loaded(small_scorer(), tmp_path / "again", log)
    erase(str(log), "C-scored", None)
    ask(model, SCORED)
    assert len(of(log, "C-scored")) == 1


@pytest.mark.parametrize(
    ("customer", "hashed", "said"),
    [
        ("C-1", "0" * 64, "customer_hash: it stands for customer; give one of them"),
        (None, "C-1", "customer_hash: it has 64 hex digits; give the field customer"),
    ],
)
def test_an_erasure_that_is_not_clear_is_refused(
    customer: str | None, hashed: str, said: str, log: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        erase(str(log), customer, hashed)


def test_an_erasure_by_id_needs_the_key(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    with pytest.raises(
        ValueError, match=f"erase by customer id needs the key of the customers' hashes, and {KEY}"
    ):
        erase(str(log), "C-1", None)


def test_an_override_is_a_line_against_its_decision(log: Path) -> None:
    target = of(log, SILENT["CustomerId"])[0]
    said = override(str(log), target["decision_id"], "A. Person", "approve", "known to the branch")
    assert said.startswith(f"decision {target['decision_id']}: review overridden to approve by A. Person")
    last = json.loads(log.read_text().splitlines()[-1])
    assert last.pop("time") > target["time"]
    assert last == {
        "kind": "override",
        "decision_id": target["decision_id"],
        "customer": target["customer"],
        "who": "A. Person",
        "from": "review",
        "to": "approve",
        "why": "known to the branch",
    }
    override(str(log), target["decision_id"], "B. Person", "reject", "a second look")
    standing = recorded(LogFile(log), target["decision_id"])
    assert (standing.overrides[-1]["from"], standing.stands) == ("approve", "reject")
    with pytest.raises(ValueError, match="is reject already; there is nothing to override"):
        override(str(log), target["decision_id"], "B. Person", "reject", "the same")


def test_an_override_has_a_decision_a_person_and_a_reason(log: Path) -> None:
    with pytest.raises(ValueError, match="there is no decision x; check the id and the file"):
        override(str(log), "x", "A. Person", "reject", "why")
    with pytest.raises(ValueError, match="give --who NAME and --reason TEXT"):
        override(str(log), "x", " ", "reject", "why")
    with pytest.raises(ValueError, match=r"there is no decision log .*absent; check the path"):
        override(f"{log}.absent", "x", "A. Person", "reject", "why")


def test_the_letter_tells_the_decision_its_reasons_and_what_would_have_helped(
    log: Path, tmp_path: Path
) -> None:
    target = of(log, RISKY["CustomerId"])[0]
    review(str(log), target["decision_id"], str(tmp_path / "pages"))
    page = (tmp_path / "pages" / "letter.html").read_text()
    reasons = [reason["text"] for reason in target["answer"]["reasons"]]
    assert reasons
    facts = ("3 transactions of the 60 days before 2019-03-01", "It is no probability", target["decision_id"])
    assert not [text for text in (*reasons, *facts) if text not in html.unescape(page)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (None, "ask us, and we will look"),
        ("[]", "No small change"),
        ('[{"text": "If you paid 5 times."}]', "If you paid 5 times."),
    ],
)
def test_what_would_have_helped_is_what_was_looked_for(changes: str | None, said: str, log: Path) -> None:
    target = of(log, RISKY["CustomerId"])[0]
    assert said in letter(target | {"answer": target["answer"] | {WHAT_WOULD_HELP: changes}}, "reject")


def test_the_reviewer_sees_every_feature_and_override(log: Path, tmp_path: Path) -> None:
    target = of(log, SCORED["CustomerId"])[0]
    override(str(log), target["decision_id"], "A. Person", "reject", "a <forged> document")
    review(str(log), target["decision_id"], str(tmp_path))
    page = (tmp_path / "reviewer.html").read_text()
    for name in target["contributions"]:
        assert name.replace("_", "_<wbr>") in page
    assert "a &lt;forged&gt; document" in page
    assert "decided otherwise" in (tmp_path / "letter.html").read_text()


def test_of_an_invalid_decision_there_is_no_letter(log: Path, tmp_path: Path) -> None:
    target = of(log, INVALID["CustomerId"])[0]
    with pytest.raises(ValueError, match=r"is invalid: .*; mend the data and ask again"):
        review(str(log), target["decision_id"], str(tmp_path))
