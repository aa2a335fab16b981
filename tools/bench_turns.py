"""Sides of a benchmark in turn, each a process of bench_training_sides.py that stays alive; one computes at a time."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kerascifar.core.errors import InputError

FEWEST, MOST = 3, 352  # steps of a turn: below 3 the pipeline's start weighs; CIFAR-10's epoch has 352 by default


class Side:
    """A process of bench_training_sides.py.

    Raises:
        RuntimeError: it ended with an error, whose last line is told.
    """

    def __init__(self, side: str, net: str, **options: Any):
        script = Path(__file__).with_name("bench_training_sides.py")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, str(script), side, net, json.dumps(options)]
        self.process = subprocess.Popen(command, text=True, **pipes)

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(error[-1] if error else "ended without a word")
        return json.loads(line)

    def turn(self) -> dict[str, float]:
        """Return images_per_second and cpu_ms, the CPU time of an image."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()

    def end(self) -> float:
        """Return its peak memory in MiB."""
        self.process.stdin.close()
        return self.read()["peak_memory_mib"]


@contextlib.contextmanager
def opened(side: str, net: str, **options: Any) -> Iterator[Side]:
    process = Side(side, net, **options)
    try:
        yield process
    finally:
        with process.process:  # closes what is open of its pipes, and waits
            process.process.kill()


def take_turns(sides: Mapping[str, Side], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return the turns of each side; each round begins with another one."""
    names = list(sides)
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            turns[name].append(sides[name].turn())
    return turns


def steps_of_a_turn(wanted: float) -> int:
    """Return about `wanted` steps; as the 352, no prime, so that training.building.steps_per_call has a choice."""
    steps = min(max(round(wanted), FEWEST), MOST)
    return steps - (steps % 32 if steps >= 32 else steps % 4 if steps >= 4 else 0)


def earlier(path: Path) -> dict[str, dict]:
    """Return the rows of an earlier call, of which those of other nets stay."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["nets"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"--out {path} exists and is no result of this program: {error}") from None
