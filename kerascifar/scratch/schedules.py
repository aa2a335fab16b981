"""SCHEDULES: the learning rate as a factor of its peak, by the epochs done (a real number), in plain Python.

The formulas are those that the Keras nets are trained with, and a test holds the two sides together.
"""

import math
from collections.abc import Callable

from kerascifar.config import RunConfig

# Shape of torch.optim.lr_scheduler.OneCycleLR's defaults, after Smith and Topin 2018.
_RISE, _START, _END = 0.3, 1 / 25, 1 / 25e4


def _anneal(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine, for `done` from 0 to 1 (Loshchilov and Hutter 2017, eq. 5)."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


def _one_cycle(t: float, c: RunConfig) -> float:
    rise = _RISE * c.epochs
    return _anneal(_START, 1, t / rise) if t < rise else _anneal(1, _END, (t - rise) / (c.epochs - rise))


SCHEDULES: dict[str, Callable[[float, RunConfig], float]] = {
    "constant": lambda t, c: 1.0,
    "step": lambda t, c: c.gamma ** (t // c.step_epochs),
    "multi_step": lambda t, c: c.gamma ** sum(t >= m for m in c.milestones),
    "exponential": lambda t, c: c.gamma**t,
    "linear": lambda t, c: 1 - min(max((t - c.warmup) / (c.epochs - c.warmup), 0.0), 1.0),
    "cosine": lambda t, c: _anneal(1, 0, (t - c.warmup) / (c.epochs - c.warmup)),
    "one_cycle": _one_cycle,
}


def learning_rate(config: RunConfig, step: int, steps_per_epoch: int) -> float:
    """Return the rate of the update number `step` (from 0): peak x schedule x linear warm-up."""
    warm = min(1.0, (step + 1) / max(config.warmup * steps_per_epoch, 1))
    return config.learning_rate * warm * SCHEDULES[config.schedule](step / steps_per_epoch, config)
