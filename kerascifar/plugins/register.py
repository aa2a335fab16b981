"""register_model, register_dataset, register_policy and their like: one row each, in the tables of our own rows."""

import contextlib
import hashlib
import inspect
import marshal
import re
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

from kerascifar.architectures import ARCHITECTURES
from kerascifar.augment.policies import POLICIES, Policy, parse
from kerascifar.baselines.distances import DISTANCES, Distance
from kerascifar.config import FIELDS, RunConfig
from kerascifar.core.contracts import Dataset
from kerascifar.core.errors import InputError
from kerascifar.core.plugged import OWNERS, Plugin, owners
from kerascifar.core.registry import Variant, nearest
from kerascifar.data.datasets import DATASETS, Source
from kerascifar.models import VARIANTS
from kerascifar.training.own_callbacks import CALLBACKS

Build = TypeVar("Build", bound=Callable[..., Any])
Read = TypeVar("Read", bound=Callable[[RunConfig, str], Dataset])
Make = TypeVar("Make", bound=Callable[[RunConfig, Path], Any])
Define = TypeVar("Define", bound=Callable[..., Any])
_loading: list[Plugin] = []  # the plugin that is being loaded; none while a script or a notebook registers


@contextlib.contextmanager
def owned_by(plugin: Plugin) -> Iterator[None]:
    """Give `plugin` the rows that are registered in the block; if it fails, none of them stays."""
    tables = [OWNERS, VARIANTS, ARCHITECTURES, DATASETS, POLICIES, DISTANCES, CALLBACKS]
    before = [dict(table) for table in tables]
    _loading.append(plugin)
    try:
        yield
    except BaseException:
        for table, rows in zip(tables, before, strict=True):
            table.clear()
            table.update(rows)
        raise
    finally:
        _loading.pop()


def register_model(name: str, **row: Any) -> Callable[[Build], Build]:
    """Add the Keras net that the decorated function builds, as ``--arch NAME``.

    The function is ``build(input_shape, classes, mean, std, **args) -> keras.Model``: uint8 pixels (N, side, side,
    channels) to float32 logits (N, classes); `mean` and `std` are numbers, or one per channel, in units of pixels
    from 0 to 255, and a Rescaling named "normalization" gives ``(pixels - mean) / std``. Import Keras inside the
    function, so that listing nets stays quick.

    Args:
        name: how it is asked for.
        row: fields of ``core.registry.Variant``: params, multiply_adds, source, args, defaults, least_side.

    Raises InputError: the name is taken, or an argument or a default is no RunConfig field.

    >>> import kerascifar as kc
    >>> @kc.register_model("doctest_net", source="an example", defaults={"epochs": 3})
    ... def build(input_shape, classes, mean, std):
    ...     import keras
    ...
    ...     inputs = keras.Input(input_shape, dtype="uint8")
    ...     x = keras.layers.Rescaling(1 / std, -mean / std, name="normalization")(inputs)
    ...     return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(x)))
    """
    builders = [field for field, f in FIELDS.items() if f.metadata["builder"]]
    for what, fields in (("args", builders), ("defaults", FIELDS)):
        for field in row.get(what, ()):
            if field not in fields:
                raise InputError(f"register_model {name}: {what}: no such field: {field}{nearest(field, fields)}")

    def register(build: Build) -> Build:
        variant = Variant(build, **row)
        _add("arch", name, VARIANTS, variant, build)
        ARCHITECTURES[name] = variant
        return build

    return register


def register_dataset(name: str, help: str = "of a plugin", source: str = "a plugin", **row: Any):
    """Add the data set that the decorated function reads, as ``--dataset NAME``, or ``NAME:ARGUMENT``.

    The function is ``read(config, argument) -> core.contracts.Dataset``, of uint8 images (N, side, side, 3) and int64
    labels from 0, with None for the validation split unless the set has its own. A run records the images' checksums,
    and images that change are refused as those of the same run.

    Args:
        name: how it is asked for.
        help: what it is, in a line.
        source: paper or place.
        row: further fields of ``data.datasets.Source``, such as `check`, for a name that takes an argument.

    Raises InputError: the name is taken or holds a colon.
    """
    if ":" in name:
        raise InputError(f"register_dataset: a colon begins the argument of a name, got {name!r}")

    def register(read: Read) -> Read:
        _add("dataset", name, DATASETS, Source(read, help, source, **{"fixed": False, **row}), read)
        return read

    return register


