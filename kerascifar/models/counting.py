"""Multiply-adds of a built Keras model."""

import math

from kerascifar.core import private
from kerascifar.models._late import keras


def multiply_adds(model: "keras.Model") -> int:
    """Count the multiply-adds of convolutions and dense layers for one image, forward.

    One multiply-add is one product and its sum, as torchvision's and the MobileNet papers' tables count;
    biases, BatchNorm, activations and pooling are left out, as there. Products with padding count.
    """
    return sum(layer_multiply_adds(layer) for layer in model.layers)


def dense_share(model: "keras.Model") -> float:
    """Return the share of `multiply_adds` that is in convolutions but depthwise ones, from 0 to 1."""
    dense = sum(layer_multiply_adds(layer) for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    return dense / multiply_adds(model)


def layer_multiply_adds(layer: "keras.Layer") -> int:
    """Count the multiply-adds of one layer as `multiply_adds` does; 0 for all but convolutions and dense layers.

    A layer that the net applies several times, always to inputs of one size, counts each time.
    """
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        _, height, width, _ = layer.output.shape  # of the first time
        positions = height * width  # of the output, each of which takes every weight of the kernel once
    elif isinstance(layer, keras.layers.Dense):
        positions = 1
    else:
        return 0
    return private.times_applied(layer) * positions * math.prod(layer.kernel.shape)
