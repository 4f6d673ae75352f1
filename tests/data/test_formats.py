"""Cells written as the user says are read so, alone so, and whatever speaks against it is refused without a word of a cell."""

import gzip
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.data import doubts, files, formats
from credit_model.data.date_formats import read_date_format
from credit_model.data.formats import AS_READ, Formats
from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.serving.spark import job
from credit_model.settings.settings import Settings
from credit_model.training import workflow

DAYS = st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1))
MARKED = Formats("%d.%m.%Y", "comma")
BOTH = "CustomerId;TransactionStartTime;Amount\na;13.02.2019;1.234,5\nb;1.2.2019;-7\nc;;\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.mark.parametrize(
    "date_format",
    [
        "%d.%m.%Y %H:%M:%S.%f",
        "%m/%d/%Y %I:%M:%S.%f %p",
        "%d %b %Y %H:%M:%S.%f",
        "%B %d, %Y %H:%M:%S.%f",
        "%Y-%d-%m %H:%M:%S.%f%z",
        "%Y%m%d%H%M%S.%f",
    ],
)
@given(moment=DAYS)
@settings(max_examples=20)
def test_a_moment_reads_as_it_was_written(folder: Path, date_format: str, moment: datetime) -> None:
    text = moment.strftime(date_format.replace("%z", "+0000"))
    path = folder / "moments.parquet"
    pl.DataFrame({"as_of": [f" {text} ", "", None]}).write_parquet(path)
    found = files.read(str(path), formats=Formats(read_date_format(date_format)))
    assert found["as_of"].to_list() == [moment, None, None]


@settings(max_examples=50)
@given(amount=st.decimals(-(10**9), 10**9, places=2))
def test_a_number_reads_as_it_was_written_with_a_comma(folder: Path, amount: object) -> None:
    path = folder / "amounts.parquet"
    plain, grouped = f"{amount}".replace(".", ","), f"{amount:,}".translate(str.maketrans(",.", ".,"))
    pl.DataFrame({"Amount": [plain, grouped, f" {grouped.replace('.', ' ')} "]}).write_parquet(path)
    found = files.read(str(path), formats=Formats(decimal="comma"))["Amount"]
    assert found.to_list() == [float(str(amount))] * 3


@pytest.mark.parametrize("kind", [pl.Int64, pl.UInt32, pl.Float64, pl.String])
def test_whole_numbers_are_dates_where_the_format_says_so(tmp_path: Path, kind: type[pl.DataType]) -> None:
    path = tmp_path / "dates.parquet"
    pl.DataFrame({"as_of": pl.Series([20190213, None]).cast(kind)}).write_parquet(path)
    found = files.read(str(path), formats=Formats("%Y%m%d"))
    assert found["as_of"].to_list() == [datetime(2019, 2, 13), None]


def test_real_times_and_numbers_stay_as_they_are(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"TransactionStartTime": [datetime(2019, 2, 3)], "Amount": [1.5], "ProductId": ["1,5"]}
    )
    table.write_parquet(tmp_path / "t.parquet")
    assert files.read(str(tmp_path / "t.parquet"), formats=MARKED).equals(table)


@pytest.mark.parametrize(
    ("date_format", "cell"),
    [
        ("%d.%m.%Y", "2019-02-13"),
        ("%Y-%d-%m", "2019-02-13"),
        ("%d/%m/%Y", "02/13/2019"),
        ("%d.%m.%Y", "13.02.19"),
        ("%d.%m.%Y", "13.02.2019 10:00"),
        ("%d.%m.%Y", "31.02.2019"),
        ("%Y%m%d", "2019021"),
        ("%H:%M:%S %d.%m.%Y", "10:00:60 13.02.2019"),
        ("%d.%m.%Y", "13.02.1750"),
        ("%d.%m.%Y", "x"),
    ],
)
def test_a_cell_is_read_by_the_format_alone(tmp_path: Path, date_format: str, cell: str) -> None:
    (tmp_path / "1.csv").write_text("as_of\n\n")
    moment = datetime(2019, 3, 4).strftime(date_format)
    (tmp_path / "2.csv").write_text(f"as_of,x\n{moment},1\n,\n{cell},1\n{cell},1\n")
    said = rf"as_of: 2 rows are not written as date_format={date_format} says \(the first: row 3 of .*2\.csv\); correct"
    with pytest.raises(ValueError, match=said) as fault:
        files.scan(str(tmp_path), formats=Formats(date_format))
    assert cell not in str(fault.value).replace(str(tmp_path), "").partition("(")[0]


@pytest.mark.parametrize("cell", ["1.234", "12.5", "1,2,3", "1.23,4", "secret", "1e5.0", "NaN"])
def test_a_number_is_read_with_the_comma_alone(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f'Amount;CustomerId\n"1,5";a\n{cell};b\n')
    said = r"Amount: 1 row is no number.*\(the first: row 2 of .*t\.csv\); correct .*decimal=point"
    with pytest.raises(ValueError, match=said) as fault:
        files.scan(str(path), formats=Formats(decimal="comma"))
    assert cell not in str(fault.value)


