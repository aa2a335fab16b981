"""Muon for convolution kernels, and an optimizer whose groups of variables have rules and rates of their own."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import keras
from keras import ops

from kerascifar.core import private


class ConvMuon(private.MuonHooks, keras.optimizers.Muon):
    """Keras's Muon, widened to convolution kernels: (h, w, in, out) is taken as an (h w in, out) matrix.

    Keras's own gives every kernel of rank 4 to Adam, which leaves nothing of a convolutional net to Muon.
    """

    def uses_adam(self, variable):
        """Tell whether `variable` is neither a convolution kernel nor one that Keras gives to Muon."""
        return len(variable.shape) != 4 and super().uses_adam(variable)

    def zeropower_via_newtonschulz5(self, x, steps):
        """Return the nearest orthogonal matrix to x, roughly: singular values come out from 0.7 to 1.2."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x):
        """Scale by sqrt(max(1, rows / columns)) of the (out, in) matrix, as Muon's reference does."""
        columns = math.prod(x.shape[:-1])
        return x * max(1.0, x.shape[-1] / columns) ** 0.5


@dataclass(frozen=True)
class Group:
    """How the variables of one group are updated.

    Attributes:
        rule: "muon" (Jordan et al. 2024) or "sgd".
        rate: share of the optimizer's learning rate.
        momentum: m becomes momentum x m + gradient.
        nesterov: the step is taken along gradient + momentum x m, not along m.
        decay: the gradient gets decay x variable (L2, as torch.optim.SGD does).
        normalize: before each step the variable is scaled to the norm sqrt(its last axis), so that the filters of a
            convolution have a root mean square norm of 1.
    """

    rule: str
    rate: float = 1.0
    momentum: float = 0.0
    nesterov: bool = False
    decay: float = 0.0
    normalize: bool = False


class GroupedOptimizer(ConvMuon):
    """Updates each variable by the rule of its group, which its rank decides.

    Args:
        learning_rate: a number or a schedule, times each group's own rate.
        groups: by rank of the variable: 4 convolution kernels, 2 dense kernels, 1 biases and BatchNorm.
        ns_steps: Newton-Schulz iterations of rule "muon".
        kwargs: of keras.optimizers.Optimizer.
    """

    def __init__(self, learning_rate, groups: Mapping[int, Group | Mapping], ns_steps: int = 3, **kwargs):
        # Muon alone of Keras's classes would decay by default.
        super().__init__(learning_rate=learning_rate, ns_steps=ns_steps, **{"weight_decay": None, **kwargs})
        self.groups = {int(k): v if isinstance(v, Group) else Group(**v) for k, v in groups.items()}

    def uses_adam(self, variable):
        """Return False: the only state is one momentum per variable."""
        return False

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable; `learning_rate` is the schedule's."""
        group = self.groups[len(variable.shape)]
        rate = ops.cast(learning_rate, variable.dtype) * group.rate
        held = self.momentums[self.place(variable)]
        if group.decay:
            gradient = gradient + group.decay * variable
        momentum = group.momentum * held + gradient
        self.assign(held, momentum)
        step = gradient + group.momentum * momentum if group.nesterov else momentum
        if group.rule == "muon":
            step = self.lr_adjust(self.zeropower_via_newtonschulz5(step, self.ns_steps))
        value = ops.convert_to_tensor(variable)
        if group.normalize:
            value = value * (variable.shape[-1] ** 0.5 / ops.sqrt(ops.sum(ops.square(value))))
        self.assign(variable, value - rate * step)

    def get_config(self):
        """Return the arguments, groups as dicts."""
        return {**super().get_config(), "groups": {str(k): asdict(v) for k, v in self.groups.items()}}
