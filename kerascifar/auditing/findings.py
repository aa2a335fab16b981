"""What an audit finds, as plain values, and the two CSV files that list it."""

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerascifar.core import files
from kerascifar.core.audit_lists import NEAR, SAME, SIMILAR
from kerascifar.core.shown import csv_cell

VERDICTS = (SAME, NEAR, SIMILAR)
PAIR_COLUMNS = (
    "a_split", "a_index", "b_split", "b_index", "score", "verdict", "shift_x", "shift_y", "scale", "mirror", "gain",
    "offset", "a_label", "b_label", "a_sha256", "b_sha256",
)  # fmt: skip
LABEL_COLUMNS = ("split", "index", "sha256", "given", "proposed", "margin", "suspect")
# Columns that follow where the images have files of their own.
PAIR_FILES, LABEL_FILES = ("a_file", "b_file"), ("file",)
_DIGITS = 6  # of a number behind its point: enough for any score, and the same on each processor


@dataclass(frozen=True)
class Pair:
    """Two images that may show the same thing, and the best alignment of `b` to `a`.

    Attributes:
        a_split: split of `a`, such as ``test``; where the two differ, `a` is the test or validation image.
        a_index: place of `a` in its split, as the files of the data set count.
        b_split: split of `b`.
        b_index: place of `b` in its split.
        score: residual after the alignment: 0 is identical, 1 unrelated.
        verdict: one of VERDICTS.
        shift_x: pixels by which `b` is moved to the right.
        shift_y: pixels by which `b` is moved down.
        scale: factor by which `b` is enlarged.
        mirror: whether `b` is mirrored left to right.
        gain: factor of the brightness of `b`.
        offset: what is added to it, in grey levels of 255.
        a_label: name of the class of `a`.
        b_label: name of the class of `b`.
        a_sha256: of the pixels of `a`, 64 hexadecimal digits.
        b_sha256: of the pixels of `b`.
        a_file: name of the file of `a`, empty where it has none of its own.
        b_file: name of the file of `b`.
    """

    a_split: str
    a_index: int
    b_split: str
    b_index: int
    score: float
    verdict: str
    shift_x: float
    shift_y: float
    scale: float
    mirror: bool
    gain: float
    offset: float
    a_label: str
    b_label: str
    a_sha256: str
    b_sha256: str
    a_file: str = ""
    b_file: str = ""


@dataclass(frozen=True)
class Suspect:
    """An image and what speaks against its label.

    Attributes:
        split: its split, such as ``test``.
        index: its place in the split.
        sha256: of its pixels, 64 hexadecimal digits.
        given: name of the class that it is labelled with.
        proposed: name of the class that it may belong to.
        margin: probability of the given class less that of the proposed one: from -1, surely wrong, to 1.
        suspect: whether the label counts as wrong.
        given_probability: of the given class, 0 to 1, by the nets alone; in `margin` copies' labels count too.
        proposed_probability: of the proposed class, likewise.
        neighbours: (split, index, class name) of the nearest images, the nearest first; three are shown.
        contradiction: whether a near-duplicate of it bears another label.
        file: name of its file, empty where it has none of its own.
    """

    split: str
    index: int
    sha256: str
    given: str
    proposed: str
    margin: float
    suspect: bool
    given_probability: float | None
    proposed_probability: float | None
    neighbours: Sequence[tuple[str, int, str]]
    contradiction: bool
    file: str = ""


@dataclass(frozen=True)
class Oddity:
    """A picture that is no good example of anything: `what` says why, such as ``a single colour``."""

    split: str
    index: int
    file: str
    what: str


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs` in their order to the CSV file `path`, whole or not at all, a row each under PAIR_COLUMNS.

    PAIR_FILES follow where an image has a file of its own.

    Raises:
        OSError: the disk is full or read-only, say.

    >>> write_pairs(Path("pairs.csv"), pairs)  # doctest: +SKIP
    """
    _write(path, pairs, PAIR_COLUMNS, PAIR_FILES)


def write_labels(path: Path, suspects: Sequence[Suspect]) -> None:
    """Write `suspects` in their order to the CSV file `path`, whole or not at all, a row each under LABEL_COLUMNS.

    LABEL_FILES follow where an image has a file of its own.

    Raises:
        OSError: the disk is full or read-only, say.

    >>> write_labels(Path("labels.csv"), suspects)  # doctest: +SKIP
    """
    _write(path, suspects, LABEL_COLUMNS, LABEL_FILES)


def cell(value: object) -> str:
    """Return a value for a CSV file: yes or no, at most six digits behind the point, nothing for None and NaN.

    >>> [cell(value) for value in (True, 0.25, -1e-9, None, 3, "=cat")]
    ['yes', '0.25', '0', '', '3', "'=cat"]
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shortened(value) if isinstance(value, float) else csv_cell(value)


def shortened(value: float, digits: int = _DIGITS) -> str:
    """Return a number with at most `digits` digits behind the point, without zeros at its end.

    >>> shortened(1.0), shortened(0.98765, 3), shortened(-0.0001, 2)
    ('1', '0.988', '0')
    """
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _write(path: Path, rows: Iterable[object], columns: Sequence[str], of_files: Sequence[str]) -> None:
    values = [dataclasses.asdict(row) for row in rows]
    if any(row[name] for row in values for name in of_files):
        columns = (*columns, *of_files)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row[name]) for name in columns] for row in values)
    files.write_text(path, text.getvalue())
