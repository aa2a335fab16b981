"""Render a Matplotlib figure as an SVG that suits light and dark pages, the same bytes each time."""

import io
import re
from typing import TYPE_CHECKING

from kerascifar.plots import results
from kerascifar.plots.lettering import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Name, colour on a light page (as drawn), colour on a dark one. HEAT and WHITE stay: its shades are transparent.
_COLOURS = (
    ("ink", results.INK, "#e8eaed"),
    ("muted", results.MUTED, "#a3a9b2"),
    ("grid", results.GRID, "#3a3f47"),
    ("paper", results.PAPER, "#15171b"),
    *(
        (f"series-{place}", light, dark)
        for place, (light, dark) in enumerate(
            zip(
                results.SERIES,
                ("#5fb3ee", "#f0914a", "#45c3a0", "#e28dbd", "#d9bd4b", "#9bd3f7", "#b79be6"),
                strict=True,
            )
        )
    ),
)


def to_svg(figure: "Figure") -> bytes:
    """Return `figure` as an SVG: no background, letters as outlines, colours that follow the reader's theme."""
    file = io.StringIO()
    with drawing({"svg.fonttype": "path", "svg.hashsalt": "kerascifar"}):
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]  # without the prolog and the DOCTYPE, which holds a URL
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)  # comments repeat the words drawn
    for name, light, _ in _COLOURS:
        svg = svg.replace(light, f"var(--{name})")
    light = ";".join(f"--{name}:{colour}" for name, colour, _ in _COLOURS)
    dark = ";".join(f"--{name}:{colour}" for name, _, colour in _COLOURS)
    style = f"<style>:root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    head, body = re.sub(r"\n\s*", "\n", svg).split(">", 1)
    return f"{head}>{style}{body}".encode()
