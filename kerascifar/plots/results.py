"""Figures of results: accuracies, curves, confusion, reliability, trade-offs.

The colours are those of a light page; `kerascifar.plots.svg` replaces them on a dark one.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from kerascifar.evaluation.calibration import Reliability
from kerascifar.plots.lettering import drawing, legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")

INK, MUTED, GRID, PAPER = "#1a1c1f", "#5b6068", "#d5d8dd", "#fdfdfe"
# Okabe and Ito 2008, colours that people with colour blindness can tell apart; darkened to stand out on white.
SERIES = ("#0067a5", "#c2570c", "#00795c", "#a8437f", "#8a6d00", "#2389c4", "#6d4aa3")
HEAT, WHITE = "#2a78c2", "#ffffff"  # on shades up to half the text is INK, above it WHITE, on light and dark pages
STYLE = {
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
WIDTH = 5.8  # inches: at this width 9-point letters are legible on a phone
_NUMBERED = 20  # classes up to which a confusion matrix has room for numbers


def styled(draw: Callable[Arguments, "Figure"]) -> Callable[Arguments, "Figure"]:
    """Make `draw` use STYLE and finish the layout, with names that can be drawn."""

    @functools.wraps(draw)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> "Figure":
        shown = [legible(arg) for arg in args]
        with drawing(STYLE, *shown):
            figure = draw(*shown, **kwargs)
            figure.draw_without_rendering()
        return figure

    return wrapped


@styled
def draw_accuracies(
    names: Sequence[str], accuracies: Sequence[float], intervals: Sequence[Sequence[float]]
) -> "Figure":
    """Draw one row per run: accuracy, 0 to 1, as a dot and its interval as a line, the best on top."""
    figure, axes = _axes(0.75 + 0.21 * len(names))
    order = sorted(range(len(names)), key=lambda i: (accuracies[i], -i))
    for row, i in enumerate(order):
        axes.plot(intervals[i], (row, row), color=SERIES[0], linewidth=2.2, solid_capstyle="round")
        axes.plot(accuracies[i], row, "o", color=SERIES[0], markersize=4.5)
    _name_rows(axes, range(len(names)), [names[i] for i in order], "test accuracy with its 95 % interval")
    return figure


@styled
def draw_published(
    names: Sequence[str], accuracies: Mapping[str, Sequence[float | None]], shortened: Mapping[str, Sequence[bool]]
) -> "Figure":
    """Draw one row per row of a published table: the accuracy, 0 to 1, of each version, such as paper and corrected.

    The first version is the published one; in the others a hollow mark is a run that was `shortened`.
    """
    figure, axes = _axes(1.0 + 0.24 * len(names))
    rows = np.arange(len(names))[::-1]
    for row, values in zip(rows, zip(*accuracies.values(), strict=True), strict=True):
        known = [v for v in values if v is not None]
        if known:
            axes.plot((min(known), max(known)), (row, row), color=GRID, linewidth=2, zorder=1)
    marks = ("D", "o", "s")
    for place, (version, values) in enumerate(accuracies.items()):
        size, cut, label = 7.5 if place == 0 else 5, shortened.get(version, [place == 0] * len(rows)), version
        for hollow in (False, True):
            known = [(v, r) for v, r, c in zip(values, rows, cut, strict=True) if v is not None and c == hollow]
            if known:
                style = {"markersize": size, "fillstyle": "none" if hollow else "full", "zorder": 2}
                axes.plot(*zip(*known, strict=True), marks[place], color=SERIES[place], label=label, **style)
                label = None
    _name_rows(axes, rows, names, "test accuracy")
    figure.legend(loc="outside upper center", ncols=len(accuracies))
    return figure


@styled
def draw_curves(curves: Mapping[str, Sequence[tuple[float, float]]], ylabel: str) -> "Figure":
    """Draw the curves of several runs, points (epoch, value); the first have colours and names, the rest are grey."""
    figure, axes = _axes(2.8 + 0.18 * min(len(curves), len(SERIES)))
    for place, (name, points) in enumerate(curves.items()):
        named = place < len(SERIES)
        style = (
            {"color": SERIES[place], "label": shorten(name, 80), "zorder": 3} if named else {"color": GRID, "zorder": 1}
        )
        axes.plot(*zip(*points, strict=True), marker="." if len(points) < 40 else "", linewidth=1.5, **style)
    _whole_epochs(axes)
    axes.set(xlabel="epoch", ylabel=ylabel)
    figure.legend(loc="outside lower left", ncols=1 if max(map(len, curves)) > 30 else 2)
    return figure


@styled
def draw_history(history: Mapping[str, Sequence[tuple[float, float]]]) -> "Figure":
    """Draw one run's history, points (epoch, value) by column: accuracies on the left, losses on the right."""
    figure, (left, right) = _axes(2.6, 2)
    for axes, columns, ylabel in (
        (left, {"accuracy": "training", "val_accuracy": "validation", "test_accuracy": "test"}, "accuracy"),
        (right, {"loss": "training", "val_loss": "validation"}, "loss"),
    ):
        for place, (column, name) in enumerate(columns.items()):
            if points := history.get(column):
                marker = "." if len(points) < 40 else ""
                axes.plot(*zip(*points, strict=True), marker=marker, color=SERIES[place], label=name, linewidth=1.5)
        _whole_epochs(axes)
        axes.set(xlabel="epoch", ylabel=ylabel)
    handles, names = left.get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


