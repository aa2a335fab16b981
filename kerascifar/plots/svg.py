"""What a chart is drawn with: SVG elements, scales and axes. Text stays text; charts.css styles the classes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markupsafe import escape

from kerascifar.core.shown import printable

WIDTH = 480  # units of the viewBox; a page shows about as many pixels
LINE = 15  # height of a line of text
Form = Callable[[float], str]


def element(tag: str, *inside: str, css: str = "", **attributes: object) -> str:
    """Return an element; numbers have one decimal, `inside` is SVG, and a name's _ stands for a -.

    >>> element("circle", css="s0", cx=1.25, r=3)
    '<circle class="s0" cx="1.2" r="3"/>'
    """
    values = {"class": css, **attributes}
    told = "".join(f' {k.replace("_", "-")}="{_value(v)}"' for k, v in values.items() if v not in ("", None))
    return f"<{tag}{told}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{told}/>"


def words(x: float, y: float, text: object, css: str = "") -> str:
    """Return text at a place; `css` ``mid`` or ``end`` says what of it lies at `x`, else its begin."""
    return element("text", str(escape(printable(text))) or " ", css=css, x=x, y=y)


def title(text: object) -> str:
    """Return what a browser shows of an element that the pointer is on."""
    return element("title", str(escape(printable(text))))


def line(points: Sequence[tuple[float, float]], css: str, row: str = "") -> str:
    """Return a line through `points`."""
    places = " ".join(f"{_value(float(x))},{_value(float(y))}" for x, y in points)
    return element("polyline", css=css, points=places, data_row=row)


def picture(height: float, parts: Sequence[str]) -> str:
    """Return the chart as an <svg>, WIDTH wide."""
    return element("svg", *parts, css="chart", viewBox=f"0 0 {WIDTH} {_value(height)}")


def shorten(name: str, letters: int) -> str:
    """Return `name` cut to at most `letters` letters, the last of them an ellipsis."""
    return name if len(name) <= letters else name[: letters - 1] + "…"


@dataclass(frozen=True)
class Scale:
    """Maps the values `low` to `high` to the places `start` to `end`, by logarithm if asked to.

    Raises ValueError: the values, or their distance, are not finite.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.high - self.low):
            raise ValueError("values that are not finite, or too far apart")

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, log: bool = False) -> "Scale":
        """Return a scale with some room on both sides of `values`."""
        low, high = float(min(values)), float(max(values))
        if log:
            room = (high / low) ** 0.08 if high > low else 1.5
            return cls(low / room, high * room, start, end, log)
        room = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, value = map(math.log, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, whole: bool = False) -> list[float]:
        """Return some four to eight round values on the scale; only `whole` ones if asked to."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            digits = (1,) if len(powers) > 4 else (1, 2, 5)
            found = [v for p in powers for d in digits if self.low <= (v := d * 10.0**p) <= self.high]
            return found if len(found) > 1 else replace(self, log=False).ticks()
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough)
        step = max(1.0, step) if whole else step
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, first + 12) if i * step <= self.high * (1 + 1e-12)]


def axes(x: Scale, y: Scale, labels: tuple[str, str], form: Form = "{:g}".format, whole: bool = False) -> list[str]:
    """Return grid, ticks and labels of both axes, y from bottom to top; `form` and `whole` are for the x axis."""
    across, up = [round(v, 12) for v in x.ticks(whole)], [round(v, 12) for v in y.ticks()]
    grid = [f"M{_value(x(v))} {_value(y.start)}V{_value(y.end)}" for v in across]
    grid += [f"M{_value(x.start)} {_value(y(v))}H{_value(x.end)}" for v in up]
    return [
        element("path", css="grid", d="".join(grid)),
        *(words(x(v), y.start + 14, form(v), "mid muted") for v in across),
        *(words(x.start - 5, y(v) + 4, f"{v:g}", "end muted") for v in up),
        words((x.start + x.end) / 2, y.start + 29, labels[0], "mid"),
        words(x.start - 36, y.end - 8, labels[1]),
    ]


def legend(names: Sequence[tuple[str, str]], y: float) -> tuple[list[str], float]:
    """Return lines of a legend from (name, class) pairs, below `y`, and where it ends; short names share a line."""
    columns = 1 if any(len(name) > 32 for name, _ in names) else 2
    parts = []
    for place, (name, css) in enumerate(names):
        left, top = 12 + (place % columns) * WIDTH / 2, y + LINE * (place // columns + 1)
        parts += [line([(left, top - 4), (left + 16, top - 4)], f"line thick {css}")]
        parts += [words(left + 22, top, shorten(name, 70 if columns == 1 else 32))]
    return parts, y + LINE * (math.ceil(len(names) / columns) + 0.6)


def _value(value: object) -> str:
    if not isinstance(value, float):
        return str(escape(value))
    if not math.isfinite(value):
        raise ValueError("a place that is not finite")
    return f"{value:.1f}".removesuffix(".0")