@pytest.mark.parametrize(
    "text",
    [
        "%d.%m",
        "%H:%M",
        "abc",
        "%Q.%d.%m.%Y",
        "%d.%m.%Y %H",
        "%d.%m.%Y %I:%M",
        "%d.%d.%m.%Y",
        "%d.%m.%Y,%f",
        "%d.%m.%Y %",
    ],
)
def test_a_format_must_say_a_whole_moment(text: str) -> None:
    with pytest.raises(ValueError, match="does not say a whole date, once; give iso, or codes such as"):
        read_date_format(text)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a;b\n1;2\n", ["a", "b"]),
        ("a\tb\n1\t2\n", ["a", "b"]),
        ('\ufeff"a,x";b\r\n1;2\r\n', ["a,x", "b"]),
        ("\n\na;b\n1;2\n", ["a", "b"]),
        ("a;x,b\n1,2\n", ["a;x", "b"]),
        ('"a;x",b\n1,2\n', ["a;x", "b"]),
        ("a;x\tb\n1\n", ["a;x\tb"]),
        ("a\n1;2\n", ["a"]),
    ],
)
def test_what_stands_between_cells_is_seen_in_the_header(
    tmp_path: Path, content: str, columns: list[str]
) -> None:
    (tmp_path / "t.csv").write_bytes(content.encode())
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(content.encode()))
    for name in ("t.csv", "t.csv.gz"):
        table = files.read(str(tmp_path / name))
        assert table.columns == columns
        assert table.row(0) == ("1", "2")[: len(columns)] or columns == ["a"]


def test_each_file_of_a_folder_has_its_own_mark(tmp_path: Path) -> None:
    for name, mark in {"1": ";", "2": ",", "3": "\t"}.items():
        (tmp_path / f"{name}.csv").write_text(f"a{mark}b\n1{mark}2\n")
    assert files.read(str(tmp_path)).rows() == [("1", "2")] * 3


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "secret,b\n1,2\n".encode("utf-16"), "UTF-8 text"),
        ("t.csv", "secret,b\n1,2\n".encode("utf-16-le"), "UTF-8 text"),
        ("t.csv", b"secret\xe9,b\n1,2\n", "UTF-8 text"),
        ("t.csv", b"PK\x03\x04\x00secret,\x00", "UTF-8 text"),
        ("t.csv", b"a,b\rsecret,2\r", "lines that end in LF or CRLF"),
        (
            "t.csv.gz",
            gzip.compress(b"a,b\n" + bytes(range(65, 91)) * 9, mtime=0)[:-12],
            "gzip data are damaged or cut short",
        ),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:5], "cannot be read as CSV"),
        ("t.csv", b"1000,2019-02-13\n7,2019-02-14\n", "its first line must hold the names of the columns"),
        ("t.csv", b"1000,1000\n7,8\n", "two columns; rename"),
    ],
)
def test_what_is_no_csv_of_ours_is_said_without_its_content(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said) as fault:
        files.read(str(tmp_path / name), needed=["Amount"])
    shown = str(fault.value).replace(str(tmp_path), "")
    assert shown.isprintable()
    assert not any(word in shown for word in ("secret", "1000", "2019-02-13"))


def test_brackets_of_a_name_are_no_pattern(tmp_path: Path) -> None:
    for name, value in {"a[1].csv": "mine", "a1.csv": "other"}.items():
        (tmp_path / name).write_text(f"a,b\n{value},1\n")
    for name, value in {"a[1].parquet": "mine", "a1.parquet": "other"}.items():
        pl.DataFrame({"a": [value]}).write_parquet(tmp_path / name)
    for name in ("a[1].csv", "a[1].parquet"):
        assert files.read(str(tmp_path / name))["a"].to_list() == ["mine"]
    assert sorted(files.read(str(tmp_path / "*.csv"))["a"]) == ["mine", "other"]
    assert sorted(files.read(str(tmp_path / "*.parquet"))["a"]) == ["mine", "other"]


ROW = formats.row


def test_attributes_get_points_and_categories_stay() -> None:
    table = pl.DataFrame({"amount": ["1,5", "2", ""], "code": ["007", "012", "3"], "kind": ["a", "1,5", "b"]})
    found = formats.attributes(table, table.columns, "comma", ROW)
    assert found["amount"].to_list() == ["1.5", "2", None]
    assert found.select("code", "kind").equals(table.select("code", "kind"))
    assert formats.attributes(table, table.columns, "point", ROW).equals(table)
    with pytest.raises(
        ValueError,
        match=r"amount: 1 row is .* comma \(the first: row 1\); say decimal=comma",
    ):
        formats.attributes(table, table.columns, None, ROW)
    points = pl.DataFrame({"amount": ["1,5", "1.234"]})
    with pytest.raises(
        ValueError, match=r"amount: 1 row is written with a decimal point .*\(the first: row 2\)"
    ):
        formats.attributes(points, ["amount"], "comma", ROW)


