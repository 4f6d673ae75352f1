"""What is written is what is read; what cannot be read is said in one sentence."""

import csv
import gzip
import json
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model import lists, tables

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
WORDS = st.text(string.ascii_letters + '0123456789 ,"=;', min_size=1, max_size=8).filter(
    lambda word: word == word.strip() and "=" not in word
)
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@given(rows=st.lists(st.tuples(st.none() | TEXTS, st.none() | st.floats(allow_nan=False)), min_size=1))
def test_csv_written_is_csv_read(folder: Path, rows: list[tuple[str | None, float | None]]) -> None:
    path = str(folder / "round.csv")
    schema = {"CustomerId": pl.String, "Amount": pl.Float64}
    tables.write(pl.DataFrame(rows, schema=schema, orient="row"), path)
    back = tables.read(path)
    assert back.schema == {"CustomerId": pl.String, "Amount": pl.String}
    assert back["CustomerId"].to_list() == [text or None for text, _ in rows]
    assert back["Amount"].cast(pl.Float64).to_list() == [amount for _, amount in rows]


@given(rows=st.lists(st.tuples(TEXTS, TIMES), min_size=1), cut=st.integers(0, 5))
def test_frames_written_one_by_one_are_the_whole(
    folder: Path, rows: list[tuple[str, datetime]], cut: int
) -> None:
    whole = pl.DataFrame(rows, schema={"a": pl.String, "t": pl.Datetime("us")}, orient="row")
    for kind in ("csv", "parquet"):
        pieces, at_once = str(folder / f"pieces.{kind}"), str(folder / f"whole.{kind}")
        assert tables.write_frames([whole.head(cut), whole.slice(cut)], pieces) == len(rows)
        tables.write(whole, at_once)
        assert tables.read(pieces).equals(tables.read(at_once))
    assert tables.read(pieces).equals(whole)


@given(moment=TIMES)
def test_times_in_csv_are_iso_text_in_utc(folder: Path, moment: datetime) -> None:
    path = folder / "times.csv"
    aware = pl.Series([moment], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone("Africa/Kampala")
    tables.write(pl.DataFrame({"naive": [moment], "aware": aware}), str(path))
    naive, zoned = path.read_text().splitlines()[1].split(",")
    assert naive == zoned
    assert naive.endswith("Z")
    assert datetime.fromisoformat(naive) == moment.replace(tzinfo=UTC)


def test_a_whole_second_has_no_fraction_in_csv(folder: Path) -> None:
    path = folder / "second.csv"
    tables.write(pl.DataFrame({"t": [datetime(2018, 11, 15, 2, 18, 49)]}), str(path))
    assert path.read_text() == "t\n2018-11-15T02:18:49Z\n"


@given(texts=st.none() | st.lists(TEXTS, max_size=3))
def test_nested_columns_are_json_in_csv(folder: Path, texts: list[str] | None) -> None:
    path = folder / "nested.csv"
    reasons = None if texts is None else [{"code": "R1", "text": text} for text in texts]
    dtype = pl.List(pl.Struct({"code": pl.String, "text": pl.String}))
    tables.write(pl.DataFrame({"id": ["a"], "reasons": pl.Series([reasons], dtype=dtype)}), str(path))
    with path.open(newline="", encoding="utf-8") as source:
        cell = next(csv.DictReader(source))["reasons"]
    assert (json.loads(cell) if cell else None) == reasons


def test_ids_keep_their_zeros_and_empty_cells_are_null(folder: Path) -> None:
    path = folder / "ids.csv"
    path.write_bytes('\ufeffCustomerId,Amount\r\n00012,""\r\n9007199254740993,NaN\r\n'.encode())
    assert tables.read(str(path)).rows() == [("00012", None), ("9007199254740993", "NaN")]


def test_a_folder_and_a_pattern_are_one_table_matched_by_name(tmp_path: Path) -> None:
    (tmp_path / "ProductCategory=tv").mkdir()
    pl.DataFrame({"Amount": [1], "CustomerId": ["a"]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"CustomerId": ["b"], "Amount": [2.5]}).write_parquet(
        tmp_path / "ProductCategory=tv" / "2.parquet"
    )
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".1.parquet").write_text("hidden and no table")
    table = tables.read(str(tmp_path)).sort("CustomerId")
    assert table.to_dicts() == [
        {"Amount": 1.0, "CustomerId": "a", "ProductCategory": None},
        {"Amount": 2.5, "CustomerId": "b", "ProductCategory": "tv"},
    ]
    assert tables.read(str(tmp_path / "**" / "[0-9].parquet")).height == 2


