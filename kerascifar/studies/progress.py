"""How far a study is, in one line, and when it will be done."""

import heapq
import sys
import time
from collections.abc import Callable, Iterable
from typing import TextIO

from kerascifar.studies.lengths import duration

_EVERY = 1.0  # seconds between two drawings of the line on a terminal


def makespan(seconds: Iterable[float], jobs: int, under_way: Iterable[float] = ()) -> float:
    """Return when the last of some tasks ends that are begun in this order, each as soon as one of `jobs` is free.

    Args:
        seconds: of each task.
        jobs: how many run at once.
        under_way: seconds that running tasks, at most `jobs`, still take.

    >>> makespan([3, 3, 2], jobs=2), makespan([3, 3, 2], jobs=1)
    (5.0, 8.0)
    """
    free = [float(left) for left in under_way]
    free += [0.0] * (jobs - len(free))
    heapq.heapify(free)
    for task in seconds:
        heapq.heapreplace(free, free[0] + task)
    return max(free)


class Board:
    """Knows which tasks are done, under way and waiting, and shows it: on a terminal in a line that is drawn again.

    Args:
        total: tasks, those included that were done before.
        waiting: estimated seconds by name of those to do, in order.
        jobs: how many run at once.
        out: where the line goes; stdout if not given.
        clock: returns seconds.
    """

    def __init__(
        self,
        total: int,
        waiting: dict[object, float],
        jobs: int,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.waiting, self.jobs, self.clock = total, dict(waiting), jobs, clock
        self.out = out or sys.stdout
        self.under_way: dict[object, tuple[float, float]] = {}  # estimated seconds, and when it began
        self.estimated = self.taken = 0.0
        # A single task prints its own progress, so that no line can stay at the end of the screen.
        self.redraws = jobs > 1 and self.out.isatty()

    @property
    def pause(self) -> float | None:
        """Seconds after which the line is to be drawn again; None where it only changes with a task."""
        return _EVERY if self.redraws else None

    @property
    def done(self) -> int:
        """How many tasks are done."""
        return self.total - len(self.waiting) - len(self.under_way)

    def begin(self, task: object) -> None:
        """Note that `task` begins."""
        self.under_way[task] = self.waiting.pop(task), self.clock()

    def end(self, task: object) -> None:
        """Note that `task` has ended, or need not be done."""
        if task not in self.under_way:
            del self.waiting[task]
            return
        estimated, began = self.under_way.pop(task)
        self.estimated += estimated
        self.taken += self.clock() - began

    def left(self) -> float:
        """Return the seconds until all is done, if estimates are as wrong as they were for the tasks that ended."""
        slowdown = self.taken / self.estimated if self.estimated else 1.0
        now = self.clock()
        running = [max(0.0, seconds * slowdown - (now - began)) for seconds, began in self.under_way.values()]
        return makespan([seconds * slowdown for seconds in self.waiting.values()], self.jobs, running)

    def __str__(self) -> str:
        running = f", {len(self.under_way)} under way" if self.jobs > 1 else ""
        return f"{self.done} of {self.total} runs done{running}, about {duration(self.left())} left"

    def show(self) -> None:
        """Print the line; on a terminal, in the place of the last one."""
        print(f"\r{self}\x1b[K" if self.redraws else self, end="" if self.redraws else "\n", file=self.out, flush=True)

    def tell(self, text: str, out: TextIO | None = None) -> None:
        """Print a line of text above the line."""
        if self.redraws:
            print("\r\x1b[K", end="", file=self.out, flush=True)
        print(text, file=out or self.out, flush=True)
