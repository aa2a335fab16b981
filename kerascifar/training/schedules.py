"""SCHEDULES: the learning rate as a fraction of its peak, a function of the epochs done (a real number).

The formulas serve Keras and scratch nets alike: `ops` is ``keras.ops``, or PLAIN for Python's numbers.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup

# one_cycle's shape is that of torch.optim.lr_scheduler.OneCycleLR's defaults, after Smith and Topin 2018.
_RISE, _START, _END = 0.3, 1 / 25, 1 / 25e4
PLAIN = SimpleNamespace(
    floor=math.floor,
    cos=math.cos,
    minimum=min,
    clip=lambda x, low, high: min(max(x, low), high),
    where=lambda condition, yes, no: yes if condition else no,
)


def _anneal(ops: Any, start: float, end: float, done: Any) -> Any:
    """From `start` to `end` along half a cosine, for `done` from 0 to 1 (Loshchilov and Hutter 2017, eq. 5)."""
    return end + 0.5 * (start - end) * (1 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))


def _after_warmup(t: Any, c: RunConfig) -> Any:
    """Return the fraction done of the epochs after the warm-up."""
    return (t - c.warmup) / (c.epochs - c.warmup)


def _one_cycle(t: Any, c: RunConfig, ops: Any) -> Any:
    rise = _RISE * c.epochs
    falling = _anneal(ops, 1.0, _END, (t - rise) / (c.epochs - rise))
    return ops.where(t < rise, _anneal(ops, _START, 1.0, t / rise), falling)


SCHEDULES: dict[str, Callable[[Any, RunConfig, Any], Any]] = {
    "constant": lambda t, c, ops: 1.0,
    "step": lambda t, c, ops: c.gamma ** ops.floor(t / c.step_epochs),
    "multi_step": lambda t, c, ops: c.gamma ** sum(ops.where(t >= m, 1.0, 0.0) for m in c.milestones),
    "exponential": lambda t, c, ops: c.gamma**t,
    "linear": lambda t, c, ops: 1.0 - ops.clip(_after_warmup(t, c), 0.0, 1.0),
    "cosine": lambda t, c, ops: _anneal(ops, 1.0, 0.0, _after_warmup(t, c)),
    "one_cycle": _one_cycle,
}


def check_schedule(config: RunConfig) -> None:
    """Refuse an unknown schedule, a warm-up as long as the training or longer, and multi_step without milestones."""
    lookup(SCHEDULES, config.schedule, "--schedule")
    if config.warmup >= config.epochs:
        raise InputError(f"--warmup {config.warmup:g} must be below --epochs {config.epochs}")
    if config.schedule == "multi_step" and not config.milestones:
        raise InputError("--schedule multi_step needs --milestones, such as 100,150")


def learning_rate(config: RunConfig, step: Any, steps_per_epoch: int, ops: Any = PLAIN) -> Any:
    """Return the learning rate of one update: peak x schedule x linear warm-up.

    Args:
        config: a checked and completed RunConfig.
        step: number of the update, from 0; a number, or with ``keras.ops`` a float32 tensor.
        steps_per_epoch: updates per epoch.
        ops: PLAIN or ``keras.ops``.

    >>> from kerascifar.configure import configure
    >>> config = configure(arch="lenet", learning_rate=0.5, schedule="cosine", epochs=4)
    >>> [round(learning_rate(config, step, steps_per_epoch=1), 3) for step in range(4)]
    [0.5, 0.427, 0.25, 0.073]
    """
    # step + 1, so that a warm-up does not begin with a learning rate of 0.
    warm = ops.minimum(1.0, (step + 1) / max(config.warmup * steps_per_epoch, 1))
    return config.learning_rate * warm * SCHEDULES[config.schedule](step / steps_per_epoch, config, ops)


def make_schedule(config: RunConfig, steps_per_epoch: int) -> Any:
    """Return ``learning_rate`` as a keras LearningRateSchedule."""
    import keras
    from keras import ops

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return learning_rate(config, ops.cast(step, "float32"), steps_per_epoch, ops)

        def get_config(self):
            return config.to_dict() | {"steps_per_epoch": steps_per_epoch}

    return Schedule()
