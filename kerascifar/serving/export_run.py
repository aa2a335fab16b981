"""Write a finished run's net as a file for other programs, and score and time it in its own runtime."""

import contextlib
import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator
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
from kerascifar.core.registry import lookup
from kerascifar.devices import placement
from kerascifar.results import EXPORTED, EXPORTS, KERAS_MODEL, Result
from kerascifar.run import SCORED, load_again, read_run
from kerascifar.serving import latency
from kerascifar.serving.agreement import compare, measure
from kerascifar.serving.formats import FORMATS, Format, check_format

LABELS = "labels.txt"
REPRESENTATIVE = 500  # training images from which the ranges of int8 are found
_BATCH = 256  # images per call when scoring
_TIMED = 64  # different images used for timing


def export(
    folder: Path, to: str, int8: bool = False, repeats: int = latency.REPEATS, **machine: Any
) -> tuple[str, dict[str, Any]]:
    """Export the net of the finished run in `folder`, score and time it, and record that in exported/export.json.

    Args:
        folder: the run folder.
        to: a name in FORMATS.
        int8: quantize weights and activations, with ranges from REPRESENTATIVE training images.
        repeats: number of single images timed.
        machine: RunConfig fields that do not change the numbers: data_dir, unverified, threads.

    Returns:
        The exported file's name and its entry in export.json: format, int8, bytes, metrics by split, latency; under
        "keras" the same for the net that it was made from; agreement by split, what compare() returns.

    Raises:
        InputError: the run, its net, its images or the format cannot be used; nothing is left half-written.
    """
    row, name = check_format(to, int8)
    placement.need_tensorflow("export")
    config, result = read_run(folder, device="cpu", **machine)
    check_net(config, folder)
    into = folder / EXPORTED
    model_sha256 = hashlib.sha256((folder / KERAS_MODEL).read_bytes()).hexdigest()
    earlier = read_exports(into / EXPORTS, model_sha256)
    data = load_again(config, result)
    placement.start(dataclasses.replace(config, strategy="none"))
    from kerascifar.training.preparation import prepared
    from kerascifar.training.scoring import compiled, load_model

    data, model = prepared(config, data), load_model(folder)
    _check_shapes(model, result, folder)
    with files.only_writer(into, "RUN"), files.draft(into) as draft:
        net, predict = _make(row, model, draft / name, data, int8, config.threads)
        # Trained in half precision, the net is compared with its float32 copy, as the exported one computes in float32.
        keras_side, keras_logits = _side(compiled(model if config.precision == "float32" else net), data, repeats)
        own_side, own_logits = _side(predict, data, repeats)
        entry = {
            "format": to,
            "int8": int8,
            "representative_images": len(_spread(data.train.images)) if int8 else 0,
            "bytes": size(draft / name),
            **own_side,
            "agreement": compare(own_logits, keras_logits, data.splits),
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
            "exports": earlier | {name: entry},
        }
        files.write_text(into / EXPORTS, json.dumps(summary, indent=1, allow_nan=False) + "\n")
    return name, entry


def exported_file(folder: Path, to: str, int8: bool = False, **machine: Any) -> bytes:
    """Return the net of the finished run in `folder` as a file: one that was exported earlier, or made now.

    A float one needs no images and is not scored; an int8 one is exported as `export` does.

    Args:
        folder: the run folder.
        to: a name in FORMATS that is a file.
        int8: quantize weights and activations.
        machine: as for `export`.

    Raises:
        InputError: the run, its net, its images or the format cannot be used.
    """
    config, result = read_run(folder, device="cpu", **machine)
    check_net(config, folder)
    own = hashlib.sha256((folder / KERAS_MODEL).read_bytes()).hexdigest()
    name, kept = lookup(FORMATS, to, "--to").name(int8), folder / EXPORTED
    if name in read_exports(kept / EXPORTS, own) and (kept / name).is_file():
        return (kept / name).read_bytes()
    row, name = check_format(to, int8)
    if int8:
        export(folder, to, int8, **machine)
        return (kept / name).read_bytes()
    placement.need_tensorflow("export")
    placement.start(dataclasses.replace(config, strategy="none"))
    from kerascifar.serving.plain import plain
    from kerascifar.training.scoring import load_model

    model = load_model(folder)
    _check_shapes(model, result, folder)
    with tempfile.TemporaryDirectory() as draft:
        with _converting(name):
            row.load().write(plain(model), Path(draft) / name, None)
        return (Path(draft) / name).read_bytes()


