"""What the fields of a training demand of one another, for Keras and scratch nets alike; without importing Keras."""

from kerascifar.config import RunConfig, changed, flag
from kerascifar.core.errors import InputError
from kerascifar.core.registry import lookup
from kerascifar.training.losses import LOSSES
from kerascifar.training.optimizers import check_optimizer
from kerascifar.training.phases import check_phases
from kerascifar.training.schedules import check_schedule
from kerascifar.training.stages import check_stages


def check_training(config: RunConfig) -> None:
    """Check names and combinations of the training's fields.

    Raises:
        InputError: with one line that says what would be right.
    """
    check_optimizer(config)
    check_schedule(config)
    lookup(LOSSES, config.loss, "--loss")
    if config.learning_rate is None:
        raise InputError("learning_rate is None: make the config with kerascifar.configure.configure()")
    check_phases(config)
    check_stages(config)
    _check_selection(config)


def _check_selection(config: RunConfig) -> None:
    """Check that what --patience and --select compare is there after each epoch."""
    if config.patience and not (config.validation or config.folds):
        raise InputError("--patience watches the validation accuracy: it needs --validation above 0")
    if config.validate_every > 1 and (config.patience or config.select == "validation"):
        raise InputError("the best epoch is asked for, so each must be validated: leave --validate-every at 1")
    if config.select == "validation" and not config.validation:
        raise InputError("--select validation needs --validation above 0")
    if config.select == "test":
        for name in ("ema", "strategy"):  # the weights tested after each epoch are those of the model, on one device
            if changed(config, name):
                raise InputError(f"--select test does not go with {flag(name)} {getattr(config, name)}")
