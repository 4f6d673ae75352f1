"""What is written is what is read; what cannot be read is said in one sentence."""

import csv
import gzip
import json
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data import cells, files
from credit_model.settings import lists

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
HARMLESS = TEXTS.filter(lambda text: text[:1] not in {"=", "+", "-", "@"})
WORDS = st.text(string.ascii_letters + '0123456789 ,"=;', min_size=1, max_size=8).filter(
    lambda word: word == word.strip() and "=" not in word
)
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@given(rows=st.lists(st.tuples(st.none() | HARMLESS, st.none() | st.floats(allow_nan=False)), min_size=1))
def test_csv_written_is_csv_read(folder: Path, rows: list[tuple[str | None, float | None]]) -> None:
    path = str(folder / "round.csv")
    schema = {"CustomerId": pl.String, "Amount": pl.Float64}
    files.write(pl.DataFrame(rows, schema=schema, orient="row"), path)
    back = files.read(path)
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
        assert files.write_frames([whole.head(cut), whole.slice(cut)], pieces) == len(rows)
        files.write(whole, at_once)
        assert files.read(pieces).equals(files.read(at_once))
    assert files.read(pieces).equals(whole)


@given(moment=TIMES)
def test_times_in_csv_are_iso_text_in_utc(folder: Path, moment: datetime) -> None:
    path = folder / "times.csv"
    aware = pl.Series([moment], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone("Africa/Kampala")
    files.write(pl.DataFrame({"naive": [moment], "aware": aware}), str(path))
    naive, zoned = path.read_text().splitlines()[1].split(",")
    assert naive == zoned
    assert naive.endswith("Z")
    assert datetime.fromisoformat(naive) == moment.replace(tzinfo=UTC)


def test_a_whole_second_has_no_fraction_in_csv(folder: Path) -> None:
    path = folder / "second.csv"
    files.write(pl.DataFrame({"t": [datetime(2018, 11, 15, 2, 18, 49)]}), str(path))
    assert path.read_text() == "t\n2018-11-15T02:18:49Z\n"


@given(texts=st.none() | st.lists(TEXTS, max_size=3))
def test_nested_columns_are_json_in_csv(folder: Path, texts: list[str] | None) -> None:
    path = folder / "nested.csv"
    reasons = None if texts is None else [{"code": "R1", "text": text} for text in texts]
    dtype = pl.List(pl.Struct({"code": pl.String, "text": pl.String}))
    files.write(pl.DataFrame({"id": ["a"], "reasons": pl.Series([reasons], dtype=dtype)}), str(path))
    with path.open(newline="", encoding="utf-8") as source:
        cell = next(csv.DictReader(source))["reasons"]
    assert (json.loads(cell) if cell else None) == reasons


def test_ids_keep_their_zeros_and_empty_cells_are_null(folder: Path) -> None:
    path = folder / "ids.csv"
    path.write_bytes('\ufeffCustomerId,Amount\r\n00012,""\r\n9007199254740993,NaN\r\n'.encode())
    assert files.read(str(path)).rows() == [("00012", None), ("9007199254740993", "NaN")]


def test_a_folder_and_a_pattern_are_one_table_matched_by_name(tmp_path: Path) -> None:
    (tmp_path / "ProductCategory=tv").mkdir()
    pl.DataFrame({"Amount": [1], "CustomerId": ["a"]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"CustomerId": ["b"], "Amount": [2.5]}).write_parquet(
        tmp_path / "ProductCategory=tv" / "2.parquet"
    )
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".1.parquet").write_text("hidden and no table")
    table = files.read(str(tmp_path)).sort("CustomerId")
    assert table.to_dicts() == [
        {"Amount": 1.0, "CustomerId": "a", "ProductCategory": None},
        {"Amount": 2.5, "CustomerId": "b", "ProductCategory": "tv"},
    ]
    assert files.read(str(tmp_path / "**" / "[0-9].parquet")).height == 2


def test_csv_files_of_one_table_are_matched_by_name(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    with gzip.open(tmp_path / "2.csv.gz", "wt") as packed:
        packed.write("b,a\n3,4\n")
    assert files.read(str(tmp_path)).to_dict(as_series=False) == {"a": ["1", "4"], "b": ["2", "3"]}


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
        files.read(str(path))
    assert str(path) in str(fault.value)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.csv", "does not exist"),
        ("absent/x.parquet", "does not exist"),
        ("*.csv", "matches no file"),
        (".", "holds no .csv, .csv.gz or .parquet file"),
    ],
)
def test_a_table_that_is_not_there(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=f"{tmp_path}.* {said}; check the path"):
        files.scan(str(tmp_path / name))


def test_a_folder_takes_endings_in_any_case_and_passes_other_files_over(tmp_path: Path) -> None:
    for name in ("1.parquet", "2.PARQUET"):
        pl.DataFrame({"a": [name]}).write_parquet(tmp_path / name)
    (tmp_path / "notes.xlsx").write_text("no table")
    assert files.read(str(tmp_path))["a"].to_list() == ["1.parquet", "2.PARQUET"]


