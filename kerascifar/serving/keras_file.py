"""A .keras file of Keras's own layers, which needs Keras and not this package, on any of its backends."""

from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Predict
from kerascifar.core.files import deflate
from kerascifar.models.keras_files import read_model
from kerascifar.serving.half_weights import as_float16
from kerascifar.serving.plain import builtin


def write(net: Any, path: Path, images: None) -> None:
    """Write `net` as a .keras file, rebuilt of Keras's own layers; weights that float16 holds take half the bytes.

    Raises ValueError: it has another layer.
    """
    builtin(net).save(path)
    deflate(path, as_float16)


def load(path: Path, threads: int | None, net: Any) -> Predict:
    """Return predict(images) of Keras, with the threads of this process."""
    model = read_model(path)
    return lambda images: np.asarray(model.predict_on_batch(images))
