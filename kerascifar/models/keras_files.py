"""Read a .keras file that may come from a stranger."""

import contextlib
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerascifar.core.errors import InputError
from kerascifar.core.reading import check_members
from kerascifar.models._late import keras

# Numbers in what one layer gives for one image; the largest of our nets gives 2**22.
_MOST_OUTPUTS = 2**27


def read_model(path: Path) -> "keras.Model":
    """Return the model in a .keras file, in Keras's safe mode: nothing in the file is executed.

    Its layers get no more memory than its file justifies.

    Raises InputError: the file is corrupt, or not a model that this program can read.
    """
    try:
        if not path.is_file():  # a FIFO or a device would wait for ever
            raise ValueError("it is no regular file")
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path.stat().st_size)
            unpacked = sum(member.file_size for member in archive.infolist())
        with _at_most(unpacked):
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        for layer in model.layers:
            for output in keras.tree.flatten(getattr(layer, "output", None)):
                if math.prod(side or 1 for side in getattr(output, "shape", ())) > _MOST_OUTPUTS:
                    raise ValueError(f"layer {layer.name} gives {output.shape}, which fills memory")
        return model
    except Exception as error:  # a foreign or damaged file fails in many ways inside Keras, zipfile or h5py
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} is not a Keras model that can be loaded: {lines[0][:200]}") from None


@contextlib.contextmanager
def _at_most(size: int) -> Iterator[None]:
    """Let layers that are made in the block have `size` weights at most: a weight that was saved has a byte or more."""
    original, made = keras.layers.Layer.add_weight, 0

    def add_weight(layer: Any, shape: Any = None, *arguments: Any, **named: Any) -> Any:
        nonlocal made
        made += math.prod(shape or ())
        if made > size:
            raise ValueError(f"layer {layer.name} has weights of shape {shape}; the file's {size} bytes hold no such")
        return original(layer, shape, *arguments, **named)

    keras.layers.Layer.add_weight = add_weight
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = original
