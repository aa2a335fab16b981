"""A chart of a page, or words in its place: what decorates a report must not end it."""

import re
from collections.abc import Callable
from typing import Any

from kerascifar.reporting.document import Chart, Text


def chart(name: str, alt: str, caption: str, draw: Callable[..., str], *what: Any) -> Chart | Text:
    """Return the chart that `draw` makes of `what`; where it cannot be drawn, what it would show."""
    name = re.sub(r"[^\w-]+", "-", name)  # a file is called so
    try:
        return Chart(name, alt, caption, draw(*what))
    except Exception as error:  # numbers of strangers are of any size and kind
        return Text(f"{alt}. The chart could not be drawn: {type(error).__name__} {str(error)[:200]}")
