"""Charts of results as SVG: accuracies, curves, classes, confusion, reliability, trade-offs. No Matplotlib.

Each returns an <svg> whose text is text. What belongs to a run bears its key as ``data-row``, by which a page hides it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerascifar.evaluation.calibration import Reliability
from kerascifar.plots.svg import (
    LINE,
    WIDTH,
    Form,
    Scale,
    axes,
    element,
    legend,
    line,
    picture,
    shorten,
    title,
    words,
)  # fmt: skip

SERIES = 7  # colours in charts.css
_LEFT, _RIGHT, _TOP = 46, WIDTH - 12, 22
_NAMED = 200  # where a chart begins whose rows have names
_LETTERS = 29  # of such a name
_NUMBERED = 20  # classes up to which a confusion matrix has room for numbers
CLASSES = 11  # up to which bars have room, beside those of the total


@dataclass(frozen=True)
class Curve:
    """Points (epoch, value) of one run: its name in the legend or none, its colour or None for grey, dashed or not."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int | None = None
    dashed: bool = False
    row: str = ""


def accuracies(
    names: Sequence[str], values: Sequence[float], intervals: Sequence[Sequence[float]], keys: Sequence[str]
) -> str:
    """Draw a line per run, in the given order: accuracy, 0 to 1, as a dot on its interval."""
    x = Scale.over([end for interval in intervals for end in interval], _NAMED, _RIGHT)
    parts, bottom = _rows(x, names)
    for row, (name, value, (low, high), key) in enumerate(zip(names, values, intervals, keys, strict=True)):
        y = _row(row)
        told = title(f"{name}: {value:.4f} ({low:.4f} to {high:.4f})")
        parts.append(element("g", told, line([(x(low), y), (x(high), y)], "band s0"), _dot(x(value), y, "dot s0", 2),
                             words(_NAMED - 6, y + 4, shorten(name, _LETTERS), "end name"), data_row=key))  # fmt: skip
    return picture(bottom, parts)


def published(
    names: Sequence[str],
    figures: Mapping[str, Sequence[float | None]],
    shortened: Mapping[str, Sequence[bool]],
    keys: Sequence[str],
) -> str:
    """Draw a line per row of a published table with the accuracy, 0 to 1, of each version; a shortened run is hollow.

    The first version is the published one; its marks are diamonds.
    """
    x = Scale.over([v for values in figures.values() for v in values if v is not None], _NAMED, _RIGHT)
    parts, bottom = _rows(x, names)
    for row, (name, key) in enumerate(zip(names, keys, strict=True)):
        y, known = _row(row), {v: values[row] for v, values in figures.items() if values[row] is not None}
        inside = [title(f"{name}: " + ", ".join(f"{version} {value:.4f}" for version, value in known.items()))]
        inside += [words(_NAMED - 6, y + 4, shorten(name, _LETTERS), "end name")]
        inside += [line([(x(min(known.values())), y), (x(max(known.values())), y)], "grid thick")] if known else []
        for place, version in enumerate(figures):
            if version in known:
                hollow = place == 0 or shortened[version][row]
                css = f"{'hollow' if hollow else 'dot'} s{place}"
                inside.append(_diamond(x(known[version]), y, css) if place == 0 else _dot(x(known[version]), y, css))
        parts.append(element("g", *inside, data_row=key))
    shown = [(v, f"s{i}") for i, (v, values) in enumerate(figures.items()) if any(f is not None for f in values)]
    keyed, bottom = legend(shown, bottom - 6)
    return picture(bottom, parts + keyed)


def curves(lines: Sequence[Curve], ylabel: str) -> str:
    """Draw curves by epoch. Raises ValueError: a value is not finite."""
    xs, ys = ([p[axis] for curve in lines for p in curve.points] for axis in (0, 1))
    x, y = Scale(min(xs), max(xs), _LEFT, _RIGHT), Scale.over(ys, 230, _TOP)
    parts = axes(x, y, ("epoch", ylabel), whole=True)
    for curve in sorted(lines, key=lambda c: c.colour is not None):  # grey ones below
        css = "line" + (" other" if curve.colour is None else f" s{curve.colour}") + " dashed" * curve.dashed
        parts.append(line([(x(a), y(b)) for a, b in curve.points], css, curve.row))
    names = dict.fromkeys((c.name, f"s{c.colour}" + " dashed" * c.dashed) for c in lines if c.name)
    keyed, bottom = legend(list(names), 262)
    return picture(bottom, parts + keyed)


