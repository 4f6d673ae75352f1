"""One self-contained HTML page made of plain parts: no script, no other file, readable on a phone and on paper."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.figure import Figure

_DOTS = 110
_WIDE = 5  # columns that no phone shows side by side


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
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    parts = [
        (f"s{number}", section.title, [_block(b) for b in section.blocks])
        for number, section in enumerate(sections, 1)
    ]
    return environment.from_string(_PAGE).render(
        title=title, subtitle=subtitle, style=Markup(_STYLE), sections=parts
    )


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
    numeric = [dtype.is_numeric() for dtype in block.frame.dtypes]
    rows = [list(zip(map(_cell, row), numeric, strict=True)) for row in block.frame.iter_rows()]
    heads = list(zip((name.replace("_", " ") for name in block.frame.columns), numeric, strict=True))
    width = "wide" if len(heads) >= _WIDE else "narrow"
    return {"kind": "table", "caption": block.caption, "heads": heads, "rows": rows, "width": width}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"
    return str(value)


def _embedded(figure: Figure) -> str:
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=_DOTS, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<header><h1>{{ title }}</h1><p>{{ subtitle }}</p></header>
<nav aria-label="Contents"><ol>
{% for anchor, heading, _ in sections %}
<li><a href="#{{ anchor }}">{{ heading }}</a></li>
{% endfor %}
</ol></nav>
<main>
{% for anchor, heading, blocks in sections %}
<section id="{{ anchor }}">
<h2>{{ loop.index }}. {{ heading }}</h2>
{% for block in blocks %}
{% if block.kind == "paragraph" %}
<p>{{ block.text }}</p>
{% elif block.kind == "picture" %}
<figure><img src="{{ block.source }}" alt="{{ block.alt }}"><figcaption>{{ block.caption }}</figcaption></figure>
{% elif block.kind == "table" %}
<div class="table {{ block.width }}" tabindex="0" role="region" aria-label="{{ block.caption }}"><table>
<caption><span>{{ block.caption }}</span></caption>
<thead><tr>
{% for head, number in block.heads %}
<th scope="col"{% if number %} class="number"{% endif %}>{{ head }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in block.rows %}
<tr>{% for cell, number in row %}<td{% if number %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p class="{{ block.kind }}" role="note">{{ block.text }}</p>
{% endif %}
{% endfor %}
</section>
{% endfor %}
</main>
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light; --ink: #1d2730; --soft: #5c6b77; --line: #d9e0e5; --accent: #3b7a9e; --warn: #c8553d; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; color: var(--ink); background: #fff;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 2px solid var(--line); font-size: 1.25rem; }
header p, figcaption, caption { color: var(--soft); }
nav ol { columns: 2; padding-left: 1.4rem; font-size: .95rem; }
a { color: var(--accent); }
.table { overflow-x: auto; margin: 1rem 0; background: linear-gradient(90deg, #fff 50%, #fff0) left / 3rem 100%,
  linear-gradient(270deg, #fff 50%, #fff0) right / 3rem 100%, linear-gradient(90deg, #1d27304d, #1d273000) left / 1rem 100%,
  linear-gradient(270deg, #1d27304d, #1d273000) right / 1rem 100%; background-attachment: local, local, scroll, scroll;
  background-repeat: no-repeat; }
table { border-collapse: collapse; font-size: .85rem; min-width: 100%; }
caption { text-align: left; padding-bottom: .3rem; font-size: .85rem; }
caption span { display: inline-block; position: sticky; left: 0; max-width: min(58rem, 100vw - 2rem); }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td { max-width: 26rem; min-width: 5rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
figcaption { font-size: .85rem; }
.note, .warning { padding: .6rem .9rem; border-left: 4px solid var(--accent); background: #f1f6f9; }
.warning { border-color: var(--warn); background: #fbf1ee; }
@media (max-width: 26rem) { .wide caption span::after { content: " (scroll sideways \\2192)"; color: var(--accent); } }
@media (max-width: 40rem) { nav ol { columns: 1; } h1 { font-size: 1.4rem; } }
@media print { body { max-width: none; font-size: 11px; } figure, tr { break-inside: avoid; } nav { display: none; } }
"""