def register_policy(name: str, transforms: str, source: str = "a plugin") -> None:
    """Add an augmentation policy, as ``--augment NAME``.

    >>> import kerascifar as kc
    >>> kc.register_policy("doctest_policy", "flip(0.5) crop(2)", source="an example")

    Args:
        name: letters, digits and underscores.
        transforms: what it does, as --augment takes it: "flip(0.5) crop(4, reflect)".
        source: paper or place.

    Raises InputError: the name is taken or no word, or the transforms are none.
    """
    if not name.isidentifier():
        raise InputError(f"register_policy: a name of letters, digits and underscores is needed, got {name!r}")
    parse(transforms)
    _add("augment", name, POLICIES, Policy(transforms, source), None, owners("augment", transforms))


def register_distance(name: str, images: bool = False) -> Callable[[Define], Define]:
    """Add the distance that the decorated function computes, as ``--distance NAME`` of k-NN and nearest centroid.

    The function is ``define(x, y)``: float64 queries (Q, D) and training images (T, D), or (…, H, W, C) with `images`,
    to distances float64 (Q, T). It is computed for every pair, without the short cuts of our own distances.

    Raises InputError: the name is taken.

    >>> import numpy as np
    >>> import kerascifar as kc
    >>> @kc.register_distance("doctest_largest")
    ... def largest(x, y):
    ...     return np.stack([np.abs(image - y).max(1) for image in x])
    """

    def register(define: Define) -> Define:
        _add("distance", name, DISTANCES, Distance(define, search="definition", images=images), define)
        return define

    return register


def register_callback(name: str) -> Callable[[Make], Make]:
    """Add the Keras callback that the decorated function makes, as ``--callbacks NAME``: a logger, a rule of your own.

    The function is ``make(config, folder) -> keras.callbacks.Callback``: the RunConfig, and the run's folder, for
    files of its own. It is called anew when a killed run goes on, and its methods run before the checkpoint is written,
    so what it does to the net is in there, what it keeps in itself is not.

    Raises InputError: the name is taken, or holds a comma or a space.

    >>> import kerascifar as kc
    >>> @kc.register_callback("doctest_log")
    ... def make(config, folder):
    ...     import keras
    ...
    ...     return keras.callbacks.CSVLogger(folder / "log.csv", append=True)
    """
    if not re.fullmatch(r"[^,\s]+", name):
        raise InputError(f"register_callback: a name without commas and spaces is needed, got {name!r}")

    def register(make: Make) -> Make:
        _add("callbacks", name, CALLBACKS, make, make)
        return make

    return register


def _add(
    field: str,
    name: str,
    table: MutableMapping[str, Any],
    row: Any,
    function: Callable[..., Any] | None,
    others: tuple[Plugin, ...] = (),
) -> None:
    """Put `row` into `table`, and note its owner; `others` are the owners of what it is made of.

    A row of ours stays as it is, and so does another plugin's while one is loaded. A notebook may define its own again.
    """
    if name in table and (_loading or (field, name) not in OWNERS):
        raise InputError(f"{name!r} is a --{field} already; choose another name")
    own = _loading[-1] if _loading else _caller(function)
    table[name] = row
    OWNERS[field, name] = (own, *others)


def _caller(function: Callable[..., Any] | None) -> Plugin:
    """Return who registers without being a plugin: a script by its file, a notebook's cell by its code."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    code: CodeType = frame.f_code if function is None else function.__code__
    path = Path(code.co_filename)
    content = path.read_bytes() if path.is_file() else marshal.dumps(code)
    return Plugin(path.name, hashlib.sha256(content).hexdigest())
