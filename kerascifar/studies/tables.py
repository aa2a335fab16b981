"""A study's table as Markdown and JSON: paper beside as-published beside corrected."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascifar.core import files
from kerascifar.studies.outcomes import Figure, rows
from kerascifar.studies.plan import Piece
from kerascifar.studies.rows import MODES, PAPER
from kerascifar.studies.study import Study

Told = Mapping[str, Any]
_LEGEND = """\
A figure is the accuracy on the test images with its 95 % interval, or the mean over seeds with the standard deviation
between them, on 10,000 test images where no other number stands; *validation* marks accuracy on validation images.
Below it stand the epochs and the training images it was obtained with. **N of M epochs** means a shortened run: not
what the paper did, nor the best that the row can do."""


def write_table(study: Study, pieces: Sequence[Piece], folder: Path) -> None:
    """Write table.json and table.md from the finished runs in `folder`."""
    for name, text in texts(study, rows(study, pieces, folder, folder)).items():
        files.write_text(folder / name, text)


def texts(study: Study, told: Sequence[Told]) -> dict[str, str]:
    """Return the files that a study's rows make, by name."""
    whole = {"study": study.title, "source": study.source, "beside": study.beside, "rows": told}
    return {
        "table.json": json.dumps(whole, indent=1, allow_nan=False) + "\n",
        "table.md": markdown(study, told),
    }


def markdown(study: Study, told: Sequence[Told]) -> str:
    """Return a study's tables as Markdown: accuracies, then precision, recall and F1, then sizes and times."""
    parts = [
        f"# {study.title}", study.source, _LEGEND, _accuracies(told, study.beside), _averages(told),
        _sizes(told, study.beside),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def cell(figure: Figure | None, key: str, root: str = "") -> str:
    """Return a figure with all that it needs to be understood: interval or spread, epochs, images, link to its file.

    Args:
        figure: of one row and mode; None where nothing was run.
        key: "test_accuracy" or "validation_accuracy".
        root: where links begin, such as saved_models/lai/.
    """
    if figure is None:
        return ""
    if "diverged" in figure:
        return f"[diverged]({root}{figure['file']})"
    if "refused" in figure:
        return f"not combined: {figure['refused']}"
    if key not in figure:
        return ""
    value = f"[{figure[key]:.4f}]({root}{figure['file']})"
    if key == "validation_accuracy":
        value = f"*validation* {value}"
    elif "spread" in figure:
        value += f" ± {figure['spread']:.4f} ({figure['seeds']} seeds)"
    else:
        low, high = figure["interval"]
        value += f" ({low:.4f} to {high:.4f})"
    return "<br>".join([value, *obtained(figure)])


def obtained(figure: Figure) -> list[str]:
    """Say after which epochs and on how many images a figure was obtained, a line each."""
    lines = []
    if "members" in figure:
        lines.append("; ".join(f"{name} {_epochs(*told)}" for name, told in figure["members"].items()))
    elif figure["epochs"]:
        lines.append(f"{_epochs(figure['epochs'], figure['of_epochs'])}, {figure['training_images']:,} images")
    else:
        lines.append(f"{figure['training_images']:,} images")
    if "trials" in figure:
        lines.append(f"{figure['trials']} trials")
    if "images" in figure and (figure["images"] != 10_000 or figure["shortened"]):
        lines.append(f"scored on {figure['images']:,} images")
    if "folds_mean" in figure:
        lines.append(f"its folds' mean {figure['folds_mean']:.4f}")
    if "to_parent" in figure:
        lines.append(f"{figure['to_parent']:.2f} times its parent's accuracy")
    return lines


def _epochs(done: int, of: int) -> str:
    return f"**{done} of {of} epochs**" if done < of else f"{done} epochs"


def main_key(row: Told) -> str:
    """Return which accuracy of a row the paper prints: that of the test images, unless only the other one is there."""
    paper = row["paper"]
    return "validation_accuracy" if "validation_accuracy" in paper and "test_accuracy" not in paper else "test_accuracy"


def remarks(row: Told) -> str:
    """Return what was wrong, what is known of our run, and what stands in for the data."""
    stand_in = f"stand-in: {row['stand_in']}" if row["stand_in"] else ""
    return "; ".join(text for text in (row["fault"], row["note"], stand_in) if text)


def paper_cell(row: Told) -> str:
    """Return the accuracy that the paper prints, or else the recall: on a balanced test set that is the same."""
    for key, mark in ((main_key(row), ""), ("recall", "*recall* ")):
        if key in row["paper"]:
            return ("*validation* " if key.startswith("val") else mark) + f"{row['paper'][key]:.4f}"
    return ""


def mode_cells(row: Told, modes: Sequence[str] = MODES, root: str = "") -> list[str]:
    """Return the cells of a row's modes; `root` is where links begin."""
    if row["not_run"]:
        return [f"not run: {row['not_run']}" if mode == "corrected" else "" for mode in modes]
    key = "validation_accuracy" if row["kind"] == "search" else main_key(row)
    return [cell(row.get(mode), key, root) for mode in modes]


def _accuracies(told: Sequence[Told], beside: str) -> str:
    modes = MODES if any(row["fault"] for row in told) else MODES[1:]
    shown = [row for row in told if row["kind"] != "quoted" or paper_cell(row)]
    published = any(paper_cell(row) for row in shown)
    head = [*(["table"] if published else []), "row", *([beside] if published else [])]
    head += [
        *(["as published"] if len(modes) == 2 else []),
        "corrected" if published and beside == PAPER else "accuracy",
        "remarks",
    ]
    lines = []
    for row in shown:
        left = [row["table"], row["name"], paper_cell(row)] if published else [row["name"]]
        lines.append([*left, *mode_cells(row, modes), remarks(row)])
    return table(head, lines)


def _averages(told: Sequence[Told]) -> str:
    """Return the table of precision, recall and F1, of the rows for which the paper prints them."""
    keys = ("precision", "recall", "f1")
    shown = [row for row in told if any(key in row["paper"] for key in keys)]
    if not shown:
        return ""

    def values(found: Mapping[str, float]) -> str:
        return " / ".join(f"{found[key]:.4f}" if key in found else "–" for key in keys)

    lines = []
    for row in shown:
        for mode in MODES:
            if "macro" in row.get(mode, {}):
                averages = [values(row[mode][average]) for average in ("weighted", "macro")]
                lines.append([row["table"], row["name"], values(row["paper"]), mode, *averages])
        if not any("macro" in row.get(mode, {}) for mode in MODES):
            lines.append([row["table"], row["name"], values(row["paper"]), "", "", ""])
    text = "Over the classes: weighted by their test images, and macro, each class alike."
    head = ["table", "row", "paper", "version", "weighted", "macro"]
    return f"## Precision / recall / F1\n\n{text}\n\n{table(head, lines)}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


_SIZES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("parameters", "parameters", lambda value: f"{value:,.0f}"),
    ("size_mb", "MB", _digits),
    ("seconds_per_epoch", "seconds an epoch, CPU", _digits),
    ("gpu_seconds_per_epoch", "seconds an epoch, GPU", _digits),
    ("run_seconds", "seconds of the whole run", _digits),
)


