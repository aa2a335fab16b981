"""What the fields of a training require of one another, for Keras and scratch nets alike; without importing Keras."""

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.training.early_epochs import check_early_epochs
from kerascifar.training.losses import LOSSES
from kerascifar.training.optimizers import check_optimizer
from kerascifar.training.own_callbacks import check_callbacks
from kerascifar.training.phases import check_phases
from kerascifar.training.schedules import check_schedule
from kerascifar.training.selection import check_selection


def check_training(config: RunConfig) -> None:
    """Refuse wrong names and combinations of the fields in config/training.py."""
    check_optimizer(config)
    check_schedule(config)
    check_callbacks(config)
    lookup(LOSSES, config.loss, "--loss")
    if config.learning_rate is None:
        raise InputError("learning_rate is None: make the config with kerascifar.configure.configure()")
    check_phases(config)
    check_early_epochs(config)
    check_selection(config)
