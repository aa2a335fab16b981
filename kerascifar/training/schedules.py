"""SCHEDULES: the learning rate as a factor of its peak, a function of the epochs done (a real number)."""

import math
from collections.abc import Callable
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.errors import InputError
from kerascifar.registry import lookup

# one_cycle's shape is that of torch.optim.lr_scheduler.OneCycleLR's defaults, after Smith and Topin 2018.
_RISE, _START, _END = 0.3, 1 / 25, 1 / 25e4


def _constant(t: Any, c: RunConfig) -> Any:
    return 1.0


def _step(t: Any, c: RunConfig) -> Any:
    from keras import ops

    return c.gamma ** ops.floor(t / c.step_epochs)


def _multi_step(t: Any, c: RunConfig) -> Any:
    from keras import ops

    drops = sum((ops.cast(t >= m, "float32") for m in c.milestones), ops.zeros(()))
    return c.gamma**drops


def _exponential(t: Any, c: RunConfig) -> Any:
    return c.gamma**t


def _linear(t: Any, c: RunConfig) -> Any:
    """From 1 to 0 between the end of the warm-up and the last epoch."""
    from keras import ops

    return 1.0 - ops.clip((t - c.warmup) / (c.epochs - c.warmup), 0.0, 1.0)


def _cosine(t: Any, c: RunConfig) -> Any:
    """From 1 to 0 between the end of the warm-up and the last epoch (Loshchilov and Hutter 2017, eq. 5)."""
    from keras import ops

    done = (t - c.warmup) / (c.epochs - c.warmup)
    return 0.5 * (1 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))


def _one_cycle(t: Any, c: RunConfig) -> Any:
    from keras import ops

    def anneal(start: float, end: float, done: Any) -> Any:
        return end + 0.5 * (start - end) * (1 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))

    rise = _RISE * c.epochs
    return ops.where(t < rise, anneal(_START, 1.0, t / rise), anneal(1.0, _END, (t - rise) / (c.epochs - rise)))


SCHEDULES: dict[str, Callable[[Any, RunConfig], Any]] = {
    "constant": _constant,
    "step": _step,
    "multi_step": _multi_step,
    "exponential": _exponential,
    "linear": _linear,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
}


def check_schedule(config: RunConfig) -> None:
    """Refuse an unknown schedule, or one that cannot run, without importing Keras.

    Raises:
        InputError: unknown name, a warm-up as long as the training, or multi_step without milestones.
    """
    lookup(SCHEDULES, config.schedule, "--schedule")
    if config.warmup >= config.epochs:
        raise InputError(f"--warmup {config.warmup:g} must be below --epochs {config.epochs}")
    if config.schedule == "multi_step" and not config.milestones:
        raise InputError("--schedule multi_step needs --milestones, such as 100,150")


def make_schedule(config: RunConfig, steps_per_epoch: int) -> Any:
    """Return a keras LearningRateSchedule: peak rate x schedule x linear warm-up, by the step."""
    import keras
    from keras import ops

    factor = SCHEDULES[config.schedule]

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            step = ops.cast(step, "float32")
            # The step about to be made counts, so that the first one of a warm-up is not at rate 0.
            warm = ops.minimum(1.0, (step + 1) / max(config.warmup * steps_per_epoch, 1))
            return config.learning_rate * warm * factor(step / steps_per_epoch, config)

        def get_config(self):
            return config.to_dict() | {"steps_per_epoch": steps_per_epoch}

    return Schedule()
