"""One fold per run: its settings, learning curves, confusions, calibration, and images it has right and wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.config import RunConfig
from kerascifar.core.reading import read_json
from kerascifar.evaluation.equivalence import in_words
from kerascifar.plots import results
from kerascifar.reporting.comparison import file_size
from kerascifar.reporting.document import Block, Cell, Column, Fold, Picture, Section, Table, Text, number, text
from kerascifar.reporting.drawing import picture
from kerascifar.reporting.examples import examples
from kerascifar.reporting.gather import Gathered, Run, finite
from kerascifar.results import EXPORTED, EXPORTS

_CONFUSED = 3  # pairs of classes named
# Settings that are shown even where they are the defaults.
_RECIPE = ("epochs", "batch_size", "optimizer", "learning_rate", "schedule", "augment", "seed")
_EXPORTED_COLUMNS = (
    Column("file", numbers=False),
    Column("size"),
    Column("test accuracy", note="without test-time augmentation"),
    Column("against Keras", note="difference of the accuracies, in percentage points"),
    Column("equal predictions", note="share of the test images that both label alike"),
    Column("p50 ms", note="median time to label one image"),
    Column("Keras p50 ms", note="the same for the Keras net, measured just before"),
)


def details(gathered: Gathered, images: Mapping[str, np.ndarray | str]) -> Section:
    """Return one fold per run.

    Args:
        gathered: the runs.
        images: by checksum of the test set its images, uint8 (N, H, W, C), or why there are none.
    """
    folds = [
        Fold(
            run.anchor,
            f"{run.number}. {run.label}: {run.test['accuracy']:.4f}",
            _blocks(run, images[run.scored.checksum]),
        )
        for run in gathered.runs
    ]
    return Section("runs", "Each run", "How did it learn, what does it confuse, and how sure is it?", folds)


def _blocks(run: Run, images: np.ndarray | str) -> list[Block]:
    blocks: list[Block] = [facts(run), *exported(run.scored.folder), _confusion(run)]
    if run.history:
        blocks.append(_history(run))
    if run.calibrated is not None:
        blocks.append(_reliability(run))
    return [*blocks, *examples(run, images)]


def facts(run: Run) -> Table:
    """Return the run's folder, data, settings, git revision, versions and notes."""
    result = run.scored.result
    defaults = RunConfig().to_dict()
    changed = {k: v for k, v in result.config.items() if k in defaults and v not in (None, defaults[k])}
    recipe = {name: result.config.get(name) for name in _RECIPE} if run.epochs else {}
    by_name = {
        "run": run.place,
        "data": f"{run.dataset}; " + ", ".join(f"{n:,.0f} {name}" for name, n in _sizes(result.dataset)),
        "trained": ", ".join(f"{k} {_plain(v)}" for k, v in recipe.items() if v is not None),
        "settings that differ from the defaults": ", ".join(f"{k}={_plain(v)}" for k, v in changed.items()) or "none",
        "model file": file_size(run.model_bytes).text,
        "git revision": result.revision or "unknown",
        "versions": ", ".join(f"{k} {v}" for k, v in result.versions.items()),
        "notes": ", ".join(f"{k}: {v}" for k, v in result.notes.items() if not isinstance(v, (list, dict))),
        "latency": ", ".join(f"{k} {v:.4g}" for k, v in run.latency.items()),
    }
    rows = [[text(name), text(value)] for name, value in by_name.items() if value]
    return Table("Data, settings and software.", (Column("fact", numbers=False), Column("value", numbers=False)), rows)


def most_confused(run: Run) -> str:
    """Return in words which classes are most often mistaken for which others on the test images."""
    matrix, classes = np.array(run.test["confusion_matrix"]), run.scored.classes
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSED]
    pairs = [np.unravel_index(index, wrong.shape) for index in order]
    return (
        "; ".join(
            f"{classes[a]} taken for {classes[b]} ({wrong[a, b]:,} of {matrix[a].sum():,})"
            for a, b in pairs
            if wrong[a, b]
        )
        or "nothing is confused"
    )


def exported(folder: Path) -> list[Table | Text]:
    """Return a table of the exported files of the run in `folder`; nothing where it has none."""
    try:
        entries = read_json(folder / EXPORTED / EXPORTS)["exports"].items()
        rows = [_exported_row(*entry) for entry in entries]
        compared = [(name, entry["agreement"]["test"]) for name, entry in entries]
        flips = [
            Text(f"{name}: {in_words(test)}.") for name, test in compared if "flips" in test
        ]  # older ones have none
    except FileNotFoundError:
        return []
    except Exception:  # a stranger's file holds keys, types and numbers that none of ours has
        return [Text(f"Its {EXPORTED}/{EXPORTS} is corrupt, so its exported files are not shown.")]
    return [Table("Exported files, each in its own runtime on the CPU.", _EXPORTED_COLUMNS, rows), *flips]


def _exported_row(name: str, entry: Mapping[str, Any]) -> list[Cell]:
    agreement = entry["agreement"]["test"]
    return [
        text(name),
        file_size(finite(entry["bytes"])),
        number(finite(entry["metrics"]["test"]["accuracy"]), ".4f"),
        number(100 * agreement["accuracy_difference"], "+.2f"),
        number(finite(agreement["equal_predictions"]), ".2%"),
        number(finite(entry["latency"]["p50_ms"]), ".3g"),
        number(finite(entry["keras"]["latency"]["p50_ms"]), ".3g"),
    ]


def _confusion(run: Run) -> Picture | Text:
    most = most_confused(run)
    return picture(
        f"confusion-{run.number}",
        f"Confusion matrix on the test images of {run.name}. Most often: {most}",
        f"Confusion matrix: rows are true classes, columns predicted ones. Most often: {most}.",
        results.draw_confusion,
        np.array(run.test["confusion_matrix"]),
        run.scored.classes,
    )


def _history(run: Run) -> Picture | Text:
    last = {name: points[-1][1] for name, points in run.history.items() if "accuracy" in name or "loss" in name}
    ends = ", ".join(f"{name} {value:.4f}" for name, value in last.items())
    return picture(
        f"history-{run.number}",
        f"Accuracy and loss by epoch of {run.name}; at the end {ends}",
        "Learning curves: where training improves and validation does not, the net overfits.",
        results.draw_history,
        run.history,
    )


def _reliability(run: Run) -> Picture | Text:
    before, after, temperature = run.calibrated.before, run.calibrated.after, run.calibrated.temperature
    bins = {f"as trained: ECE {before.bins.error:.3f}": before.bins}
    alt = f"Reliability diagram of {run.name}: ECE {before.bins.error:.4f} as trained"
    if after is not None:
        bins[f"T = {temperature:.2f}: ECE {after.bins.error:.3f}"] = after.bins
        alt += f", {after.bins.error:.4f} with the temperature {temperature:.3f}"
    return picture(
        f"reliability-{run.number}",
        alt,
        "Reliability diagram: bars below the dashed line mean overconfidence.",
        results.draw_reliability,
        bins,
    )


def _sizes(dataset: Mapping) -> list[tuple[str, float]]:
    sizes = dataset.get("images")
    return [(str(name), n) for name, n in sizes.items() if finite(n) is not None] if isinstance(sizes, Mapping) else []


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
