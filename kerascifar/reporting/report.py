"""The report on finished runs: its sections in their order, and its files."""

from collections.abc import Sequence
from pathlib import Path

from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.evaluation.selection import Lists
from kerascifar.reporting import classes, comparison, render
from kerascifar.reporting.audited import audited
from kerascifar.reporting.calibration import confidence
from kerascifar.reporting.details import details
from kerascifar.reporting.differences import pairs
from kerascifar.reporting.document import Section, Table, Text
from kerascifar.reporting.examples import test_images
from kerascifar.reporting.gather import Gathered, gather
from kerascifar.reporting.learning import curves
from kerascifar.reporting.published import studies


def make_sections(
    paths: Sequence[Path], gathered: Gathered, data_dir: str | None = None, audit: Lists | None = None
) -> tuple[list[Section], list[str]]:
    """Return the sections of a report on `gathered`, and one line for each run or table that was left out.

    The tables of studies are looked for below `paths`, the images of the examples first in `data_dir`; `audit` holds
    the lists of an audit, which have a section of their own.
    """
    images = test_images(gathered, data_dir)
    against_papers, unread = studies(paths, gathered)
    left_out = [*gathered.left_out, *unread]
    about_data = audited(gathered, images, audit)
    sections = [
        comparison.compare(gathered),
        against_papers,
        pairs(gathered),
        comparison.tradeoffs(gathered),
        comparison.latency(gathered),
        curves(gathered),
        classes.classes(gathered),
        classes.confusions(gathered),
        about_data,
        confidence(gathered),
        details(gathered, images),
        Section("left-out", "Left out", "What could not be read?", [Text(line) for line in left_out]),
    ]
    told = [*left_out, *_in_vain(about_data)]
    return [section for section in sections if section is not None and section.blocks], told


def _in_vain(about_data: Section | None) -> list[str]:
    """Return why an audit's section has no table: who asked for it has most likely named that of another data set."""
    blocks = about_data.blocks if about_data else []
    if any(isinstance(block, Table) for block in blocks):
        return []
    return [f"--audit: {block.text}" for block in blocks if isinstance(block, Text)]


def make_report(
    paths: Sequence[Path], data_dir: str | None = None, audit: Lists | None = None, asked: Sequence[str] = ()
) -> tuple[Gathered, tuple[list[Section], list[str]]]:
    """Return the runs in or below `paths` that can be shown, and what `make_sections` makes of them.

    `asked` names those that are shown in detail besides the best. Raises InputError: none can be shown, or as `gather`
    does.
    """
    gathered = gather(paths, asked)
    try:
        return gathered, make_sections(paths, gathered, data_dir, audit)
    except Exception:  # a stranger's run holds what no reader foresaw: find it, and go on without it
        runs, left_out = [], list(gathered.left_out)
    for run in gathered.runs:
        try:
            make_sections((), Gathered((run, run), ()), data_dir, audit)  # twice, so that it is compared
            runs.append(run)
        except Exception as error:
            left_out.append(f"{run.place} cannot be shown: {type(error).__name__} {error}")
    if not runs:
        raise InputError(f"no run can be shown: {left_out[0]}")
    gathered = Gathered(tuple(runs), tuple(left_out))
    return gathered, make_sections(paths, gathered, data_dir, audit)


def write_report(folder: Path, sections: Sequence[Section], gathered: Gathered) -> None:
    """Write report.html, report.md and the latter's charts into `folder`, which is made if needed."""
    runs, sets = len(gathered.runs), len(gathered.groups)
    summary = (
        f"{runs} finished run{'s' * (runs > 1)} on {sets} test set{'s' * (sets > 1)}: {'; '.join(gathered.groups)}."
    )
    for chart in {chart.file: chart for chart in render.charts(sections)}.values():
        files.write_text(folder / render.FIGURES / chart.file, render.to_file(chart))
    files.write_text(folder / "report.md", render.to_markdown(sections, summary, folder))
    files.write_text(folder / "report.html", render.to_html(sections, summary, folder))