def test_csv_files_of_one_table_are_matched_by_name(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    with gzip.open(tmp_path / "2.csv.gz", "wt") as packed:
        packed.write("b,a\n3,4\n")
    assert tables.read(str(tmp_path)).to_dict(as_series=False) == {"a": ["1", "4"], "b": ["2", "3"]}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "cannot be read as CSV"),
        ("long.csv", b"a,b\n1,2,secret\n", "cannot be read as CSV"),
        ("latin.csv", b"a,b\n\xe9,secret\n", "UTF-8"),
        ("open.csv", b'a,b\n"1,secret\n3,4\n', "cannot be read as CSV"),
        ("cut.parquet", b"PAR1secret", "cannot be read as Parquet"),
        ("twice.csv", b"Amount,Amount\n1,2\n", "two columns named 'Amount'"),
        ("table.xlsx", b"secret", "neither CSV nor Parquet by its ending"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as fault:
        tables.read(str(path))
    assert str(path) in str(fault.value)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize("name", ["absent.csv", "*.csv", ".", "absent/x.parquet"])
def test_a_table_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"does not exist or holds no \.csv or \.parquet file"):
        tables.scan(str(tmp_path / name))


def test_a_folder_of_both_kinds_is_refused(tmp_path: Path) -> None:
    tables.write(pl.DataFrame({"a": [1]}), str(tmp_path / "1.csv"))
    tables.write(pl.DataFrame({"a": [1]}), str(tmp_path / "1.parquet"))
    with pytest.raises(ValueError, match="both CSV and Parquet"):
        tables.read(str(tmp_path))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"answers.{kind}"
    tables.write(pl.DataFrame({"a": [1]}), str(path))
    before = path.read_bytes()

    def interrupted() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [2]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.write_frames(interrupted(), str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither CSV nor Parquet"):
        tables.write(pl.DataFrame({"a": [1]}), str(tmp_path / "x.json"))
    with pytest.raises(ValueError, match="does not exist; create it first"):
        tables.write(pl.DataFrame({"a": [1]}), str(tmp_path / "absent" / "x.csv"))
    with pytest.raises(ValueError, match="is a folder"):
        tables.check_output(str(_folder(tmp_path / "x.csv")))
    with pytest.raises(ValueError, match="nothing to write"):
        tables.write_frames([], str(tmp_path / "y.csv"))
    assert not (tmp_path / "y.csv").exists()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_mapped_column_wins_and_the_rest_stay() -> None:
    table = pl.DataFrame({"Amount": [1], "Value": [2], "other": [3]})
    swapped = tables.rename(table, {"Amount": "Value", "Value": "Amount", "CustomerId": "absent"})
    assert swapped.row(0, named=True) == {"Amount": 2, "Value": 1, "other": 3}
    assert tables.rename(table, {"Amount": "other"}).row(0, named=True) == {"Amount": 3, "Value": 2}
    both = tables.rename(table, {"CustomerId": "other", "AccountId": "other"})
    assert both.row(0, named=True) == {"CustomerId": 3, "AccountId": 3, "Amount": 1, "Value": 2}
    assert tables.rename(table.lazy(), {"CustomerId": "other"}).collect().columns[0] == "CustomerId"


def test_a_missing_column_is_named_with_its_neighbour() -> None:
    table = pl.DataFrame({"amount": [1], "client": [2]})
    with pytest.raises(ValueError, match=r"file\.csv lacks the column Amount; did you mean amount"):
        tables.rename(table, {}, needed=["Amount"], source="file.csv")
    with pytest.raises(
        ValueError, match="lacks the column 'cliente', mapped to CustomerId; did you mean client"
    ):
        tables.rename(table, {"CustomerId": "cliente"}, needed=["CustomerId"])
    with pytest.raises(ValueError, match="choose from amount, client"):
        tables.rename(table, {}, needed=["TransactionStartTime"])


@given(columns=st.dictionaries(WORDS, TEXTS.map(str.strip).filter(bool), max_size=4))
def test_a_mapping_reads_as_it_was_formatted(columns: dict[str, str]) -> None:
    assert tables.parse_columns(tables.format_columns(columns)) == columns


@given(items=st.lists(WORDS, max_size=4))
def test_a_list_reads_as_it_was_joined(items: list[str]) -> None:
    assert lists.split(lists.join(items)) == items


@pytest.mark.parametrize(
    ("text", "said"), [("client", "is not a pair"), ("a=", "is not a pair"), ("a=b,a=c", "is mapped twice")]
)
def test_a_text_that_is_no_mapping(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tables.parse_columns(text)
