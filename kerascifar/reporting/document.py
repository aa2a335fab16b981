"""What a report is made of, whether it becomes HTML or Markdown. Text is plain; the templates escape it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

NONE = "–"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what is read.
        value: what the column is sorted by; None sorts last.
        shade: background, 0 (none) to 10; None for none.
        mark: "better", "worse" or "" of a comparison.
        anchor: of the section that the text leads to, in HTML.
    """

    text: str
    value: float | str | None = None
    shade: int | None = None
    mark: str = ""
    anchor: str = ""

    @property
    def key(self) -> str:
        """The sort value as text, empty for none."""
        return "" if self.value is None else str(self.value)


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, whether it holds numbers, and what the head means where that is not plain."""

    name: str
    numbers: bool = True
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by each column."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        name: of its file beside the Markdown, without ending.
        alt: what it shows, for those who do not see it.
        caption: what to read from it, in a line.
        content: the file.
        ending: svg or png.
    """

    name: str
    alt: str
    caption: str
    content: bytes
    ending: str = "svg"
    kind: ClassVar[str] = "picture"

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.{self.ending}"


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
    """Parts under a title that opens and closes."""

    anchor: str
    title: str
    parts: Sequence["Part"]
    kind: ClassVar[str] = "fold"


Part = Table | Picture | Gallery | Text | Fold


@dataclass(frozen=True)
class Section:
    """A section: the question that it answers, and what answers it."""

    anchor: str
    title: str
    asks: str
    parts: Sequence[Part]


def text(words: object, anchor: str = "") -> Cell:
    """Return a cell of words, sorted by them."""
    return Cell(str(words), str(words).lower(), anchor=anchor)


def number(value: float | None, form: str, none: str = NONE) -> Cell:
    """Return a cell of a number in the given format, or of what is said where there is none."""
    return Cell(none) if value is None else Cell(format(value, form), value)


def share(value: float | None) -> Cell:
    """Return a cell of a share, 0 to 1, shaded by it."""
    return Cell(NONE) if value is None else Cell(f"{value:.3f}", value, shade=round(10 * value))


def units(value: float | None, none: str = NONE) -> Cell:
    """Return a cell of a count in thousands, millions, …, to three digits: ``3.56 M``."""
    if value is None:
        return Cell(none)
    power = min(int(math.log10(value) // 3), 4) if value >= 1 else 0
    scaled = value / 1000**power
    if power < 4 and float(f"{scaled:.3g}") >= 1000:  # 999,999 is 1 M
        power, scaled = power + 1, scaled / 1000
    return Cell(f"{scaled:.3g} {('', 'k', 'M', 'G', 'T')[power]}".strip(), value)
