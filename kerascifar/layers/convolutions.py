"""Convolutions: PairedConv2D for few filters, SmallMapConv2D for few pixels, PatchWhitening for a first layer."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerascifar")
class PairedConv2D(keras.layers.Conv2D):
    """Conv2D for few filters: computes two neighbouring columns of the output at once.

    oneDNN's kernels compute 16 filters at a time, so with 6 of them most of the work is for nothing. Here the kernel
    is taken twice, the second time one column further right, and moves by two columns: what comes out,
    (N, H, W / 2, 2 x filters), lies in memory as (N, H, W, filters) does. The values are Conv2D's up to rounding.
    Pays where no gradient to the inputs is wanted, in a net's first layer. Where the output's width is odd or unknown,
    or with strides, dilation or groups, this is Conv2D.
    """

    def call(self, inputs):
        if not self._pairs(inputs):
            return super().call(inputs)
        kernels = [ops.pad(self.kernel, ((0, 0), (shift, 1 - shift), (0, 0), (0, 0))) for shift in (0, 1)]
        outputs = ops.conv(inputs, ops.concatenate(kernels, -1), strides=(1, 2), padding=self.padding)
        if self.use_bias:
            outputs = ops.add(outputs, ops.tile(self.bias, 2))
        outputs = ops.reshape(outputs, (-1, *self.compute_output_shape(inputs.shape)[1:]))
        return self.activation(outputs)

    def _pairs(self, inputs) -> bool:
        _, height, width, _ = self.compute_output_shape(inputs.shape)
        return (
            self.data_format == "channels_last"
            and self.strides == self.dilation_rate == (1, 1)
            and self.groups == 1
            and None not in (height, width)
            and width % 2 == 0
            # With an even kernel, "same" puts the odd row and column of padding elsewhere.
            and (self.padding == "valid" or self.kernel_size[1] % 2 == 1)
        )


@keras.saving.register_keras_serializable(package="kerascifar")
class SmallMapConv2D(keras.layers.Conv2D):
    """3x3 Conv2D, stride 1 and "same", for maps of 2x2 pixels or fewer: its filters' gradient is nine matrix products.

    There most of what the kernel covers is padding, and the products take a third of the time of oneDNN's kernel at 512
    channels. The outputs are Conv2D's, the gradient is up to rounding. On other maps, backends, devices than one CPU,
    and with other settings this is Conv2D.

    Attributes:
        products: False computes the gradient as earlier versions did, for a run that was begun so.
    """

    products = True

    def call(self, inputs):
        if not (self.products and self._fits(inputs)):
            return super().call(inputs)
        outputs = _with_products(inputs, self.kernel)
        if self.use_bias:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def _fits(self, inputs) -> bool:
        if keras.backend.backend() != "tensorflow" or self.data_format != "channels_last":
            return False
        import tensorflow as tf

        return (
            self.kernel_size == (3, 3)
            and self.strides == self.dilation_rate == (1, 1)
            and self.groups == 1
            and self.padding == "same"
            and all(side is not None and side <= 2 for side in inputs.shape[1:3])
            and not tf.distribute.has_strategy()
            and not tf.config.get_visible_devices("GPU")
        )


def _with_products(inputs: Any, kernel: Any) -> Any:
    import tensorflow as tf

    @tf.custom_gradient
    def convolution(x, kernel):
        def gradient(dy):
            _, height, width, channels = x.shape
            flat = tf.reshape(dy, (-1, dy.shape[-1]))
            padded = tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            moved = [padded[:, r : r + height, c : c + width] for r in range(3) for c in range(3)]
            products = [tf.matmul(tf.reshape(part, (-1, channels)), flat, transpose_a=True) for part in moved]
            to_inputs = tf.nn.conv2d_transpose(dy, kernel, tf.shape(x), 1, "SAME")
            return to_inputs, tf.reshape(tf.stack(products), kernel.shape)

        return tf.nn.conv2d(x, kernel, 1, "SAME"), gradient

    return convolution(inputs, tf.convert_to_tensor(kernel))  # Keras's own leaves a variable one


@keras.saving.register_keras_serializable(package="kerascifar")
class PatchWhitening(keras.layers.Conv2D):
    """Frozen convolution that whitens the patches of its input, each direction beside its negative; its bias learns.

    Filter i is v / sqrt(l + epsilon), where v is an eigenvector and l the eigenvalue of E[p p'], the second moments of
    the patches p that ``adapt`` saw. So the outputs are uncorrelated, of variance near 1 where l is well above
    epsilon, and the noise in directions of hardly any variance stays small. After a first layer of this kind a net
    learns in fewer epochs (tysam-code's hlb-CIFAR10; Jordan 2024, arXiv 2404.00498, section 3.1).

    Args:
        filters: 2 x height x width of the kernel x channels of the input: every direction and its negative.
        kernel_size: side of the patches in pixels.
        epsilon: added to the eigenvalues, in squared units of the input.
        kwargs: as for Conv2D.

    Until ``adapt`` has been called the kernel is random. It is saved and loaded with the model.
    """

    def __init__(self, filters: int, kernel_size: int = 2, epsilon: float = 5e-4, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        wanted = 2 * self.kernel_size[0] * self.kernel_size[1] * input_shape[-1]
        if self.filters != wanted:
            raise ValueError(f"PatchWhitening: {input_shape[-1]} channels need filters={wanted}, got {self.filters}")
        super().build(input_shape)

    def add_weight(self, *args, name=None, trainable=True, **kwargs):
        return super().add_weight(*args, name=name, trainable=trainable and name != "kernel", **kwargs)

    def adapt(self, images: np.ndarray) -> None:
        """Set the kernel from `images`, float (N, H, W, C), as the layer will see them.

        The same images give the same kernel: of an eigenvector and its negative the one whose largest entry is
        positive comes first.
        """
        moments, count, size = 0.0, 0, np.prod(self.kernel.shape[:-1])
        for start in range(0, len(images), 256):
            windows = np.lib.stride_tricks.sliding_window_view(images[start : start + 256], self.kernel_size, (1, 2))
            patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size).astype("float64")
            moments, count = moments + patches.T @ patches, count + len(patches)
        values, vectors = np.linalg.eigh(moments / count)
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(size)])
        filters = vectors / np.sqrt(values + self.epsilon)
        self.kernel.assign(np.concatenate([filters, -filters], 1).reshape(self.kernel.shape))

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
