"""OPTIMIZERS: Keras's optimizers with PyTorch's constants, because the studies used PyTorch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kerascifar.config import RunConfig, flag
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup


@dataclass(frozen=True)
class Optimizer:
    """One row of OPTIMIZERS.

    Attributes:
        keras_class: name of a class in training/muon.py or keras.optimizers.
        defaults: RunConfig fields and the values that they have by default with this optimizer.
        options: RunConfig fields that apply to this optimizer; passed to the class under the same name.
        constants: further arguments of the class.
        groups: for GroupedOptimizer: maps a completed RunConfig to the groups by rank.
    """

    keras_class: str
    defaults: Mapping[str, Any]
    options: tuple[str, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    groups: Callable[[RunConfig], dict[int, Any]] | None = None


def _sgd_group(config: RunConfig, peak: float, momentum: float, nesterov: bool) -> Any:
    """Return a group of SGD; per step it decays by --weight-decay times the schedule, whatever its learning rate."""
    from kerascifar.training.muon import Group

    return Group("sgd", peak / config.learning_rate, momentum, nesterov, decay=config.weight_decay / peak)


def _muon_groups(config: RunConfig) -> dict[int, Any]:
    """Muon for the filters, scaled to a fixed norm and hence without decay; SGD for the head's kernel and biases."""
    from kerascifar.training.muon import Group

    filters = Group("muon", 1.0, config.momentum, config.nesterov, normalize=True)
    head, biases = (_sgd_group(config, peak, _SGD_MOMENTUM, True) for peak in (config.head_rate, config.bias_rate))
    return {4: filters, 2: head, 1: biases}


def _sgd_groups(config: RunConfig) -> dict[int, Any]:
    """SGD with different learning rates for the filters, the head's kernel and the biases."""
    rates = {4: config.learning_rate, 2: config.head_rate, 1: config.bias_rate}
    return {rank: _sgd_group(config, rate, config.momentum, config.nesterov) for rank, rate in rates.items()}


_SGD_MOMENTUM = 0.85  # of muon_sgd's biases and head, from airbench94_muon.py
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
    # Of no study. Lion moves each weight by the whole rate, hence a tenth of Adam's (Chen et al. 2023).
    "lion": Optimizer("Lion", {"learning_rate": 1e-4, "beta_1": 0.9, "beta_2": 0.99}, ("beta_1", "beta_2")),
    "nadam": Optimizer("Nadam", {"learning_rate": 1e-3, **_ADAM}, ("beta_1", "beta_2"), {"epsilon": 1e-8}),
    "adamax": Optimizer("Adamax", {"learning_rate": 1e-3, **_ADAM}, ("beta_1", "beta_2"), {"epsilon": 1e-8}),
    "lamb": Optimizer("Lamb", {"learning_rate": 1e-3, **_ADAM}, ("beta_1", "beta_2"), {"epsilon": 1e-8}),
    # Jordan et al. 2024, with learning rate and momentum of airbench94_muon's filters. Other variables use Adam's rule.
    "muon": Optimizer(
        "ConvMuon",
        {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        ("momentum", "nesterov"),
        {"rms_rate": None, "adam_lr_ratio": 0.05, "exclude_layers": ["^fc/", "^classifier"]},
    ),
    # airbench94_muon.py at batches of 2,000. Its loss is a sum over the batch and ours the mean, hence its learning
    # rates of 0.053 for biases and 0.67 for the head times 2,000.
    "muon_sgd": Optimizer(
        "GroupedOptimizer",
        {
            "learning_rate": 0.24, "momentum": 0.6, "nesterov": True,
            "bias_rate": 106.0, "head_rate": 1340.0, "weight_decay": 0.004,
        },
        ("momentum", "nesterov", "bias_rate", "head_rate"),
        groups=_muon_groups,
    ),
    # airbench95.py at batches of 1,024, for the mean loss: its learning rate 10 and decay 0.0153 are divided by
    # 1 + 1 / (1 - 0.85) = 7.667; BatchNorm's biases, and here the whitening's, learn at 64 times the rate. It divides
    # the head's output by 9, our net by its 384 channels, so the same step needs (384 / 9)^2 = 1820 times the rate.
    "grouped_sgd": Optimizer(
        "GroupedOptimizer",
        {
            "learning_rate": 1.304, "momentum": 0.85, "nesterov": True,
            "bias_rate": 83.5, "head_rate": 2374.0, "weight_decay": 0.002,
        },
        ("momentum", "nesterov", "bias_rate", "head_rate"),
        groups=_sgd_groups,
    ),
}  # fmt: skip
# Fields that some optimizers have and that mean nothing to the others.
OPTIONS = ("momentum", "nesterov", "beta_1", "beta_2", "bias_rate", "head_rate")


def check_optimizer(config: RunConfig) -> None:
    """Refuse an unknown optimizer, options that it does not have, or that contradict; without importing Keras."""
    row = lookup(OPTIMIZERS, config.optimizer, "--optimizer")
    for name in OPTIONS:
        if name not in row.options and getattr(config, name) is not None:
            takers = ", ".join(o for o, r in OPTIMIZERS.items() if name in r.options)
            raise InputError(f"{flag(name)} does not apply to {config.optimizer}; it applies to {takers}")
    if config.clip_value is not None and config.clip_norm is not None:
        raise InputError(f"--clip-value {config.clip_value} and --clip-norm {config.clip_norm}: give one of the two")
    if config.optimizer == "sgd" and config.nesterov and not config.momentum:
        raise InputError("--nesterov needs a --momentum above 0, got 0")
    if row.groups and (config.decay != "coupled" or not config.decay_all):
        raise InputError(
            f"--optimizer {config.optimizer} decays biases and head, coupled: leave --decay and --decay-all unchanged"
        )


def make_optimizer(config: RunConfig, learning_rate: Any) -> Any:
    """Return the keras.optimizers.Optimizer of a checked config; `learning_rate` is a number or a Keras schedule."""
    import keras

    from kerascifar.training import muon

    row = OPTIMIZERS[config.optimizer]
    common = {
        "learning_rate": learning_rate,
        "weight_decay": None,  # Muon is the only one of Keras's optimizers that decays by default
        "clipvalue": config.clip_value,
        "global_clipnorm": config.clip_norm,
        "use_ema": config.ema > 0,
        "ema_momentum": config.ema or 0.99,
    }
    base = getattr(muon, row.keras_class, None) or getattr(keras.optimizers, row.keras_class)
    if row.groups:
        return base(groups=row.groups(config), **common)
    return (_with_decay(base, config) if config.weight_decay else base)(
        **common, **row.constants, **{name: getattr(config, name) for name in row.options}
    )


def _with_decay(base: type, config: RunConfig) -> type:
    """Return `base` with weight decay after clipping, as in torch.optim: in the gradient, or on the weight itself."""
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
