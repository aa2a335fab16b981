"""Multiply-adds of a built Keras model."""

import math
from typing import Any

from kerascifar.core.registry import Late

keras = Late("keras")


def multiply_adds(model: Any) -> int:
    """Count the multiply-adds of convolutions and dense layers for one image, forward.

    One multiply-add is one product and its sum, as torchvision's and the MobileNet papers' tables count;
    biases, BatchNorm, activations and pooling are left out, as there. Taps that fall on padding count.
    """
    return sum(layer_multiply_adds(layer) for layer in model.layers)


def layer_multiply_adds(layer: Any) -> int:
    """Count one layer's, as `multiply_adds` does; 0 for all but convolutions and dense layers.

    A layer that the net applies several times, always at one size, counts as often.
    """
    times = len(layer._inbound_nodes)  # as in Keras's own summary
    # A kernel's every weight is used once a position of the output, in Conv2D (h, w, in, out) and
    # DepthwiseConv2D (h, w, channels, 1) alike.
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        _, height, width, _ = layer.output.shape  # of the first time
        return times * height * width * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.Dense):
        return times * math.prod(layer.kernel.shape)
    return 0
