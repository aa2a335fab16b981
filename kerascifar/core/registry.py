"""Tables of named things: what a row of an architecture table holds, and lookup by name.

Files that hold a table import Keras late, so names can be listed in a blink.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kerascifar.core.errors import InputError

Row = TypeVar("Row")


@dataclass(frozen=True)
class Variant:
    """One row of an architecture table.

    Attributes:
        build: for Keras nets ``build(input_shape, classes, **args) -> keras.Model`` giving logits;
            for other engines, what that engine's ``fit`` builds from.
        args: every argument that a flag may override, with this variant's value.
        params: trainable parameters at ``input_shape`` and 10 classes; 0 where nothing is trained.
        multiply_adds: of one image of ``input_shape``, forward; None where it has no meaning.
        source: paper and table, or repository, that the numbers come from.
        defaults: RunConfig fields that this architecture brings along (rate, batch, epochs, ...).
        engine: the kind of architecture: "keras", "baseline" or "scratch"; architectures.py says what fits it.
        input_shape: the shape (height, width, channels) at which ``params`` and multiply-adds are counted.
        dense_share: share of those multiply-adds that are in convolutions, without depthwise ones; None if not known.
        least_side: ``least_side(**args)`` gives the smallest side in pixels that the geometry takes, without
            building anything; raises InputError where the arguments do not fit together. None: any side will do.
    """

    build: Callable[..., Any]
    args: Mapping[str, Any] = field(default_factory=dict)
    params: int = 0
    multiply_adds: int | None = None
    source: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    engine: str = "keras"
    input_shape: tuple[int, int, int] = (32, 32, 3)
    least_side: Callable[..., int] | None = None
    dense_share: float | None = None

    def arguments(self, config: Any) -> dict[str, Any]:
        """Return the builder's arguments: this variant's own, and over them those that a RunConfig gives."""
        asked = {name: getattr(config, name) for name in self.args}
        return {name: own if asked[name] is None else asked[name] for name, own in self.args.items()}


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the closest of `names`, or an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def lookup(table: Mapping[str, Row], name: str, what: str) -> Row:
    """Return ``table[name]``; refuse an unknown name, and tell the nearest one."""
    if not isinstance(name, str):
        raise InputError(f"{what}: expected a name, got {name!r:.80}")
    if name in table:
        return table[name]
    raise InputError(f"unknown {what} {name!r}{nearest(name, table)}; choose from {', '.join(table)}")
