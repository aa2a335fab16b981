"""The page of an audit: one HTML file that shows pairs, suspect labels and odd pictures, and keeps a person's marks."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.auditing.album import BUDGET, STRENGTH, Album, Difference, Key, Read, choose_grade, difference
from kerascifar.auditing.counts import Effect, between, sections
from kerascifar.auditing.findings import VERDICTS, Oddity, Pair, Suspect, shortened
from kerascifar.core import files
from kerascifar.core.shown import printable
from kerascifar.reporting import render

Align = Callable[[Pair], np.ndarray | None]
Finding = Pair | Suspect | Oddity
MOST = 1500  # pairs, labels, and odd pictures that the page shows
_FOR_IMAGES = 0.92  # share of the budget; the rest is for differences
_SCRIPTS = ("marks.js", "cards.js", "audit.js")


@dataclass(frozen=True)
class Heading:
    """What the page says of the audit as a whole.

    Attributes:
        id: names the audit; marks are kept under it, so it is to change when what was found changes.
        name: of the data set.
        facts: (what, value) of how it was made, such as ``("false positives", "0.1 % of strangers")``.
    """

    id: str
    name: str
    facts: Sequence[tuple[str, str]] = ()


def write_page(
    path: Path,
    heading: Heading,
    pairs: Sequence[Pair],
    suspects: Sequence[Suspect],
    oddities: Sequence[Oddity] = (),
    effects: Sequence[Effect] = (),
    read: Read | None = None,
    align: Align | None = None,
    budget: int = BUDGET,
) -> None:
    """Write the page to `path`, whole or not at all. It needs no network, and the same values give the same bytes.

    Args:
        path: the HTML file.
        heading: what stands above.
        pairs: all, in the order in which they are shown: the first MOST are, and all are counted.
        suspects: likewise.
        oddities: likewise.
        effects: a row per run on what the findings mean for its score, by heading.
        read: returns the image (H, W, 3), uint8, of a split and an index, or None; the page has no pictures without it.
        align: returns the second image of a pair, aligned to the first and of its shape, or None; differences need it.
        budget: bytes that pictures may take; `album` says what gives way. Findings that come late in the lists may be
            left without.

    Raises:
        ValueError: an image is not uint8 (H, W, 3), or an aligned one has another shape.
        OSError: the disk is full or read-only, say.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_page(Path(folder) / "audit.html", Heading("1f0c", "cifar10"), [], [])
    ...     (Path(folder) / "audit.html").read_text().splitlines()[0]
    '<!doctype html>'
    """
    counts, summary = sections(pairs, suspects, effects), _summary(pairs, suspects, oddities)
    lists = {"pairs": pairs, "labels": suspects, "odd pictures": oddities}
    cut = [f"the first {MOST:,} of {len(of):,} {what}" for what, of in lists.items() if len(of) > MOST]
    pairs, suspects, oddities = pairs[:MOST], suspects[:MOST], oddities[:MOST]
    album, drawn, note = _pictures(pairs, suspects, oddities, read, align, budget)
    note += f" Shown are {' and '.join(cut)}; the files beside this page have all." if cut else ""
    data = {
        "id": heading.id, "strength": STRENGTH, "verdicts": VERDICTS,
        "pairs": _rows(Pair, pairs), "labels": _rows(Suspect, suspects), "pictures": _rows(Oddity, oddities),
        "between": [between(pair) for pair in pairs],
        "shots": {f"{split}/{index}": dataclasses.astuple(shot) for (split, index), shot in album.items()},
        "differences": {row: [*dataclasses.astuple(one.shot), shortened(one.mean, 1)] for row, one in drawn.items()},
    }  # fmt: skip
    text = render.to_page(
        _template("audit.html"),
        render.template("colours.css") + render.template("report.css") + _template("audit.css"),
        render.template("sort.js") + "".join(map(_template, _SCRIPTS)), heading=heading, printable=printable,
        sections=counts, summary=summary, note=note,
        data=render.as_json(data),
    )  # fmt: skip
    files.write_text(path, text)


def _pictures(
    pairs: Sequence[Pair], suspects: Sequence[Suspect], oddities: Sequence[Oddity],
    read: Read | None, align: Align | None, budget: int,
) -> tuple[dict[Key, Any], dict[int, Difference], str]:  # fmt: skip
    """Return the stored images, the differences by the row of their pair, and a line on how they are stored."""
    if read is None:
        return {}, {}, "This page comes without pictures."
    lists: tuple[Sequence[Finding], ...] = (pairs, suspects, oddities)
    wanted = list(dict.fromkeys(key for one in (*pairs, *suspects, *oddities) for key in _shown(one)))
    grade = choose_grade(wanted, read, int(budget * _FOR_IMAGES))
    album, drawn, full = Album(grade, read, budget), dict[int, Difference](), [False] * len(lists)
    # A row of each list in turn, so that the first of each have pictures where there is no room for all.
    for row, findings in enumerate(zip_longest(*lists)):
        for place, one in enumerate(findings):
            if one is not None and not full[place]:
                apart = _difference(one, album, read, align) if isinstance(one, Pair) and align else None
                full[place] = not album.add(_shown(one), apart)
                if apart and not full[place]:
                    drawn[row] = apart
    note = "Pictures of up to 64 pixels a side are stored "
    note += "pixel by pixel" if grade.bits == 8 else f"with {grade.bits} bits per channel"
    note += f", larger ones with at most {grade.side} pixels a side."
    return album.shots, drawn, note + (" There was room for the first pictures only." if any(full) else "")


def _difference(pair: Pair, album: Album, read: Read, align: Align) -> Difference | None:
    a, b = read(pair.a_split, pair.a_index), align(pair)
    return None if a is None or b is None else difference(a, b, album.grade)


def _shown(one: Finding) -> list[Key]:
    """Return the images that the card of a finding shows."""
    if isinstance(one, Pair):
        return [(one.a_split, one.a_index), (one.b_split, one.b_index)]
    near = [(split, index) for split, index, _ in one.neighbours[:3]] if isinstance(one, Suspect) else []
    return [(one.split, one.index), *near]


def _summary(pairs: Sequence[Pair], suspects: Sequence[Suspect], oddities: Sequence[Oddity]) -> str:
    verdicts = [f"{sum(pair.verdict == verdict for pair in pairs):,} {verdict}" for verdict in VERDICTS]
    labels = f"{_many(len(suspects), 'label')} listed, {sum(one.suspect for one in suspects):,} suspect"
    return f"{_many(len(pairs), 'pair')} ({', '.join(verdicts)}); {labels}; {_many(len(oddities), 'odd picture')}."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _rows(kind: type, values: Sequence[Finding]) -> dict[str, Any]:
    """Return findings as a table: each name once."""
    names = [field.name for field in dataclasses.fields(kind)]
    return {"names": names, "rows": [[_plain(getattr(value, name)) for name in names] for value in values]}


def _plain(value: Any) -> Any:
    """Return a value that JSON holds and a browser shows: words on one line, numbers short and finite."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return round(float(value), 6) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")
