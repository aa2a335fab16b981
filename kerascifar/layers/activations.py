"""GELU that passes over memory once each way."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerascifar")
class GELU(keras.layers.Layer):
    """The exact GELU, x Phi(x) (Hendrycks and Gimpel 2016), computed in float32 and given in the layer's own type.

    TensorFlow composes GELU and its gradient of some fifteen small operations, each of which reads and writes all
    activations. In training on one device XLA makes one loop of each way here, though it is slow at convolutions.
    """

    def call(self, inputs, training=None):
        if training and _one_device():
            return _fused()(inputs)
        return ops.cast(ops.gelu(ops.cast(inputs, "float32"), approximate=False), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def _one_device() -> bool:
    """Tell whether TensorFlow computes without a strategy; under one, XLA fails."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.distribute.has_strategy()


@cache
def _fused() -> Callable[[Any], Any]:
    # No keras.ops asks for XLA.
    import tensorflow as tf

    def phi(x):
        return 0.5 * (1.0 + tf.math.erf(x * 0.5**0.5))

    @tf.function(jit_compile=True)
    def forward(x):
        wide = tf.cast(x, tf.float32)
        return tf.cast(wide * phi(wide), x.dtype)

    @tf.function(jit_compile=True)
    def backward(x, gradient):
        wide = tf.cast(x, tf.float32)
        slope = phi(wide) + wide * tf.exp(-0.5 * wide * wide) * (2 * math.pi) ** -0.5
        return tf.cast(tf.cast(gradient, tf.float32) * slope, x.dtype)

    @tf.custom_gradient
    def gelu(x):
        return forward(x), lambda gradient: backward(x, gradient)

    return gelu
