"""Tables of named things: what a row of an architecture table holds, and lookup by name.

Files that hold a table import Keras inside their builders, so names can be listed in a blink.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kerascifar.errors import InputError

Row = TypeVar("Row")


@dataclass(frozen=True)
class Variant:
    """One row of an architecture table.

    Attributes:
        build: for Keras nets ``build(input_shape, classes, **args) -> keras.Model`` giving logits;
            for other engines, what that engine's ``fit`` builds from.
        args: every argument that a flag may override, with this variant's value.
        params: trainable parameters at 32x32x3 and 10 classes, from a source that is not our code;
            None where no golden value exists.
        source: paper and table, or repository, that the numbers come from.
        defaults: RunConfig fields that this architecture brings along (rate, batch, epochs, ...).
        engine: which module fits it: "keras", "baseline" or "scratch".
        input_shape: the shape (height, width, channels) at which ``params`` and multiply-adds are counted.
        least_side: ``least_side(**args)`` gives the smallest side in pixels that the geometry takes, without
            building anything; raises InputError where the arguments do not fit together. None: any side will do.
    """

    build: Callable[..., Any]
    args: Mapping[str, Any] = field(default_factory=dict)
    params: int | None = None
    source: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    engine: str = "keras"
    input_shape: tuple[int, int, int] = (32, 32, 3)
    least_side: Callable[..., int] | None = None


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the closest of `names`, or an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def lookup(table: Mapping[str, Row], name: str, what: str) -> Row:
    """Return ``table[name]``; an unknown name is answered with the nearest one.

    Raises:
        InputError: `name` is not in the table.
    """
    if name in table:
        return table[name]
    raise InputError(f"unknown {what} {name!r}{nearest(name, table)}; choose from {', '.join(table)}")
