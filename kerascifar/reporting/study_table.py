"""What those who write a study's table.json and those who read it have in common."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TABLE = "table.json"
# The versions of a row, by their keys in table.json, and what they are called.
VERSIONS = {"as-published": "as published", "corrected": "corrected"}
MODES = tuple(VERSIONS)
PAPER = "paper"  # where the figures beside ours are from, unless the study says otherwise


def version_names(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return what a study's versions are called: nothing is corrected where nothing was wrong."""
    return VERSIONS if any(row.get("as-published") for row in rows) else VERSIONS | {"corrected": "ours"}


def effort(epochs: float | None, of_epochs: float | None, images: float | None = None, mark: str = "") -> str:
    """Return after how many epochs and on how many training images a figure was obtained.

    Args:
        epochs: that were done; None or 0 where nothing was trained in epochs.
        of_epochs: that the whole recipe has; None where that is unknown.
        images: training images.
        mark: stands before and after the epochs of a shortened run.

    >>> effort(2, 4, 50_000, mark="**")
    '**2 of 4 epochs**, 50,000 images'
    >>> effort(4, 4)
    '4 epochs'
    """
    words = [f"{images:,.0f} images"] if images else []
    if epochs:
        cut = of_epochs is not None and epochs < of_epochs
        words.insert(0, f"{mark}{epochs:.0f} of {of_epochs:.0f} epochs{mark}" if cut else f"{epochs:.0f} epochs")
    return ", ".join(words)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    text = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in text)
