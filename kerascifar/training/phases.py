"""Phases of a training: how many layers learn, at which rate, for how many epochs; one phase where none are named."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kerascifar.config import RunConfig, flag
from kerascifar.core.errors import InputError
from kerascifar.core.fields import Phases, convert


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with an optimizer and a schedule of its own.

    Attributes:
        first: index of its first epoch in the run.
        config: the run's config, but with the epochs, freeze and learning_rate of this phase, and no phases.
    """

    first: int
    config: RunConfig

    @property
    def end(self) -> int:
        """Index of the epoch after its last."""
        return self.first + self.config.epochs

    def __str__(self) -> str:
        learn = f"the last {self.config.freeze} layers with weights learn" if self.config.freeze else "all layers learn"
        return f"epochs {self.first + 1} to {self.end}: {learn}, at a rate of {self.config.learning_rate:g}"


def phases_of(config: RunConfig) -> tuple[Phase, ...]:
    """Return the phases in their order; without --phases, the whole run as one."""
    rows = config.phases or ((config.epochs, config.freeze, config.learning_rate),)
    found, first = [], 0
    for epochs, layers, rate in rows:
        found.append(Phase(first, replace(config, epochs=epochs, freeze=layers, learning_rate=rate, phases=None)))
        first += epochs
    return tuple(found)


def phase_at(config: RunConfig, epoch: int) -> Phase:
    """Return the phase that the epoch with index `epoch` belongs to; the last one, where all are done."""
    found = phases_of(config)
    return next((phase for phase in found if epoch < phase.end), found[-1])


def of_phases(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that --phases of `given`, where it is well-formed, fills in: sum of epochs and first rate."""
    try:
        phases = convert(Phases, given["phases"])
    except (KeyError, TypeError, ValueError):  # not given, or RunConfig says what is wrong
        return {}
    return {"epochs": sum(epochs for epochs, _, _ in phases), "learning_rate": phases[0][2]}


def check_phases(config: RunConfig) -> None:
    """Refuse what contradicts --phases, without importing Keras.

    Raises:
        InputError: other epochs, rate or freeze than the phases have, patience, or a warm-up longer than a phase.
    """
    if config.phases is None:
        return
    # To reproduce's budget, and to whoever reads a result, epochs and rate mean what they mean in any run.
    for name, value in of_phases({"phases": config.phases}).items():
        if getattr(config, name) != value:
            what = "are those of all --phases together" if name == "epochs" else "is that of the first of --phases"
            raise InputError(f"{flag(name)} {what}, {value:g}: leave it out, got {getattr(config, name):g}")
    if config.freeze:
        raise InputError(f"--freeze {config.freeze}: --phases say which layers learn; leave it out")
    if config.patience:
        raise InputError("--patience would end the run and not the phase; with --phases take --select validation")
    shortest = min(epochs for epochs, _, _ in config.phases)
    if config.warmup >= shortest:
        raise InputError(f"--warmup {config.warmup:g} must be below the {shortest} epochs of the shortest phase")