def test_a_pattern_may_match_folders(tmp_path: Path) -> None:
    for month in ("2019-01", "2019-02", "2020-01"):
        (tmp_path / month).mkdir()
        pl.DataFrame({"a": [month]}).write_parquet(tmp_path / month / "1.parquet")
        (tmp_path / month / "_SUCCESS").touch()
    for pattern in ("2019-*", "2019-*/*", "2019-*/**"):
        assert files.read(str(tmp_path / pattern))["a"].to_list() == ["2019-01", "2019-02"]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (pl.Series([7]), pl.Series(["8"]), ["7", "8"]),
        (pl.Series([7]), pl.Series([8.5]), [7.0, 8.5]),
        (pl.Series([Decimal("7.5")]), pl.Series([True]), [Decimal("7.5"), Decimal(1)]),
        (pl.Series([None], dtype=pl.Null), pl.Series(["8"]), [None, "8"]),
        (pl.Series(["7"], dtype=pl.Categorical), pl.Series(["8"], dtype=pl.Enum(["8"])), ["7", "8"]),
    ],
)
def test_types_that_keep_their_values_go_together(
    tmp_path: Path, first: pl.Series, second: pl.Series, together: list[object]
) -> None:
    pl.DataFrame({"a": first}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"a": second}).write_parquet(tmp_path / "2.parquet")
    assert files.read(str(tmp_path))["a"].to_list() == together


@given(moment=TIMES)
def test_moments_of_every_type_are_the_same_moment(folder: Path, moment: datetime) -> None:
    kinds = folder / "kinds"
    kinds.mkdir(exist_ok=True)
    naive = pl.Series("t", [moment], dtype=pl.Datetime("us"))
    zoned = naive.dt.replace_time_zone("UTC").dt.convert_time_zone("Africa/Kampala")
    for name, column in {"1": naive, "2": zoned, "3": naive.dt.cast_time_unit("ns")}.items():
        column.to_frame().write_parquet(kinds / f"{name}.parquet")
    (kinds / "4.parquet").unlink(missing_ok=True)
    assert files.read(str(kinds))["t"].to_list() == [moment] * 3
    naive.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_frame().write_parquet(kinds / "4.parquet")
    texts = files.read(str(kinds))["t"]
    assert cells.read(texts, cells.times)[0].to_list() == [moment] * 4


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            pl.Series([1.0]),
            pl.Series(["secret"]),
            r"decimal numbers in 2 \(.*1.parquet\), text in 1 \(.*3.parquet\)",
        ),
        (pl.Series([datetime(2019, 1, 1)]), pl.Series([1546300800]), "times in 2 .*, whole numbers in 1"),
        (pl.Series(["x"]), pl.Series([["secret"]]), r"text in 2 .*, List\(String\) in 1"),
    ],
)
def test_types_that_could_change_a_value_are_refused_by_name_and_count(
    tmp_path: Path, first: pl.Series, second: pl.Series, said: str
) -> None:
    for name, column in {"1": first, "2": first, "3": second}.items():
        pl.DataFrame({"Amount": column}).write_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(
        ValueError, match=f"Amount in types that do not go together: {said}.*; write it in one"
    ) as fault:
        files.read(str(tmp_path))
    assert "secret" not in str(fault.value)
    assert files.read(str(tmp_path), only=["CustomerId"]).is_empty()


def test_every_file_must_have_what_is_needed_under_its_own_name(tmp_path: Path) -> None:
    files.write(pl.DataFrame({"client": ["a"], "Amount": [1]}), str(tmp_path / "1.csv"))
    files.write(pl.DataFrame({"CustomerId": ["b"], "Amount": [2]}), str(tmp_path / "2.csv"))
    needed, mapped = ("CustomerId", "Amount"), {"CustomerId": "client"}
    assert files.read(str(tmp_path), mapped, needed)["CustomerId"].to_list() == ["a", "b"]
    files.write(pl.DataFrame({"CustomerId": ["c"], "amount": [3]}), str(tmp_path / "3.csv"))
    said = r"1 of 3 files \(the first: .*3\.csv\) lacks the column Amount; did you mean amount"
    with pytest.raises(ValueError, match=said):
        files.scan(str(tmp_path), mapped, needed)
    (tmp_path / "3.csv").write_text("CustomerId;Amount\nc;3\n")
    assert files.read(str(tmp_path), mapped, needed)["Amount"].to_list() == ["1", "2", "3"]


