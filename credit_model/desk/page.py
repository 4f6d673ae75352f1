"""A page of HTML that a notebook shows and a file keeps."""

from dataclasses import dataclass, field
from html import escape
from os import PathLike

from credit_model.data.paths import check_place
from credit_model.data.writers import write_text


@dataclass(frozen=True)
class Page:
    """A page that needs no other file.

    Attributes:
        html: its text.
    """

    html: str = field(repr=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page to a file, which replaces one of that name.

        Raises:
            ValueError: there is no such folder, or the file cannot be written.
        """
        check_place(str(path))
        write_text(self.html, str(path))

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that its style does not touch the notebook's."""
        style = "width: 100%; height: 40em; border: 1px solid #ccc"
        return f'<iframe srcdoc="{escape(self.html)}" style="{style}"></iframe>'
