"""From what a person gave to a complete, checked RunConfig, without importing TensorFlow."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascifar import baselines, models, scratch
from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.data.augment import check_augment
from kerascifar.data.augment_parts import PARTS
from kerascifar.data.datasets import check_name
from kerascifar.devices import check_device
from kerascifar.distribution import check_strategy
from kerascifar.errors import InputError
from kerascifar.normalization import NORMALIZATIONS
from kerascifar.registry import Variant, lookup, nearest
from kerascifar.training.losses import LOSSES
from kerascifar.training.optimizers import OPTIMIZERS, check_optimizer
from kerascifar.training.phases import check_phases, of_phases
from kerascifar.training.schedules import check_schedule
from kerascifar.training.stages import check_stages

ARCHITECTURES: dict[str, Variant] = {**models.VARIANTS, **baselines.VARIANTS, **scratch.VARIANTS}
# Fields that only one engine takes, and fields of group "model" that are no argument of a builder.
_OWNERS = {
    "init_weights": "keras",
    "freeze": "keras",
    "tta": "keras",
    "validate_every": "keras",
    "sides": "keras",
    "whiten_epochs": "keras",
    "precision": "keras",
    "strategy": "keras",
    "augment_evaluation": "keras",
    "select": "keras",
    "phases": "keras",
    "faults": "scratch",
    "folds": "scratch",
    "memory": "baseline",
}
_KINDS = {"keras": "Keras nets", "scratch": "scratch nets", "baseline": "knn and nearest_centroid"}
_PREPARATION = ("statistics", "pixels")  # how images are read; knn and nearest_centroid list them as arguments
_NO_OPTION = ("arch", *_OWNERS, *_PREPARATION)


def configure(**given: Any) -> RunConfig:
    """Return a RunConfig: what was given, else what the architecture brings, else what the optimizer brings.

    Raises:
        InputError: an unknown key or name, a value out of range, or an option the architecture does not take.
    """
    check_keys(given, "configure()")
    arch = given.get("arch", FIELDS["arch"].default)
    variant = lookup(ARCHITECTURES, arch, "--arch")
    brought = dict(variant.defaults)
    if variant.engine == "baseline":
        _refuse_training(arch, given)
    else:
        usual = brought.get("optimizer", FIELDS["optimizer"].default)
        optimizer = lookup(OPTIMIZERS, given.get("optimizer", usual), "--optimizer")
        if given.get("optimizer", usual) != usual:  # the architecture's rate belongs to its own optimizer
            brought = {k: v for k, v in brought.items() if k not in OPTIMIZERS[usual].defaults}
        brought = {**optimizer.defaults, **brought, **of_phases(given)}
    config = RunConfig(**{**brought, **given})
    check(config)
    return config


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read RunConfig fields from a TOML file.

    Raises:
        InputError: the file cannot be read, is no TOML, or holds a key that is no field.
    """
    try:
        with open(path, "rb") as file:
            given = tomllib.load(file)
    except OSError as error:
        raise InputError(f"--config: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"--config: {path} is not TOML: {error}") from None
    check_keys(given, str(path))
    return given


def check_keys(given: Mapping[str, Any], where: str) -> None:
    """Refuse keys that are no RunConfig field.

    Raises:
        InputError: names the first such key and the nearest field.
    """
    for key in given:
        if key not in FIELDS:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, FIELDS)}")


def check(config: RunConfig) -> None:
    """Check names and combinations that one field alone cannot tell.

    Raises:
        InputError: with one line that says what would be right.
    """
    variant = lookup(ARCHITECTURES, config.arch, "--arch")
    for name in options(config):
        if name not in variant.args:
            takers = ", ".join(a for a, v in ARCHITECTURES.items() if name in v.args)
            raise InputError(f"{flag(name)} does not apply to {config.arch}; it applies to {takers}")
    for name, owner in _OWNERS.items():
        if owner != variant.engine and getattr(config, name) != FIELDS[name].default:
            raise InputError(f"{flag(name)} does not apply to {config.arch}; it applies to {_KINDS[owner]}")
    _check_preparation(config, variant)
    check_name(config)
    lookup(NORMALIZATIONS, config.normalize, "--normalize")
    check_augment(config.augment)
    check_device(config)
    if variant.engine == "baseline":
        return
    check_strategy(config)
    check_optimizer(config)
    check_schedule(config)
    lookup(LOSSES, config.loss, "--loss")
    if config.learning_rate is None:
        raise InputError("learning_rate is None: make the config with kerascifar.configure.configure()")
    check_phases(config)
    check_stages(config)
    if config.patience and not (config.validation or config.folds):
        raise InputError("--patience watches the validation accuracy: it needs --validation above 0")
    if config.validate_every > 1 and (config.patience or config.select == "validation"):
        raise InputError("the best epoch is asked for, so each must be validated: leave --validate-every at 1")
    if config.select == "validation" and not config.validation:
        raise InputError("--select validation needs --validation above 0")
    if config.select == "test":
        for name in ("ema", "strategy"):  # the weights tested after each epoch are those of the model, on one device
            if getattr(config, name) != FIELDS[name].default:
                raise InputError(f"--select test does not go with {flag(name)} {getattr(config, name)}")


def options(config: RunConfig) -> dict[str, Any]:
    """Return the builder's arguments that were given, by name."""
    names = [f.name for f in FIELDS.values() if f.metadata["group"] == "model" and f.name not in _NO_OPTION]
    return {name: getattr(config, name) for name in names if getattr(config, name) is not None}


def _check_preparation(config: RunConfig, variant: Variant) -> None:
    """Refuse ways of reading images that the engine does not know, or that change nothing."""
    for name in _PREPARATION:
        if variant.engine == "scratch" and getattr(config, name) is not None:
            raise InputError(f"{flag(name)} does not apply to {config.arch}; it applies to all but scratch nets")
    if variant.engine == "keras" and config.pixels == "planar_queries":
        raise InputError(f"--pixels planar_queries is for knn and nearest_centroid; {config.arch} takes planar")
    if config.augment_evaluation:
        steps = check_augment(config.augment)
        if not steps:
            raise InputError("--augment-evaluation needs a policy to apply: give --augment, such as lai")
        if mixing := [step for step in steps if PARTS[step.name].labels]:
            raise InputError(f"--augment-evaluation: {mixing[0]} mixes labels, so no image would be scored by its own")


def _refuse_training(arch: str, given: dict[str, Any]) -> None:
    """Refuse flags of the training for what is not trained, rather than ignore them."""
    for name in given:
        if FIELDS[name].metadata["group"] == "training" and name != "seed":
            raise InputError(f"{flag(name)} does not apply to {arch}: nothing is trained by steps")
