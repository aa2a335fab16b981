"""Optimizers: how a gradient g moves the weights w, in place.

Here `rate` is the learning rate. Decoupled weight decay shrinks w by rate x decay x w apart from the gradient's step
(Loshchilov and Hutter 2019); coupled weight decay is a penalty in the loss, `losses.L2`, and part of the gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kerascifar.scratch.losses import L2, Arrays

# Numbers updated at once: few enough that w, g and the slots stay in the cache for all lines of an update.
_BLOCK = 2**15


@dataclass(eq=False)
class Optimizer:
    """What all optimizers share.

    Attributes:
        weight_decay: strength of the decoupled decay.
        decay_all: False exempts biases and batch normalisation (one-dimensional arrays).
        penalty: an L2 penalty whose gradient is added to g.
        slots: what the optimizer keeps for each array, by "slot/array".
        steps: updates made so far.
    """

    weight_decay: float = 0.0
    decay_all: bool = True
    penalty: L2 | None = None
    slots: Arrays = field(default_factory=dict, init=False)
    steps: int = field(default=0, init=False)
    slot_names = ()

    def update(self, parameters: Arrays, gradients: Arrays, rate: float) -> None:
        """Change `parameters` in place by one step."""
        self.steps += 1
        for name, w in parameters.items():
            for slot in self.slot_names:
                self.slots.setdefault(f"{slot}/{name}", np.zeros_like(w))
            slots = [self.slots[f"{slot}/{name}"] for slot in self.slot_names]
            penalised = self.penalty is not None and self.penalty.covers(w)
            decayed = self.weight_decay > 0 and (self.decay_all or w.ndim > 1)
            for block, g, *slot_blocks in _blocks(w, gradients[name], *slots):
                if penalised:
                    g = g + self.penalty.gradient(block)
                if decayed:
                    block *= 1 - rate * self.weight_decay
                self.move(block, g, rate, *slot_blocks)

    def move(self, w: np.ndarray, g: np.ndarray, rate: float, *slots: np.ndarray) -> None:
        """Change w and its slots in place."""
        raise NotImplementedError


@dataclass(eq=False)
class SGD(Optimizer):
    """w -= rate g."""

    def move(self, w: np.ndarray, g: np.ndarray, rate: float) -> None:
        w -= rate * g


@dataclass(eq=False)
class Momentum(Optimizer):
    """v = momentum v - rate g; w += v (Polyak 1964)."""

    momentum: float = 0.9
    slot_names = ("velocity",)

    def move(self, w: np.ndarray, g: np.ndarray, rate: float, v: np.ndarray) -> None:
        v *= self.momentum
        v -= rate * g
        w += v


@dataclass(eq=False)
class Nesterov(Momentum):
    """v = momentum v - rate g; w += momentum v - rate g: one step ahead (Sutskever et al. 2013, section 2)."""

    def move(self, w: np.ndarray, g: np.ndarray, rate: float, v: np.ndarray) -> None:
        v *= self.momentum
        v -= rate * g
        w += self.momentum * v - rate * g


@dataclass(eq=False)
class Adam(Optimizer):
    """m, v = moving means of g and g^2; w -= rate m' / (sqrt(v') + epsilon) with m' = m / (1 - beta_1^t), v' likewise.

    Kingma and Ba 2015, end of section 2: the two corrections become one factor of the learning rate.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    slot_names = ("m", "v")

    def move(self, w: np.ndarray, g: np.ndarray, rate: float, m: np.ndarray, v: np.ndarray) -> None:
        m += (1 - self.beta_1) * (g - m)
        v += (1 - self.beta_2) * (g * g - v)
        corrected = rate * (1 - self.beta_2**self.steps) ** 0.5 / (1 - self.beta_1**self.steps)
        w -= corrected * m / (np.sqrt(v) + self.epsilon)


def _blocks(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Cut arrays of one shape into blocks of equal length; each is a view."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, _BLOCK):
        yield [array[start : start + _BLOCK] for array in flat]


def clip(gradients: Arrays, value: float | None = None, norm: float | None = None) -> Arrays:
    """Return the gradients, each element clipped to +-`value`, or all scaled to a global norm of at most `norm`."""
    if value is not None:
        return {name: np.clip(g, -value, value) for name, g in gradients.items()}
    if norm is not None:
        length = sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values()) ** 0.5
        return {name: g * g.dtype.type(min(1.0, norm / max(length, 1e-30))) for name, g in gradients.items()}
    return gradients
