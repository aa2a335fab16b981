"""Compare finished runs: one HTML page that works offline, and its Markdown twin.

    python -m kerascifar.report saved_models --out report
    python -m kerascifar.report saved_models/lai RUN RUN --out report

A PATH is a run folder, or any folder above some. DIR gets report.html, which needs nothing beside it, and report.md
with figures/. A run whose files are corrupt is named and left out. Nothing is trained and nothing is downloaded; right
and wrong images are shown where the data set is at hand.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from kerascifar.cli import Parser, add_flags, entry
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.reporting import comparison, details, examples, published, render
from kerascifar.reporting.calibration import confidence
from kerascifar.reporting.document import Section, Text
from kerascifar.reporting.gather import Gathered, gather


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.report", description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a run folder, or a folder above some")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    add_flags(parser, ("data_dir",))
    given = parser.parse_args(argv)
    if given.out.exists() and not given.out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {given.out}")
    gathered = gather(given.paths)
    sections, left_out = report(given.paths, gathered, getattr(given, "data_dir", None))
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    write(given.out, sections, gathered)
    print(f"{len(gathered.runs)} runs in {given.out / 'report.html'} and {given.out / 'report.md'}")


def report(paths: Sequence[Path], gathered: Gathered, data_dir: str | None = None) -> tuple[list[Section], list[str]]:
    """Return the sections of a report on `gathered`, and a line for each run or table that was left out.

    Args:
        paths: where studies' tables are looked for.
        gathered: the runs.
        data_dir: where the images of the examples are looked for first.
    """
    against_papers, unread = published.studies(paths, gathered)
    left_out = [*gathered.left_out, *unread]
    found = [
        comparison.compare(gathered),
        against_papers,
        comparison.pairs(gathered),
        comparison.tradeoffs(gathered),
        comparison.curves(gathered),
        comparison.classes(gathered),
        confidence(gathered),
        details.details(gathered, examples.test_images(gathered, data_dir)),
    ]
    if left_out:
        found.append(Section("left-out", "Left out", "What could not be read?", [Text(line) for line in left_out]))
    return [section for section in found if section is not None], left_out


def write(folder: Path, sections: Sequence[Section], gathered: Gathered) -> None:
    """Write report.html, report.md and the figures of the latter into `folder`, made if it is not there."""
    runs, sets = len(gathered.runs), len(gathered.groups)
    summary = (
        f"{runs} finished run{'s' * (runs > 1)} on {sets} test set{'s' * (sets > 1)}: {'; '.join(gathered.groups)}."
    )
    for picture in {p.file: p for p in render.pictures(sections)}.values():
        files.write_atomically(
            folder / render.FIGURES / picture.file, lambda part, p=picture: part.write_bytes(p.content)
        )
    files.write_text(folder / "report.md", render.to_markdown(sections, summary))
    files.write_text(folder / "report.html", render.to_html(sections, summary))


if __name__ == "__main__":
    entry(main)
