"""How far long work is: a bar on a terminal; elsewhere plain lines, without colours and carriage returns.

A notebook keeps what is printed, so it gets the plain lines, too.
"""

import operator
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

Item = TypeVar("Item")
SECONDS = 30.0  # between two lines of the same work
_SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy", "test_accuracy")


def drawn(stream: Any) -> bool:
    """Tell whether bars can be drawn on `stream`, sys.stdout or sys.stderr: on a terminal, PyCharm's included."""
    return bool("PYCHARM_HOSTED" in os.environ or (stream and stream.isatty()))


class Lines:
    """What stands for a bar where none can be drawn: a line on stderr every SECONDS, and none for short work."""

    def __init__(self, total: int, title: str, unit: str) -> None:
        self.total, self.title, self.unit = total, title, unit
        self.done, self.begun = 0, time.monotonic()
        self.told = self.begun

    def update(self, count: int = 1) -> None:
        """Count `count` more; may be called from any thread."""
        self.done += count
        now = time.monotonic()
        if now - self.told >= SECONDS and 0 < self.done < self.total:
            self.told = now
            left = (now - self.begun) * (self.total / self.done - 1)
            print(
                f"{self.title}: {self.done:,} of {self.total:,} {self.unit}s, about {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


def bar(total: int, title: str, unit: str, shown: bool = True, **options: Any) -> Any:
    """Return a context with ``update(count)``: a bar on stderr, or Lines; `options` are tqdm's, for a bar."""
    if shown and not drawn(sys.stderr):
        return Lines(total, title, unit)
    from tqdm import tqdm

    return tqdm(total=total, desc=title, unit=f" {unit}s", disable=not shown, **options)


def counted(items: Iterable[Item], total: int, title: str, unit: str) -> Iterator[Item]:
    """Yield `items`, and show how many of `total` are done."""
    with bar(total, title, unit) as progress:
        for item in items:
            yield item
            progress.update(1)


def epoch_line(
    row: Mapping[str, float], epochs: int, seconds: Sequence[float], work: Sequence[float] | None = None
) -> str:
    """Return an epoch of a training in a line, with the time that the rest will take.

    Args:
        row: of the history: epoch, seconds and what was measured.
        epochs: of the whole training.
        seconds: of the epochs so far.
        work: of every epoch of the training, in any unit; None where all are alike.

    >>> epoch_line({"epoch": 2, "seconds": 3.0, "loss": 1.25, "val_accuracy": 0.5}, 10, [3.5, 3.0])
    'epoch 2/10: 3.0 s, loss 1.2500, val_accuracy 0.5000, about 26 s left'
    """
    work = work or [1.0] * epochs
    done = int(row["epoch"])
    left = sum(work[done:]) * statistics.median(map(operator.truediv, seconds, work))
    words = [f"{row['seconds']:.1f} s", *(f"{name} {row[name]:.4f}" for name in _SHOWN if name in row)]
    words += [f"about {left:.0f} s left"] if left else []
    return f"epoch {row['epoch']}/{epochs}: {', '.join(words)}"
