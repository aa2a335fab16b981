"""How much of a training is done: all that a recipe says, or what a budget of time allows. No TensorFlow here."""

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.configure import check
from kerascifar.core.errors import InputError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Fewer images than this tell nothing of a net.
FEWEST_IMAGES = 1000


@dataclass(frozen=True)
class Length:
    """What a shortened training takes of its recipe; None stands for all that the recipe says.

    Attributes:
        epochs: passes over the training images.
        train_limit: the first N training images, before validation images are held out of them.
        test_limit: the first N test images.
    """

    epochs: int | None = None
    train_limit: int | None = None
    test_limit: int | None = None

    @property
    def size(self) -> tuple[float, ...]:
        """Sorts lengths: more epochs first of all, then more images."""
        limits = (self.epochs, self.train_limit, self.test_limit)
        return tuple(math.inf if limit is None else limit for limit in limits)


FULL = Length()


def seconds(text: str) -> float:
    """Return a duration such as 90s, 30m, 1.5h or 1h30m in seconds. Raises InputError: it is none, or not above 0."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text.replace(" ", ""))
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text.replace(" ", "") or not 0 < total < math.inf:
        raise InputError(f"--budget: expected a time such as 90s, 30m, 2h or 1h30m, got {text!r}")
    return total


def duration(value: float) -> str:
    """Return seconds as a text such as 45 s, 12 min or 3 h 20 min."""
    if value < 90:
        return f"{value:.0f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def shorten(config: RunConfig, length: Length) -> RunConfig:
    """Return `config` at `length`, the marks of its schedule moved in proportion; FULL changes nothing.

    Warm-up, milestones, the steps of a step schedule and phases take the same share of the training as before, and an
    exponential schedule ends at the same rate.

    Raises:
        InputError: what comes of it cannot be run.
    """
    changes: dict[str, Any] = {}
    for name in ("train_limit", "test_limit"):
        limits = [n for n in (getattr(length, name), getattr(config, name)) if n is not None]
        changes[name] = min(limits, default=None)
    if length.epochs is not None and length.epochs < config.epochs:
        changes |= _fewer_epochs(config, length.epochs)
    short = dataclasses.replace(config, **changes)
    if short != config:
        check(short)
    return short


def _fewer_epochs(config: RunConfig, epochs: int) -> dict[str, Any]:
    if config.phases:
        epochs = max(epochs, len(config.phases))
    share = epochs / config.epochs
    changes: dict[str, Any] = {"epochs": epochs, "warmup": config.warmup * share}
    if config.schedule == "step":
        changes["step_epochs"] = config.step_epochs * share
    if config.schedule == "multi_step":
        changes["milestones"] = tuple(dict.fromkeys(max(1, round(m * share)) for m in config.milestones))
    if config.schedule == "exponential":
        changes["gamma"] = config.gamma ** (1 / share)
    if config.phases:
        parts = _split(epochs, [row[0] for row in config.phases])
        changes["phases"] = tuple((n, *row[1:]) for n, row in zip(parts, config.phases, strict=True))
    return changes


def _split(total: int, parts: Sequence[int]) -> list[int]:
    """Divide `total` in proportion to `parts`, in whole numbers of at least 1 that add up to it."""
    ends = [round(total * sum(parts[: i + 1]) / sum(parts)) for i in range(len(parts))]
    for i in range(len(ends)):  # room for what came before, and for what comes after
        ends[i] = min(max(ends[i], (ends[i - 1] if i else 0) + 1), total - (len(ends) - 1 - i))
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def share_out(budget: float, needs: Sequence[float]) -> list[float]:
    """Divide `budget` into equal shares; what one does not need goes to the others.

    Of 100 s for needs of 10, 60 and 90 s the first gets its 10, the others 45 each.
    """
    shares, left = [0.0] * len(needs), budget
    order = sorted(range(len(needs)), key=lambda i: needs[i])
    for done, i in enumerate(order):
        shares[i] = min(needs[i], left / (len(needs) - done))
        left -= shares[i]
    return shares
