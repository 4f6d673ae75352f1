"""What is written destroys nothing that is read, stands whole or not at all, and runs in no spreadsheet."""

import os
from pathlib import Path

import polars as pl
import pytest

from credit_model.__main__ import main
from credit_model.data import files, paths, writers


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"MLFLOW_TRACKING_URI": "sqlite:///test.db"})
    Path("in").mkdir()
    for path in ("t.csv", "in/1.csv", "in/2.csv", "in/no.html"):
        Path(path).write_text("a\n1\n")
    Path("soft.csv").symlink_to("t.csv")
    Path("page.html").symlink_to("t.csv")
    os.link("in/1.csv", "hard.csv")
    Path("elsewhere").symlink_to("in", target_is_directory=True)


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ("t.csv", "t.csv"),
        ("t.csv", "./in/../t.csv"),
        ("t.csv", "soft.csv"),
        ("soft.csv", "t.csv"),
        ("t.csv", "page.html"),
        ("in", "in/2.csv"),
        ("in", "hard.csv"),
        ("in/*.csv", "elsewhere/1.csv"),
        ("in/[12].csv", "hard.csv"),
        ("in", "in/answers/"),
        ("in", "elsewhere/answers/"),
        ("i*", "in/answers/"),
        ("new.csv", "new.csv"),
    ],
)
def test_what_is_read_is_not_overwritten(given: str, output: str) -> None:
    with pytest.raises(ValueError, match=f"{output.replace('.', '[.]')} would .* names; write to another"):
        paths.check_apart(output, ["absent.csv", given])


@pytest.mark.parametrize(
    ("given", "output"),
    [("t.csv", "u.csv"), ("in", "answers/"), ("in", "in/no.html"), ("in/1.csv", "in/answers/")],
)
def test_what_is_apart_may_be_written(given: str, output: str) -> None:
    paths.check_apart(output, [given])


@pytest.mark.parametrize(
    "words",
    [
        ["score", "--transactions", "t.csv", "--output", "t.csv"],
        ["score", "--transactions", "in", "--decisions", "t.csv", "--output", "soft.csv"],
        ["score_spark", "--transactions", "t.csv", "--output", "t.csv"],
        ["monitor", "--transactions", "in", "--outcomes", "t.csv", "--output", "t.csv"],
        ["explore", "--transactions", "t.csv", "--output", "page.html"],
        ["generate", "--customers", "5", "--days", "5", "--output", "g.csv", "--truth", "g.csv"],
    ],
)
def test_every_command_refuses_it_in_one_sentence(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "would overwrite what" in err
    assert Path("t.csv").read_text() == "a\n1\n"
    assert not Path("g.csv").exists()


def test_a_link_stays_and_its_target_is_written() -> None:
    files.write(pl.DataFrame({"b": [2]}), "soft.csv")
    assert Path("soft.csv").is_symlink()
    assert Path("t.csv").read_text() == "b\n2\n"


def test_a_text_stands_whole_or_not_at_all() -> None:
    with pytest.raises(UnicodeEncodeError):
        writers.write_text("half \ud800", "t.csv")
    assert Path("t.csv").read_text() == "a\n1\n"
    before = sorted(Path().iterdir())
    writers.write_text("whole", "page.html")
    assert Path("page.html").is_symlink()
    assert (Path("t.csv").read_text(), sorted(Path().iterdir())) == ("whole", before)


RUN = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "--1", "-", "'=1"]
LEFT = ["-12", "+256700123", "-1.5e-3", "-1,5", "a=b", "", " =1"]


def test_text_that_a_spreadsheet_would_run_is_quoted_in_csv_alone() -> None:
    table = pl.DataFrame({"CustomerId": RUN + LEFT, "Amount": [-1.5] * len(RUN + LEFT)})
    files.write(table, "answers.csv")
    files.write(table, "answers.parquet")
    found = files.read("answers.csv")
    expected = [f"'{text}" for text in RUN[:-1]] + RUN[-1:] + LEFT
    assert found["CustomerId"].fill_null("").to_list() == expected
    assert set(found["Amount"]) == {"-1.5"}
    assert files.read("answers.parquet").equals(table)
    assert writers.csv_text(table).encode() == Path("answers.csv").read_bytes()


def test_a_table_without_rows_is_said() -> None:
    Path("empty.csv").write_text("CustomerId,TransactionStartTime,Amount\n")
    with pytest.raises(ValueError, match=r"empty\.csv has a header and no rows; give"):
        files.filled(files.read("empty.csv"), "empty.csv")


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (folder := tmp_path / "pages").mkdir()
    page = folder / "page.html"
    page.write_text("old")
    with pytest.raises(ValueError, match=r"page.html cannot be written: the disk is full; free some space"):
        fill(str(page))
    assert list(folder.iterdir()) == [page]
    assert page.read_text() == "old"


def fill(path: str) -> None:
    with writers.whole(path) as unfinished:
        unfinished.write_text("half")
        Path("/dev/full").write_text("rest")
