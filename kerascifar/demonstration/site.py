"""Static files that any web server can serve: the page, and the net as ONNX, which the page runs itself."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.demonstration import runtime
from kerascifar.demonstration.gallery import Gallery, photographs
from kerascifar.demonstration.nets import DescribedNet, describe
from kerascifar.demonstration.page import static_page
from kerascifar.reporting.pictures import png
from kerascifar.serving.export_run import exported_file

PAGE = "index.html"
_NOTES = (
    "The nets run in this page, by ONNX Runtime: no picture leaves the browser.",
    "Pictures are resized as kerascifar.predict does it, to the bit; the browser decodes them, and there a JPEG may "
    "differ by a grey level, and colours below full transparency are lost.",
)


def write_site(folders: Sequence[Path], out: Path, int8: bool = False, **machine: Any) -> list[Path]:
    """Write the page and an ONNX file for each of the finished runs in `folders` into the folder `out`.

    ONNX Runtime's own files are none of ours: `runtime.fetch_runtime` puts them into out/FOLDER.

    Args:
        folders: run folders.
        out: made if it is not there; files of the same names are replaced.
        int8: 8-bit nets; training images must be at hand, or RUN/exported hold such a file already.
        machine: RunConfig fields that do not change the numbers: data_dir, unverified, threads.

    Returns:
        The files written, the page first.

    Raises:
        InputError: a run cannot be read or exported, or takes scrambled pixels; nothing is left half-written.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {out}")
    nets = [describe(folder, **machine) for folder in folders]
    for net in nets:
        if net.config.pixels not in (None, "hwc"):
            raise InputError(f"{net.folder}: it reads pixels in the order {net.config.pixels}, which no ONNX file does")
    made = [exported_file(net.folder, "onnx", int8, **machine) for net in nets]
    names = [f"{net.name}-{net.result.run_id}{'-int8' if int8 else ''}.onnx" for net in nets]
    facts = [{**net.facts(), "file": files.safe_name(name, "RUN")} for net, name in zip(nets, names, strict=True)]
    notes = [*_NOTES, *(note for net in nets if (note := _difference(net, int8)))]
    page = static_page(facts, _inside(photographs()), runtime.integrity(), notes)
    for name, content in zip(names, made, strict=True):
        files.write_atomically(out / name, lambda part, content=content: part.write_bytes(content))
    files.write_text(out / PAGE, page)
    return [out / PAGE, *(out / name for name in names)]


def _inside(gallery: Gallery) -> dict[str, Any]:
    """Return a gallery whose pictures stand in the page."""
    uris = [f"data:image/png;base64,{base64.b64encode(png(image)).decode()}" for image in gallery.images]
    items = [{"src": uri, "caption": caption} for uri, caption in zip(uris, gallery.captions, strict=True)]
    return {"title": gallery.title, "items": items}


def _difference(net: DescribedNet, int8: bool) -> str:
    """Return in what the net of the page differs from that of `predict`; empty where it is the same."""
    differs = {
        "computes with 8-bit weights and activations": int8,
        "labels each picture once, without test-time augmentation": net.config.tta != "none",
        f"computes in float32, not in {net.config.precision}": not int8 and net.config.precision != "float32",
    }
    found = [sentence for sentence, holds in differs.items() if holds]
    return f"Unlike in kerascifar.predict, {net.name} here {' and '.join(found)}." if found else ""
