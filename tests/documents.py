"""The documents: README.md and the pages of docs/, their blocks and links."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from processes import ROOT

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")

RUN_ALONE = {  # pages whose blocks need none of another page, and the test that runs them
    "docs/contributing.md": "tests/test_document_alone.py::test_the_commands_of_a_page_that_needs_no_other",
    "docs/labels.md": "tests/test_document_alone.py::test_the_commands_of_a_page_that_needs_no_other",
}
PROGRAMS_RUN_ALONE = {
    "docs/python.md": "tests/test_python_document.py::test_the_examples_run_and_print_what_they_show",
    "docs/recipes.md": "tests/test_recipes.py::test_mlflow_evaluates_scored_decisions",
    "docs/spark.md": "tests/test_python_document.py::test_the_programs_on_spark_run",
}


class Block(NamedTuple):
    """A fenced block: the page it is on, its language, its text."""

    page: str
    language: str
    text: str


def pages() -> list[Path]:
    """README.md, then the pages of docs/ in the order in which it links to them: their commands build on each other."""
    readme = ROOT / "README.md"
    order = {ROOT / target: None for target, _ in links(readme)}
    written = sorted((ROOT / "docs").glob("*.md"))
    return [
        readme,
        *(page for page in order if page in written),
        *(page for page in written if page not in order),
    ]


def blocks(language: str) -> list[Block]:
    """The blocks of one language on every page, in order."""
    return [block for block in every_block() if block.language == language]


def every_block() -> Iterator[Block]:
    """The blocks of every page, in order."""
    for page in pages():
        for language, text in _FENCE.findall(page.read_text(encoding="utf-8")):
            yield Block(page.relative_to(ROOT).as_posix(), language, dedent(text))


def command(part: str) -> str:
    """The one block of commands, not run as it stands, that has a part."""
    (block,) = (block for block in blocks("sh") if part in block.text)
    return block.text


def links(page: Path) -> list[tuple[str, str]]:
    """The relative links of a page: a path and a heading's anchor, each empty where there is none."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target for target in _LINK.findall(prose) if "://" not in target]
    return [(path, anchor) for path, _, anchor in (target.partition("#") for target in targets)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