def check_net(config: RunConfig, folder: Path) -> None:
    """Refuse a run whose net is not of Keras, or was not kept. Raises InputError."""
    if engine(config.arch).MODEL != KERAS_MODEL:
        raise InputError(f"{folder}: {config.arch} cannot be exported; only Keras nets can")
    if not (folder / KERAS_MODEL).is_file():
        raise InputError(f"{folder} holds no {KERAS_MODEL} to export")


@dataclasses.dataclass(frozen=True)
class _Exports:
    """The part of export.json that is read again."""

    model_sha256: str
    exports: dict[str, dict[str, Any]]


def read_exports(path: Path, model_sha256: str) -> dict[str, Any]:
    """Return the entries of an earlier export.json; none if its files were made from another model.keras.

    Raises InputError: it is corrupt.
    """
    try:
        earlier = read_json(path, _Exports)
    except FileNotFoundError:
        return {}
    except InputError as error:
        raise InputError(f"{error}; remove it, and export again") from None
    return earlier.exports if earlier.model_sha256 == model_sha256 else {}


def size(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder."""
    return sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())


def _make(row: Format, model: Any, path: Path, data: Dataset, int8: bool, threads: int | None) -> tuple[Any, Predict]:
    """Write `model` to `path`; return the plain net that was written, and predict(images) of the format's runtime."""
    import keras

    from kerascifar.serving.plain import plain

    module = row.load()
    with _converting(path.name):
        net = plain(model)
        module.write(net, path, _spread(data.train.images) if int8 else None)
        predict = module.load(path, threads, net)
        predict(data.test.images[:2])
    return keras.Model(net.input, net.outputs[0]), predict


@contextlib.contextmanager
def _converting(name: str) -> Iterator[None]:
    """Let the block make the file `name`, quietly. Raises InputError: it fails."""
    problem = None
    with placement.quiet():
        try:
            yield
        except Exception as error:  # converters and runtimes raise many kinds, and print too
            problem = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if problem is not None:
        raise InputError(f"{name} cannot be made from this net: {problem[:200]}")


def _side(predict: Predict, data: Dataset, repeats: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return metrics and latency of one of the two nets, and its logits (N, classes) by split."""
    splits = {name: split for name, split in data.splits.items() if name in SCORED}
    logits = {
        name: np.concatenate([predict(split.images[i : i + _BATCH]) for i in range(0, len(split), _BATCH)])
        for name, split in splits.items()
    }
    timed = latency.measure(predict, data.test.images[:_TIMED], repeats)
    return {"metrics": measure(logits, splits, data.classes), "latency": timed}, logits


def _check_shapes(model: Any, result: Result, folder: Path) -> None:
    """Refuse a model.keras that is not the net of this result."""
    recorded = (None, *result.dataset["image_shape"]), (None, len(result.dataset["classes"]))
    actual = model.input_shape, model.output_shape
    if actual != recorded:
        raise InputError(f"{folder / KERAS_MODEL} has input and output {actual}, but result.json says {recorded}")


def _spread(images: np.ndarray) -> np.ndarray:
    """Return REPRESENTATIVE evenly spaced `images`, or all if there are fewer."""
    return images[np.linspace(0, len(images) - 1, min(len(images), REPRESENTATIVE)).astype(int)]
