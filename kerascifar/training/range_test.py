"""The learning-rate range test: a step at each of many rising rates, and which rate their losses suggest.

After Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from kerascifar.core.errors import InputError

DECADE = 10.0
_DIVERGED = 4.0  # times the lowest loss
_FALL = 0.02  # share of the first loss by which it must fall, which the noise of batches alone does not


@dataclass(frozen=True)
class Suggestion:
    """What a range test found.

    Attributes:
        rate: the suggested peak learning rate, a decade below `lowest`.
        lowest: the rate at which the smoothed loss was lowest.
        loss: that smoothed loss.
        steepest: the rate at which the smoothed loss fell fastest.
    """

    rate: float
    lowest: float
    loss: float
    steepest: float


def rising_rates(low: float, high: float, steps: int) -> list[float]:
    """Return `steps` rates from `low` to `high`, each by the same factor above the one before.

    >>> [round(rate, 9) for rate in rising_rates(0.001, 1.0, 4)]
    [0.001, 0.01, 0.1, 1.0]
    """
    return [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]


def half_window(steps: int) -> int:
    """Return how many losses on either side smooth one of `steps`: a fortieth."""
    return max(1, steps // 40)


def until_divergence(losses: Iterable[float], half: int) -> Iterator[float]:
    """Yield finite `losses` until one is not, or the median of the last `half` + 1 is 4 times as high as its lowest."""
    lowest, recent = math.inf, deque[float](maxlen=half + 1)
    for loss in losses:
        if not math.isfinite(loss):
            return
        yield loss
        recent.append(loss)
        lowest = min(lowest, median(recent))
        if median(recent) > _DIVERGED * lowest:
            return


def smooth(losses: Sequence[float], half: int) -> list[float]:
    """Return for each loss the median of it and up to `half` on either side.

    A mean would spread a divergence over the rates before it.

    >>> smooth([3.0, 1.0, 2.0, 9.0], half=1)
    [2.0, 2.0, 2.0, 5.5]
    """
    return [median(losses[max(0, place - half) : place + half + 1]) for place in range(len(losses))]


def suggest_rate(rates: Sequence[float], losses: Sequence[float], half: int) -> Suggestion:
    """Return the rate a decade below that of the lowest smoothed loss.

    At the lowest loss the next higher rate does harm already; a tenth leaves room for batches that are worse, and it
    depends less on the noise than the rate of the steepest descent does.

    Args:
        rates: rising, one for each step that was planned.
        losses: of the batches before each step; fewer than `rates` where they diverged.
        half: see `smooth`.

    Raises InputError: the losses do not fall and rise again, so they suggest nothing.
    """
    diverged = len(losses) < len(rates)
    smoothed = smooth(losses, half)
    best = min(range(len(losses)), key=smoothed.__getitem__, default=0)
    if not losses or smoothed[best] > (1 - _FALL) * smoothed[0]:
        if diverged:
            raise InputError(
                f"the loss did not fall before it diverged at a learning rate of {rates[len(losses)]:.2g}: "
                f"give a lower --low, got {rates[0]:g}"
            )
        raise InputError(
            f"the loss fell by less than {_FALL:.0%} up to a learning rate of {rates[-1]:g}: give more --steps or a "
            "higher --high; a net that has learned these images already has nothing to lose"
        )
    if not diverged and best >= len(losses) - 1 - half:
        raise InputError(f"the loss still fell at the highest rate: give a higher --high, got {rates[-1]:g}")
    logs = [math.log(rate) for rate in rates]

    def slope(place: int) -> float:
        before, after = max(0, place - half), min(len(losses) - 1, place + half)
        return (smoothed[after] - smoothed[before]) / (logs[after] - logs[before])

    steepest = min(range(best + 1), key=slope)
    return Suggestion(rates[best] / DECADE, rates[best], smoothed[best], rates[steepest])
