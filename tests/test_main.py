"""The command line: what it prints, how it ends."""

import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from credit_model import __version__
from credit_model.__main__ import _HANDLERS, main
from credit_model.data import files
from credit_model.serving import jobs
from credit_model.settings.settings import COMMANDS, Settings, parameters
from credit_model.synthetic.constants import CUSTOMERS, DAYS
from credit_model.tracking.environment import mlflow_defaults

INSTALL = (
    "pip install '.[{0}]' in a clone of the repository, "
    f"or pip install 'credit_model-{__version__}-py3-none-any.whl[{{0}}]'"
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"MLFLOW_TRACKING_URI": "sqlite:///test.db"})


def planted(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    """Put a module in place of one of the package's."""
    module = ModuleType(f"credit_model.{name}")
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(f"credit_model.{name}", module, raising=False)


def test_every_command_has_a_handler() -> None:
    assert tuple(_HANDLERS) == COMMANDS


def test_generate_writes_transactions_and_their_truth(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", "--customers", "30", "--days=20", "--seed", "1"]
    assert main([*command, "--output", "one.parquet", "--truth", "truth.csv"]) == 0
    assert main([*command, "--output", "two.parquet", "--truth="]) == 0
    one = pl.read_parquet("one.parquet")
    assert one.equals(pl.read_parquet("two.parquet"))
    assert f"{one.height} transactions of 30 customers written to one.parquet" in capsys.readouterr().out
    assert files.read("truth.csv").height == 30


def test_generate_writes_loans_beside_the_same_transactions(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", "--customers", "200", "--seed", "1"]
    assert main([*command, "--output", "alone.parquet"]) == 0
    assert (
        main([*command, "--output", "t.parquet", "--outcomes", "l.csv", "--applications", "a.parquet"]) == 0
    )
    assert pl.read_parquet("t.parquet").equals(pl.read_parquet("alone.parquet"))
    past, new = files.read("l.csv"), files.read("a.parquet")
    assert set(past.columns) - set(new.columns) == {"defaulted", "outcome_known_at"}
    said = capsys.readouterr().out
    assert f"{past.height} loans with their outcomes written to l.csv" in said
    assert f"{new.height} new applications written to a.parquet" in said


def test_generate_fills_a_folder_that_is_read_as_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", "--customers", f"{CUSTOMERS + 1}", "--days=5"]
    assert main([*command, "--output", "folder/"]) == 0
    assert main([*command, "--output", "one.parquet"]) == 0
    assert len(list(Path("folder").iterdir())) == 2
    assert files.read("folder").equals(files.read("one.parquet"))
    assert main([*command, "--output", "folder"]) == 2
    assert "folder exists already and is not empty" in capsys.readouterr().err


def test_a_pattern_that_the_shell_has_expanded_is_told_to_be_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("1.csv", "2.csv"):
        Path(name).touch()
    assert main(["explore", "--transactions", "1.csv", "2.csv"]) == 2
    assert "write --name value, and a pattern of files in quotes" in capsys.readouterr().err


def test_the_generator_has_the_defaults_of_the_settings() -> None:
    assert (Settings().customers, Settings().days) == (CUSTOMERS, DAYS)


def test_results_are_printed_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted(monkeypatch, "operations.train", train=lambda given: f"trained with seed {given.seed}")
    assert main(["train", "--seed", "5"]) == 0
    assert capsys.readouterr() == ("trained with seed 5\n", "")


def test_the_exit_code_of_scoring_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credit_model.__main__.verified_folder", Path)
    monkeypatch.setattr(jobs, "submit", lambda command, *_: 7 * (command == "score"))
    assert main(["score", "--transactions", "t.csv", "--output", "o.csv", "--model", "."]) == 7


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ValueError("only one class\n  to train on"), "credit_model: only one class to train on\n"),
        (
            FileNotFoundError(2, "No such file", "x.csv"),
            "credit_model: x.csv: No such file; check the path and its permissions\n",
        ),
        (
            ModuleNotFoundError("no", name="matplotlib.pyplot"),
            f"credit_model: train needs matplotlib; {INSTALL.format('train')}\n",
        ),
        (
            ModuleNotFoundError("no", name="py4j.java_gateway"),
            f"credit_model: train needs py4j; {INSTALL.format('spark')}\n",
        ),
        (
            ModuleNotFoundError("no", name="pyspark"),
            f"credit_model: train needs pyspark; {INSTALL.format('spark')}\n",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception, said: str
) -> None:
    def train(_: Settings) -> str:
        raise fault

    planted(monkeypatch, "operations.train", train=train)
    assert main(["train"]) == 2
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    "fault", [RuntimeError("a defect"), ModuleNotFoundError("no", name="credit_model.x")]
)
def test_a_defect_is_not_taken_for_bad_input(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def train(_: Settings) -> str:
        raise fault

    planted(monkeypatch, "operations.train", train=train)
    with pytest.raises(type(fault)):
        main(["train"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "did you mean train?"),
        (["train", "seed=3"], "'seed=3' is not a parameter; write --name value"),
        (["promote", "--force"], "promoted for a reason only; give --reason TEXT"),
        (["promote", "--force", "--reason", " "], "promoted for a reason only; give --reason TEXT"),
        (["promote", "--force=perhaps", "--reason", "x"], "force: 'perhaps' is neither yes nor no"),
        (["promote", "--reason", "x"], "give --force too, or leave it out"),
        (["promote", "--rollback", "--version", "2"], "rollback: it promotes the former champion whatever"),
        (["promote", "--transactions", "t.csv"], "compared by outcomes; give --outcomes FILE too"),
        (["promote", "--latency_limit", "0"], "latency_limit: '0' is out of range"),
        (["train", "--seed"], "--seed has no value"),
        (["train", "--seed", "1", "--seed", "2"], "--seed is given twice"),
        (["train", "--sed", "1"], "did you mean seed?"),
        (["generate", "--output", "x.json"], "x.json is neither CSV nor Parquet"),
        (["generate", "--output", "absent/x.csv"], "does not exist; create it first"),
        (["generate", "--output", "x.csv", "--truth", "absent/y.csv"], "does not exist; create it first"),
        (["generate", "--output", "x.csv", "--outcomes", "absent/y.csv"], "does not exist; create it first"),
        (["generate", "--output", "x.csv", "--applications", "y.txt"], "is neither CSV nor Parquet"),
        (["train", "--customers_table", "absent/c.csv"], "does not exist; create it first"),
    ],
)
def test_a_command_line_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "force", [["--force"], ["--force", "yes"], ["--force=true"], ["--reason", "late", "--force"]]
)
def test_force_alone_means_yes(monkeypatch: pytest.MonkeyPatch, force: list[str]) -> None:
    asked: list[Settings] = []
    planted(monkeypatch, "operations.promote", promote=asked.append)
    reason = [] if "--reason" in force else ["--reason", "late"]
    assert main(["promote", *force, *reason]) == 0
    assert main(["promote", "--force", "", "--reason", ""]) == 0
    assert [(settings.force, settings.reason) for settings in asked] == [(True, "late"), (False, None)]


def test_a_value_may_look_like_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, "operations.train", train=lambda given: given.name)
    assert main(["train", "--name", "--odd name; $(x)", "--transactions=a=b"]) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_every_parameter_with_its_meaning(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    for name, known in parameters(command).items():
        assert any(f"--{name} " in line and known.metadata["meaning"] in line for line in out.splitlines())


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--help"]), main([]), main(["--version"])) == (0, 2, 0)
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)
    assert out.endswith(f"{__version__}\n")


def test_mlflow_is_told_once_and_overrules_nobody(tmp_path: Path) -> None:
    added = mlflow_defaults(tmp_path, {"MLFLOW_TRACKING_URI": ""})
    assert added == {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    assert mlflow_defaults(tmp_path, dict.fromkeys(added, "mine")) == {}
    secret = mlflow_defaults(tmp_path, {"MLFLOW_TRACKING_URI": "http://user:secret@host"})
    assert secret["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true"
