"""A picture of a page, or words in its place: what decorates a report must not end it."""

from collections.abc import Callable
from typing import Any

from kerascifar.plots.svg import to_svg
from kerascifar.reporting.document import Picture, Text


def picture(name: str, alt: str, caption: str, draw: Callable[..., Any], *what: Any) -> Picture | Text:
    """Return the figure that `draw` makes of `what` as a picture; where it cannot be drawn, what it would show."""
    try:
        return Picture(name, alt, caption, to_svg(draw(*what)))
    except Exception as error:  # fonts, and numbers of strangers, make Matplotlib raise many kinds
        return Text(f"{alt}. The picture could not be drawn: {type(error).__name__} {str(error)[:200]}")
