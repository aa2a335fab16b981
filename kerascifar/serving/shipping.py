"""The form in which a run is shipped: a net that was trained in half precision computes in float32, and is scored so.

Sums in bfloat16 are other sums on another processor, and so are some labels; in float32 hardly any. The weights may be
kept as float16, for half the bytes; then too the net computes in float32.
"""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerascifar import results
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_json
from kerascifar.devices import placement
from kerascifar.evaluation.metrics import evaluate
from kerascifar.results import EXCLUDED, EXPORTED, EXPORTS, KERAS_MODEL, TRAINED_IN
from kerascifar.run import SCORED, load_again, read_run
from kerascifar.serving.export_run import check_net, export, read_exports
from kerascifar.serving.formats import FORMATS
from kerascifar.serving.half_weights import in_float16

FULL = "float32"
_HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


@contextlib.contextmanager
def shipped_form(folder: Path, float16: bool = False, **machine: Any) -> Iterator[Path]:
    """Give the run folder to ship: `folder` itself, or for a net that is to be another one a copy, which computes so.

    The copy lasts as long as the block. Its model.keras computes in float32 and has the same weights, bit for bit, or
    these rounded to float16; its metrics and scores.npz are measured with them; the notes of its result.json name the
    precision of the training, and `weights` if they are rounded. It keeps the id of the run, and has no latency.json,
    which was measured in half precision.

    Args:
        folder: the finished run.
        float16: keep matrices and filters as float16, in half the bytes.
        machine: RunConfig fields that do not change the numbers: data_dir, unverified, threads.

    Raises InputError: the run, its net or its images cannot be used.
    """
    config, result = read_run(folder, device="cpu", **machine)
    as_it_is = config.precision == FULL and not float16
    if as_it_is or _linked(folder):  # a link is not followed: what ships the folder refuses it
        yield folder
        return
    check_net(config, folder)
    data = load_again(config, result)
    in_full = dataclasses.replace(config, precision=FULL)
    placement.start(dataclasses.replace(in_full, strategy="none"))
    from kerascifar.training.scoring import load_model, scorer

    load_model(folder)  # refuses what is none of ours before it is unpacked
    with tempfile.TemporaryDirectory() as place:
        form = Path(place, *folder.resolve().parts[-2:])
        form.mkdir(parents=True)
        for name in (EXCLUDED, EXPORTED, KERAS_MODEL):
            _copy(folder / name, form / name)
        files.deflate(form / KERAS_MODEL, _in_float32)
        if float16:
            files.deflate(form / KERAS_MODEL, in_float16)
            _forget_exports(form)  # they hold the weights as they were
        else:
            _keep_exports(form, _sha256(folder / KERAS_MODEL))
        model = load_model(form)
        _check_precision(model)
        score = scorer(model, in_full)
        scores = {name: score(split.images, name) for name, split in data.splits.items() if name in SCORED}
        results.write_scores(form, data, scores)
        metrics = {
            name: evaluate(data.splits[name].labels, values, data.classes, "nll" in result.metrics["test"])
            for name, values in scores.items()
        }
        notes = {**result.notes, "precision": FULL, TRAINED_IN: config.precision}
        if float16:
            notes["weights"] = "float16"
        shipped = dataclasses.replace(result, metrics={**result.metrics, **metrics}, notes=notes)
        results.write_result(form, shipped)
        yield form


def add_plain(folder: Path, **machine: Any) -> str:
    """Export the net of the run as plain.keras, unless it has that or is none of Keras; return why it cannot be, or "".

    Args are those of `shipped_form`.
    """
    row, model = FORMATS["keras"], folder / KERAS_MODEL
    if not model.is_file() or _linked(folder):
        return ""
    try:
        known = read_exports(folder / EXPORTED / EXPORTS, _sha256(model))
        if row.file not in known or not (folder / EXPORTED / row.file).is_file():
            export(folder, "keras", **machine)
    except InputError as error:
        return f"without {row.file}: {error}"
    return ""


def _linked(folder: Path) -> bool:
    return any((folder / name).is_symlink() for name in (KERAS_MODEL, EXPORTED))


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder, if it is there; a link stays one, and is refused when it is to be shipped."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists() or source.is_symlink():
        shutil.copyfile(source, target, follow_symlinks=False)


def _forget_exports(form: Path) -> None:
    path = form / EXPORTED
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _keep_exports(form: Path, before: str) -> None:
    """Let export.json be of the new model.keras: what it tells of was made of the same weights, in float32."""
    path = form / EXPORTED / EXPORTS
    if not path.is_symlink() and read_exports(path, before):
        files.write_text(
            path, json.dumps(read_json(path) | {"model_sha256": _sha256(form / KERAS_MODEL)}, indent=1) + "\n"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _in_float32(name: str, content: bytes) -> bytes:
    """Return a member of a .keras archive; that of the layers with each precision made float32."""
    if name != "config.json":
        return content

    def changed(part: dict[str, Any]) -> dict[str, Any]:
        if part.get("class_name") == "DTypePolicy":
            return {**part, "config": {**part["config"], "name": FULL}}
        return {**part, "dtype": FULL} if part.get("dtype") in _HALF else part

    return json.dumps(json.loads(content, object_hook=changed)).encode()


def _check_precision(model: Any) -> None:
    """Refuse a net in which a layer still computes in half precision."""
    half = [layer.name for layer in model.layers if layer.compute_dtype in _HALF]
    if half:
        raise InputError(f"{KERAS_MODEL}: its layer {half[0]} cannot be made to compute in {FULL}")
