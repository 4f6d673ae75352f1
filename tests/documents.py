"""The commands of the documents."""

import re


def blocks(document: str, language: str) -> list[str]:
    """The blocks of one language in a Markdown text, in order."""
    return re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)
