"""BatchNormalization and Rescaling, faster than Keras's on TensorFlow."""

import keras
from keras import ops

# The fused kernel raises any smaller epsilon to this one (it is cuDNN's smallest); PyTorch's default is 1e-5.
SMALLEST_FUSED_EPSILON = 1.001e-5


@keras.saving.register_keras_serializable(package="kerascifar")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation (Ioffe and Szegedy 2015) that runs TensorFlow's fused kernel where it can.

    Keras 3 composes batch normalisation of a dozen small operations; the fused kernel reads the activations
    once. Images of shape (N, H, W, C), channels last, in float16, bfloat16 or float32 take the fused path;
    other ranks, axes, backends, synchronized or masked calls take Keras's own. Saves and loads as any layer.

    The defaults are PyTorch's: epsilon 1e-5 (as near as the kernel allows) and a moving average that keeps 0.9
    of the old value. As in PyTorch, and unlike in Keras's own path, the moving variance is the unbiased one.
    """

    def __init__(self, axis: int = -1, momentum: float = 0.9, epsilon: float = SMALLEST_FUSED_EPSILON, **kwargs):
        super().__init__(axis=axis, momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None, mask=None):
        """Normalise `inputs` by their own statistics in training, by the moving ones otherwise.

        A frozen layer (``trainable = False``) always uses the moving ones, as in Keras.
        """
        if not self._fuses(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        # No keras.ops names this kernel.
        import tensorflow as tf

        own = bool(training and self.trainable)
        channels = inputs.shape[-1]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            scale=tf.ones(channels) if self.gamma is None else ops.convert_to_tensor(self.gamma),
            offset=tf.zeros(channels) if self.beta is None else ops.convert_to_tensor(self.beta),
            mean=None if own else ops.convert_to_tensor(self.moving_mean),
            variance=None if own else ops.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=own,
        )
        if own:
            # A replica may get no images of the last batch; their mean would be NaN.
            some = tf.size(inputs) > 0
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept = moving * self.momentum + tf.stop_gradient(new) * (1.0 - self.momentum)
                moving.assign(tf.where(some, kept, moving))
        return outputs

    def _fuses(self, inputs, mask) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and mask is None
            and not self.synchronized
            and not self.renorm
            and self.epsilon >= SMALLEST_FUSED_EPSILON
            and keras.backend.standardize_dtype(inputs.dtype) in ("float16", "bfloat16", "float32")
        )


@keras.saving.register_keras_serializable(package="kerascifar")
class Rescaling(keras.layers.Rescaling):
    """``inputs * scale + offset``; scale and offset are one number or one per channel, the inputs (N, H, W, C).

    TensorFlow on CPU is slow at repeating a vector as short as three channels: for 128 images of 32x32x3 Keras's own
    layer takes three times as long as one that repeats (H, W, C) values. Those are the same, and so is the result.
    """

    def call(self, inputs):
        shape = inputs.shape[1:]
        if None in shape or keras.config.image_data_format() != "channels_last":
            return super().call(inputs)
        scale, offset = (ops.broadcast_to(ops.cast(v, self.compute_dtype), shape) for v in (self.scale, self.offset))
        return ops.cast(inputs, self.compute_dtype) * scale + offset
