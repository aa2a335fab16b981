"""A Result and its run folder: result.json, scores.npz, history.csv and the model. A result.json means: finished."""

import csv
import dataclasses
import io
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core import files, recorded
from kerascifar.core.contracts import Dataset, Epoch, check_class_count
from kerascifar.core.errors import InputError
from kerascifar.core.fields import MOST_SIDE
from kerascifar.core.finding import find_run
from kerascifar.core.origin import FINISHED, place
from kerascifar.core.provenance import PARENT, Provenance
from kerascifar.core.reading import read_arrays, read_json
from kerascifar.core.shown import csv_cell, html_table, printable
from kerascifar.core.summary import in_a_line, in_rows

FORMAT = 1
# A result.json means: finished, and the test images were scored. A trial of a search never sees them, and its file has
# another name, so that nothing takes it for a finished run with the same run_id.
VALIDATED = "validation.json"
SCORES, HISTORY, TENSORBOARD = "scores.npz", "history.csv", "tensorboard"
KERAS_MODEL, SCRATCH_MODEL = "model.keras", "model.npz"
# A training under way: its last state, the one before, and the weights of its best epoch.
CHECKPOINT, BEFORE, BEST = "checkpoint.npz", "checkpoint-before.npz", "best.npz"
LATENCY = "latency.json"
EXCLUDED = "excluded.csv"  # what --exclude left out, so that the run can be scored again without the audit's list
# The folder of what kerascifar.export wrote, and its file of sizes, accuracies and latencies.
EXPORTED, EXPORTS = "exported", "export.json"
TRAINED_IN = "training_precision"  # in the notes of a shipped run that computes in another precision, float32
_NAMED = 10  # classes at most in a sentence
PACKAGES = ("kerascifar", "tensorflow", "keras", "numpy", "scikit-learn", "scikit-image", "scipy")


@dataclass(frozen=True)
class Result:
    """What a finished run found; the fields are the keys of result.json.

    Attributes:
        run_id: hash of the config, the folder's name.
        config: the RunConfig fields that decide the numbers.
        metrics: "validation" (None without a validation split) and "test" (None in a trial of a search), each as
            metrics.evaluate gives it.
        trainable_parameters: exact count.
        multiply_adds: of one image, forward; None where it has no meaning.
        seconds_per_epoch: median, validation included; None where nothing was trained.
        images_per_second: training images a second, median over the epochs.
        dataset: name, classes, sizes, checksums of the splits, and notes such as ``split: ours``.
        versions: Python and packages.
        revision: git revision of the code, with -dirty where files had changed; None outside a checkout.
        history: one dict an epoch.
        notes: device, threads, `jobs`: how many processes of the same command shared the machine, `training`: the id
            of the run that trained the net, where that is another, `training_precision`, where the net that lies
            here computes in float32 and was trained otherwise, and whatever else the engine tells.
        cpu_seconds_per_epoch: median over the epochs, summed over the threads, so that other load hardly shows in it;
            None where nothing was trained, or not all epochs recorded it.
    """

    run_id: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    trainable_parameters: int
    multiply_adds: int | None
    seconds_per_epoch: float | None
    images_per_second: float | None
    dataset: Mapping[str, Any]
    versions: Mapping[str, str]
    revision: str | None
    history: list[Epoch]
    notes: Mapping[str, Any]
    format: int = FORMAT
    cpu_seconds_per_epoch: float | None = None

    @property
    def accuracy(self) -> float:
        """Test accuracy, 0 to 1."""
        return self.metrics["test"]["accuracy"]

    def __repr__(self) -> str:
        return f"<Result of run {self.run_id}, {in_a_line(self)}>"

    def _repr_html_(self) -> str:
        return html_table((), in_rows(self))

    @property
    def provenance(self) -> Provenance:
        """The data and first weights of the run, as far as recorded. Raises InputError: the record is damaged."""
        weights = {PARENT: self.notes[PARENT]} if PARENT in self.notes else {}
        sha256 = self.dataset.get("sha256", {})
        sha256 = {**sha256, **weights} if isinstance(sha256, dict) else sha256
        recorded = {"classes": self.dataset.get("classes"), "sha256": sha256}
        return Provenance.read(recorded, f"the result of run {self.run_id}")


def write_result(folder: Path, result: Result) -> None:
    """Write result.json, or validation.json where no test image was scored, whole or not at all."""
    text = json.dumps(dataclasses.asdict(result), indent=1, allow_nan=False)
    files.write_text(folder / (FINISHED if result.metrics["test"] else VALIDATED), text + "\n")


def read_result(folder: Path, name: str = FINISHED) -> Result:
    """Read a run folder's result.json, or its validation.json if `name` is VALIDATED; refuse what is none of ours."""
    path = Path(folder) / name
    try:
        result = read_json(path, Result)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no {name}: it is not a finished run") from None
    if result.format != FORMAT:
        raise InputError(f"{path} is not a result of this program: its format is {result.format}, not {FORMAT}")
    split = "test" if name == FINISHED else "validation"
    metrics = result.metrics.get(split)
    accuracy = metrics.get("accuracy") if isinstance(metrics, dict) else None
    if not isinstance(accuracy, float | int) or not 0 <= accuracy <= 1:
        raise InputError(f"{path}: metrics.{split}.accuracy must be a number from 0 to 1, got {accuracy!r}")
    try:
        recorded.check(metrics=result.metrics, dataset=result.dataset, notes=result.notes)
    except ValueError as error:
        raise InputError(f"{path} is corrupt: {error}") from None
    _check_described(path, result.dataset)
    return result


