"""Which names of the tables came from plugins, and from which source: the part of a run's identity that plugins make.

Only the registering functions of ``kerascifar.plugins`` add to OWNERS. What a result file says is compared with it, and
never loads anything.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kerascifar.core.errors import InputError


@dataclass(frozen=True)
class Plugin:
    """Code that added rows.

    Attributes:
        name: of its file or package, as it is shown.
        sha256: of its source.
    """

    name: str
    sha256: str


# By RunConfig field and name: the plugin that brought the row, and those of the rows that this one is made of.
OWNERS: dict[tuple[str, str], tuple[Plugin, ...]] = {}
# Files given by --plugin, which the likely next command needs too: by resolved path, as they were given.
FILES: dict[str, str] = {}
# The names of rows in a field's value.
_NAMES: Mapping[str, Callable[[str], list[str]]] = {
    "arch": lambda value: [value],
    "dataset": lambda value: [value.partition(":")[0]],
    "augment": lambda value: re.findall(r"\w+", value),
    "distance": lambda value: [value],
    "callbacks": lambda value: re.findall(r"[^,\s]+", value),
}


def owners(field: str, value: str) -> tuple[Plugin, ...]:
    """Return the plugins whose rows the `value` of a RunConfig field names."""
    return tuple(plugin for name in _NAMES[field](value) for plugin in OWNERS.get((field, name), ()))


def used(config: Any) -> tuple[Plugin, ...]:
    """Return the plugins whose rows a RunConfig names, each once, by their SHA-256."""
    found = {plugin for field in _NAMES for plugin in owners(field, getattr(config, field) or "")}
    return tuple(sorted(found, key=lambda plugin: plugin.sha256))


def identity(config: Any) -> tuple[str, ...]:
    """Return the SHA-256 of the plugins that a RunConfig uses; where none is loaded, of those it was recorded with."""
    return tuple(dict.fromkeys(plugin.sha256 for plugin in used(config))) or config.plugins


def check(config: Any) -> None:
    """Refuse a config that was recorded with other plugins than are loaded. Raises InputError."""
    here = {plugin.sha256: plugin.name for plugin in used(config)}
    for sha256 in config.plugins:
        if sha256 not in here:
            others = "; ".join(f"{name} is another version, {other[:12]}…" for other, name in here.items())
            raise InputError(
                f"this run was made with a plugin whose SHA-256 is {sha256[:12]}…: give its file by --plugin FILE.py"
                f"{f' ({others})' if others else ''}"
            )


def notes(config: Any) -> dict[str, Any]:
    """Return what a result notes of the plugins that a RunConfig uses: names and SHA-256; nothing without any."""
    found = used(config)
    return {"plugins": {plugin.name: plugin.sha256 for plugin in found}} if found else {}
