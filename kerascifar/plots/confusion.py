"""The confusion matrix as a Matplotlib figure, for TensorBoard; those of a page are in `kerascifar.plots.charts`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerascifar.plots.lettering import drawing, legible
from kerascifar.plots.svg import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, HEAT, WHITE = "#1a1c1f", "#5b6068", "#2a78c2", "#ffffff"
STYLE = {"figure.constrained_layout.use": True, "font.size": 9, "text.color": INK, "axes.labelcolor": INK}
_SIDE = 4.9  # inches
_NUMBERED = 20  # classes up to which a confusion matrix has room for numbers


def draw_confusion(matrix: np.ndarray, classes: Sequence[str]) -> "Figure":
    """Draw a confusion matrix, int (classes, classes), one row per true class; shades are shares of the row."""
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    count, names = len(classes), legible(list(classes))
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    shades = np.empty((count, count, 4))
    shades[..., :3], shades[..., 3] = to_rgb(HEAT), shares
    with drawing(STYLE, names):
        figure = Figure(figsize=(_SIDE + 0.9, _SIDE + 0.2))
        axes = figure.subplots()
        if count <= _NUMBERED:
            axes.pcolormesh(shades, edgecolors="none")
            for (row, column), value in np.ndenumerate(matrix):
                color = WHITE if shares[row, column] > 0.5 else INK if value else MUTED
                size = min(8.0, 90 / count) if value < 1000 else min(7.0, 80 / count)
                axes.text(column + 0.5, row + 0.5, f"{value}", ha="center", va="center", fontsize=size, color=color)
            axes.set_xticks(np.arange(count) + 0.5, [shorten(c, 14) for c in names], rotation=40, ha="right")
            axes.set_yticks(np.arange(count) + 0.5, [shorten(c, 14) for c in names])
        else:
            axes.imshow(shades, extent=(0, count, count, 0), interpolation="none")
        axes.set(xlim=(0, count), ylim=(count, 0), aspect="equal", xlabel="predicted", ylabel="true")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.draw_without_rendering()
    return figure
