"""What an audit keeps beside its lists, so that one that was killed goes on: a file of arrays per finished step."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.files import write_atomically
from kerascifar.core.reading import read_arrays

Arrays = Mapping[str, np.ndarray]
MOST = 1e5  # no number of these steps is larger: shifts in pixels, contrasts, probabilities


def kept(path: Path, shapes: Mapping[str, tuple[int | None, ...]], make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays in `path`, which are made and written there first where it is not.

    Args:
        path: an .npz file.
        shapes: of the arrays, by name; where it says None, all have the same length.
        make: returns them.

    Raises:
        InputError: the file is damaged.
    """
    if not path.exists():
        made = make()
        write_atomically(path, lambda part: np.savez(part, **made))
    return read_kept(path, shapes)


def read_kept(path: Path, shapes: Mapping[str, tuple[int | None, ...]]) -> Arrays:
    """Return the arrays that ``kept`` wrote to `path`; InputError where they are damaged."""
    try:
        arrays = read_arrays(path)
    except InputError as error:
        raise InputError(f"{error}; delete it") from None
    free = {
        length
        for name, shape in shapes.items()
        for asked, length in zip(shape, arrays[name].shape if name in arrays else (), strict=False)
        if asked is None
    }
    fits = arrays.keys() == shapes.keys() and all(
        array.dtype.kind in "bif"
        and (array.dtype.kind != "f" or bool((np.abs(array) <= MOST).all()))  # not NaN either
        and len(array.shape) == len(shapes[name])
        and all(asked in (None, length) for asked, length in zip(shapes[name], array.shape, strict=True))
        for name, array in arrays.items()
    )
    if not fits or len(free) > 1:
        raise InputError(f"{path} is damaged: its arrays are not those of this data set; delete it")
    return arrays