def bars(groups: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Draw a group of bars per class, one bar per series, values 0 to 1. Raises ValueError: too many classes."""
    if len(groups) > CLASSES + 1:
        raise ValueError(f"{len(groups)} classes have no room")
    y = Scale(0, max([0.1, *(v for vs in series.values() for v in vs if v is not None)]), 200, _TOP)
    step = (_RIGHT - _LEFT) / len(groups)
    width = step * 0.82 / len(series)
    grid = [f"M{_LEFT} {y(v):.1f}H{_RIGHT}" for v in y.ticks()]
    parts = [element("path", css="grid", d="".join(grid)), words(_LEFT - 36, _TOP - 8, "share labelled correctly")]
    parts += [words(_LEFT - 5, y(v) + 4, f"{v:g}", "end muted") for v in y.ticks()]
    for place, (name, values) in enumerate(series.items()):
        inside = []
        for group, value in enumerate(values):
            if value is not None:
                left = _LEFT + group * step + step * 0.09 + place * width
                inside.append(element("rect", title(f"{name}, {groups[group]}: {value:.3f}"), x=left, y=y(value),
                                      width=width * 0.9, height=y.start - y(value)))  # fmt: skip
        parts.append(element("g", *inside, css=f"dot s{place}"))
    for group, name in enumerate(groups):
        parts.append(words(_LEFT + (group + 0.5) * step, 213, shorten(name, int(step / 6.6)), "mid"))
    keyed, bottom = legend([(name, f"s{i}") for i, name in enumerate(series)], 220)
    return picture(bottom, parts + keyed)


def confusion(matrix: np.ndarray, classes: Sequence[str]) -> str:
    """Draw a confusion matrix, int (classes, classes), a row per true class; shades are shares of the row."""
    count = len(classes)
    left, top = (86, 58) if count <= _NUMBERED else (8, 40)
    cell = min((WIDTH - left - 8) / count, 34)
    shades = np.rint(10 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)).astype(int)
    parts = [words(4, top - 24, "predicted →", "muted"), words(4, top - 8, "true ↓", "muted")]
    for shade in range(1, 11):
        places = [f"M{left + c * cell:.1f} {top + r * cell:.1f}h{cell:.1f}v{cell:.1f}h-{cell:.1f}z"
                  for r, c in np.argwhere(shades == shade).tolist()]  # fmt: skip
        parts += [element("path", css=f"h{shade}", d="".join(places))] if places else []
    if count <= _NUMBERED:
        parts += [element("g", *(
            element("text", str(value), css="strong" if shades[r, c] > 5 else "muted" if not value else "",
                    x=left + (c + 0.5) * cell, y=top + (r + 0.5) * cell + 4)
            for (r, c), value in np.ndenumerate(matrix)
        ), css="mid")]  # fmt: skip
        for place, name in enumerate(classes):
            middle = (place + 0.5) * cell
            turned = f"translate({left + middle:.1f} {top - 5}) rotate(-40)"
            parts.append(words(left - 5, top + middle + 4, shorten(name, 13), "end"))
            parts.append(element("g", words(0, 0, shorten(name, 10)), transform=turned))
    edge = count * cell
    parts.append(element("rect", css="grid", x=left, y=top, width=edge, height=edge))
    return picture(top + edge + 8, parts)


def reliability(bins: Mapping[str, Reliability]) -> str:
    """Draw a reliability diagram per title, as in Guo et al. 2017, Figure 1: accuracy of each bin by confidence."""
    side, parts = 176, []
    for place, (name, of) in enumerate(bins.items()):
        left = _LEFT + place * (side + 52)
        x, y = Scale(0, 1, left, left + side), Scale(0, 1, 44 + side, 44)
        parts += [words(left, 14, name), *axes(x, y, ("confidence", "accuracy"))]
        for i in np.flatnonzero(of.images).tolist():
            low, high, accuracy, confidence = (
                float(v) for v in (of.edges[i], of.edges[i + 1], of.accuracy[i], of.confidence[i])
            )
            told = title(f"{of.images[i]:,} images: accuracy {accuracy:.3f}, confidence {confidence:.3f}")
            parts.append(element("rect", told, css="ring s0", x=x(low), y=y(accuracy), width=x(high) - x(low),
                                 height=y.start - y(accuracy)))  # fmt: skip
            parts.append(line([(x(confidence), y(confidence)), (x(confidence), y(accuracy))], "line s1"))
            parts.append(element("circle", css="dot s1", cx=x(confidence), cy=y(accuracy), r=2.5))
        parts.append(line([(x(0), y(0)), (x(1), y(1))], "line dashed other"))
    return picture(82 + side, parts)


def tradeoff(
    costs: Sequence[float], values: Sequence[float], names: Sequence[str], keys: Sequence[str], xlabel: str, form: Form
) -> str:
    """Draw accuracy, 0 to 1, against a cost on a logarithmic axis; a line joins the points that none beats in both.

    A point that would hide an earlier one is moved sideways.
    """
    x, y = Scale.over(costs, _LEFT, _RIGHT, log=True), Scale.over(values, 250, _TOP)
    front = frontier(costs, values)
    parts = [
        *axes(x, y, (xlabel, "test accuracy"), form),
        line([(x(costs[i]), y(values[i])) for i in front], "line s1"),
    ]
    placed: list[tuple[float, float]] = []
    for i, (cost, value, name, key) in enumerate(zip(costs, values, names, keys, strict=True)):
        place = _free(x(cost), y(value), placed)
        placed.append(place)
        told = title(f"{name}: {form(cost)}, {value:.4f}")
        label = [words(place[0] + 7, place[1] - 5, key, "s1 coloured")] if i in front else []
        css = f"ring s{int(i in front)}"
        parts.append(
            element("g", told, element("circle", css=css, cx=place[0], cy=place[1], r=4.5), *label, data_row=key)
        )
    return picture(284, parts)


def frontier(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Return, by rising cost, the indices of the points that no other beats in both.

    >>> frontier([10, 20, 30, 30], [0.5, 0.5, 0.7, 0.6])
    [0, 2]
    """
    best, found = -1.0, []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -values[i])):
        if values[i] > best:
            best = values[i]
            found.append(i)
    return found


