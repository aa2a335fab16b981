"""A Matplotlib figure as an SVG that is read on a light page and on a dark one, the same bytes each time."""

import io
import re
import warnings
from typing import TYPE_CHECKING

from kerascifar.plots import results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Name, colour on light (plots.py), colour on dark. HEAT and white stay: shades are see-through.
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
    """Return `figure` as an SVG without a background, letters as outlines, colours that follow the reader's theme."""
    import matplotlib

    told = io.StringIO()
    with (
        matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "kerascifar"}),
        warnings.catch_warnings(action="ignore"),  # of letters that the font lacks; the alternative text has them
    ):
        figure.savefig(
            told, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    drawn = told.getvalue()
    drawn = drawn[drawn.index("<svg") :]  # no prolog, and no DOCTYPE, which names an address
    drawn = re.sub(r"<!--.*?-->", "", drawn, flags=re.DOTALL)  # the words that were drawn
    for name, light, _ in _COLOURS:
        drawn = drawn.replace(light, f"var(--{name})")
    light = ";".join(f"--{name}:{colour}" for name, colour, _ in _COLOURS)
    dark = ";".join(f"--{name}:{colour}" for name, _, colour in _COLOURS)
    style = f"<style>:root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    head, body = re.sub(r"\n\s*", "\n", drawn).split(">", 1)
    return f"{head}>{style}{body}".encode()
