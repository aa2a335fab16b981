"""Keras nets by name: one file per family, each with its builders and their table VARIANTS.

May import config, core and layers; no data set, no training. Listing and checking nets imports neither Keras nor
TensorFlow, building one does. Importing this package lets ``keras.saving.load_model`` read the nets.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import wrapt

from kerascifar.config import flag
from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant, lookup

# Every file here that does not begin with _ is imported, in alphabetical order; its table, if it has one, is found.
_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__) if file.name[0] != "_"]
VARIANTS: dict[str, Variant] = {name: row for file in _FILES for name, row in getattr(file, "VARIANTS", {}).items()}


@wrapt.when_imported("keras")  # now, if it has been imported
def _register(keras: Any) -> None:
    import kerascifar.layers  # noqa: F401  registers our layers with Keras


def build(
    arch: str,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    mean: Any = 127.5,
    std: Any = 127.5,
    **options: Any,
):
    """Build a net with fresh weights, ready for ``compile`` and ``fit``.

    >>> from kerascifar.models import build
    >>> net = build("tiny12k", (16, 16, 3), classes=5)
    >>> net.input.dtype, net.output.shape
    ('uint8', (None, 5))

    Args:
        arch: a name in VARIANTS.
        input_shape: (side, side, channels).
        classes: number of classes, at least 2.
        mean: subtracted from the pixels (0 to 255): one number, or one per channel.
        std: the result is divided by it: one number, or one per channel.
        options: the variant's arguments, such as ``dropout=0.1``; None means the variant's own value.

    Returns:
        keras.Model: uint8 pixels (N, side, side, channels) to float32 logits (N, classes). Float images are cast
        to uint8, so pass pixels from 0 to 255, not fractions. Initial weights depend on Keras's global seed
        (``keras.utils.set_random_seed``).

    Raises:
        InputError: unknown name or option, images too small for the architecture, fewer than 2 classes.
    """
    arguments = check(arch, input_shape, classes, **options)
    net = VARIANTS[arch].build(tuple(input_shape), classes, mean, std, **arguments)
    _check_net(net, arch, classes)
    return net


def _check_net(net: Any, arch: str, classes: int) -> None:
    """Refuse a net, such as a plugin's, that lacks what training and scoring count on. Raises InputError."""
    names, logits = [layer.name for layer in net.layers], net.outputs[0]
    if "normalization" not in names:
        raise InputError(f"{arch}: a Rescaling named 'normalization' is needed, got layers {', '.join(names[:5])}")
    if net.inputs[0].dtype != "uint8" or logits.dtype != "float32" or logits.shape != (None, classes):
        raise InputError(
            f"{arch}: expected uint8 pixels to float32 logits (None, {classes}), got {net.inputs[0].dtype} to "
            f"{logits.dtype} {logits.shape}"
        )


def check(
    arch: str, input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, **options: Any
) -> dict[str, Any]:
    """Check the arguments of ``build`` without building, and return the variant's arguments.

    >>> from kerascifar.models import check
    >>> check("modified_net", dropout=0.25)
    {'dropout': 0.25}
    >>> check("lenet", (8, 8, 3))
    Traceback (most recent call last):
    kerascifar.core.errors.InputError: lenet: images must be at least 16x16 pixels, got 8x8

    Raises:
        InputError: as ``build`` does.
    """
    variant = lookup(VARIANTS, arch, "arch")
    options = {name: value for name, value in options.items() if value is not None}
    for name in options:
        if name not in variant.args:
            takers = [other for other, row in VARIANTS.items() if name in row.args]
            who = f"these do: {', '.join(takers)}" if takers else "no Keras net does"
            raise InputError(f"{flag(name)}: {arch} takes no such option; {who}")
    height, width, channels = input_shape
    if height != width or min(input_shape) < 1:
        raise InputError(f"{arch}: images must be square, got {height}x{width}x{channels}")
    if classes < 2:
        raise InputError(f"{arch}: needs at least 2 classes, got {classes}")
    arguments = {**variant.args, **options}
    least = variant.least_side(**arguments) if variant.least_side else 1
    if height < least:
        raise InputError(f"{arch}: images must be at least {least}x{least} pixels, got {height}x{width}")
    return arguments
