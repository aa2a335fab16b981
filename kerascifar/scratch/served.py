"""Which flags the scratch nets serve: the others are refused by name rather than ignored."""

from typing import Any

from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.errors import InputError
from kerascifar.registry import Variant, lookup, nearest
from kerascifar.scratch.augmentation import AUGMENTATIONS
from kerascifar.scratch.faults import check_faults
from kerascifar.scratch.initializers import INITIALIZERS
from kerascifar.scratch.schedules import SCHEDULES

# Which values each of these fields may have; other fields of the training are free.
SERVED: dict[str, tuple[Any, ...]] = {
    "optimizer": ("sgd", "adam", "adamw"),
    "loss": ("cross_entropy", "class_weighted"),
    "schedule": tuple(SCHEDULES),
    "augment": tuple(AUGMENTATIONS),
    "ema": (0.0,),
    "freeze": (0,),
    "init_weights": (None,),
    "precision": ("float32",),
    "device": ("auto", "cpu"),
}


def check(config: RunConfig, variant: Variant) -> None:
    """Refuse what the scratch nets do not do.

    Raises:
        InputError: with the flag's name and what would be right.
    """
    for name, served in SERVED.items():
        value = getattr(config, name)
        if value not in served:
            named = [str(s) for s in served if s not in (None, 0)]
            told = f"they take {', '.join(named)}{nearest(str(value), named)}" if named else "leave it out"
            raise InputError(f"{flag(name)} {value} is not for the scratch nets: {told}")
    arguments = {*variant.args, "arch", "faults", *SERVED}
    for f in FIELDS.values():
        if f.metadata["group"] == "model" and f.name not in arguments and getattr(config, f.name) != f.default:
            raise InputError(f"{flag(f.name)} does not apply to {config.arch}; it takes {', '.join(variant.args)}")
    if config.initializer is not None:
        lookup(INITIALIZERS, config.initializer, "--initializer")
    if config.patience and not (config.validation or config.folds):
        raise InputError("--patience watches the validation accuracy: it needs --validation above 0")
    layers = variant.build(variant.input_shape, 2, **arguments_of(config, variant))
    check_faults(config.faults, layers, config.folds)


def arguments_of(config: RunConfig, variant: Variant) -> dict[str, Any]:
    """Return the builder's arguments: the variant's own, and over them those that were given."""
    given = {name: getattr(config, name) for name in variant.args}
    return {name: own if given[name] is None else given[name] for name, own in variant.args.items()}
