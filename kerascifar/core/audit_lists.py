"""Lists of images by the checksum of their pixels: an audit's pairs.csv and labels.csv, and a run's own excluded.csv.

Which of them a file is, its header tells, not its name. Columns that nothing here needs, such as scores, are passed
over. Who wrote the file is not known: it is read within limits, and each cell that is used is held to its kind.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_bytes

MOST_BYTES = 128 * 2**20  # the labels of half a million images; those of CIFAR take 7 MB
SPLITS = ("train", "validation", "test")
SAME, NEAR, SIMILAR = "same pixels", "near-duplicate", "similar"
DUPLICATES = (SAME, NEAR)  # the verdicts that count
SUSPECT = "suspect label"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that resemble one another; where their splits differ, `a` is the test or validation image.

    Attributes:
        a_split: train, validation or test, as b_split.
        a_index: place in the data set's files, from 0, as b_index.
        a_sha256: of shape and pixels, as ``Split.image_checksums`` counts it, in hex, as b_sha256.
        verdict: SAME, NEAR or SIMILAR.
    """

    a_split: str
    a_index: int
    b_split: str
    b_index: int
    verdict: str
    a_sha256: str
    b_sha256: str


@dataclass(frozen=True, slots=True)
class Label:
    """An image, and whether its label is suspect; the other attributes are those of Pair.

    Attributes:
        given: the class that it is labelled as; "" where the file does not say.
    """

    split: str
    index: int
    sha256: str
    suspect: bool
    given: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Pixels that a run leaves out.

    Attributes:
        sha256: of shape and pixels, in hex.
        kept: how many copies stay: 0, or 1 where the other copies are what is wrong with it.
        why: SAME, NEAR or SUSPECT.
        label: the class of those that it is about, as a list's cell holds it; "" for all.
    """

    sha256: str
    kept: int
    why: str
    label: str = ""


Row = Pair | Label | Exclusion
# The lists by the file's usual name; a row's fields are the columns, and the header must have those without a default.
KINDS: dict[str, type[Row]] = {"pairs.csv": Pair, "labels.csv": Label, "excluded.csv": Exclusion}


@dataclass(frozen=True)
class AuditList:
    """What a file holds.

    Attributes:
        path: where it lies.
        kind: what its rows are: Pair, Label or Exclusion.
        rows: in the order of the file.
    """

    path: Path
    kind: type[Row]
    rows: Sequence[Any]


def read_list(path: str | Path, flag: str) -> AuditList:
    r"""Return the list in the file at `path`, which the command line's `flag` names.

    Raises:
        InputError: it is not there, too large or none of these lists; or says file, line and column of a cell that is
            of another kind than it must be, what it holds and what would be right.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write(f"split,index,sha256,suspect\ntrain,7,{'ab' * 32},yes\n")
    ...     file.flush()
    ...     read_list(file.name, "--exclude").rows[0].suspect
    True
    """
    path = Path(path)
    try:
        content = read_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        raise InputError(f"{flag}: there is no file {path}; expected an audit's pairs.csv or labels.csv") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content[: error.start].count(b"\n")
        raise _wrong(path, line, f"found the byte 0x{content[error.start]:02x}", "UTF-8 text") from None
    lines = _lines(path, text)
    _, header = next(lines, (1, []))
    kind = _kind(path, header)
    columns = [f.name for f in fields(kind) if f.name in header]
    places = [(column, header.index(column), *_CELLS[_bare(column)]) for column in columns]
    rows = []
    for line, cells in lines:
        if len(cells) != len(header):
            raise _wrong(path, line, f"found {len(cells)} cells", f"{len(header)}, as the header has")
        values = []
        for column, place, right, convert in places:
            try:
                values.append(convert(cells[place]))
            except (KeyError, ValueError):
                raise _wrong(path, line, f"column {column}: found {cells[place]!r:.80}", right) from None
        rows.append(kind(**dict(zip(columns, values, strict=True))))
    return AuditList(path, kind, rows)


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line that is not blank, from 1, and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:  # an open quote, or a cell of more than 128 KiB
        raise _wrong(path, reader.line_num, str(error), "cells with commas between") from None


def _kind(path: Path, header: list[str]) -> type[Row]:
    """Return what the rows under `header` are."""
    for kind in KINDS.values():
        if set(_columns(kind)) <= set(header):
            if twice := [column for column in header if header.count(column) > 1]:
                raise _wrong(path, 1, f"found the column {twice[0]!r:.80} twice", "each column once")
            return kind
    name, kind = max(KINDS.items(), key=lambda item: len(set(_columns(item[1])) & set(header)))
    missing = [column for column in _columns(kind) if column not in header]
    if len(missing) < len(_columns(kind)):
        raise _wrong(path, 1, f"found no column {missing[0]}", f"the columns of {name}, {', '.join(_columns(kind))}")
    known = "; or ".join(f"{', '.join(_columns(kind))} ({name})" for name, kind in KINDS.items())
    raise _wrong(path, 1, f"found {','.join(header)!r:.80}", f"a header with the columns {known}")


def _columns(kind: type[Row]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.default is MISSING)


def _bare(column: str) -> str:
    return column.removeprefix("a_").removeprefix("b_")


def _wrong(path: Path, line: int, found: str, right: str) -> InputError:
    return InputError(f"{path}, line {line}: {found}; expected {right}")


def _names(*names: str) -> tuple[str, Callable[[str], str]]:
    return f"one of {', '.join(names)}", {name: name for name in names}.__getitem__


def _digits(pattern: str, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(cell: str) -> Any:
        if not re.fullmatch(pattern, cell):
            raise ValueError
        return kind(cell)

    return convert


# By column, without a_ and b_: what would be right, and what makes a value of a cell or fails.
_CELLS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "split": _names(*SPLITS),
    "index": ("a whole number from 0 on", _digits("[0-9]{1,18}", int)),
    "sha256": ("64 hex digits", _digits("[0-9a-fA-F]{64}", str.lower)),
    "verdict": _names(*DUPLICATES, SIMILAR),
    "suspect": ("yes or no", {"yes": True, "no": False}.__getitem__),
    "kept": ("0 or 1", {"0": 0, "1": 1}.__getitem__),
    "why": _names(*DUPLICATES, SUSPECT),
    "given": ("the name of a class", str),
    "label": ("the name of a class", str),
}
