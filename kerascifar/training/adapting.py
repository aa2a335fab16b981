"""Layers that are fitted to the training images before the first step, as Keras's preprocessing layers are."""

from typing import Any

import numpy as np

_IMAGES = 5000  # as in airbench; more change the whitening by less than a seed does


def adapt(model: Any, images: np.ndarray) -> None:
    """Call ``adapt`` of each layer of `model` that has it, with what reaches that layer of 5,000 training images.

    Args:
        model: a built functional keras.Model.
        images: uint8 (N, H, W, C); evenly spaced ones are taken, so that data sorted by class will do.
    """
    import keras

    for layer in model.layers:
        if hasattr(layer, "adapt"):
            below = keras.Model(model.inputs, layer.input)
            taken = np.unique(np.linspace(0, len(images) - 1, _IMAGES).astype(int))
            layer.adapt(below.predict(images[taken], batch_size=500, verbose=0))