def untested(metrics: Mapping[str, Any]) -> str:
    """Return a sentence on the classes without an image, of what metrics.evaluate returns; "" where there is none."""
    names = [printable(row["class"]) for row in metrics["per_class"] if not row["images"]]
    rest = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
    return f"no test image shows {', '.join(names[:_NAMED])}{rest}: no value, and left out of means" if names else ""


def _check_described(path: Path, dataset: Mapping[str, Any]) -> None:
    """Refuse a data set whose images or classes would not fit into memory."""
    shape = dataset["image_shape"]
    if not 0 < min(shape) <= max(shape) <= MOST_SIDE:
        raise InputError(f"{path}: dataset.image_shape is {shape}; a side has from 1 to {MOST_SIDE} pixels")
    check_class_count(len(dataset["classes"]), str(path))


def first_weights(init_weights: str | None) -> Path | None:
    """Return the file that --init-weights names, itself, by its run folder or as a shipped net; it need not be there.

    None without --init-weights.
    """
    if init_weights is None:
        return None
    source = place(init_weights)
    return find_run(source) / KERAS_MODEL if source.is_dir() else source


def median_epoch(history: Iterable[Mapping[str, float]], column: str) -> float | None:
    """Return the median of a column of the history; None where there is no epoch, or one lacks it.

    >>> median_epoch([{"seconds": 3.0}, {"seconds": 1.0}, {"seconds": 1.5}], "seconds")
    1.5
    """
    rows = list(history)
    return statistics.median(row[column] for row in rows) if rows and all(column in row for row in rows) else None


def list_runs(*paths: str | Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row of numbers for each finished run in or below `paths`, by folder, and why others cannot be read.

    The name of a shipped net stands for its folder. Raises InputError: a path is no folder.

    >>> rows, unreadable = list_runs("saved_models/tiny36k")
    >>> [(row["arch"], row["parameters"]) for row in rows]
    [('tiny36k', 35498)]
    """
    rows, unreadable = [], []
    roots = [place(path) for path in paths]
    for root in roots:
        if not root.is_dir():
            raise InputError(f"PATH {root} is not a folder; give run folders or folders above some")
    for folder in dict.fromkeys(file.parent for root in roots for file in sorted(root.rglob(FINISHED))):
        try:
            rows.append(_row(folder, read_result(folder)))
        except InputError as error:
            unreadable.append(str(error))
    return rows, unreadable


def _row(folder: Path, result: Result) -> dict[str, Any]:
    test, validation = result.metrics["test"], result.metrics["validation"] or {}
    low, high = test["accuracy_interval"]
    return {
        "run": folder.as_posix(),
        "dataset": result.dataset["name"],
        "arch": result.config.get("arch"),
        "seed": result.config.get("seed"),
        "epochs": len(result.history) or None,
        "images": result.dataset["images"]["train"],
        "validation_accuracy": validation.get("accuracy"),
        "test_accuracy": test["accuracy"],
        "low": low,
        "high": high,
        "parameters": result.trainable_parameters,
        "seconds_per_epoch": result.seconds_per_epoch,
    }


def write_scores(folder: Path, data: Dataset, scores: Mapping[str, np.ndarray]) -> None:
    """Write scores.npz: PART_labels int64 (N,), PART_scores float32 (N, classes), PART_checksum, and class names."""
    arrays: dict[str, Any] = {"classes": np.array(data.classes)}
    for name, values in scores.items():
        split = data.splits[name]
        arrays |= {
            f"{name}_labels": split.labels,
            f"{name}_scores": values.astype(np.float32),
            f"{name}_checksum": np.array(split.checksum),
        }
    files.write_atomically(folder / SCORES, lambda part: np.savez_compressed(part, **arrays))


def read_scores(folder: Path) -> dict[str, np.ndarray]:
    """Read scores.npz as `write_scores` wrote it; refuse a folder without it, and a corrupt one."""
    try:
        return read_arrays(Path(folder) / SCORES)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no {SCORES}") from None


def write_history(folder: Path, history: list[Epoch]) -> None:
    """Write history.csv: a row an epoch, columns as they first occur; a cell is empty where the epoch has no such."""
    if not history:
        return
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in history for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writerow({name: csv_cell(name) for name in columns})
    writer.writerows(history)
    files.write_text(folder / HISTORY, text.getvalue())


def describe_dataset(data: Dataset) -> dict[str, Any]:
    """Return what result.json says of a data set."""
    return {
        "name": data.name,
        "classes": list(data.classes),
        "image_shape": list(data.train.images.shape[1:]),
        "images": {name: len(split) for name, split in data.splits.items()},
        "sha256": {name: split.checksum for name, split in data.splits.items()},
        "notes": dict(data.notes),
    }


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of Python, of the packages that make numbers, and of the packages in `more`."""
    installed = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in (*PACKAGES, *more):
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # a checkout that is not installed
            continue
    return installed


def revision() -> str | None:
    """Return the git revision this code runs at, or None where it is no checkout."""
    here = Path(__file__).resolve().parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None
