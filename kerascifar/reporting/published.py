"""The section on published studies: paper, as published and corrected, from each study's table.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.plots import results
from kerascifar.plots.svg import to_svg
from kerascifar.reporting.document import NONE, Block, Cell, Column, Picture, Section, Table, text
from kerascifar.reporting.gather import Gathered, Run, finite
from kerascifar.reporting.labels import TABLE, VERSIONS, versions
from kerascifar.studies.rows import PAPER


def studies(paths: Sequence[Path], gathered: Gathered) -> tuple[Section | None, list[str]]:
    """Return the tables of the studies below `paths` or above the runs, and a line for each that cannot be read."""
    files: dict[Path, None] = {}
    for path in paths:
        files |= dict.fromkeys(sorted(p.resolve() for p in path.rglob(TABLE)))
    files |= dict.fromkeys(run.scored.folder.parents[1] / TABLE for run in gathered.runs)  # STUDY/NAME/RUN-ID
    parts: list[Block] = []
    left_out = []
    numbers = {run.scored.folder: run for run in gathered.runs}
    for file in files:
        try:
            found = read_json(file)
            rows = [row for row in found["rows"] if isinstance(row, dict)]
            title, beside = str(found["study"]), str(found.get("beside", PAPER))
        except FileNotFoundError:
            continue
        except (InputError, TypeError, KeyError) as error:
            left_out.append(f"{file} is not the table of a study: {type(error).__name__} {error}")
            continue
        parts += _study(title, beside, rows, file.parent, numbers)
    if not parts:
        return None, left_out
    asks = "Do we land on the published figure when we do what the authors did, and where without the faults?"
    return Section("studies", "Paper against ours", asks, parts), left_out


def _study(
    title: str, beside: str, rows: Sequence[Mapping[str, Any]], folder: Path, numbers: Mapping[Path, Run]
) -> list[Block]:
    told_as = versions(rows)
    columns = (
        Column("table", numbers=False),
        Column("row", numbers=False),
        Column(beside, note="test accuracy as printed" if beside == PAPER else ""),
        Column("as published", note="with what the authors' code did, faults included"),
        Column(told_as["corrected"], note="what the paper says, or plainly meant"),
        Column("difference", note=f"{told_as['corrected']} less {beside}, of runs at full length"),
        Column("obtained with", numbers=False, note="epochs and training images of our runs, and test images"),
        Column("remarks", numbers=False, note="what was wrong in the paper's code, and what to know of the row"),
    )
    told = []
    for row in rows:
        paper, corrected = _paper(row), _accuracy(row.get("corrected"))
        # A shortened run's distance to the paper would be read as the row's.
        gap = None if paper is None or corrected is None or _shortened(row["corrected"]) else corrected - paper
        remarks = "; ".join(str(row[key]) for key in ("fault", "note") if row.get(key))
        told.append(
            [
                text(row.get("table", "")),
                text(row.get("name", "?")),
                Cell(NONE) if paper is None else Cell(f"{paper:.4f}", paper),
                *(_figure(row.get(version), folder, numbers) for version in VERSIONS),
                Cell(NONE) if gap is None else Cell(f"{gap:+.4f}".replace("-", "−"), gap),
                text(_effort(row)),
                text(remarks),
            ]
        )
    told_in = [c for c in range(len(columns)) if any(line[c].text not in ("", NONE) for line in told)]
    columns, told = [columns[c] for c in told_in], [[line[c] for c in told_in] for line in told]
    parts: list[Block] = [Table(f"{title}: test accuracy.", columns, told)]
    drawn = [
        row for row in rows if _paper(row) is not None and any(_accuracy(row.get(v)) is not None for v in VERSIONS)
    ]
    if drawn and beside == PAPER:
        parts.append(_picture(f"study-{folder.name}", title, drawn, told_as))
    return parts


def _picture(name: str, title: str, rows: Sequence[Mapping[str, Any]], told_as: Mapping[str, str]) -> Picture:
    figures = {"paper": [_paper(row) for row in rows]}
    figures |= {told: [_accuracy(row.get(version)) for row in rows] for version, told in told_as.items()}
    shortened = {told: [_shortened(row.get(version)) for row in rows] for version, told in told_as.items()}
    names = [str(row.get("name", "?")) for row in rows]
    alt = "; ".join(
        f"{row}: "
        + ", ".join(
            f"{version} {values[i]:.4f}" + (" (shortened)" if version in shortened and shortened[version][i] else "")
            for version, values in figures.items()
            if values[i] is not None
        )
        for i, row in enumerate(names)
    )
    both = any(value is not None for value in figures[told_as["as-published"]])
    landed = "A dot within its diamond: with the authors' faults we land on their figure. " if both else ""
    cut = any(any(of_version) for of_version in shortened.values())
    hollow = "A hollow mark is a shortened run, which cannot be held against the paper. " if cut else ""
    return Picture(
        name,
        f"{title}: test accuracy in the paper, and of our runs. {alt}",
        f"{title}. {landed}{hollow}The line is how far we are from the paper.",
        to_svg(results.draw_published(names, figures, shortened)),
    )


def _paper(row: Mapping[str, Any]) -> float | None:
    paper = row.get("paper")
    return finite(paper.get("test_accuracy")) if isinstance(paper, dict) else None


def _accuracy(found: Any) -> float | None:
    return finite(found.get("test_accuracy")) if isinstance(found, dict) else None


def _shortened(found: Any) -> bool:
    return isinstance(found, dict) and bool(found.get("shortened"))


def _figure(found: Any, folder: Path, numbers: Mapping[Path, Run]) -> Cell:
    accuracy = _accuracy(found)
    if accuracy is None:
        return Cell("diverged" if isinstance(found, dict) and found.get("diverged") else NONE)
    run = numbers.get(folder / str(found.get("run")))
    return Cell(f"{accuracy:.4f}" + (f" (#{run.number})" if run else ""), accuracy, anchor=run.anchor if run else "")


def _effort(row: Mapping[str, Any]) -> str:
    """Return epochs and images behind our figures, once where both versions had the same."""
    told = {}
    for version, name in VERSIONS.items():
        found = row.get(version)
        if _accuracy(found) is not None:
            keys = ("epochs", "of_epochs", "training_images", "images", "seeds")
            epochs, full, trained, tested, seeds = (finite(found.get(key)) for key in keys)
            of_full = f" of {full:,.0f}" if found.get("shortened") and full and full != epochs else ""
            words = [f"{epochs:,.0f}{of_full} epochs" if epochs else "", f"{trained:,.0f} images" if trained else ""]
            of_test = f"{tested:,.0f} test images" if tested else ""
            mean = f"mean of {seeds:.0f} seeds" if seeds and seeds > 1 else ""
            told[name] = ", ".join(w for w in (" on ".join(w for w in words if w), of_test, mean) if w)
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{name}: {words}" for name, words in told.items())