def transactions(times: list[str], amounts: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"CustomerId": ["a"] * len(times), "TransactionStartTime": times, "Amount": amounts})


def test_transactions_that_are_surely_written_otherwise_are_refused_with_the_remedy() -> None:
    comma = transactions(["2019-01-01"] * 2, ["1", "1,5"])
    with pytest.raises(
        ValueError, match=r"Amount: 1 row is .* comma.*\(the first: row 2\); say decimal=comma"
    ):
        doubts.refuse_doubtful(comma, None, ROW)
    doubts.refuse_doubtful(comma, "point", ROW)
    with pytest.raises(
        ValueError, match=r"TransactionStartTime: 2 rows .* say how they are written, such as date_format="
    ):
        doubts.refuse_doubtful(transactions(["13.02.2019"] * 2, ["1", "2"]), None, ROW)
    doubts.refuse_doubtful(transactions(["13.02.2019", "2019-01-01"], ["1", "2"]), None, ROW)


def test_doubts_of_decisions_are_told_with_the_file_and_its_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1.csv").write_text("CustomerId,as_of\na,2019-01-01\n")
    (tmp_path / "2.csv").write_text("CustomerId;as_of;income\nb;2019-01-01;\nc;13.02.2019;1,5\n")
    doubts.warn(files.read(str(tmp_path)), ["income"], files.place(str(tmp_path)))
    assert "as_of: 1 row is unreadable as ISO-8601 times (the first: row 2 of" in caplog.text
    assert "income: 1 row is written with a decimal comma" in caplog.text
    assert caplog.text.count("2.csv); say") == 2
    assert "13.02" not in caplog.text


def test_every_format_reaches_the_outcomes_and_the_model(tmp_path: Path) -> None:
    rows = [
        f"c{k};{k % 28 + 1:02}.{k % 12 + 1:02}.2019;{('Yes', 'no', 'charged off')[k % 3]};{k},5"
        for k in range(300)
    ]
    path = tmp_path / "loans.csv"
    path.write_text("\n".join(["client;as_of;defaulted;loan_amount", *rows]))
    given_settings = Settings(
        outcomes=str(path),
        columns={"CustomerId": "client"},
        attributes=("loan_amount",),
        date_format="%d.%m.%Y",
        decimal="comma",
        bad_values=("yes", "charged off"),
    )
    sample = workflow._sample(given_settings, tidy_table(pl.DataFrame(schema=SCHEMA)))
    assert "rows that are bad (bad_values): 100 by 'yes', 100 by 'charged off'" in sample.lines
    assert sample.decisions["bad"].to_list()[:3] == [1, 0, 1]
    assert sample.decisions["loan_amount"].to_list()[:2] == [0.5, 1.5]
    assert sample.decisions["as_of"][1] == datetime(2019, 2, 2)
    assert sample.recipe.formats == MARKED
    with pytest.raises(
        ValueError, match=r"as_of: 300 rows are unreadable .*row 1 of .*loans\.csv.*date_format="
    ):
        workflow._sample(replace(given_settings, date_format=None), tidy_table(pl.DataFrame(schema=SCHEMA)))


@pytest.mark.parametrize(
    ("written", "kinds", "odd"),
    [
        (
            MARKED,
            {"TransactionStartTime": "string", "Amount": "string", "ProductId": "string"},
            "Amount, Tra",
        ),
        (
            Formats("%Y%m%d"),
            {"TransactionStartTime": "int", "Amount": "string"},
            "TransactionStartTime neither",
        ),
        (Formats(decimal="comma"), {"TransactionStartTime": "string", "Value": "string"}, "Value neither"),
        (MARKED, {"TransactionStartTime": "timestamp", "Amount": "double"}, None),
        (AS_READ, {"TransactionStartTime": "string", "Amount": "string"}, None),
    ],
)
def test_spark_refuses_what_it_would_read_otherwise(
    written: Formats, kinds: dict[str, str], odd: str | None
) -> None:
    table: Any = SimpleNamespace(dtypes=list(kinds.items()), columns=list(kinds))
    if odd is None:
        job._check_formats(table, written)
    else:
        with pytest.raises(
            ValueError, match=f"score_spark reads {odd}.*; convert them .* first, or use score"
        ):
            job._check_formats(table, written)


def test_what_is_said_comes_before_what_is_remembered() -> None:
    assert MARKED.said(None, None) == MARKED
    assert MARKED.said("iso", "point") == AS_READ
    assert Formats.from_dict(MARKED.to_dict()) == MARKED
    assert Formats.from_dict({}) == AS_READ
