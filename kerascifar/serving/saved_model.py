"""TensorFlow's SavedModel."""

from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.core.contracts import Predict
from kerascifar.serving.plain import signature


def write(net: Any, path: Path, images: None) -> None:
    """Write `net` as a SavedModel; its signature serving_default takes pixels and returns logits."""
    import keras

    archive = keras.export.ExportArchive()
    # model.export() also tracks the model itself, and so writes the weights twice.
    archive.add_endpoint("serve", lambda pixels: net(pixels, training=False), signature(net))
    archive.write_out(str(path), verbose=False)


def load(path: Path, threads: int | None, net: Any) -> Predict:
    """Return predict(images) of TensorFlow, with the threads of this process."""
    import tensorflow as tf

    model = tf.saved_model.load(str(path))

    def predict(images: np.ndarray) -> np.ndarray:
        return model.signatures["serving_default"](pixels=tf.constant(images))["logits"].numpy()

    return predict
