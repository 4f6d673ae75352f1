"""A page is self-contained, escapes what it shows, and is the same for the same parts."""

from html.parser import HTMLParser

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from credit_model.reporting.page import Block, Note, Picture, Section, Table, _cell, page


class Reader(HTMLParser):
    """Collects tags with their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def picture() -> Picture:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2], [2, 1])
    return Picture(figure, "a line", "falls from 2 to 1")


@given(text=st.text(alphabet=st.sampled_from("<>&\"'/ab{}%"), min_size=1, max_size=30))
def test_no_text_becomes_markup(text: str) -> None:
    blocks: list[Block] = [text, Note(text), Table(pl.DataFrame({text: [text]}), text)]
    plain = page("t", "s", [Section("x", ["p", Note("n"), Table(pl.DataFrame({"c": ["v"]}), "k")])])
    hostile = page(text, text, [Section(text, blocks)])
    assert [tag for tag, _ in read(hostile).tags] == [tag for tag, _ in read(plain).tags]


def test_it_needs_nothing_else() -> None:
    reader = read(page("t", "s", [Section("one", [picture()]), Section("two", ["text"])]))
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "link", "iframe"}
    sources = [attrs["src"] for tag, attrs in reader.tags if tag == "img"]
    assert all(source is not None and source.startswith("data:image/png;base64,") for source in sources)
    assert all(attrs.get("alt") for tag, attrs in reader.tags if tag == "img")


def test_a_wide_table_scrolls_under_its_name_and_a_narrow_one_need_not_say_so() -> None:
    tables = [Table(pl.DataFrame({f"c{n}": [1] for n in range(count)}), f"of {count}") for count in (4, 5)]
    reader = read(page("t", "s", [Section("one", tables)]))
    boxes = [attrs for tag, attrs in reader.tags if tag == "div"]
    assert [box["aria-label"] for box in boxes] == ["of 4", "of 5"]
    assert [box["class"] for box in boxes] == ["table narrow", "table wide"]
    assert all(box["tabindex"] == "0" for box in boxes)


def test_a_table_with_sentences_is_wide_and_gives_them_room() -> None:
    frame = pl.DataFrame(
        {"code": ["R01"], "sentence": ["You made few transactions in the last 30 days: 2; good customers 9."]}
    )
    reader = read(page("t", "s", [Section("one", [Table(frame, "c")])]))
    assert [attrs["class"] for tag, attrs in reader.tags if tag == "div"] == ["table wide"]
    assert [attrs["class"] for tag, attrs in reader.tags if tag == "td"] == ["word", "sentence"]


def test_what_rounding_leaves_of_nothing_is_nothing() -> None:
    frame = pl.DataFrame({"ks": [1.11e-16, -2e-17, 1e-6]})
    assert [_cell(value) for value in frame["ks"]] == ["0", "0", "1e-06"]


def test_every_heading_is_linked() -> None:
    reader = read(page("t", "s", [Section("one", []), Section("two", [])]))
    anchors = [attrs["href"] for tag, attrs in reader.tags if tag == "a"]
    places = [f"#{attrs['id']}" for tag, attrs in reader.tags if tag == "section"]
    assert anchors == places
    assert len(set(places)) == 2


def test_the_same_parts_are_the_same_bytes() -> None:
    assert page("t", "s", [Section("x", [picture()])]) == page("t", "s", [Section("x", [picture()])])


def test_numbers_are_shown_for_people() -> None:
    frame = pl.DataFrame(
        {"n": [1234567], "share": [0.123456], "sum": [1234567.8], "none": [None], "yes": [True]}
    )
    cells = [text for text in read(page("t", "s", [Section("x", [Table(frame, "c")])])).text if text.strip()]
    assert {"1,234,567", "0.1235", "1,234,568", "yes"} <= set(cells)
