"""Write a finished run's net as a file for other programs, and score and time it in its own runtime."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import results
from kerascifar.architectures import engine
from kerascifar.config import RunConfig
from kerascifar.core import files
from kerascifar.core.contracts import Dataset, Predict
from kerascifar.core.errors import InputError
from kerascifar.core.processor import cores, processor
from kerascifar.core.reading import read_json
from kerascifar.devices import placement
from kerascifar.results import EXPORTED, KERAS_MODEL, Result
from kerascifar.run import SCORED, load_again, read_run
from kerascifar.serving import latency
from kerascifar.serving.agreement import compare, measure
from kerascifar.serving.formats import Format, check_format

TOLD, LABELS = "export.json", "labels.txt"
REPRESENTATIVE = 500  # training images by which int8's ranges are found


_BATCH = 256  # images scored in a call


_TIMED = 64  # different images that are timed


def export(
    folder: Path, to: str, int8: bool = False, repeats: int = latency.REPEATS, **machine: Any
) -> tuple[str, dict[str, Any]]:
    """Export the net of the finished run in `folder`, score and time it, and tell of it in exported/export.json.

    Args:
        folder: the run folder.
        to: of FORMATS.
        int8: quantize after training, by REPRESENTATIVE training images.
        repeats: single images timed.
        machine: RunConfig fields that do not change the numbers: data_dir, unverified, threads.

    Returns:
        The exported file's name and what export.json tells of it: format, int8, bytes, metrics by split, latency;
        under "keras" the same of the net that it was made from; agreement by split, as compare() gives it.

    Raises:
        InputError: the run, its net, its images or the format cannot be used; nothing is left half-written.
    """
    row, name = check_format(to, int8)
    placement.need_tensorflow("export")
    config, result = read_run(folder, device="cpu", **machine)
    check_net(config, folder)
    into = folder / EXPORTED
    model_sha256 = hashlib.sha256((folder / KERAS_MODEL).read_bytes()).hexdigest()
    earlier = read_exports(into / TOLD, model_sha256)
    data = load_again(config, result)
    placement.start(dataclasses.replace(config, strategy="none"))
    from kerascifar.training.preparation import prepared
    from kerascifar.training.scoring import compiled, load_model

    data, model = prepared(config, data), load_model(folder)
    _check_shapes(model, result, folder)
    with files.only_writer(into, "RUN"), files.draft(into) as draft:
        net, predict = _make(row, model, draft / name, data, int8, config.threads)
        # What Keras gives in half precision no other runtime can agree with.
        keras_side, wanted = _side(compiled(model if config.precision == "float32" else net), data, repeats)
        own_side, logits = _side(predict, data, repeats)
        told = {
            "format": to,
            "int8": int8,
            "representative_images": len(_spread(data.train.images)) if int8 else 0,
            "bytes": size(draft / name),
            **own_side,
            "agreement": compare(logits, wanted, data.splits),
            "keras": {"bytes": size(folder / KERAS_MODEL), **keras_side},
            "run": {"test_accuracy": result.accuracy, "tta": config.tta, "precision": config.precision},
            "device": "cpu",
            "threads": config.threads or cores(),
            "machine": processor(),
            "versions": results.versions(row.packages.values()),
            "revision": results.revision(),
        }
        files.publish(draft / name, into / name)
        files.write_text(into / LABELS, "".join(f"{name}\n" for name in data.classes))
        summary = {
            "run_id": result.run_id,
            "model_sha256": model_sha256,
            "classes": list(data.classes),
            "input": {"name": "pixels", "dtype": "uint8", "shape": [None, *result.dataset["image_shape"]]},
            "output": {"name": "logits", "dtype": "float32", "shape": [None, len(data.classes)]},
            "exports": earlier | {name: told},
        }
        files.write_text(into / TOLD, json.dumps(summary, indent=1, allow_nan=False) + "\n")
    return name, told


def check_net(config: RunConfig, folder: Path) -> None:
    """Refuse a run that left no Keras net.

    Raises:
        InputError: it is a baseline or a net in NumPy, or its model.keras is missing.
    """
    fitted = engine(config.arch)
    if fitted.MODEL != KERAS_MODEL:
        raise InputError(f"{folder}: {config.arch} is one of the {fitted.TITLE}; only Keras nets can be exported")
    if not (folder / KERAS_MODEL).is_file():
        raise InputError(f"{folder} holds no {KERAS_MODEL}, from which it would be exported")


@dataclasses.dataclass(frozen=True)
class _Exports:
    """What is read of export.json."""

    model_sha256: str
    exports: dict[str, dict[str, Any]]


def read_exports(path: Path, model_sha256: str) -> dict[str, Any]:
    """Return what an earlier export.json tells of exported files; nothing if they were made of another model.keras.

    Raises:
        InputError: it is corrupt.
    """
    try:
        found = read_json(path, _Exports)
    except FileNotFoundError:
        return {}
    except InputError as error:
        raise InputError(f"{error}; remove it, and export again") from None
    return found.exports if found.model_sha256 == model_sha256 else {}


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())


def _make(row: Format, model: Any, path: Path, data: Dataset, int8: bool, threads: int | None) -> tuple[Any, Predict]:
    """Write `model` to `path`; return the plain net that was written, and predict(images) of the file's own runtime."""
    import keras

    from kerascifar.serving.plain import plain

    format_, failed = row.load(), None
    with placement.quiet():
        try:
            net = plain(model)
            format_.write(net, path, _spread(data.train.images) if int8 else None)
            predict = format_.load(path, threads)
            predict(data.test.images[:2])
        except Exception as error:  # converters and runtimes raise many kinds, and print as they do
            failed = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if failed is not None:
        raise InputError(f"{path.name} cannot be made of this net: {failed[:200]}")
    return keras.Model(net.input, net.outputs[0]), predict


def _side(predict: Predict, data: Dataset, repeats: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return metrics and latency of one of the two nets, and its logits (N, classes) by part."""
    splits = {name: split for name, split in data.splits.items() if name in SCORED}
    logits = {
        name: np.concatenate([predict(split.images[i : i + _BATCH]) for i in range(0, len(split), _BATCH)])
        for name, split in splits.items()
    }
    timed = latency.measure(predict, data.test.images[:_TIMED], repeats)
    return {"metrics": measure(logits, splits, data.classes), "latency": timed}, logits


def _check_shapes(model: Any, result: Result, folder: Path) -> None:
    """Refuse a model.keras that is not the net of this result."""
    wanted = (None, *result.dataset["image_shape"]), (None, len(result.dataset["classes"]))
    found = model.input_shape, model.output_shape
    if found != wanted:
        raise InputError(f"{folder / 'model.keras'} takes and gives {found}, but result.json tells of {wanted}")


def _spread(images: np.ndarray) -> np.ndarray:
    """Return REPRESENTATIVE of `images`, evenly spaced, or all if there are fewer."""
    return images[np.linspace(0, len(images) - 1, min(len(images), REPRESENTATIVE)).astype(int)]
