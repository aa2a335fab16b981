"""Average pooling whose gradient is a copy."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="kerascifar")
class AveragePooling2D(keras.layers.AveragePooling2D):
    """AveragePooling2D; where windows do not overlap, each pixel's gradient is copied from its window's.

    The values and gradients are Keras's. oneDNN adds up what each pixel gets from all windows; with few channels
    that takes twice as long as repeating one number over the window. With overlapping windows, sides that the pool
    does not divide, or another backend than TensorFlow this is Keras's layer.
    """

    def call(self, inputs):
        if keras.backend.backend() != "tensorflow" or not self._tiles(inputs):
            return super().call(inputs)
        return _pool(inputs, super().call)

    def _tiles(self, inputs) -> bool:
        sides = inputs.shape[1:3]
        return (
            self.data_format == "channels_last"
            and tuple(self.strides) == tuple(self.pool_size)
            and None not in sides
            and all(side % pool == 0 for side, pool in zip(sides, self.pool_size, strict=True))
        )


def _pool(inputs: Any, pool: Any) -> Any:
    import tensorflow as tf

    @tf.custom_gradient
    def pooled(x):
        y = pool(x)
        _, height, width, channels = x.shape
        _, rows, columns, _ = y.shape
        down, across = height // rows, width // columns

        def gradient(dy):
            share = dy[:, :, None, :, None] / (down * across)
            windows = tf.broadcast_to(share, (tf.shape(dy)[0], rows, down, columns, across, channels))
            return tf.reshape(windows, (-1, height, width, channels))

        return y, gradient

    return pooled(inputs)
