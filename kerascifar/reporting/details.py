"""One fold a run: what it was, how it learned, what it confuses, how sure it is, and images it has right and wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import FIELDS
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.plots import results
from kerascifar.plots.svg import to_svg
from kerascifar.reporting.comparison import file_size
from kerascifar.reporting.document import Column, Fold, Part, Picture, Section, Table, Text, number, text
from kerascifar.reporting.examples import examples
from kerascifar.reporting.gather import Gathered, Run, finite
from kerascifar.results import EXPORTED

_CONFUSED = 3  # pairs of classes named
_RECIPE = ("epochs", "batch_size", "optimizer", "learning_rate", "schedule", "augment", "seed")  # told, default or not


def details(gathered: Gathered, images: Mapping[str, np.ndarray | str]) -> Section:
    """Return a fold for each run.

    Args:
        gathered: the runs.
        images: test images by checksum, or why there are none.
    """
    folds = [
        Fold(
            run.anchor,
            f"{run.number}. {run.label}: {run.test['accuracy']:.4f}",
            _parts(run, images[run.member.checksum]),
        )
        for run in gathered.runs
    ]
    return Section("runs", "Each run", "How did it learn, what does it confuse, and how sure is it?", folds)


def _parts(run: Run, images: np.ndarray | str) -> list[Part]:
    parts: list[Part] = [facts(run)]
    if (told := exported(run.member.folder)) is not None:
        parts.append(told)
    parts.append(_confusion(run))
    if run.history:
        parts.append(_history(run))
    if run.calibrated is not None:
        parts.append(_reliability(run))
    return [*parts, *examples(run, images)]


def facts(run: Run) -> Table:
    """Return where a run lies, its data, settings, revision, versions and notes."""
    result = run.member.result
    given = {k: v for k, v in result.config.items() if k in FIELDS and v not in (None, _default(k))}
    recipe = {name: result.config.get(name) for name in _RECIPE} if run.epochs else {}
    told = {
        "run": run.place,
        "data": f"{run.dataset}; " + ", ".join(f"{n:,.0f} {name}" for name, n in _sizes(result.dataset)),
        "trained": ", ".join(f"{k} {_plain(v)}" for k, v in recipe.items() if v is not None),
        "settings that differ from the defaults": ", ".join(f"{k}={_plain(v)}" for k, v in given.items()) or "none",
        "model file": file_size(run.model_bytes).text,
        "git revision": result.revision or "unknown",
        "versions": ", ".join(f"{k} {v}" for k, v in result.versions.items()),
        "notes": ", ".join(f"{k}: {v}" for k, v in result.notes.items() if not isinstance(v, (list, dict))),
    }
    if run.latency:
        told["latency"] = ", ".join(f"{k} {v:.4g}" for k, v in run.latency.items())
    rows = [[text(name), text(value)] for name, value in told.items() if value]
    return Table("What it was.", (Column("fact", numbers=False), Column("value", numbers=False)), rows)


def most_confused(run: Run) -> str:
    """Return in words which class is most often taken for which other one on the test images."""
    matrix, classes = np.array(run.test["confusion_matrix"]), run.member.classes
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSED]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    told = [
        f"{classes[a]} taken for {classes[b]} ({wrong[a, b]:,} of {matrix[a].sum():,})" for a, b in pairs if wrong[a, b]
    ]
    return "; ".join(told) or "nothing is confused"


def _confusion(run: Run) -> Picture:
    most = most_confused(run)
    return Picture(
        f"confusion-{run.number}",
        f"Confusion matrix on the test images of {run.name}. Most often: {most}",
        f"What it takes for what: rows are true, columns predicted classes. Most often: {most}.",
        to_svg(results.draw_confusion(np.array(run.test["confusion_matrix"]), run.member.classes)),
    )


def _history(run: Run) -> Picture:
    ends = {name: points[-1][1] for name, points in run.history.items() if "accuracy" in name or "loss" in name}
    told = ", ".join(f"{name} {value:.4f}" for name, value in ends.items())
    return Picture(
        f"history-{run.number}",
        f"Accuracy and loss by epoch of {run.name}; at the end {told}",
        "How it learned: where training goes on and validation does not, it learns by heart.",
        to_svg(results.draw_history(run.history)),
    )


def _reliability(run: Run) -> Picture:
    found = run.calibrated
    bins = {f"as trained: ECE {found.before.bins.error:.3f}": found.before.bins}
    alt = f"Reliability diagram of {run.name}: ECE {found.before.bins.error:.4f} as trained"
    if found.after is not None:
        bins[f"T = {found.temperature:.2f}: ECE {found.after.bins.error:.3f}"] = found.after.bins
        alt += f", {found.after.bins.error:.4f} with the temperature {found.temperature:.3f}"
    return Picture(
        f"reliability-{run.number}",
        alt,
        "How far its confidence holds: bars below the dashed line mean that it is surer than it is right.",
        to_svg(results.draw_reliability(bins)),
    )


def _sizes(dataset: Mapping) -> list[tuple[str, float]]:
    images = dataset.get("images")
    known = images.items() if isinstance(images, Mapping) else ()
    return [(str(name), n) for name, n in known if finite(n) is not None]


def _default(name: str) -> object:
    default = FIELDS[name].default
    return list(default) if isinstance(default, tuple) else default


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


_COLUMNS = (
    Column("file", numbers=False),
    Column("size"),
    Column("test accuracy", note="of one view of each image"),
    Column("against Keras", note="difference of the accuracies, in points"),
    Column("equal predictions", note="share of the test images that both label alike"),
    Column("p50 ms", note="half of the single images are answered within"),
    Column("Keras p50 ms", note="the same of the Keras net, measured just before"),
)


def exported(folder: Path) -> Table | Text | None:
    """Return a table of the exported files of the run in `folder`; None where it has none."""
    path = folder / EXPORTED / "export.json"
    try:
        files = read_json(path)["exports"]
        rows = [_row(name, told) for name, told in files.items()]
    except FileNotFoundError:
        return None
    except (InputError, ValueError, TypeError, KeyError, AttributeError):
        return Text("Its exported/export.json is corrupt, so nothing is told of what was exported.")
    return Table("As exported, in the file's own runtime on the CPU.", _COLUMNS, rows)


def _row(name: str, told: Mapping[str, Any]) -> list:
    agreement = told["agreement"]["test"]
    return [
        text(name),
        file_size(finite(told["bytes"])),
        number(finite(told["metrics"]["test"]["accuracy"]), ".4f"),
        number(100 * agreement["accuracy_difference"], "+.2f"),
        number(finite(agreement["equal_predictions"]), ".2%"),
        number(finite(told["latency"]["p50_ms"]), ".3g"),
        number(finite(told["keras"]["latency"]["p50_ms"]), ".3g"),
    ]