def _free(x: float, y: float, placed: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return a place beside (x, y), at most 20 units away, where no other point lies nearer than 6 units."""
    for shift in (0, 5, -5, 10, -10, 15, -15, 20, -20):
        if all((x + shift - a) ** 2 + (y - b) ** 2 >= 36 for a, b in placed):
            return x + shift, y
    return x, y


def _rows(x: Scale, names: Sequence[str]) -> tuple[list[str], float]:
    """Return the grid of a chart whose rows have names, and where it ends."""
    bottom = 20 + LINE * len(names)
    ticks = [round(v, 12) for v in x.ticks()]
    grid = element("path", css="grid", d="".join(f"M{x(v):.1f} 12V{bottom}" for v in ticks))
    labels = [words(x(v), bottom + 14, f"{v:g}", "mid muted") for v in ticks]
    return [grid, *labels, words((x.start + x.end) / 2, bottom + 29, "test accuracy", "mid")], bottom + 38


def _row(place: int) -> float:
    return 22.0 + LINE * place


def _dot(x: float, y: float, css: str, radius: float = 3.5) -> str:
    return element("circle", css=css, cx=x, cy=y, r=radius)


def _diamond(x: float, y: float, css: str) -> str:
    return element("path", css=css, d=f"M{x - 6:.1f} {y:.1f}l6-6 6 6-6 6z")
