"""From what a person gave to a complete, checked RunConfig, without importing TensorFlow."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from kerascifar.architectures import ARCHITECTURES, ENGINES, engine
from kerascifar.augment.policies import check_augment
from kerascifar.augment.transforms import TRANSFORMS
from kerascifar.config import FIELDS, RunConfig, changed, fields_of, flag
from kerascifar.core import exclusion, plugged, shipped
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_toml
from kerascifar.core.registry import Variant, lookup, nearest
from kerascifar.data.datasets import check_name, check_place
from kerascifar.data.normalization import NORMALIZATIONS
from kerascifar.devices.distribution import check_strategy
from kerascifar.devices.placement import check_device
from kerascifar.training.checks import check_training
from kerascifar.training.optimizers import OPTIMIZERS
from kerascifar.training.phases import implied_by_phases
from kerascifar.training.precision import AUTO, check_auto, chosen


def configure(**given: Any) -> RunConfig:
    """Return a RunConfig: what was given, else what the architecture brings, else what the optimizer brings.

    A shipped net whose weights it starts from brings its architecture, width included.
    A precision of "auto" becomes the one that ``kerascifar.training.precision`` chooses.

    Raises InputError: an unknown key or name, a value out of range, or an option the architecture does not take.
    """
    check_keys(given, "configure()")
    if "arch" not in given and (net := shipped.NETS.get(given.get("init_weights", ""))):
        given = {**net.fields, **given}
    arch = given.get("arch", FIELDS["arch"].default)
    variant = lookup(ARCHITECTURES, arch, "--arch")
    brought = dict(variant.defaults)
    if not engine(arch).TRAINED:
        _refuse_training(arch, given)
    else:
        usual = brought.get("optimizer", FIELDS["optimizer"].default)
        optimizer = lookup(OPTIMIZERS, given.get("optimizer", usual), "--optimizer")
        if given.get("optimizer", usual) != usual:  # the architecture's rate belongs to its own optimizer
            brought = {k: v for k, v in brought.items() if k not in OPTIMIZERS[usual].defaults}
        brought = {**optimizer.defaults, **brought, **implied_by_phases(given)}
    config = RunConfig(**{**brought, **without_auto(arch, given)})
    check(config)
    check_place(config)
    return config


def without_auto(arch: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the RunConfig fields `given`, with what precision="auto" stands for, for `arch` on this processor.

    Raises InputError: there is no such architecture, or it has no precision.
    """
    auto = given.get("precision") == AUTO
    return {**given, **(chosen(arch, lookup(ARCHITECTURES, arch, "--arch")) if auto else {})}


def read_config(path: str | Path) -> dict[str, Any]:
    """Read RunConfig fields from a TOML file, which may hold them as one [[run]], as searches once wrote them.

    Raises InputError: it cannot be read, is no TOML, or has a key of no field.
    """
    try:
        given = read_toml(path)
    except FileNotFoundError:
        raise InputError(f"--config: there is no file {path}") from None
    match given:
        case {"run": [dict(row)], **others} if not others:
            given = row
    check_keys(given, str(path))
    return given


def check_keys(given: Mapping[str, Any], where: str) -> None:
    """Refuse a key that is no RunConfig field, and tell the nearest field."""
    for key in given:
        if key not in FIELDS:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, FIELDS)}")


def check(config: RunConfig) -> None:
    """Refuse wrong names and combinations, which one field alone cannot tell."""
    plugged.check(config)
    variant = lookup(ARCHITECTURES, config.arch, "--arch")
    for name in FIELDS:
        _check_applies(config, variant, name)
    check_name(config)
    if config.exclude is not None:  # before any image is read
        exclusion.identity(config.exclude)
    lookup(NORMALIZATIONS, config.normalize, "--normalize")
    check_augment(config.augment)
    _check_augmented_evaluation(config)
    check_device(config)
    if engine(config.arch).TRAINED:
        check_strategy(config)
        check_training(config)
        check_auto(config)
    engine(config.arch).check(config, variant)


def _check_applies(config: RunConfig, variant: Variant, name: str) -> None:
    """Refuse a field that the architecture or its engine does not take, rather than ignore it."""
    f = FIELDS[name]
    if not changed(config, name) or getattr(config, name) == variant.defaults.get(name):
        return
    if f.metadata["builder"] and name not in variant.args:
        takers = ", ".join(arch for arch, other in ARCHITECTURES.items() if name in other.args)
        raise InputError(f"{flag(name)} does not apply to {config.arch}; it applies to {takers}")
    if variant.engine not in f.metadata["engines"]:
        takers = " and ".join(import_module(ENGINES[kind]).TITLE for kind in f.metadata["engines"])
        raise InputError(f"{flag(name)} does not apply to {config.arch}; it applies to {takers}")


def _check_augmented_evaluation(config: RunConfig) -> None:
    if not config.augment_evaluation:
        return
    steps = check_augment(config.augment)
    if not steps:
        raise InputError("--augment-evaluation needs a policy to apply: give --augment, such as lai")
    if mixing := [step for step in steps if TRANSFORMS[step.name].labels]:
        raise InputError(f"--augment-evaluation: {mixing[0]} mixes labels, so no image would be scored by its own")


def _refuse_training(arch: str, given: Mapping[str, Any]) -> None:
    """Refuse flags of the training for what is not trained in steps, even with their default values."""
    for name in given:
        if name in fields_of("training") and "baseline" not in FIELDS[name].metadata["engines"]:
            raise InputError(f"{flag(name)} does not apply to {arch}: nothing is trained in steps")