def test_a_column_that_some_files_lack_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, table in {"1": {"a": [1], "b": [2]}, "2": {"a": [3]}}.items():
        pl.DataFrame(table).write_parquet(tmp_path / f"{name}.parquet")
    assert files.read(str(tmp_path))["b"].to_list() == [2, None]
    assert f"b is absent in 1 of 2 files, and missing there (the first: {tmp_path}/2.parquet)" in caplog.text
    caplog.clear()
    assert files.read(str(tmp_path), only=["a"]).columns == ["a"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "content"), [("2.csv", b""), ("2.csv", b"a\n1,secret\n"), ("2.csv", b"a\nsecret\xe9\n")]
)
def test_the_broken_one_of_several_files_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{tmp_path}/{name} cannot be read as CSV") as fault:
        files.read(str(tmp_path))
    assert "secret" not in str(fault.value)


def test_a_fault_that_is_not_the_files_is_not_laid_on_them(tmp_path: Path) -> None:
    files.write(pl.DataFrame({"a": [1]}), str(tmp_path / "1.csv"))
    with pytest.raises(OSError, match="No space left"), files.reading(str(tmp_path)):
        raise OSError(28, "No space left on device")


def test_a_folder_of_both_kinds_is_refused(tmp_path: Path) -> None:
    files.write(pl.DataFrame({"a": [1]}), str(tmp_path / "1.csv"))
    files.write(pl.DataFrame({"a": [1]}), str(tmp_path / "1.parquet"))
    with pytest.raises(ValueError, match="both CSV and Parquet"):
        files.read(str(tmp_path))


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [2]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_frames(interrupted(), f"{tmp_path}/folder/")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"answers.{kind}"
    files.write(pl.DataFrame({"a": [1]}), str(path))
    before = path.read_bytes()

    def interrupted() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [2]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_frames(interrupted(), str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither CSV nor Parquet"):
        files.write(pl.DataFrame({"a": [1]}), str(tmp_path / "x.json"))
    with pytest.raises(ValueError, match="does not exist; create it first"):
        files.write(pl.DataFrame({"a": [1]}), str(tmp_path / "absent" / "x.csv"))
    with pytest.raises(ValueError, match="nothing to write"):
        files.write_frames([], str(tmp_path / "y.csv"))
    assert not (tmp_path / "y.csv").exists()


def test_a_folder_gets_a_file_for_each_frame(tmp_path: Path) -> None:
    frames = [pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [3]})]
    new, there = f"{tmp_path}/new/", tmp_path / "there"
    there.mkdir()
    for path in (new, str(there)):
        assert files.write_frames(frames, path) == 3
        assert [file.name for file in files.files(path)] == ["part-00000.parquet", "part-00001.parquet"]
        assert files.read(path)["a"].to_list() == [1, 2, 3]
        with pytest.raises(ValueError, match="exists already and is not empty; name a new folder"):
            files.write_frames(frames, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new", "there"]


def test_a_mapped_column_wins_and_the_rest_stay() -> None:
    table = pl.DataFrame({"Amount": [1], "Value": [2], "other": [3]})
    swapped = files.rename(table, {"Amount": "Value", "Value": "Amount", "CustomerId": "absent"})
    assert swapped.row(0, named=True) == {"Amount": 2, "Value": 1, "other": 3}
    assert files.rename(table, {"Amount": "other"}).row(0, named=True) == {"Amount": 3, "Value": 2}
    both = files.rename(table, {"CustomerId": "other", "AccountId": "other"})
    assert both.row(0, named=True) == {"CustomerId": 3, "AccountId": 3, "Amount": 1, "Value": 2}
    assert files.rename(table.lazy(), {"CustomerId": "other"}).collect().columns[0] == "CustomerId"


def test_a_missing_column_is_named_with_its_neighbour() -> None:
    table = pl.DataFrame({"amount": [1], "client": [2]})
    with pytest.raises(ValueError, match=r"file\.csv lacks the column Amount; did you mean amount"):
        files.rename(table, {}, needed=["Amount"], source="file.csv")
    with pytest.raises(
        ValueError, match="lacks the column 'cliente', mapped to CustomerId; did you mean client"
    ):
        files.rename(table, {"CustomerId": "cliente"}, needed=["CustomerId"])
    with pytest.raises(ValueError, match="choose from amount, client"):
        files.rename(table, {}, needed=["TransactionStartTime"])


@given(columns=st.dictionaries(WORDS, TEXTS.map(str.strip).filter(bool), max_size=4))
def test_a_mapping_reads_as_it_was_formatted(columns: dict[str, str]) -> None:
    assert lists.split_pairs(lists.join_pairs(columns)) == columns


@given(items=st.lists(WORDS, max_size=4))
def test_a_list_reads_as_it_was_joined(items: list[str]) -> None:
    assert lists.split(lists.join(items)) == items


@pytest.mark.parametrize(
    ("text", "said"), [("client", "is not a pair"), ("a=", "is not a pair"), ("a=b,a=c", "is mapped twice")]
)
def test_a_text_that_is_no_mapping(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lists.split_pairs(text)
