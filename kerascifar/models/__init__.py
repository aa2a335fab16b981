"""All Keras nets by name. Listing and checking them imports neither Keras nor TensorFlow; building one does.

Importing this module lets ``keras.models.load_model`` read any model.keras of ours.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import wrapt

from kerascifar.config import flag
from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant, lookup

# Whatever file of this package has VARIANTS, in the order of the files' names. All import Keras late, but for _blocks.
_FILES = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__) if not file.name.startswith("_")]
VARIANTS: dict[str, Variant] = {name: row for file in _FILES for name, row in getattr(file, "VARIANTS", {}).items()}


@wrapt.when_imported("keras")  # now, where it has been imported
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

    Args:
        arch: a name in VARIANTS.
        input_shape: (side, side, channels).
        classes: number of classes, at least 2.
        mean: subtracted from the pixels, which run from 0 to 255: one number, or one a channel.
        std: divides them after that.
        options: the variant's own arguments, such as ``dropout=0.1``; None leaves the variant's value.

    Returns:
        keras.Model: uint8 pixels (N, side, side, channels) to float32 logits (N, classes). Float images are cast
        to uint8, so give pixels from 0 to 255, not fractions. Weights come from Keras's global seed
        (``keras.utils.set_random_seed``).

    Raises:
        InputError: unknown name or option, a side that the geometry cannot take, fewer than 2 classes.
    """
    arguments = check(arch, input_shape, classes, **options)
    return VARIANTS[arch].build(tuple(input_shape), classes, mean, std, **arguments)


def check(
    arch: str, input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, **options: Any
) -> dict[str, Any]:
    """Check what ``build`` is given, without building, and return the builder's arguments.

    Raises:
        InputError: as ``build`` does.
    """
    variant = lookup(VARIANTS, arch, "arch")
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in variant.args:
            takers = [other for other, row in VARIANTS.items() if name in row.args]
            who = f"these do: {', '.join(takers)}" if takers else "no Keras net does"
            raise InputError(f"{flag(name)}: {arch} takes no such option; {who}")
    height, width, channels = input_shape
    if height != width or min(input_shape) < 1:
        raise InputError(f"{arch}: images must be square, got {height}x{width}x{channels}")
    if classes < 2:
        raise InputError(f"{arch}: needs at least 2 classes, got {classes}")
    arguments = {**variant.args, **given}
    least = variant.least_side(**arguments) if variant.least_side else 1
    if height < least:
        raise InputError(
            f"{arch}: its strides, pools and unpadded convolutions need images of at least {least}x{least} pixels, "
            f"got {height}x{width}"
        )
    return arguments
