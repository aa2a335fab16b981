"""A study's table as Markdown and JSON: paper beside as-published beside corrected."""

import json
from collections.abc import Mapping, Sequence

from kerascifar.core import files
from kerascifar.reporting.study_table import MODES, PAPER, TABLE, effort, table
from kerascifar.studies.found import found_settings
from kerascifar.studies.outcomes import (
    Diverged,
    Outcome,
    Refused,
    RowOutcomes,
    Scored,
    ScoredRuns,
    ScoredSearch,
    ScoredVote,
    row_outcomes,
)
from kerascifar.studies.plan import StudyRun
from kerascifar.studies.rows import Quoted, Row, Search
from kerascifar.studies.sizes import sizes
from kerascifar.studies.study import Study

_LEGEND = """\
A figure is the accuracy on the test images with its 95 % interval, or the mean over seeds with the standard deviation
between them, on 10,000 test images where no other number stands; *validation* marks accuracy on validation images.
Below it stand the epochs and the training images it was obtained with. **N of M epochs** means a shortened run: not
what the paper did, nor the best that the row can do."""


def write_table(study_run: StudyRun) -> None:
    """Write table.json and table.md from the finished runs of a study."""
    folder = study_run.folder
    for name, text in texts(study_run.study, row_outcomes(study_run, folder)).items():
        files.write_text(folder / name, text)


def texts(study: Study, entries: Sequence[RowOutcomes]) -> dict[str, str]:
    """Return the text of table.json and table.md, by file name."""
    rows = [entry.to_json() for entry in entries]
    content = {"study": study.title, "source": study.source, "beside": study.beside, "rows": rows}
    return {TABLE: json.dumps(content, indent=1, allow_nan=False) + "\n", "table.md": markdown(study, entries)}


def markdown(study: Study, entries: Sequence[RowOutcomes]) -> str:
    """Return a study's tables as Markdown: accuracies, precision, recall and F1, settings found, sizes and times."""
    sections = [
        f"# {study.title}", study.source, _LEGEND, _accuracies(entries, study.beside), _averages(entries),
        found_settings(entries, study.beside), sizes(entries, study.beside, study.sizes),
    ]  # fmt: skip
    return "\n\n".join(section for section in sections if section) + "\n"


def cell(outcome: Outcome | None, validation: bool = False, root: str = "") -> str:
    """Return an accuracy with all that it needs to be understood: interval or spread, epochs, images, link to its file.

    Args:
        outcome: of one row and version; None where nothing was run.
        validation: whether to show the accuracy on validation images rather than test images.
        root: prefix of links, such as saved_models/lai/.
    """
    if isinstance(outcome, Diverged):
        return f"[diverged]({root}{outcome.file})"
    if isinstance(outcome, Refused):
        return f"not combined: {outcome.refused}"
    accuracy = outcome and (outcome.validation_accuracy if validation else outcome.test_accuracy)
    if accuracy is None:
        return ""
    value = f"[{accuracy:.4f}]({root}{outcome.file})"
    if validation:
        value = f"*validation* {value}"
    elif outcome.spread is not None:
        value += f" ± {outcome.spread:.4f} ({outcome.seeds} seeds)"
    else:
        low, high = outcome.interval
        value += f" ({low:.4f} to {high:.4f})"
    return "<br>".join([value, *_obtained(outcome)])


def _obtained(outcome: Scored) -> list[str]:
    """Return after which epochs and on how many images an accuracy was obtained, in lines."""
    if isinstance(outcome, ScoredVote):
        lines = ["; ".join(f"{name} {effort(*epochs, mark='**')}" for name, epochs in outcome.members.items())]
    else:
        lines = [effort(outcome.epochs, outcome.of_epochs, outcome.training_images, mark="**")]
    if isinstance(outcome, ScoredRuns) and outcome.precision != "float32":
        lines.append(f"trained in {outcome.precision}")
    if isinstance(outcome, ScoredSearch):
        lines.append(f"{outcome.trials} trials")
    if outcome.images != 10_000 or outcome.shortened:
        lines.append(f"scored on {outcome.images:,} images")
    if outcome.folds_mean is not None:
        lines.append(f"its folds' mean {outcome.folds_mean:.4f}")
    if outcome.to_parent is not None:
        lines.append(f"{outcome.to_parent:.2f} times its parent's accuracy")
    return lines


def _main_key(row: Row) -> str:
    """Return which accuracy of a row the paper prints: that of the test images, unless only the other one is there."""
    only_validation = "validation_accuracy" in row.expect and "test_accuracy" not in row.expect
    return "validation_accuracy" if only_validation else "test_accuracy"


def remarks(row: Row) -> str:
    """Return what was wrong, what is known of our run, and what stands in for the data."""
    stand_in = f"stand-in: {row.stand_in}" if row.stand_in else ""
    return "; ".join(text for text in (row.fault, row.note, stand_in) if text)


def paper_cell(row: Row) -> str:
    """Return the accuracy that the paper prints, or else the recall: on a balanced test set that is the same."""
    for key, mark in ((_main_key(row), ""), ("recall", "*recall* ")):
        if key in row.expect:
            return ("*validation* " if key.startswith("val") else mark) + f"{row.expect[key]:.4f}"
    return ""


def mode_cells(row: Row, by_mode: Mapping[str, Outcome], modes: Sequence[str] = MODES, root: str = "") -> list[str]:
    """Return the cells of a row's versions; `root` is the prefix of links."""
    if row.not_run:
        return [f"not run: {row.not_run}" if mode == "corrected" else "" for mode in modes]
    validation = isinstance(row, Search) or _main_key(row) == "validation_accuracy"
    return [cell(by_mode.get(mode), validation, root) for mode in modes]


def _accuracies(entries: Sequence[RowOutcomes], beside: str) -> str:
    modes = MODES if any(entry.row.fault for entry in entries) else MODES[1:]
    shown = [entry for entry in entries if not isinstance(entry.row, Quoted) or paper_cell(entry.row)]
    published = any(paper_cell(entry.row) for entry in shown)
    head = [*(["table"] if published else []), "row", *([beside] if published else [])]
    head += [
        *(["as published"] if len(modes) == 2 else []),
        "corrected" if published and beside == PAPER else "accuracy",
        "remarks",
    ]
    lines = []
    for entry in shown:
        row = entry.row
        left = [row.table, row.name, paper_cell(row)] if published else [row.name]
        lines.append([*left, *mode_cells(row, entry.by_mode, modes), remarks(row)])
    return table(head, lines)


def _averages(entries: Sequence[RowOutcomes]) -> str:
    """Return the table of precision, recall and F1, of the rows for which the paper prints them."""
    keys = ("precision", "recall", "f1")

    def values(averages: Mapping[str, float]) -> str:
        return " / ".join(f"{averages[key]:.4f}" if key in averages else "–" for key in keys)

    lines = []
    for entry in entries:
        if any(key in entry.row.expect for key in keys):
            left = [entry.row.table, entry.row.name, values(entry.row.expect)]
            outcomes = [(mode, entry.by_mode.get(mode)) for mode in MODES]
            right = [
                [m, values(o.weighted), values(o.macro)] for m, o in outcomes if isinstance(o, ScoredRuns | ScoredVote)
            ]
            lines += [[*left, *cells] for cells in right or [["", "", ""]]]
    if not lines:
        return ""
    text = "Over the classes: weighted by their test images, and macro, each class alike."
    head = ["table", "row", "paper", "version", "weighted", "macro"]
    return f"## Precision / recall / F1\n\n{text}\n\n{table(head, lines)}"