@styled
def draw_confusion(matrix: np.ndarray, classes: Sequence[str]) -> "Figure":
    """Draw a confusion matrix, int (classes, classes), one row per true class; shades are shares of the row."""
    from matplotlib.colors import to_rgb

    count = len(classes)
    side = WIDTH * 0.84
    figure, axes = _axes(side + 0.2)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    shades = np.empty((count, count, 4))
    shades[..., :3], shades[..., 3] = to_rgb(HEAT), shares
    if count <= _NUMBERED:
        axes.pcolormesh(shades, edgecolors="none")
        for (row, column), value in np.ndenumerate(matrix):
            color = WHITE if shares[row, column] > 0.5 else INK if value else MUTED
            size = min(8.0, 90 / count) if value < 1000 else min(7.0, 80 / count)
            axes.text(column + 0.5, row + 0.5, f"{value}", ha="center", va="center", fontsize=size, color=color)
        axes.set_xticks(np.arange(count) + 0.5, [shorten(c, 14) for c in classes], rotation=40, ha="right")
        axes.set_yticks(np.arange(count) + 0.5, [shorten(c, 14) for c in classes])
    else:
        axes.imshow(shades, extent=(0, count, count, 0), interpolation="none")
    axes.set(xlim=(0, count), ylim=(count, 0), aspect="equal", xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


@styled
def draw_reliability(bins: Mapping[str, Reliability]) -> "Figure":
    """Draw one reliability diagram per title, as in Guo et al. 2017, Figure 1: accuracy of each bin by confidence."""
    figure, diagrams = _axes(3.3, len(bins))
    for axes, (title, reliability) in zip(np.atleast_1d(diagrams), bins.items(), strict=True):
        filled = reliability.images > 0
        left, width = reliability.edges[:-1][filled], np.diff(reliability.edges)[filled]
        accuracy, confidence = reliability.accuracy[filled], reliability.confidence[filled]
        axes.bar(left, accuracy, width, align="edge", color=SERIES[0], alpha=0.55, edgecolor=PAPER, linewidth=0.5)
        axes.vlines(confidence, confidence, accuracy, color=SERIES[1], linewidth=2)
        axes.plot(confidence, accuracy, "o", color=SERIES[1], markersize=3.5)
        axes.plot((0, 1), (0, 1), "--", color=MUTED, linewidth=1)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence", title=title)
    np.atleast_1d(diagrams)[0].set_ylabel("accuracy")
    return figure


@styled
def draw_tradeoff(cost: Sequence[float], accuracies: Sequence[float], names: Sequence[str], xlabel: str) -> "Figure":
    """Draw accuracy, 0 to 1, against a cost on a logarithmic axis; a line joins the points that none beats in both."""
    from matplotlib.ticker import EngFormatter, NullFormatter

    figure, axes = _axes(3.4)
    best, frontier = -1.0, []
    for i in sorted(range(len(cost)), key=lambda i: (cost[i], -accuracies[i])):
        if accuracies[i] > best:
            best = accuracies[i]
            frontier.append(i)
    axes.plot([cost[i] for i in frontier], [accuracies[i] for i in frontier], color=SERIES[1], linewidth=1.2, zorder=1)
    for i, name in enumerate(names):
        color = SERIES[1] if i in frontier else SERIES[0]
        axes.plot(cost[i], accuracies[i], "o", color=color, markersize=15, markeredgecolor=PAPER, zorder=2)
        axes.text(cost[i], accuracies[i], name, ha="center", va="center_baseline", color=PAPER, fontsize=8, zorder=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(0.12)
    axes.set(xlabel=xlabel, ylabel="test accuracy")
    return figure


@styled
def draw_range_test(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], marks: Mapping[str, float]
) -> "Figure":
    """Draw each batch's loss and the smoothed one against the learning rate, and a line at each rate of `marks`."""
    figure, axes = _axes(3.2)
    axes.plot(rates, losses, ".", color=MUTED, alpha=0.4, markersize=4, markeredgewidth=0, label="a batch")
    axes.plot(rates, smoothed, color=SERIES[0], linewidth=2, label="smoothed")
    for colour, (name, rate) in zip(SERIES[1:], marks.items(), strict=False):
        axes.axvline(rate, color=colour, linestyle="--", linewidth=1.2, label=f"{name}: {rate:.2g}")
    low, high = min(losses), min(max(losses), 1.3 * smoothed[0])  # a divergence would press the rest into a line
    margin = 0.05 * (high - low)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - margin, high + margin))
    axes.xaxis.set_major_formatter("{x:g}")  # no mathematical text: see `drawing`
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _axes(height: float, columns: int = 1) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots(1, columns)


def _name_rows(axes: "Axes", rows: Sequence[int], names: Sequence[str], xlabel: str) -> None:
    axes.set_yticks(rows, names)
    axes.set(ylim=(-0.7, len(names) - 0.3), xlabel=xlabel)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _whole_epochs(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def shorten(name: str, letters: int) -> str:
    """Return `name` cut to at most `letters` letters, the last of them an ellipsis."""
    return name if len(name) <= letters else name[: letters - 1] + "…"