def _sizes(told: Sequence[Told], beside: str) -> str:
    """Return the table of parameters, and of what the paper prints of megabytes and seconds, of the rows with any."""
    # A time with nothing beside it only tells how busy a machine was.
    shown = {"parameters", *(key for row in told for key in row["paper"])}
    lines, used = [], [key for key, _, _ in _SIZES if key in shown]
    for row in told:
        own = _own(row)
        if any(key in found for key in used for found in (row["paper"], own)):
            cells = [row["table"], row["name"]]
            for key, _, show in _SIZES:
                if key in used:
                    cells += [show(found[key]) if key in found else "" for found in (row["paper"], own)]
            lines.append(cells)
    if not lines:
        return ""
    head = ["table", "row"]
    for key, title, _ in _SIZES:
        head += [f"{title}: {beside}", "ours"] if key in used else []
    text = (
        "## Sizes and times\n\nOurs: trainable parameters, four bytes each; the median epoch, validation included.\n\n"
    )
    return text + table(head, lines)


def _own(row: Told) -> dict[str, float]:
    """Return what we measured of a row's size and time, by the paper's names."""
    found: dict[str, float] = {}
    if row.get("parameters"):
        found["parameters"] = row["parameters"]
    for mode in MODES:
        figure = row.get(mode, {})
        if figure.get("parameters"):
            found["parameters"] = figure["parameters"]
        if figure.get("seconds_per_epoch"):
            where = "gpu_seconds_per_epoch" if "gpu" in str(figure.get("device")).lower() else "seconds_per_epoch"
            found[where] = figure["seconds_per_epoch"]
        if figure.get("run_seconds"):
            found["run_seconds"] = figure["run_seconds"]
    if "parameters" in found:
        found["size_mb"] = found["parameters"] * 4 / 1e6
    return found


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    text = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in text)
