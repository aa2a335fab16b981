"""The section on published studies: paper, as published and corrected, from each study's table.json."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerascifar.core.reading import read_json
from kerascifar.plots import charts
from kerascifar.reporting.document import NONE, About, Block, Cell, Chart, Column, Section, Table, Text, text
from kerascifar.reporting.drawing import chart
from kerascifar.reporting.gather import Gathered, Run, finite
from kerascifar.reporting.study_table import PAPER, TABLE, VERSIONS, effort, version_names

_TEST, _VALIDATION = "test_accuracy", "validation_accuracy"
_MARKS = {_TEST: "", _VALIDATION: "validation "}  # what stands before a figure


def studies(paths: Sequence[Path], gathered: Gathered) -> tuple[Section | None, list[str]]:
    """Return the tables of the studies below `paths` or above the runs, and a message for each that cannot be read."""
    files: dict[Path, None] = {}
    for path in paths:
        files |= dict.fromkeys(sorted(p.resolve() for p in path.rglob(TABLE)))
    files |= dict.fromkeys(run.scored.folder.parents[1] / TABLE for run in gathered.runs)  # STUDY/NAME/RUN-ID
    parts: list[Block] = []
    left_out = []
    numbers = {run.scored.folder: run for run in gathered.runs}
    for file in files:
        try:
            content = read_json(file)
            rows = [row for row in content["rows"] if isinstance(row, dict)]
            title, beside = str(content["study"]), str(content.get("beside", PAPER))
            parts += _study(title, beside, rows, file.parent, numbers)
        except FileNotFoundError:
            continue
        except Exception as error:  # a stranger's table holds keys, types and numbers that none of ours has
            left_out.append(f"{file} is not the table of a study: {type(error).__name__} {error}")
    if not parts:
        return None, left_out
    asks = "Do we land on the published figure when we do what the authors did, and where without the faults?"
    return Section("studies", "Paper against ours", asks, parts), left_out


def _study(
    title: str, beside: str, rows: Sequence[Mapping[str, Any]], folder: Path, numbers: Mapping[Path, Run]
) -> list[Block]:
    names = version_names(rows)
    columns = (
        Column("row", numbers=False),
        Column(beside, note="test accuracy as printed" if beside == PAPER else ""),
        Column("as published", note="with what the authors' code did, faults included"),
        Column(names["corrected"], note="what the paper says, or plainly meant"),
        Column("difference", note=f"{names['corrected']} less {beside}, of runs at full length"),
        Column("table", numbers=False, note="where the figure stands"),
        Column("obtained with", numbers=False, note="epochs and training images of our runs, and test images"),
        Column("remarks", numbers=False, note="what was wrong in the paper's code, and what to know of the row"),
    )
    lines = [(_about(row, folder), line) for row in rows if (line := _line(row, folder, numbers))]
    filled = [c for c in range(len(columns)) if any(line[c].text not in ("", NONE) for _, line in lines)]
    shown = [[replace(line[filled[0]], about=about), *(line[c] for c in filled[1:])] for about, line in lines]
    parts: list[Block] = (
        [
            Table(
                f"{title}: test accuracy, or where it says so that on validation images.",
                [columns[c] for c in filled],
                shown,
            )
        ]
        if shown
        else []
    )
    drawn = [
        row
        for row in rows
        if _accuracy(row.get("paper"), _measure(row)) is not None
        and any(_accuracy(row.get(version), _measure(row)) is not None for version in VERSIONS)
    ]
    if len(drawn) > 1 and beside == PAPER:
        parts.append(_chart(title, drawn, folder, names))
    return parts


def _line(row: Mapping[str, Any], folder: Path, numbers: Mapping[Path, Run]) -> list[Cell]:
    """Return the cells of a row; none where neither the paper nor we have a figure."""
    measure = _measure(row)
    paper, corrected = _accuracy(row.get("paper"), measure), _accuracy(row.get("corrected"), measure)
    # A shortened run's distance to the paper would be read as the row's.
    gap = None if paper is None or corrected is None or _shortened(row["corrected"]) else corrected - paper
    mark, printed = _MARKS[measure], paper
    if paper is None:  # on a balanced test set the recall is the same
        mark, printed = "recall ", _accuracy(row.get("paper"), "recall")
    figures = [
        Cell(NONE) if printed is None else Cell(f"{mark}{printed:.4f}", printed),
        *(_figure(row.get(version), measure, folder, numbers) for version in VERSIONS),
    ]
    if not_run := row.get("not_run"):
        figures[-1] = Cell("not run")
    if all(cell.text == NONE for cell in figures):
        return []
    remarks = "; ".join(str(row[key]) for key in ("fault", "note") if row.get(key))
    return [
        text(row.get("name", "?")),
        *figures,
        Cell(NONE) if gap is None else Cell(f"{gap:+.4f}".replace("-", "−"), gap),
        text(row.get("table", "")),
        text(_effort(row)),
        text("; ".join(filter(None, (f"not run: {not_run}" if not_run else "", remarks)))),
    ]


def _chart(title: str, rows: Sequence[Mapping[str, Any]], folder: Path, versions: Mapping[str, str]) -> Chart | Text:
    keys = {"paper": "paper"} | {name: version for version, name in versions.items()}
    figures = {name: [_accuracy(row.get(key), _measure(row)) for row in rows] for name, key in keys.items()}
    shortened = {name: [_shortened(row.get(version)) for row in rows] for version, name in versions.items()}
    names = [_MARKS[_measure(row)] + str(row.get("name", "?")) for row in rows]
    alt = "; ".join(
        f"{row}: "
        + ", ".join(
            f"{version} {values[i]:.4f}" + (" (shortened)" if version in shortened and shortened[version][i] else "")
            for version, values in figures.items()
            if values[i] is not None
        )
        for i, row in enumerate(names)
    )
    both = any(value is not None for value in figures[versions["as-published"]])
    landed = "A dot within its diamond: with the authors' faults we land on their figure. " if both else ""
    cut = any(any(marks) for marks in shortened.values())
    hollow = "A hollow mark is a shortened run, which cannot be held against the paper. " if cut else ""
    return chart(
        f"study-{folder.name}",
        f"{title}: accuracy in the paper, and of our runs. {alt}",
        f"{title}. {landed}{hollow}The line is how far we are from the paper.",
        charts.published,
        names,
        figures,
        shortened,
        [_about(row, folder).key for row in rows],
    )


def _measure(row: Mapping[str, Any]) -> str:
    """Return which accuracy the paper prints of a row: that on test images, unless it has only the other one."""
    paper = row.get("paper")
    only = isinstance(paper, dict) and _VALIDATION in paper and _TEST not in paper
    return _VALIDATION if only or row.get("kind") == "search" else _TEST


def _about(row: Mapping[str, Any], folder: Path) -> About:
    name, arch = str(row.get("name", "?")), str(row.get("arch") or "none")
    known = [figure for figure in map(row.get, VERSIONS) if isinstance(figure, dict)]
    short = bool(known) and all(map(_shortened, known))
    key, choices = f"{folder.name}/{name}", {"study": folder.name, "architecture": arch}
    return About(key, f"{key} {row.get('table', '')} {arch}".lower(), choices, short)


def _accuracy(figure: Any, measure: str = _TEST) -> float | None:
    return finite(figure.get(measure)) if isinstance(figure, dict) else None


def _shortened(figure: Any) -> bool:
    return isinstance(figure, dict) and bool(figure.get("shortened"))


def _figure(figure: Any, measure: str, folder: Path, numbers: Mapping[Path, Run]) -> Cell:
    accuracy = _accuracy(figure, measure)
    if accuracy is None:
        return Cell("diverged" if isinstance(figure, dict) and figure.get("diverged") else NONE)
    run = numbers.get(folder / str(figure.get("run")))
    words = f"{_MARKS[measure]}{accuracy:.4f}" + (f" (#{run.number})" if run else "")
    return Cell(words, accuracy, link="" if run is None else run.link)


def _effort(row: Mapping[str, Any]) -> str:
    """Return epochs and images behind our figures, once where both versions had the same."""
    efforts = {}
    for version, name in VERSIONS.items():
        figure = row.get(version)
        if _accuracy(figure, _measure(row)) is not None:
            keys = ("epochs", "of_epochs", "training_images", "images", "seeds")
            epochs, full, trained, tested, seeds = (finite(figure.get(key)) for key in keys)
            words = [effort(epochs, full if _shortened(figure) else None, trained)]
            words += [f"{tested:,.0f} {'test' if _measure(row) == _TEST else 'validation'} images"] if tested else []
            words += [f"mean of {seeds:.0f} seeds"] if seeds and seeds > 1 else []
            efforts[name] = ", ".join(filter(None, words))
    if len(set(efforts.values())) == 1:
        return next(iter(efforts.values()))
    return "; ".join(f"{name}: {words}" for name, words in efforts.items())
