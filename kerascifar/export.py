"""Write a finished run's net as a file for other programs, and score and time it there.

    python -m kerascifar.export saved_models/modified_net --to litert --int8
    python -m kerascifar.export RUN --to onnx

The file lies in RUN/exported/. It takes uint8 pixels from 0 to 255, (N, side, side, channels), normalises them itself
and gives float32 logits (N, classes); labels.txt beside it names the classes in their order. In its own runtime, on
the CPU, it labels all validation and test images of the run, one view of each. Accuracy, size and latency, the Keras
net's beside them, and how far the two agree go into export.json.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar import devices, files, latency, results
from kerascifar.cli import Parser, entry
from kerascifar.config import RunConfig
from kerascifar.configure import ARCHITECTURES
from kerascifar.contracts import Dataset
from kerascifar.cores import cores, processor
from kerascifar.errors import InputError
from kerascifar.exporting.agreement import compare, measure
from kerascifar.exporting.formats import FORMATS, Format, check_format
from kerascifar.flags import add_flags
from kerascifar.results import EXPORTED, Result, find_run
from kerascifar.run import SCORED, load_again, read_run
from kerascifar.serving import Predict

TOLD, LABELS = "export.json", "labels.txt"
REPRESENTATIVE = 500  # training images by which int8's ranges are found
_BATCH = 256  # images scored in a call
_TIMED = 64  # different images that are timed


def main(argv: Sequence[str]) -> None:
    """Run the command line `argv`."""
    parser = Parser(prog="python -m kerascifar.export", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a folder that holds exactly one finished run")
    told = "; ".join(f"{name}, {row.help}" for name, row in FORMATS.items())
    parser.add_argument("--to", metavar="FORMAT", required=True, help=told)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="weights and activations of 8 bits: a quarter of the size, a little less exact",
    )
    parser.add_argument(
        "--repeats",
        metavar="N",
        type=int,
        default=latency.REPEATS,
        help=f"single images timed, for a minute at most (default {latency.REPEATS})",
    )
    add_flags(parser, ("data_dir", "unverified", "threads"))
    given = vars(parser.parse_args(argv))
    run, to, int8, repeats = (given.pop(name) for name in ("run", "to", "int8", "repeats"))
    check_format(to, int8)
    latency.check_repeats(repeats)
    folder = find_run(run)
    name, found = export(folder, to, int8, repeats, **given)
    print(describe(name, found), end="")
    print(f"wrote {folder / EXPORTED / name}, with {LABELS} and {TOLD} beside it")


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
        The exported file's name and what export.json tells of it: format, int8, bytes, metrics by part, latency;
        under "keras" the same of the net that it was made from; agreement by part, as compare() gives it.

    Raises:
        InputError: the run, its net, its images or the format cannot be used; nothing is left half-written.
    """
    row, name = check_format(to, int8)
    devices.need_tensorflow("export")
    config, result = read_run(folder, device="cpu", **machine)
    check_net(config, folder)
    into = folder / EXPORTED
    model_sha256 = hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()
    earlier = read_exports(into / TOLD, model_sha256)
    data = load_again(config, result)
    devices.start(dataclasses.replace(config, strategy="none"))
    from kerascifar.serving import compiled
    from kerascifar.training.preparation import prepared
    from kerascifar.training.scoring import load_model

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
            "agreement": compare(logits, wanted, data.parts),
            "keras": {"bytes": size(folder / "model.keras"), **keras_side},
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
    kind = {"baseline": "a baseline, which has no net", "scratch": "a net in NumPy, not in Keras"}
    engine = ARCHITECTURES[config.arch].engine
    if engine != "keras":
        raise InputError(f"{folder}: {config.arch} is {kind[engine]}; only Keras nets can be exported")
    if not (folder / "model.keras").is_file():
        raise InputError(f"{folder} holds no model.keras, from which it would be exported")


def read_exports(path: Path, model_sha256: str) -> dict[str, Any]:
    """Return what an earlier export.json tells of exported files; nothing if they were made of another model.keras.

    Raises:
        InputError: it is corrupt.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found["exports"]) if found["model_sha256"] == model_sha256 else {}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path} is corrupt: remove it, and export again") from None


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())


def describe(name: str, found: Mapping[str, Any]) -> str:
    """Return as text what `export` found: the exported file beside the Keras net, and how far they agree."""
    sides = {"model.keras": found["keras"], name: found}
    rows = {"": sides, "bytes": [f"{side['bytes']:,}" for side in sides.values()]}
    for part in found["metrics"]:
        rows[f"{part} accuracy"] = [f"{side['metrics'][part]['accuracy']:.4f}" for side in sides.values()]
    rows["ms for one image, median"] = [f"{side['latency']['p50_ms']:.3g}" for side in sides.values()]
    rows["images/s in batches"] = [f"{side['latency']['images_per_second']:,.0f}" for side in sides.values()]
    wide, lines = max(map(len, sides)), []
    for title, values in rows.items():
        lines.append(f"{title:24}" + "".join(f"  {value:>{wide}}" for value in values))
    for part, told in found["agreement"].items():
        images = found["metrics"][part]["images"]
        lines.append(
            f"{part}: accuracy {100 * told['accuracy_difference']:+.2f} points, equal predictions on "
            f"{told['equal_predictions']:.2%} of {images:,} images, "
            f"largest difference of a logit {told['largest_logit_difference']:.2g}"
        )
    run, here = found["run"], found["keras"]["metrics"]["test"]["accuracy"]
    if run["test_accuracy"] != here:
        lines.append(
            f"result.json says {run['test_accuracy']:.4f}, with --tta {run['tta']} and --precision {run['precision']}; "
            f"here both label one view of each image, in float32"
        )
    return "\n".join(lines) + "\n"


def _make(row: Format, model: Any, path: Path, data: Dataset, int8: bool, threads: int | None) -> tuple[Any, Predict]:
    """Write `model` to `path`; return the plain net that was written, and predict(images) of the file's own runtime."""
    import keras

    from kerascifar.exporting.plain import plain

    format_, failed = row.load(), None
    with devices.quiet():
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
    parts = {name: part for name, part in data.parts.items() if name in SCORED}
    logits = {
        name: np.concatenate([predict(part.images[i : i + _BATCH]) for i in range(0, len(part), _BATCH)])
        for name, part in parts.items()
    }
    timed = latency.measure(predict, data.test.images[:_TIMED], repeats)
    return {"metrics": measure(logits, parts, data.classes), "latency": timed}, logits


def _check_shapes(model: Any, result: Result, folder: Path) -> None:
    """Refuse a model.keras that is not the net of this result."""
    wanted = (None, *result.dataset["image_shape"]), (None, len(result.dataset["classes"]))
    found = model.input_shape, model.output_shape
    if found != wanted:
        raise InputError(f"{folder / 'model.keras'} takes and gives {found}, but result.json tells of {wanted}")


def _spread(images: np.ndarray) -> np.ndarray:
    """Return REPRESENTATIVE of `images`, evenly spaced, or all if there are fewer."""
    return images[np.linspace(0, len(images) - 1, min(len(images), REPRESENTATIVE)).astype(int)]


if __name__ == "__main__":
    entry(main)
