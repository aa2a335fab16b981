"""The curve of a learning-rate range test, as a Matplotlib figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kerascifar.plots.confusion import MUTED, STYLE
from kerascifar.plots.lettering import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008, colours that people with colour blindness can tell apart; darkened to stand out on white.
_COLOURS = ("#0067a5", "#c2570c", "#00795c", "#a8437f")
_SIZE = (5.8, 3.2)  # inches
_AXES = {
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#d5d8dd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def draw_range_test(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], marks: Mapping[str, float]
) -> "Figure":
    """Draw each batch's loss and the smoothed one against the learning rate, and a line at each rate of `marks`."""
    from matplotlib.figure import Figure

    with drawing(STYLE | _AXES, list(marks)):
        figure = Figure(figsize=_SIZE)
        axes = figure.subplots()
        axes.plot(rates, losses, ".", color=MUTED, alpha=0.4, markersize=4, markeredgewidth=0, label="a batch")
        axes.plot(rates, smoothed, color=_COLOURS[0], linewidth=2, label="smoothed")
        for colour, (name, rate) in zip(_COLOURS[1:], marks.items(), strict=False):
            axes.axvline(rate, color=colour, linestyle="--", linewidth=1.2, label=f"{name}: {rate:.2g}")
        low, high = min(losses), min(max(losses), 1.3 * smoothed[0])  # a divergence would press the rest into a line
        margin = 0.05 * (high - low)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - margin, high + margin))
        axes.xaxis.set_major_formatter("{x:g}")  # no mathematical text: see `drawing`
        figure.legend(loc="outside lower center", ncols=4)
        figure.draw_without_rendering()
    return figure
