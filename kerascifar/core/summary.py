"""A result in a line, and in the few rows that a notebook shows; of whatever a file has in the place of numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from kerascifar.core.shown import cell


def in_a_line(result: Any) -> str:
    """Return net, data set and accuracy with its 95 % interval of a ``results.Result``."""
    split = "test" if result.metrics.get("test") else "validation"
    accuracy = _interval(result.metrics[split])
    return f"{result.config.get('arch')} on {result.dataset.get('name')}: {split} accuracy {accuracy}"


def in_rows(result: Any) -> Iterator[tuple[str, str]]:
    """Yield titles and texts of a ``results.Result``."""
    yield "run", result.run_id
    yield "net", f"{result.config.get('arch')}, {cell(result.trainable_parameters)} parameters"
    yield "data set", f"{result.dataset.get('name')}, {len(result.dataset['classes'])} classes"
    for split in ("validation", "test"):
        if metrics := result.metrics.get(split):
            yield f"{split} accuracy", f"{_interval(metrics)}, {cell(metrics.get('images'))} images"
    if result.history:
        yield "epochs", f"{len(result.history)}, {cell(result.seconds_per_epoch)} s each"


def _interval(metrics: Mapping[str, Any]) -> str:
    low, high = metrics.get("accuracy_interval") or (None, None)
    return f"{cell(metrics['accuracy'])} ({cell(low)} to {cell(high)})"
