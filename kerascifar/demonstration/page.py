"""The page: one template for the local server and for static files; they differ in where the nets are."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from kerascifar.demonstration.perturbations import FLAT, LEAST_DROP, OCCLUSION, VIEWS
from kerascifar.reporting import render

MOST_BYTES = 2**25  # of a picture's file, and of what is sent at once
MOST_PIXELS = 64_000_000  # as in data/sources/images.py
_SCRIPTS = ("answer.js", "input.js", "draw.js", "demo.js")
_ALSO = {"img-src": "'self' blob:", "connect-src": "'self' data:", "base-uri": "'none'", "form-action": "'none'"}


def local_page(nets: Sequence[Mapping[str, Any]], gallery: Mapping[str, Any]) -> str:
    """Return the page whose nets are behind a server.

    Args:
        nets: what `DescribedNet.facts` gives; "neighbours", the number of the first net with the same training images,
            or None; and "missing", why there are none.
        gallery: "title", and "items", a list of "src" and "caption".
    """
    notes = ("The picture stays on this machine: the page asks only the command that it came from.",)
    return _page(nets, gallery, notes, ("dom.js", "explain.js", "local_net.js"))


def static_page(
    nets: Sequence[Mapping[str, Any]], gallery: Mapping[str, Any], runtime: Mapping[str, str], notes: Sequence[str]
) -> str:
    """Return the page that runs its nets itself.

    Args:
        nets: what `DescribedNet.facts` gives, and "file", where the ONNX file lies beside the page.
        gallery: as for `local_page`.
        runtime: "src" and "integrity" of ONNX Runtime's script.
        notes: sentences at the end of the page.
    """
    scripts = ("dom.js", "explain.js", "resize.js", "onnx_net.js")
    return _page(nets, gallery, notes, scripts, {"script-src": "'self' 'wasm-unsafe-eval'"}, runtime)


def _page(
    nets: Sequence[Mapping[str, Any]],
    gallery: Mapping[str, Any],
    notes: Sequence[str],
    scripts: Sequence[str],
    also: Mapping[str, str] | None = None,
    runtime: Mapping[str, str] | None = None,
) -> str:
    data = {
        "nets": list(nets), "gallery": gallery, "views": VIEWS, "occlusion": OCCLUSION, "least_drop": LEAST_DROP,
        "flat": FLAT, "most_bytes": MOST_BYTES, "most_pixels": MOST_PIXELS,
    }  # fmt: skip
    classes = list(dict.fromkeys(name for net in nets for name in net["classes"]))
    known = ", ".join(classes) if len(classes) <= 20 else f"{len(classes):,} classes, such as {', '.join(classes[:10])}"
    return render.to_page(
        _template("demo.html"), render.template("colours.css") + render.template("report.css") + _template("demo.css"),
        "".join(map(_template, (*scripts, *_SCRIPTS))), {**_ALSO, **(also or {})},
        title=f"Try {' and '.join(net['name'] for net in nets)}",
        summary=f"Knows {known}. Whatever you show, one of these is the answer.",
        gallery=gallery["title"], notes=notes, runtime=runtime, data=render.as_json(data),
    )  # fmt: skip


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")
