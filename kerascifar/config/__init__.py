"""One frozen RunConfig describes a run: a field here makes the flag, its help, the recipe key and the JSON key.

The fields stand in four groups: ``model``, ``data``, ``training`` and ``machine``. A field's metadata is the one place
of the rules about it: see ``kerascifar.core.fields.option``. ``kerascifar.cli`` makes the flags. Nothing here imports
TensorFlow, Keras or NumPy, so that ``--help`` answers at once.
"""

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kerascifar.config.data import DataConfig
from kerascifar.config.machine import MachineConfig
from kerascifar.config.model import ModelConfig
from kerascifar.config.training import TrainingConfig
from kerascifar.core import exclusion, plugged
from kerascifar.core.errors import InputError
from kerascifar.core.fields import convert, wanted
from kerascifar.core.origin import origin
from kerascifar.core.shown import html_table

GROUPS = {"model": ModelConfig, "data": DataConfig, "training": TrainingConfig, "machine": MachineConfig}


@dataclass(frozen=True)
class RunConfig(MachineConfig, TrainingConfig, DataConfig, ModelConfig):
    """Everything that decides a run, flat. None means the default of the architecture or optimizer.

    Make one with ``kerascifar.configure.configure``, which fills those defaults in and checks names and combinations.

    >>> config = RunConfig(arch="lenet", epochs=5)
    >>> config
    RunConfig(arch='lenet', dataset='cifar10', epochs=5)
    >>> config.batch_size, config.run_id
    (128, '8cda5faca6ad')
    >>> RunConfig(epochs=0)
    Traceback (most recent call last):
    ...
    kerascifar.core.errors.InputError: --epochs: must be greater than 0, got 0

    Raises:
        InputError: a value is of the wrong type or out of range; the message names the flag.
    """

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _checked(f, getattr(self, f.name)))

    def __repr__(self) -> str:
        return f"RunConfig({', '.join(f'{name}={value!r}' for name, value in self._given())})"

    def _repr_html_(self) -> str:
        rows = [(name, value, FIELDS[name].metadata["help"]) for name, value in self._given()]
        return html_table(("field", "value", "meaning"), rows)

    def _given(self) -> list[tuple[str, Any]]:
        """Return arch, data set, and every field that is not at its default."""
        shown = ("arch", "dataset")
        return [(f.name, getattr(self, f.name)) for f in fields(self) if f.name in shown or changed(self, f.name)]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that decide the numbers, as JSON types; ``RunConfig(**d)`` gives them back.

        Of init_weights and exclude what they are, not where they lie, of plugins those that are used: see
        ``kerascifar.core.origin``, ``kerascifar.core.exclusion`` and ``kerascifar.core.plugged``.
        """
        chosen = {f.name: getattr(self, f.name) for f in fields(self) if f.metadata["identity"]}
        chosen["init_weights"] = self.init_weights and origin(self.init_weights)
        chosen["exclude"] = None if self.exclude is None else exclusion.identity(self.exclude)
        chosen["plugins"] = plugged.identity(self)
        return json.loads(json.dumps(chosen))

    @property
    def run_id(self) -> str:
        """Twelve hex digits of the canonical config's SHA-256.

        Only fields that differ from their default count, so that a field added later leaves old ids alone;
        hence a default, once released, must not change.
        """
        asked = {name: value for name, value in self.to_dict().items() if value != plain_default(name)}
        asked |= {"arch": self.arch, "dataset": self.dataset}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where the run lies: RUNS/NAME/RUN-ID."""
        return Path(self.runs) / (self.name or self.arch) / self.run_id


FIELDS = {f.name: f for f in fields(RunConfig)}
# What may differ between the machine that trained and the one that scores again.
MACHINE = tuple(name for name, f in FIELDS.items() if f.metadata["machine"])
# What decides only how a finished net is scored, and the splits whose images it changes.
SCORING = {name: f.metadata["scoring"] for name, f in FIELDS.items() if f.metadata["scoring"] is not None}
_HINTS = typing.get_type_hints(RunConfig)


def fields_of(group: str) -> tuple[str, ...]:
    """Return the names of the fields in a group of GROUPS."""
    return tuple(f.name for f in fields(GROUPS[group]))


def changed(config: RunConfig, name: str) -> bool:
    """Tell whether the field `name` has another value than its default."""
    return getattr(config, name) != FIELDS[name].default


def plain_default(name: str) -> Any:
    """Return the default of a field as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(FIELDS[name].default))


def flag(name: str) -> str:
    """Return the command-line flag of a field: ``batch_size`` gives ``--batch-size``."""
    return "--" + name.replace("_", "-")


def kinds(name: str) -> tuple[type, ...]:
    """Return the types a field admits: ``int | None`` gives ``(int, NoneType)``."""
    hint = _HINTS[name]
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _checked(f: dataclasses.Field, value: Any) -> Any:
    """Convert `value`, which may come as text, to the field's type and check its range."""
    admitted = kinds(f.name)
    if value is None:
        if types.NoneType not in admitted:
            raise InputError(f"{flag(f.name)}: a value is needed: {f.metadata['help']}")
        return None
    kind = admitted[0]
    try:
        value = convert(kind, value)
    except (ValueError, TypeError):
        raise InputError(f"{flag(f.name)}: expected {wanted(kind)}, got {_short(value)}") from None
    if f.metadata["check"] is not None:
        what, holds = f.metadata["check"]
        if not holds(value):
            raise InputError(f"{flag(f.name)}: must be {what}, got {_short(value)}")
    return value


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of too many digits"
    return text if len(text) <= 200 else f"{text[:200]}…"
