"""Phases of a training (--phases): how many layers learn, at which learning rate, and for how many epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kerascifar.config import RunConfig, flag
from kerascifar.core.errors import InputError
from kerascifar.core.fields import Phases, convert


@dataclass(frozen=True)
class Phase:
    """Consecutive epochs with their own optimizer and schedule.

    Attributes:
        first: index of its first epoch in the run.
        config: the run's config with the epochs, freeze and learning_rate of this phase, and without phases.
    """

    first: int
    config: RunConfig

    @property
    def end(self) -> int:
        """Index of the epoch after its last."""
        return self.first + self.config.epochs

    def __str__(self) -> str:
        learn = f"the last {self.config.freeze} layers with weights learn" if self.config.freeze else "all layers learn"
        return f"epochs {self.first + 1} to {self.end}: {learn}, at a learning rate of {self.config.learning_rate:g}"


def phases_of(config: RunConfig) -> tuple[Phase, ...]:
    """Return the phases in order; without --phases, the whole run is one."""
    rows = config.phases or ((config.epochs, config.freeze, config.learning_rate),)
    phases, first = [], 0
    for epochs, layers, rate in rows:
        phases.append(Phase(first, replace(config, epochs=epochs, freeze=layers, learning_rate=rate, phases=None)))
        first += epochs
    return tuple(phases)


def phase_at(config: RunConfig, epoch: int) -> Phase:
    """Return the phase that contains the epoch with index `epoch`; after the last epoch, the last phase."""
    phases = phases_of(config)
    return next((phase for phase in phases if epoch < phase.end), phases[-1])


def implied_by_phases(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``options["phases"]`` implies: epochs, their sum, and learning_rate, the first; {} if malformed."""
    try:
        phases = convert(Phases, options["phases"])
    except (KeyError, TypeError, ValueError):  # there are none, or RunConfig says what is wrong
        return {}
    return {"epochs": sum(epochs for epochs, _, _ in phases), "learning_rate": phases[0][2]}


def check_phases(config: RunConfig) -> None:
    """Refuse other epochs, rate or freeze than --phases have, patience, and a warm-up as long as a phase."""
    if config.phases is None:
        return
    # For the budget of a study, and for readers of a result, epochs and learning_rate mean what they mean in any run.
    for name, value in implied_by_phases({"phases": config.phases}).items():
        if getattr(config, name) != value:
            what = "is the sum over all --phases" if name == "epochs" else "is that of the first of --phases"
            raise InputError(f"{flag(name)} {what}, {value:g}: leave it out, got {getattr(config, name):g}")
    if config.freeze:
        raise InputError(f"--freeze {config.freeze}: --phases say which layers learn; leave it out")
    if config.patience:
        raise InputError("--patience would end the run, not the phase; with --phases use --select validation")
    shortest = min(epochs for epochs, _, _ in config.phases)
    if config.warmup >= shortest:
        raise InputError(f"--warmup {config.warmup:g} must be below the {shortest} epochs of the shortest phase")
