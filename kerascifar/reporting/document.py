"""The blocks and sections that a page is made of, in HTML or Markdown. Text is plain; the templates escape it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

NONE = "–"


@dataclass(frozen=True)
class About:
    """What a page's filters know of a row, a chart's mark or a fold.

    Attributes:
        key: names it; all that show the same run have the same key.
        words: what a search looks through.
        choices: by filter what it belongs to, such as ``{"study": "lai"}``.
        shortened: whether it is of a run that ended before its recipe does.
    """

    key: str
    words: str
    choices: Mapping[str, str]
    shortened: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what the cell shows.
        value: what the column is sorted by; None sorts last.
        shade: strength of the background, 0 to 10; None means no background.
        mark: "better" or "worse" in a comparison, else "".
        link: what the text links to in HTML: the id of a fold, or a folder.
        about: in the first cell, by what filters know the row.
    """

    text: str
    value: float | str | None = None
    shade: int | None = None
    mark: str = ""
    link: str | Path = ""
    about: About | None = None

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
class Chart:
    """A chart.

    Attributes:
        name: stem of its file beside the Markdown.
        alt: what it shows, for readers who cannot see it.
        caption: how to read it, in one line.
        svg: the chart as an <svg>, escaped.
    """

    name: str
    alt: str
    caption: str
    svg: str
    kind: ClassVar[str] = "chart"

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.svg"


@dataclass(frozen=True)
class Sprite:
    """Many small images in one, which a page holds once.

    Attributes:
        name: id in the page.
        content: the image, a PNG.
        size: its width and height in pixels.
    """

    name: str
    content: bytes
    size: tuple[int, int]
    kind: ClassVar[str] = "sprite"


@dataclass(frozen=True)
class Shot:
    """One image of a sprite: where it lies there (x, y, width, height), what it shows, and what stands below it."""

    sprite: Sprite
    box: tuple[int, int, int, int]
    alt: str
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Small images side by side."""

    caption: str
    shots: Sequence[Shot]
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
    about: About | None = None
    kind: ClassVar[str] = "fold"


Block = Table | Chart | Sprite | Gallery | Text | Fold


@dataclass(frozen=True)
class Section:
    """A section of a page: the question that it answers, and the blocks that answer it."""

    anchor: str
    title: str
    question: str
    blocks: Sequence[Block]


def text(words: object, link: str | Path = "") -> Cell:
    """Return a cell of words, sorted by them."""
    return Cell(str(words), str(words).lower(), link=link)


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
