"""One self-contained HTML page made of plain parts: no script, no other file, readable on a phone and on paper."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from matplotlib.figure import Figure

_DOTS = 150
_FIGURES = 32
_WIDE = 5  # columns that no phone shows side by side
_NOTHING = 1e-12  # what rounding leaves of 0
_SENTENCE = 60  # characters from which a cell is read as a sentence


@dataclass(frozen=True)
class Table:
    """A table with its caption; null cells stay empty, decimals are shown to four significant digits."""

    frame: pl.DataFrame
    caption: str


@dataclass(frozen=True)
class Picture:
    """A figure with its caption and what it shows in words, for those who cannot see it."""

    figure: Figure
    caption: str
    alt: str


@dataclass(frozen=True)
class Note:
    """A remark that must not be overlooked; ``kind`` is ``note`` or ``warning``."""

    text: str
    kind: str = "note"


Block = str | Table | Picture | Note


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; a plain text is a paragraph."""

    title: str
    blocks: Sequence[Block]


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The page as HTML; every text is escaped, and the same parts give the same bytes."""
    parts = [
        (f"s{number}", section.title, [_block(b) for b in section.blocks])
        for number, section in enumerate(sections, 1)
    ]
    return _template().render(title=title, subtitle=subtitle, sections=parts)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        loader=PackageLoader("credit_model.reporting"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.jinja")


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, str):
        return {"kind": "paragraph", "text": block}
    if isinstance(block, Note):
        return {"kind": block.kind, "text": block.text}
    if isinstance(block, Picture):
        return {
            "kind": "picture",
            "source": _embedded(block.figure),
            "caption": block.caption,
            "alt": block.alt,
        }
    kinds = [_kind(column) for column in block.frame.iter_columns()]
    rows = [list(zip(map(_cell, row), kinds, strict=True)) for row in block.frame.iter_rows()]
    heads = list(zip((name.replace("_", " ") for name in block.frame.columns), kinds, strict=True))
    wide = len(heads) >= _WIDE or "sentence" in kinds
    return {
        "kind": "table",
        "caption": block.caption,
        "heads": heads,
        "rows": rows,
        "width": "wide" if wide else "narrow",
    }


def _kind(column: pl.Series) -> str:
    """What a column holds: numbers, sentences or words."""
    if column.dtype.is_numeric():
        return "number"
    cells = map(_cell, column)
    return "sentence" if any(len(cell) >= _SENTENCE and " " in cell for cell in cells) else "word"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if abs(value) >= 10_000:
            return f"{value:,.0f}"
        return f"{value:,.4g}" if abs(value) > _NOTHING else "0"
    return str(value)


def _embedded(figure: Figure) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"


@lru_cache(maxsize=_FIGURES)
def png(figure: Figure) -> bytes:
    """A figure as PNG, drawn once: what a page shows is what is kept beside it."""
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=_DOTS, metadata={"Software": None})
    return target.getvalue()
