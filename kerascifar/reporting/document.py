"""The blocks and sections that a page is made of, in HTML or Markdown. Text is plain; the templates escape it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

NONE = "–"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what the cell shows.
        value: what the column is sorted by; None sorts last.
        shade: strength of the background, 0 to 10; None means no background.
        mark: "better" or "worse" in a comparison, else "".
        anchor: id of the fold that the text links to, in HTML.
    """

    text: str
    value: float | str | None = None
    shade: int | None = None
    mark: str = ""
    anchor: str = ""

    @property
    def key(self) -> str:
        """The sort value as text, empty for None."""
        return "" if self.value is None else str(self.value)


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, whether it holds numbers, and a note that explains the heading."""

    name: str
    numbers: bool = True
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table, in HTML sortable by each column."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        name: stem of its file beside the Markdown.
        alt: what it shows, for readers who cannot see it.
        caption: how to read it, in one line.
        content: the bytes of the file.
        suffix: svg or png.
    """

    name: str
    alt: str
    caption: str
    content: bytes
    suffix: str = "svg"
    kind: ClassVar[str] = "picture"

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.{self.suffix}"


@dataclass(frozen=True)
class Gallery:
    """Small pictures side by side."""

    caption: str
    pictures: Sequence[Picture]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Fold:
    """Blocks under a title that opens and closes."""

    anchor: str
    title: str
    blocks: Sequence["Block"]
    kind: ClassVar[str] = "fold"


Block = Table | Picture | Gallery | Text | Fold


@dataclass(frozen=True)
class Section:
    """A section of a page: the question that it answers, and the blocks that answer it."""

    anchor: str
    title: str
    question: str
    blocks: Sequence[Block]


def text(words: object, anchor: str = "") -> Cell:
    """Return a cell of words, sorted by them."""
    return Cell(str(words), str(words).lower(), anchor=anchor)


def number(value: float | None, form: str, none: str = NONE) -> Cell:
    """Return a cell of a number in the format `form`, or of the text `none` for None."""
    return Cell(none) if value is None else Cell(format(value, form), value)


def share(value: float | None) -> Cell:
    """Return a cell of a share, 0 to 1, with a background as strong as the share."""
    return Cell(NONE) if value is None else Cell(f"{value:.3f}", value, shade=round(10 * value))


def units(value: float | None, none: str = NONE) -> Cell:
    """Return a cell of a count to three digits with a unit prefix, such as ``3.56 M``."""
    if value is None:
        return Cell(none)
    power = min(int(math.log10(value) // 3), 4) if value >= 1 else 0
    scaled = value / 1000**power
    if power < 4 and float(f"{scaled:.3g}") >= 1000:  # 999,999 is 1 M
        power, scaled = power + 1, scaled / 1000
    return Cell(f"{scaled:.3g} {('', 'k', 'M', 'G', 'T')[power]}".strip(), value)
