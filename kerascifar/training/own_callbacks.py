"""CALLBACKS: Keras callbacks of plugins, by the names that --callbacks gives. We have none of our own there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerascifar.config import RunConfig
from kerascifar.core.registry import lookup

# From the config and the run's folder to a keras.callbacks.Callback.
CALLBACKS: dict[str, Callable[[RunConfig, Path], Any]] = {}


def check_callbacks(config: RunConfig) -> None:
    """Refuse a name under --callbacks that no plugin registered. Raises InputError."""
    for name in _names(config):
        lookup(CALLBACKS, name, "--callbacks")


def make_callbacks(config: RunConfig, folder: Path) -> list[Any]:
    """Return the callbacks that a checked config names, in its order; `folder` is the run's."""
    return [CALLBACKS[name](config, folder) for name in _names(config)]


def _names(config: RunConfig) -> list[str]:
    return re.findall(r"[^,\s]+", config.callbacks or "")
