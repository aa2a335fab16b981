"""OPTIMIZERS: Keras's optimizers under PyTorch's constants, because the studies ran on PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kerascifar.config import RunConfig, flag
from kerascifar.errors import InputError
from kerascifar.registry import lookup


@dataclass(frozen=True)
class Optimizer:
    """One row of OPTIMIZERS.

    Attributes:
        keras_class: name of the class in keras.optimizers, or of one in this file.
        defaults: RunConfig fields this optimizer brings along.
        options: RunConfig fields, handed on under the same name, that apply to this optimizer.
        constants: further arguments of the class.
    """

    keras_class: str
    defaults: Mapping[str, Any]
    options: tuple[str, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)


_ADAM = {"beta_1": 0.9, "beta_2": 0.999}
OPTIMIZERS = {
    "sgd": Optimizer("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": False}, ("momentum", "nesterov")),
    "adam": Optimizer("Adam", {"learning_rate": 1e-3, **_ADAM}, ("beta_1", "beta_2"), {"epsilon": 1e-8}),
    # Adam with decoupled decay is AdamW (Loshchilov and Hutter 2019, Algorithm 2).
    "adamw": Optimizer(
        "Adam",
        {"learning_rate": 1e-3, **_ADAM, "weight_decay": 0.01, "decay": "decoupled"},
        ("beta_1", "beta_2"),
        {"epsilon": 1e-8},
    ),
    "adadelta": Optimizer("Adadelta", {"learning_rate": 1.0}, (), {"rho": 0.9, "epsilon": 1e-6}),
    "adagrad": Optimizer("Adagrad", {"learning_rate": 0.01}, (), {"initial_accumulator_value": 0.0, "epsilon": 1e-10}),
    "rmsprop": Optimizer(
        "RMSprop", {"learning_rate": 0.01, "momentum": 0.0}, ("momentum",), {"rho": 0.99, "epsilon": 1e-8}
    ),
    # Jordan et al. 2024; the rate and momentum of airbench94_muon's filters. Other variables take Adam's rule.
    "muon": Optimizer(
        "ConvMuon",
        {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        ("momentum", "nesterov"),
        {"rms_rate": None, "adam_lr_ratio": 0.05, "exclude_layers": ["^fc/", "^classifier"]},
    ),
}
# Every field that belongs to some optimizer: it has no meaning for the others.
OPTIONS = ("momentum", "nesterov", "beta_1", "beta_2")


def check_optimizer(config: RunConfig) -> None:
    """Refuse what the optimizer cannot do, without importing Keras.

    Raises:
        InputError: unknown optimizer, an option of another optimizer, or both kinds of clipping at once.
    """
    row = lookup(OPTIMIZERS, config.optimizer, "--optimizer")
    for name in OPTIONS:
        if name not in row.options and getattr(config, name) is not None:
            takers = ", ".join(o for o, r in OPTIMIZERS.items() if name in r.options)
            raise InputError(f"{flag(name)} does not apply to {config.optimizer}; it applies to {takers}")
    if config.clip_value is not None and config.clip_norm is not None:
        raise InputError(f"--clip-value {config.clip_value} and --clip-norm {config.clip_norm}: give one of the two")
    if config.optimizer == "sgd" and config.nesterov and not config.momentum:
        raise InputError("--nesterov needs a --momentum above 0, got 0")


def make_optimizer(config: RunConfig, learning_rate: Any) -> Any:
    """Return a keras.optimizers.Optimizer.

    Args:
        config: a checked and completed RunConfig.
        learning_rate: a number or a keras LearningRateSchedule.
    """
    import keras

    row = OPTIMIZERS[config.optimizer]
    base = _conv_muon() if row.keras_class == "ConvMuon" else getattr(keras.optimizers, row.keras_class)
    # Muon alone of Keras's classes would decay by default.
    return (_with_decay(base, config) if config.weight_decay else base)(
        learning_rate=learning_rate,
        weight_decay=None,
        clipvalue=config.clip_value,
        global_clipnorm=config.clip_norm,
        use_ema=config.ema > 0,
        ema_momentum=config.ema or 0.99,
        **row.constants,
        **{name: getattr(config, name) for name in row.options},
    )


def _with_decay(base: type, config: RunConfig) -> type:
    """Return `base` with weight decay after clipping, as torch.optim does: in the gradient, or on the weight itself."""
    from keras import ops

    class WithDecay(base):
        def update_step(self, gradient, variable, learning_rate):
            if config.decay_all or len(variable.shape) > 1:
                if config.decay == "coupled":
                    gradient = gradient + config.weight_decay * variable
                else:
                    rate = ops.cast(learning_rate, variable.dtype)
                    self.assign_sub(variable, rate * config.weight_decay * variable)
            super().update_step(gradient, variable, learning_rate)

    WithDecay.__name__ = base.__name__
    return WithDecay


@cache
def _conv_muon() -> type:
    """Return Keras's Muon, widened to convolution kernels: (h, w, in, out) is taken as an (h w in, out) matrix.

    Keras's own gives every kernel of rank 4 to Adam, which leaves nothing of a convolutional net to Muon.
    """
    import keras
    from keras import ops

    class ConvMuon(keras.optimizers.Muon):
        def _should_use_adamw(self, variable):
            return len(variable.shape) != 4 and super()._should_use_adamw(variable)

        def zeropower_via_newtonschulz5(self, x, steps):
            matrix = ops.reshape(x, (-1, x.shape[-1]))
            return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

        def lr_adjust(self, x):
            # Muon's reference scales by sqrt(max(1, rows / columns)) of the (out, in) matrix.
            rows = x.shape[-1]
            columns = 1
            for size in x.shape[:-1]:
                columns *= size
            return x * max(1.0, rows / columns) ** 0.5

    return ConvMuon
